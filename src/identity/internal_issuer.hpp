#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/context.hpp>
#include <bulkhead/internal_tokens.hpp>
#include <bulkhead/result.hpp>

#include "base/config.hpp"
#include "catalog/act_as.hpp"
#include "identity/settings.hpp"
#include "identity/signing_key.hpp"
#include "pg/blocking.hpp"

/// Tokens that Bulkhead itself makes: for calls between services of one installation, and for operators who act for a tenant.
/// Short-lived, for one audience and one tenant, signed by keys in the catalog that change by themselves.
///
/// A token says `sub`: a user's id, or "act:" and a grant's; `tenant`: its id; `client_id`: the app that made it; and `act`
/// (RFC 8693 section 4.1) where an operator acts. It says no role: that is looked up where it is used, so that a revocation
/// counts there as anywhere. Its type is of its own (RFC 8725 section 3.11), so that no other token passes for one.
namespace bulkhead::identity {

inline constexpr std::string_view internal_token_type = "bulkhead-internal+jwt";
/// Where every server has the public keys. They are no secret.
inline constexpr std::string_view internal_jwks_path = "/.well-known/bulkhead/jwks.json";

/// By what name an installation signs, and by what name this app is called.
struct InternalNames {
  std::string issuer, audience;
};
[[nodiscard]] InternalNames internal_names(const AppConfig& config);

/// How the tokens are verified. `read_jwks`: see IssuerSettings.
[[nodiscard]] IssuerSettings internal_settings(const InternalNames& names,
                                               std::function<Result<std::string>()> read_jwks);

/// Mints with the key whose time it is. Thread-safe.
class InternalIssuer final : public InternalTokens {
 public:
  static constexpr std::chrono::seconds token_lifetime{60};

  explicit InternalIssuer(InternalNames names) : names_(std::move(names)) {}

  /// Takes the catalog's keys as they are now. `catalog`: a server's login to it, or the operator's.
  [[nodiscard]] Result<void> load(pg::Blocking& catalog);
  /// For the context's tenant and caller. Errors: `identity_unavailable` without a key.
  [[nodiscard]] Result<std::string> mint(const RequestContext& context,
                                         std::string_view audience) const override;
  /// For an operator with this grant, for this app, until the grant is over.
  [[nodiscard]] Result<std::string> mint_act_as(const catalog::ActAsGrant& grant, const TenantId& tenant,
                                                std::chrono::system_clock::time_point now) const;
  /// The public keys, as a JWK set.
  [[nodiscard]] std::string jwks() const;
  [[nodiscard]] const InternalNames& names() const noexcept { return names_; }

 private:
  struct Key {
    SigningKey key;
    std::chrono::system_clock::time_point signs_from;
  };
  using Keys = std::shared_ptr<const std::vector<Key>>;
  [[nodiscard]] Keys keys() const;
  [[nodiscard]] Result<std::string> sign(boost::json::object payload,
                                         std::chrono::system_clock::time_point now) const;

  InternalNames names_;
  mutable std::mutex mutex_;  ///< Guards keys_, which is replaced whole.
  Keys keys_ = std::make_shared<const std::vector<Key>>();
};

/// When keys change.
struct InternalKeyTimes {
  InternalKeyTimes() = default;
  std::chrono::seconds signs{std::chrono::hours(24 * 7)};  ///< How long one signs.
  std::chrono::seconds before{std::chrono::hours(1)};      ///< Published so long before it signs …
  std::chrono::seconds after{std::chrono::hours(9)};       ///< … and after: longer than any token lives.
};
/// Makes the key that signs now if there is none, and the next one when it is time for it; several may call it at once.
/// Whether the keys have changed.
[[nodiscard]] Result<bool> rotate_internal_keys(pg::Blocking& admin,
                                                std::chrono::system_clock::time_point now,
                                                const InternalKeyTimes& times = {});
/// A new key signs from now on. `withdraw`: what was signed before is no longer believed, for when a key has leaked.
[[nodiscard]] Result<void> replace_internal_key(pg::Blocking& admin,
                                                std::chrono::system_clock::time_point now, bool withdraw,
                                                const InternalKeyTimes& times = {});

}  // namespace bulkhead::identity
