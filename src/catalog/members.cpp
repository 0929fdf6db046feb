#include "catalog/members.hpp"

#include <algorithm>

#include "catalog/store.hpp"

namespace bulkhead::catalog {
namespace {

std::string select_members(std::string_view condition) {
  return "select m.user_id, u.name, m.role, m.status, coalesce(i.issuer, ''), coalesce(i.subject, ''), "
         "to_char(m.made_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), u.kind from "
         "catalog.membership m "
         "join catalog.app_user u on u.id = m.user_id left join lateral (select issuer, subject from "
         "catalog.identity where user_id = u.id order by issuer, subject limit 1) i on true "
         "where m.tenant_id = $1::uuid " +
         std::string(condition);
}

Result<MemberRecord> member_of(const Rows& rows, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
  const auto id = Uuid::parse(rows.text(row, 0));
  if (!id) return Error(Errc::internal, "the catalog holds a membership without a user");
  MemberRecord member;
  member.user = UserId(*id);
  member.name = text(1);
  member.role = text(2);
  member.status = text(3);
  member.issuer = text(4);
  member.subject = text(5);
  member.made_at = text(6);
  member.kind = text(7);
  return member;
}

constexpr std::string_view domain_columns =
    "host, verified, to_char(made_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), token, "
    "verified_by";

DomainRecord domain_of(const Rows& rows, std::size_t row) {
  const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
  return DomainRecord{text(0), text(1) == "t", text(2), text(3), text(4)};
}

Error no_domain(const std::string& host) {
  return Error(Errc::not_found, "this tenant has no domain \"" + host + "\"");
}

bool valid_label(std::string_view label) noexcept {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Result<std::vector<TenantRecord>> list_tenants(pg::Blocking& admin, const TenantFilter& filter) {
  BULKHEAD_TRY(auto rows,
               admin.query("select " + std::string(tenant_columns()) +
                               " from catalog.tenant t join catalog.placement p on p.tenant_id = t.id "
                               "where t.slug > $1 and $2 in ('', t.status) and $3 in ('', t.plan) "
                               "order by t.slug limit $4",
                           {filter.after, filter.status, filter.plan, std::to_string(filter.limit)}));
  std::vector<TenantRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto record, record_of(rows, row));
    out.push_back(std::move(record));
  }
  return out;
}

Result<std::vector<MemberRecord>> list_members(pg::Blocking& admin, const TenantId& tenant,
                                               std::string_view after, std::size_t limit) {
  std::optional<std::string> behind;
  if (!after.empty()) behind = after;
  BULKHEAD_TRY(auto rows, admin.query(select_members("and ($2::uuid is null or m.user_id > $2) "
                                                     "order by m.user_id limit $3"),
                                      {tenant.text(), behind, std::to_string(limit)}));
  std::vector<MemberRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto member, member_of(rows, row));
    out.push_back(std::move(member));
  }
  return out;
}

Result<MemberRecord> find_member(pg::Blocking& admin, const TenantId& tenant, const UserId& user) {
  BULKHEAD_TRY(auto rows,
               admin.query(select_members("and m.user_id = $2::uuid"), {tenant.text(), user.text()}));
  if (rows.empty()) return Error(Errc::not_found, "this user is no member of this tenant");
  return member_of(rows, 0);
}

Result<void> remove_member(pg::Blocking& admin, const TenantId& tenant, const UserId& user) {
  BULKHEAD_TRY(auto rows,
               admin.query("delete from catalog.membership where tenant_id = $1::uuid and user_id = $2::uuid",
                           {tenant.text(), user.text()}));
  if (rows.affected() == 0) return Error(Errc::not_found, "this user is no member of this tenant");
  return {};
}

Result<void> suspend_member(pg::Blocking& admin, const TenantId& tenant, const UserId& user, bool suspended) {
  BULKHEAD_TRY(auto rows,
               admin.query("update catalog.membership set status = $3 where tenant_id = $1::uuid and "
                           "user_id = $2::uuid returning user_id",
                           {tenant.text(), user.text(), suspended ? "suspended" : "active"}));
  if (rows.empty()) return Error(Errc::not_found, "this user is no member of this tenant");
  return {};
}

Result<std::vector<DomainRecord>> list_domains(pg::Blocking& admin, const TenantId& tenant,
                                               std::string_view after, std::size_t limit) {
  BULKHEAD_TRY(auto rows, admin.query("select " + std::string(domain_columns) +
                                          " from catalog.domain where tenant_id = $1::uuid and host > $2 "
                                          "order by host limit $3",
                                      {tenant.text(), std::string(after), std::to_string(limit)}));
  std::vector<DomainRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.push_back(domain_of(rows, row));
  return out;
}

Result<DomainRecord> add_domain(pg::Blocking& admin, const TenantId& tenant, const std::string& host) {
  if (!valid_host(host))
    return Error(Errc::usage, "\"" + host + "\" is no name of a host")
        .hint("as in shop.example.com: lower case, without port; other alphabets in their xn-- form");
  auto rows = admin.query("insert into catalog.domain(host, tenant_id) values ($1, $2::uuid) returning " +
                              std::string(domain_columns),
                          {host, tenant.text()});
  if (rows.has_error() && rows.error().sqlstate() == "23505")
    return Error(Errc::already_exists, "the host \"" + host + "\" is taken");
  if (rows.has_error()) return rows.error();
  return domain_of(*rows, 0);
}

Result<DomainRecord> find_domain(pg::Blocking& admin, const TenantId& tenant, const std::string& host) {
  BULKHEAD_TRY(auto rows, admin.query("select " + std::string(domain_columns) +
                                          " from catalog.domain where tenant_id = $1::uuid and host = $2",
                                      {tenant.text(), host}));
  if (rows.empty()) return no_domain(host);
  return domain_of(rows, 0);
}

Result<DomainRecord> verify_domain(pg::Blocking& admin, const TenantId& tenant, const DomainRecord& domain,
                                   std::string_view method) {
  BULKHEAD_TRY(auto rows,
               admin.query("update catalog.domain set verified = true, verified_at = now(), verified_by = $4 "
                           "where tenant_id = $1::uuid and host = $2 and token = $3 returning " +
                               std::string(domain_columns),
                           {tenant.text(), domain.host, domain.token, std::string(method)}));
  if (rows.empty()) return no_domain(domain.host);
  return domain_of(rows, 0);
}

Result<void> remove_domain(pg::Blocking& admin, const TenantId& tenant, const std::string& host) {
  BULKHEAD_TRY(auto rows, admin.query("delete from catalog.domain where tenant_id = $1::uuid and host = $2",
                                      {tenant.text(), host}));
  if (rows.affected() == 0) return no_domain(host);
  return {};
}

bool valid_host(std::string_view host) noexcept {
  if (host.size() < 4 || host.size() > 253) return false;
  std::size_t labels = 0;
  std::string_view last;
  for (std::size_t at = 0; at <= host.size(); ++labels) {
    const std::size_t dot = std::min(host.find('.', at), host.size());
    last = host.substr(at, dot - at);
    if (!valid_label(last)) return false;
    at = dot + 1;
  }
  return labels >= 2 && last.find_first_not_of("0123456789") != std::string_view::npos;
}

}  // namespace bulkhead::catalog
