#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <bulkhead/result.hpp>

#include "sql/guard/lexer.hpp"

namespace bulkhead::sql {

/// PostgreSQL's raw parse tree of a text as libpg_query writes it: nodes are objects, a node whose type is
/// not given by its place is wrapped as {"Tag": {…}}, fields that are zero, false or empty are left out,
/// locations are byte offsets. The value is made of nested arrays and objects whose depth is bounded by
/// `parse_tree`, so recursion over it is safe.
using Object = boost::json::object;
using Value = boost::json::value;

/// Parses `sql` with PostgreSQL's own grammar, after `tokenize` has bounded it. Runs the parser on a thread
/// with a large stack of its own and waits for it (about 100 µs): for texts that are parsed once, not for
/// every request. Errors: `statement_refused`; the message names line and column.
[[nodiscard]] Result<Value> parse_tree(std::string_view sql, const TextLimits& limits = {});

/// Fields of a node; what is absent is the zero value, as the format means it.
[[nodiscard]] std::string_view text_of(const Object& node, std::string_view field);
[[nodiscard]] bool flag_of(const Object& node, std::string_view field);
[[nodiscard]] std::int64_t number_of(const Object& node, std::string_view field);
/// An empty array when absent.
[[nodiscard]] const boost::json::array& list_of(const Object& node, std::string_view field);
/// A field whose type is given by its place; nullptr when absent.
[[nodiscard]] const Object* child_of(const Object& node, std::string_view field);
/// A field of any node type, as written; nullptr when absent.
[[nodiscard]] const Value* value_of(const Object& node, std::string_view field);

/// The tag and the node of {"Tag": {…}}; an empty tag for anything else.
[[nodiscard]] std::pair<std::string_view, const Object*> tagged(const Value& value);
/// The node when `value` is tagged `tag`, else nullptr.
[[nodiscard]] const Object* node_of(const Value& value, std::string_view tag);
/// The names of a list of String nodes ("schema", "name"); an A_Star is "*".
[[nodiscard]] std::vector<std::string> names_of(const boost::json::array& list);
/// Text of a string constant (A_Const with sval), also behind a cast; nullopt for anything else.
[[nodiscard]] std::optional<std::string> string_constant(const Value& value);

}  // namespace bulkhead::sql
