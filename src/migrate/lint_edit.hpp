#pragma once

#include <string>
#include <vector>

#include "migrate/lint_source.hpp"

namespace bulkhead::migrate {

/// Bytes [begin, end) of a file become `text`.
struct Edit {
  std::size_t begin = 0, end = 0;
  std::string text;
};

/// The bytes [begin, end) of `text` with the edits in that range done. Edits do not overlap; several
/// insertions at one place keep their order.
[[nodiscard]] std::string apply_edits(std::string_view text, std::size_t begin, std::size_t end,
                                      std::vector<Edit> edits);

/// How a statement refers to the columns of a constraint: what to change in its text so that it carries the
/// tenant. All work on tokens of one file and return edits; nothing is changed here.
namespace edit {

/// `tenant_id, ` behind the first parenthesis in the tokens [from, to); nothing where there is none.
[[nodiscard]] std::vector<Edit> lead_columns(const ParsedFile& file, std::size_t from, std::size_t to,
                                             std::string_view text = "tenant_id, ");
/// The tokens from REFERENCES on: tenant_id among the target's columns (`target_columns` are written out
/// where the text names none), SET NULL limited to `own_columns`, no MATCH FULL. `lead`: the target's columns
/// lack tenant_id.
[[nodiscard]] std::vector<Edit> reference(const ParsedFile& file, std::size_t from, std::size_t to,
                                          const std::vector<std::string>& own_columns,
                                          const std::vector<std::string>& target_columns, bool lead);
/// Takes the tokens [from, to) out, with the white space before them.
[[nodiscard]] Edit remove(const ParsedFile& file, std::size_t from, std::size_t to);
/// Turns a statement into comment lines, under a line that says why.
[[nodiscard]] std::vector<Edit> comment_out(const ParsedFile& file, const ParsedStatement& statement,
                                            std::string_view why);
/// Adds `statement` on a line of its own after another.
[[nodiscard]] Edit append_statement(const ParsedFile& file, const ParsedStatement& after,
                                    const std::string& statement);

}  // namespace edit

/// `name` as an SQL identifier, quoted where it must be.
[[nodiscard]] std::string identifier(std::string_view name);
/// `(tenant_id, a, "B")`
[[nodiscard]] std::string tenant_list(const std::vector<std::string>& columns);

}  // namespace bulkhead::migrate
