#include "lifecycle/import_tables.hpp"

#include <algorithm>

namespace bulkhead::lifecycle {

std::vector<std::string> stored_columns(const ImportTable& table) {
  std::vector<std::string> out;
  for (const auto& [column, generated] : table.columns)
    if (!generated || table.always_identity.contains(column)) out.push_back(column);
  return out;
}

Result<ImportTables> read_tables(pg::Blocking& admin, std::string_view schema) {
  const std::vector<std::optional<std::string>> in_schema{std::string(schema)};
  ImportTables out;
  BULKHEAD_TRY(
      auto columns,
      admin.query("select c.relname, a.attname, a.attgenerated <> '' or a.attidentity = 'a', "
                  "coalesce(array_position(i.indkey::int2[], a.attnum), -1), a.attidentity = 'a' "
                  "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
                  "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped "
                  "left join pg_index i on i.indrelid = c.oid and i.indisprimary "
                  "where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition order by 1, 4",
                  in_schema));
  for (std::size_t row = 0; row < columns.size(); ++row) {
    auto& table = out[std::string(columns.text(row, 0))];
    table.name = columns.text(row, 0);
    const std::string column(columns.text(row, 1));
    if (column == "tenant_id") {
      table.tenant = true;
      continue;
    }
    table.columns[column] = columns.text(row, 2) == "t";
    if (columns.text(row, 4) == "t") table.always_identity.insert(column);
    if (columns.text(row, 3) != "-1") table.primary_key.push_back(column);
  }
  BULKHEAD_TRY(
      auto keys,
      admin.query("select f.relname, t.relname from pg_constraint k join pg_class f on f.oid = k.conrelid "
                  "join pg_namespace n on n.oid = f.relnamespace join pg_class t on t.oid = k.confrelid "
                  "where k.contype = 'f' and n.nspname = $1 ",
                  in_schema));
  for (std::size_t row = 0; row < keys.size(); ++row) {
    const auto at = out.find(std::string(keys.text(row, 0)));
    if (at == out.end()) continue;
    if (keys.text(row, 0) == keys.text(row, 1)) {
      at->second.refers_to_itself = true;
    } else {
      at->second.refers_to.emplace(keys.text(row, 1));
    }
  }
  return out;
}

Result<std::vector<std::string>> foreign_key_order(const ImportTables& tables,
                                                   const std::vector<std::string>& wanted) {
  std::vector<std::string> open = wanted, out;
  std::sort(open.begin(), open.end());
  while (!open.empty()) {
    const auto ready = std::find_if(open.begin(), open.end(), [&](const std::string& name) {
      const auto& refers_to = tables.at(name).refers_to;
      return std::none_of(open.begin(), open.end(),
                          [&](const std::string& other) { return refers_to.count(other) != 0; });
    });
    if (ready == open.end()) {
      std::string circle;
      for (const auto& name : open) circle += (circle.empty() ? "" : ", ") + name;
      return Error(Errc::import_failed, "the foreign keys of these tables form a circle: " + circle)
          .hint("import them in two steps: one of the columns empty at first, then by an update");
    }
    out.push_back(*ready);
    open.erase(ready);
  }
  return out;
}

}  // namespace bulkhead::lifecycle
