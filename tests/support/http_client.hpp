#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bulkhead::test {

struct Reply {
  unsigned status = 0;
  std::string reason, body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// First header of this name (lower case), "" if there is none.
  [[nodiscard]] std::string header(const std::string& name) const;
};

struct Call {
  std::string method = "GET", target, body;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// A blocking HTTP/1.1 client with one kept-alive connection to 127.0.0.1, opened again when the server
/// closed it. One thread. Throws std::runtime_error when the server cannot be reached or answers no HTTP.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  [[nodiscard]] Reply send(const Call& call);
  /// Sends these bytes on a connection of their own and returns all that comes back until the server closes
  /// it or two seconds pass.
  [[nodiscard]] static std::string raw(std::uint16_t port, const std::string& bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::test
