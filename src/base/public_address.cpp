#include "base/public_address.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <netinet/in.h>

namespace bulkhead {

namespace {

struct Block {
  std::uint8_t a, b, c;
  unsigned bits;
};
constexpr Block not_public[] = {
    {0, 0, 0, 8},        // this network
    {10, 0, 0, 8},       // private
    {100, 64, 0, 10},    // carriers' own
    {127, 0, 0, 8},      // this machine
    {169, 254, 0, 16},   // link-local, where clouds keep their metadata
    {172, 16, 0, 12},    // private
    {192, 0, 0, 24},     // protocol assignments
    {192, 0, 2, 24},     // documentation
    {192, 88, 99, 24},   // 6to4 relays, given up
    {192, 168, 0, 16},   // private
    {198, 18, 0, 15},    // benchmarks
    {198, 51, 100, 24},  // documentation
    {203, 0, 113, 24},   // documentation
    {224, 0, 0, 3},      // multicast, reserved, broadcast
};

bool is_public(std::uint32_t address) noexcept {
  return std::none_of(std::begin(not_public), std::end(not_public), [&](const Block& block) {
    const std::uint32_t network =
        std::uint32_t{block.a} << 24 | std::uint32_t{block.b} << 16 | std::uint32_t{block.c} << 8;
    return ((address ^ network) >> (32 - block.bits)) == 0;
  });
}

/// Only 2000::/3 is given out to the Internet, and of that not the parts that wrap other addresses or document them.
bool is_public(const in6_addr& address) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(address.s6_addr);
  const auto begins = [&](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes);
  };
  if ((bytes[0] & 0xe0) != 0x20) return false;
  if (begins({0x20, 0x01}) && bytes[2] < 0x02) return false;  // 2001::/23: Teredo, ORCHID, benchmarks
  if (begins({0x20, 0x01, 0x0d, 0xb8}) || begins({0x20, 0x02})) return false;  // documentation, 6to4
  return !(begins({0x3f, 0xff}) && bytes[2] < 0x10);                           // documentation
}

}  // namespace

bool is_public_address(const sockaddr& address) noexcept {
  // Copied: a caller's storage may be of another type.
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return is_public(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  return is_public(v6.sin6_addr);
}

}  // namespace bulkhead
