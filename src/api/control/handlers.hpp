#pragma once

#include "api/control/call.hpp"
#include "lifecycle/operations.hpp"

/// The handlers of the routes: each reads its call, calls the room that the command line calls, and says what it found. What
/// changes something is written to the audit log.
namespace bulkhead::api::control {

[[nodiscard]] Result<Answer> list_tenants(Call& call);
[[nodiscard]] Result<Answer> get_tenant(Call& call);
[[nodiscard]] Result<Answer> create_tenant(Call& call);
[[nodiscard]] Result<Answer> suspend_tenant(Call& call);
[[nodiscard]] Result<Answer> resume_tenant(Call& call);
[[nodiscard]] Result<Answer> change_plan(Call& call);
[[nodiscard]] Result<Answer> move_tenant(Call& call);
[[nodiscard]] Result<Answer> delete_tenant(Call& call);
[[nodiscard]] Result<Answer> undelete_tenant(Call& call);
[[nodiscard]] Result<Answer> get_certificate(Call& call);
[[nodiscard]] Result<Answer> list_members(Call& call);
[[nodiscard]] Result<Answer> add_member(Call& call);
[[nodiscard]] Result<Answer> remove_member(Call& call);
[[nodiscard]] Result<Answer> list_act_as(Call& call);
[[nodiscard]] Result<Answer> begin_act_as(Call& call);
[[nodiscard]] Result<Answer> end_act_as(Call& call);
[[nodiscard]] Result<Answer> list_domains(Call& call);
[[nodiscard]] Result<Answer> add_domain(Call& call);
[[nodiscard]] Result<Answer> verify_domain(Call& call);
[[nodiscard]] Result<Answer> remove_domain(Call& call);

[[nodiscard]] Result<Answer> list_endpoints(Call& call);
[[nodiscard]] Result<Answer> get_endpoint(Call& call);
[[nodiscard]] Result<Answer> add_endpoint(Call& call);
[[nodiscard]] Result<Answer> remove_endpoint(Call& call);
[[nodiscard]] Result<Answer> list_events(Call& call);
[[nodiscard]] Result<Answer> replay_events(Call& call);
[[nodiscard]] Result<Answer> list_dead_events(Call& call);
[[nodiscard]] Result<Answer> retry_dead_events(Call& call);
[[nodiscard]] Result<Answer> get_events_status(Call& call);
[[nodiscard]] Result<Answer> enable_events(Call& call);
[[nodiscard]] Result<Answer> disable_events(Call& call);

[[nodiscard]] Result<Answer> list_plans(Call& call);
[[nodiscard]] Result<Answer> get_plan(Call& call);
[[nodiscard]] Result<Answer> list_cells(Call& call);
[[nodiscard]] Result<Answer> get_cell(Call& call);
[[nodiscard]] Result<Answer> list_operations(Call& call);
[[nodiscard]] Result<Answer> get_operation(Call& call);
[[nodiscard]] Result<Answer> list_audit_log(Call& call);
[[nodiscard]] Result<Answer> get_openapi(Call& call);

[[nodiscard]] boost::json::object operation_json(const lifecycle::Operation& operation);

}  // namespace bulkhead::api::control
