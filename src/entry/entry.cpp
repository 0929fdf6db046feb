#include "entry/entry.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/context_access.hpp"
#include "entry/facts.hpp"

namespace bulkhead::entry {

namespace {

RequestContext make_context(const Found& found, const identity::Claims& claims, const EntrySettings& settings,
                            TraceContext trace, Deadline deadline,
                            std::shared_ptr<const RequestFacts> facts) {
  const catalog::TenantRecord& record = *found.tenant;
  Principal principal;
  principal.user = found.membership->user;
  principal.issuer = claims.issuer;
  principal.subject = claims.subject;
  principal.kind = found.membership->kind;
  principal.name = found.membership->user_name;
  principal.acting = found.membership->acting;
  Tenant tenant = ContextAccess::make_tenant(record.id, record.slug, found.tenant);
  return ContextAccess::make_context(std::move(tenant), std::move(principal), found.membership->role,
                                     &settings.permissions, deadline, std::move(trace), settings.tokens,
                                     std::move(facts));
}

/// Settings as the pure functions want them: base domains in lower case and without a trailing dot.
EntrySettings normal(EntrySettings settings) {
  for (std::string& base : settings.base_domains) {
    base = lower(base);
    if (base.ends_with('.')) base.pop_back();
  }
  return settings;
}

/// All names were looked up: do they mean one tenant?
void agree(Found& found, std::span<const catalog::TenantRef> tenants) {
  bool same =
      !tenants.empty() && std::all_of(tenants.begin(), tenants.end(), [&](const catalog::TenantRef& tenant) {
        return tenant && tenants.front() && tenant->id == tenants.front()->id;
      });
  found.agree = same;
  if (same) found.tenant = tenants.front();
}

}  // namespace

Entry::Entry(EntrySettings settings, catalog::View& view, identity::Verifier& verifier)
    : settings_(normal(std::move(settings))), view_(view), verifier_(verifier) {}

bool Entry::enabled(Source source) const noexcept {
  return std::find(settings_.sources.begin(), settings_.sources.end(), source) != settings_.sources.end();
}

std::optional<std::string_view> Entry::take_path_tenant(Request& request) noexcept {
  return tenant_of_path(request.path);
}

Result<Named> Entry::names_of(const Request& request, std::optional<std::string_view> path_tenant,
                              const identity::Claims& claims) const {
  Named named;
  if (enabled(Source::subdomain) || enabled(Source::domain)) {
    HostTenant host = tenant_of_host(request.host, settings_.base_domains);
    if (host.kind == HostTenant::Kind::foreign && enabled(Source::domain))
      named.foreign_host = std::move(host.name);
    if (host.kind == HostTenant::Kind::named && enabled(Source::subdomain)) named.add(std::move(host.name));
    if (host.kind == HostTenant::Kind::unknown && enabled(Source::subdomain)) named.add_unknown();
  }
  if (enabled(Source::header)) {
    BULKHEAD_CHECK(tenants_of_header(request, named));
  }
  if (path_tenant) {
    if (!enabled(Source::path)) return Error(Errc::route_not_found, "there is nothing at this path");
    auto name = tenant_name(*path_tenant);
    if (!name)
      return Error(Errc::tenant_malformed, "the path's tenant is neither a tenant's slug nor its id");
    named.add(std::move(*name));
  }
  // A tenant's own issuer speaks for that tenant alone, wherever else a request may name one.
  if ((enabled(Source::claim) || claims.tenant_bound) && !claims.tenant.empty()) {
    auto name = tenant_name(claims.tenant);
    if (!name)
      return Error(Errc::tenant_malformed, "the token's tenant is neither a tenant's slug nor its id");
    named.add(std::move(*name));
  }
  return named;
}

std::optional<Result<void>> Entry::add_known(const identity::Claims& claims, Named& named) {
  if (!named.foreign_host.empty()) {
    auto tenant = view_.known_domain(named.foreign_host);
    if (!tenant) return std::nullopt;
    if (!tenant->empty()) named.add(std::move(*tenant));
  }
  if (named.count() == 0 && enabled(Source::membership)) {
    auto own = view_.known_tenants_of(claims.issuer, claims.subject);
    if (!own) return std::nullopt;
    auto only = only_tenant(**own);
    if (only.has_error()) return Result<void>(only.error());
    named.add(std::move(*only));
  }
  return Result<void>();
}

Task<Result<void>> Entry::add_fetched(identity::ClaimsRef claims, Named& named, Deadline deadline) {
  if (!named.foreign_host.empty()) {
    BULKHEAD_CO_TRY(std::string tenant, co_await view_.domain(named.foreign_host, deadline));
    if (!tenant.empty()) named.add(std::move(tenant));
  }
  if (named.count() == 0 && enabled(Source::membership)) {
    BULKHEAD_CO_TRY(const catalog::OwnTenantsRef own,
                    co_await view_.tenants_of(claims->issuer, claims->subject, deadline));
    BULKHEAD_CO_TRY(std::string only, only_tenant(*own));
    named.add(std::move(only));
  }
  co_return Result<void>();
}

Result<RequestContext> Entry::finish(const Request& request, const Found& found,
                                     const identity::Claims& claims, TraceContext& trace,
                                     Requirement requirement, Deadline deadline) const {
  BULKHEAD_CHECK(judge(found, requirement.at_least));
  BULKHEAD_TRY(auto facts, facts_of(request, found, claims, settings_));
  RequestContext context =
      make_context(found, claims, settings_, std::move(trace), deadline, std::move(facts));
  if (!requirement.permission.empty()) BULKHEAD_CHECK(context.require(requirement.permission));
  return context;
}

std::optional<Result<RequestContext>> Entry::admit_known(const Request& request,
                                                         std::optional<std::string_view> path_tenant,
                                                         TraceContext& trace, Requirement requirement) {
  Deadline deadline = std::chrono::steady_clock::now() + requirement.deadline.value_or(settings_.deadline);
  Result<std::string_view> token = bearer_token(request);
  if (token.has_error()) return token.error();
  identity::ClaimsRef claims = verifier_.known(*token, std::chrono::system_clock::now());
  if (!claims) return std::nullopt;
  Result<Named> named = names_of(request, path_tenant, *claims);
  if (named.has_error()) return named.error();
  const auto added = add_known(*claims, *named);
  if (!added) return std::nullopt;
  if (added->has_error()) return added->error();
  Found found;
  found.names = named->count();
  std::array<catalog::TenantRef, Named::most> tenants;
  if (!named->unknown()) {
    for (std::size_t i = 0; i < found.names; ++i) {
      auto known = view_.known_tenant(named->names()[i]);
      if (!known) return std::nullopt;
      tenants[i] = std::move(*known);
    }
    agree(found, std::span(tenants).first(found.names));
  }
  if (found.agree) {
    auto known = view_.known_membership(found.tenant->id, claims->issuer, claims->subject);
    if (!known) return std::nullopt;
    found.membership = std::move(*known);
    if (needs_catalog(found, *claims)) return std::nullopt;
  }
  return finish(request, found, *claims, trace, requirement, deadline);
}

Task<Result<RequestContext>> Entry::admit(const Request& request, std::optional<std::string_view> path_tenant,
                                          TraceContext trace, Requirement requirement) {
  if (auto known = admit_known(request, path_tenant, trace, requirement)) co_return std::move(*known);
  Deadline deadline = std::chrono::steady_clock::now() + requirement.deadline.value_or(settings_.deadline);
  BULKHEAD_CO_TRY(std::string_view token, bearer_token(request));
  BULKHEAD_CO_TRY(identity::ClaimsRef claims,
                  co_await verifier_.verify(std::string(token), std::chrono::system_clock::now()));
  BULKHEAD_CO_TRY(Named named, names_of(request, path_tenant, *claims));
  Result<void> added = co_await add_fetched(claims, named, deadline);
  if (added.has_error()) co_return added.error();
  Found found;
  found.names = named.count();
  std::array<catalog::TenantRef, Named::most> tenants;
  if (!named.unknown()) {
    for (std::size_t i = 0; i < found.names; ++i) {
      BULKHEAD_CO_TRY(tenants[i], co_await view_.tenant(named.names()[i], deadline));
    }
    agree(found, std::span(tenants).first(found.names));
  }
  if (found.agree) {
    BULKHEAD_CO_TRY(found.membership,
                    co_await view_.membership(found.tenant->id, claims->issuer, claims->subject, deadline));
    if (needs_catalog(found, *claims)) {
      Result<void> settled = co_await settle(request, claims, found, trace, deadline);
      if (settled.has_error()) co_return settled.error();
    }
  }
  co_return finish(request, found, *claims, trace, requirement, deadline);
}

/// Whether the catalog has to be told something before this caller comes in, which memory alone cannot do.
bool Entry::needs_catalog(const Found& found, const identity::Claims& claims) const {
  if (found.membership) return found.membership->acting != nullptr;
  // The provider's word is about the tenant that its token names, so that name must be one of those that agree.
  return claims.join_role.has_value() && (enabled(Source::claim) || claims.tenant_bound) &&
         found.tenant->status == catalog::TenantStatus::active;
}

Task<Result<void>> Entry::settle(const Request& request, identity::ClaimsRef claims, Found& found,
                                 const TraceContext& trace, Deadline deadline) {
  if (!found.membership) {
    BULKHEAD_CO_TRY(found.membership, co_await view_.join(found.tenant->id, claims->issuer, claims->subject,
                                                          claims->name, *claims->join_role, deadline));
    co_return Result<void>();
  }
  catalog::OperatorAccess access;
  access.tenant = found.tenant->id;
  access.grant = found.membership->acting->grant;
  access.method = method_name(request.method);
  access.path = request.path;
  access.trace_id = trace.trace_id;
  BULKHEAD_CO_TRY(const bool live, co_await view_.record_access(access, deadline));
  // What is over is no membership, and is told like one that never was.
  if (!live) found.membership.reset();
  co_return Result<void>();
}

Task<Result<identity::ClaimsRef>> Entry::identify(const Request& request) {
  BULKHEAD_CO_TRY(std::string_view token, bearer_token(request));
  const auto now = std::chrono::system_clock::now();
  identity::ClaimsRef claims = verifier_.known(token, now);
  if (!claims) {
    BULKHEAD_CO_TRY(claims, co_await verifier_.verify(std::string(token), now));
  }
  if (claims->tenant_bound)
    co_return Error(Errc::permission_denied,
                    "the token's issuer is one tenant's own, and this concerns all tenants");
  co_return claims;
}

Task<Result<std::string>> Entry::challenge(const Request& request) {
  HostTenant host = tenant_of_host(request.host, settings_.base_domains);
  if (host.kind != HostTenant::Kind::foreign) co_return std::string();
  const Deadline deadline = std::chrono::steady_clock::now() + settings_.deadline;
  co_return co_await view_.challenge(std::move(host.name), deadline);
}

TraceContext Entry::trace_of(const Request& request) {
  std::optional<std::string_view> header;
  bool repeated = false;
  for (const HeaderView& candidate : request.headers) {
    if (!same_name(candidate.name, "traceparent")) continue;
    repeated = header.has_value();
    header = candidate.value;
  }
  std::optional<TraceContext> taken;
  if (header && !repeated) taken = parse_traceparent(*header);
  TraceContext trace;
  if (taken)
    trace = std::move(*taken);
  else
    trace.trace_id = ids_.next(32);
  trace.span_id = ids_.next(16);
  return trace;
}

}  // namespace bulkhead::entry
