#include "lifecycle/housekeeper.hpp"

#include <map>

#include "catalog/cells.hpp"
#include "identity/internal_issuer.hpp"
#include "lifecycle/backup/base.hpp"
#include "lifecycle/move.hpp"
#include "lifecycle/operations.hpp"
#include "lifecycle/pool.hpp"
#include "lifecycle/tenants.hpp"

namespace bulkhead::lifecycle {
namespace {

/// Somebody else is at it: that is what was wanted.
void note(HousekeepingReport& report, const Error& error) {
  if (error.code() != Errc::conflict) report.errors.push_back(error);
}

void take_up_operations(pg::Blocking& catalog, const std::function<bool()>& stop,
                        HousekeepingReport& report) {
  if (auto ended = end_abandoned(catalog, "export"); ended.has_error()) note(report, ended.error());
  const auto open = open_operations(catalog);
  if (open.has_error()) return note(report, open.error());
  for (const auto& operation : *open) {
    if (stop && stop()) return;
    if (operation.kind == "export") continue;
    auto done = resume_operation(catalog, operation.id);
    if (done.has_error())
      note(report, done.error());
    else
      report.finished.push_back(operation.kind + " " + operation.subject);
  }
}

void back_up(pg::Blocking& catalog, const Housekeeper::StoreOf& store_of, const std::function<bool()>& stop,
             HousekeepingReport& report) {
  const auto store = store_of(catalog);
  // Nobody has said where.
  if (store.has_error()) return;
  auto made = backup::back_up_moved(catalog, *store, stop);
  if (made.has_error()) return note(report, made.error());
  report.backups = *made;
}

void refill(pg::Blocking& catalog, const std::function<bool()>& stop, HousekeepingReport& report) {
  auto filled = fill_pool(catalog, {}, stop);
  if (filled.has_error()) return note(report, filled.error());
  report.placements = filled->made;
  report.undone = filled->undone;
  for (const auto& error : filled->errors) note(report, error);
}

/// The login of a database, as the catalog has it.
struct Login {
  std::string name, database, password, verifier;
};

/// Those of one cell whose password in PostgreSQL is not the one that was seen to work, or that have settings of their own.
Result<std::vector<Login>> doubtful_logins(pg::Blocking& catalog, pg::Blocking& server,
                                           const std::string& cell) {
  std::vector<Login> out;
  BULKHEAD_TRY(auto may, server.query("select has_table_privilege('pg_catalog.pg_authid', 'select')"));
  if (may.text(0, 0) != "t") return out;
  BULKHEAD_TRY(
      auto known,
      catalog.query(
          "select login, name, password, verifier from catalog.database where cell = $1 and state = 'ready'",
          {cell}));
  std::map<std::string, Login> logins;
  std::string names;
  for (std::size_t row = 0; row < known.size(); ++row) {
    const std::string name(known.text(row, 0));
    names += (names.empty() ? "{" : ",") + name;
    logins[name] = Login{name, std::string(known.text(row, 1)), std::string(known.text(row, 2)),
                         std::string(known.text(row, 3))};
  }
  if (names.empty()) return out;
  BULKHEAD_TRY(auto rows,
               server.query("select a.rolname, a.rolpassword, exists (select from "
                            "pg_catalog.pg_db_role_setting s where s.setrole "
                            "= a.oid) from pg_catalog.pg_authid a where a.rolname = any ($1::name[])",
                            {names + "}"}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Login& login = logins[std::string(rows.text(row, 0))];
    if (login.verifier.empty() || login.verifier != rows.text(row, 1) || rows.text(row, 2) == "t")
      out.push_back(login);
  }
  return out;
}

/// The password stands in no statement's text, which the server's log might keep.
Result<void> mend(pg::Blocking& server, const Login& login) {
  const std::string name = server.quote_identifier(login.name);
  BULKHEAD_CHECK(server.execute(
      "alter role " + name + " reset all; alter role " + name + " in database " +
      server.quote_identifier(login.database) +
      " reset all; create or replace function pg_temp.give_password(login text, password text) returns void "
      "language plpgsql set search_path = pg_catalog, pg_temp as $$ begin execute format('alter role %I "
      "password "
      "%L', login, password); end $$"));
  BULKHEAD_TRY(auto given,
               server.query("select pg_temp.give_password($1, $2)", {login.name, login.password}));
  return {};
}

bool works(const pg::Blocking& server, const Login& login) {
  return server.another({{"dbname", login.database}, {"user", login.name}, {"password", login.password}})
      .has_value();
}

/// True when it had to be mended.
Result<bool> see_to(pg::Blocking& catalog, pg::Blocking& server, const std::string& cell,
                    const Login& login) {
  // One that was never looked at has changed only if its password does not work.
  const bool changed = !login.verifier.empty() || !works(server, login);
  if (changed) BULKHEAD_CHECK(mend(server, login));
  BULKHEAD_TRY(auto kept,
               server.query("select rolpassword from pg_catalog.pg_authid where rolname = $1", {login.name}));
  if (kept.empty()) return changed;
  // Not when it was given another password meanwhile.
  BULKHEAD_TRY(
      auto noted,
      catalog.query(
          "update catalog.database set verifier = $4 where cell = $1 and name = $2 and password = $3",
          {cell, login.database, login.password, std::string(kept.text(0, 0))}));
  return changed;
}

Result<void> mend_cell(pg::Blocking& catalog, const std::string& cell, std::vector<std::string>& mended) {
  BULKHEAD_TRY(auto server, catalog::connect_to_cell(catalog, cell));
  BULKHEAD_TRY(const auto doubtful, doubtful_logins(catalog, server, cell));
  for (const auto& login : doubtful) {
    BULKHEAD_TRY(const bool changed, see_to(catalog, server, cell, login));
    if (changed) mended.push_back(login.name);
  }
  return {};
}

}  // namespace

HousekeepingReport Housekeeper::run_once(pg::Blocking& catalog, const std::function<bool()>& stop) {
  HousekeepingReport report;
  take_up_operations(catalog, stop, report);
  if (stop && stop()) return report;
  auto cleaned = clean_due_placements(catalog, stop);
  if (cleaned.has_error())
    note(report, cleaned.error());
  else
    report.cleaned = *cleaned;
  if (stop && stop()) return report;
  if (store_) back_up(catalog, store_, stop, report);
  if (stop && stop()) return report;
  refill(catalog, stop, report);
  const auto now = std::chrono::steady_clock::now();
  if ((stop && stop()) || (seen_ && now - *seen_ < std::chrono::minutes(1))) return report;
  seen_ = now;
  auto keys = identity::rotate_internal_keys(catalog, std::chrono::system_clock::now());
  if (keys.has_error())
    note(report, keys.error());
  else
    report.keys_changed = *keys;
  auto mended = mend_database_logins(catalog);
  if (mended.has_error())
    note(report, mended.error());
  else
    report.mended = std::move(*mended);
  return report;
}

Result<std::vector<std::string>> mend_database_logins(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto cells,
               catalog.query("select distinct cell from catalog.database where state = 'ready' order by 1"));
  std::vector<std::string> mended;
  std::optional<Error> failed;
  for (std::size_t row = 0; row < cells.size(); ++row) {
    // A cell that is away does not keep the others' from being mended.
    auto done = mend_cell(catalog, std::string(cells.text(row, 0)), mended);
    if (done.has_error()) failed = done.error();
  }
  if (failed && mended.empty()) return *failed;
  return mended;
}

}  // namespace bulkhead::lifecycle
