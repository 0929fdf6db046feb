#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::catalog {

// How users are known outside: by (issuer, subject) of verified tokens, of which a user may have several. So a user keeps
// memberships, roles and history when the identity provider is switched: the new provider's identity is linked to the user,
// both issuers are believed for a while, and the old one's identities are retired. `admin`: the operator's connection.

struct IdentityRecord {
  std::string issuer, subject;
  UserId user;
  std::string user_name, user_status;
};

struct IdentityFilter {
  IdentityFilter() = default;
  std::optional<UserId> user;
  std::string issuer;         ///< Empty: any.
  std::string after_subject;  ///< Of one issuer: subjects behind this one.
  std::size_t limit = 1000;
};
/// By issuer and subject.
[[nodiscard]] Result<std::vector<IdentityRecord>> list_identities(pg::Blocking& admin,
                                                                  const IdentityFilter& filter);
/// Error: `not_found`.
[[nodiscard]] Result<IdentityRecord> find_identity(pg::Blocking& admin, std::string_view issuer,
                                                   std::string_view subject);

/// From now on this identity is `user`. Nothing changes where it is already. Errors: `already_exists` when it is another
/// user's, `not_found` (user), `usage` for an empty or overlong part.
[[nodiscard]] Result<void> link_identity(pg::Blocking& admin, const UserId& user, std::string_view issuer,
                                         std::string_view subject);
/// The user stays. Errors: `not_found`; `conflict` for the user's last one, by which alone the user can come in.
[[nodiscard]] Result<void> unlink_identity(pg::Blocking& admin, std::string_view issuer,
                                           std::string_view subject);

/// What became of a mapping from one issuer's subjects to another's.
struct MappingReport {
  std::uint64_t lines = 0;
  std::uint64_t linked = 0, already = 0;  ///< Identities that are new; that were there.
  std::uint64_t unknown = 0;              ///< Lines whose first subject no user has.
  std::uint64_t taken = 0;                ///< Lines whose second subject is another user's.
  std::vector<std::string> unknown_subjects, taken_subjects;  ///< The first few of them.
};

/// Links, for each line of a CSV text without header, `from_subject,to_subject`, the identity (`to_issuer`, to_subject) to the
/// user that (`from_issuer`, from_subject) is. `next` fills a piece of the text, false at its end. In one transaction; may
/// be done again. `dry_run`: only the report. Errors: `import_failed` for text that is no such CSV, or where a subject of
/// the new issuer stands twice with different users; `usage` for an issuer that is empty or the same.
[[nodiscard]] Result<MappingReport> link_mapping(pg::Blocking& admin, const std::string& from_issuer,
                                                 const std::string& to_issuer,
                                                 const std::function<Result<bool>(std::string&)>& next,
                                                 bool dry_run);

struct RetireReport {
  std::uint64_t retired = 0;               ///< Identities that are gone.
  std::uint64_t kept = 0;                  ///< Left, since their user has no other.
  std::vector<std::string> kept_subjects;  ///< The first few of them.
};
/// Takes an issuer's identities away from all users who have another one; `all`: also from those who then cannot come in.
/// Within seconds no server believes a token of theirs. `dry_run`: only the report.
[[nodiscard]] Result<RetireReport> retire_issuer(pg::Blocking& admin, const std::string& issuer, bool all,
                                                 bool dry_run);

struct MergeReport {
  std::uint64_t identities = 0;   ///< That are the other user's now.
  std::uint64_t memberships = 0;  ///< That the other user did not have.
  std::uint64_t both = 0;         ///< Tenants to which both belonged: the other user's role stays there.
};
/// Makes two users one: `from` is gone, and whatever it was known by or belonged to is `into`'s. Where both belong to a
/// tenant, `into` stays what it was. A suspended membership of `from` stays suspended. Errors: `not_found`; `usage` for one
/// user; `conflict` for a `from` that is suspended: its identities would come in again.
[[nodiscard]] Result<MergeReport> merge_users(pg::Blocking& admin, const UserId& from, const UserId& into,
                                              bool dry_run);

/// Says whether the user is a person or a program. Error: `not_found`.
[[nodiscard]] Result<void> set_user_kind(pg::Blocking& admin, const UserId& user, PrincipalKind kind);

}  // namespace bulkhead::catalog
