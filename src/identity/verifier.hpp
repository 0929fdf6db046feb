#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "identity/settings.hpp"

namespace bulkhead::identity {

class KeySource;

/// What a verified token says. Immutable, shared by the token cache.
struct Claims {
  std::string issuer, subject;
  std::string tenant;  ///< Empty: the token names none.
  bool tenant_bound =
      false;  ///< The issuer is that tenant's own: the token is good for no other, whatever a request says.
  std::string name;
  std::vector<std::string> roles;  ///< As the provider calls them.
  /// What the caller is made a member of `tenant` as, where they are none and the issuer's settings believe it.
  std::optional<Role> join_role;
  std::chrono::system_clock::time_point expires;
  boost::json::object all;
};
using ClaimsRef = std::shared_ptr<const Claims>;

/// One io thread's verifier: issuers, their key sets, and a bounded cache of verified tokens.
/// Verification itself is a pure function of (token, settings, keys, now) underneath; RFC 7515, 7517, 7519,
/// 8725. Not thread-safe.
class Verifier {
 public:
  /// With key sets of its own. Throws std::invalid_argument on settings that `check_settings` refuses.
  Verifier(boost::asio::any_io_executor executor, std::vector<IssuerSettings> issuers);
  /// With key sets shared by the verifiers of all io threads (key_source.hpp), so that the process as a whole
  /// asks an issuer no more often than one thread would.
  Verifier(boost::asio::any_io_executor executor, std::shared_ptr<KeySource> keys);
  ~Verifier();

  /// From the cache alone: no signature is computed, no coroutine made. nullptr: ask `verify`.
  [[nodiscard]] ClaimsRef known(std::string_view token, std::chrono::system_clock::time_point now);
  /// Waits for the issuer's keys when there are none, when they are out of date and when the token's key is
  /// not among them; several waiters share one fetch. Errors: the 3xx family. Never echoes the token. The
  /// Verifier outlives the task; cancelling the task is not supported (it ends within the fetch's deadline).
  [[nodiscard]] Task<Result<ClaimsRef>> verify(std::string token, std::chrono::system_clock::time_point now);
  /// Drops every cached token (revocation, key rotation).
  void forget();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::identity
