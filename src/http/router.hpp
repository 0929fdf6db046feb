#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::http {

/// The table of routes: (method, path) → a number that means something to whoever filled it. Filled at start,
/// then read-only and safe to share between threads.
class Router {
 public:
  /// The whole path, byte for byte, but for segments `{name}`, in whose place any one segment stands that is not empty. A later
  /// route for the same method and path replaces the earlier one. `check_path` has said that the path is right.
  void add(Method method, std::string path, std::size_t handler);
  /// Whether a path can be a route's: it begins with '/', braces stand around whole segments, names are a-z, 0-9 and _, and no
  /// name is there twice. Error: `config_invalid`.
  [[nodiscard]] static Result<void> check_path(std::string_view path);
  /// The names in braces, in their order. Views into `path`.
  [[nodiscard]] static std::vector<std::string_view> names_of(std::string_view path);
  /// Every path below `prefix`, which ends in '/'; the longest one that fits wins. Literal routes come first, then those with
  /// names, of which the one wins that is literal further to the front.
  void add_prefix(Method method, std::string prefix, std::size_t handler);

  struct Match {
    enum class Kind : std::uint8_t { found, no_route, no_method };
    Kind kind = Kind::no_route;
    std::size_t handler = 0;
    std::string_view rest;                 ///< Of the path, behind the prefix; empty for a literal route.
    std::vector<std::string_view> values;  ///< Of the names, as they were sent.
    std::string allow;                     ///< For 405: the value of the Allow header.
  };
  /// HEAD is answered by GET's handler where it has none of its own.
  [[nodiscard]] Match match(Method method, std::string_view path) const;

 private:
  static constexpr std::size_t methods = 8;
  using Handlers = std::array<std::optional<std::size_t>, methods>;
  [[nodiscard]] static Match pick(const Handlers& handlers, Method method, std::string_view rest);

  using Segment = std::optional<std::string>;  ///< nullopt: a name, in whose place anything stands.
  struct Template {
    std::vector<Segment> segments;
    Handlers handlers{};
  };
  [[nodiscard]] static bool fits(const Template& wanted, std::string_view path,
                                 std::vector<std::string_view>& values);

  std::map<std::string, Handlers, std::less<>> literals_;
  std::vector<Template> templates_;  ///< Those that are literal further to the front come first.
  std::vector<std::pair<std::string, Handlers>> prefixes_;  ///< Longest first.
};

}  // namespace bulkhead::http
