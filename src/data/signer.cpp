#include "data/signer.hpp"

#include <array>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <openssl/hmac.h>

namespace bulkhead::data {

namespace {

using std::chrono::seconds;

constexpr seconds signed_for{120};
constexpr seconds renew_after{60};
constexpr std::size_t cached_max = 65'536;

std::string hex_mac(std::string_view secret, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  const auto* message = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), message, text.size(), mac.data(),
           &size) == nullptr ||
      size != mac.size())
    throw std::runtime_error("the tenant context cannot be signed: OpenSSL's HMAC-SHA-256 failed");
  std::string out;
  out.reserve(2 * mac.size());
  for (unsigned char byte : mac) {
    out.push_back(digits[byte >> 4]);
    out.push_back(digits[byte & 15]);
  }
  return out;
}

}  // namespace

struct Signer::Impl {
  struct Entry {
    std::string text;
    std::string bound_role;
    std::chrono::system_clock::time_point signed_at;
  };
  struct Key {
    Uuid tenant;
    Role role;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& of) const noexcept {
      return std::hash<Uuid>()(of.tenant) * 4 + static_cast<std::size_t>(of.role);
    }
  };

  Binding binding;
  BindingKey signing_key;
  std::unordered_map<Key, Entry, KeyHash> cache;

  [[nodiscard]] std::string sign(const Tenant& tenant, std::string_view bound_role,
                                 std::chrono::system_clock::time_point now) const {
    const auto expiry = std::chrono::duration_cast<seconds>((now + signed_for).time_since_epoch()).count();
    std::string text(tenant.id_text());
    text.append("|").append(bound_role).append("|").append(std::to_string(expiry));
    text.append("|").append(std::to_string(signing_key.id));
    std::string mac = hex_mac(signing_key.secret, text);
    return text.append("|").append(mac);
  }
};

Signer::Signer(Binding binding, BindingKey key) : impl_(new Impl{binding, std::move(key), {}}) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

std::string_view Signer::context(const Tenant& tenant, Role role, std::string_view bound_role,
                                 std::chrono::system_clock::time_point now) {
  if (impl_->binding == Binding::plain) return tenant.id_text();
  const Impl::Key key{tenant.id().uuid(), role};
  auto found = impl_->cache.find(key);
  // A clock that was set back must not stretch a signature's life, so both directions renew it.
  if (found != impl_->cache.end() && now >= found->second.signed_at &&
      now - found->second.signed_at < renew_after && found->second.bound_role == bound_role)
    return found->second.text;
  if (found == impl_->cache.end()) {
    // Entries are worth a minute and cheap to make again, so a full cache starts over.
    if (impl_->cache.size() >= cached_max) impl_->cache.clear();
    found = impl_->cache.emplace(key, Impl::Entry{}).first;
  }
  found->second = {impl_->sign(tenant, bound_role, now), std::string(bound_role), now};
  return found->second.text;
}

void Signer::rotate(BindingKey key) {
  impl_->signing_key = std::move(key);
  impl_->cache.clear();
}

}  // namespace bulkhead::data
