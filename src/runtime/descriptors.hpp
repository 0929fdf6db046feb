#pragma once

#include <cstddef>
#include <cstdint>

#include "base/config.hpp"

namespace bulkhead::runtime {

/// Raises the process's soft limit of open files to the hard one: the usual soft limit of 1024 is for programs
/// that call select(). Returns the limit that holds then.
std::uint64_t raise_descriptor_limit() noexcept;

/// How many clients each io thread may have so that, whatever they do, files are left for the database, the
/// issuers' keys and a restart of the embedded PostgreSQL: `config.connections`, or fewer. At least one.
[[nodiscard]] std::size_t connections_within(std::uint64_t descriptors, const AppConfig& config,
                                             std::size_t threads) noexcept;

}  // namespace bulkhead::runtime
