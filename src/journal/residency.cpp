#include "journal/residency.hpp"

#include <charconv>

#include "journal/change.hpp"

namespace bulkhead::journal {
namespace {

Error superseded() {
  return Error(Errc::conflict, "another process has taken over this move")
      .hint("`bulkhead operation list` shows where it stands");
}

Error still_at_work() {
  return Error(Errc::overloaded, "a process that moved this tenant before is still writing at the target")
      .hint("end it, or wait until it has ended, and resume the operation");
}

Residency read(const Rows& rows, std::size_t first) {
  Residency out;
  out.there = true;
  out.resident = rows.text(0, first) == "t";
  out.writable = rows.text(0, first + 1) == "t";
  const auto epoch = rows.text(0, first + 2);
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), out.epoch);
  out.schema = rows.text(0, first + 3);
  return out;
}

/// An update of the row that the attempt owns; no row: it does not own it any more.
Result<void> own(pg::Blocking& database, const std::string& statement,
                 const std::vector<std::optional<std::string>>& params) {
  BULKHEAD_TRY(auto changed, database.query(statement, params));
  if (changed.affected() == 0) return superseded();
  return {};
}

}  // namespace

Result<Residency> residency_of(pg::Blocking& database, const TenantId& tenant) {
  BULKHEAD_TRY(auto rows,
               database.query("select resident, writable, epoch, schema_name from bulkhead.residency "
                              "where tenant_id = $1::uuid",
                              {tenant.text()}));
  if (rows.empty()) return Residency();
  return read(rows, 0);
}

Result<Residency> claim_target(pg::Blocking& target, const TenantId& tenant, std::uint64_t attempt,
                               const std::string& schema) {
  // Where the tenant has arrived already, the schema is the one that it has arrived in.
  auto claimed = target.query(
      "insert into bulkhead.residency as r (tenant_id, epoch, writable, resident, schema_name, generation) "
      "values "
      "($1::uuid, 1, false, false, $3, $2::bigint) on conflict (tenant_id) do update set generation = "
      "excluded.generation, schema_name = case when r.resident then r.schema_name else excluded.schema_name "
      "end "
      "where r.generation < excluded.generation returning resident, writable, epoch, schema_name",
      {tenant.text(), std::to_string(attempt), schema});
  if (claimed.has_error()) return claimed.error().sqlstate() == "55P03" ? still_at_work() : claimed.error();
  if (claimed->empty()) return superseded();
  return read(*claimed, 0);
}

Result<Residency> claim_source(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt) {
  BULKHEAD_TRY(
      auto claimed,
      source.query("update bulkhead.residency set generation = $2::bigint where tenant_id = $1::uuid and "
                   "generation < $2::bigint returning resident, writable, epoch, schema_name",
                   {tenant.text(), std::to_string(attempt)}));
  if (claimed.empty()) return superseded();
  return read(claimed, 0);
}

Result<void> begin_writing(pg::Blocking& target, const TenantId& tenant, std::uint64_t attempt) {
  BULKHEAD_CHECK(target.execute("begin"));
  BULKHEAD_TRY(
      auto mine,
      target.query("with mine as (select from bulkhead.residency where tenant_id = $1::uuid and generation "
                   "= $2::bigint and not resident for share) select "
                   "pg_logical_emit_message(true, $3, $1::text) from mine",
                   {tenant.text(), std::to_string(attempt), std::string(moved_prefix)}));
  if (mine.empty()) return superseded();
  return {};
}

Result<void> fence(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt) {
  return own(source,
             "with fenced as (update bulkhead.residency set writable = false where tenant_id = $1::uuid and "
             "generation = $2::bigint and resident and writable returning 1) select "
             "pg_logical_emit_message(true, $3, $2::text) from fenced",
             {tenant.text(), std::to_string(attempt), std::string(fence_prefix)});
}

Result<void> unfence(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt) {
  return own(
      source,
      "update bulkhead.residency set writable = true where tenant_id = $1::uuid and generation = $2::bigint "
      "and resident",
      {tenant.text(), std::to_string(attempt)});
}

Result<void> settle(pg::Blocking& target, const TenantId& tenant, std::uint64_t attempt, std::int64_t epoch) {
  BULKHEAD_CHECK(
      own(target,
          "update bulkhead.residency set resident = true, writable = true, epoch = $3::bigint where "
          "tenant_id = $1::uuid and generation = $2::bigint and not resident",
          {tenant.text(), std::to_string(attempt), std::to_string(epoch)}));
  return target.execute("set local synchronous_commit = on; commit");
}

Result<void> leave(pg::Blocking& source, const TenantId& tenant, std::uint64_t attempt) {
  return own(
      source,
      "update bulkhead.residency set resident = false, writable = false where tenant_id = $1::uuid and "
      "generation = $2::bigint",
      {tenant.text(), std::to_string(attempt)});
}

}  // namespace bulkhead::journal
