#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/role.hpp>

namespace bulkhead {

/// One issuer of tokens: `[identity.NAME]`. What is not given is as the preset has it (identity/settings.hpp). A claim is given
/// as the names of the members to go through, mostly one.
struct IdentityConfig {
  using Claim = std::optional<std::vector<std::string>>;
  using Values = std::map<std::string, std::string, std::less<>>;

  std::string name, preset = "oidc", issuer, jwks_uri;
  std::string secret;  ///< A reference to it: `env:NAME` or `file:PATH`; empty: the issuer has public keys.
  bool secret_base64 = false, any_audience = false;
  std::vector<std::string> audiences;
  std::optional<std::vector<std::string>> algorithms, types;
  Claim audience_claim, tenant_claim, user_claim, name_claim, roles_claim;
  std::optional<bool> roles_spaced;
  std::optional<Values> require, refuse;
  std::string token_use;  ///< Of Cognito: "access" or "id"; empty: "access".
  Values tenants;
  std::string tenant;
  std::map<std::string, Role, std::less<>> join;
  std::chrono::seconds leeway{60};
  bool allow_http = false;
};

/// Who has a permission: `[permissions]`.
struct PermissionConfig {
  std::string name;
  std::vector<Role> roles;
};

/// What a plan decides about the placement of its tenants: `[plans.NAME]`.
struct PlanConfig {
  std::string name;
  std::string model = "row";
  std::string cell, region;  ///< Empty: any.
  std::int32_t pool = 0;
};

/// Somebody who belongs to a seed tenant from the first start on: `dev.seed_members`.
struct SeedMember {
  std::string tenant, user;
  Role role = Role::viewer;
};

/// Of which changes of a table events are made: one entry of `events.tables`.
struct EventTableConfig {
  std::string table;
  bool insert = false, update = false, remove = false;
};

/// `bulkhead.toml` of an app. Every key has a default, so an empty file is an app.
/// docs/reference/configuration.md lists them all.
struct AppConfig {
  // [app]
  std::string name;
  std::string program;  ///< The app's own program with its handlers; empty: it has none.

  // [database]
  bool binding_signed = true;
  std::size_t read_connections = 2, read_depth = 16, write_connections = 8, write_depth = 2;
  std::chrono::milliseconds lock_timeout{2000};
  std::string pooler_url;  ///< Of a transaction pooler before the catalog's own database; empty: none.
  std::size_t other_connections = 64;  ///< Of one server to all shards and silos together.
  std::chrono::milliseconds idle_connection{30'000};
  std::vector<std::string>
      role_claim;  ///< Members to go through to it; empty: Bulkhead's own roles are bound.
  std::map<std::string, std::string, std::less<>>
      database_roles;  ///< What that claim says → PostgreSQL's role.
  bool request_settings = false;
  std::string tenant_setting;  ///< Of the app's own; empty: none.

  // [http]
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
  std::size_t threads = 0;  ///< 0: half of the cores, at least one.
  std::size_t header_bytes = 64 * 1024, body_bytes = 1024 * 1024;
  std::size_t connections = 10'000;
  std::chrono::seconds header_timeout{10}, body_timeout{30}, idle_timeout{75};
  std::vector<std::string> cors_origins;
  std::vector<std::string> trusted_proxies;  ///< Networks whose Forwarded and X-Forwarded-Host are believed.

  // [entry]
  std::vector<std::string> sources{"subdomain", "domain", "header", "path", "claim"};
  std::vector<std::string> base_domains{"localhost"};
  std::chrono::milliseconds deadline{10'000};
  std::string dns_server;  ///< Asked for the proof of a domain; empty: those of /etc/resolv.conf.

  // [services]
  std::string services_issuer;    ///< `iss` of internal tokens; empty: "urn:bulkhead:" and the app's name.
  std::string services_audience;  ///< Whom internal tokens for this app are for; empty: the app's name.

  // [identity.NAME]
  std::vector<IdentityConfig> identity;

  // [plans.NAME]
  std::vector<PlanConfig> plans;

  // [permissions]
  std::vector<PermissionConfig> permissions;

  // [api]
  std::size_t max_rows = 1000;
  std::size_t json_depth = 100;
  std::string transactions = "commit";
  std::vector<std::string> response_headers;  ///< In lower case; empty: the usual ones.
  bool aggregates = false;
  bool server_timing = false;
  bool unfiltered_writes = false;

  // [journal]
  std::uint64_t max_retained_wal = std::uint64_t{1}
                                   << 30U;  ///< Bytes for one database; beyond it the alarm is on.

  // [events]
  std::vector<EventTableConfig> event_tables;  ///< Empty: no events are made.
  std::string event_source;                    ///< Empty: "urn:bulkhead:" and the app's name.
  std::chrono::hours event_retention{7 * 24};
  std::int32_t event_attempts = 12;
  std::chrono::hours event_give_up{72};
  std::chrono::seconds event_timeout{15};

  // [web]
  std::string web_dir;  ///< Of the built page, from the app's folder; empty: web/dist, if it is there.
  bool web_single_page = false;          ///< Its index.html answers for paths that are no file's.
  std::vector<std::string> web_connect;  ///< Origins besides its own that the page may call.
  std::string docs = "dev";              ///< Who serves the API's page at /docs: "dev", "always" or "never".
  std::string docs_dir;  ///< Of that page, as it was built; empty: where this Bulkhead was built.

  // [backup]
  std::string backup_store;  ///< `file:///path`; empty: `backups` in the data folder.
  std::uint32_t backup_keep_days = 30;
  bool backup_continuous =
      false;  ///< The journal of every tenant is kept, not only of those that are enabled.

  // [log]
  std::string level = "info";

  // [dev]
  std::string
      challenge_address;  ///< Asked for the proof of a domain instead of the domain's port 80; empty: that.
  std::vector<std::string>
      seed_tenants;  ///< `bulkhead dev` makes them at its first start, from `seed/SLUG/*.csv`.
  std::vector<SeedMember> seed_members;
  bool loopback_webhooks = true;  ///< Webhooks may lead to this machine, and do without TLS there.
  bool sign_in = true;  ///< Whoever is at this machine may sign in as any member, by the development issuer.
};

/// Parses the text of a `bulkhead.toml`. Errors (`Errc::config_invalid`) name file, line and key, and say
/// what is expected there; unknown keys are errors, too. Pure.
[[nodiscard]] Result<AppConfig> parse_app_config(std::string_view text, const std::string& file_name);

/// Reads DIR/bulkhead.toml.
[[nodiscard]] Result<AppConfig> load_app_config(const std::filesystem::path& app_dir);

/// Every key with its default and meaning, as the Markdown table of docs/reference/configuration.md.
[[nodiscard]] std::string describe_app_config();

}  // namespace bulkhead
