#pragma once

#include <optional>
#include <string>

#include <bulkhead/result.hpp>

#include "catalog/records.hpp"
#include "journal/events.hpp"
#include "pg/blocking.hpp"
#include "runtime/workspace.hpp"

namespace CLI {
class App;
}

namespace bulkhead::cli {

/// `events`: where tenants' events go, what was not taken, and the events themselves. Adds itself to the command line; lives as
/// long as it.
class EventCommands {
 public:
  explicit EventCommands(CLI::App& command);
  EventCommands(const EventCommands&) = delete;
  EventCommands& operator=(const EventCommands&) = delete;

  /// Does what was parsed; nullopt if that is another command.
  [[nodiscard]] std::optional<Result<void>> run();

 private:
  [[nodiscard]] Result<void> add() const;
  [[nodiscard]] Result<void> list() const;
  [[nodiscard]] Result<void> remove() const;
  [[nodiscard]] Result<void> secret() const;
  [[nodiscard]] Result<void> replay() const;
  [[nodiscard]] Result<void> tail() const;
  [[nodiscard]] Result<void> list_dead() const;
  [[nodiscard]] Result<void> retry_dead() const;
  [[nodiscard]] Result<void> status() const;
  [[nodiscard]] Result<void> enable() const;
  [[nodiscard]] Result<void> disable() const;

  void tell(const journal::EndpointRecord& endpoint) const;
  void tell(const journal::StoredEvent& event) const;

  runtime::DatabaseChoice database_;
  bool json_ = false, once_ = false;
  std::string tenant_, url_, secret_, from_;
  CLI::App *add_ = nullptr, *list_ = nullptr, *remove_ = nullptr, *show_secret_ = nullptr, *replay_ = nullptr,
           *tail_ = nullptr, *dead_list_ = nullptr, *dead_retry_ = nullptr, *status_ = nullptr,
           *enable_ = nullptr, *disable_ = nullptr;
};

}  // namespace bulkhead::cli
