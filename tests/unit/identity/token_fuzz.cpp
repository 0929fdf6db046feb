// The token check on any bytes, against real keys: no crash, and nothing is accepted that was not signed. The
// input is taken as a token as it is, and as a header and a payload (split at the first newline) that are
// encoded first, so that the fuzzer need not learn base64url.
#include <cstdlib>

#include "identity/base64url.hpp"
#include "identity/token.hpp"

namespace {

using namespace bulkhead::identity;

// RFC 7515 appendix A.3 and RFC 8037 appendix A.2.
constexpr std::string_view key_document =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})";

/// Every preset, and settings that ask for what no preset does.
std::vector<IssuerSettings> settings() {
  std::vector<IssuerSettings> all;
  for (const char* preset : {"oidc", "cognito", "auth0", "okta", "clerk", "workos"}) {
    bulkhead::IdentityConfig config;
    config.preset = preset;
    config.issuer = "joe";
    config.audiences = {"app"};
    all.push_back(settings_of(config));
    all.back().algorithms = {"RS256", "ES256", "EdDSA"};
  }
  IssuerSettings own = all.front();
  own.tenant = "acme";
  own.tenants = {{"org_1", "acme"}, {"org_2", "globex"}};
  own.roles_claim = ClaimPath(std::vector<std::string>{"o", "rol", "x"});
  own.roles_spaced = true;
  all.push_back(own);
  return all;
}

/// The claims alone, as if the signature had been right: what passes keeps its promises, and the explanation agrees.
void check_promises(std::string_view token, const IssuerSettings& with,
                    std::chrono::system_clock::time_point now) {
  auto parsed = parse_token(token);
  if (!parsed) return;
  bool explained = true;
  for (const CheckStep& step : explain_claims(*parsed, with, now))
    explained = explained && step.result.has_value();
  auto claims = check_claims(std::move(*parsed), with, now);
  if (claims.has_value() != explained) std::abort();
  if (!claims) return;
  if (claims->subject.empty() || claims->subject.size() > subject_size_limit || claims->issuer != "joe" ||
      claims->expires + with.leeway <= now || claims->roles.size() > role_limit)
    std::abort();
  if (!with.tenant.empty() && (claims->tenant != with.tenant || !claims->tenant_bound)) std::abort();
  for (const std::string& role : claims->roles)
    if (role.empty() || role.size() > role_size_limit) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const KeySet keys = parse_jwks(key_document).value();
  static const std::vector<IssuerSettings> all = settings();
  static SignatureChecker checker;
  std::chrono::system_clock::time_point now{std::chrono::seconds(1'300'000'000)};
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (verify_token(text, all.front(), keys, checker, now)) std::abort();

  std::size_t newline = std::min(text.find('\n'), text.size());
  std::string_view payload = text.substr(std::min(newline + 1, text.size()));
  std::string token = encode_base64url(text.substr(0, newline)) + "." + encode_base64url(payload) + "." +
                      encode_base64url(std::string(64, 'x'));
  if (verify_token(token, all.front(), keys, checker, now)) std::abort();
  for (const IssuerSettings& with : all) check_promises(token, with, now);
  return 0;
}
