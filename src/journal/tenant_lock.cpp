#include "journal/tenant_lock.hpp"

#include <chrono>
#include <string>

namespace bulkhead::journal {
namespace {

/// For writers that are under way to end. Those that come after them wait as long.
constexpr std::chrono::milliseconds lock_wait{300};

}  // namespace

Result<bool> try_lock_tenant(pg::Blocking& home, const TenantId& tenant) {
  BULKHEAD_CHECK(
      home.execute("set idle_session_timeout = '20s'; set idle_in_transaction_session_timeout = "
                   "'20s'; set lock_timeout = '" +
                   std::to_string(lock_wait.count()) + "ms'"));
  auto locked = home.query("select pg_advisory_lock(hashtextextended($1, 0))", {tenant.text()});
  if (locked.has_value()) return true;
  if (locked.error().sqlstate() == "55P03") return false;
  return locked.error();
}

Result<void> end_other_holder(pg::Blocking& home, const TenantId& tenant) {
  BULKHEAD_TRY(
      auto ended,
      home.query("select pg_terminate_backend(l.pid, 2000) from pg_locks l, hashtextextended($1, 0) h "
                 "where l.locktype = 'advisory' and l.mode = 'ExclusiveLock' and l.granted and "
                 "l.objsubid = 1 and l.pid <> pg_backend_pid() and l.database = (select oid from "
                 "pg_database where datname = current_database()) and l.classid::bigint = (h >> 32) & "
                 "4294967295 and l.objid::bigint = h & 4294967295",
                 {tenant.text()}));
  return {};
}

void unlock_tenant(pg::Blocking& home) {
  [[maybe_unused]] const auto unlocked = home.execute("select pg_advisory_unlock_all()");
}

}  // namespace bulkhead::journal
