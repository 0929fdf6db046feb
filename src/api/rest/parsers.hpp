#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/statement.hpp>

#include "api/rest/scanner.hpp"

/// The grammars inside the values of query parameters; used by query.cpp alone.
namespace bulkhead::api {

/// An embed while the query is still being read: filters find it by name.
struct EmbedNode {
  std::string name;
  std::shared_ptr<statement::Embed> embed;
  std::vector<EmbedNode> children;
};

struct Selection {
  std::vector<statement::Output> outputs;
  std::vector<EmbedNode> embeds;
};

/// `id,title,artist(name),n:name::text`
[[nodiscard]] Result<Selection> parse_select(std::string_view text);
/// `[not.]op.value` of a parameter whose column is `column`, or a path into it.
[[nodiscard]] Result<statement::Condition> parse_filter(std::string column,
                                                        std::vector<statement::JsonStep> path,
                                                        std::string_view text);
/// `(a.eq.1,or(…))` of a parameter `and`, `or`, `not.and` or `not.or`.
[[nodiscard]] Result<statement::Condition> parse_logic(bool negated, bool any, std::string_view text);
/// `title.desc.nullslast,id`
[[nodiscard]] Result<std::vector<statement::Order>> parse_order(std::string_view text);
/// `a,"b c"`
[[nodiscard]] Result<std::vector<std::string>> parse_columns(std::string_view text);

}  // namespace bulkhead::api
