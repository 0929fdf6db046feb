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

/// The columns that a reference means on the other side: those it names, or the target's primary key.
[[nodiscard]] std::vector<std::string> referenced_columns(const ModelReference& reference,
                                                          const Model& model);

}  // namespace bulkhead::migrate
