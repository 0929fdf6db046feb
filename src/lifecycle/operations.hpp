#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::lifecycle {

// Operations: long work of the control plane as steps that are stored, so that whoever dies in the middle is followed by
// another. Blocking, over a connection of the operator to the catalog; one thread at a time.

enum class OperationState : std::uint8_t { pending, running, done, failed, cancelled };
[[nodiscard]] std::string_view operation_state_name(OperationState state) noexcept;
[[nodiscard]] std::optional<OperationState> parse_operation_state(std::string_view name) noexcept;

struct Operation {
  Uuid id;
  std::string kind;                ///< create, delete, export
  std::optional<TenantId> tenant;  ///< None while a tenant is being made.
  std::string subject;             ///< What it is about, for people: the tenant's slug.
  boost::json::object input, progress, result;
  OperationState state = OperationState::pending;
  std::string step;  ///< The one that runs or comes next; empty before the first and after the last.
  std::int32_t steps_done = 0, steps_total = 0;
  std::string error;                                                      ///< Why the last attempt ended.
  std::string lease_owner, lease_until, due, actor, made_at, updated_at;  ///< Times: RFC 3339, UTC.
};

struct NewOperation {
  NewOperation() = default;
  std::string kind, subject, actor;
  std::optional<TenantId> tenant;
  boost::json::object input;
  std::chrono::seconds delay{0};  ///< Nobody works on it before.
};

/// Stores it, pending. Error: `conflict`, naming the unfinished operation of this tenant (or slug), if there is one.
[[nodiscard]] Result<Operation> start_operation(pg::Blocking& catalog, const NewOperation& wanted);
/// Error: `not_found`.
[[nodiscard]] Result<Operation> find_operation(pg::Blocking& catalog, const Uuid& id);

/// A failed one is pending again. Error: `conflict` when its tenant has another unfinished one by now.
[[nodiscard]] Result<void> reopen_operation(pg::Blocking& catalog, const Uuid& id);
/// Operations of this kind whose process died have failed: for those that no other process can go on with.
[[nodiscard]] Result<void> end_abandoned(pg::Blocking& catalog, const std::string& kind);

struct OperationFilter {
  OperationFilter() = default;
  std::optional<OperationState> state;
  std::optional<TenantId> tenant;
  std::string kind;
  std::optional<Uuid> before;  ///< Only those that come after this one in the list.
  std::size_t limit = 100;
};
/// The newest first.
[[nodiscard]] Result<std::vector<Operation>> list_operations(pg::Blocking& catalog,
                                                             const OperationFilter& filter = {});
/// Due and pending for some seconds (so that whoever started it is not overtaken), or running, perhaps left by a process that
/// died: what `resume_operation` may take up now. Oldest first.
[[nodiscard]] Result<std::vector<Operation>> open_operations(pg::Blocking& catalog);
/// A pending operation will not be done. Error: `conflict` when it is being worked on or finished.
[[nodiscard]] Result<void> cancel_operation(pg::Blocking& catalog, const Uuid& id);

/// What the steps of an operation have at hand while they run.
struct OperationRun {
  pg::Blocking& catalog;
  Operation& operation;  ///< Steps may change `progress` and `result`; both are stored after each step.
  std::function<void(const Operation&)> told;

  /// Stores what a step has found out before it is at its end, and tells it.
  [[nodiscard]] Result<void> save();
};
/// Another process has taken the operation up.
[[nodiscard]] Error overtaken(const OperationRun& run);

struct OperationStep {
  std::string_view name;
  /// May run again after it has run in part.
  std::function<Result<void>(OperationRun&)> work;
};

/// Takes the operation up where it stands and does its steps to the end. A step's failure is kept with the operation and
/// returned: `failed`, or `pending` again in half a minute when it may pass (a database that is away). Of a finished one
/// nothing is done. Errors: `conflict` when another process works on it, `not_found`, the step's own.
[[nodiscard]] Result<Operation> run_operation(pg::Blocking& catalog, const Uuid& id,
                                              const std::vector<OperationStep>& steps,
                                              const std::function<void(const Operation&)>& told = {});

}  // namespace bulkhead::lifecycle
