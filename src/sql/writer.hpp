#pragma once

#include <string>
#include <string_view>

namespace bulkhead::sql {

/// Appends `"name"`; a quote inside is doubled.
void append_identifier(std::string& out, std::string_view name);
/// Appends `alias."name"`; `alias` is one of the renderer's own and needs no quotes.
void append_column(std::string& out, std::string_view alias, std::string_view name);
/// Appends a string literal; safe whatever `standard_conforming_strings` says.
void append_literal(std::string& out, std::string_view text);

}  // namespace bulkhead::sql
