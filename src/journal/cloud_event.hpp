#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/uuid.hpp>

#include "base/config.hpp"
#include "journal/change.hpp"

namespace bulkhead::journal {

/// Of which changes events are made, and what they say of the app.
struct EventSettings {
  std::string app;     ///< Types begin with it: `helpdesk.ticket.updated`.
  std::string source;  ///< A URI.
  std::vector<EventTableConfig> tables;
};
[[nodiscard]] EventSettings event_settings(const AppConfig& config);

/// A CloudEvent (1.0, JSON). `body` lacks its last member, `sequence`, and its brace: the outbox gives the place.
struct CloudEvent {
  std::string id;  ///< The same whenever the same change is told: stream, commit, ordinal.
  TenantId tenant;
  std::string type, at, body;
};

/// nullopt: the app declares no event for it. `stream`: as ConsumerFactory has it. Pure.
[[nodiscard]] std::optional<CloudEvent> change_event(const EventSettings& settings, const Uuid& stream,
                                                     const Begin& transaction, const Change& change);
/// A migration has emptied the table, of this tenant's rows, too. nullopt: events of its deletes are not declared.
[[nodiscard]] std::optional<CloudEvent> truncate_event(const EventSettings& settings, const Uuid& stream,
                                                       const Begin& transaction, const Relation& relation,
                                                       const TenantId& tenant);
/// Changes before this stream were lost, so whoever keeps a copy has to read all of it anew.
[[nodiscard]] CloudEvent lost_event(const EventSettings& settings, const Uuid& stream, const TenantId& tenant,
                                    std::chrono::system_clock::time_point now);

/// Appends a value of this type as JSON, as the data API has it: numbers, booleans, JSON, arrays and times as such, all else as
/// a string. `text`: PostgreSQL's text form with DateStyle ISO in UTC.
void append_json_value(std::string& out, std::uint32_t type_oid, std::string_view text);

}  // namespace bulkhead::journal
