#pragma once

#include <string>
#include <string_view>
#include <vector>

/// JSON as text: for what must come out digit for digit as it went in, which a parsed number does not. All of
/// it takes text that is known to be valid (parse_json() accepted it, or PostgreSQL wrote it) and needs no
/// stack for its depth.
namespace bulkhead::api {

struct MemberText {
  std::string name;
  std::string_view value;  ///< As it was written.
};
using ObjectText = std::vector<MemberText>;

/// The members of every object in `array`, an array of objects.
[[nodiscard]] std::vector<ObjectText> objects_of(std::string_view array);

/// Appends `json` without the members that are null, in objects at every depth; nulls in arrays stay
/// (PostgreSQL's json_strip_nulls).
void append_without_nulls(std::string& out, std::string_view json);

}  // namespace bulkhead::api
