#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/json.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>
#include <bulkhead/values.hpp>

namespace bulkhead {

/// What a value must be within: of a number its value, of a text its length in characters, of an array its length.
struct Bounds {
  std::optional<std::int64_t> least, most;
};
[[nodiscard]] inline Bounds at_least(std::int64_t least) {
  return Bounds{least, {}};
}
[[nodiscard]] inline Bounds at_most(std::int64_t most) {
  return Bounds{{}, most};
}
[[nodiscard]] inline Bounds between(std::int64_t least, std::int64_t most) {
  return Bounds{least, most};
}

/// What a handler reads one by one out of a request's path, query and body.
template <class T>
concept InputValue = std::same_as<T, bool> || std::integral<T> || std::same_as<T, double> ||
                     std::same_as<T, std::string> || std::same_as<T, Decimal> || std::same_as<T, Uuid> ||
                     std::same_as<T, Date> || std::same_as<T, LocalTimestamp> || std::same_as<T, Timestamp>;

class Input;

/// An object of the body. Members that nobody reads are refused by `Input::check`, for they are mostly mistakes. Made by
/// `Input`; valid while that is.
class Fields {
 public:
  /// The member's value; T() and a problem where it is missing, null, or not that.
  template <InputValue T>
  [[nodiscard]] T required(std::string_view name, const Bounds& bounds = {}) {
    return value<T>(name, bounds, true).value_or(T());
  }
  /// nullopt where it is missing or null.
  template <InputValue T>
  [[nodiscard]] std::optional<T> optional(std::string_view name, const Bounds& bounds = {}) {
    return value<T>(name, bounds, false);
  }
  /// An object inside; an empty one and a problem where there is none.
  [[nodiscard]] Fields object(std::string_view name);
  /// Calls `read` for each object of the array; `bounds`: how many there may be.
  void each(std::string_view name, const Bounds& bounds, const std::function<void(Fields&)>& read);
  /// An array of values; `bounds`: how many there may be.
  template <InputValue T>
  [[nodiscard]] std::vector<T> list(std::string_view name, const Bounds& bounds = {},
                                    const Bounds& each = {});
  /// Members that nobody reads may be there.
  void allow_unknown();
  /// Says what is wrong with a member, where the handler itself finds it: "must not be before `from`".
  void problem(std::string_view name, std::string what);

 private:
  friend class Input;
  struct Seen {
    const boost::json::object* object = nullptr;
    std::string pointer;  ///< RFC 6901
    std::vector<std::string> read;
    bool any = false;     ///< Members that nobody reads may be there.
    bool absent = false;  ///< It is missing itself: what is missing in it need not be said.
  };
  Fields(Input& input, Seen& seen) : input_(&input), seen_(&seen) {}
  template <InputValue T>
  [[nodiscard]] std::optional<T> value(std::string_view name, const Bounds& bounds, bool required);
  [[nodiscard]] const boost::json::value* member(std::string_view name, bool required);
  [[nodiscard]] const boost::json::array* array(std::string_view name, const Bounds& bounds);
  [[nodiscard]] std::string pointer_to(std::string_view name) const;

  Input* input_;
  Seen* seen_;
};

/// Reads what a request says and gathers all that is wrong with it, so that the client learns it at once:
///
///     Input input(request);
///     const auto id = input.path<std::int32_t>("invoice_id");
///     const auto limit = input.query<std::int32_t>("limit", between(1, 100)).value_or(20);
///     Fields body = input.body();
///     const auto note = body.required<std::string>("note", between(1, 500));
///     BULKHEAD_CO_CHECK(input.check());
///
/// `check` comes before anything that was read is used. It answers with one problem document (400, BLK508) whose member
/// `errors` names each: a `pointer` into the body (RFC 6901) or a `parameter`, and the `detail`. At most 20 are kept.
///
/// Lifetime: within the request. One thread.
class Input {
 public:
  explicit Input(const Request& request) : request_(request) {}
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  /// Of the route's path, "/v1/invoices/{invoice_id}". T() and a problem where it is not that.
  template <InputValue T>
  [[nodiscard]] T path(std::string_view name, const Bounds& bounds = {});
  /// Of the query. nullopt where it is not there; a problem where it is there twice.
  template <InputValue T>
  [[nodiscard]] std::optional<T> query(std::string_view name, const Bounds& bounds = {});
  /// The body, a JSON object with no name twice. An empty one, and a problem, where it is none. Once.
  [[nodiscard]] Fields body(JsonLimits limits = {});

  /// Says what is wrong with a parameter of the path or the query.
  void problem(std::string_view parameter, std::string what);

  /// Error: `payload_invalid` with all problems; `malformed_json` for a body that is no JSON; `unsupported_media_type` for one
  /// that does not say that it is.
  [[nodiscard]] Result<void> check();

 private:
  friend class Fields;
  static constexpr std::size_t most_problems = 20;
  void add(std::string_view kind, std::string_view where, std::string what);
  [[nodiscard]] std::optional<std::string> parameter(std::string_view name);
  template <InputValue T>
  [[nodiscard]] std::optional<T> from_text(std::string_view name, const std::string& text,
                                           const Bounds& bounds);

  const Request& request_;
  boost::json::value document_;
  std::deque<Fields::Seen> seen_;
  std::optional<Error> broken_;  ///< The body cannot be read at all.
  struct Problem {
    std::string kind, where, what;
  };
  std::vector<Problem> problems_;
  std::size_t more_ = 0;  ///< Problems that were not kept.
};

namespace detail {

/// What is expected, for people: "a whole number", "a date, such as 2026-11-26".
template <class T>
[[nodiscard]] constexpr std::string_view expected() {
  if constexpr (std::same_as<T, bool>)
    return "true or false";
  else if constexpr (std::integral<T>)
    return "a whole number";
  else if constexpr (std::same_as<T, double> || std::same_as<T, Decimal>)
    return "a number";
  else if constexpr (std::same_as<T, Uuid>)
    return "a UUID";
  else if constexpr (std::same_as<T, Date>)
    return "a date, such as 2026-11-26";
  else if constexpr (std::same_as<T, LocalTimestamp>)
    return "a date and time, such as 2026-11-26T10:00:00";
  else if constexpr (std::same_as<T, Timestamp>)
    return "a time with its offset, such as 2026-11-26T10:00:00+00:00";
  else
    return "a text";
}
/// The same with the bounds: "a whole number from 1 to 100"; of a text and an array "… of 1 to 100 characters".
[[nodiscard]] std::string with_bounds(std::string_view expected, const Bounds& bounds, std::string_view unit);
[[nodiscard]] bool within(const Bounds& bounds, std::int64_t value);
[[nodiscard]] std::int64_t characters(std::string_view text);

template <class T>
[[nodiscard]] std::optional<T> input_from_text(std::string_view text) {
  if constexpr (std::same_as<T, bool>) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::nullopt;
  } else if constexpr (std::same_as<T, Timestamp>) {
    if (text.ends_with('Z')) return Codec<T>::decode(std::string(text.substr(0, text.size() - 1)) + "+00");
    return Codec<T>::decode(text);
  } else if constexpr (std::same_as<T, double>) {
    const auto value = Codec<T>::decode(text);
    return value && *value - *value == 0 ? value : std::nullopt;  // neither nan nor inf
  } else {
    return Codec<T>::decode(text);
  }
}

template <class T>
[[nodiscard]] std::optional<T> input_from_json(const boost::json::value& value) {
  if constexpr (std::same_as<T, bool>) {
    return value.is_bool() ? std::optional<T>(value.get_bool()) : std::nullopt;
  } else if constexpr (std::integral<T>) {
    if (const auto* number = value.if_int64())
      return std::in_range<T>(*number) ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
    if (const auto* number = value.if_uint64())
      return std::in_range<T>(*number) ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
    return std::nullopt;
  } else if constexpr (std::same_as<T, double>) {
    if (!value.is_number()) return std::nullopt;
    return value.to_number<double>();
  } else if constexpr (std::same_as<T, Decimal>) {
    if (const auto* text = value.if_string()) return Decimal::parse(std::string_view(*text));
    if (const auto* number = value.if_int64()) return Decimal(*number, 0);
    // The shortest digits that mean this number are those that were sent, up to fifteen of them.
    if (const auto* number = value.if_double()) return Decimal::parse(Codec<double>::encode(*number));
    return std::nullopt;
  } else {
    const auto* text = value.if_string();
    return text != nullptr ? input_from_text<T>(std::string_view(*text)) : std::nullopt;
  }
}

/// Whether a value that is what is expected is within its bounds.
template <class T>
[[nodiscard]] bool input_within(const T& value, const Bounds& bounds) {
  if constexpr (std::same_as<T, std::string>)
    return within(bounds, characters(value));
  else if constexpr (std::integral<T> && !std::same_as<T, bool>)
    return (!bounds.least || std::cmp_greater_equal(value, *bounds.least)) &&
           (!bounds.most || std::cmp_less_equal(value, *bounds.most));
  else if constexpr (std::same_as<T, double>)
    return (!bounds.least || value >= static_cast<double>(*bounds.least)) &&
           (!bounds.most || value <= static_cast<double>(*bounds.most));
  else if constexpr (std::same_as<T, Decimal>)
    return (!bounds.least || value >= Decimal(*bounds.least, 0)) &&
           (!bounds.most || value <= Decimal(*bounds.most, 0));
  else
    return true;
}

template <class T>
[[nodiscard]] std::string expectation(const Bounds& bounds) {
  return "must be " + with_bounds(expected<T>(), bounds, std::same_as<T, std::string> ? " characters" : "");
}

}  // namespace detail

template <InputValue T>
std::optional<T> Fields::value(std::string_view name, const Bounds& bounds, bool required) {
  const boost::json::value* found = member(name, required);
  if (found == nullptr) return std::nullopt;
  std::optional<T> value = detail::input_from_json<T>(*found);
  if (value && detail::input_within(*value, bounds)) return value;
  problem(name, detail::expectation<T>(bounds));
  return std::nullopt;
}

template <InputValue T>
std::vector<T> Fields::list(std::string_view name, const Bounds& bounds, const Bounds& each) {
  std::vector<T> values;
  const boost::json::array* found = array(name, bounds);
  if (found == nullptr) return values;
  for (std::size_t i = 0; i < found->size(); ++i) {
    std::optional<T> value = detail::input_from_json<T>((*found)[i]);
    if (value && detail::input_within(*value, each))
      values.push_back(std::move(*value));
    else
      input_->add("pointer", pointer_to(name) + "/" + std::to_string(i), detail::expectation<T>(each));
  }
  return values;
}

template <InputValue T>
std::optional<T> Input::from_text(std::string_view name, const std::string& text, const Bounds& bounds) {
  std::optional<T> value = detail::input_from_text<T>(text);
  if (value && detail::input_within(*value, bounds)) return value;
  problem(name, detail::expectation<T>(bounds));
  return std::nullopt;
}

template <InputValue T>
T Input::path(std::string_view name, const Bounds& bounds) {
  const auto text = request_.path_value(name);
  if (!text) {
    problem(name, "is not in the path");
    return T();
  }
  return from_text<T>(name, std::string(*text), bounds).value_or(T());
}

template <InputValue T>
std::optional<T> Input::query(std::string_view name, const Bounds& bounds) {
  const std::optional<std::string> text = parameter(name);
  if (!text) return std::nullopt;
  return from_text<T>(name, *text, bounds);
}

}  // namespace bulkhead
