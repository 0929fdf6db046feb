#include "journal/compare.hpp"

namespace bulkhead::journal {
namespace {

/// Two hashes of 64 bits of each row's text, summed up. The columns by name: their order may differ.
std::string digest_sql(const TenantTable& table) {
  std::string row = "row(";
  bool first = true;
  std::set<std::string> names;
  for (const auto& column : table.columns) names.insert(column.name);
  for (const auto& name : names) {
    row += (first ? "t." : ", t.") + quoted(name);
    first = false;
  }
  row += ")::text";
  return "select count(*) || ' ' || coalesce(sum(hashtextextended(" + row +
         ", 0)::numeric), 0) || ' ' || coalesce(sum(hashtextextended(" + row + ", 1)::numeric), 0) from ";
}

Result<std::string> ask(pg::Blocking& connection, const std::string& sql,
                        const std::vector<std::optional<std::string>>& params) {
  BULKHEAD_TRY(auto rows, connection.query(sql, params));
  return std::string(rows.text(0, 0));
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
  return ask(connection, digest_sql(table) + table.place(schema) + " t where t.tenant_id = $1::uuid",
             {tenant.text()});
}

Result<std::string> digest(pg::Blocking& connection, const TenantTable& table, const std::string& schema,
                           const TenantId& tenant, const RowKeys& keys) {
  if (table.key.empty()) return digest(connection, table, schema, tenant);
  std::string arrays, names, on;
  std::vector<std::optional<std::string>> params{tenant.text()};
  for (std::size_t i = 0; i < table.key.size(); ++i) {
    const auto* column = table.find(table.key[i]);
    const std::string type = column == nullptr ? "text" : column->type;
    std::vector<std::string_view> values;
    values.reserve(keys.size());
    for (const auto& key : keys) values.push_back(key.at(i));
    params.emplace_back(array_text(values));
    const std::string name = "k" + std::to_string(i);
    arrays += (i == 0 ? "$" : ", $") + std::to_string(i + 2) + "::" + type + "[]";
    names += (i == 0 ? "" : ", ") + name;
    on += " and t." + quoted(table.key[i]) + " = k." + name;
  }
  return ask(connection,
             digest_sql(table) + table.place(schema) + " t join unnest(" + arrays + ") as k(" + names +
                 ") on true" + on + " where t.tenant_id = $1::uuid",
             params);
}

}  // namespace bulkhead::journal
