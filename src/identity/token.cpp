#include "identity/token.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <boost/json/array.hpp>

#include "base/json.hpp"
#include "identity/base64url.hpp"

namespace bulkhead::identity {
namespace {

using Clock = std::chrono::system_clock;

Error malformed(std::string message) {
  return Error(Errc::token_malformed, std::move(message));
}

Result<boost::json::object> json_part(std::string_view part, const char* name) {
  std::optional<std::string> text = decode_base64url(part);
  if (!text) return malformed(std::string("the token's ") + name + " is not base64url");
  JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  auto value = parse_json(*text, limits);
  // The reader's own message is kept for the log: it may not be told what an attacker's token looked like
  // inside.
  if (!value)
    return malformed(std::string("the token's ") + name + " is not valid JSON")
        .internal(std::string(value.error().message()));
  if (!value->is_object()) return malformed(std::string("the token's ") + name + " is not a JSON object");
  return std::move(value->get_object());
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

/// RFC 7515 section 4.1.9 (a type without a slash has "application/" left out), RFC 8725 section 3.11, RFC
/// 9068.
bool token_type_allowed(std::string_view type) {
  constexpr std::string_view prefix = "application/";
  if (type.size() > prefix.size() && equals_ignoring_case(type.substr(0, prefix.size()), prefix))
    type.remove_prefix(prefix.size());
  return equals_ignoring_case(type, "jwt") || equals_ignoring_case(type, "at+jwt");
}

Result<void> read_header(const boost::json::object& header, UnverifiedToken& token) {
  const auto* algorithm = header.if_contains("alg");
  if (algorithm == nullptr || !algorithm->is_string()) return malformed("the token's header has no \"alg\"");
  std::optional<Algorithm> known = parse_algorithm(algorithm->get_string());
  if (!known)
    return Error(Errc::token_algorithm, "the token's algorithm is not accepted")
        .hint("Sign with RS256, ES256 or EdDSA.");
  token.algorithm = *known;
  // We understand no extension, so each critical one is one we must refuse (RFC 7515 section 4.1.11).
  if (header.contains("crit"))
    return malformed("the token has critical extensions, and none is understood here");
  if (const auto* type = header.if_contains("typ")) {
    if (!type->is_string() || !token_type_allowed(type->get_string()))
      return malformed("the token's \"typ\" is neither JWT nor at+jwt");
  }
  if (const auto* kid = header.if_contains("kid")) {
    if (!kid->is_string() || kid->get_string().empty())
      return malformed("the token's \"kid\" is not a string");
    token.kid = std::string(kid->get_string());
  }
  return {};
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, whole or not. Bounded so that no arithmetic with
/// it can overflow: the year 9999 ends before 253402300800.
Result<std::optional<Clock::time_point>> time_claim(const boost::json::object& payload,
                                                    std::string_view name) {
  const auto* value = payload.if_contains(name);
  if (value == nullptr) return std::optional<Clock::time_point>();
  constexpr double latest = 253402300800.0;
  double seconds = -1;
  if (value->is_int64()) {
    seconds = static_cast<double>(value->get_int64());
  } else if (value->is_uint64()) {
    seconds = static_cast<double>(value->get_uint64());
  } else if (value->is_double()) {
    seconds = value->get_double();
  }
  if (!std::isfinite(seconds) || seconds < 0 || seconds >= latest)
    return malformed("the token's \"" + std::string(name) + "\" is not a time");
  double whole = std::floor(seconds);
  auto rest = std::chrono::microseconds(static_cast<std::int64_t>((seconds - whole) * 1e6));
  // system_clock counts nanoseconds in 64 bits, which end in 2262; later is as good as that.
  constexpr std::int64_t countable = 9'000'000'000;
  auto stamp = std::chrono::seconds(std::min(static_cast<std::int64_t>(whole), countable));
  return std::optional<Clock::time_point>(Clock::time_point(stamp) + rest);
}

Result<Clock::time_point> check_times(const boost::json::object& payload, std::chrono::seconds leeway,
                                      Clock::time_point now) {
  BULKHEAD_TRY(auto expires, time_claim(payload, "exp"));
  BULKHEAD_TRY(auto not_before, time_claim(payload, "nbf"));
  BULKHEAD_TRY(auto issued, time_claim(payload, "iat"));
  if (!expires) return malformed("the token has no \"exp\"");
  // "on or after which the JWT MUST NOT be accepted" (RFC 7519 section 4.1.4).
  if (now >= *expires + leeway)
    return Error(Errc::token_time, "the token has expired").hint("Get a new token.");
  if (not_before && now < *not_before - leeway) return Error(Errc::token_time, "the token is not valid yet");
  if (issued && now < *issued - leeway)
    return Error(Errc::token_time, "the token was issued in the future")
        .hint("Compare the clocks of both machines.");
  return *expires;
}

Result<void> check_audience(const boost::json::object& payload, const std::vector<std::string>& wanted) {
  const auto* audience = payload.if_contains("aud");
  if (audience == nullptr) return Error(Errc::token_audience, "the token has no audience");
  auto is_wanted = [&](const boost::json::value& entry) {
    return std::any_of(wanted.begin(), wanted.end(),
                       [&](const auto& name) { return entry.get_string() == name; });
  };
  bool found = false;
  if (audience->is_string()) {
    found = is_wanted(*audience);
  } else if (audience->is_array()) {
    const auto& list = audience->get_array();
    // Every entry is looked at, so that a list with something else in it is refused wherever that stands.
    for (const auto& entry : list) {
      if (!entry.is_string()) return malformed("the token's \"aud\" holds something that is not a string");
      found = is_wanted(entry) || found;
    }
  } else {
    return malformed("the token's \"aud\" is neither a string nor a list of strings");
  }
  if (!found) return Error(Errc::token_audience, "the token is for another audience");
  return {};
}

Result<std::string> subject_of(const boost::json::object& payload) {
  const auto* subject = payload.if_contains("sub");
  if (subject == nullptr || !subject->is_string() || subject->get_string().empty())
    return malformed("the token has no \"sub\"");
  if (subject->get_string().size() > subject_size_limit)
    return malformed("the token's \"sub\" is longer than " + std::to_string(subject_size_limit) + " bytes");
  return std::string(subject->get_string());
}

Result<std::string> tenant_of(const boost::json::object& payload, const std::string& claim) {
  const auto* tenant = claim.empty() ? nullptr : payload.if_contains(claim);
  if (tenant == nullptr) return std::string();
  // An empty name would look like a token that names none and would so be free to choose.
  if (!tenant->is_string() || tenant->get_string().empty())
    return malformed("the token's \"" + claim + "\" does not name a tenant");
  return std::string(tenant->get_string());
}

}  // namespace

Result<UnverifiedToken> parse_token(std::string_view token) {
  if (token.size() > token_size_limit) return malformed("the token is longer than 8 KiB");
  std::size_t first = token.find('.');
  std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return malformed("the token does not have three parts");
  UnverifiedToken parsed;
  BULKHEAD_TRY(boost::json::object header, json_part(token.substr(0, first), "header"));
  BULKHEAD_CHECK(read_header(header, parsed));
  std::optional<std::string> signature = decode_base64url(token.substr(second + 1));
  if (!signature || signature->empty()) return malformed("the token's signature is not base64url");
  parsed.signature = std::move(*signature);
  BULKHEAD_TRY(parsed.payload, json_part(token.substr(first + 1, second - first - 1), "payload"));
  const auto* issuer = parsed.payload.if_contains("iss");
  if (issuer == nullptr || !issuer->is_string())
    return Error(Errc::token_issuer, "the token names no issuer");
  parsed.issuer = std::string(issuer->get_string());
  parsed.signed_part = token.substr(0, second);
  return parsed;
}

Result<Claims> check_claims(UnverifiedToken token, const IssuerSettings& settings, Clock::time_point now) {
  if (token.issuer != settings.issuer)
    return Error(Errc::token_issuer, "the token's issuer is not known here");
  Claims claims;
  BULKHEAD_TRY(claims.expires, check_times(token.payload, settings.leeway, now));
  BULKHEAD_CHECK(check_audience(token.payload, settings.audiences));
  BULKHEAD_TRY(claims.subject, subject_of(token.payload));
  BULKHEAD_TRY(claims.tenant, tenant_of(token.payload, settings.tenant_claim));
  if (const auto* name = token.payload.if_contains("name"); name != nullptr && name->is_string())
    claims.name = std::string(name->get_string());
  claims.issuer = std::move(token.issuer);
  claims.all = std::move(token.payload);
  return claims;
}

bool allows(const IssuerSettings& settings, Algorithm algorithm) noexcept {
  return std::find(settings.algorithms.begin(), settings.algorithms.end(), algorithm_name(algorithm)) !=
         settings.algorithms.end();
}

Result<Claims> verify_token(std::string_view token, const IssuerSettings& settings, const KeySet& keys,
                            SignatureChecker& checker, Clock::time_point now) {
  BULKHEAD_TRY(UnverifiedToken parsed, parse_token(token));
  if (parsed.issuer != settings.issuer)
    return Error(Errc::token_issuer, "the token's issuer is not known here");
  if (!allows(settings, parsed.algorithm))
    return Error(Errc::token_algorithm, "the token's algorithm is not accepted from this issuer");
  PublicKeyRef key = keys.find(parsed.algorithm, parsed.kid);
  if (!key) return Error(Errc::token_key_unknown, "the token's key is not among the issuer's keys");
  if (!checker.valid(key, parsed.signed_part, parsed.signature))
    return Error(Errc::token_signature, "the token's signature is not valid");
  return check_claims(std::move(parsed), settings, now);
}

}  // namespace bulkhead::identity
