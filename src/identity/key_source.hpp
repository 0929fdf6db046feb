#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

#include "identity/key_fetch.hpp"
#include "identity/keys.hpp"
#include "identity/verifier.hpp"

namespace bulkhead::identity {

/// The key sets of the issuers: found by OpenID Connect Discovery, fetched on threads of its own, shared by
/// the verifiers of all io threads. Thread-safe.
///
/// A key set is *fresh* for its lifetime; in the last fifth of that, whoever uses it causes a fetch in the
/// background. Once out of date, callers wait for a fetch. If that fails, the old keys count as fresh again
/// for two intervals, up to `stale` beyond their lifetime, so that an outage of the issuer does not log
/// everybody out. A set without usable keys counts as failed: it is more likely the issuer's mistake than its
/// wish.
///
/// Times are the callers' `now`. A clock that was set back by more than minutes causes a fetch, no more.
/// Lifetime: `stop`, or its end, comes before the end of the io_contexts of the tasks that `wait` made.
class KeySource {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Throws std::invalid_argument on settings that `check_settings` refuses.
  explicit KeySource(std::vector<IssuerSettings> issuers, const KeyTimes& times = KeyTimes());
  KeySource(const KeySource&) = delete;
  KeySource& operator=(const KeySource&) = delete;
  ~KeySource();
  /// Waits for the running fetches, which end within a second, and starts no others: from then on nothing is
  /// posted to a caller's io_context but from that caller's own `wait`.
  void stop();

  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] const IssuerSettings& settings(std::size_t issuer) const noexcept;
  /// The issuer of exactly this `iss`.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view iss) const noexcept;

  /// Whether the keys may be used without asking the issuer. Takes no lock: it stands on every request's
  /// path.
  [[nodiscard]] bool fresh(std::size_t issuer, Time now) const noexcept;
  /// Starts a fetch in the background when it is time for one. Takes a lock only then.
  void refresh_if_due(std::size_t issuer, Time now);
  /// Starts a fetch in the background, whenever the last one was: somebody said that the keys have changed.
  void renew(std::size_t issuer, Time now);
  /// nullptr: there are none that may be used.
  [[nodiscard]] std::shared_ptr<const KeySet> keys(std::size_t issuer, Time now) const;
  /// Why the last fetch failed, if it did.
  [[nodiscard]] std::optional<Error> failure(std::size_t issuer) const;

  /// Waits for the fetch that is running, or starts one if the interval allows, or returns at once.
  [[nodiscard]] Task<void> wait(std::size_t issuer, Time now);

 private:
  struct Issuer;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::identity
