#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "identity/signing_key.hpp"
#include "identity/verifier.hpp"
#include "pg/blocking.hpp"
#include "runtime/dispatcher.hpp"

/// The development issuer of a database: its key and its address live in the catalog, so that `bulkhead
/// token` mints what a running `bulkhead dev` accepts. `bulkhead serve` knows nothing of it.
namespace bulkhead::runtime {

inline constexpr std::string_view dev_audience = "bulkhead-dev";

/// Loads the signing key, or makes one at the first start.
[[nodiscard]] Result<identity::SigningKey> load_or_make_dev_issuer(pg::Blocking& admin);

/// Remembers the issuer's address. When it has changed (another port), the identities and operators of the
/// former one move along, so that memberships stay.
[[nodiscard]] Result<void> remember_dev_issuer(pg::Blocking& admin, const std::string& issuer_url);

/// The address that `remember_dev_issuer` stored; `not_found` where `bulkhead dev` never ran.
[[nodiscard]] Result<std::string> dev_issuer_url(pg::Blocking& admin);

[[nodiscard]] std::string dev_issuer_url(std::uint16_t port);

/// Discovery and key set, for loopback clients.
[[nodiscard]] std::vector<OpenRoute> dev_issuer_routes(const identity::SigningKey& issuer,
                                                       std::uint16_t port);

/// How the server's verifier knows it.
[[nodiscard]] identity::IssuerSettings dev_issuer_settings(const identity::SigningKey& issuer,
                                                           std::uint16_t port);

}  // namespace bulkhead::runtime
