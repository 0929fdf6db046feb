#include "http/parse.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include <arpa/inet.h>

#include "base/hex.hpp"
#include "base/utf8.hpp"

namespace bulkhead::http {

namespace beast = boost::beast;

namespace {

using BeastView = beast::string_view;

std::string_view view(BeastView text) noexcept {
  return {text.data(), text.size()};
}

Method method_of(beast::http::verb verb) noexcept {
  switch (verb) {
    case beast::http::verb::get:
      return Method::get;
    case beast::http::verb::head:
      return Method::head;
    case beast::http::verb::post:
      return Method::post;
    case beast::http::verb::put:
      return Method::put;
    case beast::http::verb::patch:
      return Method::patch;
    case beast::http::verb::delete_:
      return Method::del;
    case beast::http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

/// Beast's parser with nowhere to copy to: fields stay views into the connection's buffer, and what frames
/// the message is counted here, because Beast accepts some repetitions that a front end may read otherwise.
class HeadParser final : public beast::http::basic_parser<true> {
 public:
  explicit HeadParser(Head& head) : head_(head) {}

  unsigned hosts = 0, lengths = 0, encodings = 0;
  bool encoding_is_chunked = false, length_is_digits = false, unknown_expectation = false;

 private:
  void on_request_impl(beast::http::verb verb, BeastView, BeastView target, int version,
                       beast::error_code&) override {
    head_.request.method = method_of(verb);
    head_.request.target = view(target);
    head_.http11 = version == 11;
  }

  void on_field_impl(beast::http::field field, BeastView name, BeastView value, beast::error_code&) override {
    head_.headers.push_back({view(name), view(value)});
    switch (field) {
      case beast::http::field::host:
        ++hosts;
        head_.request.host = view(value);
        break;
      case beast::http::field::content_length:
        ++lengths;
        length_is_digits = read_length(view(value));
        break;
      case beast::http::field::transfer_encoding:
        ++encodings;
        encoding_is_chunked = beast::iequals(value, "chunked");
        break;
      case beast::http::field::expect:
        if (beast::iequals(value, "100-continue"))
          head_.expects_continue = true;
        else
          unknown_expectation = true;
        break;
      default:
        break;
    }
  }

  bool read_length(std::string_view value) noexcept {
    auto end = value.data() + value.size();
    auto [stop, problem] = std::from_chars(value.data(), end, head_.content_length);
    return problem == std::errc() && stop == end && !value.empty();
  }

  void on_response_impl(int, BeastView, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(BeastView body, beast::error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, BeastView, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, beast::error_code&) override {
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

  Head& head_;
};

Refusal refuse(unsigned status, std::string message) {
  Errc code = status == 414 || status == 431 ? Errc::header_too_large : Errc::malformed_request;
  return {status, Error(code, std::move(message))};
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// A version that has HTTP's form but is not ours is 505; anything else in its place is a malformed line.
bool names_other_version(std::string_view text) noexcept {
  std::string_view line = text.substr(0, text.find('\r'));
  std::string_view version = line.substr(std::min(line.size(), line.rfind(' ') + 1));
  return version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' &&
         is_digit(version[7]) && version != "HTTP/1.1" && version != "HTTP/1.0";
}

/// A name of labels as DNS has them, none of them empty but one behind a last dot; or empty, which is allowed to say "none".
/// Other alphabets come in their A-label form (xn--…), which is such a name.
bool plausible_name(std::string_view name) noexcept {
  char before = '.';
  for (char c : name) {
    if (c == '.' && before == '.') return false;
    if (c != '.' && c != '-' && c != '_' && !is_alphanumeric(c)) return false;
    before = c;
  }
  return true;
}

/// RFC 3986 section 3.2.2, an IPv6 address in brackets, perhaps with the zone of RFC 6874.
bool plausible_address(std::string_view text) noexcept {
  const std::size_t zone = std::min(text.find('%'), text.size());
  if (!std::all_of(text.begin() + static_cast<std::ptrdiff_t>(zone), text.end(),
                   [](char c) { return is_alphanumeric(c) || c == '%'; }))
    return false;
  // inet_pton would read up to it and find what stands before it right.
  if (text.find('\0') != std::string_view::npos) return false;
  std::array<char, INET6_ADDRSTRLEN> name{};
  if (zone >= name.size()) return false;
  std::copy_n(text.begin(), zone, name.begin());
  in6_addr address{};
  return inet_pton(AF_INET6, name.data(), &address) == 1;
}

/// Empty is right (RFC 3986 section 3.2.3); otherwise a number that a port can have.
bool plausible_port(std::string_view port) noexcept {
  if (port.empty()) return true;
  std::uint16_t number = 0;
  auto [stop, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
  return port.size() <= 5 && problem == std::errc() && stop == port.data() + port.size();
}

/// The byte at `at` as it is once decoded, and `at` behind it; nullopt for percent-encoding that is not right.
std::optional<unsigned char> decoded_byte(std::string_view text, std::size_t& at) noexcept {
  const char c = text[at++];
  if (c != '%') return static_cast<unsigned char>(c);
  if (text.size() - at < 2) return std::nullopt;
  const int high = hex_value(text[at]), low = hex_value(text[at + 1]);
  if (high < 0 || low < 0) return std::nullopt;
  at += 2;
  return static_cast<unsigned char>(high * 16 + low);
}

/// Schemes compare without case (RFC 3986 section 3.1).
bool starts_with_scheme(std::string_view target, std::string_view scheme) noexcept {
  const std::string_view head = target.substr(0, scheme.size());
  return beast::iequals(BeastView(head.data(), head.size()), BeastView(scheme.data(), scheme.size()));
}

/// Fills path and query, and takes the authority off an absolute-form target (RFC 9112 section 3.2.2). An
/// authority that differs from Host is refused: whoever stands before us may have routed by the other one.
std::optional<Refusal> split_target(Request& request) {
  std::string_view rest = request.target;
  if (rest == "*" && request.method == Method::options) {
    request.path = rest;
    request.query = {};
    return std::nullopt;
  }
  if (!rest.starts_with('/')) {
    constexpr std::string_view http = "http://", https = "https://";
    if (starts_with_scheme(rest, http))
      rest.remove_prefix(http.size());
    else if (starts_with_scheme(rest, https))
      rest.remove_prefix(https.size());
    else
      return refuse(400, "the request target is neither a path nor an absolute http URI");
    std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    if (!beast::iequals(BeastView(authority.data(), authority.size()),
                        BeastView(request.host.data(), request.host.size())))
      return refuse(400, "the request target and the Host header name two hosts");
    rest.remove_prefix(authority.size());
  }
  if (rest.find('#') != std::string_view::npos) return refuse(400, "the request target has a fragment");
  std::size_t question = rest.find('?');
  request.path = rest.substr(0, question);
  if (request.path.empty()) request.path = "/";
  if (!plain_path(request.path)) return refuse(400, "the path is malformed, or could be read in two ways");
  request.query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
  return std::nullopt;
}

/// What Beast lets pass and we do not: everything that frames the body or names the host must stand there
/// once.
std::optional<Refusal> check_framing(const HeadParser& parser, const Head& head) {
  if (parser.hosts > 1) return refuse(400, "there is more than one Host header");
  if (parser.hosts == 0 && head.http11) return refuse(400, "HTTP/1.1 asks for a Host header");
  if (!plausible_host(head.request.host)) return refuse(400, "the Host header is malformed");
  if (parser.lengths > 1) return refuse(400, "there is more than one Content-Length header");
  if (parser.lengths == 1 && !parser.length_is_digits) return refuse(400, "the Content-Length is malformed");
  if (parser.encodings > 0) {
    if (parser.lengths > 0) return refuse(400, "Content-Length and Transfer-Encoding stand in one request");
    if (parser.encodings > 1) return refuse(400, "there is more than one Transfer-Encoding header");
    if (!head.http11) return refuse(400, "HTTP/1.0 knows no Transfer-Encoding");
    if (!parser.encoding_is_chunked) return refuse(501, "the only Transfer-Encoding understood is chunked");
  }
  if (parser.unknown_expectation) return refuse(417, "the only expectation understood is 100-continue");
  return std::nullopt;
}

}  // namespace

bool plausible_host(std::string_view host) noexcept {
  bool in_brackets = host.starts_with('[');
  std::size_t end = in_brackets ? host.find(']') : std::min(host.find(':'), host.size());
  if (end == std::string_view::npos) return false;
  std::string_view port = host.substr(end + (in_brackets ? 1 : 0));
  if (!port.empty() && (port[0] != ':' || !plausible_port(port.substr(1)))) return false;
  return in_brackets ? plausible_address(host.substr(1, end - 1)) : plausible_name(host.substr(0, end));
}

bool plain_path(std::string_view path) noexcept {
  std::string decoded;
  decoded.reserve(path.size());
  std::size_t dots = 0, others = 0;  // Of the current segment.
  for (std::size_t at = 0; at < path.size();) {
    const bool encoded = path[at] == '%';
    const auto byte = decoded_byte(path, at);
    if (!byte || *byte < ' ' || *byte == 0x7f || *byte == '\\') return false;
    decoded.push_back(static_cast<char>(*byte));
    if (*byte == '/') {
      if (encoded || (others == 0 && (dots == 1 || dots == 2))) return false;
      dots = others = 0;
    } else {
      ++(*byte == '.' ? dots : others);
    }
  }
  return valid_utf8(decoded) && (others > 0 || dots == 0 || dots > 2);
}

HeadScanner::State HeadScanner::scan(std::string_view text) noexcept {
  if (at_ == 0 && text == "\r")
    return State::more;  // The first half of an empty line, which is to be ignored.
  if (at_ == 0 && !text.empty() && (text[0] <= ' ' || text[0] == 0x7f)) return State::malformed;
  while (seen_ < text.size()) {
    const void* found = std::memchr(text.data() + seen_, '\n', text.size() - seen_);
    if (found == nullptr) {
      seen_ = text.size();
      return State::more;
    }
    auto feed = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (feed == 0 || text[feed - 1] != '\r') return State::malformed;
    if (text[at_] == ' ' || text[at_] == '\t') return State::malformed;
    if (std::memchr(text.data() + at_, '\0', feed - at_) != nullptr) return State::malformed;
    bool empty = feed == at_ + 1;
    at_ = seen_ = feed + 1;
    if (request_line_ == 0) request_line_ = at_;
    if (empty) return State::complete;
  }
  return State::more;
}

std::optional<Refusal> parse_head(std::string_view text, Head& head) {
  head.request = Request();
  head.headers.clear();
  head.content_length = 0;
  head.expects_continue = false;
  HeadParser parser(head);
  parser.header_limit(static_cast<std::uint32_t>(text.size() + 1));
  parser.body_limit(boost::none);
  parser.eager(false);
  beast::error_code code;
  std::size_t used = parser.put(boost::asio::const_buffer(text.data(), text.size()), code);
  if (!code && (!parser.is_header_done() || used != text.size())) code = beast::http::error::bad_line_ending;
  if (code == beast::http::error::bad_version && names_other_version(text))
    return refuse(505, "the versions served are HTTP/1.1 and HTTP/1.0");
  if (code) return refuse(400, "the request head is malformed: " + code.message());
  if (auto refusal = check_framing(parser, head)) return refusal;
  head.chunked = parser.encodings > 0;
  head.keep_alive = parser.keep_alive();
  head.expects_continue = head.expects_continue && head.http11;
  head.request.headers = head.headers;
  return split_target(head.request);
}

}  // namespace bulkhead::http
