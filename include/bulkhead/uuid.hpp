#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

/// A UUID (RFC 9562). A plain value; the nil UUID is the default. Thread-safe as values are.
class Uuid {
 public:
  constexpr Uuid() = default;
  constexpr explicit Uuid(const std::array<std::uint8_t, 16>& bytes) : bytes_(bytes) {}

  /// Exactly the 36-character form, either case; anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text) noexcept;
  /// Version 4, from OpenSSL's CSPRNG. Throws std::runtime_error if that has no entropy.
  [[nodiscard]] static Uuid random();
  /// Version 7: 48 bits of Unix milliseconds, then random; sorts by time of making.
  [[nodiscard]] static Uuid time_ordered();

  /// Lower case, 36 characters.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool is_nil() const noexcept { return *this == Uuid(); }

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// UUIDs of different things do not mix: `TenantId` is not a `UserId`.
template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(Uuid value) : value_(value) {}
  [[nodiscard]] constexpr const Uuid& uuid() const noexcept { return value_; }
  [[nodiscard]] std::string text() const { return value_.text(); }
  friend constexpr auto operator<=>(const Id&, const Id&) = default;

 private:
  Uuid value_;
};

using TenantId = Id<struct TenantTag>;
using UserId = Id<struct UserTag>;

}  // namespace bulkhead

template <>
struct std::hash<bulkhead::Uuid> {
  std::size_t operator()(const bulkhead::Uuid& id) const noexcept {
    std::uint64_t a = 0, b = 0;
    for (std::size_t i = 0; i < 8; ++i) a = a << 8 | id.bytes()[i];
    for (std::size_t i = 8; i < 16; ++i) b = b << 8 | id.bytes()[i];
    return static_cast<std::size_t>((a ^ (b * 0x9e3779b97f4a7c15ULL)) * 0xff51afd7ed558ccdULL);
  }
};
template <class Tag>
struct std::hash<bulkhead::Id<Tag>> {
  std::size_t operator()(const bulkhead::Id<Tag>& id) const noexcept {
    return std::hash<bulkhead::Uuid>()(id.uuid());
  }
};
