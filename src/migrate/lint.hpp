#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead::migrate {

/// A migration as it stands on disk. The name is used in findings only.
struct SourceFile {
  std::string name, text;
};

enum class Severity : std::uint8_t { error, warning };

/// One place of a migration that breaks a rule.
struct Finding {
  std::string rule;
  Severity severity = Severity::error;
  std::string file;
  std::size_t line = 1, column = 1;  ///< 1-based; the column counts bytes.
  std::string message, suggestion;   ///< What is wrong, and what to write instead.
};

/// A rule of the linter, as docs/reference/lint-rules.md shows it.
struct LintRule {
  std::string_view id;
  Severity severity;
  std::string_view refuses, because, instead;
};
[[nodiscard]] std::span<const LintRule> lint_rules() noexcept;
/// The page docs/reference/lint-rules.md.
[[nodiscard]] std::string lint_rules_markdown();

/// Judges an app's migrations, taken in order, by the conventions of DESIGN section 4: tables are judged as
/// they stand after the last file, statements by themselves. A file that does not parse gives one finding and
/// is left out.
/// `-- bulkhead: allow <rule> <reason>` on the line before a statement or a line, or at a line's end,
/// silences a rule there. Findings come in order of file and line. Pure; takes milliseconds for a hundred
/// files.
[[nodiscard]] std::vector<Finding> lint(std::span<const SourceFile> files);

[[nodiscard]] bool has_errors(std::span<const Finding> findings) noexcept;
/// `file:line:column: error [rule] message`, and a second line with the suggestion. Ends with a newline.
[[nodiscard]] std::string format_finding(const Finding& finding);

/// What `fix` did to a line of the original text, or could not do.
struct Change {
  std::string file;
  std::size_t line = 1;
  std::string what;
};
struct Fixed {
  std::vector<SourceFile> files;
  std::vector<Change> changes;
  std::vector<Finding> left;  ///< What `lint` still finds in `files`.
};

/// Makes a plain single-tenant schema tenant-safe by editing its text in place: formatting and comments stay.
/// Every table becomes a tenant table unless `-- bulkhead: shared` stands before its CREATE TABLE (or
/// shared_table() is called for it). A text that is tenant-safe comes back unchanged. Pure.
[[nodiscard]] Fixed fix(std::span<const SourceFile> files);

/// Reads the files named NNNN_name.sql of a directory, in order of their names. Errors: `not_found`,
/// `environment`, and as the runner's for an .sql of another name.
[[nodiscard]] Result<std::vector<SourceFile>> read_sources(const std::filesystem::path& directory);
/// `lint` over a directory.
[[nodiscard]] Result<std::vector<Finding>> lint_directory(const std::filesystem::path& directory);
/// `fix` over a directory; files that changed are written in place, each whole or not at all.
[[nodiscard]] Result<Fixed> fix_directory(const std::filesystem::path& directory);

}  // namespace bulkhead::migrate
