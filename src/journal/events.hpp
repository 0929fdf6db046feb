#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::journal {

// Endpoints and the outbox as the operator works with them: blocking, over a connection with the operator's rights to the
// catalog. Times are RFC 3339, or as PostgreSQL reads them.

struct EndpointRecord {
  Uuid id;
  std::string url;
  std::string state;   ///< active, disabled
  std::string reason;  ///< Why it is disabled.
  std::int32_t failures = 0;
  std::int64_t pending = 0, dead = 0;
  std::string next;   ///< When it is tried again, if something waits.
  bool made = false;  ///< By `add_endpoint`, which did not find it.
};

/// From now on the tenant's events go there. One that is there already is active again; an empty secret leaves it its own.
/// Errors: `usage` for a URL or a secret that is none.
[[nodiscard]] Result<EndpointRecord> add_endpoint(pg::Blocking& catalog, const TenantId& tenant,
                                                  const std::string& url, const std::string& secret);
/// By URL.
[[nodiscard]] Result<std::vector<EndpointRecord>> list_endpoints(pg::Blocking& catalog,
                                                                 const TenantId& tenant);
/// What its events are signed with. Error: `not_found`.
[[nodiscard]] Result<std::string> endpoint_secret(pg::Blocking& catalog, const TenantId& tenant,
                                                  const std::string& url);
/// With all that waits for it. Error: `not_found`.
[[nodiscard]] Result<void> remove_endpoint(pg::Blocking& catalog, const TenantId& tenant,
                                           const std::string& url);

/// Sends the tenant's events since `from` again, to one endpoint or to all that are active (`url` empty). Returns how many
/// deliveries wait now because of it. Errors: `usage` for what is no time, `not_found` for an endpoint that there is not.
[[nodiscard]] Result<std::uint64_t> replay_events(pg::Blocking& catalog, const TenantId& tenant,
                                                  const std::string& from, const std::string& url);

/// Where a reader of a tenant's events stands.
struct EventPlace {
  std::int64_t epoch = 0, place = 0;
};

struct DeadEvent {
  std::string id, type, url, error, at;
  std::int32_t attempts = 0;
  EventPlace where;
  Uuid endpoint;
};
/// What endpoints did not take, the oldest first: so many behind that place, and there behind that endpoint.
[[nodiscard]] Result<std::vector<DeadEvent>> list_dead(pg::Blocking& catalog, const TenantId& tenant,
                                                       std::size_t limit = 1000, const EventPlace& after = {},
                                                       const Uuid& after_endpoint = {});
/// They wait again, for one endpoint or for all. Returns how many.
[[nodiscard]] Result<std::uint64_t> retry_dead(pg::Blocking& catalog, const TenantId& tenant,
                                               const std::string& url);

struct StoredEvent {
  EventPlace where;
  std::string at, type, body;
};
/// The tenant's events behind that place, in order, as far as they may go out; `from`: and not before that time, if it is not
/// empty. Error: `usage`.
[[nodiscard]] Result<std::vector<StoredEvent>> read_events(pg::Blocking& catalog, const TenantId& tenant,
                                                           const EventPlace& after, const std::string& from,
                                                           std::size_t limit);

/// A database whose journal is read.
struct JournalRecord {
  std::string cell, database, slot, uses, made_at;
};
[[nodiscard]] Result<std::vector<JournalRecord>> list_journals(pg::Blocking& catalog);
/// What PostgreSQL keeps for it, as it writes sizes; empty where its database cannot be asked.
[[nodiscard]] std::string retained_log(pg::Blocking& catalog, const JournalRecord& journal);

/// Whether the operator has switched events off for the whole installation.
[[nodiscard]] Result<bool> events_are_off(pg::Blocking& catalog);
[[nodiscard]] Result<void> switch_events(pg::Blocking& catalog, bool on);
/// Switches them off and drops the replication slots that only events had: once no server reads them any more, of which each sees
/// to itself every few seconds. Error: `conflict` where one does after so long.
[[nodiscard]] Result<void> disable_events(pg::Blocking& catalog,
                                          std::chrono::seconds patience = std::chrono::seconds(15));

}  // namespace bulkhead::journal
