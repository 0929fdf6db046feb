#include "sql/guard/schema_names.hpp"

#include "sql/guard/lexer.hpp"
#include "sql/writer.hpp"

namespace bulkhead::sql {

std::string in_schema(std::string_view sql, std::string_view schema) {
  if (schema == "app") return std::string(sql);
  const auto tokens = tokenize(sql);
  if (tokens.has_error()) return std::string(sql);
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i + 1 < tokens->size(); ++i) {
    const Token& token = (*tokens)[i];
    const bool name = token.kind == TokenKind::word || token.kind == TokenKind::quoted;
    if (!name || (*tokens)[i + 1].kind != TokenKind::dot || token_name(sql, token) != "app") continue;
    if (i > 0 && (*tokens)[i - 1].kind == TokenKind::dot) continue;
    out.append(sql.substr(copied, token.begin - copied));
    append_identifier(out, schema);
    copied = token.end;
  }
  return out.append(sql.substr(copied));
}

}  // namespace bulkhead::sql
