#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

namespace bulkhead::lifecycle {

/// Finds the records in CSV text (RFC 4180: quoted fields may hold commas, doubled quotes and line ends) that comes in
/// pieces. It counts; PostgreSQL's COPY reads the values. Pure.
class CsvScanner {
 public:
  /// `on_record(line)` is called at each record's end with the line (from 1) on which the record began. Empty lines at
  /// the very end are no records.
  template <class F>
  void feed(std::string_view piece, F on_record) {
    for (const char c : piece) {
      if (in_record_ || (c != '\n' && c != '\r')) {
        if (!in_record_) start_ = line_;
        in_record_ = true;
      }
      if (c == '"') quoted_ = !quoted_;  // A doubled quote toggles twice.
      if (c != '\n') continue;
      ++line_;
      if (quoted_ || !in_record_) continue;
      in_record_ = false;
      ++records_;
      on_record(start_);
    }
  }
  /// After the last piece: a record without a line end counts, too.
  template <class F>
  void finish(F on_record) {
    if (!in_record_) return;
    in_record_ = false;
    ++records_;
    on_record(start_);
  }
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  /// The text ended within quotes; the record that began on this line is the culprit.
  [[nodiscard]] bool unterminated() const noexcept { return quoted_; }
  [[nodiscard]] std::uint64_t record_line() const noexcept { return start_; }

 private:
  std::uint64_t line_ = 1, start_ = 1, records_ = 0;
  bool quoted_ = false, in_record_ = false;
};

/// A CSV file whose first record is the header.
class CsvFile {
 public:
  /// Reads the header and counts the rows. Errors (`import_failed`) name file, line and column: not readable, no header,
  /// a quote that never ends, an empty or doubled column.
  [[nodiscard]] static Result<CsvFile> open(const std::filesystem::path& path);

  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::string name() const { return path_.filename().string(); }
  /// Lines before the first row.
  [[nodiscard]] std::uint64_t header_lines() const noexcept { return header_lines_; }
  /// The file from its first row on, a piece at a time; false at the end.
  [[nodiscard]] Result<bool> read(std::string& piece);
  /// The line on which row `row` (from 1) begins; reads the file again.
  [[nodiscard]] Result<std::uint64_t> line_of_row(std::uint64_t row) const;

 private:
  std::filesystem::path path_;
  std::vector<std::string> columns_;
  std::uint64_t rows_ = 0, header_lines_ = 1;
  std::streamoff first_row_ = 0;
  std::ifstream in_;
};

}  // namespace bulkhead::lifecycle
