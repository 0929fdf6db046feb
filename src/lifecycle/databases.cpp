#include "lifecycle/databases.hpp"

#include <charconv>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/app_migrations.hpp"
#include "lifecycle/lock.hpp"
#include "lifecycle/shared_rows.hpp"
#include "migrate/target.hpp"

namespace bulkhead::lifecycle {
namespace {

std::string lock_name(const std::string& cell, const std::string& name) {
  return "bulkhead database " + cell + " " + name;
}

struct Known {
  std::string state, login;
  catalog::DatabaseKind kind = catalog::DatabaseKind::pool;
  migrate::DatabaseSecrets secrets;
};

Result<Known> read(pg::Blocking& catalog, const std::string& cell, const std::string& name) {
  BULKHEAD_TRY(
      auto rows,
      catalog.query("select state, login, password, key_id, key_secret, kind from catalog.database where "
                    "cell = $1 and name = $2",
                    {cell, name}));
  if (rows.empty())
    return Error(Errc::not_found, "the catalog has no database \"" + name + "\" in cell \"" + cell + "\"");
  Known out;
  out.state = rows.text(0, 0);
  out.login = rows.text(0, 1);
  out.secrets.password = rows.text(0, 2);
  const auto id = rows.text(0, 3);
  std::from_chars(id.data(), id.data() + id.size(), out.secrets.binding_key_id);
  out.secrets.binding_secret = rows.text(0, 4);
  for (const auto kind : {catalog::DatabaseKind::pool, catalog::DatabaseKind::shard,
                          catalog::DatabaseKind::silo, catalog::DatabaseKind::adopted})
    if (catalog::database_kind_name(kind) == rows.text(0, 5)) out.kind = kind;
  return out;
}

/// Statements that no transaction takes (CREATE DATABASE), where the cell's server is.
Result<void> at_server(pg::Blocking& catalog, const std::string& cell,
                       const std::vector<std::string>& statements) {
  std::optional<pg::Blocking> other;
  if (cell != catalog::own_cell) {
    BULKHEAD_TRY(auto connected, catalog::connect_to_cell(catalog, cell));
    other.emplace(std::move(connected));
  }
  pg::Blocking& server = other ? *other : catalog;
  for (const auto& statement : statements) BULKHEAD_CHECK(server.execute(statement));
  return {};
}

Result<void> create(pg::Blocking& catalog, const std::string& cell, const std::string& name) {
  auto made = at_server(catalog, cell, {"create database " + catalog.quote_identifier(name)});
  // Made before by a process that died.
  if (made.has_error() && (made.error().sqlstate() == "42P04" || made.error().sqlstate() == "23505"))
    return {};
  return made;
}

Result<migrate::BindingMode> binding_of(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto rows, catalog.query("select binding from bulkhead.bootstrap"));
  if (rows.empty()) return Error(Errc::config_invalid, "this database is not set up for Bulkhead");
  return rows.text(0, 0) == "plain" ? migrate::BindingMode::plain : migrate::BindingMode::signed_context;
}

/// The catalog's own pool is at a version whose migrations are not kept: it was set up before they were.
Result<void> check_known(pg::Blocking& catalog, const std::vector<migrate::MigrationFile>& files) {
  BULKHEAD_TRY(auto rows,
               catalog.query("select version <= $1::integer from bulkhead.target where schema_name = 'app'",
                             {std::to_string(files.empty() ? 0 : files.back().version)}));
  if (rows.empty() || rows.text(0, 0) == "t") return {};
  return Error(Errc::conflict, "the app's migrations are not kept in the catalog yet")
      .hint("`bulkhead migrate APP` keeps them");
}

/// PostgreSQL drops no database whose journal somebody reads.
std::string drop_replication_slots(const pg::Blocking& connection, const std::string& database) {
  return "do $$ begin for attempt in 1..200 loop perform pg_terminate_backend(s.active_pid) from "
         "pg_replication_slots s "
         "where s.database = " +
         connection.quote_literal(database) +
         " and s.active_pid is not null; begin perform pg_drop_replication_slot(s.slot_name) from "
         "pg_replication_slots s "
         "where s.database = " +
         connection.quote_literal(database) +
         "; exit; exception when object_in_use then perform pg_sleep(0.05); end; end loop; end $$";
}

}  // namespace

Result<pg::Blocking> open_database(pg::Blocking& catalog, const std::string& cell, const std::string& name) {
  BULKHEAD_TRY(Known known, read(catalog, cell, name));
  if (known.state == "ready") return catalog::connect_to(catalog, cell, name);
  BULKHEAD_CHECK(wait_for_lock(catalog, lock_name(cell, name)));
  const SessionLock lock(catalog, lock_name(cell, name));
  BULKHEAD_TRY(known, read(catalog, cell, name));
  if (known.state == "ready") return catalog::connect_to(catalog, cell, name);
  if (known.state == "dropping")
    return Error(Errc::conflict, "database \"" + name + "\" of cell \"" + cell + "\" is being dropped")
        .hint("try again");
  BULKHEAD_CHECK(create(catalog, cell, name));
  failpoint("provision.database.created");
  BULKHEAD_TRY(auto admin, catalog::connect_to(catalog, cell, name));
  BULKHEAD_TRY(const auto binding, binding_of(catalog));
  BULKHEAD_TRY(const auto secrets,
               migrate::prepare_database(admin, known.kind, known.login, binding, known.secrets));
  failpoint("provision.database.prepared");
  BULKHEAD_TRY(
      auto ready,
      catalog.query(
          "update catalog.database set state = 'ready', password = $3, key_id = $4, key_secret = $5 where "
          "cell = $1 and name = $2",
          {cell, name, secrets.password, std::to_string(secrets.binding_key_id), secrets.binding_secret}));
  failpoint("provision.database.ready");
  return admin;
}

Result<pg::Blocking*> ShardConnection::open(pg::Blocking& catalog, const std::string& cell,
                                            const std::string& name) {
  const bool same = kept_ && cell_ == cell && name_ == name;
  if (!same || kept_->execute("discard all").has_error()) {
    kept_.reset();
    BULKHEAD_TRY(auto opened, open_database(catalog, cell, name));
    kept_.emplace(std::move(opened));
    cell_ = cell;
    name_ = name;
  }
  return &*kept_;
}

Result<void> drop_database(pg::Blocking& catalog, const std::string& cell, const std::string& name) {
  BULKHEAD_CHECK(wait_for_lock(catalog, lock_name(cell, name)));
  const SessionLock lock(catalog, lock_name(cell, name));
  const auto known = read(catalog, cell, name);
  if (known.has_error()) return known.error().code() == Errc::not_found ? Result<void>() : known.error();
  if (known->kind == catalog::DatabaseKind::adopted)
    return Error(Errc::conflict,
                 "database \"" + name + "\" was there before Bulkhead and is not its to drop");
  BULKHEAD_TRY(auto dropping,
               catalog.query("update catalog.database set state = 'dropping' where cell = $1 and name = $2",
                             {cell, name}));
  failpoint("drop.database.marked");
  BULKHEAD_CHECK(at_server(catalog, cell, {drop_replication_slots(catalog, name)}));
  BULKHEAD_CHECK(at_server(catalog, cell,
                           {"drop database if exists " + catalog.quote_identifier(name) + " with (force)"}));
  failpoint("drop.database.dropped");
  BULKHEAD_CHECK(at_server(catalog, cell, {"drop role if exists " + catalog.quote_identifier(known->login)}));
  failpoint("drop.database.login");
  BULKHEAD_TRY(auto gone,
               catalog.query("delete from catalog.database where cell = $1 and name = $2", {cell, name}));
  return {};
}

Result<void> fill_schema(pg::Blocking& catalog, pg::Blocking& target, const std::string& schema) {
  for (;;) {
    BULKHEAD_TRY(const auto files, app_migrations(catalog));
    BULKHEAD_CHECK(check_known(catalog, files));
    BULKHEAD_TRY(auto report, migrate::migrate_target(target, schema, files));
    // The app may have come to a new version meanwhile, whose run did not know this schema.
    BULKHEAD_TRY(auto latest, catalog.query("select coalesce(max(version), 0) from catalog.app_migration"));
    if (latest.text(0, 0) == std::to_string(files.empty() ? 0 : files.back().version)) break;
  }
  failpoint("provision.schema.migrated");
  return copy_shared_rows(catalog, target, schema);
}

}  // namespace bulkhead::lifecycle
