#include "lifecycle/housekeeper.hpp"

#include "catalog/cells.hpp"
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

void refill(pg::Blocking& catalog, const std::function<bool()>& stop, HousekeepingReport& report) {
  auto filled = fill_pool(catalog, {}, stop);
  if (filled.has_error()) return note(report, filled.error());
  report.placements = filled->made;
  report.undone = filled->undone;
  for (const auto& error : filled->errors) note(report, error);
}

struct Login {
  std::string name, database, verifier;
};

/// Those of one cell that are not as they were made.
Result<std::vector<Login>> changed_logins(pg::Blocking& catalog, pg::Blocking& server,
                                          const std::string& cell) {
  std::vector<Login> out;
  BULKHEAD_TRY(auto may, server.query("select has_table_privilege('pg_catalog.pg_authid', 'select')"));
  if (may.text(0, 0) != "t") return out;
  BULKHEAD_TRY(
      auto known,
      catalog.query(
          "select json_agg(json_build_object('login', login, 'name', name, 'verifier', verifier)) from "
          "catalog.database where cell = $1 and state = 'ready' and verifier <> ''",
          {cell}));
  if (known.is_null(0, 0)) return out;
  BULKHEAD_TRY(
      auto rows,
      server.query(
          "select k.login, k.name, k.verifier from json_to_recordset($1::json) as k(login text, name text, "
          "verifier "
          "text) join pg_catalog.pg_authid a on a.rolname = k.login where a.rolpassword is distinct from "
          "k.verifier or exists (select from pg_catalog.pg_db_role_setting s where s.setrole = a.oid)",
          {std::string(known.text(0, 0))}));
  for (std::size_t row = 0; row < rows.size(); ++row)
    out.push_back(Login{std::string(rows.text(row, 0)), std::string(rows.text(row, 1)),
                        std::string(rows.text(row, 2))});
  return out;
}

Result<void> mend(pg::Blocking& server, const Login& login) {
  const std::string name = server.quote_identifier(login.name);
  return server.execute("alter role " + name + " reset all; alter role " + name + " in database " +
                        server.quote_identifier(login.database) + " reset all; alter role " + name +
                        " password " + server.quote_literal(login.verifier));
}

Result<void> mend_cell(pg::Blocking& catalog, const std::string& cell, std::vector<std::string>& mended) {
  BULKHEAD_TRY(auto server, catalog::connect_to_cell(catalog, cell));
  BULKHEAD_TRY(const auto changed, changed_logins(catalog, server, cell));
  for (const auto& login : changed) {
    BULKHEAD_CHECK(mend(server, login));
    mended.push_back(login.name);
  }
  return {};
}

}  // namespace

HousekeepingReport Housekeeper::run_once(pg::Blocking& catalog, const std::function<bool()>& stop) {
  HousekeepingReport report;
  take_up_operations(catalog, stop, report);
  if (stop && stop()) return report;
  refill(catalog, stop, report);
  const auto now = std::chrono::steady_clock::now();
  if ((stop && stop()) || (logins_seen_ && now - *logins_seen_ < std::chrono::minutes(1))) return report;
  logins_seen_ = now;
  auto mended = mend_database_logins(catalog);
  if (mended.has_error())
    note(report, mended.error());
  else
    report.mended = std::move(*mended);
  return report;
}

Result<std::vector<std::string>> mend_database_logins(pg::Blocking& catalog) {
  BULKHEAD_TRY(auto cells,
               catalog.query("select distinct cell from catalog.database where verifier <> '' order by 1"));
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
