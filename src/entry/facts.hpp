#pragma once

#include <memory>

#include <bulkhead/http.hpp>

#include "base/context_access.hpp"
#include "entry/entry.hpp"

namespace bulkhead::entry {

/// What PostgreSQL is told of this request; nullptr where the settings ask for nothing. An operator who acts in somebody's place
/// runs as Bulkhead's own role: no provider speaks for them. Pure. Error: `permission_denied` where the tenant's database is an
/// adopted one and the token has no role that `settings.database_roles` lists.
[[nodiscard]] Result<std::shared_ptr<const RequestFacts>> facts_of(const Request& request, const Found& found,
                                                                   const identity::Claims& claims,
                                                                   const EntrySettings& settings);

}  // namespace bulkhead::entry
