// What names a host or a path: Host, the headers of a proxy, the target. The first byte says which.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/utf8.hpp"
#include "http/forwarded.hpp"
#include "http/parse.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace bulkhead;

void require(bool holds) {
  if (!holds) std::abort();
}

/// Decoded once, by other code than the server's. What is accepted has two hex digits behind each percent sign.
std::string decoded(std::string_view path) {
  std::string out;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '%') {
      out += path[at];
      continue;
    }
    require(at + 2 < path.size());
    out += static_cast<char>(std::stoul(std::string(path.substr(at + 1, 2)), nullptr, 16));
    at += 2;
  }
  return out;
}

void check_path(std::string_view path) {
  if (!http::plain_path(path)) return;
  const std::string once = decoded(path);
  require(valid_utf8(once));
  require(once.find('\0') == std::string::npos && once.find('\\') == std::string::npos);
  require(std::count(once.begin(), once.end(), '/') == std::count(path.begin(), path.end(), '/'));
  for (std::size_t begin = 0; begin <= once.size();) {
    const std::size_t end = std::min(once.find('/', begin), once.size());
    const std::string segment = once.substr(begin, end - begin);
    require(segment != "." && segment != "..");
    begin = end + 1;
  }
}

/// The text's lines are the values of one header, by turns of both.
void check_forwarded(std::string_view text) {
  std::vector<HeaderView> headers;
  for (std::size_t begin = 0; begin <= text.size() && headers.size() < 8;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const char* name = headers.size() % 2 == 0 ? "Forwarded" : "X-Forwarded-Host";
    headers.push_back({name, text.substr(begin, end - begin)});
    begin = end + 1;
  }
  Request request;
  request.host = "sent";
  request.headers = headers;
  const auto refusal = http::apply_forwarded(request);
  require(http::plausible_host(request.host));
  if (refusal) require(request.host == "sent" && refusal->status == 400);
  if (request.host == "sent" && request.host.data() != text.data()) return;
  // Another host comes from one of them, and none of the plain ones names a third.
  require(request.host.empty() || (request.host.data() >= text.data() &&
                                   request.host.data() + request.host.size() <= text.data() + text.size()));
}

void check_host(std::string_view host) {
  if (!http::plausible_host(host) || host.empty()) return;
  require(host.find_first_of("/\\@?#%,; \t") == std::string_view::npos || host.front() == '[');
  require(std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < 0x7f; }));
  require(host.front() == '[' || std::count(host.begin(), host.end(), ':') <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  if (data[0] % 3 == 0) check_path(text);
  if (data[0] % 3 == 1) check_forwarded(text);
  if (data[0] % 3 == 2) check_host(text);
  return 0;
}
