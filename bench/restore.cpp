// Backs one tenant up out of shared tables, keeps its journal while it is written to, restores it to a second in between, and compares
// every row with a shadow copy that was taken then.
//
//   bench_restore URL STORE SLUG SECONDS     prints one JSON object
//
// The database is set up by bench/run restore.
#include "lifecycle/backup/restore.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include <fmt/format.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "integration/backup/journal_pump.hpp"
#include "lifecycle/backup/base.hpp"
#include "support/tenants.hpp"

namespace {

using namespace bulkhead;
using Clock = std::chrono::steady_clock;
using test::must;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

std::string one(pg::Blocking& connection, const std::string& sql) {
  return std::string(must(connection.query(sql)).text(0, 0));
}

/// Inserts, updates and deletes, some five hundred transactions a second, until `stop`; stands still while `hold`.
void write(const test::Database& database, const std::string& tenant, const std::atomic<bool>& stop,
           const std::atomic<bool>& hold, std::atomic<bool>& holding) {
  auto connection = database.connect_admin();
  auto due = Clock::now();
  for (long n = 0; !stop; ++n) {
    holding = hold.load();
    if (holding) {
      std::this_thread::yield();
      continue;
    }
    const std::string row = "(select id from app.tasks where tenant_id = $1::uuid order by id offset " +
                            std::to_string(n % 100) + " limit 1)";
    const std::string sql =
        n % 5 == 4   ? "delete from app.tasks where tenant_id = $1::uuid and id = " + row
        : n % 2 == 0 ? "update app.tasks set title = title || '.', priority = priority + 1 where tenant_id = "
                       "$1::uuid and id = " +
                           row
                     : "insert into app.tasks(tenant_id, project_id, title) select tenant_id, project_id, "
                       "'new' from app.tasks where tenant_id = $1::uuid limit 1";
    static_cast<void>(must(connection.query(sql, {tenant})));
    due += std::chrono::milliseconds(2);
    std::this_thread::sleep_until(due);
  }
}

lifecycle::backup::Moment now(pg::Blocking& catalog) {
  return must(lifecycle::backup::parse_moment(one(
      catalog, "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")));
}

std::string others(pg::Blocking& catalog, const std::string& tenant) {
  return one(
      catalog,
      "select sum(hashtextextended(t::text, 0)::numeric) from app.tasks t where tenant_id in (select id "
      "from catalog.tenant where slug ~ '^tenant-[0-9]+$') and tenant_id <> '" +
          tenant + "'");
}

std::string run(const std::string& url, const std::string& store, const std::string& slug, int seconds) {
  test::Database database;
  database.admin = url;
  auto catalog = database.connect_admin();
  const auto tenant = must(catalog::find_tenant(catalog, slug));
  const std::string id = tenant.id.text();
  const std::string before = others(catalog, id);
  must(lifecycle::backup::set_continuous(catalog, slug, true));
  test::JournalPump pump(database, tenant, store);
  while (one(catalog, "select count(*) from catalog.backup_stretch where until_at is null") == "0")
    static_cast<void>(must(lifecycle::backup::mark_journal(catalog)));

  std::atomic<bool> stop{false}, hold{false}, holding{false};
  std::thread writer([&] { write(database, id, stop, hold, holding); });
  lifecycle::backup::BackupRequest backup;
  backup.tenant = slug;
  backup.store = store;
  auto begun = Clock::now();
  const auto base = must(lifecycle::backup::create_backup(catalog, backup));
  const double backup_s = seconds_since(begun);
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  hold = true;
  while (!holding) std::this_thread::yield();
  const auto at = now(catalog);
  must(catalog.execute("create table public.shadow as select * from app.tasks where tenant_id = '" + id +
                       "'"));
  hold = false;
  std::this_thread::sleep_for(std::chrono::seconds(std::max(1, seconds / 2)));

  lifecycle::backup::RestoreRequest restore;
  restore.tenant = slug;
  restore.as = slug + "-restored";
  restore.at = at;
  restore.store = store;
  begun = Clock::now();
  const auto restored = must(lifecycle::backup::restore_tenant(catalog, restore));
  const double restore_s = seconds_since(begun);
  stop = true;
  writer.join();
  const std::string columns = "id, project_id, title, status, priority, due, created_at";
  const std::string there =
      "select " + columns + " from app.tasks where tenant_id = '" + restored.tenant.id.text() + "'";
  const std::string shadow = "select " + columns + " from public.shadow";
  const std::string differing = one(catalog, "select count(*) from ((" + there + " except all " + shadow +
                                                 ") union all (" + shadow + " except all " + there + ")) d");
  return fmt::format(
      R"({{"rows": {}, "bytes": {}, "backup_s": {:.3f}, "restore_s": {:.3f}, "changes": {}, "transactions": {}, "differing_rows": {}, "others_changed": {}}})",
      base.manifest.rows(), base.manifest.bytes(), backup_s, restore_s, restored.changes,
      restored.transactions, differing, others(catalog, id) == before ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("bench_restore URL STORE SLUG SECONDS\n", stderr);
    return 2;
  }
  try {
    std::puts(run(argv[1], argv[2], argv[3], std::atoi(argv[4])).c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_restore: %s\n", error.what());
    return 1;
  }
}
