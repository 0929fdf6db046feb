#include "cli/identity_commands.hpp"

#include <algorithm>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/config.hpp"
#include "cli/output.hpp"
#include "identity/check.hpp"

namespace bulkhead::cli {
namespace {

using identity::CheckStep;
using identity::IssuerSettings;
using identity::KeyReport;
using identity::TokenReport;

/// By the section's name, or by `iss`.
Result<IssuerSettings> issuer_called(const std::vector<IssuerSettings>& issuers, const std::string& name) {
  std::vector<std::string> names;
  for (const IssuerSettings& issuer : issuers) {
    if (issuer.name == name || issuer.issuer == name) return issuer;
    names.push_back(issuer.name);
  }
  Error error(Errc::not_found, fmt::format("bulkhead.toml has no section [identity.{}]", name));
  if (names.empty())
    return std::move(error).hint("it has no issuer at all; docs/guide/identity.md shows some");
  return std::move(error).hint(fmt::format("it has {}", fmt::join(names, ", ")));
}

/// What was given, or the first 64 KiB of standard input; without blanks around and a copied "Bearer ".
std::string read_token(std::string text) {
  if (text == "-") {
    text.assign(std::size_t{64} * 1024, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stdin));
  }
  constexpr std::string_view blanks = " \t\r\n";
  const auto trim = [&] {
    text.erase(0, std::min(text.find_first_not_of(blanks), text.size()));
    text.erase(text.find_last_not_of(blanks) + 1);
  };
  trim();
  if (text.starts_with("Bearer ")) text.erase(0, 7);
  trim();
  return text;
}

std::string utc(std::chrono::system_clock::time_point when) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

std::string line(std::string_view mark, std::string_view what, std::string_view text) {
  return fmt::format("  {:<4} {:<10} {}\n", mark, what, text);
}

std::string keys_text(const KeyReport& report) {
  const std::string where = report.jwks_uri.empty() ? std::string("in the settings")
                            : report.discovered     ? report.jwks_uri + " (by discovery)"
                                                    : report.jwks_uri;
  if (report.failure) {
    std::string why(report.failure->message());
    if (!report.failure->internal().empty()) why += fmt::format(" ({})", report.failure->internal());
    return line("NO", "keys", report.jwks_uri.empty() ? why : where + ": " + why);
  }
  std::string text = line("ok", "keys", where);
  if (report.lifetime.count() > 0)
    text += line("", "", fmt::format("kept for {} s, then asked for again", report.lifetime.count()));
  for (const auto& key : report.keys->keys())
    text += line("", "",
                 fmt::format("{:<5}  kid {}", algorithm_name(key->algorithm()),
                             key->kid().empty() ? "absent" : key->kid()));
  return text;
}

std::string steps_text(const std::vector<CheckStep>& steps) {
  std::string text;
  for (const CheckStep& step : steps) {
    if (!step.result.has_error()) {
      text += line("ok", step.check, step.seen);
      continue;
    }
    const Error error = step.result.error();
    text += line("NO", step.check, error.message());
    if (!step.seen.empty()) text += line("", "", step.seen);
    if (!error.hint().empty()) text += line("", "", fmt::format("→ {}", error.hint()));
  }
  return text;
}

std::string accepted_text(const identity::Claims& claims) {
  return fmt::format(
      "accepted: user {}, tenant {}{}, roles {}, until {}\n", claims.subject,
      claims.tenant.empty() ? "not named" : claims.tenant, claims.tenant_bound ? " and no other" : "",
      claims.roles.empty() ? std::string("none") : fmt::format("{}", fmt::join(claims.roles, " ")),
      utc(claims.expires));
}

boost::json::object error_json(const Error& error) {
  return {{"code", error_info(error.code()).name}, {"message", error.message()}, {"hint", error.hint()}};
}

boost::json::object keys_json(const KeyReport& report) {
  boost::json::object out{
      {"jwks_uri", report.jwks_uri}, {"discovered", report.discovered}, {"kept_s", report.lifetime.count()}};
  boost::json::array keys;
  if (report.keys)
    for (const auto& key : report.keys->keys())
      keys.push_back(boost::json::object{{"kid", key->kid()}, {"alg", algorithm_name(key->algorithm())}});
  out["keys"] = std::move(keys);
  if (report.failure) out["error"] = error_json(*report.failure);
  return out;
}

boost::json::object token_json(const TokenReport& report) {
  boost::json::array steps;
  for (const CheckStep& step : report.steps) {
    boost::json::object one{{"check", step.check}, {"ok", !step.result.has_error()}, {"seen", step.seen}};
    if (step.result.has_error()) one["error"] = error_json(step.result.error());
    steps.push_back(std::move(one));
  }
  boost::json::object out{{"accepted", report.verdict.has_value()}, {"steps", std::move(steps)}};
  if (!report.verdict) {
    out["error"] = error_json(report.verdict.error());
    return out;
  }
  const identity::Claims& claims = *report.verdict;
  out["user"] = claims.subject;
  out["tenant"] = claims.tenant;
  out["tenant_bound"] = claims.tenant_bound;
  out["roles"] = boost::json::array(claims.roles.begin(), claims.roles.end());
  out["expires"] = utc(claims.expires);
  return out;
}

std::string as_json(const IssuerSettings& settings, const KeyReport& keys,
                    const std::optional<TokenReport>& token) {
  boost::json::object rules;
  for (const auto& [what, rule] : rules_of(settings)) rules[what] = rule;
  boost::json::object out{{"name", settings.name},
                          {"issuer", settings.issuer},
                          {"rules", std::move(rules)},
                          {"keys", keys_json(keys)}};
  if (token) out["token"] = token_json(*token);
  return boost::json::serialize(out) + "\n";
}

std::string as_text(const IssuerSettings& settings, const KeyReport& keys,
                    const std::optional<TokenReport>& token) {
  std::string text = fmt::format("[identity.{}] takes tokens with\n", settings.name);
  for (const auto& [what, rule] : rules_of(settings)) text += line("", what, rule);
  text += "the issuer\n" + keys_text(keys);
  if (!token) return text;
  text += "the token, in the order of verification\n" + steps_text(token->steps);
  if (token->verdict) text += accepted_text(*token->verdict);
  return text;
}

}  // namespace

IdentityCommands::IdentityCommands(CLI::App& identity) {
  check_ =
      identity.add_subcommand("check", "explain step by step what an issuer's section accepts, and why not");
  check_->add_option("issuer", issuer_, "NAME of [identity.NAME], or the issuer's address")->required();
  check_->add_option("token", token_,
                     "a token to check; -: from standard input, where no other process sees it");
  check_->add_option("--app", app_dir_, "folder of the app")->capture_default_str();
  check_->add_flag("--json", json_, "print a JSON object");
}

std::optional<Result<void>> IdentityCommands::run() {
  if (*check_) return check();
  return std::nullopt;
}

Result<void> IdentityCommands::check() const {
  BULKHEAD_TRY(AppConfig config, load_app_config(app_dir_));
  const std::vector<IssuerSettings> issuers = identity::settings_of(config.identity);
  BULKHEAD_TRY(IssuerSettings settings, issuer_called(issuers, issuer_));
  BULKHEAD_CHECK(identity::check_settings(issuers));
  // Read before anything is waited for: whoever pipes it in need not wait either.
  std::optional<std::string> token;
  if (!token_.empty()) token = read_token(token_);
  const KeyReport keys = look_at_keys(settings);
  std::optional<TokenReport> report;
  if (token) report = look_at_token(*token, settings, keys.keys, std::chrono::system_clock::now());
  print(json_ ? as_json(settings, keys, report) : as_text(settings, keys, report));
  // What the token itself has wrong is more to the point than keys that cannot be had for it.
  if (report && !report->verdict && report->verdict.error().code() != Errc::identity_unavailable)
    return report->verdict.error();
  if (keys.failure)
    return Error(Errc::identity_unavailable, "the issuer's keys cannot be had, so no token of it is accepted")
        .internal(std::string(keys.failure->message()));
  return {};
}

}  // namespace bulkhead::cli
