#include "migrate/sha256.hpp"

#include <array>

#include <openssl/sha.h>

namespace bulkhead::migrate {

std::string sha256_hex(std::string_view text) {
  std::string raw(text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(raw.data()), raw.size(), digest.data());
  std::string out;
  for (const unsigned char byte : digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace bulkhead::migrate
