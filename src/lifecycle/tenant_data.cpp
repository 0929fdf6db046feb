#include "lifecycle/tenant_data.hpp"

#include <algorithm>
#include <charconv>

#include "lifecycle/digest.hpp"

namespace bulkhead::lifecycle {

std::string digest_of(std::vector<TableDigest> tables) {
  std::sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  Sha256 sum;
  for (const auto& table : tables)
    sum.update(table.name + " " + std::to_string(table.rows) + " " + table.sha256 + "\n");
  return sum.hex();
}

TenantData::TenantData(pg::Blocking& placement, const catalog::TenantRecord& tenant)
    : placement_(&placement), tenant_(tenant.id.text()), schema_(tenant.placement.schema) {}

TenantData::TenantData(TenantData&& other) noexcept
    : placement_(other.placement_),
      tenant_(std::move(other.tenant_)),
      schema_(std::move(other.schema_)),
      tables_(std::move(other.tables_)),
      order_(std::move(other.order_)) {
  other.placement_ = nullptr;
}

TenantData::~TenantData() {
  if (placement_ == nullptr) return;
  [[maybe_unused]] const auto ended = placement_->execute("rollback");
}

Result<TenantData> TenantData::open(pg::Blocking& placement, const catalog::TenantRecord& tenant) {
  // What a value looks like must not depend on who asks.
  BULKHEAD_CHECK(placement.execute(
      "begin isolation level repeatable read read only; set local timezone = 'UTC'; set local datestyle = "
      "'ISO, YMD'; set local intervalstyle = 'postgres'; set local extra_float_digits = 1; set local "
      "bytea_output = 'hex'"));
  TenantData out(placement, tenant);
  BULKHEAD_TRY(out.tables_, read_tables(placement, out.schema_));
  std::vector<std::string> own;
  for (const auto& [name, table] : out.tables_)
    if (table.tenant) own.push_back(name);
  auto order = foreign_key_order(out.tables_, own);
  out.order_ = order.has_value() ? std::move(*order) : own;
  // The owner of the tables sees all rows of all tenants; a superuser alone would, too.
  BULKHEAD_CHECK(placement.execute("set local role bulkhead_owner"));
  return out;
}

Result<std::uint64_t> TenantData::count(const std::string& table) {
  BULKHEAD_TRY(auto rows,
               placement_->query("select count(*) from " + placement_->quote_identifier(schema_) + "." +
                                     placement_->quote_identifier(table) + " where tenant_id = $1::uuid",
                                 {tenant_}));
  std::uint64_t out = 0;
  const auto text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Result<TableDigest> TenantData::read(const std::string& table,
                                     const std::function<void(std::string_view)>& piece) {
  const ImportTable& known = tables_.at(table);
  std::string columns, keys;
  for (const auto& column : stored_columns(known))
    columns += (columns.empty() ? "" : ", ") + placement_->quote_identifier(column);
  for (const auto& column : known.primary_key)
    keys += (keys.empty() ? " order by " : ", ") + placement_->quote_identifier(column);
  return copy(table,
              "select " + columns + " from " + placement_->quote_identifier(schema_) + "." +
                  placement_->quote_identifier(table) +
                  " where tenant_id = " + placement_->quote_literal(tenant_) + keys,
              piece);
}

Result<TableDigest> TenantData::read_counters(const std::function<void(std::string_view)>& piece) {
  // They are Bulkhead's own, not the app's owner's.
  BULKHEAD_CHECK(placement_->execute("set local role none"));
  auto read = copy("bulkhead.counter",
                   "select name, value from bulkhead.counter where tenant_id = " +
                       placement_->quote_literal(tenant_) + " order by name",
                   piece);
  BULKHEAD_CHECK(placement_->execute("set local role bulkhead_owner"));
  return read;
}

Result<TableDigest> TenantData::copy(const std::string& name, const std::string& query,
                                     const std::function<void(std::string_view)>& piece) {
  TableDigest out;
  out.name = name;
  Sha256 sum;
  std::uint64_t lines = 0;
  // PostgreSQL sends one record a message, the header first.
  BULKHEAD_CHECK(
      placement_->copy_out("copy (" + query + ") to stdout (format csv, header)", [&](std::string_view line) {
        ++lines;
        sum.update(line);
        piece(line);
      }));
  out.rows = lines - 1;
  out.sha256 = sum.hex();
  return out;
}

}  // namespace bulkhead::lifecycle
