#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>

#include "identity/key_fetch.hpp"
#include "identity/token.hpp"

/// What an issuer's settings accept, step by step, for people (`bulkhead identity check`). Verification itself is token.hpp's;
/// this asks the same functions one by one.
namespace bulkhead::identity {

/// Where the keys are and which can be used, as of now.
struct KeyReport {
  std::string jwks_uri;     ///< Empty: given in the settings, or not found.
  bool discovered = false;  ///< By discovery rather than by the settings.
  std::chrono::seconds lifetime{0};
  std::optional<KeySet> keys;
  std::optional<Error> failure;  ///< Why there are none.
};

/// One or two blocking GETs.
[[nodiscard]] KeyReport look_at_keys(const IssuerSettings& settings, const KeyTimes& times = KeyTimes());

struct TokenReport {
  std::vector<CheckStep>
      steps;  ///< In the order of verification; those after a failure, too, as far as they can be made.
  Result<Claims> verdict;  ///< What a request with this token would get; of the first step that failed.
};
/// No part of the token is in the report but the claims that are looked at.
[[nodiscard]] TokenReport look_at_token(std::string_view token, const IssuerSettings& settings,
                                        const std::optional<KeySet>& keys,
                                        std::chrono::system_clock::time_point now);

/// The settings' rules in words, one a line: "audience: `client_id` is one of …".
[[nodiscard]] std::vector<std::pair<std::string, std::string>> rules_of(const IssuerSettings& settings);

}  // namespace bulkhead::identity
