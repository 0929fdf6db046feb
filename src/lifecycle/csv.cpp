#include "lifecycle/csv.hpp"

#include <algorithm>
#include <array>

namespace bulkhead::lifecycle {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kHeaderMax = 64 * 1024;

Error failed(std::string message) {
  return Error(Errc::import_failed, std::move(message));
}

/// The fields of one record, without its line end.
std::vector<std::string> fields_of(std::string_view record) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < record.size(); ++i) {
    const char c = record[i];
    if (c == '"') {
      if (quoted && i + 1 < record.size() && record[i + 1] == '"') {
        out.back() += '"';
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

}  // namespace

Result<CsvFile> CsvFile::open(const std::filesystem::path& path) {
  CsvFile file;
  file.path_ = path;
  file.in_.open(path, std::ios::binary);
  if (!file.in_)
    return failed("cannot read " + path.string()).hint("check that it is a file and its permissions");
  std::string head(kHeaderMax, '\0');
  file.in_.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.in_.gcount()));
  std::string_view text = head;
  if (text.substr(0, kBom.size()) == kBom) text.remove_prefix(kBom.size());

  std::size_t end = 0;
  bool quoted = false;
  for (; end < text.size() && (quoted || text[end] != '\n'); ++end) {
    if (text[end] == '"') quoted = !quoted;
  }
  std::string_view record = text.substr(0, end);
  if (!record.empty() && record.back() == '\r') record.remove_suffix(1);
  if (record.empty() || quoted) {
    return failed(file.name() + ":1: there is no header")
        .hint("the first line names the columns, separated by commas");
  }
  file.columns_ = fields_of(record);
  file.header_lines_ = static_cast<std::uint64_t>(std::count(record.begin(), record.end(), '\n')) + 1;
  for (std::size_t i = 0; i < file.columns_.size(); ++i) {
    const auto& column = file.columns_[i];
    if (column.empty()) return failed(file.name() + ":1: column " + std::to_string(i + 1) + " has no name");
    if (std::find(file.columns_.begin(), file.columns_.begin() + static_cast<std::ptrdiff_t>(i), column) !=
        file.columns_.begin() + static_cast<std::ptrdiff_t>(i)) {
      return failed(file.name() + ":1: column \"" + column + "\" stands there twice");
    }
  }
  file.first_row_ = static_cast<std::streamoff>(static_cast<std::size_t>(text.data() - head.data()) +
                                                std::min(end + 1, text.size()));

  CsvScanner scanner;
  const auto ignore = [](std::uint64_t) {};
  file.in_.clear();
  file.in_.seekg(file.first_row_);
  for (std::string piece;;) {
    BULKHEAD_TRY(const bool more, file.read(piece));
    scanner.feed(piece, ignore);
    if (!more) break;
  }
  if (scanner.unterminated()) {
    return failed(file.name() + ":" + std::to_string(scanner.record_line() + file.header_lines_) +
                  ": a quote opens and never closes")
        .hint("a quote inside a quoted field is written twice");
  }
  scanner.finish(ignore);
  file.rows_ = scanner.records();
  file.in_.clear();
  file.in_.seekg(file.first_row_);
  return file;
}

Result<bool> CsvFile::read(std::string& piece) {
  piece.resize(kPiece);
  in_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
  piece.resize(static_cast<std::size_t>(in_.gcount()));
  if (in_.bad()) return failed("cannot read " + path_.string());
  return !in_.eof();
}

Result<std::uint64_t> CsvFile::line_of_row(std::uint64_t row) const {
  BULKHEAD_TRY(auto again, open(path_));
  CsvScanner scanner;
  std::uint64_t seen = 0, found = 0;
  const auto on_record = [&](std::uint64_t line) {
    if (++seen == row) found = line + again.header_lines();
  };
  for (std::string piece; found == 0;) {
    BULKHEAD_TRY(const bool more, again.read(piece));
    scanner.feed(piece, on_record);
    if (more) continue;
    scanner.finish(on_record);
    break;
  }
  return found;
}

}  // namespace bulkhead::lifecycle
