#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "base/context_access.hpp"
#include "catalog/records.hpp"

namespace bulkhead::test {

/// A tenant as the entry makes it, without a catalog behind it.
inline Tenant tenant_of(catalog::TenantRef record) {
  const TenantId id = record->id;
  std::string slug = record->slug;
  return ContextAccess::make_tenant(id, std::move(slug), std::move(record));
}

/// The context of a permitted request of that tenant, with so long to go.
inline RequestContext permitted(catalog::TenantRef record, Role role,
                                std::chrono::milliseconds left = std::chrono::seconds(20)) {
  return ContextAccess::make_context(tenant_of(std::move(record)), Principal(), role, nullptr,
                                     std::chrono::steady_clock::now() + left, TraceContext());
}

}  // namespace bulkhead::test
