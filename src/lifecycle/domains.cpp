#include "lifecycle/domains.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "base/dns.hpp"
#include "base/fetch.hpp"

namespace bulkhead::lifecycle {

namespace {

/// Longer is no name that DNS can hold.
constexpr std::size_t longest_name = 253;
constexpr std::size_t longest_answer = 1024;

bool below(std::string_view host, std::string_view base) noexcept {
  return host == base ||
         (host.size() > base.size() && host.ends_with(base) && host[host.size() - base.size() - 1] == '.');
}

std::string plain_name(std::string_view host) {
  std::string name = lower(host);
  if (name.ends_with('.')) name.pop_back();
  return name;
}

/// "" if the record is there, else what is there instead.
std::string dns_lacks(const Challenge& challenge, const DomainSettings& settings) {
  if (challenge.dns_name.size() > longest_name) return "the name of the TXT record would be too long";
  const auto texts = dns_texts(challenge.dns_name, settings.dns_server);
  if (texts.has_error()) return std::string(texts.error().message());
  if (std::find(texts->begin(), texts->end(), challenge.dns_value) != texts->end()) return {};
  if (texts->empty()) return "no TXT record " + challenge.dns_name;
  return "none of the TXT records " + challenge.dns_name + " is the one";
}

std::string http_lacks(const Challenge& challenge, const std::string& token, const DomainSettings& settings) {
  FetchRequest request(challenge.http_url);
  request.allow_http = true;
  request.public_only = true;
  request.connect_to = settings.challenge_address;
  request.body_limit = longest_answer;
  request.deadline = std::chrono::milliseconds(4000);
  const auto answer = fetch_blocking(request);
  if (answer.has_error()) return std::string(answer.error().message());
  if (answer->status != 200) return challenge.http_url + " answered " + std::to_string(answer->status);
  // What an editor or `echo` leaves behind the token is no other token.
  std::string_view body = answer->body;
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r' || body.back() == ' '))
    body.remove_suffix(1);
  if (body == token) return {};
  return challenge.http_url + " answered something else than the token";
}

}  // namespace

DomainSettings domain_settings(const AppConfig& config) {
  DomainSettings settings;
  settings.base_domains = config.base_domains;
  settings.dns_server = config.dns_server;
  settings.challenge_address = config.challenge_address;
  return settings;
}

Challenge challenge_of(const catalog::DomainRecord& domain) {
  Challenge challenge;
  challenge.dns_name = "_bulkhead-challenge." + domain.host;
  challenge.dns_value = "bulkhead-verify=" + domain.token;
  challenge.http_url = "http://" + domain.host + "/.well-known/bulkhead-challenge/" + domain.token;
  return challenge;
}

boost::json::object domain_json(const catalog::DomainRecord& domain) {
  const Challenge challenge = challenge_of(domain);
  boost::json::object out{
      {"host", domain.host},           {"verified", domain.verified},    {"verified_by", nullptr},
      {"made_at", domain.made_at},     {"dns_name", challenge.dns_name}, {"dns_value", challenge.dns_value},
      {"http_url", challenge.http_url}};
  if (!domain.verified_by.empty()) out["verified_by"] = domain.verified_by;
  return out;
}

Result<catalog::DomainRecord> add_domain(pg::Blocking& admin, const TenantId& tenant, const std::string& host,
                                         const DomainSettings& settings) {
  for (const std::string& base : settings.base_domains)
    if (below(host, plain_name(base)))
      return Error(Errc::usage,
                   "\"" + host + "\" is a base domain or below one, where hosts name tenants by their slugs")
          .hint("entry.base_domains of bulkhead.toml lists them");
  return catalog::add_domain(admin, tenant, host);
}

Result<std::string> prove_domain(const catalog::DomainRecord& domain, const DomainSettings& settings) {
  const Challenge challenge = challenge_of(domain);
  const std::string dns = dns_lacks(challenge, settings);
  if (dns.empty()) return std::string("dns");
  const std::string http = http_lacks(challenge, domain.token, settings);
  if (http.empty()) return std::string("http");
  return Error(Errc::conflict, "nothing shows yet that \"" + domain.host + "\" is this tenant's")
      .details("DNS: " + dns + "; HTTP: " + http)
      .hint("set the TXT record, or point the host at a Bulkhead server; then ask again");
}

}  // namespace bulkhead::lifecycle
