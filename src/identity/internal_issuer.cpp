#include "identity/internal_issuer.hpp"

#include <algorithm>
#include <optional>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "catalog/internal_keys.hpp"

namespace bulkhead::identity {
namespace {

using Time = std::chrono::system_clock::time_point;

std::int64_t unix_seconds(Time when) {
  return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
}

Result<catalog::InternalKey> new_key(Time signs_from) {
  BULKHEAD_TRY(const SigningKey made, SigningKey::generate(Algorithm::eddsa));
  catalog::InternalKey key;
  key.kid = made.kid();
  BULKHEAD_TRY(key.private_pem, made.private_pem());
  key.jwk = boost::json::serialize(made.jwk());
  key.signs_from = signs_from;
  return key;
}

/// Adds a key after the others; those end when their last token is over.
Result<void> succeed(pg::Blocking& admin, Time signs_from, Time others_end) {
  BULKHEAD_TRY(const catalog::InternalKey key, new_key(signs_from));
  BULKHEAD_CHECK(catalog::add_internal_key(admin, key));
  return catalog::end_internal_keys_before(admin, key.kid, others_end);
}

/// `work` in a transaction that holds the keys' lock.
template <class Work>
auto with_keys_locked(pg::Blocking& admin, Work work) -> decltype(work()) {
  BULKHEAD_CHECK(admin.execute("begin"));
  auto locked = catalog::lock_internal_keys(admin);
  auto done = locked.has_error() ? decltype(work())(locked.error()) : work();
  auto ended = admin.execute(done.has_value() ? "commit" : "rollback");
  if (done.has_value() && ended.has_error()) return ended.error();
  return done;
}

}  // namespace

InternalNames internal_names(const AppConfig& config) {
  const std::string name = config.name.empty() ? "app" : config.name;
  InternalNames names;
  names.issuer = config.services_issuer.empty() ? "urn:bulkhead:" + name : config.services_issuer;
  names.audience = config.services_audience.empty() ? name : config.services_audience;
  return names;
}

IssuerSettings internal_settings(const InternalNames& names, std::function<Result<std::string>()> read_jwks) {
  IssuerSettings settings;
  settings.name = "internal";
  settings.issuer = names.issuer;
  settings.audiences = {names.audience};
  settings.read_jwks = std::move(read_jwks);
  settings.algorithms = {"EdDSA"};
  settings.types = {std::string(internal_token_type)};
  settings.tenant_bound = true;
  settings.leeway = std::chrono::seconds(10);
  return settings;
}

Result<void> InternalIssuer::load(pg::Blocking& catalog) {
  BULKHEAD_TRY(const auto known, catalog::read_internal_keys(catalog));
  std::vector<Key> loaded;
  for (const catalog::InternalKey& key : known) {
    BULKHEAD_TRY(SigningKey signing, SigningKey::from_pem(key.private_pem));
    loaded.push_back(Key{std::move(signing), key.signs_from});
  }
  auto fresh = std::make_shared<const std::vector<Key>>(std::move(loaded));
  const std::lock_guard lock(mutex_);
  keys_ = std::move(fresh);
  return {};
}

InternalIssuer::Keys InternalIssuer::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

Result<std::string> InternalIssuer::sign(boost::json::object payload, Time now) const {
  const Keys all = keys();
  const Key* current = nullptr;
  for (const Key& key : *all)
    if (key.signs_from <= now) current = &key;
  if (current == nullptr)
    return Error(Errc::identity_unavailable, "there is no key to sign internal tokens with")
        .hint(
            "a server with the operator's rights makes it as it starts; `bulkhead identity rotate` does, "
            "too");
  payload["iss"] = names_.issuer;
  payload["iat"] = unix_seconds(now);
  payload["jti"] = Uuid::random().text();
  payload["client_id"] = names_.audience;
  const boost::json::object header{{"alg", algorithm_name(current->key.algorithm())},
                                   {"typ", internal_token_type},
                                   {"kid", current->key.kid()}};
  return current->key.sign(boost::json::serialize(header), boost::json::serialize(payload));
}

Result<std::string> InternalIssuer::mint(const RequestContext& context, std::string_view audience) const {
  const Time now = std::chrono::system_clock::now();
  const Principal& principal = context.principal();
  boost::json::object payload{{"aud", audience},
                              {"sub", principal.user.text()},
                              {"tenant", context.tenant().id_text()},
                              {"exp", unix_seconds(now + token_lifetime)}};
  if (!principal.name.empty()) payload["name"] = principal.name;
  if (principal.acting) {
    payload["sub"] = "act:" + principal.acting->grant.text();
    payload["act"] = {{"sub", principal.acting->actor}};
  }
  return sign(std::move(payload), now);
}

Result<std::string> InternalIssuer::mint_act_as(const catalog::ActAsGrant& grant, const TenantId& tenant,
                                                Time now) const {
  return sign({{"aud", names_.audience},
               {"sub", "act:" + grant.id.text()},
               {"tenant", tenant.text()},
               {"exp", unix_seconds(grant.expires)},
               {"act", {{"sub", grant.actor}}}},
              now);
}

std::string InternalIssuer::jwks() const {
  boost::json::array list;
  const Keys all = keys();
  for (const Key& key : *all) list.emplace_back(key.key.jwk());
  return boost::json::serialize(boost::json::object{{"keys", std::move(list)}});
}

Result<bool> rotate_internal_keys(pg::Blocking& admin, Time now, const InternalKeyTimes& times) {
  return with_keys_locked(admin, [&]() -> Result<bool> {
    BULKHEAD_TRY(const std::uint64_t ended, catalog::drop_ended_internal_keys(admin));
    BULKHEAD_TRY(const auto known, catalog::read_internal_keys(admin));
    if (known.empty()) {
      BULKHEAD_CHECK(succeed(admin, now, now));
      return true;
    }
    const Time due = known.back().signs_from + times.signs;
    if (now + times.before < due) return ended > 0;
    // Late, perhaps, but never without having been published before.
    const Time from = std::max(due, now + times.before);
    BULKHEAD_CHECK(succeed(admin, from, from + times.after));
    return true;
  });
}

Result<void> replace_internal_key(pg::Blocking& admin, Time now, bool withdraw,
                                  const InternalKeyTimes& times) {
  return with_keys_locked(admin, [&]() -> Result<void> {
    // Those that wait have signed nothing.
    BULKHEAD_CHECK(catalog::drop_internal_keys_after(admin, withdraw ? Time() : now));
    return succeed(admin, now, now + times.after);
  });
}

}  // namespace bulkhead::identity
