#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace bulkhead::lifecycle {

// What an operation's input, progress and result hold.

/// Empty where there is no such text.
[[nodiscard]] inline std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// 0 where there is no such whole number.
[[nodiscard]] inline std::int64_t number_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  // What was just put in has the sign of its type; what was read back has one if it fits.
  if (value->is_uint64()) return static_cast<std::int64_t>(value->get_uint64());
  return value->is_int64() ? value->get_int64() : 0;
}

}  // namespace bulkhead::lifecycle
