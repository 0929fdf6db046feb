#include "lifecycle/cells.hpp"

#include <array>
#include <charconv>

#include "base/failpoint.hpp"
#include "base/slug.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/lock.hpp"
#include "pg/conninfo.hpp"

namespace bulkhead::lifecycle {
namespace {

std::int64_t number_of(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::optional<std::int32_t> bound_of(const Rows& rows, std::size_t row, std::size_t column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return static_cast<std::int32_t>(number_of(rows.text(row, column)));
}

std::optional<std::string> parameter(const std::optional<std::int32_t>& bound) {
  return bound ? std::optional(std::to_string(*bound)) : std::nullopt;
}

Error exists_already(const std::string& name) {
  return Error(Errc::already_exists, "there is a cell \"" + name + "\" already")
      .hint("`bulkhead cell list` shows all cells");
}

/// What of a connection string says where the server is, and nothing about who connects to what.
constexpr std::array<const char*, 9> place_keys{
    "host", "hostaddr", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "connect_timeout"};

Result<std::string> data_url_of(const NewCell& wanted) {
  if (wanted.data_url.empty()) return server_of(wanted.admin_url);
  BULKHEAD_TRY(const auto url, pg::Conninfo::parse(wanted.data_url));
  for (const char* key : {"user", "password", "passfile", "dbname"}) {
    if (url.get(key).empty()) continue;
    return Error(Errc::usage, std::string("the data URL names a ") + key)
        .hint("it only says where servers reach the cell: postgresql://HOST:PORT");
  }
  return wanted.data_url;
}

/// What must be true of a server that is to be a cell; its own name for itself.
Result<std::string> judge(pg::Blocking& server) {
  BULKHEAD_TRY(
      auto rows,
      server.query(
          "select current_setting('server_version_num')::integer >= 150000, "
          "current_setting('server_version'), r.rolsuper or (r.rolcreatedb and r.rolcreaterole), "
          "s.system_identifier from pg_roles r, pg_control_system() s where r.rolname = current_user"));
  if (rows.text(0, 0) != "t")
    return Error(Errc::config_invalid,
                 "the server runs PostgreSQL " + std::string(rows.text(0, 1)) + "; 15 or newer is needed");
  if (rows.text(0, 2) != "t")
    return Error(Errc::config_invalid, "the URL's role may not make databases and roles on that server")
        .hint("use a superuser, or: alter role NAME createdb createrole");
  return std::string(rows.text(0, 3));
}

Result<void> refuse_known(pg::Blocking& catalog, const std::string& name, const std::string& server_id) {
  BULKHEAD_TRY(auto own,
               catalog.query("select system_identifier = $1::bigint from pg_control_system()", {server_id}));
  if (own.text(0, 0) == "t")
    return Error(Errc::already_exists,
                 "this is the server of the catalog itself, which is the cell \"default\"");
  BULKHEAD_TRY(auto other, catalog.query("select name from catalog.cell where server_id = $1 and name <> $2",
                                         {server_id, name}));
  if (!other.empty())
    return Error(Errc::already_exists,
                 "this server is registered already, as cell \"" + std::string(other.text(0, 0)) + "\"");
  return {};
}

/// The cell, closed, and its pool's row, in one transaction. One that stands there from a run that failed is taken on.
Result<void> register_cell(pg::Blocking& catalog, const NewCell& wanted, const std::string& server_id) {
  BULKHEAD_TRY(const auto data_url, data_url_of(wanted));
  BULKHEAD_CHECK(catalog.execute("begin"));
  const auto add = [&]() -> Result<void> {
    BULKHEAD_TRY(auto added,
                 catalog.query(
                     "insert into catalog.cell(name, region, admin_url, data_url, pooler, status, row_max, "
                     "schema_max, silo_max, server_id) values ($1, $2, $3, $4, $5, 'closed', $6, $7, $8, $9)",
                     {wanted.name, wanted.region, wanted.admin_url, data_url, wanted.pooler ? "t" : "f",
                      parameter(wanted.capacity.row), parameter(wanted.capacity.schema),
                      parameter(wanted.capacity.silo), server_id}));
    BULKHEAD_TRY(
        auto pool,
        catalog.query(
            "insert into catalog.database(cell, name, kind, login) select $1, n, 'pool', n from (select "
            "'bulkhead_pool_' || left(translate(gen_random_uuid()::text, '-', ''), 8) as n) x",
            {wanted.name}));
    return catalog.execute("commit");
  };
  auto done = add();
  if (done.has_value()) return done;
  [[maybe_unused]] const auto rolled_back = catalog.execute("rollback");
  if (done.error().sqlstate() != "23505") return done;
  BULKHEAD_TRY(
      auto unfinished,
      catalog.query(
          "select from catalog.cell c where c.name = $1 and c.server_id = $2 and c.status = 'closed' and "
          "c.opened_at is null",
          {wanted.name, server_id}));
  if (unfinished.empty()) return exists_already(wanted.name);
  return {};
}

Result<std::string> pool_of(pg::Blocking& catalog, const std::string& cell) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select name from catalog.database where cell = $1 and kind = 'pool'", {cell}));
  if (rows.empty()) return Error(Errc::internal, "cell \"" + cell + "\" has no pool in the catalog");
  return std::string(rows.text(0, 0));
}

}  // namespace

Result<std::string> server_of(const std::string& url) {
  BULKHEAD_TRY(const auto from, pg::Conninfo::parse(url));
  std::string out;
  for (const char* key : place_keys) {
    std::string value = from.get(key);
    if (value.empty()) continue;
    std::string quoted;
    for (const char c : value) {
      if (c == '\\' || c == '\'') quoted += '\\';
      quoted += c;
    }
    out += (out.empty() ? "" : " ") + std::string(key) + "='" + quoted + "'";
  }
  return out;
}

Result<std::vector<Cell>> list_cells(pg::Blocking& catalog) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query(
          "select c.name, c.region, c.data_url, coalesce(d.name, case c.name when 'default' then "
          "current_database() end, ''), c.pooler, "
          "c.status, c.row_max, c.schema_max, c.silo_max, n.rows, n.schemas, n.silos, (select count(*) from "
          "catalog.database x where x.cell = c.name) + case c.name when 'default' then 1 else 0 end from "
          "catalog.cell c left join "
          "catalog.database d on d.cell = c.name and d.kind = 'pool', lateral (select count(*) filter (where "
          "p.model = "
          "'row') as rows, count(*) filter (where p.model = 'schema') as schemas, count(*) filter (where "
          "p.model = 'silo') "
          "as silos from catalog.placement p where p.cell = c.name) n order by c.name"));
  std::vector<Cell> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Cell cell;
    cell.name = rows.text(row, 0);
    cell.region = rows.text(row, 1);
    cell.data_url = rows.text(row, 2);
    cell.pool = rows.text(row, 3);
    cell.pooler = rows.text(row, 4) == "t";
    cell.open = rows.text(row, 5) == "open";
    cell.capacity = Capacity{bound_of(rows, row, 6), bound_of(rows, row, 7), bound_of(rows, row, 8)};
    cell.row = number_of(rows.text(row, 9));
    cell.schema = number_of(rows.text(row, 10));
    cell.silo = number_of(rows.text(row, 11));
    cell.databases = number_of(rows.text(row, 12));
    out.push_back(std::move(cell));
  }
  return out;
}

Result<Cell> find_cell(pg::Blocking& catalog, const std::string& name) {
  BULKHEAD_TRY(auto cells, list_cells(catalog));
  for (auto& cell : cells)
    if (cell.name == name) return std::move(cell);
  return Error(Errc::not_found, "there is no cell \"" + name + "\"")
      .hint("`bulkhead cell list` shows all cells");
}

Result<Cell> add_cell(pg::Blocking& catalog, const NewCell& wanted) {
  if (!valid_slug(wanted.name))
    return Error(Errc::usage, "\"" + wanted.name + "\" cannot be a cell's name")
        .hint("3 to 63 characters of a-z, 0-9 and -, beginning with a letter, not ending in -, without --");
  if (wanted.name == catalog::own_cell) return exists_already(wanted.name);
  // What libpq says of a connection string that it does not understand may hold the password.
  if (pg::Conninfo::parse(wanted.admin_url).has_error())
    return Error(Errc::usage, "the cell's URL is not a valid connection string")
        .hint("write it as postgresql://USER:PASSWORD@HOST:PORT/postgres");
  BULKHEAD_TRY(auto server, pg::Blocking::connect(wanted.admin_url));
  BULKHEAD_TRY(const auto server_id, judge(server));
  BULKHEAD_CHECK(refuse_known(catalog, wanted.name, server_id));
  const std::string lock_name = "bulkhead cell " + wanted.name;
  BULKHEAD_TRY(const bool free, try_lock(catalog, lock_name));
  if (!free)
    return Error(Errc::conflict, "another process adds cell \"" + wanted.name + "\"")
        .hint("wait until it has ended");
  const SessionLock lock(catalog, lock_name);
  BULKHEAD_CHECK(register_cell(catalog, wanted, server_id));
  failpoint("cell.registered");
  BULKHEAD_TRY(const auto pool, pool_of(catalog, wanted.name));
  BULKHEAD_TRY(auto target, open_database(catalog, wanted.name, pool));
  BULKHEAD_CHECK(fill_schema(catalog, target, "app"));
  failpoint("cell.filled");
  BULKHEAD_TRY(auto opened,
               catalog.query("update catalog.cell set status = 'open', opened_at = now() where name = $1",
                             {wanted.name}));
  return find_cell(catalog, wanted.name);
}

Result<void> set_cell_open(pg::Blocking& catalog, const std::string& name, bool open) {
  BULKHEAD_TRY(auto set, catalog.query("update catalog.cell set status = $2 where name = $1",
                                       {name, open ? "open" : "closed"}));
  if (set.affected() == 0)
    return Error(Errc::not_found, "there is no cell \"" + name + "\"")
        .hint("`bulkhead cell list` shows all cells");
  return {};
}

}  // namespace bulkhead::lifecycle
