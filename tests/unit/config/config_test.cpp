#include "base/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Config, EmptyFileIsAnApp) {
  auto config = parse_app_config("", "bulkhead.toml");
  ASSERT_TRUE(config.has_value());
  EXPECT_TRUE(config->binding_signed);
  EXPECT_EQ(config->port, 8080);
  EXPECT_EQ(config->sources.size(), 5u);
  EXPECT_EQ(std::count(config->sources.begin(), config->sources.end(), "membership"), 0);
  EXPECT_TRUE(config->trusted_proxies.empty());
}

TEST(Config, ReadsEverySection) {
  auto config = parse_app_config(R"(
[app]
name = "shop"
program = "shopd"
[database]
binding = "plain"
read_connections = 4
[http]
port = 9000
body_bytes = 4096
idle_timeout_s = 5
cors_origins = ["https://shop.example", "http://localhost:3000"]
[entry]
sources = ["header", "claim"]
base_domains = ["example.com"]
deadline_ms = 250
[identity.auth0]
issuer = "https://x.auth0.com/"
audiences = ["api"]
algorithms = ["RS256"]
leeway_s = 5
[api]
max_rows = 50
[log]
level = "warn"
[web]
dir = "page/out"
single_page = true
connect_origins = ["https://login.example"]
[dev]
seed_tenants = ["acme"]
seed_members = { acme = { ann = "admin", vera = "viewer" } }
sign_in = false
)",
                                 "bulkhead.toml");
  ASSERT_TRUE(config.has_value()) << config.error().message();
  EXPECT_EQ(config->name, "shop");
  EXPECT_EQ(config->program, "shopd");
  EXPECT_FALSE(config->binding_signed);
  EXPECT_EQ(config->read_connections, 4u);
  EXPECT_EQ(config->port, 9000);
  EXPECT_EQ(config->body_bytes, 4096u);
  EXPECT_EQ(config->idle_timeout, std::chrono::seconds(5));
  EXPECT_EQ(config->cors_origins,
            (std::vector<std::string>{"https://shop.example", "http://localhost:3000"}));
  EXPECT_EQ(config->sources, (std::vector<std::string>{"header", "claim"}));
  EXPECT_EQ(config->deadline, std::chrono::milliseconds(250));
  ASSERT_EQ(config->identity.size(), 1u);
  EXPECT_EQ(config->identity[0].name, "auth0");
  EXPECT_EQ(config->identity[0].algorithms, std::vector<std::string>{"RS256"});
  EXPECT_EQ(config->identity[0].leeway, std::chrono::seconds(5));
  EXPECT_EQ(config->max_rows, 50u);
  EXPECT_EQ(config->web_dir, "page/out");
  EXPECT_TRUE(config->web_single_page);
  EXPECT_EQ(config->web_connect, std::vector<std::string>{"https://login.example"});
  ASSERT_EQ(config->seed_members.size(), 2u);
  EXPECT_EQ(config->seed_members[1].tenant, "acme");
  EXPECT_EQ(config->seed_members[1].user, "vera");
  EXPECT_EQ(config->seed_members[1].role, Role::viewer);
  EXPECT_FALSE(config->sign_in);
}

TEST(Config, APermissionHasARoleAndThoseAboveOrTheRolesOfAList) {
  auto config = parse_app_config(
      "[permissions]\n\"invoice:refund\" = \"admin\"\n\"report.read\" = [\"viewer\", \"owner\"]\n",
      "bulkhead.toml");
  ASSERT_TRUE(config.has_value()) << config.error().message();
  ASSERT_EQ(config->permissions.size(), 2u);
  EXPECT_EQ(config->permissions[0].name, "invoice:refund");
  EXPECT_EQ(config->permissions[0].roles, (std::vector<Role>{Role::admin, Role::owner}));
  EXPECT_EQ(config->permissions[1].roles, (std::vector<Role>{Role::viewer, Role::owner}));
}

TEST(Config, EventsSayWhichChangesOfWhichTables) {
  auto config = parse_app_config(
      "[events]\ntables = { ticket = [\"insert\", \"update\"], note = [\"delete\"] }\nretention_h = 24\n"
      "[journal]\nmax_retained_wal = \"512MB\"\n",
      "bulkhead.toml");
  ASSERT_TRUE(config.has_value()) << config.error().message();
  ASSERT_EQ(config->event_tables.size(), 2u);
  EXPECT_EQ(config->event_tables[0].table, "note");
  EXPECT_TRUE(config->event_tables[0].remove);
  EXPECT_FALSE(config->event_tables[0].insert);
  EXPECT_TRUE(config->event_tables[1].insert && config->event_tables[1].update);
  EXPECT_EQ(config->event_retention, std::chrono::hours(24));
  EXPECT_EQ(config->max_retained_wal, 512u << 20U);
}

struct Bad {
  const char* text;
  const char* where;
  const char* what;
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, NamesFileLineAndKey) {
  auto config = parse_app_config(GetParam().text, "my/bulkhead.toml");
  ASSERT_TRUE(config.has_error()) << GetParam().text;
  std::string message(config.error().message());
  EXPECT_EQ(config.error().code(), Errc::config_invalid);
  EXPECT_NE(message.find(GetParam().where), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().what), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Config, BadConfig,
    testing::Values(
        Bad{"[http]\nport = 70000\n", "my/bulkhead.toml:2: key \"http.port\"", "from 0 to 65535"},
        Bad{"[journal]\nmax_retained_wal = \"1 GB\"\n", "journal.max_retained_wal", "a size is expected"},
        Bad{"[journal]\nmax_retained_wal = \"0MB\"\n", "journal.max_retained_wal", "a size is expected"},
        Bad{"[journal]\nmax_retained_wal = 1000\n", "journal.max_retained_wal", "a string"},
        Bad{"[events]\ntables = { ticket = [\"upsert\"] }\n", "events.tables.ticket", "is not one of"},
        Bad{"[events]\ntables = { ticket = [] }\n", "events.tables.ticket", "at least one operation"},
        Bad{"[events]\ntables = [\"ticket\"]\n", "events.tables", "a table is expected"},
        Bad{"[permissions]\n\"a b\" = \"admin\"\n", "my/bulkhead.toml:2: key \"permissions.a b\"",
            "begins with a letter"},
        Bad{"[permissions]\na = \"boss\"\n", "my/bulkhead.toml:2: key \"permissions.a\"", "a role"},
        Bad{"[permissions]\na = []\n", "my/bulkhead.toml:2: key \"permissions.a\"", "a role"},
        Bad{"[permissions]\na = [\"admin\", 3]\n", "my/bulkhead.toml:2: key \"permissions.a\"", "a role"},
        Bad{"[http]\nport = \"80\"\n", "my/bulkhead.toml:2: key \"http.port\"", "whole number"},
        Bad{"[http]\n\nprt = 80\n", "my/bulkhead.toml:3: key \"http.prt\"", "no such key"},
        Bad{"[htp]\nport = 80\n", "key \"htp\"", "no such section"},
        Bad{"port = 80\n", "my/bulkhead.toml:1: key \"port\"", "no such section"},
        Bad{"http = 3\n", "my/bulkhead.toml:1: key \"http\"", "a section [http] is expected"},
        Bad{"[http]\ncors_origins = [\"https://a.example/\"]\n", "http.cors_origins", "is no origin"},
        Bad{"[http]\ncors_origins = [\"a.example\"]\n", "http.cors_origins", "is no origin"},
        Bad{"[web]\nconnect_origins = [\"*\"]\n", "web.connect_origins", "is not an origin"},
        Bad{"[web]\nconnect_origins = [\"https://a.example; script-src *\"]\n", "web.connect_origins",
            "is not an origin"},
        Bad{"[web]\ndir = \"\"\n", "web.dir", "must not be empty"},
        Bad{"[dev]\nseed_members = [\"ann\"]\n", "dev.seed_members", "a table is expected"},
        Bad{"[dev]\nseed_members = { acme = { ann = \"boss\" } }\n", "dev.seed_members.acme", "boss"},
        Bad{"[dev]\nseed_members = { X = { ann = \"admin\" } }\n", "dev.seed_members.X", "a tenant's slug"},
        Bad{"[database]\nbinding = \"none\"\n", "database.binding", "\"signed\", \"plain\""},
        Bad{"[entry]\nsources = [\"cookie\"]\n", "entry.sources", "\"cookie\" is not one of"},
        Bad{"[entry]\nsources = []\n", "entry.sources", "at least one"},
        Bad{"[identity.a]\nissuer = \"https://a\"\n", "identity.a.audiences", "at least one"},
        Bad{"[identity.a]\naudiences = [\"x\"]\n", "identity.a.issuer", "required"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nalgorithms=[\"HS256\"]\n",
            "my/bulkhead.toml:4: key \"identity.a.algorithms\"", "HS256"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nsecret=\"hunter2\"\n",
            "my/bulkhead.toml:4: key \"identity.a.secret\"", "a reference is expected"},
        Bad{"[identity.a]\nissuer = \"a\"\naudiences=[\"x\"]\nsecret=\"env:A\"\nalgorithms=[\"RS256\"]\n",
            "my/bulkhead.toml:5: key \"identity.a.algorithms\"", "HS256 is the one"},
        Bad{"[identity.a]\nissuer = \"a\"\naudiences=[\"x\"]\nsecret=\"env:A\"\njwks_uri=\"https://a\"\n",
            "identity.a.jwks_uri", "not both"},
        Bad{"[identity.a]\nissuer = \"https://a\"\nany_audience=true\n", "identity.a.any_audience",
            "needs a secret"},
        Bad{"[identity.a]\nissuer = \"\"\nsecret=\"env:A\"\n", "identity.a.audiences", "at least one"},
        Bad{"[identity.a]\nissuer = \"\"\naudiences=[\"x\"]\n", "identity.a.issuer", "required"},
        Bad{"[identity.a]\nissuer = \"\"\nsecret=\"env:A\"\nany_audience=true\n"
            "[identity.b]\nissuer = \"\"\nsecret=\"env:B\"\nany_audience=true\n",
            "identity.b.issuer", "[identity.a] has this issuer already"},
        Bad{"[database]\nroles = { a = \"postgres\" }\n", "database.roles", "may not be bound"},
        Bad{"[database]\nroles = { a = \"bulkhead_owner\" }\n", "database.roles", "may not be bound"},
        Bad{"[database]\ntenant_setting = \"search_path\"\n", "database.tenant_setting", "with a dot"},
        Bad{"[database]\ntenant_setting = \"bulkhead.context\"\n", "database.tenant_setting", "with a dot"},
        Bad{"[database]\ntenant_setting = \"a.b',true)--\"\n", "database.tenant_setting", "with a dot"},
        Bad{"[http]\naddress = \"banana\"\n", "my/bulkhead.toml:2: key \"http.address\"", "IP address"},
        Bad{"[app]\nname = \"\"\n", "my/bulkhead.toml:2: key \"app.name\"", "must not be empty"},
        Bad{"[entry]\nbase_domains = [\n\"ok.example\",\n\"http://x/\"]\n",
            "my/bulkhead.toml:4: key \"entry.base_domains\"", "\"http://x/\" is not a domain's name"},
        Bad{"[entry]\nbase_domains = [\"\"]\n", "entry.base_domains", "domain's name"},
        Bad{"[http]\ntrusted_proxies = [\"10.0.0.1/8\"]\n", "http.trusted_proxies", "is not a network"},
        Bad{"[http]\ntrusted_proxies = [\"lb.internal\"]\n", "http.trusted_proxies", "is not a network"},
        Bad{"[http]\ntrusted_proxies = [\"10.0.0.0/33\"]\n", "http.trusted_proxies", "is not a network"},
        Bad{"[entry]\ndns_server = \"ns.example\"\n", "entry.dns_server", "IPv4 address"},
        Bad{"[entry]\ndns_server = \"127.0.0.1:0\"\n", "entry.dns_server", "IPv4 address"},
        Bad{"[dev]\nchallenge_address = \"127.0.0.1:65536\"\n", "dev.challenge_address", "IPv4 address"},
        Bad{"[dev]\nseed_tenants = [\"A B\"]\n", "my/bulkhead.toml:2: key \"dev.seed_tenants\"",
            "\"A B\" is not a tenant's slug"},
        Bad{"[identity.a]\nissuer = \"nonsense\"\naudiences=[\"x\"]\n",
            "my/bulkhead.toml:2: key \"identity.a.issuer\"", "does not begin with https://"},
        Bad{"[identity.a]\nissuer = \"http://a\"\naudiences=[\"x\"]\n", "identity.a.issuer", "https://"},
        Bad{"[identity.a]\nissuer = \"x\"\naudiences=[\"x\"]\njwks_uri=\"ftp://x\"\nallow_http=true\n",
            "my/bulkhead.toml:4: key \"identity.a.jwks_uri\"", "\"ftp://x\" does not begin"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nalgorithms=[]\n",
            "my/bulkhead.toml:4: key \"identity.a.algorithms\"", "at least one"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\n[identity.b]\nissuer = "
            "\"https://a\"\naudiences=[\"y\"]\n",
            "my/bulkhead.toml:5: key \"identity.b.issuer\"", "[identity.a] has this issuer"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\npreset=\"azure\"\n",
            "my/bulkhead.toml:4: key \"identity.a.preset\"", "\"azure\" is not one of"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\ntoken_use=\"id\"\n",
            "my/bulkhead.toml:4: key \"identity.a.token_use\"", "only the preset"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\ntenant=\"A B\"\n",
            "my/bulkhead.toml:4: key \"identity.a.tenant\"", "neither a tenant's slug nor its id"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\ntenants={ org_1 = \"\" }\n",
            "my/bulkhead.toml:4: key \"identity.a.tenants.org_1\"", "must not be empty"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\ntenants={ org_1 = \"org_1\" }\n",
            "key \"identity.a.tenants\"", "\"org_1\" is neither"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nuser_claim=\"\"\n",
            "identity.a.user_claim", "must not be empty"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nroles_claim=[\"a\", \"\"]\n",
            "identity.a.roles_claim", "is not a claim's name"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nroles_claim=7\n",
            "identity.a.roles_claim", "a claim's name is expected"},
        Bad{"[identity.a]\nissuer = \"https://a\"\naudiences=[\"x\"]\nrequire=\"x\"\n", "identity.a.require",
            "a table of strings"},
        Bad{"[identity.a]\nissuer = \"https://a\"\npreset=\"workos\"\naudience_claim=\"aud\"\n",
            "identity.a.audiences", "at least one"},
        Bad{"[http\nport = 80\n", "my/bulkhead.toml:1:", ""}));

TEST(Config, ClaimsAreNamesOrPaths) {
  auto config = parse_app_config(R"(
[identity.a]
preset = "cognito"
issuer = "https://a"
audiences = ["x"]
token_use = "id"
tenant_claim = "https://shop.example/tenant"
roles_claim = ["realm_access", "roles"]
name_claim = ""
types = ["JWT"]
require = { token_use = "id" }
tenant = "acme"
[identity.b]
preset = "workos"
issuer = "https://b"
tenants = { org_1 = "globex" }
)",
                                 "f");
  ASSERT_TRUE(config.has_value()) << config.error().message();
  const IdentityConfig &a = config->identity[0], &b = config->identity[1];
  using Names = std::vector<std::string>;
  EXPECT_EQ(a.tenant_claim, Names{"https://shop.example/tenant"});
  EXPECT_EQ(a.roles_claim, (Names{"realm_access", "roles"}));
  EXPECT_EQ(a.name_claim, Names());
  EXPECT_EQ(a.user_claim, std::nullopt);
  EXPECT_EQ(a.require->at("token_use"), "id");
  EXPECT_EQ(a.tenant, "acme");
  EXPECT_EQ(b.tenants.at("org_1"), "globex");
  EXPECT_TRUE(b.audiences.empty()) << "the issuer is the audience";
}

TEST(Config, KeysMayBeFetchedWithoutTlsWhereThatIsAllowed) {
  auto config = parse_app_config(
      "[identity.a]\nissuer = \"http://127.0.0.1:1/\"\naudiences = [\"x\"]\nallow_http = true\n", "f");
  EXPECT_TRUE(config.has_value()) << config.error().message();
}

TEST(Config, AFolderIsNoFile) {
  std::string made = "/tmp/bh-config-XXXXXX";
  ASSERT_NE(mkdtemp(made.data()), nullptr);
  std::filesystem::create_directory(made + "/bulkhead.toml");
  auto config = load_app_config(made);
  EXPECT_TRUE(config.has_error());
  std::filesystem::remove_all(made);
}

std::string read_reference(const std::string& name) {
  std::ifstream in(BULKHEAD_SOURCE_DIR "/docs/reference/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Reference, ConfigurationIsFresh) {
  EXPECT_NE(read_reference("configuration.md").find(describe_app_config()), std::string::npos)
      << "docs/reference/configuration.md must hold this table:\n"
      << describe_app_config();
}

TEST(Reference, ErrorsAreFresh) {
  EXPECT_NE(read_reference("errors.md").find(describe_errors()), std::string::npos)
      << "docs/reference/errors.md must hold this table:\n"
      << describe_errors();
}

}  // namespace
}  // namespace bulkhead
