#include "lifecycle/shared_rows.hpp"

#include <functional>

#include "lifecycle/import_tables.hpp"

namespace bulkhead::lifecycle {
namespace {

/// One value in COPY's text format.
void append_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
}

void append_rows(std::string& out, const Rows& rows, std::size_t columns) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      if (column != 0) out += '\t';
      if (rows.is_null(row, column))
        out += "\\N";
      else
        append_value(out, rows.text(row, column));
    }
    out += '\n';
  }
}

/// In a transaction, as the owner of the app's tables; rolled back when `work` fails.
Result<void> as_owner(pg::Blocking& connection, const std::function<Result<void>()>& work) {
  BULKHEAD_CHECK(connection.execute("begin; set local role bulkhead_owner"));
  auto done = work();
  if (done.has_value()) done = connection.execute("commit");
  if (done.has_error()) [[maybe_unused]]
    const auto rolled_back = connection.execute("rollback");
  return done;
}

class SharedRows {
 public:
  SharedRows(pg::Blocking& source, pg::Blocking& target, std::string schema)
      : source_(source), target_(target), schema_(std::move(schema)) {}

  Result<void> copy(const ImportTables& tables, const std::vector<std::string>& order) {
    return as_owner(source_, [&]() -> Result<void> {
      return as_owner(target_, [&]() -> Result<void> {
        for (const auto& name : order) BULKHEAD_CHECK(copy_table(tables.at(name)));
        return {};
      });
    });
  }

 private:
  Result<void> copy_table(const ImportTable& table) {
    const std::string name = target_.quote_identifier(table.name);
    const std::string to = target_.quote_identifier(schema_) + "." + name;
    BULKHEAD_TRY(auto there, target_.query("select exists (select from " + to + ")"));
    if (there.text(0, 0) == "t") return {};
    std::string columns;
    std::size_t count = 0;
    for (const auto& column : stored_columns(table)) {
      columns += (columns.empty() ? "" : ", ") + target_.quote_identifier(column);
      ++count;
    }
    if (count == 0) return {};
    BULKHEAD_CHECK(source_.execute("declare shared cursor for select " + columns + " from app." + name));
    auto copied = target_.copy_in("copy " + to + " (" + columns + ") from stdin",
                                  [&](std::string& chunk) -> Result<bool> {
                                    BULKHEAD_TRY(auto rows, source_.query("fetch 500 from shared"));
                                    append_rows(chunk, rows, count);
                                    return !rows.empty();
                                  });
    if (copied.has_error()) return copied.error();
    BULKHEAD_CHECK(source_.execute("close shared"));
    return advance_sequences(table, to);
  }

  Result<void> advance_sequences(const ImportTable& table, const std::string& to) {
    for (const auto& column : stored_columns(table)) {
      BULKHEAD_TRY(auto sequence, target_.query("select pg_get_serial_sequence($1, $2)", {to, column}));
      if (sequence.is_null(0, 0)) continue;
      BULKHEAD_TRY(auto moved, target_.query("select setval($1::regclass, m) from (select max(" +
                                                 target_.quote_identifier(column) + ")::bigint as m from " +
                                                 to + ") x where m is not null",
                                             {std::string(sequence.text(0, 0))}));
    }
    return {};
  }

  pg::Blocking& source_;
  pg::Blocking& target_;
  std::string schema_;
};

}  // namespace

Result<void> copy_shared_rows(pg::Blocking& catalog, pg::Blocking& target, const std::string& schema) {
  BULKHEAD_TRY(const auto tables, read_tables(target, schema));
  std::vector<std::string> shared;
  for (const auto& [name, table] : tables)
    if (!table.tenant) shared.push_back(name);
  if (shared.empty()) return {};
  BULKHEAD_TRY(const auto order, foreign_key_order(tables, shared));
  return SharedRows(catalog, target, schema).copy(tables, order);
}

}  // namespace bulkhead::lifecycle
