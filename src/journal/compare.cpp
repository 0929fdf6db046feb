#include "journal/compare.hpp"

#include <charconv>
#include <cstdint>

namespace bulkhead::journal {
namespace {

/// How many rows `digest_in_steps` asks for at a time: PostgreSQL hashes them within a millisecond.
constexpr const char* fetch_some = "fetch 100 from digested";

/// A row as text. The columns by name: their order may differ.
std::string row_sql(const TenantTable& table) {
  std::string row = "row(";
  bool first = true;
  std::set<std::string> names;
  for (const auto& column : table.columns) names.insert(column.name);
  for (const auto& name : names) {
    row += (first ? "t." : ", t.") + pg::quote_identifier(name);
    first = false;
  }
  return row + ")::text";
}

/// Two hashes of 64 bits of each row's text, summed up.
std::string digest_sql(const TenantTable& table) {
  const std::string row = row_sql(table);
  return "select count(*) || ' ' || coalesce(sum(hashtextextended(" + row +
         ", 0)::numeric), 0) || ' ' || coalesce(sum(hashtextextended(" + row + ", 1)::numeric), 0) from ";
}

/// Of two's complement.
std::uint64_t number_in(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return static_cast<std::uint64_t>(out);
}

using Params = std::vector<std::optional<std::string>>;

/// Of the rows with these keys; adds its parameters, the first of which is the tenant.
std::string keys_sql(const TenantTable& table, const std::string& schema, const RowKeys& keys,
                     Params& params) {
  if (table.key.empty()) return digest_sql(table) + table.place(schema) + " t where t.tenant_id = $1::uuid";
  std::string arrays, names, on;
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const auto* column = table.find(table.key[i]);
    const std::string type = column == nullptr ? "text" : column->type;
    std::vector<std::string_view> values;
    values.reserve(keys.size());
    for (const auto& key : keys) values.push_back(key.at(i));
    params.emplace_back(array_text(values));
    const std::string name = "k" + std::to_string(i);
    arrays += (i == 0 ? "$" : ", $") + std::to_string(params.size()) + "::" + type + "[]";
    names += (i == 0 ? "" : ", ") + name;
    on += " and t." + pg::quote_identifier(table.key[i]) + " = k." + name;
  }
  return digest_sql(table) + table.place(schema) + " t join unnest(" + arrays + ") as k(" + names +
         ") on true" + on + " where t.tenant_id = $1::uuid";
}

}  // namespace

std::string array_text(const std::vector<std::string_view>& values) {
  std::string out = "{";
  for (const auto value : values) {
    if (out.size() > 1) out.push_back(',');
    out.push_back('"');
    for (const char c : value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out + "}";
}

Result<std::string> digest(pg::Blocking& connection, const TenantTable& table, const std::string& schema,
                           const TenantId& tenant) {
  BULKHEAD_TRY(auto rows,
               connection.query(digest_sql(table) + table.place(schema) + " t where t.tenant_id = $1::uuid",
                                {tenant.text()}));
  return std::string(rows.text(0, 0));
}

Result<std::string> digest_in_steps(pg::Blocking& connection, const TenantTable& table,
                                    const std::string& schema, const TenantId& tenant,
                                    const std::function<void(std::size_t bytes)>& pass) {
  BULKHEAD_TRY(auto opened,
               connection.query("declare digested no scroll cursor for select hashtextextended(r, 0), "
                                "hashtextextended(r, 1), octet_length(r) from (select " +
                                    row_sql(table) + " as r from " + table.place(schema) +
                                    " t where t.tenant_id = $1::uuid offset 0) x",
                                {tenant.text()}));
  std::uint64_t count = 0, one = 0, other = 0;
  for (;;) {
    BULKHEAD_TRY(auto rows, connection.query(fetch_some));
    if (rows.empty()) break;
    std::uint64_t bytes = 0;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      one += number_in(rows.text(row, 0));
      other += number_in(rows.text(row, 1));
      bytes += number_in(rows.text(row, 2));
    }
    count += rows.size();
    pass(bytes);
  }
  BULKHEAD_CHECK(connection.execute("close digested"));
  return std::to_string(count) + " " + std::to_string(one) + " " + std::to_string(other);
}

std::string key_name(const TenantTable& table) {
  return (table.counters ? "bulkhead." : "") + table.name;
}

Result<std::vector<std::string>> digests(pg::Blocking& connection, const std::vector<TenantTable>& tables,
                                         const std::string& schema, const TenantId& tenant,
                                         const std::map<std::string, RowKeys>& keys) {
  std::vector<std::string> out;
  std::string sql;
  Params params{tenant.text()};
  for (const auto& table : tables) {
    const auto found = keys.find(key_name(table));
    if (found == keys.end() || found->second.empty()) continue;
    sql += (sql.empty() ? "select (" : ", (") + keys_sql(table, schema, found->second, params) + ")";
  }
  if (sql.empty()) return out;
  BULKHEAD_TRY(auto rows, connection.query(sql, params));
  for (std::size_t column = 0; column < rows.columns(); ++column) out.emplace_back(rows.text(0, column));
  return out;
}

}  // namespace bulkhead::journal
