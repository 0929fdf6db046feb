#include "migrate/lint.hpp"

#include <algorithm>

#include "migrate/lint_judge.hpp"

namespace bulkhead::migrate {

void Report::add(std::string_view rule, Place place, std::string message, std::string suggestion) {
  const ParsedFile& file = *files_[place.file];
  for (const Directive& directive : file.directives) {
    bool covers = directive.begin <= place.offset && place.offset < directive.end;
    if (directive.kind == "allow" && directive.argument == rule && !directive.reason.empty() && covers)
      return;
  }
  auto known =
      std::find_if(lint_rules().begin(), lint_rules().end(), [&](const LintRule& r) { return r.id == rule; });
  sql::Position at = sql::position_at(file.text, place.offset);
  if (suggestion.empty()) suggestion = known->instead;
  findings_.push_back({std::string(rule), known->severity, file.name, at.line, at.column, std::move(message),
                       std::move(suggestion)});
}

ParsedFiles parse_files(std::span<const SourceFile> files) {
  ParsedFiles parsed;
  for (const SourceFile& file : files) parsed.push_back(std::make_unique<ParsedFile>(file));
  return parsed;
}

Model build_model(const ParsedFiles& files, bool keep_former_tables) {
  Model model;
  model.keep_former_tables = keep_former_tables;
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (const ParsedStatement& statement : files[i]->statements) model.apply(*files[i], i, statement);
  }
  return model;
}

namespace {

void judge_directives(const ParsedFile& file, std::size_t index, Report& report) {
  for (const Directive& directive : file.directives) {
    Place place{index, directive.offset};
    bool known = std::any_of(lint_rules().begin(), lint_rules().end(),
                             [&](const LintRule& rule) { return rule.id == directive.argument; });
    if (directive.kind == "allow" && !known) {
      report.add("directive", place, "there is no rule \"" + directive.argument + "\" to allow", "");
    } else if ((directive.kind == "allow" || directive.kind == "definer") && directive.reason.empty()) {
      report.add("directive", place, "the exception has no reason", "");
    } else if (directive.kind == "concurrent" && !file.concurrent) {
      report.add("directive", place, "\"bulkhead: concurrent\" is about the whole file",
                 "a line -- bulkhead: concurrent, and nothing else on it, before the first statement");
    } else if (directive.kind != "allow" && directive.kind != "definer" && directive.kind != "shared" &&
               directive.kind != "fixed" && directive.kind != "concurrent") {
      report.add("directive", place, "\"bulkhead: " + directive.kind + "\" is no directive",
                 "allow <rule> <reason>, or shared");
    }
  }
}

}  // namespace

std::vector<Finding> judge(const ParsedFiles& files, const Model& model) {
  Report report(files);
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (files[i]->broken) findings.push_back(*files[i]->broken);
    judge_directives(*files[i], i, report);
    for (const ParsedStatement& statement : files[i]->statements) {
      judge_statement(*files[i], i, statement, model, report);
    }
  }
  judge_tables(model, report);
  auto found = report.take();
  findings.insert(findings.end(), found.begin(), found.end());
  auto order = [&files](const Finding& finding) {
    return std::find_if(files.begin(), files.end(),
                        [&](const auto& file) { return file->name == finding.file; });
  };
  std::sort(findings.begin(), findings.end(), [&](const Finding& a, const Finding& b) {
    return std::tuple(order(a), a.line, a.column, std::string_view(a.rule), std::string_view(a.message)) <
           std::tuple(order(b), b.line, b.column, std::string_view(b.rule), std::string_view(b.message));
  });
  return findings;
}

std::vector<Finding> lint(std::span<const SourceFile> files) {
  ParsedFiles parsed = parse_files(files);
  return judge(parsed, build_model(parsed));
}

bool has_errors(std::span<const Finding> findings) noexcept {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& f) { return f.severity == Severity::error; });
}

std::string format_finding(const Finding& finding) {
  return finding.file + ":" + std::to_string(finding.line) + ":" + std::to_string(finding.column) + ": " +
         (finding.severity == Severity::error ? "error" : "warning") + " [" + finding.rule + "] " +
         finding.message + "\n  write: " + finding.suggestion + "\n";
}

}  // namespace bulkhead::migrate
