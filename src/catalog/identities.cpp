#include "catalog/identities.hpp"

#include <charconv>

#include "base/utf8.hpp"

namespace bulkhead::catalog {
namespace {

/// As long as the longest that a token may name (identity/token.hpp), and a URL.
constexpr std::size_t longest_subject = 255, longest_issuer = 2048;

Result<void> check_parts(std::string_view issuer, std::string_view subject) {
  const auto sound = [](std::string_view text, std::size_t longest) {
    return !text.empty() && text.size() <= longest && valid_utf8(text) &&
           text.find('\0') == std::string_view::npos;
  };
  if (!sound(issuer, longest_issuer))
    return Error(Errc::usage, "an issuer is 1 to 2048 bytes of UTF-8")
        .hint("write it exactly as the tokens' `iss` has it");
  if (!sound(subject, longest_subject))
    return Error(Errc::usage, "a subject is 1 to 255 bytes of UTF-8")
        .hint("write it exactly as the tokens' `sub` has it");
  return {};
}

std::uint64_t number(std::string_view text) {
  std::uint64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

constexpr std::string_view columns =
    "i.issuer, i.subject, i.user_id, u.name, u.status from catalog.identity i join catalog.app_user u on "
    "u.id = i.user_id";

Result<IdentityRecord> identity_of(const Rows& rows, std::size_t row) {
  IdentityRecord out;
  out.issuer = rows.text(row, 0);
  out.subject = rows.text(row, 1);
  const auto id = Uuid::parse(rows.text(row, 2));
  if (!id) return Error(Errc::internal, "an identity of the catalog has no user");
  out.user = UserId(*id);
  out.user_name = rows.text(row, 3);
  out.user_status = rows.text(row, 4);
  return out;
}

Error no_identity(std::string_view issuer, std::string_view subject) {
  return Error(Errc::not_found,
               "nobody is known as \"" + std::string(subject) + "\" of " + std::string(issuer))
      .hint("`bulkhead identity list` shows who is known, and how");
}

/// Commits what `work` did, or takes it back.
template <class Work>
auto in_transaction(pg::Blocking& admin, bool commit, Work work) -> decltype(work()) {
  BULKHEAD_CHECK(admin.execute("begin"));
  auto done = work();
  const bool keep = commit && done.has_value();
  auto ended = admin.execute(keep ? "commit" : "rollback");
  if (keep && ended.has_error()) return ended.error();
  return done;
}

Result<std::vector<std::string>> texts(pg::Blocking& admin, const std::string& sql,
                                       const std::vector<std::optional<std::string>>& params) {
  BULKHEAD_TRY(auto rows, admin.query(sql, params));
  std::vector<std::string> out;
  for (std::size_t row = 0; row < rows.size(); ++row) out.emplace_back(rows.text(row, 0));
  return out;
}

/// The mapping's lines in a table of the session, with whom each concerns.
Result<void> read_mapping(pg::Blocking& admin, const std::string& from_issuer, const std::string& to_issuer,
                          const std::function<Result<bool>(std::string&)>& next) {
  BULKHEAD_CHECK(admin.execute(
      "create temporary table bulkhead_mapping (from_subject text not null check (from_subject <> ''), "
      "to_subject text not null check (to_subject <> '' and octet_length(to_subject) <= 255), user_id uuid, "
      "holder uuid) on commit drop"));
  auto copied = admin.copy_in(
      "copy bulkhead_mapping (from_subject, to_subject) from stdin with (format csv, encoding 'UTF8')", next);
  if (copied.has_error()) {
    if (copied.error().sqlstate().empty()) return copied.error();
    return Error(Errc::import_failed, "the mapping cannot be read")
        .hint(
            "each line is from_subject,to_subject: two subjects of at most 255 bytes, quoted where they hold "
            "commas or quotes; no header")
        .internal(std::string(copied.error().internal()));
  }
  BULKHEAD_TRY(auto known,
               admin.query("update bulkhead_mapping m set user_id = i.user_id from catalog.identity i "
                           "where i.issuer = $1 and i.subject = m.from_subject",
                           {from_issuer}));
  BULKHEAD_TRY(auto held,
               admin.query("update bulkhead_mapping m set holder = i.user_id from catalog.identity i "
                           "where i.issuer = $1 and i.subject = m.to_subject",
                           {to_issuer}));
  BULKHEAD_TRY(auto twice,
               admin.query("select to_subject from bulkhead_mapping where user_id is not null group by "
                           "to_subject having count(distinct user_id) > 1 order by 1 limit 1"));
  if (twice.empty()) return {};
  return Error(Errc::import_failed, "the mapping gives \"" + std::string(twice.text(0, 0)) +
                                        "\" of the new issuer to more than one user")
      .hint("a subject is one person; nothing was linked");
}

Result<MappingReport> apply_mapping(pg::Blocking& admin, const std::string& to_issuer) {
  MappingReport report;
  BULKHEAD_TRY(
      auto counts,
      admin.query("select count(*), count(*) filter (where holder = user_id), count(*) filter (where user_id "
                  "is null), count(*) filter (where holder <> user_id) from bulkhead_mapping"));
  report.lines = number(counts.text(0, 0));
  report.already = number(counts.text(0, 1));
  report.unknown = number(counts.text(0, 2));
  report.taken = number(counts.text(0, 3));
  BULKHEAD_TRY(report.unknown_subjects,
               texts(admin,
                     "select distinct from_subject from bulkhead_mapping where user_id "
                     "is null order by 1 limit 10",
                     {}));
  BULKHEAD_TRY(report.taken_subjects,
               texts(admin,
                     "select distinct to_subject from bulkhead_mapping where holder <> "
                     "user_id order by 1 limit 10",
                     {}));
  BULKHEAD_TRY(
      auto linked,
      admin.query(
          "insert into catalog.identity (issuer, subject, user_id) select distinct $1, to_subject, "
          "user_id from bulkhead_mapping where user_id is not null and holder is null on conflict do nothing",
          {to_issuer}));
  report.linked = linked.affected();
  return report;
}

}  // namespace

Result<std::vector<IdentityRecord>> list_identities(pg::Blocking& admin, const IdentityFilter& filter) {
  BULKHEAD_TRY(
      auto rows,
      admin.query("select " + std::string(columns) +
                      " where ($1::uuid is null or i.user_id = $1) and ($2 = '' or i.issuer = $2) and "
                      "i.subject > $3 order by i.issuer, i.subject limit $4::bigint",
                  {filter.user ? std::optional(filter.user->text()) : std::nullopt, filter.issuer,
                   filter.after_subject, std::to_string(filter.limit)}));
  std::vector<IdentityRecord> out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    BULKHEAD_TRY(auto identity, identity_of(rows, row));
    out.push_back(std::move(identity));
  }
  return out;
}

Result<IdentityRecord> find_identity(pg::Blocking& admin, std::string_view issuer, std::string_view subject) {
  BULKHEAD_TRY(auto rows,
               admin.query("select " + std::string(columns) + " where i.issuer = $1 and i.subject = $2",
                           {std::string(issuer), std::string(subject)}));
  if (rows.empty()) return no_identity(issuer, subject);
  return identity_of(rows, 0);
}

Result<void> link_identity(pg::Blocking& admin, const UserId& user, std::string_view issuer,
                           std::string_view subject) {
  BULKHEAD_CHECK(check_parts(issuer, subject));
  auto linked = admin.query(
      "insert into catalog.identity (issuer, subject, user_id) values ($1, $2, $3::uuid) on "
      "conflict do nothing",
      {std::string(issuer), std::string(subject), user.text()});
  if (linked.has_error()) {
    if (linked.error().sqlstate() == "23503")
      return Error(Errc::not_found, "there is no user " + user.text())
          .hint("`bulkhead identity list` shows the users");
    return linked.error();
  }
  BULKHEAD_TRY(const auto now, find_identity(admin, issuer, subject));
  if (now.user == user) return {};
  return Error(Errc::already_exists,
               "\"" + std::string(subject) + "\" of that issuer is another user already: " + now.user.text())
      .hint("`bulkhead identity unlink` takes it away from that user first");
}

Result<void> unlink_identity(pg::Blocking& admin, std::string_view issuer, std::string_view subject) {
  return in_transaction(admin, true, [&]() -> Result<void> {
    BULKHEAD_TRY(const auto identity, find_identity(admin, issuer, subject));
    // Two that go at the same time: the second one sees that the first has gone.
    BULKHEAD_TRY(auto locked, admin.query("select from catalog.app_user where id = $1::uuid for update",
                                          {identity.user.text()}));
    BULKHEAD_TRY(auto gone,
                 admin.query("delete from catalog.identity where issuer = $1 and subject = $2 and exists "
                             "(select from catalog.identity o where o.user_id = $3::uuid and (o.issuer, "
                             "o.subject) <> ($1, $2))",
                             {std::string(issuer), std::string(subject), identity.user.text()}));
    if (gone.affected() != 0) return {};
    return Error(Errc::conflict, "this is the only identity of user " + identity.user.text())
        .hint("link another one first; to shut a user out, suspend the user or remove the memberships");
  });
}

Result<MappingReport> link_mapping(pg::Blocking& admin, const std::string& from_issuer,
                                   const std::string& to_issuer,
                                   const std::function<Result<bool>(std::string&)>& next, bool dry_run) {
  BULKHEAD_CHECK(check_parts(from_issuer, "x"));
  BULKHEAD_CHECK(check_parts(to_issuer, "x"));
  if (from_issuer == to_issuer) return Error(Errc::usage, "the two issuers are the same");
  return in_transaction(admin, !dry_run, [&]() -> Result<MappingReport> {
    BULKHEAD_CHECK(read_mapping(admin, from_issuer, to_issuer, next));
    return apply_mapping(admin, to_issuer);
  });
}

Result<RetireReport> retire_issuer(pg::Blocking& admin, const std::string& issuer, bool all, bool dry_run) {
  BULKHEAD_CHECK(check_parts(issuer, "x"));
  return in_transaction(admin, !dry_run, [&]() -> Result<RetireReport> {
    RetireReport report;
    BULKHEAD_TRY(
        auto retired,
        admin.query("delete from catalog.identity i where i.issuer = $1 and ($2::boolean or exists (select "
                    "from catalog.identity o where o.user_id = i.user_id and o.issuer <> $1))",
                    {issuer, all ? "t" : "f"}));
    report.retired = retired.affected();
    BULKHEAD_TRY(auto left, admin.query("select count(*) from catalog.identity where issuer = $1", {issuer}));
    report.kept = number(left.text(0, 0));
    BULKHEAD_TRY(
        report.kept_subjects,
        texts(admin, "select subject from catalog.identity where issuer = $1 order by 1 limit 10", {issuer}));
    return report;
  });
}

Result<MergeReport> merge_users(pg::Blocking& admin, const UserId& from, const UserId& into, bool dry_run) {
  if (from == into) return Error(Errc::usage, "the two users are the same");
  return in_transaction(admin, !dry_run, [&]() -> Result<MergeReport> {
    BULKHEAD_TRY(auto users,
                 admin.query("select id, status from catalog.app_user where id in ($1::uuid, $2::uuid) "
                             "order by id for update",
                             {from.text(), into.text()}));
    if (users.size() != 2)
      return Error(Errc::not_found, "there is no such user").hint("`bulkhead identity list` shows the users");
    for (std::size_t row = 0; row < users.size(); ++row)
      if (users.text(row, 0) == from.text() && users.text(row, 1) != "active")
        return Error(Errc::conflict, "user " + from.text() + " is suspended")
            .hint("merged, its identities would come in again as the other user's");
    const std::vector<std::optional<std::string>> both{from.text(), into.text()};
    MergeReport report;
    BULKHEAD_TRY(
        auto identities,
        admin.query("update catalog.identity set user_id = $2::uuid where user_id = $1::uuid", both));
    report.identities = identities.affected();
    BULKHEAD_TRY(
        auto moved,
        admin.query("update catalog.membership m set user_id = $2::uuid where m.user_id = $1::uuid and not "
                    "exists (select from catalog.membership o where o.tenant_id = m.tenant_id and o.user_id "
                    "= $2::uuid)",
                    both));
    report.memberships = moved.affected();
    BULKHEAD_TRY(auto left, admin.query("select count(*) from catalog.membership where user_id = $1::uuid",
                                        {from.text()}));
    report.both = number(left.text(0, 0));
    // With it go its memberships where the other one has its own.
    BULKHEAD_TRY(auto gone, admin.query("delete from catalog.app_user where id = $1::uuid", {from.text()}));
    static_cast<void>(gone);
    return report;
  });
}

Result<void> set_user_kind(pg::Blocking& admin, const UserId& user, PrincipalKind kind) {
  const std::string name = kind == PrincipalKind::service ? "service" : "person";
  BULKHEAD_TRY(auto changed,
               admin.query("update catalog.app_user set kind = $2 where id = $1::uuid and kind <> $2 "
                           "returning id",
                           {user.text(), name}));
  if (!changed.empty()) return {};
  BULKHEAD_TRY(auto known, admin.query("select from catalog.app_user where id = $1::uuid", {user.text()}));
  if (known.empty()) return Error(Errc::not_found, "there is no user " + user.text());
  return {};
}

}  // namespace bulkhead::catalog
