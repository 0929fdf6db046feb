#include "entry/facts.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace bulkhead::entry {
namespace {

/// The string at the path; empty where there is none.
std::string_view text_at(const boost::json::object& payload, const std::vector<std::string>& path) {
  const boost::json::object* in = &payload;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const boost::json::value* found = in->if_contains(path[i]);
    if (found == nullptr) return {};
    if (i + 1 == path.size()) return found->is_string() ? std::string_view(found->get_string()) : "";
    in = found->if_object();
    if (in == nullptr) return {};
  }
  return {};
}

Result<std::string> role_of(const identity::Claims& claims, const EntrySettings& settings) {
  const std::string_view said = text_at(claims.all, settings.role_claim);
  const auto role = settings.database_roles.find(said);
  if (!said.empty() && role != settings.database_roles.end()) return role->second;
  return Error(Errc::permission_denied,
               said.empty() ? fmt::format("the token has no \"{}\"", fmt::join(settings.role_claim, "."))
                            : "the token's role is none that this database is used with")
      .hint("The operator lists them in [database] roles.");
}

/// Who calls is in the claims; the credentials themselves are nobody's to read.
bool is_secret(std::string_view name) {
  return name == "authorization" || name == "cookie" || name == "proxy-authorization";
}

std::string headers_of(const Request& request) {
  std::string out = "{";
  std::vector<std::string> seen;
  for (const HeaderView& header : request.headers) {
    std::string name = lower(header.name);
    // A second one of a name would make two members of one name.
    if (is_secret(name) || std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    if (!seen.empty()) out.push_back(',');
    append_json_lossy(out, name);
    out.push_back(':');
    append_json_lossy(out, header.value);
    seen.push_back(std::move(name));
  }
  return out + "}";
}

}  // namespace

Result<std::shared_ptr<const RequestFacts>> facts_of(const Request& request, const Found& found,
                                                     const identity::Claims& claims,
                                                     const EntrySettings& settings) {
  const bool by_claim = !settings.role_claim.empty() && catalog::is_adopted(found.tenant->placement) &&
                        found.membership->acting == nullptr;
  if (!by_claim && !settings.request_settings) return std::shared_ptr<const RequestFacts>();
  auto facts = std::make_shared<RequestFacts>();
  if (by_claim) {
    BULKHEAD_TRY(facts->role, role_of(claims, settings));
  }
  if (settings.request_settings) {
    facts->claims = boost::json::serialize(claims.all);
    facts->method = method_name(request.method);
    facts->path = request.path;
    facts->headers = headers_of(request);
  }
  return std::shared_ptr<const RequestFacts>(std::move(facts));
}

}  // namespace bulkhead::entry
