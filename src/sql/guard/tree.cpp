#include "sql/guard/tree.hpp"

#include <pg_query.h>
#include <pthread.h>

#include "base/json.hpp"

namespace bulkhead::sql {
namespace {

/// Levels of JSON; an operator takes about two. Bounds our own recursion over the tree.
constexpr std::size_t tree_depth = 1600;
/// The longest chain that `TextLimits` lets through, times what a level costs in libpg_query; touched only as
/// needed.
constexpr std::size_t parser_stack_bytes = 256U * 1024 * 1024;

struct ParserRun {
  std::string sql;
  std::string tree, error;
  std::size_t error_offset = 0;
};

void* run_parser(void* argument) {
  auto& run = *static_cast<ParserRun*>(argument);
  PgQueryParseResult result = pg_query_parse(run.sql.c_str());
  if (result.error != nullptr) {
    run.error = result.error->message != nullptr ? result.error->message : "syntax error";
    run.error_offset =
        result.error->cursorpos > 0 ? static_cast<std::size_t>(result.error->cursorpos) - 1 : 0;
  } else if (result.parse_tree != nullptr) {
    run.tree = result.parse_tree;
  }
  pg_query_free_parse_result(result);
  return nullptr;
}

Result<void> run_on_large_stack(ParserRun& run) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return Error(Errc::environment, "no thread could be started");
  pthread_t thread{};
  bool started = pthread_attr_setstacksize(&attributes, parser_stack_bytes) == 0 &&
                 pthread_create(&thread, &attributes, run_parser, &run) == 0;
  pthread_attr_destroy(&attributes);
  if (!started) return Error(Errc::environment, "the thread that parses SQL could not be started");
  pthread_join(thread, nullptr);
  return {};
}

/// libpg_query counts characters in its error position, everything else here counts bytes.
std::size_t byte_offset(std::string_view text, std::size_t characters) {
  std::size_t at = 0;
  while (at < text.size() && characters > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    --characters;
  }
  return at;
}

}  // namespace

Result<Value> parse_tree(std::string_view sql, const TextLimits& limits) {
  BULKHEAD_TRY(auto tokens, tokenize(sql, limits));
  static_cast<void>(tokens);
  ParserRun run{std::string(sql), {}, {}, 0};
  BULKHEAD_CHECK(run_on_large_stack(run));
  if (!run.error.empty()) {
    return Error(Errc::statement_refused,
                 run.error + " (" + position_text(sql, byte_offset(sql, run.error_offset)) + ")");
  }
  JsonLimits json;
  json.depth = tree_depth;
  auto tree = parse_json(run.tree, json);
  if (!tree) {
    return Error(Errc::statement_refused,
                 "the SQL is nested too deep or is not valid UTF-8 (line 1, column 1)");
  }
  return tree;
}

std::string_view text_of(const Object& node, std::string_view field) {
  const Value* value = node.if_contains(field);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

bool flag_of(const Object& node, std::string_view field) {
  const Value* value = node.if_contains(field);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::int64_t number_of(const Object& node, std::string_view field) {
  const Value* value = node.if_contains(field);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

const boost::json::array& list_of(const Object& node, std::string_view field) {
  static const boost::json::array none;
  const Value* value = node.if_contains(field);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

const Object* child_of(const Object& node, std::string_view field) {
  const Value* value = node.if_contains(field);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

const Value* value_of(const Object& node, std::string_view field) {
  return node.if_contains(field);
}

std::pair<std::string_view, const Object*> tagged(const Value& value) {
  if (!value.is_object() || value.get_object().size() != 1) return {};
  const auto& [tag, inner] = *value.get_object().begin();
  bool upper = !tag.empty() && tag[0] >= 'A' && tag[0] <= 'Z';
  if (!upper || !inner.is_object()) return {};
  return {std::string_view(tag), &inner.get_object()};
}

const Object* node_of(const Value& value, std::string_view tag) {
  auto [found, node] = tagged(value);
  return found == tag ? node : nullptr;
}

std::vector<std::string> names_of(const boost::json::array& list) {
  std::vector<std::string> names;
  for (const Value& value : list) {
    if (const Object* text = node_of(value, "String")) names.emplace_back(text_of(*text, "sval"));
    if (node_of(value, "A_Star") != nullptr) names.emplace_back("*");
  }
  return names;
}

std::optional<std::string> string_constant(const Value& value) {
  if (const Object* cast = node_of(value, "TypeCast")) {
    const Value* argument = value_of(*cast, "arg");
    return argument != nullptr ? string_constant(*argument) : std::nullopt;
  }
  const Object* constant = node_of(value, "A_Const");
  const Object* text = constant != nullptr ? child_of(*constant, "sval") : nullptr;
  if (text == nullptr) return std::nullopt;
  return std::string(text_of(*text, "sval"));
}

}  // namespace bulkhead::sql
