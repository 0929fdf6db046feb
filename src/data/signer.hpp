#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/context.hpp>

namespace bulkhead::data {

enum class Binding : std::uint8_t { signed_context, plain };

/// A key that `bulkhead.binding_key` holds, too.
struct BindingKey {
  std::int32_t id = 0;
  std::string secret;  ///< 32 bytes.

  [[nodiscard]] bool operator==(const BindingKey&) const = default;
};

/// Makes the tenant context that `bulkhead.tenant_id()` accepts:
///   `<tenant uuid>|<role>|<expiry, Unix seconds>|<key id>|<mac>` with mac = hex(HMAC-SHA-256(secret, all
///   before it)).
/// `role` is the PostgreSQL role (app_member), so that injected SQL cannot raise it either. Signed once per
/// (tenant, role) and minute and cached (bounded); valid for two minutes. In plain mode: the uuid alone. One
/// an io thread.
class Signer {
 public:
  Signer(Binding binding, BindingKey key);
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  /// `bound_role`: the PostgreSQL role that the unit takes on, one a (tenant, role).
  [[nodiscard]] std::string_view context(const Tenant& tenant, Role role, std::string_view bound_role,
                                         std::chrono::system_clock::time_point now);
  void rotate(BindingKey key);
  ~Signer();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::data
