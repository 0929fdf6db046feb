#include "entry/trace.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include <openssl/rand.h>

namespace bulkhead::entry {

namespace {

bool lower_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool zero(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '0'; });
}

int value(char c) noexcept {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

}  // namespace

TraceIds::TraceIds() {
  std::array<unsigned char, sizeof state_> seed{};
  if (RAND_bytes(seed.data(), static_cast<int>(seed.size())) != 1)
    throw std::runtime_error("no random bytes: OpenSSL's generator has no entropy");
  for (std::size_t i = 0; i < seed.size(); ++i) state_[i / 8] = state_[i / 8] << 8 | seed[i];
  state_[0] |= 1;  // The generator must not start from nothing but zeros.
}

std::uint64_t TraceIds::number() noexcept {
  // xoshiro256++ (Blackman and Vigna).
  std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::string TraceIds::next(std::size_t digits) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out(digits, '0');
  for (std::size_t i = 0; i < digits; i += 16) {
    std::uint64_t bits = number();
    for (std::size_t j = i; j < std::min(i + 16, digits); ++j, bits >>= 4) out[j] = hex[bits & 15];
  }
  if (zero(out)) out.back() = '1';
  return out;
}

std::optional<TraceContext> parse_traceparent(std::string_view header) {
  // version "-" trace-id "-" parent-id "-" flags
  constexpr std::size_t length = 55;
  if (header.size() < length || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return std::nullopt;
  std::string_view version = header.substr(0, 2), trace = header.substr(3, 32),
                   parent = header.substr(36, 16), flags = header.substr(53, 2);
  if (!lower_hex(version) || version == "ff") return std::nullopt;
  if (version == "00" ? header.size() != length : header.size() > length && header[length] != '-')
    return std::nullopt;
  if (!lower_hex(trace) || zero(trace) || !lower_hex(parent) || zero(parent) || !lower_hex(flags))
    return std::nullopt;
  TraceContext context;
  context.trace_id = trace;
  context.parent_id = parent;
  context.sampled = (value(flags[1]) & 1) != 0;
  return context;
}

}  // namespace bulkhead::entry
