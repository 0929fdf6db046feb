#include "catalog/act_as.hpp"

#include <charconv>

#include "base/utf8.hpp"

namespace bulkhead::catalog {
namespace {

constexpr std::string_view columns =
    "id, user_id, role, actor, reason, to_char(made_at at time zone 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), "
    "floor(extract(epoch from expires_at))::bigint";
constexpr std::size_t longest_reason = 1000;

Result<ActAsGrant> grant_of(const Rows& rows, std::size_t row) {
  ActAsGrant grant;
  const auto id = Uuid::parse(rows.text(row, 0));
  if (!id) return Error(Errc::internal, "a grant of the catalog has no id");
  grant.id = *id;
  if (const auto user = Uuid::parse(rows.text(row, 1))) grant.user = UserId(*user);
  grant.role = rows.text(row, 2);
  grant.actor = rows.text(row, 3);
  grant.reason = rows.text(row, 4);
  grant.made_at = rows.text(row, 5);
  grant.expires_at = rows.text(row, 6);
  grant.ended_at = rows.text(row, 7);
  const std::string_view expires = rows.text(row, 8);
  std::int64_t seconds = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  grant.expires = std::chrono::system_clock::time_point(std::chrono::seconds(seconds));
  return grant;
}

Result<void> check(const ActAsRequest& request) {
  const bool blank = request.reason.find_first_not_of(" \t\r\n") == std::string::npos;
  if (blank || request.reason.size() > longest_reason || !valid_utf8(request.reason))
    return Error(Errc::usage, "a reason of 1 to 1000 bytes is needed to act for a tenant")
        .hint("say why, as the tenant will read it: a ticket's number, for example");
  if (request.lasts < std::chrono::seconds(60) || request.lasts > act_as_longest)
    return Error(Errc::usage, "an operator acts for a tenant for one minute to eight hours");
  return {};
}

}  // namespace

Result<ActAsGrant> grant_act_as(pg::Blocking& admin, const ActAsRequest& request) {
  BULKHEAD_CHECK(check(request));
  const auto user = request.user ? std::optional(request.user->text()) : std::nullopt;
  BULKHEAD_TRY(
      auto rows,
      admin.query("insert into catalog.act_as(tenant_id, user_id, role, actor, reason, expires_at) "
                  "select $1::uuid, $2::uuid, coalesce(m.role, $3), $4, $5, now() + make_interval(secs => "
                  "$6::bigint) from (select $2::uuid) as asked(user_id) left join catalog.membership m on "
                  "m.tenant_id = $1::uuid and m.user_id = asked.user_id and m.status = 'active' where "
                  "asked.user_id is null or m.user_id is not null returning " +
                      std::string(columns),
                  {request.tenant.text(), user, std::string(role_name(request.role)), request.actor,
                   request.reason, std::to_string(request.lasts.count())}));
  if (rows.empty())
    return Error(Errc::not_found, "this user is no member of the tenant")
        .hint("a role instead of a user acts in nobody's place");
  return grant_of(rows, 0);
}

Result<std::vector<ActAsGrant>> list_act_as(pg::Blocking& admin, const TenantId& tenant) {
  BULKHEAD_TRY(auto rows, admin.query("select " + std::string(columns) +
                                          " from catalog.act_as where tenant_id = $1::uuid order by made_at "
                                          "desc, id limit 500",
                                      {tenant.text()}));
  std::vector<ActAsGrant> grants;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto grant, grant_of(rows, row));
    grants.push_back(std::move(grant));
  }
  return grants;
}

Result<ActAsGrant> end_act_as(pg::Blocking& admin, const TenantId& tenant, const Uuid& grant) {
  BULKHEAD_TRY(auto rows,
               admin.query("update catalog.act_as set ended_at = case when expires_at > now() then "
                           "coalesce(ended_at, now()) else ended_at end where tenant_id = $1::uuid and id = "
                           "$2::uuid returning " +
                               std::string(columns),
                           {tenant.text(), grant.text()}));
  if (rows.empty())
    return Error(Errc::not_found, "the tenant has no such grant")
        .hint("`bulkhead tenant act-as TENANT --list` shows them");
  return grant_of(rows, 0);
}

}  // namespace bulkhead::catalog
