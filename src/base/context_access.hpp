#pragma once

#include <bulkhead/context.hpp>

namespace bulkhead {

/// What PostgreSQL is told of a request, where the app's settings ask for it: for policies and functions that were written
/// for PostgREST or Supabase.
struct RequestFacts {
  std::string
      role;  ///< Of PostgreSQL, for an adopted database: bound instead of Bulkhead's own. Empty: that one.
  std::string claims, method, path,
      headers;  ///< Claims and headers as JSON objects. Empty where nobody asked.
};

/// The key to making tenants and contexts. Only three rooms may include this header: `entry` (a request),
/// `jobs` (a delivered job) and `lifecycle` (an operator's act_as); `data` reads the record behind a tenant
/// through it. tools/check-includes enforces that.
struct ContextAccess {
  static Tenant make_tenant(TenantId id, std::string slug,
                            std::shared_ptr<const catalog::TenantRecord> record) {
    return Tenant(id, std::move(slug), std::move(record));
  }
  /// `permissions`, `tokens`: must outlive the context; null: there are none.
  static RequestContext make_context(Tenant tenant, Principal principal, Role role,
                                     const Permissions* permissions, Deadline deadline, TraceContext trace,
                                     const InternalTokens* tokens = nullptr,
                                     std::shared_ptr<const RequestFacts> facts = nullptr) {
    return RequestContext(std::move(tenant), std::move(principal), role, permissions, tokens, deadline,
                          std::move(trace), std::move(facts));
  }
  static void add_database_time(const RequestContext& context, std::chrono::steady_clock::duration time) {
    context.database_time_ += std::chrono::duration_cast<std::chrono::microseconds>(time);
  }
  /// nullptr: nothing is to be told.
  static const RequestFacts* facts(const RequestContext& context) { return context.facts_.get(); }
  static const std::shared_ptr<const catalog::TenantRecord>& record(const Tenant& tenant) {
    return tenant.record_;
  }
};

}  // namespace bulkhead
