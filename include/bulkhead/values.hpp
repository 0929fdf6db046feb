#pragma once

#include <charconv>
#include <chrono>
#include <compare>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <bulkhead/uuid.hpp>

namespace bulkhead {

/// `timestamptz`: an instant, to the microsecond.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
/// `timestamp`: a date and time of no time zone, to the microsecond.
using LocalTimestamp = std::chrono::local_time<std::chrono::microseconds>;
/// `date`.
using Date = std::chrono::year_month_day;

/// An exact decimal number: `units` × 10^-`scale`. Holds what `numeric` columns of money and quantities hold
/// (18 digits); never rounds. Arithmetic that leaves 64 bits throws std::overflow_error: bound the operands
/// where they enter.
class Decimal {
 public:
  static constexpr int max_scale = 18;

  constexpr Decimal() = default;
  constexpr Decimal(std::int64_t units, int scale) : units_(units), scale_(scale) {
    if (scale < 0 || scale > max_scale) throw std::out_of_range("a Decimal's scale is 0 to 18");
  }

  /// "12", "-0.99", "3.500": an optional sign, digits, at most one point between digits. Anything else, and a
  /// number of more than 64 bits, is nullopt ("NaN" and "Infinity" too).
  [[nodiscard]] static constexpr std::optional<Decimal> parse(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    std::int64_t units = 0;
    int scale = 0, digits = 0;
    bool point = false;
    for (char c : text) {
      if (c == '.') {
        if (point || digits == 0) return std::nullopt;
        point = true;
        continue;
      }
      if (c < '0' || c > '9') return std::nullopt;
      ++digits;
      if (point && ++scale > max_scale) return std::nullopt;
      // Collected below zero, where there is room for one more than above.
      if (__builtin_mul_overflow(units, std::int64_t{10}, &units)) return std::nullopt;
      if (__builtin_sub_overflow(units, std::int64_t{c - '0'}, &units)) return std::nullopt;
    }
    if (digits == 0 || (point && scale == 0)) return std::nullopt;
    if (!negative && __builtin_sub_overflow(std::int64_t{0}, units, &units)) return std::nullopt;
    return Decimal(units, scale);
  }

  /// With exactly `scale()` digits behind the point.
  [[nodiscard]] std::string text() const {
    std::string digits = std::to_string(units_);
    const std::size_t first = units_ < 0 ? 1 : 0;
    const auto scale = static_cast<std::size_t>(scale_);
    if (scale == 0) return digits;
    if (digits.size() - first <= scale) digits.insert(first, scale + 1 - (digits.size() - first), '0');
    digits.insert(digits.size() - scale, 1, '.');
    return digits;
  }

  [[nodiscard]] constexpr std::int64_t units() const noexcept { return units_; }
  [[nodiscard]] constexpr int scale() const noexcept { return scale_; }

  friend constexpr Decimal operator+(Decimal a, Decimal b) {
    const int scale = a.scale_ > b.scale_ ? a.scale_ : b.scale_;
    std::int64_t units = 0;
    if (__builtin_add_overflow(a.units_at(scale), b.units_at(scale), &units)) overflow();
    return Decimal(units, scale);
  }
  friend constexpr Decimal operator*(Decimal a, std::int64_t times) {
    std::int64_t units = 0;
    if (__builtin_mul_overflow(a.units_, times, &units)) overflow();
    return Decimal(units, a.scale_);
  }
  /// By value: 1.5 equals 1.50.
  friend constexpr std::strong_ordering operator<=>(Decimal a, Decimal b) {
    while (a.scale_ > 0 && a.units_ % 10 == 0) a = Decimal(a.units_ / 10, a.scale_ - 1);
    while (b.scale_ > 0 && b.units_ % 10 == 0) b = Decimal(b.units_ / 10, b.scale_ - 1);
    if (a.whole() != b.whole()) return a.whole() <=> b.whole();
    return a.fraction() <=> b.fraction();
  }
  friend constexpr bool operator==(Decimal a, Decimal b) { return (a <=> b) == 0; }

 private:
  [[noreturn]] static void overflow() { throw std::overflow_error("a Decimal of more than 64 bits"); }
  [[nodiscard]] static constexpr std::int64_t power_of_ten(int exponent) {
    std::int64_t power = 1;
    for (int i = 0; i < exponent; ++i) power *= 10;
    return power;
  }
  [[nodiscard]] constexpr std::int64_t units_at(int scale) const {
    std::int64_t units = 0;
    if (__builtin_mul_overflow(units_, power_of_ten(scale - scale_), &units)) overflow();
    return units;
  }
  [[nodiscard]] constexpr std::int64_t whole() const { return units_ / power_of_ten(scale_); }
  /// Digits behind the point, as units of 10^-18; has the number's sign.
  [[nodiscard]] constexpr std::int64_t fraction() const {
    return units_ % power_of_ten(scale_) * power_of_ten(max_scale - scale_);
  }

  std::int64_t units_ = 0;
  int scale_ = 0;
};

/// PostgreSQL's text form of a C++ type, both ways. `decode` is nullopt for text that is no such value, or
/// none that the C++ type can hold (a date before Christ, "infinity"). Output is read as DateStyle ISO writes
/// it.
template <class T>
struct Codec;

template <>
struct Codec<bool> {
  static std::string encode(bool value) { return value ? "t" : "f"; }
  static std::optional<bool> decode(std::string_view text) {
    if (text == "t") return true;
    if (text == "f") return false;
    return std::nullopt;
  }
};

template <class T>
  requires((std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>)
struct Codec<T> {
  static std::string encode(T value) {
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;  // the longest double takes 24
    return std::string(buffer, end);
  }
  static std::optional<T> decode(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
};

template <>
struct Codec<std::string> {
  static std::string encode(std::string_view value) { return std::string(value); }
  static std::optional<std::string> decode(std::string_view text) { return std::string(text); }
};

template <>
struct Codec<Uuid> {
  static std::string encode(const Uuid& value) { return value.text(); }
  static std::optional<Uuid> decode(std::string_view text) { return Uuid::parse(text); }
};

template <>
struct Codec<Decimal> {
  static std::string encode(Decimal value) { return value.text(); }
  static std::optional<Decimal> decode(std::string_view text) { return Decimal::parse(text); }
};

namespace detail {

/// Takes `count` to `most` digits off the front.
inline std::optional<int> take_digits(std::string_view& text, std::size_t least, std::size_t most) {
  int value = 0;
  std::size_t count = 0;
  while (count < most && count < text.size() && text[count] >= '0' && text[count] <= '9')
    value = value * 10 + (text[count++] - '0');
  if (count < least) return std::nullopt;
  text.remove_prefix(count);
  return value;
}

inline bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

inline std::optional<Date> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4, 5);  // chrono ends at 32767
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2, 2);
  if (!day || *year > static_cast<int>(std::chrono::year::max())) return std::nullopt;
  const Date date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                  std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return date;
}

/// "2021-01-01 13:05:00.25": since the epoch, in whatever zone the text is in.
inline std::optional<std::chrono::microseconds> take_date_and_time(std::string_view& text) {
  const auto date = take_date(text);
  if (!date || !(take(text, ' ') || take(text, 'T'))) return std::nullopt;
  const auto hour = take_digits(text, 2, 2);
  if (!hour || *hour > 24 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return std::nullopt;
  const auto second = take_digits(text, 2, 2);
  if (!second || *second > 60) return std::nullopt;
  std::int64_t micros = 0;
  if (take(text, '.')) {
    const std::size_t before = text.size();
    const auto digits = take_digits(text, 1, 6);
    if (!digits) return std::nullopt;
    micros = *digits;
    for (std::size_t count = before - text.size(); count < 6; ++count) micros *= 10;
  }
  const auto days = std::chrono::sys_days(*date).time_since_epoch();
  return std::chrono::microseconds(days) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + std::chrono::microseconds(micros);
}

/// "+00", "-03:30", "+05:53:28".
inline std::optional<std::chrono::seconds> take_offset(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2, 2);
  if (!hours) return std::nullopt;
  std::chrono::seconds offset = std::chrono::hours(*hours);
  if (take(text, ':')) {
    const auto minutes = take_digits(text, 2, 2);
    if (!minutes) return std::nullopt;
    offset += std::chrono::minutes(*minutes);
    if (take(text, ':')) {
      const auto seconds = take_digits(text, 2, 2);
      if (!seconds) return std::nullopt;
      offset += std::chrono::seconds(*seconds);
    }
  }
  return negative ? -offset : offset;
}

inline void append_padded(std::string& out, std::int64_t value, std::size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out.append(digits);
}

inline std::string date_text(Date date) {
  std::string out;
  append_padded(out, static_cast<int>(date.year()), 4);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  return out;
}

inline std::string date_and_time_text(std::chrono::microseconds since_epoch) {
  const auto days = std::chrono::floor<std::chrono::days>(since_epoch);
  const std::chrono::hh_mm_ss time(since_epoch - days);
  std::string out = date_text(Date(std::chrono::sys_days(days)));
  out.push_back(' ');
  append_padded(out, time.hours().count(), 2);
  out.push_back(':');
  append_padded(out, time.minutes().count(), 2);
  out.push_back(':');
  append_padded(out, time.seconds().count(), 2);
  out.push_back('.');
  append_padded(out, time.subseconds().count(), 6);
  return out;
}

}  // namespace detail

template <>
struct Codec<Date> {
  static std::string encode(Date value) { return detail::date_text(value); }
  static std::optional<Date> decode(std::string_view text) {
    const auto date = detail::take_date(text);
    return text.empty() ? date : std::nullopt;
  }
};

template <>
struct Codec<LocalTimestamp> {
  static std::string encode(LocalTimestamp value) {
    return detail::date_and_time_text(value.time_since_epoch());
  }
  static std::optional<LocalTimestamp> decode(std::string_view text) {
    const auto time = detail::take_date_and_time(text);
    if (!time || !text.empty()) return std::nullopt;
    return LocalTimestamp(*time);
  }
};

template <>
struct Codec<Timestamp> {
  static std::string encode(Timestamp value) {
    return detail::date_and_time_text(value.time_since_epoch()) + "+00";
  }
  static std::optional<Timestamp> decode(std::string_view text) {
    const auto time = detail::take_date_and_time(text);
    if (!time) return std::nullopt;
    const auto offset = detail::take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    return Timestamp(*time - *offset);
  }
};

}  // namespace bulkhead
