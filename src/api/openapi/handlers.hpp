#pragma once

#include <bulkhead/app.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::api::openapi {

/// Whether what a route says of itself can stand in the document: schemas that are JSON objects without references. Error:
/// `config_invalid`, which names route and member.
[[nodiscard]] Result<void> check_description(const Route& route);

}  // namespace bulkhead::api::openapi
