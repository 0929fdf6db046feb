#include "entry/resolve.hpp"

#include <algorithm>
#include <array>

#include <bulkhead/uuid.hpp>

#include "base/ascii.hpp"
#include "base/utf8.hpp"
#include "catalog/members.hpp"

namespace bulkhead::entry {

namespace {

/// The host without port and trailing dot; empty for an address in brackets or a malformed port.
std::string_view bare_host(std::string_view host) noexcept {
  if (host.starts_with('[')) return {};
  std::size_t colon = host.find(':');
  if (colon != std::string_view::npos) {
    std::string_view port = host.substr(colon + 1);
    if (!std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) return {};
    host = host.substr(0, colon);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

/// What a bearer token may be made of (RFC 6750 section 2.1), by byte.
constexpr std::array<bool, 256> token_characters = [] {
  std::array<bool, 256> allowed{};
  for (char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/="))
    allowed[static_cast<unsigned char>(c)] = true;
  return allowed;
}();

Error no_tenant() {
  return Error(Errc::tenant_not_found, "there is no such tenant for this caller");
}

Error conflict() {
  return Error(Errc::tenant_conflict, "the sources of this request name different tenants");
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> tenant_name(std::string_view text) {
  if (catalog::valid_slug(text)) return std::string(text);
  if (auto id = Uuid::parse(text)) return id->text();
  return std::nullopt;
}

HostTenant tenant_of_host(std::string_view host, std::span<const std::string> base_domains) {
  std::string name = lower(bare_host(host));
  HostTenant found;
  found.kind = HostTenant::Kind::foreign;
  for (const std::string& base : base_domains) {
    if (name == base) return HostTenant();
    if (name.size() <= base.size() + 1 || !name.ends_with(base) || name[name.size() - base.size() - 1] != '.')
      continue;
    // A longer base domain may still be this very host, so the loop goes on.
    auto label = tenant_name(std::string_view(name).substr(0, name.size() - base.size() - 1));
    if (label) {
      found.kind = HostTenant::Kind::named;
      found.name = std::move(*label);
    } else if (found.kind == HostTenant::Kind::foreign) {
      found.kind = HostTenant::Kind::unknown;
    }
  }
  if (found.kind != HostTenant::Kind::foreign) return found;
  if (!catalog::valid_host(name)) return HostTenant();
  found.name = std::move(name);
  return found;
}

std::optional<std::string_view> tenant_of_path(std::string_view& path) noexcept {
  constexpr std::string_view prefix = "/tenants/";
  if (!path.starts_with(prefix)) return std::nullopt;
  std::string_view rest = path.substr(prefix.size());
  std::string_view name = rest.substr(0, rest.find('/'));
  rest.remove_prefix(name.size());
  path = rest.empty() ? std::string_view("/") : rest;
  return name;
}

void Named::add(std::string name) {
  auto end = names_.begin() + static_cast<std::ptrdiff_t>(count_);
  if (std::find(names_.begin(), end, name) == end) names_[count_++] = std::move(name);
}

Result<std::string_view> bearer_token(const Request& request) {
  std::optional<std::string_view> value;
  for (const HeaderView& header : request.headers) {
    if (!same_name(header.name, "authorization")) continue;
    if (value) return Error(Errc::malformed_request, "there is more than one Authorization header");
    value = header.value;
  }
  constexpr std::string_view scheme = "bearer ";
  if (!value || !same_name(value->substr(0, scheme.size()), scheme))
    return Error(Errc::token_missing, "this needs a token").hint("send Authorization: Bearer <token>");
  std::string_view token = value->substr(scheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  // Without a branch a character: a token has hundreds, and this is every request's way.
  bool good = !token.empty();
  for (char c : token) good &= token_characters[static_cast<unsigned char>(c)];
  if (!good) return Error(Errc::token_malformed, "what follows Bearer is no token");
  return token;
}

Result<void> tenants_of_header(const Request& request, Named& named) {
  std::size_t different = 0;
  for (const HeaderView& header : request.headers) {
    if (!same_name(header.name, "x-tenant-id")) continue;
    auto name = tenant_name(header.value);
    if (!name) return Error(Errc::tenant_malformed, "X-Tenant-ID is neither a tenant's slug nor its id");
    std::size_t before = named.names().size();
    named.add(std::move(*name));
    different += named.names().size() - before;
    if (different > 2) return conflict();
  }
  return {};
}

Result<std::string> only_tenant(const std::vector<catalog::OwnTenant>& own) {
  if (own.empty()) return no_tenant();
  if (own.size() == 1) return own.front().id;
  std::string list = "\"tenants\":[";
  for (const catalog::OwnTenant& tenant : own) {
    list += list.back() == '[' ? "{\"id\":" : ",{\"id\":";
    append_json_lossy(list, tenant.id);
    list += ",\"slug\":";
    append_json_lossy(list, tenant.slug);
    list += ",\"name\":";
    append_json_lossy(list, tenant.name);
    list += '}';
  }
  return Error(Errc::tenant_ambiguous, "the request names no tenant, and the caller belongs to several")
      .hint("name one of them, for example with X-Tenant-ID")
      .members(list + "]");
}

Result<void> judge(const Found& found, Role at_least) {
  bool member = found.agree && found.tenant && found.membership &&
                found.tenant->status != catalog::TenantStatus::deleting;
  if (!member) {
    if (found.names > 1) return conflict();
    return no_tenant();
  }
  if (found.tenant->status == catalog::TenantStatus::suspended) {
    Error error(Errc::tenant_suspended, "this tenant is suspended");
    if (found.tenant->suspended_reason.empty()) return error;
    return std::move(error).details(found.tenant->suspended_reason);
  }
  if (found.membership->role < at_least)
    return Error(Errc::permission_denied, "this needs the role " + std::string(role_name(at_least)) +
                                              "; the caller's role is " +
                                              std::string(role_name(found.membership->role)));
  return Result<void>();
}

}  // namespace bulkhead::entry
