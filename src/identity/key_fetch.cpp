#include "identity/key_fetch.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <boost/json/object.hpp>

#include "base/ascii.hpp"
#include "base/fetch.hpp"
#include "base/json.hpp"

namespace bulkhead::identity {
namespace {

using std::chrono::seconds;

/// A header's whole number of seconds; nullopt for anything else. What does not fit in 32 bits is over 136 years.
std::optional<seconds> seconds_in(std::string_view text, seconds most) {
  std::uint32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return most;
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds(number);
}

Result<FetchResponse> get(const std::string& url, const IssuerSettings& settings, const KeyTimes& times,
                          const std::atomic<bool>& stop) {
  FetchRequest request(url);
  request.headers.emplace_back("Accept", "application/json");
  request.deadline = times.deadline;
  request.body_limit = jwks_size_limit;
  request.allow_http = settings.allow_http;
  BULKHEAD_TRY(FetchResponse response, fetch_blocking(request, &stop));
  if (response.status != 200)
    return Error(Errc::upstream_failed, "the issuer answered with status " + std::to_string(response.status))
        .internal("GET " + url);
  return response;
}

}  // namespace

Result<std::string> discover_keys(const IssuerSettings& settings, const KeyTimes& times,
                                  const std::atomic<bool>& stop) {
  std::string url = settings.issuer;
  if (url.ends_with('/')) url.pop_back();
  url += "/.well-known/openid-configuration";
  BULKHEAD_TRY(FetchResponse response, get(url, settings, times, stop));
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  BULKHEAD_TRY(boost::json::value root, parse_json(response.body, limits));
  const auto* document = root.if_object();
  const auto* issuer = document != nullptr ? document->if_contains("issuer") : nullptr;
  const auto* uri = document != nullptr ? document->if_contains("jwks_uri") : nullptr;
  // Section 4.3: else another issuer's document could be put in this one's place.
  if (issuer == nullptr || !issuer->is_string() || issuer->get_string() != settings.issuer)
    return Error(Errc::upstream_failed, "the discovery document names another issuer").internal("GET " + url);
  if (uri == nullptr || !uri->is_string())
    return Error(Errc::upstream_failed, "the discovery document has no \"jwks_uri\"").internal("GET " + url);
  return std::string(uri->get_string());
}

Result<FetchedKeys> fetch_keys(const IssuerSettings& settings, const std::string& jwks_uri,
                               const KeyTimes& times, const std::atomic<bool>& stop) {
  BULKHEAD_TRY(FetchResponse response, get(jwks_uri, settings, times, stop));
  BULKHEAD_TRY(KeySet keys, parse_jwks(response.body));
  if (keys.keys().empty()) return Error(Errc::upstream_failed, "the key set holds no key that can be used");
  return FetchedKeys{std::move(keys),
                     key_lifetime(response.header("cache-control"), times, response.header("age"))};
}

seconds key_lifetime(std::optional<std::string_view> cache_control, const KeyTimes& times,
                     std::optional<std::string_view> age) {
  if (!cache_control) return times.usual;
  std::string directives = lower(*cache_control);
  std::string_view rest = directives;
  std::optional<seconds> kept;
  while (!rest.empty()) {
    std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view directive = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (directive == "no-store" || directive == "no-cache") return times.least;
    constexpr std::string_view name = "max-age=";
    if (!directive.starts_with(name) || kept) continue;
    directive.remove_prefix(name.size());
    kept = seconds_in(directive, times.most);
  }
  if (!kept) return times.usual;
  // What it was kept on the way here is gone already.
  seconds spent = age ? seconds_in(trimmed(*age), times.most).value_or(seconds(0)) : seconds(0);
  return std::clamp(*kept - spent, times.least, times.most);
}

}  // namespace bulkhead::identity
