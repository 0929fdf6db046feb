#pragma once

#include <cstdint>

#include <bulkhead/result.hpp>

#include "lifecycle/operations.hpp"

namespace bulkhead::lifecycle {

/// The number of this run among all that change where a tenant lives or put rows in the place of its own: the later has the word
/// (docs/decisions/0016-move.md). Only who has the operation gets one. Error: `conflict`.
[[nodiscard]] Result<std::uint64_t> next_attempt(OperationRun& run);

}  // namespace bulkhead::lifecycle
