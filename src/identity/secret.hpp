#pragma once

#include <string>

#include <bulkhead/result.hpp>

#include "identity/keys.hpp"
#include "identity/settings.hpp"

namespace bulkhead::identity {

/// What a reference to a secret leads to: `env:NAME`, a variable of the environment, or `file:PATH`, whose last line break
/// does not count. Error: `config_invalid`, which never quotes what it found, nor a reference that may be the secret itself.
[[nodiscard]] Result<std::string> read_secret(const std::string& reference);

/// The key of an issuer with `settings.secret`. Errors: those of `read_secret`, `config_invalid` for one that is no base64 or
/// too short.
[[nodiscard]] Result<KeySet> secret_keys(const IssuerSettings& settings);

}  // namespace bulkhead::identity
