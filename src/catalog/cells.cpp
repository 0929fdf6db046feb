#include "catalog/cells.hpp"

#include "pg/conninfo.hpp"

namespace bulkhead::catalog {
namespace {

std::optional<DatabaseKind> parse_kind(std::string_view name) {
  for (const auto kind : {DatabaseKind::pool, DatabaseKind::shard, DatabaseKind::silo, DatabaseKind::adopted})
    if (database_kind_name(kind) == name) return kind;
  return std::nullopt;
}

/// Where the operator reaches the cell; nullopt: it is the catalog's own server.
Result<std::optional<std::string>> admin_url(pg::Blocking& catalog, std::string_view cell) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select admin_url from catalog.cell where name = $1", {std::string(cell)}));
  if (rows.empty())
    return Error(Errc::not_found, "there is no cell \"" + std::string(cell) + "\"")
        .hint("`bulkhead cell list` shows all cells; `bulkhead cell add NAME URL` registers one");
  if (rows.text(0, 0).empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows.text(0, 0));
}

Error of_cell(std::string_view cell, const Error& error) {
  if (error.code() != Errc::database_unavailable) return error;
  return Error(Errc::database_unavailable,
               "cell \"" + std::string(cell) + "\": " + std::string(error.message()))
      .hint("look whether its PostgreSQL runs; tenants of other cells are served meanwhile")
      .internal(std::string(error.internal()));
}

}  // namespace

std::string_view database_kind_name(DatabaseKind kind) noexcept {
  switch (kind) {
    case DatabaseKind::pool:
      return "pool";
    case DatabaseKind::shard:
      return "shard";
    case DatabaseKind::silo:
      return "silo";
    case DatabaseKind::adopted:
      return "adopted";
  }
  return "pool";
}

std::string_view model_name(Model model) noexcept {
  switch (model) {
    case Model::row:
      return "row";
    case Model::schema:
      return "schema";
    case Model::silo:
      return "silo";
  }
  return "row";
}

std::optional<Model> parse_model(std::string_view name) noexcept {
  for (const auto model : {Model::row, Model::schema, Model::silo})
    if (model_name(model) == name) return model;
  return std::nullopt;
}

std::string bound_role(const Placement& placement, Role role) {
  if (placement.model == Model::schema) return placement.schema + "_" + std::string(role_name(role));
  return std::string(role_in_database(role));
}

Result<std::vector<DatabaseRecord>> list_databases(pg::Blocking& catalog, std::string_view cell) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select cell, name, kind, state, login from catalog.database "
                             "where $1 in ('', cell) union all select 'default', current_database(), 'pool', "
                             "'ready', 'bulkhead_login' where $1 in ('', 'default') order by 1, 2",
                             {std::string(cell)}));
  std::vector<DatabaseRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    DatabaseRecord record;
    record.cell = rows.text(row, 0);
    record.name = rows.text(row, 1);
    const auto kind = parse_kind(rows.text(row, 2));
    if (!kind)
      return Error(Errc::internal, "the catalog holds a database that this version does not understand");
    record.kind = *kind;
    record.state = rows.text(row, 3);
    record.login = rows.text(row, 4);
    out.push_back(std::move(record));
  }
  return out;
}

Result<DatabaseLogin> login_of(pg::Blocking& catalog, const Placement& placement) {
  BULKHEAD_TRY(
      Rows rows,
      catalog.query("select login, password from catalog.database where cell = $1 and name = $2 "
                    "union all select 'bulkhead_login', secret from catalog.credential where name = "
                    "'password:bulkhead_login' and $1 = 'default' and $2 = current_database() limit 1",
                    {placement.cell, placement.database}));
  if (rows.empty())
    return Error(Errc::not_found, "the catalog does not know the database \"" + placement.database +
                                      "\" in cell \"" + placement.cell + "\"")
        .hint(
            "`bulkhead cell list` shows the cells; `bulkhead migrate APP` brings their databases up to date");
  return DatabaseLogin{std::string(rows.text(0, 0)), std::string(rows.text(0, 1))};
}

Result<pg::Blocking> connect_to(pg::Blocking& catalog, std::string_view cell, std::string_view database) {
  BULKHEAD_TRY(const auto url, admin_url(catalog, cell));
  Result<pg::Blocking> made = [&]() -> Result<pg::Blocking> {
    if (!url) return catalog.another({{"dbname", std::string(database)}});
    BULKHEAD_TRY(pg::Conninfo info, pg::Conninfo::parse(*url));
    info.set("dbname", std::string(database));
    return pg::Blocking::connect(info.text());
  }();
  if (made.has_error()) return of_cell(cell, made.error());
  return made;
}

Result<pg::Blocking> connect_to_cell(pg::Blocking& catalog, std::string_view cell) {
  BULKHEAD_TRY(const auto url, admin_url(catalog, cell));
  auto made = url ? pg::Blocking::connect(*url) : catalog.another({});
  if (made.has_error()) return of_cell(cell, made.error());
  return made;
}

}  // namespace bulkhead::catalog
