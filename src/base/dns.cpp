#include "base/dns.hpp"

#include <array>
#include <charconv>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

namespace bulkhead {

namespace {

/// glibc's resolver with a state of its own, so that threads do not share one.
class Resolver {
 public:
  Resolver() { ready_ = res_ninit(&state_) == 0; }
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver() {
    if (ready_) res_nclose(&state_);
  }
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  [[nodiscard]] res_state state() noexcept { return &state_; }

 private:
  struct __res_state state_{};
  bool ready_ = false;
};

Result<sockaddr_in> server_address(const std::string& server) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  const std::size_t colon = std::min(server.find(':'), server.size());
  std::uint16_t port = 53;
  if (colon < server.size()) std::from_chars(server.data() + colon + 1, server.data() + server.size(), port);
  address.sin_port = htons(port);
  if (port == 0 || inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1)
    return Error(Errc::usage, "\"" + server + "\" is no address of a DNS server")
        .hint("an IPv4 address, with or without a port");
  return address;
}

Error no_answer(const std::string& name) {
  return Error(Errc::upstream_failed, "no DNS server answered for " + name);
}

/// RFC 1035 section 3.3.14: strings of a length and that many bytes.
std::string text_of(const ns_rr& record) {
  std::string text;
  const unsigned char* at = ns_rr_rdata(record);
  std::size_t left = ns_rr_rdlen(record);
  while (left > 0) {
    const std::size_t length = std::min<std::size_t>(*at, left - 1);
    text.append(at + 1, at + 1 + length);
    at += length + 1;
    left -= length + 1;
  }
  return text;
}

Result<std::vector<std::string>> texts_of(const unsigned char* answer, int length, const std::string& name) {
  ns_msg message{};
  if (ns_initparse(answer, length, &message) != 0) return no_answer(name);
  std::vector<std::string> texts;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0) return no_answer(name);
    if (ns_rr_type(record) == ns_t_txt && ns_rr_class(record) == ns_c_in) texts.push_back(text_of(record));
  }
  return texts;
}

}  // namespace

Result<std::vector<std::string>> dns_texts(const std::string& name, const std::string& server) {
  if (name.size() > NS_MAXDNAME || name.find('\0') != std::string::npos)
    return Error(Errc::usage, "this is no name that DNS can hold");
  Resolver resolver;
  if (!resolver.ready())
    return Error(Errc::environment, "the system's resolver cannot be used").hint("/etc/resolv.conf");
  res_state state = resolver.state();
  state->retrans = 2;
  state->retry = 2;
  state->options |= RES_NOALIASES;
  if (!server.empty()) {
    BULKHEAD_TRY(const sockaddr_in address, server_address(server));
    state->nsaddr_list[0] = address;
    state->nscount = 1;
  }
  std::array<unsigned char, 64UL * 1024> answer{};
  const int length =
      res_nquery(state, name.c_str(), ns_c_in, ns_t_txt, answer.data(), static_cast<int>(answer.size()));
  if (length >= 0) return texts_of(answer.data(), length, name);
  if (state->res_h_errno == HOST_NOT_FOUND || state->res_h_errno == NO_DATA)
    return std::vector<std::string>();
  return no_answer(name);
}

}  // namespace bulkhead
