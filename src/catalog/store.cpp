#include "catalog/store.hpp"

#include <charconv>

#include "catalog/cells.hpp"

namespace bulkhead::catalog {
namespace {

using Parameters = std::vector<std::optional<std::string>>;

std::optional<TenantStatus> parse_status(std::string_view name) {
  for (const auto status : {TenantStatus::active, TenantStatus::suspended, TenantStatus::deleting}) {
    if (tenant_status_name(status) == name) return status;
  }
  return std::nullopt;
}

std::string select_tenants(std::string_view condition) {
  return "select " + std::string(tenant_columns()) +
         " from catalog.tenant t join catalog.placement p on p.tenant_id = t.id " + std::string(condition);
}

}  // namespace

std::string_view tenant_status_name(TenantStatus status) noexcept {
  switch (status) {
    case TenantStatus::active:
      return "active";
    case TenantStatus::suspended:
      return "suspended";
    case TenantStatus::deleting:
      return "deleting";
  }
  return "active";
}

std::string_view tenant_columns() noexcept {
  return "t.id, t.slug, t.name, t.plan, t.status, t.suspended_reason, p.model, p.cell, p.database_name, "
         "p.schema_name, p.epoch";
}

Result<TenantRecord> record_of(const Rows& rows, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
  TenantRecord out;
  const auto id = Uuid::parse(rows.text(row, 0));
  const auto status = parse_status(rows.text(row, 4));
  const auto model = parse_model(rows.text(row, 6));
  if (!id || !status || !model) {
    return Error(Errc::internal, "the catalog holds a tenant that this version does not understand")
        .internal(text(0));
  }
  out.id = TenantId(*id);
  out.slug = text(1);
  out.name = text(2);
  out.plan = text(3);
  out.status = *status;
  out.suspended_reason = text(5);
  out.placement.model = *model;
  out.placement.cell = text(7);
  out.placement.database = text(8);
  out.placement.schema = text(9);
  const auto epoch = rows.text(row, 10);
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), out.placement.epoch);
  return out;
}

Result<TenantRecord> create_tenant(pg::Blocking& admin, std::string_view slug, std::string_view name,
                                   std::string_view plan) {
  if (!valid_slug(slug)) {
    return Error(Errc::usage, "\"" + std::string(slug) + "\" cannot be a tenant's slug")
        .hint(
            "3 to 63 characters of a-z, 0-9 and -, beginning with a letter, not ending in -, without --, and "
            "not a "
            "reserved name such as www, api or admin");
  }
  auto made = admin.query("select catalog.create_tenant($1, $2, $3)",
                          {std::string(slug), std::string(name.empty() ? slug : name), std::string(plan)});
  if (made.has_error()) {
    if (made.error().sqlstate() == "23505") {
      return Error(Errc::already_exists, "there is a tenant \"" + std::string(slug) + "\" already")
          .hint("`bulkhead tenant list` shows all tenants");
    }
    return made.error();
  }
  return find_tenant(admin, made->text(0, 0));
}

Result<std::vector<TenantRecord>> list_tenants(pg::Blocking& admin) {
  BULKHEAD_TRY(auto rows, admin.query(select_tenants("order by t.slug")));
  std::vector<TenantRecord> out;
  out.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto record, record_of(rows, row));
    out.push_back(std::move(record));
  }
  return out;
}

Result<TenantRecord> find_tenant(pg::Blocking& admin, std::string_view slug_or_id) {
  const bool by_id = Uuid::parse(slug_or_id).has_value();
  BULKHEAD_TRY(auto rows, admin.query(select_tenants(by_id ? "where t.id = $1::uuid" : "where t.slug = $1"),
                                      {std::string(slug_or_id)}));
  if (rows.empty()) {
    return Error(Errc::not_found, "there is no tenant \"" + std::string(slug_or_id) + "\"")
        .hint("`bulkhead tenant list` shows all tenants; `bulkhead tenant create SLUG` makes one");
  }
  return record_of(rows, 0);
}

Result<void> remove_tenant(pg::Blocking& admin, const TenantId& tenant) {
  auto removed = admin.query(
      "with home as (delete from bulkhead.residency where tenant_id = $1::uuid)"
      " delete from catalog.tenant where id = $1::uuid",
      {tenant.text()});
  if (removed.has_error()) return removed.error();
  return {};
}

Result<void> set_tenant_status(pg::Blocking& admin, const TenantId& tenant, TenantStatus status,
                               std::string_view reason) {
  BULKHEAD_TRY(auto rows,
               admin.query("update catalog.tenant set status = $2, suspended_reason = $3 where id = $1::uuid",
                           {tenant.text(), std::string(tenant_status_name(status)), std::string(reason)}));
  if (rows.affected() == 0) return Error(Errc::not_found, "there is no tenant " + tenant.text());
  return {};
}

Result<UserId> ensure_membership(pg::Blocking& admin, const TenantId& tenant, std::string_view issuer,
                                 std::string_view subject, std::string_view name, Role role) {
  BULKHEAD_TRY(auto rows, admin.query("select catalog.ensure_membership($1::uuid, $2, $3, $4, $5)",
                                      {tenant.text(), std::string(issuer), std::string(subject),
                                       std::string(name), std::string(role_name(role))}));
  const auto id = Uuid::parse(rows.text(0, 0));
  if (!id) return Error(Errc::internal, "catalog.ensure_membership returned no user");
  return UserId(*id);
}

Result<std::optional<std::string>> setting(pg::Blocking& admin, std::string_view name) {
  BULKHEAD_TRY(auto rows,
               admin.query("select value from catalog.setting where name = $1", {std::string(name)}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows.text(0, 0));
}

Result<void> set_setting(pg::Blocking& admin, std::string_view name, std::string_view value) {
  BULKHEAD_TRY(auto rows, admin.query("insert into catalog.setting(name, value) values ($1, $2) "
                                      "on conflict (name) do update set value = excluded.value",
                                      {std::string(name), std::string(value)}));
  return {};
}

Result<std::vector<DevIssuerKey>> dev_issuer_keys(pg::Blocking& admin) {
  BULKHEAD_TRY(auto rows,
               admin.query("select kid, private_pem from catalog.dev_issuer_key order by made_at, kid"));
  std::vector<DevIssuerKey> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    out.push_back(DevIssuerKey{std::string(rows.text(row, 0)), std::string(rows.text(row, 1))});
  }
  return out;
}

Result<void> add_dev_issuer_key(pg::Blocking& admin, const DevIssuerKey& key) {
  BULKHEAD_TRY(
      auto rows,
      admin.query(
          "insert into catalog.dev_issuer_key(kid, private_pem) values ($1, $2) on conflict do nothing",
          {key.kid, key.private_pem}));
  return {};
}

}  // namespace bulkhead::catalog
