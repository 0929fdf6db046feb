// Deleting a tenant for good: the steps of an operation of kind `delete`.
#include "lifecycle/remove.hpp"

#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "journal/change.hpp"
#include "lifecycle/certificate.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/import.hpp"
#include "lifecycle/move.hpp"
#include "lifecycle/tenant_data.hpp"
#include "lifecycle/tenants.hpp"
#include "lifecycle/transaction.hpp"
#include "migrate/target.hpp"

namespace bulkhead::lifecycle {
namespace {

/// Rows of one DELETE in a shared table: others' writes get their turn in between.
constexpr int batch = 5000;

/// Where the tenant lives, as the catalog has it; the row is there until the last step.
Result<catalog::TenantRecord> tenant_of(OperationRun& run) {
  return catalog::find_tenant(run.catalog, run.operation.tenant.value_or(TenantId()).text());
}

Result<pg::Blocking> home_of(OperationRun& run, const catalog::TenantRecord& tenant) {
  return catalog::connect_to(run.catalog, tenant.placement.cell, tenant.placement.database);
}

/// What this transaction does is none of the tenant's changes that the journal tells.
Result<void> no_news(pg::Blocking& home, const TenantId& tenant) {
  BULKHEAD_TRY(auto told, home.query("select pg_logical_emit_message(true, $1, $2)",
                                     {std::string(journal::moved_prefix), tenant.text()}));
  return {};
}

/// Once the lock is had, all writers have ended; without residency no other can begin.
Result<void> fence(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  BULKHEAD_TRY(auto home, home_of(run, tenant));
  auto done = transaction(home, [&]() -> Result<void> {
    BULKHEAD_CHECK(home.execute("set local lock_timeout = '30s'"));
    BULKHEAD_TRY(auto locked,
                 home.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", {tenant.id.text()}));
    BULKHEAD_TRY(auto gone,
                 home.query("delete from bulkhead.residency where tenant_id = $1::uuid", {tenant.id.text()}));
    return {};
  });
  if (done.has_error() && done.error().sqlstate() == "55P03")
    return Error(Errc::overloaded, "a transaction of tenant \"" + tenant.slug + "\" is still under way");
  return done;
}

/// What there is, while it is there: for the certificate.
Result<void> digest(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  BULKHEAD_TRY(auto home, home_of(run, tenant));
  BULKHEAD_TRY(auto data, TenantData::open(home, tenant));
  std::vector<TableDigest> found;
  boost::json::array tables;
  const auto nothing = [](std::string_view) {};
  for (const auto& name : data.tables()) {
    BULKHEAD_TRY(auto table, data.read(name, nothing));
    found.push_back(std::move(table));
  }
  BULKHEAD_TRY(auto counters, data.read_counters(nothing));
  found.push_back(std::move(counters));
  for (const auto& table : found)
    tables.push_back({{"name", table.name}, {"rows", table.rows}, {"sha256", table.sha256}});
  run.operation.progress["tables"] = std::move(tables);
  run.operation.progress["export_sha256"] = digest_of(found);
  return {};
}

/// One tenant's rows in tables that it shares with others.
class SharedTables {
 public:
  SharedTables(pg::Blocking& home, const catalog::TenantRecord& tenant) : home_(home), tenant_(tenant) {}

  Result<void> remove() {
    BULKHEAD_TRY(tables_, read_tables(home_, tenant_.placement.schema));
    std::vector<std::string> own;
    for (const auto& [name, table] : tables_)
      if (table.tenant) own.push_back(name);
    const auto order = foreign_key_order(tables_, own);
    // An app's trigger may write a row of a table that is empty already.
    for (int pass = 0; pass < 5; ++pass) {
      removed_ = 0;
      if (order.has_error()) {
        BULKHEAD_CHECK(remove_at_once(own));
      } else {
        for (auto name = order->rbegin(); name != order->rend(); ++name) BULKHEAD_CHECK(remove_from(*name));
      }
      failpoint("delete.pass");
      if (removed_ == 0) return refresh_views();
    }
    return {};
  }

 private:
  [[nodiscard]] std::string place(const std::string& table) const {
    return home_.quote_identifier(tenant_.placement.schema) + "." + home_.quote_identifier(table);
  }

  /// As the owner of the tables, bound to the tenant, so that the app's triggers see its rows and no others'. Where the
  /// operator may, they do not run at all: what happens to rows that go is not theirs to say any more.
  Result<std::uint64_t> as_owner(const std::string& statement) {
    std::uint64_t rows = 0;
    BULKHEAD_CHECK(transaction(home_, [&]() -> Result<void> {
      BULKHEAD_CHECK(no_news(home_, tenant_.id));
      BULKHEAD_TRY(
          auto bound,
          home_.query(
              "select set_config('bulkhead.context', bulkhead.sign_context($1::uuid, "
              "'bulkhead_owner', 3600), true), case when (select rolsuper from pg_roles where rolname = "
              "current_user) then set_config('session_replication_role', 'replica', true) end",
              {tenant_.id.text()}));
      BULKHEAD_CHECK(home_.execute("set local role bulkhead_owner"));
      BULKHEAD_TRY(auto done, home_.query(statement, {tenant_.id.text()}));
      rows = done.affected();
      if (done.columns() != 0 && !done.empty()) {
        const auto text = done.text(0, 0);
        std::from_chars(text.data(), text.data() + text.size(), rows);
      }
      return {};
    }));
    removed_ += rows;
    return rows;
  }

  Result<void> remove_from(const std::string& table) {
    const bool whole = tables_.at(table).refers_to_itself;
    for (;;) {
      BULKHEAD_TRY(
          const auto rows,
          as_owner(whole ? "delete from " + place(table) + " where tenant_id = $1::uuid"
                         : "delete from " + place(table) +
                               " where (tableoid, ctid) in (select tableoid, ctid from " + place(table) +
                               " where tenant_id = $1::uuid limit " + std::to_string(batch) + ")"));
      failpoint("delete.batch");
      if (whole || rows < batch) return {};
    }
  }

  /// Tables that refer to each other in a circle: foreign keys are looked at when the statement is at its end.
  Result<void> remove_at_once(const std::vector<std::string>& names) {
    std::string with, sum;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string part = "d" + std::to_string(i);
      with += (with.empty() ? "with " : ", ") + part + " as (delete from " + place(names[i]) +
              " where tenant_id = $1::uuid returning 1)";
      sum += (sum.empty() ? "" : " + ") + std::string("(select count(*) from ") + part + ")";
    }
    BULKHEAD_TRY([[maybe_unused]] const auto rows, as_owner(with + " select " + sum));
    return {};
  }

  /// They keep a copy of the rows that they were made of.
  Result<void> refresh_views() {
    BULKHEAD_TRY(
        auto views,
        home_.query(
            "select quote_ident(schemaname) || '.' || quote_ident(matviewname) from pg_matviews where "
            "schemaname = $1 and ispopulated order by 1",
            {tenant_.placement.schema}));
    for (std::size_t row = 0; row < views.size(); ++row) {
      BULKHEAD_CHECK(transaction(home_, [&]() -> Result<void> {
        return home_.execute("set local role bulkhead_owner; refresh materialized view " +
                             std::string(views.text(row, 0)));
      }));
    }
    return {};
  }

  pg::Blocking& home_;
  const catalog::TenantRecord& tenant_;
  ImportTables tables_;
  std::uint64_t removed_ = 0;
};

Result<void> remove_rows(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  // Where it lived before as well.
  BULKHEAD_TRY(const auto formers, former_placements(run.catalog, tenant.id));
  for (const auto& former : formers) BULKHEAD_CHECK(clean_former(run.catalog, former));
  return remove_rows_at(run.catalog, tenant);
}

Error still_there(const catalog::TenantRecord& tenant, const std::string& what) {
  return Error(Errc::internal, "after its deletion, tenant \"" + tenant.slug + "\" still has " + what)
      .hint("`bulkhead operation resume ID` tries again; look what writes there");
}

Result<void> verify_shared(pg::Blocking& home, const catalog::TenantRecord& tenant) {
  BULKHEAD_TRY(auto data, TenantData::open(home, tenant));
  for (const auto& table : data.tables()) {
    BULKHEAD_TRY(const auto rows, data.count(table));
    if (rows != 0) return still_there(tenant, std::to_string(rows) + " rows in table \"" + table + "\"");
  }
  return {};
}

Result<void> verify_silo(OperationRun& run, const catalog::TenantRecord& tenant) {
  BULKHEAD_TRY(auto server, catalog::connect_to_cell(run.catalog, tenant.placement.cell));
  BULKHEAD_TRY(
      auto rows,
      server.query("select (select count(*) from pg_database where datname = $1) + (select count(*) from "
                   "pg_roles where rolname = $1)",
                   {tenant.placement.database}));
  if (rows.text(0, 0) != "0")
    return still_there(tenant, "the database or the login \"" + tenant.placement.database + "\"");
  return {};
}

/// Looked for, not taken from what the step before said.
Result<void> verify(OperationRun& run) {
  BULKHEAD_TRY(const auto tenant, tenant_of(run));
  if (tenant.placement.model == catalog::Model::silo) return verify_silo(run, tenant);
  BULKHEAD_TRY(auto home, home_of(run, tenant));
  if (tenant.placement.model == catalog::Model::schema) {
    BULKHEAD_TRY(
        auto rows,
        home.query(
            "select (select count(*) from pg_namespace where nspname = $1) + (select count(*) from pg_roles "
            "where starts_with(rolname, $1 || '_'))",
            {tenant.placement.schema}));
    if (rows.text(0, 0) != "0")
      return still_there(tenant, "the schema \"" + tenant.placement.schema + "\" or a role of it");
  } else {
    BULKHEAD_CHECK(verify_shared(home, tenant));
  }
  BULKHEAD_TRY(
      auto rows,
      home.query(
          "select (select count(*) from bulkhead.residency where tenant_id = $1::uuid) + (select count(*) "
          "from bulkhead.counter where tenant_id = $1::uuid)",
          {tenant.id.text()}));
  if (rows.text(0, 0) != "0") return still_there(tenant, "a residency or counters");
  return {};
}

Result<std::string> statement_of(OperationRun& run, const catalog::TenantRecord& tenant) {
  BULKHEAD_TRY(
      auto facts,
      run.catalog.query(
          "select catalog.rfc3339(now()), (select count(*) from catalog.membership where tenant_id = "
          "$1::uuid), (select count(*) from catalog.backup_key where tenant_id = $1::uuid)",
          {tenant.id.text()}));
  const auto& progress = run.operation.progress;
  const auto member = [&progress](std::string_view key) {
    const auto* value = progress.if_contains(key);
    return value == nullptr ? boost::json::value() : *value;
  };
  std::int64_t memberships = 0;
  const auto count = facts.text(0, 1);
  std::from_chars(count.data(), count.data() + count.size(), memberships);
  const boost::json::object statement{
      {"format", "bulkhead-deletion/1"},
      {"tenant", {{"id", tenant.id.text()}, {"slug", tenant.slug}, {"name", tenant.name}}},
      {"placement",
       {{"model", catalog::model_name(tenant.placement.model)},
        {"cell", tenant.placement.cell},
        {"database", tenant.placement.database},
        {"schema", tenant.placement.schema}}},
      {"operation", run.operation.id.text()},
      {"requested_by", run.operation.actor},
      {"requested_at", run.operation.made_at},
      {"deleted_at", facts.text(0, 0)},
      {"export_sha256", member("export_sha256")},
      {"tables", member("tables")},
      {"memberships", memberships},
      // It goes with the tenant's row, in the transaction that keeps this statement: nobody can read its backups any more.
      {"backups", facts.text(0, 2) == "0" ? "none" : "key destroyed"}};
  return boost::json::serialize(statement);
}

/// Out of the catalog, and the certificate into it, in one transaction.
Result<void> certify(OperationRun& run) {
  const auto tenant = tenant_of(run);
  if (tenant.has_error()) {
    // Done by a process that died just afterwards.
    return tenant.error().code() == Errc::not_found ? Result<void>() : tenant.error();
  }
  BULKHEAD_TRY(const auto statement, statement_of(run, *tenant));
  BULKHEAD_TRY(const auto jws, sign_statement(run.catalog, statement));
  BULKHEAD_CHECK(transaction(run.catalog, [&]() -> Result<void> {
    BULKHEAD_TRY(
        auto kept,
        run.catalog.query(
            "insert into catalog.deletion(tenant_id, slug, statement, jws) values ($1::uuid, $2, $3, "
            "$4) on conflict do nothing",
            {tenant->id.text(), tenant->slug, statement, jws}));
    BULKHEAD_TRY(auto gone,
                 run.catalog.query("delete from catalog.tenant where id = $1::uuid", {tenant->id.text()}));
    return {};
  }));
  return {};
}

Result<void> finish(OperationRun& run) {
  run.operation.result["certificate"] = run.operation.tenant.value_or(TenantId()).text();
  return {};
}

Result<void> check_gone(pg::Blocking& home, const catalog::TenantRecord& tenant) {
  BULKHEAD_TRY(auto resident,
               home.query("select from bulkhead.residency where tenant_id = $1::uuid and resident",
                          {tenant.id.text()}));
  if (resident.empty()) return {};
  return Error(Errc::internal,
               "tenant \"" + tenant.slug + "\" still lives where its rows were to be removed");
}

}  // namespace

Result<void> remove_rows_at(pg::Blocking& catalog, const catalog::TenantRecord& tenant) {
  auto connected = catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database);
  // A database that has gone already cannot be asked, and its name and login are still to go.
  if (connected.has_error() && tenant.placement.model != catalog::Model::silo) return connected.error();
  if (connected.has_value()) BULKHEAD_CHECK(check_gone(*connected, tenant));
  if (tenant.placement.model == catalog::Model::silo)
    return drop_database(catalog, tenant.placement.cell, tenant.placement.database);
  pg::Blocking& home = *connected;
  if (tenant.placement.model == catalog::Model::schema)
    BULKHEAD_CHECK(migrate::drop_schema(home, tenant.placement.schema));
  else
    BULKHEAD_CHECK(SharedTables(home, tenant).remove());
  return transaction(home, [&]() -> Result<void> {
    BULKHEAD_CHECK(no_news(home, tenant.id));
    BULKHEAD_TRY(auto counters,
                 home.query("delete from bulkhead.counter where tenant_id = $1::uuid", {tenant.id.text()}));
    BULKHEAD_TRY(auto left,
                 home.query("delete from bulkhead.residency where tenant_id = $1::uuid and not resident",
                            {tenant.id.text()}));
    return {};
  });
}

Result<Operation> run_delete(pg::Blocking& catalog, const Uuid& id,
                             const std::function<void(const Operation&)>& told) {
  static const std::vector<OperationStep> steps{{"fence", fence},      {"digest", digest},
                                                {"rows", remove_rows}, {"verify", verify},
                                                {"certify", certify},  {"finish", finish}};
  BULKHEAD_TRY(
      auto due,
      catalog.query("select due > now(), catalog.rfc3339(due) from catalog.operation where id = $1::uuid",
                    {id.text()}));
  if (!due.empty() && due.text(0, 0) == "t")
    return Error(Errc::conflict, "the tenant's grace lasts until " + std::string(due.text(0, 1)))
        .hint("`bulkhead tenant delete SLUG --now` ends it");
  return run_operation(catalog, id, steps, told);
}

}  // namespace bulkhead::lifecycle
