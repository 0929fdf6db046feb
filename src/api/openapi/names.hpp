#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace bulkhead::api::openapi {

/// A name of the app's as a component's: `-` and two hexadecimal digits in the place of each byte but letters, digits and `_`.
/// So names that differ stay apart, and a name with a dot in it is never an app's.
[[nodiscard]] std::string component_name(std::string_view name);
/// As a segment of a path: percent-encoded but for what needs no encoding.
[[nodiscard]] std::string path_segment(std::string_view name);
/// A column as the query string names it: in double quotes, where what is in its name means something there.
[[nodiscard]] std::string filter_parameter(std::string_view column);
/// `{"$ref": "#/components/KIND/NAME"}`
[[nodiscard]] boost::json::object reference(std::string_view kind, std::string_view name);

}  // namespace bulkhead::api::openapi
