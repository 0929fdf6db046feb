#include "audit/query_output.hpp"

#include <algorithm>

#include <bulkhead/json.hpp>

namespace bulkhead::audit {
namespace {

/// PostgreSQL's type ids, which never change.
enum TypeOid : std::uint32_t {
  boolean = 16,
  bigint = 20,
  smallint = 21,
  integer = 23,
  json = 114,
  real = 700,
  double_precision = 701,
  numeric = 1700,
  jsonb = 3802
};

void append_json_value(std::string& out, std::uint32_t type, std::string_view text) {
  switch (type) {
    case boolean:
      out += text == "t" ? "true" : "false";
      return;
    case bigint:
    case smallint:
    case integer:
    case json:
    case jsonb:
      out += text;
      return;
    case real:
    case double_precision:
    case numeric:
      // NaN and Infinity are no JSON numbers.
      if (text.find_first_not_of("0123456789+-.eE") == std::string_view::npos) {
        out += text;
        return;
      }
      break;
    default:
      break;
  }
  append_json_string(out, text);
}

void append_csv_field(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

std::optional<RowFormat> parse_row_format(std::string_view name) noexcept {
  if (name == "csv") return RowFormat::csv;
  if (name == "jsonl") return RowFormat::jsonl;
  return std::nullopt;
}

Result<void> RowWriter::write(const catalog::TenantRecord& tenant, const Rows& rows) {
  BULKHEAD_CHECK(take_columns(rows));
  const std::string id = tenant.id.text();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (tenant_id_ && rows.text(row, *tenant_id_) != id)
      return Error(Errc::tenant_mismatch,
                   "the column tenant_id of a row of \"" + tenant.slug + "\" is not this tenant's id")
          .hint("give a column of your own another name than tenant_id; otherwise this is a leak: tell us");
    if (format_ == RowFormat::csv)
      append_csv(id, tenant.slug, rows, row);
    else
      append_json(id, tenant.slug, rows, row);
  }
  std::string text;
  text.swap(text_);
  return text.empty() ? Result<void>() : write_(text);
}

Result<void> RowWriter::take_columns(const Rows& rows) {
  shown_.clear();
  tenant_id_.reset();
  std::vector<std::string> names{"tenant_id", "tenant_slug"};
  for (std::size_t column = 0; column < rows.columns(); ++column) {
    std::string name(rows.column_name(column));
    if (name == "tenant_id" && !tenant_id_) {
      tenant_id_ = column;
      continue;
    }
    if (std::find(names.begin(), names.end(), name) != names.end())
      return Error(Errc::usage, "two columns are called \"" + name + "\"")
          .hint("give one of them another name: … as NAME");
    names.push_back(std::move(name));
    shown_.push_back(column);
  }
  if (format_ == RowFormat::jsonl) return {};
  if (!header_.empty() && names != header_)
    return Error(Errc::conflict, "the columns are not those of the tenants before")
        .hint("name the columns instead of *, or use --format jsonl");
  if (!header_.empty()) return {};
  header_ = std::move(names);
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (i > 0) text_ += ',';
    append_csv_field(text_, header_[i]);
  }
  text_ += '\n';
  return {};
}

void RowWriter::append_csv(const std::string& id, const std::string& slug, const Rows& rows,
                           std::size_t row) {
  text_.append(id).append(",").append(slug);
  for (const std::size_t column : shown_) {
    text_ += ',';
    if (!rows.is_null(row, column)) append_csv_field(text_, rows.text(row, column));
  }
  text_ += '\n';
}

void RowWriter::append_json(const std::string& id, const std::string& slug, const Rows& rows,
                            std::size_t row) {
  text_.append("{\"tenant_id\":\"").append(id).append("\",\"tenant_slug\":\"").append(slug).append("\"");
  for (const std::size_t column : shown_) {
    text_ += ',';
    append_json_string(text_, rows.column_name(column));
    text_ += ':';
    if (rows.is_null(row, column))
      text_ += "null";
    else
      append_json_value(text_, rows.type_oid(column), rows.text(row, column));
  }
  text_ += "}\n";
}

}  // namespace bulkhead::audit
