#include "lifecycle/slots.hpp"

#include "base/failpoint.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/lock.hpp"
#include "migrate/target.hpp"

namespace bulkhead::lifecycle {
namespace {

constexpr std::string_view columns = "tenant_id, model, cell, database_name, schema_name, state";

Result<Slot> slot_of(const Rows& rows, std::size_t row) {
  Slot out;
  const auto tenant = Uuid::parse(rows.text(row, 0));
  const auto model = catalog::parse_model(rows.text(row, 1));
  if (!tenant || !model)
    return Error(Errc::internal, "the catalog holds a slot that this version does not understand");
  out.tenant = TenantId(*tenant);
  out.model = *model;
  out.cell = rows.text(row, 2);
  out.database = rows.text(row, 3);
  out.schema = rows.text(row, 4);
  out.state = rows.text(row, 5);
  return out;
}

Result<std::vector<Slot>> slots_where(pg::Blocking& catalog, std::string_view condition) {
  BULKHEAD_TRY(auto rows, catalog.query("select " + std::string(columns) + " from catalog.slot s " +
                                        std::string(condition) + " order by made_at, tenant_id"));
  std::vector<Slot> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto slot, slot_of(rows, row));
    out.push_back(std::move(slot));
  }
  return out;
}

Error being_made(const Slot& slot) {
  return Error(Errc::conflict, "another process works on placement " + slot.tenant.text())
      .hint("wait until it has ended");
}

Result<std::string> login_of(pg::Blocking& catalog, const Slot& slot) {
  BULKHEAD_TRY(auto rows, catalog.query("select login from catalog.database where cell = $1 and name = $2",
                                        {slot.cell, slot.database}));
  if (rows.empty()) return Error(Errc::internal, "the catalog has no database \"" + slot.database + "\"");
  return std::string(rows.text(0, 0));
}

Result<void> add_residency(pg::Blocking& target, const Slot& slot) {
  BULKHEAD_TRY(
      auto added,
      target.query("insert into bulkhead.residency(tenant_id, epoch, schema_name) values ($1::uuid, 1, "
                   "$2) on conflict (tenant_id) do nothing",
                   {slot.tenant.text(), slot.schema}));
  return {};
}

}  // namespace

std::string slot_lock(const Slot& slot) {
  return "bulkhead slot " + slot.tenant.text();
}

Error no_room(catalog::Model model, const std::string& cell, const std::string& region) {
  std::string where = !cell.empty()     ? "cell \"" + cell + "\" is closed, full, or not there"
                      : !region.empty() ? "no open cell of region \"" + region + "\" has room"
                                        : "no open cell has room";
  return Error(Errc::conflict,
               where + " for another tenant of the " + std::string(catalog::model_name(model)) + " model")
      .hint("`bulkhead cell list` shows what the cells hold; `bulkhead cell add NAME URL` adds one");
}

namespace {

/// The slot that `made` names, if it names one.
Result<Slot> reserved(pg::Blocking& catalog, const Rows& made, catalog::Model model, const std::string& cell,
                      const std::string& region) {
  if (made.is_null(0, 0)) return no_room(model, cell, region);
  BULKHEAD_TRY(auto rows, catalog.query("select " + std::string(columns) +
                                            " from catalog.slot where tenant_id = $1::uuid",
                                        {std::string(made.text(0, 0))}));
  if (rows.empty()) return Error(Errc::internal, "a slot has gone while it was made");
  return slot_of(rows, 0);
}

}  // namespace

Result<Slot> reserve_slot(pg::Blocking& catalog, catalog::Model model, const std::string& cell,
                          const std::string& region) {
  BULKHEAD_TRY(auto made, catalog.query("select catalog.reserve_slot($1, $2, $3)",
                                        {std::string(catalog::model_name(model)), cell, region}));
  return reserved(catalog, made, model, cell, region);
}

Result<Slot> reserve_slot_to_move(pg::Blocking& catalog, catalog::Model model, const std::string& cell,
                                  const TenantId& moving) {
  BULKHEAD_TRY(auto made, catalog.query("select catalog.reserve_slot($1, $2, '', $3::uuid)",
                                        {std::string(catalog::model_name(model)), cell, moving.text()}));
  return reserved(catalog, made, model, cell, "");
}

Result<std::optional<Slot>> find_slot(pg::Blocking& catalog, const TenantId& tenant) {
  BULKHEAD_TRY(auto rows, catalog.query("select " + std::string(columns) +
                                            " from catalog.slot where tenant_id = $1::uuid",
                                        {tenant.text()}));
  if (rows.empty()) return std::optional<Slot>();
  BULKHEAD_TRY(auto slot, slot_of(rows, 0));
  return std::optional<Slot>(std::move(slot));
}

Result<std::vector<Slot>> list_slots(pg::Blocking& catalog) {
  return slots_where(catalog, "");
}

Result<void> provision_slot(pg::Blocking& catalog, const Slot& slot, ShardConnection& shard) {
  BULKHEAD_TRY(const bool free, try_lock(catalog, slot_lock(slot)));
  if (!free) return being_made(slot);
  const SessionLock lock(catalog, slot_lock(slot));
  std::optional<pg::Blocking> own;
  pg::Blocking* connection = nullptr;
  if (slot.model == catalog::Model::schema) {
    BULKHEAD_TRY(connection, shard.open(catalog, slot.cell, slot.database));
  } else {
    BULKHEAD_TRY(auto opened, open_database(catalog, slot.cell, slot.database));
    connection = &own.emplace(std::move(opened));
  }
  pg::Blocking& target = *connection;
  if (slot.model == catalog::Model::schema) {
    BULKHEAD_TRY(const auto login, login_of(catalog, slot));
    BULKHEAD_CHECK(migrate::prepare_schema(target, login, slot.schema));
    failpoint("provision.schema.prepared");
  }
  if (slot.model != catalog::Model::row) BULKHEAD_CHECK(fill_schema(catalog, target, slot.schema));
  failpoint("provision.slot.filled");
  BULKHEAD_CHECK(add_residency(target, slot));
  failpoint("provision.slot.resident");
  return {};
}

Result<void> offer_slot(pg::Blocking& catalog, const Slot& slot) {
  BULKHEAD_TRY(
      auto offered,
      catalog.query("update catalog.slot set state = 'ready' where tenant_id = $1::uuid and state = 'making'",
                    {slot.tenant.text()}));
  return {};
}

Result<void> drop_slot(pg::Blocking& catalog, const Slot& slot) {
  BULKHEAD_TRY(const bool free, try_lock(catalog, slot_lock(slot)));
  if (!free) return being_made(slot);
  const SessionLock lock(catalog, slot_lock(slot));
  BULKHEAD_TRY(auto marked,
               catalog.query("update catalog.slot set state = 'dropping' where tenant_id = $1::uuid",
                             {slot.tenant.text()}));
  if (marked.affected() == 0) {
    return Error(Errc::conflict, "placement " + slot.tenant.text() + " is not waiting any more");
  }
  failpoint("drop.slot.marked");
  BULKHEAD_TRY(auto database,
               catalog.query("select state from catalog.database where cell = $1 and name = $2",
                             {slot.cell, slot.database}));
  // A database that was never ready goes as a whole, once no other slot needs it.
  if (slot.model != catalog::Model::silo && !database.empty() && database.text(0, 0) == "ready") {
    BULKHEAD_TRY(auto target, catalog::connect_to(catalog, slot.cell, slot.database));
    if (slot.model == catalog::Model::schema) BULKHEAD_CHECK(migrate::drop_schema(target, slot.schema));
    BULKHEAD_TRY(auto left, target.query("delete from bulkhead.residency where tenant_id = $1::uuid",
                                         {slot.tenant.text()}));
  }
  failpoint("drop.slot.undone");
  BULKHEAD_TRY(auto gone,
               catalog.query("delete from catalog.slot where tenant_id = $1::uuid", {slot.tenant.text()}));
  failpoint("drop.slot.gone");
  if (slot.model == catalog::Model::silo) return drop_database(catalog, slot.cell, slot.database);
  return {};
}

Result<std::vector<Slot>> leftover_slots(pg::Blocking& catalog) {
  return slots_where(
      catalog,
      "where s.state <> 'ready' and not exists (select from catalog.operation o where "
      "o.tenant_id = s.tenant_id and o.state in ('pending', 'running')) and not exists (select from "
      "catalog.operation o where o.kind = 'move' and o.progress->>'slot' = s.tenant_id::text)");
}

Result<std::vector<std::pair<std::string, std::string>>> leftover_databases(pg::Blocking& catalog) {
  BULKHEAD_CHECK(
      catalog.execute("begin; select pg_advisory_xact_lock(hashtextextended('bulkhead reserve', 0))"));
  auto marked = catalog.query(
      "update catalog.database d set state = 'dropping' where d.kind in ('shard', 'silo') and d.state <> "
      "'ready' and "
      "not exists (select from catalog.slot s where s.cell = d.cell and s.database_name = d.name) and not "
      "exists (select from catalog.placement p where p.cell = d.cell and p.database_name = d.name) returning "
      "d.cell, d.name");
  if (marked.has_error()) {
    [[maybe_unused]] const auto rolled_back = catalog.execute("rollback");
    return marked.error();
  }
  BULKHEAD_CHECK(catalog.execute("commit"));
  std::vector<std::pair<std::string, std::string>> out;
  for (std::size_t row = 0; row < marked->size(); ++row)
    out.emplace_back(marked->text(row, 0), marked->text(row, 1));
  return out;
}

}  // namespace bulkhead::lifecycle
