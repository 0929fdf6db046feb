#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <bulkhead/macros.hpp>
#include <bulkhead/uuid.hpp>

namespace bulkhead {

namespace catalog {
struct TenantRecord;
}

/// The tenant a piece of work is for. There is no way to make one: it comes out of the entry of a request, a
/// delivered job, or an operator's audited `act_as`, and stays with the request it came with. It cannot be
/// defaulted, built from an id, or copied to another request.
///
/// Lifetime: as long as the RequestContext that holds it. Thread: the io thread of the request.
class Tenant {
 public:
  Tenant() BULKHEAD_DELETED(
      "a Tenant has no default: it comes from the request's entry, a delivered job or act_as");
  Tenant(const Tenant&) BULKHEAD_DELETED(
      "a Tenant stays with its request and cannot be copied: pass the TenantSession on instead");
  Tenant& operator=(const Tenant&) BULKHEAD_DELETED(
      "a Tenant stays with its request and cannot be copied: pass the TenantSession on instead");
  Tenant(Tenant&&) noexcept = default;
  Tenant& operator=(Tenant&&) BULKHEAD_DELETED(
      "a Tenant stays with its request: another request's tenant cannot be put into its place");
  ~Tenant() = default;

  [[nodiscard]] const TenantId& id() const noexcept { return id_; }
  /// The id's 36 characters.
  [[nodiscard]] std::string_view id_text() const noexcept { return id_text_; }
  /// The name in subdomains and paths.
  [[nodiscard]] std::string_view slug() const noexcept { return slug_; }

 private:
  friend struct ContextAccess;  // src/base/context_access.hpp: the rooms of DESIGN section 2 that may make
                                // one
  Tenant(TenantId id, std::string slug, std::shared_ptr<const catalog::TenantRecord> record)
      : id_(id), id_text_(id.text()), slug_(std::move(slug)), record_(std::move(record)) {}

  TenantId id_;
  std::string id_text_, slug_;
  std::shared_ptr<const catalog::TenantRecord> record_;
};

}  // namespace bulkhead
