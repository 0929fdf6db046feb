#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include "http/parse.hpp"

namespace bulkhead::http {

/// Networks as `http.trusted_proxies` writes them: "10.0.0.0/8", "fd00::/8", or one address. What is neither is left out;
/// the configuration was checked. Immutable, thread-safe.
class Networks {
 public:
  Networks() = default;
  explicit Networks(const std::vector<std::string>& texts);
  /// An IPv4 address that is mapped into IPv6 counts as the IPv4 address it is.
  [[nodiscard]] bool has(const boost::asio::ip::address& address) const noexcept;

 private:
  std::vector<boost::asio::ip::network_v4> v4_;
  std::vector<boost::asio::ip::network_v6> v6_;
};

/// Puts the host that the client asked for in the place of the one that a configured proxy sent: what `Forwarded` (RFC 7239)
/// and `X-Forwarded-Host` name. To be called for such a proxy's requests only. All the hosts they name must be one; two of
/// them may mean that a client wrote the first, so the request is refused. Without either header the host stays.
/// Pure but for `request`, whose new host is a view into its headers; does not throw.
[[nodiscard]] std::optional<Refusal> apply_forwarded(Request& request) noexcept;

}  // namespace bulkhead::http
