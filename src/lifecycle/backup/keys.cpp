#include "lifecycle/backup/keys.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr const char* key_name = "backup_key";

std::string purpose(const TenantId& tenant) {
  return "bulkhead backups of tenant " + tenant.text();
}

/// Whoever comes first makes it; the others read the same.
Result<DataKey> installation_key(pg::Blocking& catalog) {
  const auto read = [&] {
    return catalog.query("select secret from catalog.credential where name = $1", {key_name});
  };
  BULKHEAD_TRY(auto rows, read());
  if (rows.empty()) {
    BULKHEAD_TRY(
        auto kept,
        catalog.query("insert into catalog.credential(name, secret) values ($1, $2) on conflict do nothing",
                      {key_name, DataKey::generate().hex()}));
    BULKHEAD_TRY(rows, read());
  }
  auto key = DataKey::from_hex(rows.text(0, 0));
  if (key.has_error())
    return Error(Errc::config_invalid, "the installation's key of backups in the catalog is damaged")
        .hint("restore catalog.credential 'backup_key' from a backup of the catalog");
  return key;
}

Result<std::optional<DataKey>> read_key(pg::Blocking& catalog, const TenantId& tenant) {
  BULKHEAD_TRY(auto rows, catalog.query("select wrapped from catalog.backup_key where tenant_id = $1::uuid",
                                        {tenant.text()}));
  if (rows.empty()) return std::optional<DataKey>();
  BULKHEAD_TRY(const DataKey wrapping, installation_key(catalog));
  BULKHEAD_TRY(DataKey key, DataKey::unwrap(rows.text(0, 0), wrapping, purpose(tenant)));
  return std::optional<DataKey>(key);
}

}  // namespace

Result<DataKey> find_tenant_key(pg::Blocking& catalog, const TenantId& tenant) {
  BULKHEAD_TRY(const auto key, read_key(catalog, tenant));
  if (key) return *key;
  return Error(Errc::not_found, "tenant " + tenant.text() + " has no backups")
      .hint("`bulkhead backup TENANT` makes one");
}

Result<DataKey> tenant_key(pg::Blocking& catalog, const TenantId& tenant) {
  BULKHEAD_TRY(const auto key, read_key(catalog, tenant));
  if (key) return *key;
  BULKHEAD_TRY(const DataKey wrapping, installation_key(catalog));
  BULKHEAD_TRY(const std::string wrapped, DataKey::generate().wrapped(wrapping, purpose(tenant)));
  BULKHEAD_TRY(
      auto kept,
      catalog.query(
          "insert into catalog.backup_key(tenant_id, wrapped) values ($1::uuid, $2) on conflict do nothing",
          {tenant.text(), wrapped}));
  return find_tenant_key(catalog, tenant);
}

}  // namespace bulkhead::lifecycle::backup
