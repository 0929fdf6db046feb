#include "http/forwarded.hpp"

#include <algorithm>

#include <boost/beast/core/string.hpp>

#include "base/ascii.hpp"

namespace bulkhead::http {

namespace beast = boost::beast;
namespace ip = boost::asio::ip;

namespace {

bool same(std::string_view a, std::string_view b) noexcept {
  return beast::iequals(beast::string_view(a.data(), a.size()), beast::string_view(b.data(), b.size()));
}

/// Takes the text before the first `mark` that stands outside of quotes off `text`. With `text` empty there is no more.
std::string_view take(std::string_view& text, char mark) noexcept {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < text.size() && (quoted || text[at] != mark); ++at) {
    if (quoted && text[at] == '\\' && at + 1 < text.size())
      ++at;
    else if (text[at] == '"')
      quoted = !quoted;
  }
  std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(text.size(), at + 1));
  return trimmed(taken);
}

/// The one host that all headers together name.
class OneHost {
 public:
  /// False: it is malformed, or another than before.
  [[nodiscard]] bool add(std::string_view host) noexcept {
    if (host.empty() || !plausible_host(host)) return false;
    if (!host_.empty()) return same(host_, host);
    host_ = host;
    return true;
  }
  [[nodiscard]] std::string_view host() const noexcept { return host_; }

 private:
  std::string_view host_;
};

bool add_x_forwarded_host(std::string_view value, OneHost& one) noexcept {
  do {
    if (!one.add(take(value, ','))) return false;
  } while (!value.empty());
  return true;
}

/// One `name=value` of RFC 7239; the value is a token or in quotes. Nothing that a host may hold needs a backslash.
bool add_pair(std::string_view pair, OneHost& one) noexcept {
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  if (!same(pair.substr(0, equals), "host")) return true;
  std::string_view value = pair.substr(equals + 1);
  if (value.starts_with('"')) {
    if (value.size() < 2 || !value.ends_with('"')) return false;
    value = value.substr(1, value.size() - 2);
  }
  return one.add(value);
}

bool add_forwarded(std::string_view value, OneHost& one) noexcept {
  do {
    std::string_view element = take(value, ',');
    bool named = false;
    while (!element.empty()) {
      const std::string_view pair = take(element, ';');
      if (pair.empty()) continue;
      const bool host = same(pair.substr(0, pair.find('=')), "host");
      if ((host && named) || !add_pair(pair, one)) return false;
      named = named || host;
    }
  } while (!value.empty());
  return true;
}

Refusal refused() {
  return {400,
          Error(Errc::malformed_request, "the proxy forwards a malformed host, or two of them")
              .hint("the proxy is to set Forwarded or X-Forwarded-Host, not to add to what the client sent")};
}

}  // namespace

Networks::Networks(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    const bool alone = text.find('/') == std::string::npos;
    boost::system::error_code code;
    const auto v4 = ip::make_network_v4(alone ? text + "/32" : text, code);
    if (!code) {
      v4_.push_back(v4);
      continue;
    }
    const auto v6 = ip::make_network_v6(alone ? text + "/128" : text, code);
    if (!code) v6_.push_back(v6);
  }
}

bool Networks::has(const ip::address& address) const noexcept {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return has(ip::address(ip::make_address_v4(ip::v4_mapped, address.to_v6())));
  if (address.is_v4()) {
    const std::uint32_t bits = address.to_v4().to_uint();
    return std::any_of(v4_.begin(), v4_.end(), [&](const ip::network_v4& network) {
      return (bits & network.netmask().to_uint()) == network.network().to_uint();
    });
  }
  const ip::address_v6 v6 = address.to_v6();
  return std::any_of(v6_.begin(), v6_.end(), [&](const ip::network_v6& network) {
    return ip::network_v6(v6, network.prefix_length()).network() == network.network();
  });
}

std::optional<Refusal> apply_forwarded(Request& request) noexcept {
  OneHost one;
  for (const HeaderView& header : request.headers) {
    if (same(header.name, "x-forwarded-host") && !add_x_forwarded_host(header.value, one)) return refused();
    if (same(header.name, "forwarded") && !add_forwarded(header.value, one)) return refused();
  }
  if (!one.host().empty()) request.host = one.host();
  return std::nullopt;
}

}  // namespace bulkhead::http
