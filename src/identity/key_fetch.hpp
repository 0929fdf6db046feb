#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "identity/keys.hpp"
#include "identity/settings.hpp"

/// Where an issuer's keys come from, one blocking step each. `KeySource` decides when.
namespace bulkhead::identity {

/// How long keys live and how often an issuer is asked. The defaults are what a server uses; tests shorten
/// them.
struct KeyTimes {
  KeyTimes() = default;
  std::chrono::seconds least{60}, most{std::chrono::hours(24)};  ///< Bounds for what Cache-Control asks for.
  std::chrono::seconds usual{std::chrono::hours(1)};             ///< Where Cache-Control says nothing.
  std::chrono::seconds interval{
      30};  ///< Between two fetches, whoever wants them and however the last one ended.
  std::chrono::seconds first_interval{1};  ///< The same while there are no keys at all.
  std::chrono::seconds stale{
      std::chrono::hours(24)};               ///< Out-of-date keys still count so long when none can be had.
  std::chrono::milliseconds deadline{2000};  ///< Of each of the two GETs.
};

/// How long a key set may be kept: `max-age` less the `Age` that it had in caches before us, bounded; the least for
/// `no-store` and `no-cache` (RFC 9111 sections 4.2.3 and 5.2).
[[nodiscard]] std::chrono::seconds key_lifetime(std::optional<std::string_view> cache_control,
                                                const KeyTimes& times,
                                                std::optional<std::string_view> age = std::nullopt);

/// OpenID Connect Discovery 1.0 section 4: where the issuer's key set is. Errors: `upstream_failed`, `malformed_json`,
/// `deadline_exceeded`, `usage` (an address that may not be asked). `stop` as in `fetch_blocking`.
[[nodiscard]] Result<std::string> discover_keys(const IssuerSettings& settings, const KeyTimes& times,
                                                const std::atomic<bool>& stop);

struct FetchedKeys {
  KeySet keys;  ///< At least one.
  std::chrono::seconds lifetime;
};
/// Errors as above; a set without a usable key is one: it is more likely the issuer's mistake than its wish.
[[nodiscard]] Result<FetchedKeys> fetch_keys(const IssuerSettings& settings, const std::string& jwks_uri,
                                             const KeyTimes& times, const std::atomic<bool>& stop);

}  // namespace bulkhead::identity
