#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>

namespace bulkhead::http {

/// The table of routes: (method, path) → a number that means something to whoever filled it. Filled at start,
/// then read-only and safe to share between threads.
class Router {
 public:
  /// The whole path, byte for byte. A later route for the same method and path replaces the earlier one.
  void add(Method method, std::string path, std::size_t handler);
  /// Every path below `prefix`, which ends in '/'; the longest one that fits wins, and literal routes come
  /// first.
  void add_prefix(Method method, std::string prefix, std::size_t handler);

  struct Match {
    enum class Kind : std::uint8_t { found, no_route, no_method };
    Kind kind = Kind::no_route;
    std::size_t handler = 0;
    std::string_view rest;  ///< Of the path, behind the prefix; empty for a literal route.
    std::string allow;      ///< For 405: the value of the Allow header.
  };
  /// HEAD is answered by GET's handler where it has none of its own.
  [[nodiscard]] Match match(Method method, std::string_view path) const;

 private:
  static constexpr std::size_t methods = 8;
  using Handlers = std::array<std::optional<std::size_t>, methods>;
  [[nodiscard]] static Match pick(const Handlers& handlers, Method method, std::string_view rest);

  std::map<std::string, Handlers, std::less<>> literals_;
  std::vector<std::pair<std::string, Handlers>> prefixes_;  ///< Longest first.
};

}  // namespace bulkhead::http
