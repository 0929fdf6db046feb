#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "catalog/view.hpp"
#include "entry/resolve.hpp"
#include "entry/trace.hpp"
#include "identity/verifier.hpp"

namespace bulkhead::entry {

/// `domain`: a tenant's own, verified. `membership`: that of a caller who belongs to one tenant only, where no other source
/// names any.
enum class Source : std::uint8_t { subdomain, domain, header, path, claim, membership };

struct EntrySettings {
  EntrySettings() = default;
  std::vector<Source> sources{Source::subdomain, Source::domain, Source::header, Source::path,
                              Source::claim};          ///< Enabled ones.
  std::vector<std::string> base_domains{"localhost"};  ///< `acme.localhost` names acme.
  std::chrono::milliseconds deadline{10'000};          ///< Of a request, from when it was read.
  Permissions permissions;                             ///< What roles may do in handlers.
  /// For adopted databases: the claim that says as which role of PostgreSQL a request runs, and what it may say. Empty: as
  /// Bulkhead's own.
  std::vector<std::string> role_claim;
  std::map<std::string, std::string, std::less<>> database_roles;
  bool request_settings = false;           ///< What PostgREST tells of a request is told to PostgreSQL.
  const InternalTokens* tokens = nullptr;  ///< For `RequestContext::token_for`; outlives the entry.
};

/// What a route asks of its caller.
struct Requirement {
  Role at_least = Role::viewer;
  std::string_view permission = {};                        ///< Of `[permissions]`; empty: none.
  std::optional<std::chrono::milliseconds> deadline = {};  ///< Instead of the entry's.
};

/// The one way in. Authenticates the caller, resolves the tenant from every enabled source, looks up the
/// membership and checks the requirement. Nothing after it looks at headers for identity. One an io thread;
/// not thread-safe.
///
/// The token is verified before any tenant is looked up, and a tenant that does not exist is answered like
/// one the caller is no member of, so nobody can list tenants by asking:
/// - no token: 401 token_missing
/// - a token that does not verify: 401, the 3xx family (503 if the issuer's keys cannot be had)
/// - a source that is neither slug nor id: 400 tenant_malformed
/// - several names, not one tenant of this caller's: 400 tenant_conflict
/// - no name, `membership` among the sources, and a caller of several tenants: 300 tenant_ambiguous, with the caller's own
/// - no name otherwise, or a name of no tenant of this caller's: 404 tenant_not_found
/// - a member of a suspended tenant: 403 tenant_suspended, with the reason
/// - a member whose role is too low: 403 permission_denied; likewise one whose token has no role that the adopted database knows
///
/// The host is the one that the client asked for: what a configured proxy forwards was put in its place before (http/forwarded.hpp).
class Entry {
 public:
  Entry(EntrySettings settings, catalog::View& view, identity::Verifier& verifier);

  /// Takes a `/tenants/{slug or id}` prefix off `request.path` and returns the segment as it was sent, right
  /// or wrong
  /// (`admit` says so). Pure; called by the router before it matches routes.
  [[nodiscard]] static std::optional<std::string_view> take_path_tenant(Request& request) noexcept;

  /// `request` must live until the task is done. The deadline counts from this call, when the whole request
  /// was read.
  [[nodiscard]] Task<Result<RequestContext>> admit(const Request& request,
                                                   std::optional<std::string_view> path_tenant,
                                                   TraceContext trace, Requirement requirement);
  /// The same without a coroutine, from memory alone: nullopt if token, tenant or membership would have to be
  /// fetched. Then `trace` is untouched and `admit` is to be asked.
  [[nodiscard]] std::optional<Result<RequestContext>> admit_known(const Request& request,
                                                                  std::optional<std::string_view> path_tenant,
                                                                  TraceContext& trace,
                                                                  Requirement requirement);

  /// Who calls, of no tenant: for the control API, which decides by its own list who may. Errors: those of the token, as
  /// above; `permission_denied` for a token of a tenant's own issuer. `request` must live until the task is done.
  [[nodiscard]] Task<Result<identity::ClaimsRef>> identify(const Request& request);

  /// What answers the HTTP challenge of the request's host, so that pointing a domain here is enough to verify it; "" if
  /// the host waits for nothing. Error: `database_unavailable`. `request` must live until the task is done.
  [[nodiscard]] Task<Result<std::string>> challenge(const Request& request);

  /// `traceparent` (W3C trace context level 1), or a new trace when it is absent, repeated or malformed. With
  /// a span id of ours either way.
  [[nodiscard]] TraceContext trace_of(const Request& request);

 private:
  [[nodiscard]] Result<Named> names_of(const Request& request, std::optional<std::string_view> path_tenant,
                                       const identity::Claims& claims) const;
  /// Adds what the catalog says: of a foreign host, and of the caller where nothing was named. nullopt: it is not in memory.
  [[nodiscard]] std::optional<Result<void>> add_known(const identity::Claims& claims, Named& named);
  [[nodiscard]] Task<Result<void>> add_fetched(identity::ClaimsRef claims, Named& named, Deadline deadline);
  [[nodiscard]] Result<RequestContext> finish(const Request& request, const Found& found,
                                              const identity::Claims& claims, TraceContext& trace,
                                              Requirement requirement, Deadline deadline) const;
  [[nodiscard]] bool needs_catalog(const Found& found, const identity::Claims& claims) const;
  /// An operator's access is written down; whoever comes in by their provider's word is made a member.
  [[nodiscard]] Task<Result<void>> settle(const Request& request, identity::ClaimsRef claims, Found& found,
                                          const TraceContext& trace, Deadline deadline);
  [[nodiscard]] bool enabled(Source source) const noexcept;

  EntrySettings settings_;
  catalog::View& view_;
  identity::Verifier& verifier_;
  TraceIds ids_;
};

}  // namespace bulkhead::entry
