#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::catalog {

/// A key that signs internal tokens. `private_pem` is a secret.
struct InternalKey {
  std::string kid, private_pem;
  std::string jwk;                                   ///< The public half, as JSON.
  std::chrono::system_clock::time_point signs_from;  ///< Until the next one does.
};

/// Those that are not over, by when they sign. `connection`: of a server's login to the catalog, or the operator's.
[[nodiscard]] Result<std::vector<InternalKey>> read_internal_keys(pg::Blocking& connection);
/// The JWK set of their public halves.
[[nodiscard]] Result<std::string> read_internal_jwks(pg::Blocking& connection);

/// Holds others who rotate off until the transaction ends.
[[nodiscard]] Result<void> lock_internal_keys(pg::Blocking& admin);
[[nodiscard]] Result<void> add_internal_key(pg::Blocking& admin, const InternalKey& key);
/// From `at` on, the keys before `successor` are neither published nor believed.
[[nodiscard]] Result<void> end_internal_keys_before(pg::Blocking& admin, const std::string& successor,
                                                    std::chrono::system_clock::time_point at);
/// Those that are over. How many they were.
[[nodiscard]] Result<std::uint64_t> drop_ended_internal_keys(pg::Blocking& admin);

/// Those that would sign after `from`.
[[nodiscard]] Result<void> drop_internal_keys_after(pg::Blocking& admin,
                                                    std::chrono::system_clock::time_point from);

}  // namespace bulkhead::catalog
