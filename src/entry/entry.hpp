#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "catalog/view.hpp"
#include "identity/verifier.hpp"

namespace bulkhead::entry {

enum class Source : std::uint8_t { subdomain, header, path, claim };

struct EntrySettings {
  EntrySettings() = default;
  std::vector<Source> sources{Source::subdomain, Source::header, Source::path,
                              Source::claim};          ///< Enabled ones.
  std::vector<std::string> base_domains{"localhost"};  ///< `acme.localhost` names acme.
  std::chrono::milliseconds deadline{10'000};          ///< Of a request, from its first byte.
};

/// What a route asks of its caller.
struct Requirement {
  Role at_least = Role::viewer;
};

/// The one way in: resolves the tenant from every enabled source, authenticates the caller, looks up the
/// membership and checks the requirement, in that order. Sources that disagree end the request. Nothing after
/// it looks at headers for identity. One an io thread.
class Entry {
 public:
  Entry(EntrySettings settings, catalog::View& view, identity::Verifier& verifier);

  /// Takes a `/tenants/{slug or id}` prefix off `request.path` and remembers it. Pure; called by the router
  /// before it matches routes.
  [[nodiscard]] static std::optional<std::string_view> take_path_tenant(Request& request) noexcept;

  [[nodiscard]] Task<Result<RequestContext>> admit(const Request& request,
                                                   std::optional<std::string_view> path_tenant,
                                                   TraceContext trace, Requirement requirement);

 private:
  EntrySettings settings_;
  catalog::View& view_;
  identity::Verifier& verifier_;
};

/// `traceparent` (W3C trace context level 1) or a new trace when it is absent or malformed.
[[nodiscard]] TraceContext trace_of(const Request& request);

}  // namespace bulkhead::entry
