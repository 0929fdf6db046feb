#include "base/config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <bulkhead/uuid.hpp>

#include "base/size.hpp"
#include "base/slug.hpp"

namespace bulkhead {

namespace {

bool is_filled(std::string_view text) {
  return !text.empty();
}

/// Where an error happened, in a form an editor can jump to.
class Reader {
 public:
  Reader(std::string file, AppConfig& config) : file_(std::move(file)), config_(config) {}

  [[nodiscard]] Error at(const toml::node& node, std::string_view key, std::string_view what) const {
    return Error(Errc::config_invalid,
                 fmt::format("{}:{}: key \"{}\": {}", file_, node.source().begin.line, key, what))
        .hint("docs/reference/configuration.md lists every key");
  }

  template <class T>
  [[nodiscard]] Result<void> integer(const toml::node& node, std::string_view key, T& out, std::int64_t low,
                                     std::int64_t high) const {
    auto value = node.value_exact<std::int64_t>();
    if (!value || *value < low || *value > high)
      return at(node, key, fmt::format("a whole number from {} to {} is expected", low, high));
    out = T(static_cast<typename Inner<T>::type>(*value));
    return {};
  }

  [[nodiscard]] Result<void> text(const toml::node& node, std::string_view key, std::string& out) const {
    auto value = node.value_exact<std::string>();
    if (!value) return at(node, key, "a string in quotes is expected");
    out = *value;
    return {};
  }

  [[nodiscard]] Result<void> one_of(const toml::node& node, std::string_view key, std::string& out,
                                    const std::vector<std::string>& allowed) const {
    BULKHEAD_CHECK(text(node, key, out));
    if (std::find(allowed.begin(), allowed.end(), out) == allowed.end())
      return at(node, key, fmt::format("\"{}\" is not one of \"{}\"", out, fmt::join(allowed, "\", \"")));
    return {};
  }

  [[nodiscard]] Result<void> boolean(const toml::node& node, std::string_view key, bool& out) const {
    auto value = node.value_exact<bool>();
    if (!value) return at(node, key, "true or false is expected");
    out = *value;
    return {};
  }

  [[nodiscard]] Result<void> texts(const toml::node& node, std::string_view key,
                                   std::vector<std::string>& out,
                                   const std::vector<std::string>& allowed = {}) const {
    const toml::array* list = node.as_array();
    if (!list) return at(node, key, "a list of strings is expected, for example [\"a\", \"b\"]");
    std::vector<std::string> values;
    for (const toml::node& element : *list) {
      std::string value;
      if (allowed.empty()) {
        BULKHEAD_CHECK(text(element, key, value));
      } else {
        BULKHEAD_CHECK(one_of(element, key, value, allowed));
      }
      values.push_back(std::move(value));
    }
    out = std::move(values);
    return {};
  }

  /// A string that says something.
  [[nodiscard]] Result<void> name(const toml::node& node, std::string_view key, std::string& out) const {
    BULKHEAD_CHECK(text(node, key, out));
    if (out.empty()) return at(node, key, "it must not be empty");
    return {};
  }

  /// `texts`, each of which `good` holds for; `expected` says what that is.
  [[nodiscard]] Result<void> texts_of(const toml::node& node, std::string_view key,
                                      std::vector<std::string>& out, bool (*good)(std::string_view),
                                      std::string_view expected) const {
    BULKHEAD_CHECK(texts(node, key, out));
    for (std::size_t i = 0; i < out.size(); ++i)
      if (!good(out[i]))
        return at(*node.as_array()->get(i), key, fmt::format("\"{}\" is not {}", out[i], expected));
    return {};
  }

  /// A claim: a string is one member's whole name, a list the names of members inside each other. Empty: none.
  [[nodiscard]] Result<void> claim(const toml::node& node, std::string_view key,
                                   IdentityConfig::Claim& out) const {
    std::vector<std::string> names;
    if (node.is_array()) {
      BULKHEAD_CHECK(texts_of(node, key, names, is_filled, "a claim's name"));
    } else if (auto name = node.value_exact<std::string>()) {
      if (!name->empty()) names.push_back(*name);
    } else {
      return at(node, key, "a claim's name is expected, or a list of names for a claim inside others");
    }
    out = std::move(names);
    return {};
  }

  /// A table of strings: `{ name = "value" }`.
  [[nodiscard]] Result<void> values(const toml::node& node, std::string_view key,
                                    IdentityConfig::Values& out) const {
    const toml::table* table = node.as_table();
    if (!table) return at(node, key, "a table of strings is expected, for example { name = \"value\" }");
    for (const auto& [name, value] : *table) {
      const std::string full = fmt::format("{}.{}", key, name.str());
      BULKHEAD_CHECK(this->name(value, full, out[std::string(name.str())]));
    }
    return {};
  }

  AppConfig& config() const { return config_; }
  const std::string& file() const { return file_; }

 private:
  template <class T>
  struct Inner {
    using type = T;
  };
  template <class Rep, class Period>
  struct Inner<std::chrono::duration<Rep, Period>> {
    using type = Rep;
  };

  std::string file_;
  AppConfig& config_;
};

/// "10.0.0.0/8", "fd00::/8", or one address. With bits behind the prefix it is not clear what was meant.
bool is_network(std::string_view text) {
  boost::system::error_code code;
  if (text.find('/') == std::string_view::npos) {
    boost::asio::ip::make_address(text, code);
    return !code;
  }
  const auto v4 = boost::asio::ip::make_network_v4(text, code);
  if (!code) return v4 == v4.canonical();
  const auto v6 = boost::asio::ip::make_network_v6(text, code);
  return !code && v6 == v6.canonical();
}

bool is_endpoint_v4(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  boost::system::error_code code;
  boost::asio::ip::make_address_v4(text.substr(0, colon), code);
  if (code) return false;
  const std::string_view port = text.substr(std::min(colon + 1, text.size()));
  if (colon == text.size()) return true;
  return !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos &&
         std::stoul(std::string(port)) - 1 < 65'535;
}

bool is_address(std::string_view text) {
  boost::system::error_code code;
  boost::asio::ip::make_address(text, code);
  return !code;
}

/// A host's name as it stands in a Host header, without scheme, port or path.
bool is_domain(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  };
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), allowed) &&
         text.find("..") == std::string_view::npos;
}

/// What names a tenant for good.
bool is_tenant(std::string_view text) {
  return valid_slug(text) || Uuid::parse(text).has_value();
}

struct Key {
  std::string_view section, name, fallback, meaning;
  std::function<Result<void>(const Reader&, const toml::node&, const std::string& full)> read;
};

constexpr std::string_view slug_rule =
    "a tenant's slug: 3 to 63 of a-z, 0-9 and single hyphens, beginning with a letter, and no reserved name";

constexpr std::string_view no_tenant = "neither a tenant's slug nor its id";

/// A setting of the app's own, which nothing of PostgreSQL, of Bulkhead or of the request has.
bool is_own_setting(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size() || name.size() > 63) return false;
  if (name.starts_with("bulkhead.") || name.starts_with("request.")) return false;
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos &&
         name.find("..") == std::string_view::npos && (name.front() < '0' || name.front() > '9');
}

/// Who may be bound for a tenant's request: nobody of PostgreSQL's own, of Bulkhead's, or above all walls.
bool is_bindable_role(std::string_view name) {
  return !name.empty() && name.size() <= 63 && !name.starts_with("pg_") && !name.starts_with("bulkhead_") &&
         name != "none" && name != "public" && name != "postgres";
}

constexpr std::int64_t million = 1'000'000;

/// As browsers write it: scheme and host, a port that is not the scheme's, and no path.
bool is_origin(std::string_view text) {
  if (text == "*") return true;
  const std::size_t scheme = text.find("://");
  const std::size_t host = scheme == std::string_view::npos ? text.size() : scheme + 3;
  return scheme > 0 && host < text.size() && text.find_first_of("/ ,*", host) == std::string_view::npos;
}

/// An origin as it may stand in a policy for pages, where a blank, a comma or a semicolon would begin something else.
bool is_source(std::string_view text) {
  return text != "*" && is_origin(text) && text.find_first_of(" ,;'\"\t\r\n") == std::string_view::npos;
}

/// `{ tenant = { user = "role" } }`
Result<void> read_seed_members(const Reader& reader, const toml::node& node, const std::string& key,
                               std::vector<SeedMember>& out) {
  const toml::table* tenants = node.as_table();
  if (!tenants)
    return reader.at(node, key, "a table is expected, for example { acme = { ann = \"admin\" } }");
  for (const auto& [slug, users] : *tenants) {
    const std::string full = fmt::format("{}.{}", key, slug.str());
    if (!valid_slug(slug.str())) return reader.at(users, full, fmt::format("this is not {}", slug_rule));
    IdentityConfig::Values words;
    BULKHEAD_CHECK(reader.values(users, full, words));
    for (const auto& [user, word] : words) {
      const auto role = parse_role(word);
      if (!role)
        return reader.at(users, full, fmt::format("\"{}\" is none of viewer, member, admin and owner", word));
      out.push_back(SeedMember{std::string(slug.str()), user, *role});
    }
  }
  return {};
}

/// `{ ticket = ["insert", "update"] }`
Result<void> read_event_tables(const Reader& reader, const toml::node& node, const std::string& key,
                               std::vector<EventTableConfig>& out) {
  const toml::table* tables = node.as_table();
  if (!tables)
    return reader.at(node, key, "a table is expected, for example { ticket = [\"insert\", \"update\"] }");
  for (const auto& [table, operations] : *tables) {
    std::vector<std::string> words;
    const std::string full = fmt::format("{}.{}", key, table.str());
    BULKHEAD_CHECK(reader.texts(operations, full, words, {"insert", "update", "delete"}));
    const auto has = [&words](std::string_view word) {
      return std::find(words.begin(), words.end(), word) != words.end();
    };
    if (words.empty()) return reader.at(operations, full, "at least one operation is expected");
    out.push_back(EventTableConfig{std::string(table.str()), has("insert"), has("update"), has("delete")});
  }
  return {};
}

/// The one table of keys: parsing and documentation are made from it.
const std::vector<Key>& keys() {
  static const std::vector<Key> table = {
      {"app", "name", "the folder's name", "Name of the product, for logs.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().name);
       }},
      {"app", "program", "none",
       "The app's own program with its C++ handlers; `bulkhead dev` runs it. Looked for in the app's folder, "
       "then beside `bulkhead`.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().program);
       }},
      {"database", "binding", "\"signed\"",
       "`signed`: the tenant context carries a MAC that PostgreSQL checks, so injected SQL cannot name "
       "another tenant. `plain`: a bare setting, good against mistakes only.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         std::string value;
         BULKHEAD_CHECK(r.one_of(n, k, value, {"signed", "plain"}));
         r.config().binding_signed = value == "signed";
         return {};
       }},
      {"database", "read_connections", "2", "Connections of the read lane, for each io thread.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().read_connections, 1, 64);
       }},
      {"database", "read_depth", "16", "Units under way on one connection of the read lane.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().read_depth, 1, 256);
       }},
      {"database", "write_connections", "8", "Connections of the write lane, for each io thread.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().write_connections, 1, 64);
       }},
      {"database", "write_depth", "2", "Units under way on one connection of the write lane.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().write_depth, 1, 64);
       }},
      {"database", "lock_timeout_ms", "2000",
       "How long a migration waits for a lock before it gives way and tries again.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().lock_timeout, 10, 600'000);
       }},
      {"database", "pooler_url", "\"\"",
       "URL of a transaction pooler (PgBouncer) through which requests reach the catalog's own database: "
       "host, port and TLS "
       "settings; user, password and database are Bulkhead's. Statements are then not kept prepared.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.text(n, k, r.config().pooler_url);
       }},
      {"database", "other_connections", "64",
       "Connections of one server to all other databases together: shards, silos, pools of other cells.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().other_connections, 1, 10'000);
       }},
      {"database", "idle_connection_ms", "30000",
       "A connection to one of them that nobody uses for so long is closed.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().idle_connection, 10, 86'400'000);
       }},
      {"database", "role_claim", "none",
       "For adopted databases (docs/guide/adopt.md): the claim that says as which role of PostgreSQL a "
       "token's "
       "requests run, as `role` for PostgREST and Supabase; a list leads to a claim inside others. Without "
       "it they "
       "run as `app_viewer` … `app_owner`.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         IdentityConfig::Claim claim;
         BULKHEAD_CHECK(r.claim(n, k, claim));
         r.config().role_claim = std::move(*claim);
         return {};
       }},
      {"database", "roles", "none",
       "`{ authenticated = \"authenticated\" }`: what that claim may say, and which role it means. Whatever "
       "is not "
       "listed is refused.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.values(n, k, r.config().database_roles));
         for (const auto& [said, role] : r.config().database_roles)
           if (!is_bindable_role(role)) return r.at(n, k, fmt::format("\"{}\" may not be bound", role));
         return {};
       }},
      {"database", "request_settings", "false",
       "Policies and functions may read `request.jwt.claims`, `request.method`, `request.path` and "
       "`request.headers` (without Authorization and Cookie), as PostgREST sets them.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().request_settings);
       }},
      {"database", "tenant_setting", "none",
       "A setting of the app's own policies that is to hold the tenant's id, such as `app.current_org`.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, r.config().tenant_setting));
         if (!is_own_setting(r.config().tenant_setting))
           return r.at(n, k, "a setting's name with a dot is expected, such as app.current_org");
         return {};
       }},
      {"http", "address", "\"127.0.0.1\"", "Address to listen on.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, r.config().address));
         if (!is_address(r.config().address)) return r.at(n, k, "an IP address is expected, 0.0.0.0 for all");
         return {};
       }},
      {"http", "port", "8080", "Port to listen on; 0 picks a free one.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().port, 0, 65535);
       }},
      {"http", "threads", "0", "Io threads; 0 means half of the cores, at least one.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().threads, 0, 256);
       }},
      {"http", "header_bytes", "65536",
       "Largest request line and headers together; more is 414 (the line alone) or 431.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().header_bytes, 1024, million);
       }},
      {"http", "body_bytes", "1048576", "Largest request body; more is 413.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().body_bytes, 1024, 1024 * million);
       }},
      {"http", "connections", "10000",
       "Open client connections, for each io thread; fewer, with a warning, where the limit of open files "
       "leaves no room for them.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().connections, 1, million);
       }},
      {"http", "header_timeout_s", "10", "Time for a client to send a request's headers.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().header_timeout, 1, 3600);
       }},
      {"http", "body_timeout_s", "30", "Time for a client to send a request's body.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().body_timeout, 1, 3600);
       }},
      {"http", "idle_timeout_s", "75", "Time a connection may stay open without a request.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().idle_timeout, 1, 3600);
       }},
      {"http", "cors_origins", "[]",
       "Origins whose pages may call from a browser, such as `https://shop.example`; `*` means any. "
       "Credentials "
       "(cookies) never go along: callers send their token.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.texts(n, k, r.config().cors_origins));
         for (const std::string& origin : r.config().cors_origins)
           if (!is_origin(origin))
             return r.at(n, k, "\"" + origin + "\" is no origin; one is \"https://shop.example\", or \"*\"");
         return {};
       }},
      {"http", "trusted_proxies", "[]",
       "Networks of the proxies before the server, such as `[\"10.0.0.0/8\"]`. What they send as `Forwarded` "
       "or "
       "`X-Forwarded-Host` is the host that the client asked for; from anybody else the two are not read.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.texts_of(n, k, r.config().trusted_proxies, is_network,
                           "a network, such as 10.0.0.0/8 or an address");
       }},
      {"entry", "sources", "all but `membership`",
       "Where a tenant may be named: `subdomain`, `domain` (a tenant's own, verified), `header`, `path`, "
       "`claim`. Those "
       "present in a request must agree. Where none of them names a tenant, `membership` takes the one "
       "tenant that "
       "the caller belongs to, and lists them (300) where there are several.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.texts(n, k, r.config().sources,
                                {"subdomain", "domain", "header", "path", "claim", "membership"}));
         if (r.config().sources.empty()) return r.at(n, k, "at least one source is expected");
         return {};
       }},
      {"entry", "base_domains", "[\"localhost\"]",
       "Domains whose subdomains name tenants: `acme.localhost` is acme.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.texts_of(n, k, r.config().base_domains, is_domain, "a domain's name, such as example.com");
       }},
      {"entry", "dns_server", "those of the system",
       "The DNS server that is asked whether a tenant's domain is verified: an IPv4 address, with a port "
       "where it is "
       "not 53, such as `\"10.0.0.2\"` or `\"127.0.0.1:5353\"`.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, r.config().dns_server));
         if (!is_endpoint_v4(r.config().dns_server))
           return r.at(n, k, "an IPv4 address is expected, with or without a port");
         return {};
       }},
      {"entry", "deadline_ms", "10000",
       "Time for a request from entry to response; then the statement is cancelled and the client gets 504.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().deadline, 10, 600'000);
       }},
      {"services", "issuer", "`urn:bulkhead:` and the app's name",
       "`iss` of the tokens with which services of this installation call one another.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().services_issuer);
       }},
      {"services", "audience", "the app's name",
       "What internal tokens for this app have as `aud`; others are refused.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().services_audience);
       }},
      {"api", "max_rows", "1000", "Most rows of one response of the data API.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().max_rows, 1, million);
       }},
      {"api", "json_depth", "100", "Deepest nesting of a JSON body.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().json_depth, 1, 512);
       }},
      {"api", "transactions", "\"commit\"",
       "How a request's transaction ends: `commit` or `rollback`; with `-allow-override` behind it the "
       "client "
       "may say "
       "otherwise (`Prefer: tx=rollback`), which is for tests.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.one_of(n, k, r.config().transactions,
                         {"commit", "commit-allow-override", "rollback", "rollback-allow-override"});
       }},
      {"api", "response_headers", "those of documents, and `x-*`",
       "Headers that the app's functions may set (`response.headers`), in lower case; `x-*` is every name "
       "that begins so. "
       "A list takes the place of the usual one: cache-control, content-disposition, content-language, "
       "content-location, "
       "content-type, etag, expires, last-modified, link, location, retry-after, vary, x-*.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.texts_of(n, k, r.config().response_headers, is_filled, "a header's name");
       }},
      {"api", "aggregates", "false",
       "Clients of the data API may ask for aggregates (`total.sum()`, `count()`) and spread rows to many. "
       "One request "
       "may then read a whole table of its tenant's.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().aggregates);
       }},
      {"api", "unfiltered_writes", "false",
       "A PATCH or DELETE of the data API without a filter changes every row of its tenant's, as PostgREST "
       "has it. Else it is refused.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().unfiltered_writes);
       }},
      {"api", "server_timing", "false",
       "Responses of the data API say how long their stages took (`Server-Timing`): reading the token, the "
       "request, planning, the "
       "database, writing. For development: whoever may read a row learns how long it took to find.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().server_timing);
       }},
      {"journal", "max_retained_wal", "\"1GB\"",
       "How much write-ahead log PostgreSQL may keep for one database's journal before a warning is logged "
       "and the "
       "metric `bulkhead_journal_alarm` is 1: a number with `kB`, `MB`, `GB` or `TB`.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         std::string text;
         BULKHEAD_CHECK(r.text(n, k, text));
         const auto size = parse_size(text);
         if (!size) return r.at(n, k, "a size is expected, such as \"512MB\" or \"1GB\"");
         r.config().max_retained_wal = *size;
         return {};
       }},
      {"events", "tables", "none",
       "`{ ticket = [\"insert\", \"update\"] }`: of which tables' changes events are made, and of which of "
       "`insert`, "
       "`update` and `delete` (docs/guide/events.md).",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return read_event_tables(r, n, k, r.config().event_tables);
       }},
      {"events", "source", "`urn:bulkhead:` and the app's name",
       "`source` of the events: a URI of the app's.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().event_source);
       }},
      {"events", "retention_h", "168", "How long events are kept for `bulkhead events replay`.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().event_retention, 1, 24 * 366);
       }},
      {"events", "max_attempts", "12", "After so many failed deliveries an event is dead at that endpoint.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().event_attempts, 1, 1000);
       }},
      {"events", "give_up_h", "72", "The same after so many hours, whatever the number of attempts.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().event_give_up, 1, 24 * 30);
       }},
      {"events", "timeout_s", "15", "Time for a webhook to answer.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().event_timeout, 1, 120);
       }},
      {"web", "dir", "`web/dist`, if it is there",
       "Folder of the app's built page, from the app's folder. Its files are read when the server starts and "
       "served at `/` (docs/guide/web.md).",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().web_dir);
       }},
      {"web", "single_page", "false",
       "The page has paths of its own: `index.html` answers where a browser goes to a path that is no file's "
       "and not the API's.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().web_single_page);
       }},
      {"web", "connect_origins", "[]",
       "Origins besides its own that the page may call, such as the identity provider's: "
       "`[\"https://login.example\"]`.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.texts_of(n, k, r.config().web_connect, is_source,
                           "an origin, such as https://login.example");
       }},
      {"web", "docs", "\"dev\"",
       "Who serves the page for the API at `/docs` (docs/guide/openapi.md): `bulkhead dev` alone, `always`, "
       "or "
       "`never`.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.one_of(n, k, r.config().docs, {"dev", "always", "never"});
       }},
      {"web", "docs_dir", "`web/dist` of Bulkhead's own folder",
       "Folder of that page as `tools/build-page` has built it, from the app's folder.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.name(n, k, r.config().docs_dir);
       }},
      {"backup", "store", "`backups` in the data folder",
       "Where backups are kept (docs/guide/backup.md): `file:///path` of a folder that is there.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, r.config().backup_store));
         if (!r.config().backup_store.starts_with("file:///"))
           return r.at(n, k, "the URL of a folder is expected, such as file:///var/backups/bulkhead");
         return {};
       }},
      {"backup", "keep_days", "30",
       "How far back a tenant can be restored; `bulkhead backup prune` removes what no later time needs.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.integer(n, k, r.config().backup_keep_days, 1, 36'500);
       }},
      {"backup", "continuous", "false",
       "Keep every tenant's journal for restores to a point in time; else only that of tenants for which "
       "`bulkhead backup enable` was called.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().backup_continuous);
       }},
      {"log", "level", "\"info\"",
       "`debug`, `info`, `warn` or `error`. Finished requests are logged at info.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.one_of(n, k, r.config().level, {"debug", "info", "warn", "error"});
       }},
      {"dev", "challenge_address", "port 80 of the domain",
       "Where the proof of a tenant's domain is asked for over HTTP, as in `\"127.0.0.1:8080\"`. Only for "
       "trying it out: "
       "asked there, it proves nothing.",
       [](const Reader& r, const toml::node& n, const std::string& k) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, r.config().challenge_address));
         if (!is_endpoint_v4(r.config().challenge_address))
           return r.at(n, k, "an IPv4 address is expected, with or without a port");
         return {};
       }},
      {"dev", "seed_tenants", "[]",
       "Tenants that `bulkhead dev` makes at its first start, each from `seed/SLUG/*.csv`.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.texts_of(
             n, k, r.config().seed_tenants, [](std::string_view slug) { return valid_slug(slug); },
             slug_rule);
       }},
      {"dev", "seed_members", "nobody",
       "`{ acme = { ann = \"admin\", vera = \"viewer\" } }`: who belongs to a tenant that has no member yet "
       "when `bulkhead dev` starts.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return read_seed_members(r, n, k, r.config().seed_members);
       }},
      {"dev", "loopback_webhooks", "true",
       "Webhooks may lead to this machine, and need no TLS there. For trying them out: `bulkhead serve` "
       "sends to public "
       "addresses alone.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().loopback_webhooks);
       }},
      {"dev", "sign_in", "true",
       "Whoever is at this machine may sign in as any member, without a password, at the development issuer "
       "(docs/guide/web.md). `bulkhead serve` has no such thing.",
       [](const Reader& r, const toml::node& n, const std::string& k) {
         return r.boolean(n, k, r.config().sign_in);
       }},
  };
  return table;
}

struct IdentityKey {
  std::string_view name, fallback, meaning;
  std::function<Result<void>(const Reader&, const toml::node&, const std::string&, IdentityConfig&)> read;
};

const std::vector<IdentityKey>& identity_keys() {
  static const std::vector<IdentityKey> table = {
      {"preset", "\"oidc\"",
       "Whose tokens: `cognito`, `auth0`, `okta`, `clerk`, `workos`, `bulkhead` (another installation's "
       "internal "
       "tokens), or `oidc` for any other. Gives the keys below their defaults (docs/guide/identity.md).",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.one_of(n, k, c.preset, {"oidc", "cognito", "auth0", "okta", "clerk", "workos", "bulkhead"});
       }},
      {"issuer", "required",
       "Exactly the `iss` of its tokens; discovery starts here. `\"\"`, with a `secret` alone and for one "
       "section: its "
       "tokens have no `iss`.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.text(n, k, c.issuer);
       }},
      {"audiences", "required",
       "A token must name at least one of these in `audience_claim`. Not needed where that is `iss`, or with "
       "`any_audience`.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.texts_of(n, k, c.audiences, is_filled, "an audience");
       }},
      {"any_audience", "false", "With a `secret` alone: whom a token is for is not asked.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.boolean(n, k, c.any_audience);
       }},
      {"secret", "none",
       "Where the secret is that this issuer's tokens are made with (HS256): `env:NAME` or `file:/path`. At "
       "least 32 "
       "bytes, and good for this issuer alone.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.name(n, k, c.secret));
         if (c.secret.starts_with("env:") || c.secret.starts_with("file:")) return {};
         return r.at(
             n, k,
             "a reference is expected, \"env:NAME\" or \"file:/path\": a secret does not stand in this file");
       }},
      {"secret_base64", "false", "What stands there is base64.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.boolean(n, k, c.secret_base64);
       }},
      {"jwks_uri", "by discovery", "Address of the issuer's public keys.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.name(n, k, c.jwks_uri);
       }},
      {"algorithms", "`oidc`: all three; with a `secret`: `HS256`; else `RS256`",
       "Of `RS256`, `ES256`, `EdDSA`; `HS256` with a `secret`, and then alone.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.texts(n, k, c.algorithms.emplace(), {"RS256", "ES256", "EdDSA", "HS256"}));
         if (c.algorithms->empty()) return r.at(n, k, "at least one algorithm is expected");
         return {};
       }},
      {"types", "`JWT`, `at+jwt`; `cognito`, `clerk`: `JWT`",
       "What a token's `typ` may say. A token without `typ` is a `JWT`.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.texts_of(n, k, c.types.emplace(), is_filled, "a type"));
         if (c.types->empty()) return r.at(n, k, "at least one type is expected");
         return {};
       }},
      {"audience_claim", "`aud`; `cognito`: `client_id`; `clerk`: `azp`; `workos`: `iss`",
       "The claim that says whom the token is for. Like every claim here: a string is the claim's whole name "
       "(`\"custom:tenant_id\"`, `\"https://shop.example/tenant\"`), a list leads to a claim inside others "
       "(`[\"o\", \"slg\"]`).",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.claim(n, k, c.audience_claim));
         if (c.audience_claim->empty()) return r.at(n, k, "it must not be empty");
         return {};
       }},
      {"tenant_claim",
       "`tenant`; `cognito`: `custom:tenant_id`; `auth0`: `org_name`; `clerk`: `[\"o\", \"slg\"]`; `workos`: "
       "`org_id`",
       "The claim that names the tenant, by slug or id; `\"\"`: none does.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.claim(n, k, c.tenant_claim);
       }},
      {"tenants", "the claim as it is",
       "`{ \"what the tenant's claim says\" = \"slug or id\" }`; a token that names another is refused.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.values(n, k, c.tenants));
         for (const auto& [claim, tenant] : c.tenants)
           if (!is_tenant(tenant)) return r.at(n, k, fmt::format("\"{}\" is {}", tenant, no_tenant));
         return {};
       }},
      {"tenant", "any", "A tenant's own issuer: the one tenant, by slug or id, that its tokens are good for.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.text(n, k, c.tenant));
         if (!is_tenant(c.tenant)) return r.at(n, k, fmt::format("\"{}\" is {}", c.tenant, no_tenant));
         return {};
       }},
      {"join", "nobody",
       "`{ \"the provider's role\" = \"member\" }`: whose token names a tenant and has the role is made a "
       "member of "
       "it, if they are none; `\"*\"` stands for everybody whom the token gives the tenant.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         IdentityConfig::Values words;
         BULKHEAD_CHECK(r.values(n, k, words));
         for (const auto& [theirs, ours] : words) {
           const auto role = parse_role(ours);
           if (!role)
             return r.at(n, k, fmt::format("\"{}\" is none of viewer, member, admin and owner", ours));
           c.join.emplace(theirs, *role);
         }
         return {};
       }},
      {"user_claim", "`sub`", "The claim that names the user, for good: memberships hang on it.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) -> Result<void> {
         BULKHEAD_CHECK(r.claim(n, k, c.user_claim));
         if (c.user_claim->empty()) return r.at(n, k, "it must not be empty");
         return {};
       }},
      {"name_claim", "`name`; `cognito`: `username`", "The claim with the user's name for people to read.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.claim(n, k, c.name_claim);
       }},
      {"roles_claim",
       "none; `cognito`: `cognito:groups`; `auth0`: `permissions`; `okta`: `groups`; `clerk`: `[\"o\", "
       "\"rol\"]`; "
       "`workos`: `role`",
       "The claim with the provider's roles: a string or a list of strings.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.claim(n, k, c.roles_claim);
       }},
      {"roles_spaced", "false", "A string there holds several roles with spaces between, as `scope` does.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.boolean(n, k, c.roles_spaced.emplace());
       }},
      {"token_use", "\"access\"", "`cognito` alone: which of its tokens are taken, `access` or `id`.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.one_of(n, k, c.token_use, {"access", "id"});
       }},
      {"require", "`cognito`: `{ token_use = \"access\" }`",
       "Claims that a token must have, with their values.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.values(n, k, c.require.emplace());
       }},
      {"refuse", "`clerk`: `{ sts = \"pending\" }`", "Claims that a token must not have with these values.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.values(n, k, c.refuse.emplace());
       }},
      {"leeway_s", "60", "Clock difference that is forgiven.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.integer(n, k, c.leeway, 0, 300);
       }},
      {"allow_http", "false", "Fetch keys without TLS; loopback only, for tests.",
       [](const Reader& r, const toml::node& n, const std::string& k, IdentityConfig& c) {
         return r.boolean(n, k, c.allow_http);
       }},
  };
  return table;
}

struct PlanKey {
  std::string_view name, fallback, meaning;
  std::function<Result<void>(const Reader&, const toml::node&, const std::string&, PlanConfig&)> read;
};

const std::vector<PlanKey>& plan_keys() {
  static const std::vector<PlanKey> table = {
      {"model", "\"row\"",
       "Where its tenants' rows live: `row` (in shared tables), `schema` (in a schema of their own) or "
       "`silo` (in a "
       "database of their own).",
       [](const Reader& r, const toml::node& n, const std::string& k, PlanConfig& c) {
         return r.one_of(n, k, c.model, {"row", "schema", "silo"});
       }},
      {"cell", "any", "The cell that takes its new tenants.",
       [](const Reader& r, const toml::node& n, const std::string& k, PlanConfig& c) {
         return r.name(n, k, c.cell);
       }},
      {"region", "any", "The region of the cells that take its new tenants.",
       [](const Reader& r, const toml::node& n, const std::string& k, PlanConfig& c) {
         return r.name(n, k, c.region);
       }},
      {"pool", "0", "How many placements of its model are kept ready, so that a sign-up takes milliseconds.",
       [](const Reader& r, const toml::node& n, const std::string& k, PlanConfig& c) {
         return r.integer(n, k, c.pool, 0, 10'000);
       }},
  };
  return table;
}

bool is_plan_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && name.front() >= 'a' && name.front() <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

Result<void> read_plans(const Reader& reader, const toml::table& section, AppConfig& config) {
  for (const auto& [name, node] : section) {
    PlanConfig plan;
    plan.name = std::string(name.str());
    const std::string prefix = "plans." + plan.name;
    const toml::table* table = node.as_table();
    if (!table) return reader.at(node, prefix, "a section [" + prefix + "] is expected");
    if (!is_plan_name(plan.name))
      return reader.at(node, prefix, "a plan's name has a-z, 0-9, _ and -, and begins with a letter");
    for (const auto& [key, value] : *table) {
      const std::string full = prefix + "." + std::string(key.str());
      const std::string_view wanted = key.str();
      auto known = std::find_if(plan_keys().begin(), plan_keys().end(),
                                [wanted](const PlanKey& k) { return k.name == wanted; });
      if (known == plan_keys().end()) return reader.at(value, full, "there is no such key");
      BULKHEAD_CHECK(known->read(reader, value, full, plan));
    }
    config.plans.push_back(std::move(plan));
  }
  return {};
}

bool is_permission_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && name.front() >= 'a' && name.front() <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.:-") == std::string_view::npos;
}

/// "admin": this role and those above it. ["admin", "owner"]: these.
Result<std::vector<Role>> read_roles(const Reader& reader, const toml::node& node, const std::string& key) {
  constexpr std::string_view wanted =
      "a role (viewer, member, admin, owner) or an array of roles is expected";
  std::vector<Role> roles;
  if (const auto* text = node.as_string()) {
    const auto least = parse_role(text->get());
    if (!least) return reader.at(node, key, std::string(wanted));
    for (const Role role : {Role::viewer, Role::member, Role::admin, Role::owner})
      if (role >= *least) roles.push_back(role);
    return roles;
  }
  const auto* array = node.as_array();
  if (array == nullptr || array->empty()) return reader.at(node, key, std::string(wanted));
  for (const auto& element : *array) {
    const auto* text = element.as_string();
    const auto role = text != nullptr ? parse_role(text->get()) : std::nullopt;
    if (!role) return reader.at(element, key, std::string(wanted));
    roles.push_back(*role);
  }
  return roles;
}

Result<void> read_permissions(const Reader& reader, const toml::table& section, AppConfig& config) {
  for (const auto& [name, node] : section) {
    PermissionConfig permission;
    permission.name = std::string(name.str());
    const std::string key = "permissions." + permission.name;
    if (!is_permission_name(permission.name))
      return reader.at(node, key,
                       "a permission's name has a-z, 0-9, _, ., : and -, and begins with a letter");
    BULKHEAD_TRY(permission.roles, read_roles(reader, node, key));
    config.permissions.push_back(std::move(permission));
  }
  return {};
}

/// Whether the preset or the file takes the issuer itself for the audience.
bool issuer_is_audience(const IdentityConfig& issuer) {
  if (issuer.audience_claim) return *issuer.audience_claim == std::vector<std::string>{"iss"};
  return issuer.preset == "workos";
}

/// A shared secret and public keys exclude each other.
Result<void> judge_secret(const Reader& reader, const toml::table& table, const std::string& prefix,
                          const IdentityConfig& issuer) {
  const bool shared = !issuer.secret.empty();
  for (const std::string& name : issuer.algorithms.value_or(std::vector<std::string>()))
    if ((name == "HS256") != shared)
      return reader.at(*table.get("algorithms"), prefix + ".algorithms",
                       shared ? "with a secret, HS256 is the one algorithm"
                              : "HS256 needs a secret, and nothing else beside it");
  if (shared && !issuer.jwks_uri.empty())
    return reader.at(*table.get("jwks_uri"), prefix + ".jwks_uri",
                     "an issuer has a secret or public keys, not both");
  for (const std::string_view key : {"any_audience", "secret_base64"})
    if (!shared && table.contains(key))
      return reader.at(*table.get(key), fmt::format("{}.{}", prefix, key), "it needs a secret");
  return {};
}

/// What one key does not tell by itself: where keys are fetched from, and that no other section has the issuer.
Result<void> judge_identity(const Reader& reader, const toml::table& table, const std::string& prefix,
                            const IdentityConfig& issuer) {
  if (!issuer.token_use.empty() && issuer.preset != "cognito")
    return reader.at(*table.get("token_use"), prefix + ".token_use",
                     "only the preset \"cognito\" has it; `require` asks for any claim");
  BULKHEAD_CHECK(judge_secret(reader, table, prefix, issuer));
  for (const IdentityConfig& other : reader.config().identity)
    if (other.issuer == issuer.issuer)
      return reader.at(*table.get("issuer"), prefix + ".issuer",
                       fmt::format("[identity.{}] has this issuer already", other.name));
  if (!issuer.secret.empty()) return {};
  const bool own = !issuer.jwks_uri.empty();
  const std::string& url = own ? issuer.jwks_uri : issuer.issuer;
  if (!url.starts_with("https://") && !(issuer.allow_http && url.starts_with("http://"))) {
    const std::string key = own ? "jwks_uri" : "issuer";
    return reader.at(*table.get(key), prefix + "." + key,
                     fmt::format("\"{}\" does not begin with https://", url));
  }
  return {};
}

Result<void> read_identity(const Reader& reader, const toml::table& section, AppConfig& config) {
  for (const auto& [name, node] : section) {
    std::string prefix = "identity." + std::string(name.str());
    const toml::table* table = node.as_table();
    if (!table) return reader.at(node, prefix, "a section [" + prefix + "] is expected");
    IdentityConfig issuer;
    issuer.name = std::string(name.str());
    for (const auto& [key, value] : *table) {
      std::string full = prefix + "." + std::string(key.str());
      std::string_view wanted = key.str();
      auto known = std::find_if(identity_keys().begin(), identity_keys().end(),
                                [wanted](const IdentityKey& k) { return k.name == wanted; });
      if (known == identity_keys().end()) return reader.at(value, full, "there is no such key");
      BULKHEAD_CHECK(known->read(reader, value, full, issuer));
    }
    const bool unnamed = table->contains("issuer") && !issuer.secret.empty();
    if (issuer.issuer.empty() && !unnamed) return reader.at(node, prefix + ".issuer", "it is required");
    if (issuer.audiences.empty() && !issuer.any_audience && !issuer_is_audience(issuer))
      return reader.at(node, prefix + ".audiences", "at least one is required");
    BULKHEAD_CHECK(judge_identity(reader, *table, prefix, issuer));
    config.identity.push_back(std::move(issuer));
  }
  return {};
}

}  // namespace

Result<AppConfig> parse_app_config(std::string_view text, const std::string& file_name) {
  AppConfig config;
  toml::table root;
  try {
    root = toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    return Error(Errc::config_invalid,
                 fmt::format("{}:{}: {}", file_name, error.source().begin.line, error.description()));
  }
  Reader reader(file_name, config);
  std::set<std::string_view> sections{"identity", "plans", "permissions"};
  for (const Key& key : keys()) sections.insert(key.section);
  for (const auto& [name, node] : root) {
    std::string section(name.str());
    const toml::table* table = node.as_table();
    if (!sections.contains(section))
      return reader.at(node, section,
                       fmt::format("there is no such section; there are [{}]", fmt::join(sections, "], [")));
    if (!table) return reader.at(node, section, "a section [" + section + "] is expected");
    if (section == "identity") {
      BULKHEAD_CHECK(read_identity(reader, *table, config));
      continue;
    }
    if (section == "permissions") {
      BULKHEAD_CHECK(read_permissions(reader, *table, config));
      continue;
    }
    if (section == "plans") {
      BULKHEAD_CHECK(read_plans(reader, *table, config));
      continue;
    }
    for (const auto& [key, value] : *table) {
      std::string full = section + "." + std::string(key.str());
      std::string_view wanted = key.str();
      auto known = std::find_if(keys().begin(), keys().end(), [&section, wanted](const Key& k) {
        return k.section == section && k.name == wanted;
      });
      if (known == keys().end()) return reader.at(value, full, "there is no such key");
      BULKHEAD_CHECK(known->read(reader, value, full));
    }
  }
  return config;
}

Result<AppConfig> load_app_config(const std::filesystem::path& app_dir) {
  std::filesystem::path file = app_dir / "bulkhead.toml";
  std::error_code ignored;
  std::ifstream in(file, std::ios::binary);
  if (!in || !std::filesystem::is_regular_file(file, ignored))
    return Error(Errc::config_invalid, fmt::format("{}: cannot be read", file.string()))
        .hint("an app is a folder with bulkhead.toml and migrations/NNNN_name.sql");
  std::ostringstream text;
  text << in.rdbuf();
  BULKHEAD_TRY(AppConfig config, parse_app_config(text.str(), file.string()));
  if (config.name.empty()) {
    auto absolute = std::filesystem::absolute(app_dir).lexically_normal();
    config.name = (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
  }
  return config;
}

std::string describe_app_config() {
  std::string out = "| key | default | meaning |\n| --- | --- | --- |\n";
  for (const Key& key : keys())
    out += fmt::format("| `{}.{}` | {} | {} |\n", key.section, key.name, key.fallback, key.meaning);
  for (const IdentityKey& key : identity_keys())
    out += fmt::format("| `identity.NAME.{}` | {} | {} |\n", key.name, key.fallback, key.meaning);
  for (const PlanKey& key : plan_keys())
    out += fmt::format("| `plans.NAME.{}` | {} | {} |\n", key.name, key.fallback, key.meaning);
  out +=
      "| `permissions.\"NAME\"` | none | Who has a permission that handlers require: a role, for it and "
      "those above "
      "it, or an array of roles. |\n";
  return out;
}

}  // namespace bulkhead
