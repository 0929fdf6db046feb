#pragma once

#include <memory>
#include <vector>

#include "migrate/lint_model.hpp"

namespace bulkhead::migrate {

using ParsedFiles = std::vector<std::unique_ptr<ParsedFile>>;

[[nodiscard]] ParsedFiles parse_files(std::span<const SourceFile> files);
[[nodiscard]] Model build_model(const ParsedFiles& files, bool keep_former_tables = false);

/// Collects findings; drops those that an allow directive covers.
class Report {
 public:
  explicit Report(const ParsedFiles& files) : files_(files) {}
  /// An empty suggestion takes the rule's own.
  void add(std::string_view rule, Place place, std::string message, std::string suggestion);
  [[nodiscard]] std::vector<Finding> take() { return std::move(findings_); }

 private:
  const ParsedFiles& files_;
  std::vector<Finding> findings_;
};

/// Rules about what a statement does.
void judge_statement(const ParsedFile& file, std::size_t file_index, const ParsedStatement& statement,
                     const Model& model, Report& report);
/// What a GRANT gives beyond what the app's roles may have, as a message; empty when it does not.
[[nodiscard]] std::string grant_excess(const sql::Object& statement);
/// Rules about tables and views as they stand at the end.
void judge_tables(const Model& model, Report& report);
/// Both, over all files, in order.
[[nodiscard]] std::vector<Finding> judge(const ParsedFiles& files, const Model& model);

/// A column in a GROUP BY that was all of a tenant table's primary key: with the tenant in front of the key it
/// no longer says which row is meant, so the other columns of the table may not stand beside it.
struct KeyGroup {
  std::size_t offset = 0;  ///< Of the column, in bytes.
  std::string column;      ///< What to group by, too: `p.tenant_id`.
};
/// Below a view's query.
[[nodiscard]] std::vector<KeyGroup> key_groups(const sql::Value& query, const Model& model);
/// The column that would show the tenant among what a query gives: `p.tenant_id` of its first tenant table;
/// nullopt where that is not simple (set operations, aggregates of all rows, outer joins that may leave it
/// null).
[[nodiscard]] std::optional<std::string> tenant_output(const sql::Object& select, const Model& model);
/// Whether a CREATE FUNCTION names objects of the app in a body of text without fixing its search_path.
[[nodiscard]] bool wants_search_path(const ParsedStatement& statement, const Model& model);

/// The columns that a reference means on the other side: those it names, or the target's primary key.
[[nodiscard]] std::vector<std::string> referenced_columns(const ModelReference& reference,
                                                          const Model& model);

}  // namespace bulkhead::migrate
