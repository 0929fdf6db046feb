#include "api/rest/query.hpp"

#include <charconv>
#include <utility>

#include "api/rest/parsers.hpp"

namespace bulkhead::api {

namespace {

struct Parameter {
  std::string key, value;
};

Result<std::vector<Parameter>> split(std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    std::size_t end = std::min(query.find('&'), query.size());
    std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    std::size_t equals = pair.find('=');
    // PostgREST, too, takes a parameter without `=` for none.
    if (equals == std::string_view::npos || equals == 0) continue;
    BULKHEAD_TRY(std::string key, decode_component(pair.substr(0, equals)));
    BULKHEAD_TRY(std::string value, decode_component(pair.substr(equals + 1)));
    parameters.push_back({std::move(key), std::move(value)});
  }
  return parameters;
}

/// `a.b.c->>d`: the way to a column, and into it.
struct Path {
  std::vector<std::string> names;
  std::vector<statement::JsonStep> json;
};

// A name in quotes may hold dots.
Result<Path> parse_path(std::string_view key) {
  Scanner in("tree path", key);
  Path path;
  while (true) {
    BULKHEAD_TRY(std::string name, in.name());
    path.names.push_back(std::move(name));
    BULKHEAD_TRY(path.json, in.json_path());
    if (in.at_end()) return path;
    if (!path.json.empty() || !in.take(".")) return in.error("delimiter (.) or end of input");
  }
}

// By the name that it has in the answer; else by its relation's, whatever it is called there.
EmbedNode* find_embed(std::vector<EmbedNode>& among, std::string_view name) {
  for (EmbedNode& node : among)
    if (node.name == name) return &node;
  for (EmbedNode& node : among)
    if (node.embed->select.relation == name) return &node;
  return nullptr;
}

// The select that a path without its last name leads to.
Result<statement::Select*> find_level(Query& query, std::vector<EmbedNode>& embeds,
                                      const std::vector<std::string>& path, std::size_t names) {
  statement::Select* level = &query.select;
  std::vector<EmbedNode>* among = &embeds;
  for (std::size_t i = 0; i < names; ++i) {
    EmbedNode* found = find_embed(*among, path[i]);
    if (!found)
      return Error(Errc::relationship_unknown,
                   "'" + path[i] + "' is not an embedded resource in this request")
          .sqlstate("PGRST108")
          .hint("Verify that '" + path[i] + "' is included in the 'select' query parameter.");
    level = &found->embed->select;
    among = &found->children;
  }
  return level;
}

Result<std::uint64_t> parse_count(std::string_view key, std::string_view text) {
  std::int64_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size())
    return Scanner(key, text).error("a whole number");
  if (value < 0 && key == "offset") return std::uint64_t{0};
  if (value < 0)
    return Error(Errc::range_not_satisfiable, "Requested range not satisfiable")
        .details("Limit should be greater than or equal to zero.");
  return static_cast<std::uint64_t>(value);
}

Result<void> apply(Query& query, std::vector<EmbedNode>& embeds, const Parameter& parameter) {
  BULKHEAD_TRY(Path key, parse_path(parameter.key));
  const std::vector<std::string>& path = key.names;
  const std::string& last = path.back();
  std::size_t levels = path.size() - 1;
  const bool logic = last == "and" || last == "or";
  const bool negated = logic && levels > 0 && path[levels - 1] == "not";
  if (negated) --levels;
  BULKHEAD_TRY(statement::Select * level, find_level(query, embeds, path, levels));

  if (logic) {
    BULKHEAD_TRY(statement::Condition condition, parse_logic(negated, last == "or", parameter.value));
    level->where.children.push_back(std::move(condition));
  } else if (last == "order") {
    BULKHEAD_TRY(level->order, parse_order(parameter.value));
  } else if (last == "limit") {
    BULKHEAD_TRY(level->limit, parse_count("limit", parameter.value));
  } else if (last == "offset") {
    BULKHEAD_TRY(level->offset, parse_count("offset", parameter.value));
  } else {
    BULKHEAD_TRY(statement::Condition condition, parse_filter(last, std::move(key.json), parameter.value));
    level->where.children.push_back(std::move(condition));
  }
  return {};
}

// To a function whatever does not read as a filter is an argument.
bool is_argument(const Parameter& parameter) {
  for (std::string_view reserved : {"order", "limit", "offset", "and", "or"})
    if (parameter.key == reserved) return false;
  return parameter.key.find('.') == std::string::npos &&
         parse_filter(parameter.key, {}, parameter.value).has_error();
}

}  // namespace

Result<Arguments> parse_pairs(std::string_view text) {
  BULKHEAD_TRY(std::vector<Parameter> parameters, split(text));
  Arguments pairs;
  pairs.reserve(parameters.size());
  for (Parameter& parameter : parameters)
    pairs.emplace_back(std::move(parameter.key), std::move(parameter.value));
  return pairs;
}

Result<Query> parse_query(std::string_view text, Arguments* arguments) {
  Query query;
  BULKHEAD_TRY(std::vector<Parameter> parameters, split(text));
  // Filters name embeds, so the select is read first, wherever it stands.
  std::vector<EmbedNode> embeds;
  for (const Parameter& parameter : parameters) {
    if (parameter.key != "select") continue;
    BULKHEAD_TRY(Selection selection, parse_select(parameter.value));
    query.select.outputs = std::move(selection.outputs);
    embeds = std::move(selection.embeds);
    break;
  }
  for (const Parameter& parameter : parameters) {
    if (parameter.key == "select") continue;
    if (parameter.key == "on_conflict") {
      BULKHEAD_TRY(query.on_conflict, parse_columns(parameter.value));
      continue;
    }
    if (parameter.key == "columns") {
      BULKHEAD_TRY(query.columns, parse_columns(parameter.value));
      continue;
    }
    if (arguments && is_argument(parameter)) {
      arguments->emplace_back(parameter.key, parameter.value);
      continue;
    }
    BULKHEAD_CHECK(apply(query, embeds, parameter));
  }
  return query;
}

}  // namespace bulkhead::api
