#pragma once

#include <sys/socket.h>

namespace bulkhead {

/// Whether it is an address of the public Internet: neither of this machine, a private or link-local network, a cloud's
/// metadata service, multicast, documentation, nor one that holds an IPv4 address within IPv6 (IANA's special-purpose
/// registries). Anything that is neither IPv4 nor IPv6 is not. Thread-safe, does not throw.
[[nodiscard]] bool is_public_address(const sockaddr& address) noexcept;

}  // namespace bulkhead
