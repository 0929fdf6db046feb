// A Supabase project that was there before Bulkhead: looked at, mended by what `bulkhead adopt` writes, adopted, and served over
// HTTP with the project's own tokens and policies. Tenant acme must never reach globex.
#include "lifecycle/adopt.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/wait.h>
#include <unistd.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "identity/base64url.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/databases.hpp"
#include "lifecycle/slots.hpp"
#include "lifecycle/tenants.hpp"
#include "support/test_server.hpp"

namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr const char* acme = "11111111-1111-4111-8111-111111111111";
constexpr const char* globex = "22222222-2222-4222-8222-222222222222";
constexpr const char* ann = "11111111-aaaa-4aaa-8aaa-111111111111";
constexpr const char* bob = "22222222-aaaa-4aaa-8aaa-222222222222";
constexpr const char* secret = "the-projects-own-secret-of-more-than-32-bytes";

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Of a program; throws when it fails.
std::string output_of(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::string out;
  char buffer[4096];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, size);
  if (pclose(pipe) != 0) throw std::runtime_error(command + ": " + out);
  return out;
}

std::string schema_dump(const std::string& conninfo) {
  // Newer versions write a word of the day around it.
  return output_of("pg_dump -s -d \"" + conninfo + "\" | grep -v '^.\\(un\\)\\?restrict '");
}

/// As the project makes them.
std::string token(const std::string& tenant, const std::string& user,
                  const std::string& role = "authenticated") {
  json::object payload{{"sub", user}, {"exp", 4102444800}, {"app_metadata", {{"tenant_id", tenant}}}};
  if (!role.empty()) payload["role"] = role;
  const std::string input = identity::encode_base64url(R"({"alg":"HS256","typ":"JWT"})") + "." +
                            identity::encode_base64url(json::serialize(payload));
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret, static_cast<int>(std::string_view(secret).size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), mac, &size);
  return input + "." + identity::encode_base64url({reinterpret_cast<const char*>(mac), size});
}

TestServerSettings server_settings() {
  setenv("BULKHEAD_TEST_ADOPT_SECRET", secret, 1);
  identity::IssuerSettings issuer;
  issuer.name = "project";
  issuer.issuer = "";
  issuer.any_audience = true;
  issuer.secret = "env:BULKHEAD_TEST_ADOPT_SECRET";
  issuer.algorithms = {"HS256"};
  issuer.tenant_claim = identity::ClaimPath(std::vector<std::string>{"app_metadata", "tenant_id"});
  issuer.roles_claim = "role";
  issuer.join = {{"authenticated", Role::member}, {"anon", Role::viewer}, {"service_role", Role::owner}};
  TestServerSettings settings;
  settings.issuers = {issuer};
  settings.configure = [](AppConfig& config) {
    config.role_claim = {"role"};
    config.database_roles = {{"authenticated", "authenticated"}};
    config.request_settings = true;
    config.tenant_setting = "app.current_org";
  };
  return settings;
}

/// The project in a database of its own, beside the catalog's.
struct Project {
  explicit Project(Postgres& server = Postgres::shared())
      : catalog(Postgres::shared().make_database()), name(server.make_empty_database()) {
    url = server.admin(name);
    must(admin().execute(text_of(fs::path(BULKHEAD_SOURCE_DIR) / "tests/integration/adopt/supabase.sql")));
  }
  [[nodiscard]] pg::Blocking admin() const { return must(pg::Blocking::connect(url)); }
  [[nodiscard]] lifecycle::AdoptRequest request() const {
    lifecycle::AdoptRequest out;
    out.url = url;
    out.schema.tenant_column = "org_id";
    out.schema.shared = {"country"};
    out.schema.hidden = {"organizations"};
    out.schema.roles = {"authenticated"};
    out.slugs_from = "organizations.slug";
    return out;
  }
  [[nodiscard]] migrate::AdoptLook look() const {
    pg::Blocking database = admin();
    return must(migrate::look_at_schema(database, request().schema));
  }
  /// What a person does: runs the file, and decides about what it leaves.
  void mend() const {
    const fs::path file = fs::temp_directory_path() / (name + "-mend.sql");
    std::ofstream(file) << migrate::mending_sql(look(), request().schema);
    output_of("psql -q -X -v ON_ERROR_STOP=1 -d \"" + url + "\" -f " + file.string());
    fs::remove(file);
    admin().execute("alter function public.task_count() security invoker").value();
  }
  [[nodiscard]] lifecycle::Adoption adopt() const {
    pg::Blocking admin = catalog.connect_admin();
    return must(lifecycle::adopt(admin, request()));
  }

  Database catalog;
  std::string name, url;
};

std::set<std::string> rules_of(const migrate::AdoptLook& look, const std::string& relation) {
  std::set<std::string> out;
  for (const auto& finding : look.findings)
    if (finding.breaks && finding.relation == relation) out.insert(finding.rule);
  return out;
}

std::string all_of(const migrate::AdoptLook& look) {
  std::string out;
  for (const auto& finding : look.findings)
    if (finding.breaks) out += finding.about + ": " + finding.problem + "\n";
  return out;
}

/// What others than Bulkhead see, one line a login.
std::string seen_by_others(const Project& project) {
  std::string out;
  for (const char* login : {"shop_owner", "authenticator"}) {
    must(project.admin().execute(std::string("alter role ") + login + " password 'a-password'"));
    pg::Blocking session = must(project.admin().another({{"user", login}, {"password", "a-password"}}));
    if (std::string_view(login) == "authenticator") {
      must(session.execute("set role authenticated"));
      must(session.query(
          "select set_config('request.jwt.claims', $1, false), set_config('app.current_org', $2, false)",
          {std::string(R"({"sub":")") + bob + R"(","app_metadata":{"tenant_id":")" + globex + "\"}}",
           std::string(globex)}));
    }
    for (const char* table : {"projects", "tasks", "notes", "organizations"}) {
      const Rows rows = must(session.query(std::string("select count(*) from public.") + table));
      out += std::string(login) + " " + table + " " + std::string(rows.text(0, 0)) + "\n";
    }
  }
  return out;
}

TEST(Adopt, ALookTellsEachThingThatIsWrongAndChangesNothing) {
  const Project project;
  const std::string before = schema_dump(project.url);
  const migrate::AdoptLook look = project.look();
  const std::string mending = migrate::mending_sql(look, project.request().schema);
  EXPECT_EQ(schema_dump(project.url), before);

  EXPECT_FALSE(look.keeps_apart());
  EXPECT_EQ(look.tables, (std::vector<std::string>{"notes", "projects", "tasks"}));
  EXPECT_EQ(rules_of(look, "projects"),
            (std::set<std::string>{"tenant-id-shape", "primary-key-tenant", "unique-tenant", "rls-off",
                                   "policy-floor", "grant-too-much"}));
  EXPECT_EQ(rules_of(look, "tasks"), (std::set<std::string>{"primary-key-tenant", "foreign-key-tenant",
                                                            "rls-off", "policy-floor", "grant-too-much"}));
  EXPECT_EQ(rules_of(look, "notes"),
            (std::set<std::string>{"primary-key-tenant", "unique-tenant", "foreign-key-tenant", "rls-off",
                                   "policy-floor", "grant-too-much"}));
  EXPECT_EQ(rules_of(look, "open_tasks"), (std::set<std::string>{"view-invoker"}));
  EXPECT_EQ(rules_of(look, "country"), (std::set<std::string>{"grant-too-much"}));
  EXPECT_EQ(rules_of(look, "organizations"), (std::set<std::string>{"grant-too-much", "rls-off"}));
  EXPECT_EQ(rules_of(look, ""), (std::set<std::string>{"definer-reason", "definer-search-path"}));
  EXPECT_NE(mending.find("create unique index concurrently"), std::string::npos);
  EXPECT_NE(mending.find("not valid"), std::string::npos);
  EXPECT_NE(mending.find("--     → read it: does it keep to bulkhead.tenant_id()?"), std::string::npos);

  pg::Blocking catalog = project.catalog.connect_admin();
  const auto refused = lifecycle::adopt(catalog, project.request());
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code(), Errc::lint_failed);
  EXPECT_EQ(schema_dump(project.url), before) << "what is refused has changed nothing";
  EXPECT_TRUE(must(catalog::list_tenants(catalog)).empty());
}

TEST(Adopt, RolesThatStandAboveTheWallsAreRefused) {
  const Project project;
  pg::Blocking database = project.admin();
  migrate::AdoptedSchema schema = project.request().schema;
  schema.roles = {"service_role", "shop_owner", "nobody_at_all"};
  const migrate::AdoptLook look = must(migrate::look_at_schema(database, schema));
  std::set<std::string> about;
  for (const auto& finding : look.findings)
    if (finding.rule == "role-statement") about.insert(finding.about);
  EXPECT_EQ(about, (std::set<std::string>{"role service_role", "role shop_owner", "role nobody_at_all"}));
  schema = project.request().schema;
  schema.hidden = {};
  EXPECT_TRUE(
      rules_of(must(migrate::look_at_schema(database, schema)), "organizations").contains("unmarked-table"));
}

TEST(Adopt, WhatIsNotServedMustNotBeInReachEither) {
  const Project project;
  pg::Blocking database = project.admin();
  must(database.execute(
      "alter table public.organizations enable row level security;"
      "create policy everybody on public.organizations using (true);"
      "create schema private; grant usage on schema private to authenticated;"
      "create table private.stuff (of uuid); grant select on private.stuff to authenticated"));
  migrate::AdoptedSchema schema = project.request().schema;
  migrate::AdoptLook look = must(migrate::look_at_schema(database, schema));
  EXPECT_EQ(rules_of(look, "organizations"), (std::set<std::string>{"grant-too-much", "policy-floor"}));
  EXPECT_TRUE(rules_of(look, "").contains("outside-app")) << "the app's functions could read it";
  schema.shared.emplace_back("private.stuff");
  look = must(migrate::look_at_schema(database, schema));
  EXPECT_FALSE(rules_of(look, "").contains("outside-app")) << "it was said to be the same for all";
  project.mend();
  EXPECT_TRUE(rules_of(must(migrate::look_at_schema(database, schema)), "organizations").empty());
}

TEST(Adopt, TheWrittenMigrationMendsItAndLeavesOthersWhatTheyHad) {
  const Project project;
  const std::string before = seen_by_others(project);
  project.mend();
  EXPECT_EQ(all_of(project.look()), "");
  EXPECT_EQ(seen_by_others(project), before);
  const std::string again = migrate::mending_sql(project.look(), project.request().schema);
  EXPECT_EQ(again.find("alter table"), std::string::npos) << again;

  // And with Bulkhead there, too.
  const lifecycle::Adoption made = project.adopt();
  EXPECT_EQ(made.cell, "default");
  EXPECT_EQ(made.tenants, 2u);
  EXPECT_EQ(made.fresh, 2u);
  EXPECT_GE(made.version, catalog::adopted_version_least);
  EXPECT_EQ(seen_by_others(project), before);
  const lifecycle::Adoption repeated = project.adopt();
  EXPECT_EQ(repeated.fresh, 0u);
  EXPECT_GT(repeated.version, made.version) << "servers read the tables again";
  EXPECT_EQ(all_of(project.look()), "");

  pg::Blocking catalog = project.catalog.connect_admin();
  const auto tenant = must(catalog::find_tenant(catalog, "acme"));
  EXPECT_EQ(tenant.id.text(), acme);
  EXPECT_EQ(tenant.placement.database, project.name);
  EXPECT_EQ(tenant.placement.schema, "public");
  EXPECT_TRUE(catalog::is_adopted(tenant.placement));
  // What would only work on tables of our own is refused rather than done by halves.
  EXPECT_EQ(lifecycle::start_delete(catalog, "acme", std::chrono::seconds(60), "test").error().code(),
            Errc::conflict);
}

class AdoptedTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    project = std::make_unique<Project>();
    project->mend();
    EXPECT_EQ(project->adopt().tenants, 2u);
    server = std::make_unique<TestServer>(project->catalog, server_settings());
  }
  static void TearDownTestSuite() {
    server.reset();
    project.reset();
  }

  static Reply call(const std::string& with, const std::string& method, const std::string& target,
                    const std::string& body = "", const std::string& prefer = "") {
    Call call{method, "/rest/v1/" + target, body, {{"Authorization", "Bearer " + with}}};
    if (!body.empty()) call.headers.emplace_back("Content-Type", "application/json");
    if (!prefer.empty()) call.headers.emplace_back("Prefer", prefer);
    return server->client().send(call);
  }
  static Reply as_ann(const std::string& method, const std::string& target, const std::string& body = "",
                      const std::string& prefer = "") {
    return call(token(acme, ann), method, target, body, prefer);
  }
  static Reply as_bob(const std::string& method, const std::string& target, const std::string& body = "",
                      const std::string& prefer = "") {
    return call(token(globex, bob), method, target, body, prefer);
  }

  static inline std::unique_ptr<Project> project;
  static inline std::unique_ptr<TestServer> server;
};

TEST_F(AdoptedTest, ReadsAreOfTheTenantAndDoNotShowItsColumn) {
  Reply reply = as_ann("GET", "projects?select=*");
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(reply.body, R"([{"id":1,"name":"Rocket","slug":"rocket"}])");
  EXPECT_EQ(as_bob("GET", "projects?select=name").body, R"([{"name":"Boat"}])");
  EXPECT_EQ(as_bob("GET", "projects?select=name&id=eq.1").body, "[]");
  reply = as_ann("GET", "projects?select=name,tasks(title,notes(body))");
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(json::parse(reply.body),
            json::parse(
                R"([{"name":"Rocket","tasks":[{"title":"light the fuse","notes":[{"body":"of acme"}]}]}])"));
  EXPECT_EQ(json::parse(as_ann("GET", "notes?select=body,country(name)").body),
            json::parse(R"([{"body":"of acme","country":{"name":"Germany"}}])"));
  EXPECT_EQ(as_ann("GET", "open_tasks?select=*").body,
            R"([{"id":1,"project_id":1,"title":"light the fuse"}])");
  EXPECT_EQ(as_ann("GET", "rpc/search?term=e&select=title").body, R"([{"title":"light the fuse"}])");
  EXPECT_EQ(as_ann("GET", "rpc/task_count").body, "1");
  for (const char* target :
       {"projects?select=org_id", "projects?org_id=eq.11111111-1111-4111-8111-111111111111",
        "projects?order=org_id", "open_tasks?select=org_id"})
    EXPECT_EQ(as_ann("GET", target).status, 400u) << target;
  EXPECT_EQ(as_ann("GET", "organizations").status, 404u) << "it is hidden";
}

TEST_F(AdoptedTest, PoliciesReadWhatPostgrestWouldTellThem) {
  const Reply reply = as_ann("GET", "rpc/told");
  ASSERT_EQ(reply.status, 200u) << reply.body;
  const json::object told = json::parse(reply.body).as_object();
  EXPECT_EQ(told.at("user").as_string(), ann);
  EXPECT_EQ(told.at("role").as_string(), "authenticated");
  EXPECT_EQ(told.at("org").as_string(), acme);
  EXPECT_EQ(told.at("method").as_string(), "GET");
  EXPECT_EQ(told.at("path").as_string(), "/rest/v1/rpc/told");
  EXPECT_TRUE(told.at("headers").as_object().contains("host"));
  EXPECT_FALSE(told.at("headers").as_object().contains("authorization"));
}

TEST_F(AdoptedTest, WritesAreOfTheTenantByItsOwnPolicies) {
  Reply reply = as_ann("POST", "tasks?select=title,owner", R"({"project_id":1,"title":"count down"})",
                       "return=representation");
  EXPECT_EQ(reply.status, 201u) << reply.body;
  EXPECT_EQ(reply.body, std::string(R"([{"title":"count down","owner":")") + ann + "\"}]")
      << "the project's own trigger";
  EXPECT_EQ(as_bob("GET", "tasks?select=title").body, R"([{"title":"set sail"}])");
  // Another's task: the policy "own" lets nobody change it, the policy "read" shows it.
  EXPECT_EQ(call(token(acme, bob), "PATCH", "tasks?title=eq.count%20down", R"({"done":true})",
                 "return=representation")
                .body,
            "[]");
  EXPECT_EQ(
      as_ann("PATCH", "tasks?title=eq.count%20down&select=done", R"({"done":true})", "return=representation")
          .body,
      R"([{"done":true}])");
  // A reference to another tenant's row is none.
  reply = as_ann("POST", "tasks", R"({"project_id":2,"title":"steal"})");
  EXPECT_EQ(reply.status, 409u) << reply.body;
  EXPECT_EQ(reply.body.find("org_id"), std::string::npos) << reply.body;
  for (const char* body : {R"({"name":"x","slug":"x","org_id":"22222222-2222-4222-8222-222222222222"})"})
    EXPECT_EQ(as_ann("POST", "projects", body).status, 400u);
  EXPECT_EQ(as_ann("POST", "country", R"({"code":"fr","name":"France"})").status, 403u);
  EXPECT_EQ(as_ann("DELETE", "tasks?title=eq.count%20down").status, 204u);
  EXPECT_EQ(as_bob("DELETE", "projects?id=eq.1", "", "return=representation").body, "[]");
}

TEST_F(AdoptedTest, UpsertsMeetTheTenantsOwnRowsAlone) {
  // Globex has a project "boat", too.
  Reply reply = as_ann("POST", "projects?on_conflict=slug&select=name", R"({"name":"Bark","slug":"boat"})",
                       "return=representation,resolution=merge-duplicates");
  EXPECT_EQ(reply.status, 201u) << reply.body;
  reply = as_ann("POST", "projects?on_conflict=slug&select=name", R"({"name":"Barge","slug":"boat"})",
                 "return=representation,resolution=merge-duplicates");
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_EQ(reply.body, R"([{"name":"Barge"}])");
  EXPECT_EQ(as_bob("GET", "projects?select=name").body, R"([{"name":"Boat"}])");
  EXPECT_EQ(as_ann("DELETE", "projects?slug=eq.boat").status, 204u);
}

TEST_F(AdoptedTest, RolesComeFromTheListAlone) {
  for (const char* role : {"anon", "service_role", "postgres", ""}) {
    const Reply reply = call(token(acme, ann, role), "GET", "projects");
    EXPECT_GE(reply.status, 401u) << role;
    EXPECT_EQ(reply.body.find("Rocket"), std::string::npos) << role;
  }
  EXPECT_EQ(call(token("33333333-3333-4333-8333-333333333333", ann), "GET", "projects").status, 404u);
}

TEST_F(AdoptedTest, TheFloorHoldsWhateverTheProjectsPoliciesSay) {
  project->admin()
      .execute(
          "drop policy members on public.projects; create policy anything on public.projects using (true) "
          "with check (true);"
          "create policy anything on public.tasks using (true); create policy anything on public.notes using "
          "(true)")
      .value();
  for (const char* table : {"projects", "tasks", "notes"}) {
    const Reply mine = as_ann("GET", std::string(table) + "?select=*"),
                theirs = as_bob("GET", std::string(table) + "?select=*");
    EXPECT_EQ(json::parse(mine.body).as_array().size(), 1u) << table << mine.body;
    EXPECT_EQ(json::parse(theirs.body).as_array().size(), 1u) << table << theirs.body;
    EXPECT_NE(mine.body, theirs.body);
  }
  // Straight in the database, with all of the server's own walls away, and with the setting of another tenant forged.
  pg::Blocking catalog = project->catalog.connect_admin();
  const auto record = must(catalog::find_tenant(catalog, "acme"));
  const auto login = must(catalog::login_of(catalog, record.placement));
  pg::Blocking session = must(project->admin().another({{"user", login.name}, {"password", login.password}}));
  EXPECT_TRUE(session.query("select count(*) from public.projects").has_error()) << "no role is bound";
  must(session.execute("begin; set local role authenticated"));
  must(session.query(
      "select set_config('app.current_org', $1, true), set_config('request.jwt.claims', $2, true)",
      {std::string(globex), std::string(R"({"app_metadata":{"tenant_id":")") + globex + "\"}}"}));
  for (const char* table : {"projects", "tasks", "notes", "organizations"})
    EXPECT_EQ(must(session.query(std::string("select count(*) from public.") + table)).text(0, 0), "0")
        << table;
  must(session.execute("rollback"));
  project->admin()
      .execute(
          "drop policy anything on public.projects; drop policy anything on public.tasks; drop policy "
          "anything on public.notes;"
          "create policy members on public.projects to authenticated using (org_id::text = auth.jwt() -> "
          "'app_metadata' ->> 'tenant_id')")
      .value();
}

TEST_F(AdoptedTest, SqlThatIsInjectedMeetsTheFloor) {
  // A function as projects have them, that runs what it is told.
  must(
      project->admin().execute("create function public.run(q text) returns json language plpgsql as $$ "
                               "declare out json; begin execute q into out; return out; end $$"));
  EXPECT_EQ(project->adopt().fresh, 0u);
  const auto injected = [](const std::string& sql) {
    return as_ann("POST", "rpc/run", json::serialize(json::object{{"q", sql}}));
  };
  ASSERT_EQ(injected("select json_agg(title) from tasks").body, R"(["light the fuse"])");
  const std::string other(globex);
  const std::string forged = "set_config('app.current_org', '" + other +
                             "', true), set_config('request.jwt.claims', '{\"sub\":\"" + bob +
                             "\",\"app_metadata\":{\"tenant_id\":\"" + other + "\"}}', true)";
  for (const std::string& table : {"projects", "tasks", "notes", "organizations"}) {
    const std::string rows = "(select json_agg(t) from public." + table + " t)";
    for (const std::string& sql :
         {"select json_build_array(" + forged + ", " + rows + ")",
          "select json_build_array(set_config('role', 'none', true), " + rows + ")",
          "select json_build_array(set_config('role', 'app_owner', true), " + rows + ")",
          "select json_build_array(set_config('row_security', 'off', true), " + rows + ")",
          "select json_build_array(set_config('bulkhead.context', '', true), " + forged + ", " + rows + ")",
          "select json_build_array(set_config('bulkhead.context', "
          "replace(current_setting('bulkhead.context'), '" +
              std::string(acme) + "', '" + other + "'), true), " + rows + ")",
          "select json_build_array(set_config('session_authorization', 'shop_owner', true), " + rows + ")"}) {
      const Reply reply = injected(sql);
      for (const char* theirs : {"Boat", "set sail", "of globex", "\"globex\""})
        EXPECT_EQ(reply.body.find(theirs), std::string::npos) << sql << "\n" << reply.body;
    }
    EXPECT_EQ(injected("delete from public." + table + " where true returning to_json('" + other + "'::text)")
                  .body.find("Boat"),
              std::string::npos);
  }
  EXPECT_EQ(as_bob("GET", "tasks?select=title").body, R"([{"title":"set sail"}])");
  EXPECT_EQ(as_bob("GET", "notes?select=body").body, R"([{"body":"of globex"}])");
  // What ann's own SQL has deleted of acme's comes back for the other tests.
  must(project->admin().execute(
      "drop function public.run(text); insert into public.projects values (1, '" + std::string(acme) +
      "', 'Rocket', 'rocket') on conflict do nothing; insert into public.tasks values (1, '" + acme +
      "', 1, 'light the fuse', false, '" + ann +
      "') on conflict do nothing; insert into public.notes values "
      "(gen_random_uuid(), '" +
      acme + "', 1, 'of acme', 'de') on conflict do nothing"));
  EXPECT_EQ(project->adopt().fresh, 0u);
}

TEST_F(AdoptedTest, ALoginThatTheFloorDoesNotKnowIsNeverBound) {
  pg::Blocking catalog = project->catalog.connect_admin(), database = project->admin();
  const auto record = must(catalog::find_tenant(catalog, "acme"));
  const std::string login = must(catalog::login_of(catalog, record.placement)).name;
  must(database.execute("revoke bulkhead_served from " + login));
  {
    // Whoever is not bound waits to the deadline for the tenant to arrive.
    TestServerSettings hurried = server_settings();
    hurried.configure = [configure = hurried.configure](AppConfig& config) {
      configure(config);
      config.deadline = std::chrono::seconds(1);
    };
    const TestServer other(project->catalog, hurried);
    const Call get{"GET", "/rest/v1/projects", "", {{"Authorization", "Bearer " + token(acme, ann)}}};
    const Reply reply = other.client().send(get);
    EXPECT_GE(reply.status, 500u) << reply.body;
  }
  must(database.execute("grant bulkhead_served to " + login));
  EXPECT_EQ(as_ann("GET", "projects").status, 200u);
}

TEST_F(AdoptedTest, ATableThatIsNotFitAnyMoreIsNotServed) {
  EXPECT_EQ(as_ann("GET", "notes?select=body").status, 200u);
  project->admin().execute("drop policy bulkhead_floor on public.notes").value();
  {
    const TestServer fresh(project->catalog, server_settings());
    const Call get{
        "GET", "/rest/v1/notes?select=body", "", {{"Authorization", "Bearer " + token(acme, ann)}}};
    EXPECT_EQ(fresh.client().send(get).status, 404u);
  }
  pg::Blocking catalog = project->catalog.connect_admin();
  EXPECT_EQ(lifecycle::adopt(catalog, project->request()).error().code(), Errc::lint_failed);
  project->mend();
  EXPECT_EQ(project->adopt().tenants, 2u);
  EXPECT_EQ(as_ann("GET", "notes?select=body").body, R"([{"body":"of acme"}])") << "without a restart";
}

TEST(Adopt, OnAServerOfItsOwnItIsACellThatTakesNoNewTenants) {
  const Project project(Postgres::second());
  project.mend();
  pg::Blocking catalog = project.catalog.connect_admin();
  EXPECT_EQ(lifecycle::adopt(catalog, project.request()).error().code(), Errc::usage) << "it needs a name";
  lifecycle::AdoptRequest request = project.request();
  request.cell = "elsewhere";
  EXPECT_EQ(must(lifecycle::adopt(catalog, request)).cell, "elsewhere");
  EXPECT_EQ(must(lifecycle::adopt(catalog, project.request())).cell, "elsewhere") << "and has one now";
  EXPECT_FALSE(must(lifecycle::find_cell(catalog, "elsewhere")).open);
  const TestServer server(project.catalog, server_settings());
  const Call get{
      "GET", "/rest/v1/projects?select=name", "", {{"Authorization", "Bearer " + token(acme, ann)}}};
  EXPECT_EQ(server.client().send(get).body, R"([{"name":"Rocket"}])");
}

TEST(Adopt, WhatWasAdoptedCanBeForgottenAndItsRowsStay) {
  const Project project;
  project.mend();
  EXPECT_EQ(project.adopt().tenants, 2u);
  const std::string before = seen_by_others(project);
  pg::Blocking catalog = project.catalog.connect_admin();
  EXPECT_EQ(must(lifecycle::find_adopted(catalog, project.request())).tenants,
            (std::vector<std::string>{"acme", "globex"}));
  EXPECT_EQ(must(lifecycle::forget_adopted(catalog, project.request())).tenants.size(), 2u);
  EXPECT_TRUE(must(catalog::list_tenants(catalog)).empty());
  EXPECT_EQ(seen_by_others(project), before);
  EXPECT_EQ(lifecycle::find_adopted(catalog, project.request()).error().code(), Errc::not_found);
  EXPECT_EQ(project.adopt().fresh, 2u) << "and adopted again";
  const TestServer server(project.catalog, server_settings());
  const Call get{
      "GET", "/rest/v1/projects?select=name", "", {{"Authorization", "Bearer " + token(acme, ann)}}};
  EXPECT_EQ(server.client().send(get).body, R"([{"name":"Rocket"}])");
}

TEST(RequestSettings, ReachTablesOfOurOwnWhereTheyAreAskedFor) {
  const Database database = Postgres::shared().make_database();
  Postgres::migrate(database,
                    "create function told() returns json language sql stable as $$ select json_build_object("
                    "'sub', nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub', "
                    "'method', nullif(current_setting('request.method', true), ''), "
                    "'org', nullif(current_setting('app.current_org', true), ''), 'role', current_user) $$;"
                    "grant execute on function told() to app_viewer, app_member, app_admin, app_owner");
  const std::string tenant = Postgres::make_tenant(database, "acme");
  for (const bool asked : {true, false}) {
    TestServerSettings settings;
    settings.configure = [asked](AppConfig& config) {
      config.request_settings = asked;
      if (asked) config.tenant_setting = "app.current_org";
      config.role_claim = {"role"};  // of adopted databases alone
    };
    TestServer server(database, settings);
    const Call call{"POST",
                    "/rest/v1/rpc/told",
                    "{}",
                    {{"Authorization", "Bearer " + server.token("acme", "ann", "member")},
                     {"Content-Type", "application/json"}}};
    const Reply reply = server.client().send(call);
    ASSERT_EQ(reply.status, 200u) << reply.body;
    const json::object told = json::parse(reply.body).as_object();
    EXPECT_EQ(told.at("role").as_string(), "app_member");
    EXPECT_EQ(told.at("sub"), asked ? json::value("ann") : json::value());
    EXPECT_EQ(told.at("method"), asked ? json::value("POST") : json::value());
    EXPECT_EQ(told.at("org"), asked ? json::value(tenant) : json::value());
  }
}

std::string in_shell(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// `bulkhead adopt` of the project: its exit code; -1 where it was killed.
int run(const Project& project, const std::string& more, const std::string& environment = "") {
  const std::string command = environment + " " + BULKHEAD_PROGRAM + " adopt " + in_shell(project.url) +
                              " --tenant-column org_id --shared country --hidden organizations --role "
                              "authenticated --slugs-from organizations.slug --database " +
                              in_shell(project.catalog.admin) + " " + more + " >/dev/null 2>&1";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) < 128 ? WEXITSTATUS(status) : -1;
}

TEST(Adopt, NeitherMigrationsNorHousekeepingTouchIt) {
  const Project project;
  project.mend();
  EXPECT_EQ(project.adopt().tenants, 2u);
  const std::string before = schema_dump(project.url);
  output_of(std::string(BULKHEAD_PROGRAM) + " migrate " +
            in_shell(std::string(BULKHEAD_SOURCE_DIR) + "/examples/recordshop") + " --database " +
            in_shell(project.catalog.admin));
  EXPECT_EQ(schema_dump(project.url), before);
  pg::Blocking catalog = project.catalog.connect_admin();
  // Even one that looks half-made, and without a tenant, is nobody's to drop.
  must(catalog.execute(
      "update catalog.database set state = 'making' where kind = 'adopted'; delete from catalog.tenant"));
  EXPECT_TRUE(must(lifecycle::leftover_databases(catalog)).empty());
  EXPECT_EQ(lifecycle::drop_database(catalog, "default", project.name).error().code(), Errc::conflict);
  EXPECT_EQ(schema_dump(project.url), before);
}

TEST(Adopt, KilledAnywhereTheNextRunFinishes) {
  const fs::path trace = fs::temp_directory_path() / ("bh-adopt-trace-" + std::to_string(getpid()));
  {
    const Project project;
    EXPECT_EQ(run(project, ""), 9) << "there is something to mend";
    EXPECT_EQ(run(project, "--apply"), 9);
    project.mend();
    EXPECT_EQ(run(project, "--json"), 0);
    ASSERT_EQ(run(project, "--apply", "BULKHEAD_FAILPOINT_TRACE=" + trace.string()), 0);
  }
  std::set<std::string> places;
  std::ifstream passed(trace);
  for (std::string line; std::getline(passed, line);) places.insert(line);
  fs::remove(trace);
  EXPECT_TRUE(places.contains("adopt.installed"));
  EXPECT_TRUE(places.contains("adopt.tenants.resident"));
  for (const std::string& place : places) {
    SCOPED_TRACE(place);
    const Project project;
    project.mend();
    EXPECT_EQ(run(project, "--apply", "BULKHEAD_FAILPOINT=" + place), -1) << "it was to be killed";
    ASSERT_EQ(run(project, "--apply"), 0);
    pg::Blocking catalog = project.catalog.connect_admin();
    const auto tenants = must(catalog::list_tenants(catalog));
    ASSERT_EQ(tenants.size(), 2u);
    EXPECT_EQ(tenants.front().slug, "acme");
    const Rows logins = must(catalog.query(
        "select count(*) from pg_catalog.pg_roles r join catalog.database d on r.rolname = d.login"));
    EXPECT_EQ(logins.text(0, 0), "1");
    // Whoever was half-way there is served all the same.
    const TestServer server(project.catalog, server_settings());
    const Call get{
        "GET", "/rest/v1/projects?select=name", "", {{"Authorization", "Bearer " + token(acme, ann)}}};
    EXPECT_EQ(server.client().send(get).body, R"([{"name":"Rocket"}])");
  }
}

}  // namespace
}  // namespace bulkhead::test
