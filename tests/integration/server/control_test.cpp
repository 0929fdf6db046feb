#include <algorithm>
#include <functional>
#include <future>
#include <memory>
#include <set>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "api/control/call.hpp"
#include "api/control/watches.hpp"
#include "audit/log.hpp"
#include "catalog/operators.hpp"
#include "catalog/store.hpp"
#include "lifecycle/operations.hpp"
#include "lifecycle/tenants.hpp"
#include "shops.hpp"

/// The control API over HTTP: who comes in, what each route does, and what stays of it.
namespace bulkhead::test {
namespace {

using boost::json::object;

constexpr const char* base = "/control/v1";

class ControlTest : public ShopsTest {
 protected:
  ControlTest() : admin_(shops().database.connect_admin()) {
    must(catalog::add_operator(admin_, {server().issuer_url(), "olga", "Olga", ""}));
  }

  /// An operator; her token names no tenant.
  static Caller olga() { return Caller(server(), server().token("", "olga", "")); }
  static Reply get(Caller& caller, const std::string& path, const Headers& headers = {}) {
    return caller.get(base + path, headers);
  }
  static Reply post(Caller& caller, const std::string& path, const std::string& body, Headers headers = {}) {
    headers.emplace_back("Content-Type", "application/json");
    return caller.post(base + path, body, headers);
  }
  static Reply del(Caller& caller, const std::string& path) { return caller.del(base + path); }
  static object object_of(const Reply& reply) { return json_of(reply).as_object(); }
  static std::string text_of(const Reply& reply, const char* name) {
    return std::string(json_of(reply).at(name).as_string());
  }

  /// Makes a tenant that no other test knows.
  static std::string fresh(const std::string& slug) {
    Caller caller = olga();
    const Reply made = post(caller, "/tenants", "{\"slug\":\"" + slug + "\"}");
    EXPECT_EQ(made.status, 201u) << made.body;
    return slug;
  }

  audit::Entry last_entry() { return must(audit::list(admin_)).at(0); }
  std::size_t entries() { return static_cast<std::size_t>(must(audit::verify(admin_)).entries); }

  pg::Blocking admin_;
};

TEST_F(ControlTest, OnlyOperatorsComeIn) {
  Caller nobody(server(), ""), member = ann("owner"), foreign(server(), "x.y.z");
  const std::size_t before = entries();
  for (const char* path : {"/tenants", "/tenants/acme", "/nosuch", "/openapi.json", "/audit-log"}) {
    SCOPED_TRACE(path);
    const Reply without = HttpClient(server().port()).send({"GET", std::string(base) + path, "", {}});
    EXPECT_EQ(without.status, 401u);
    EXPECT_EQ(code_of(without), "BLK300");
    EXPECT_EQ(without.header("www-authenticate"), "Bearer");
    EXPECT_EQ(get(foreign, path).status, 401u);
    const Reply refused = get(member, path);
    EXPECT_EQ(refused.status, 403u);
    EXPECT_EQ(code_of(refused), "BLK401");
    EXPECT_EQ(refused.header("content-type"), "application/problem+json");
    EXPECT_EQ(post(member, path, "{}").status, 403u);
  }
  EXPECT_EQ(post(member, "/tenants", R"({"slug":"mine"})").status, 403u);
  EXPECT_EQ(catalog::find_tenant(admin_, "mine").error().code(), Errc::not_found);
  EXPECT_EQ(entries(), before);
}

TEST_F(ControlTest, ATokenOfAForeignIssuerIsNoOperators) {
  identity::SigningKey other = must(identity::SigningKey::generate(identity::Algorithm::es256));
  identity::MintRequest request;
  request.issuer = server().issuer_url();
  request.audience = "bulkhead-dev";
  request.subject = "olga";
  request.issued_at = std::chrono::system_clock::now();
  Caller forged(server(), must(other.mint(request)));
  EXPECT_EQ(get(forged, "/tenants").status, 401u);
  // The same subject of another issuer is somebody else.
  must(catalog::add_operator(admin_, {"https://elsewhere", "eve", "Eve", ""}));
  Caller eve(server(), server().token("", "eve", ""));
  EXPECT_EQ(get(eve, "/tenants").status, 403u);
}

TEST_F(ControlTest, AnOperatorIsOneUntilRemoved) {
  must(catalog::add_operator(admin_, {server().issuer_url(), "otto", "Otto", ""}));
  Caller otto(server(), server().token("", "otto", ""));
  EXPECT_EQ(get(otto, "/tenants").status, 200u);
  must(catalog::remove_operator(admin_, server().issuer_url(), "otto"));
  EXPECT_EQ(get(otto, "/tenants").status, 403u);
}

TEST_F(ControlTest, NoTenantIsInvolved) {
  Caller caller = olga();
  EXPECT_EQ(get(caller, "/tenants", {{"X-Tenant-ID", "nosuch"}}).status, 200u);
  EXPECT_EQ(caller.get("/tenants/acme/control/v1/tenants").status, 404u);
  // An operator is nobody in a tenant.
  EXPECT_EQ(caller.get("/rest/v1/artist", {{"X-Tenant-ID", "acme"}}).status, 404u);
}

TEST_F(ControlTest, ATenantIsMadeSuspendedResumedAndChanged) {
  Caller caller = olga();
  const Reply made = post(caller, "/tenants", R"({"slug":"umbrella","name":"Umbrella"})");
  ASSERT_EQ(made.status, 201u) << made.body;
  const std::string id = text_of(made, "id");
  EXPECT_EQ(made.header("location"), std::string(base) + "/tenants/" + id);
  EXPECT_EQ(made.header("cache-control"), "no-store");
  EXPECT_EQ(text_of(made, "model"), "row");
  EXPECT_EQ(get(caller, "/tenants/umbrella").body, get(caller, "/tenants/" + id).body);
  EXPECT_EQ(get(caller, "/tenants/" + id).body, made.body);

  Caller member(server(), server().token("umbrella", "uma", "member"));
  EXPECT_EQ(member.get("/rest/v1/artist").status, 200u);
  const Reply suspended = post(caller, "/tenants/umbrella/suspend", R"({"reason":"bill unpaid"})");
  EXPECT_EQ(suspended.status, 200u) << suspended.body;
  EXPECT_EQ(text_of(suspended, "suspended_reason"), "bill unpaid");
  EXPECT_TRUE(eventually([&] { return member.get("/rest/v1/artist").status == 403; }));
  EXPECT_EQ(post(caller, "/tenants/umbrella/resume", "").status, 200u);
  EXPECT_TRUE(eventually([&] { return member.get("/rest/v1/artist").status == 200; }));

  must(admin_.execute("insert into catalog.plan(name) values ('gold') on conflict do nothing"));
  EXPECT_EQ(text_of(post(caller, "/tenants/umbrella/plan", R"({"plan":"gold"})"), "plan"), "gold");
  EXPECT_EQ(post(caller, "/tenants/umbrella/plan", R"({"plan":"nosuch"})").status, 404u);
  EXPECT_EQ(json_of(get(caller, "/tenants?plan=gold")).at("items").as_array().size(), 1u);
}

TEST_F(ControlTest, EveryChangeIsInTheAuditLogWithItsOperator) {
  const std::string slug = fresh("audited");
  Caller caller = olga();
  const std::string tenant = "/tenants/" + slug;
  const std::string member = text_of(
      post(caller, tenant + "/memberships", R"({"issuer":"https://i","subject":"sue","role":"admin"})"),
      "user_id");
  const std::vector<std::pair<const char*, std::function<Reply()>>> changes = {
      {"tenant.suspend", [&] { return post(caller, tenant + "/suspend", R"({"reason":"x"})"); }},
      {"tenant.resume", [&] { return post(caller, tenant + "/resume", "{}"); }},
      {"tenant.plan", [&] { return post(caller, tenant + "/plan", R"({"plan":"standard"})"); }},
      {"membership.add",
       [&] {
         return post(caller, tenant + "/memberships",
                     R"({"issuer":"https://i","subject":"sue","role":"viewer"})");
       }},
      {"membership.remove", [&] { return del(caller, tenant + "/memberships/" + member); }},
      {"domain.add", [&] { return post(caller, tenant + "/domains", R"({"host":"audited.example.com"})"); }},
      {"domain.remove", [&] { return del(caller, tenant + "/domains/audited.example.com"); }},
  };
  for (const auto& [action, change] : changes) {
    SCOPED_TRACE(action);
    const std::size_t before = entries();
    const Reply reply = change();
    EXPECT_LT(reply.status, 300u) << reply.body;
    EXPECT_EQ(entries(), before + 2);
    const audit::Entry entry = last_entry();
    EXPECT_EQ(entry.action, action);
    EXPECT_EQ(entry.subject, slug);
    EXPECT_EQ(entry.actor, "operator:olga@" + server().issuer_url());
    EXPECT_FALSE(entry.tenant_id.empty());
  }
  const std::size_t before = entries();
  EXPECT_EQ(post(caller, "/tenants", R"({"slug":"audited"})").status, 409u);
  EXPECT_EQ(entries(), before + 2) << "what failed, too";
  EXPECT_NE(last_entry().details.find("BLK702"), std::string::npos);
  EXPECT_FALSE(must(audit::verify(admin_)).fault.has_value());
  const object page = object_of(get(caller, "/audit-log?limit=1"));
  EXPECT_EQ(page.at("items").as_array().at(0).at("hash").as_string(), last_entry().hash);
}

TEST_F(ControlTest, ATenantIsDeletedAfterItsGraceAndCertified) {
  const std::string slug = fresh("doomed"), tenant = "/tenants/" + slug;
  Caller caller = olga();
  EXPECT_EQ(caller.del(base + tenant + "?grace=-1").status, 400u);
  EXPECT_EQ(caller.del(base + tenant + "?grace=1h").status, 400u);
  const Reply started = caller.del(base + tenant + "?grace=3600");
  ASSERT_EQ(started.status, 202u) << started.body;
  EXPECT_EQ(started.header("location"), std::string(base) + "/operations/" + text_of(started, "id"));
  EXPECT_EQ(text_of(started, "kind"), "delete");
  EXPECT_EQ(last_entry().action, "tenant.delete");
  EXPECT_EQ(text_of(get(caller, tenant), "status"), "deleting");
  EXPECT_EQ(post(caller, tenant + "/suspend", R"({"reason":"x"})").status, 409u);
  const Reply back = post(caller, tenant + "/undelete", "");
  ASSERT_EQ(back.status, 200u) << back.body;
  EXPECT_EQ(text_of(back, "status"), "active");
  const std::string id = text_of(back, "id");
  EXPECT_EQ(get(caller, "/certificates/" + id).status, 404u);

  const Reply again = caller.del(base + tenant + "?grace=0");
  ASSERT_EQ(again.status, 202u) << again.body;
  must(lifecycle::resume_operation(admin_, *Uuid::parse(text_of(again, "id"))));
  EXPECT_EQ(text_of(get(caller, "/operations/" + text_of(again, "id")), "state"), "done");
  EXPECT_EQ(get(caller, tenant).status, 404u);
  const Reply certificate = get(caller, "/certificates/" + id);
  EXPECT_EQ(certificate.status, 200u) << certificate.body;
  EXPECT_NE(text_of(certificate, "jws"), "");
}

TEST_F(ControlTest, ATenantIsMovedWhileItIsServed) {
  const std::string slug = fresh("nomad"), tenant = "/tenants/" + slug;
  Caller caller = olga();
  Caller member(server(), server().token(slug, "nora", "member"));
  ASSERT_EQ(member.post("/rest/v1/artist", R"({"name":"Wanderer"})").status, 201u);
  EXPECT_EQ(post(caller, tenant + "/move", "").status, 400u) << "it is not said where to";
  EXPECT_EQ(post(caller, tenant + "/move", R"({"to":"sea"})").status, 400u);
  const Reply started = post(caller, tenant + "/move", R"({"to":"schema"})");
  ASSERT_EQ(started.status, 202u) << started.body;
  EXPECT_EQ(text_of(started, "kind"), "move");
  EXPECT_EQ(started.header("location"), std::string(base) + "/operations/" + text_of(started, "id"));
  EXPECT_EQ(last_entry().action, "tenant.move");
  EXPECT_EQ(post(caller, tenant + "/move", R"({"to":"silo"})").status, 409u) << "one move at a time";
  must(lifecycle::resume_operation(admin_, *Uuid::parse(text_of(started, "id"))));
  EXPECT_EQ(text_of(get(caller, tenant), "model"), "schema");
  EXPECT_EQ(json_of(member.get("/rest/v1/artist?select=name")).at(0).at("name").as_string(), "Wanderer");

  // A plan of another model is a move, and the tenant's when it has arrived.
  must(admin_.execute(
      "insert into catalog.plan(name, model) values ('pooled', 'row') on conflict do nothing"));
  const Reply planned = post(caller, tenant + "/plan", R"({"plan":"pooled"})");
  ASSERT_EQ(planned.status, 200u) << planned.body;
  EXPECT_EQ(text_of(planned, "plan"), "standard");
  const std::string operation(planned.header("location").substr(planned.header("location").rfind('/') + 1));
  must(lifecycle::resume_operation(admin_, *Uuid::parse(operation)));
  EXPECT_EQ(text_of(get(caller, tenant), "plan"), "pooled");
  EXPECT_EQ(text_of(get(caller, tenant), "model"), "row");
  EXPECT_EQ(json_of(member.get("/rest/v1/artist?select=name")).at(0).at("name").as_string(), "Wanderer");
}

TEST_F(ControlTest, AMoveIsBoundedAndForetold) {
  const std::string slug = fresh("planned"), tenant = "/tenants/" + slug;
  Caller caller = olga();
  Caller member(server(), server().token(slug, "pia", "member"));
  ASSERT_EQ(member.post("/rest/v1/artist", R"({"name":"Planner"})").status, 201u);
  const std::pair<const char*, const char*> bad[] = {
      {"max_rate", "fast"}, {"max_rate", "20"}, {"max_rate", "0MB"},  {"keep", "a while"},
      {"keep", "-1d"},      {"keep", "11000d"}, {"dry_run", "maybe"}, {"max_rates", "1MB"}};
  for (const auto& [member_name, value] : bad) {
    SCOPED_TRACE(std::string(member_name) + " " + value);
    const Reply refused = post(caller, tenant + "/move",
                               std::string(R"({"to":"schema",")") + member_name + "\":\"" + value + "\"}");
    EXPECT_EQ(refused.status, 400u);
    EXPECT_EQ(code_of(refused), "BLK508");
    EXPECT_NE(text_of(refused, "detail").find("\"" + std::string(member_name) + "\""), std::string::npos)
        << refused.body;
  }
  const std::size_t before = entries();
  const Reply estimate =
      post(caller, tenant + "/move", R"({"to":"schema","dry_run":"true","max_rate":"1MB"})");
  ASSERT_EQ(estimate.status, 200u) << estimate.body;
  EXPECT_EQ(estimate.header("location"), "");
  EXPECT_EQ(text_of(estimate, "from"), "row in cell default");
  EXPECT_EQ(json_of(estimate).at("rows").to_number<int>(), 2) << "the artist, and the counter of its ids";
  EXPECT_GT(json_of(estimate).at("bytes").to_number<int>(), 0);
  EXPECT_TRUE(json_of(estimate).at("tables").is_array());
  EXPECT_EQ(post(caller, tenant + "/move", R"({"dry_run":"true"})").status, 400u)
      << "it is not said where to";
  EXPECT_EQ(post(caller, tenant + "/move", R"({"to":"back","dry_run":"true"})").status, 409u);
  EXPECT_EQ(entries(), before) << "nothing was done";
  EXPECT_EQ(
      must(admin_.query("select count(*) from catalog.operation where subject = $1", {slug})).text(0, 0),
      "0");

  const Reply started =
      post(caller, tenant + "/move", R"({"to":"schema","max_rate":"20MB","keep":"2h","dry_run":"false"})");
  ASSERT_EQ(started.status, 202u) << started.body;
  EXPECT_NE(last_entry().details.find("20MB"), std::string::npos);
  const Rows input = must(
      admin_.query("select input->>'max_rate', input->>'keep_s' from catalog.operation where id = $1::uuid",
                   {text_of(started, "id")}));
  EXPECT_EQ(input.text(0, 0), std::to_string(20 << 20));
  EXPECT_EQ(input.text(0, 1), "7200");
  must(lifecycle::resume_operation(admin_, *Uuid::parse(text_of(started, "id"))));
  EXPECT_EQ(must(admin_.query(
                     "select round(extract(epoch from until - left_at)) from catalog.former_placement f join "
                     "catalog.tenant t on t.id = f.tenant_id where t.slug = $1",
                     {slug}))
                .text(0, 0),
            "7200");
}

TEST_F(ControlTest, EndpointsForEvents) {
  const std::string tenant = "/tenants/" + fresh("teller"), endpoints = tenant + "/event-endpoints";
  Caller caller = olga();
  EXPECT_TRUE(object_of(get(caller, endpoints)).at("items").as_array().empty());
  const Reply made = post(caller, endpoints, R"({"url":"https://hooks.example/b"})");
  ASSERT_EQ(made.status, 201u) << made.body;
  const std::string secret = text_of(made, "secret"), id = text_of(made, "id");
  EXPECT_TRUE(secret.starts_with("whsec_"));
  EXPECT_EQ(text_of(made, "state"), "active");
  EXPECT_TRUE(json_of(made).at("reason").is_null());
  EXPECT_EQ(last_entry().action, "events.endpoint.add");
  EXPECT_EQ(last_entry().details.find("whsec_"), std::string::npos);
  ASSERT_TRUE(made.header("location").ends_with("/event-endpoints/" + id)) << made.header("location");

  // The secret was shown at its making, and is not again.
  const Reply one = caller.get(std::string(made.header("location")));
  EXPECT_EQ(one.status, 200u);
  EXPECT_EQ(text_of(one, "url"), "https://hooks.example/b");
  must(admin_.query(
      "update catalog.event_endpoint set state = 'disabled', reason = 'gone' where id = $1::uuid", {id}));
  EXPECT_EQ(text_of(get(caller, endpoints + "/" + id), "reason"), "gone");
  const Reply again = post(caller, endpoints, R"({"url":"https://hooks.example/b"})");
  EXPECT_EQ(again.status, 200u) << again.body;
  EXPECT_EQ(text_of(again, "id"), id);
  EXPECT_EQ(text_of(again, "state"), "active");
  const std::string own = "whsec_" + std::string(43, 'A') + "=";
  const Reply changed =
      post(caller, endpoints, R"({"url":"https://hooks.example/b","secret":")" + own + "\"}");
  EXPECT_EQ(changed.status, 200u) << changed.body;
  const auto kept = must(admin_.query("select secret from catalog.event_endpoint where id = $1::uuid", {id}));
  EXPECT_EQ(kept.text(0, 0), own);
  for (const Reply& reply : {one, again, changed, get(caller, endpoints), get(caller, "/audit-log?limit=20")})
    EXPECT_EQ(reply.body.find("whsec_"), std::string::npos) << reply.body;

  for (const char* bad : {"ftp://x", "hooks.example", "file:/tmp/x", "http://hooks.example/in"}) {
    SCOPED_TRACE(bad);
    const Reply refused = post(caller, endpoints, std::string(R"({"url":")") + bad + "\"}");
    EXPECT_EQ(refused.status, 400u);
    EXPECT_EQ(code_of(refused), "BLK508");
    EXPECT_NE(text_of(refused, "detail").find("\"url\""), std::string::npos) << refused.body;
  }
  const Reply weak = post(caller, endpoints, R"({"url":"https://hooks.example/c","secret":"whsec_short"})");
  EXPECT_EQ(weak.status, 400u);
  EXPECT_NE(text_of(weak, "detail").find("\"secret\""), std::string::npos) << weak.body;
  EXPECT_EQ(weak.body.find("whsec_short"), std::string::npos);
  EXPECT_EQ(code_of(post(caller, endpoints, "{}")), "BLK508");

  ASSERT_EQ(post(caller, endpoints, R"({"url":"https://hooks.example/a"})").status, 201u);
  const object page = object_of(get(caller, endpoints + "?limit=1"));
  EXPECT_EQ(page.at("items").at(0).at("url").as_string(), "https://hooks.example/a");
  const std::string next(page.at("next").as_string());
  const object rest = object_of(get(caller, endpoints + "?limit=1&cursor=" + next));
  EXPECT_EQ(rest.at("items").at(0).at("url").as_string(), "https://hooks.example/b");
  EXPECT_TRUE(rest.at("next").is_null());

  // Another tenant's is none.
  const std::string other = "/tenants/" + fresh("listener") + "/event-endpoints/" + id;
  EXPECT_EQ(get(caller, other).status, 404u);
  EXPECT_EQ(del(caller, other).status, 404u);
  EXPECT_EQ(get(caller, endpoints + "/nonsense").status, 404u);
  EXPECT_EQ(del(caller, endpoints + "/" + id).status, 204u);
  EXPECT_EQ(last_entry().action, "events.endpoint.remove");
  EXPECT_EQ(del(caller, endpoints + "/" + id).status, 404u);
  Caller owner(server(), server().token("teller", "tess", "owner"));
  EXPECT_EQ(get(owner, endpoints).status, 403u) << "for operators alone";
}

TEST_F(ControlTest, EventsAreReadAndSentAgain) {
  const std::string tenant = "/tenants/" + fresh("chatty");
  Caller caller = olga();
  const std::string tenant_id = text_of(get(caller, tenant), "id");
  const Reply one = post(caller, tenant + "/event-endpoints", R"({"url":"https://hooks.example/one"})");
  const Reply two = post(caller, tenant + "/event-endpoints", R"({"url":"https://hooks.example/two"})");
  ASSERT_EQ(two.status, 201u) << two.body;
  // The outbox as the reader of a journal fills it; nobody sends here, so that what waits stays to be seen.
  const auto stored =
      must(admin_.query("insert into catalog.event(place, id, tenant_id, epoch, type, at, body) select "
                        "nextval('catalog.event_place'), "
                        "'chat-' || n, $1::uuid, 1, 'shop.artist.created', "
                        "'2026-01-01T00:00:00Z'::timestamptz + n * interval '1 day', "
                        "json_build_object('specversion', '1.0', 'id', 'chat-' || n, 'data', "
                        "json_build_object('n', n))::text from "
                        "generate_series(1, 5) n returning place",
                        {tenant_id}));
  ASSERT_EQ(stored.size(), 5u);
  std::string ids, cursor;
  for (int pages = 0; pages < 3; ++pages) {
    const Reply reply = get(caller, tenant + "/events?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(reply.status, 200u) << reply.body;
    const object page = object_of(reply);
    for (const auto& event : page.at("items").as_array()) {
      ids += std::string(event.at("id").as_string()) + " ";
      EXPECT_TRUE(event.at("data").is_object());
    }
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
    EXPECT_EQ(cursor.empty(), pages == 2);
  }
  EXPECT_EQ(ids, "chat-1 chat-2 chat-3 chat-4 chat-5 ");
  EXPECT_EQ(
      object_of(get(caller, tenant + "/events?from=2026-01-04T12:00:00Z")).at("items").as_array().size(), 2u);
  const Reply never = get(caller, tenant + "/events?from=never-ever");
  EXPECT_EQ(never.status, 400u);
  EXPECT_EQ(code_of(never), "BLK100");
  EXPECT_NE(text_of(never, "detail").find("\"from\""), std::string::npos) << never.body;
  const std::string domains(object_of(get(caller, "/tenants?limit=1")).at("next").as_string());
  EXPECT_EQ(get(caller, tenant + "/events?cursor=" + domains).status, 400u) << "another list's cursor";

  const std::string path = tenant + "/events/replay";
  const auto count = [](const Reply& reply) { return json_of(reply).at("deliveries").to_number<int>(); };
  const Reply few =
      post(caller, path, R"({"from":"2026-01-05T00:00:00Z","endpoint":")" + text_of(one, "id") + "\"}");
  ASSERT_EQ(few.status, 200u) << few.body;
  EXPECT_EQ(count(few), 2);
  EXPECT_EQ(last_entry().action, "events.replay");
  EXPECT_EQ(count(post(caller, path, R"({"from":"2026-01-01"})")), 8) << "all but those that wait already";
  EXPECT_EQ(
      json_of(get(caller, tenant + "/event-endpoints/" + text_of(one, "id"))).at("pending").to_number<int>(),
      5);
  const Reply when = post(caller, path, R"({"from":"never-ever"})");
  EXPECT_EQ(code_of(when), "BLK508");
  EXPECT_NE(text_of(when, "detail").find("\"from\""), std::string::npos) << when.body;
  EXPECT_EQ(code_of(post(caller, path, "{}")), "BLK508");
  EXPECT_EQ(
      post(caller, path, R"({"from":"2026-01-01","endpoint":"b3b0c1f0-0000-4000-8000-000000000000"})").status,
      404u);

  must(admin_.query(
      "update catalog.event_delivery d set state = 'dead', attempts = 12, error = 'the receiver answered "
      "500' "
      "from catalog.event e where e.place = d.place and e.tenant_id = $1::uuid and e.id <> 'chat-3'",
      {tenant_id}));
  std::set<std::string> dead;
  cursor.clear();
  do {
    const object page =
        object_of(get(caller, tenant + "/events/dead?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& event : page.at("items").as_array()) {
      EXPECT_EQ(event.at("error").as_string(), "the receiver answered 500");
      EXPECT_TRUE(dead.insert(std::string(event.at("id").as_string()) + " " +
                              std::string(event.at("endpoint").as_string()))
                      .second);
    }
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(dead.size(), 8u);
  EXPECT_EQ(get(caller, tenant + "/events/dead?cursor=" + domains).status, 400u);
  EXPECT_EQ(
      count(post(caller, tenant + "/events/dead/retry", R"({"endpoint":")" + text_of(two, "id") + "\"}")), 4);
  EXPECT_EQ(last_entry().action, "events.dead.retry");
  EXPECT_EQ(count(post(caller, tenant + "/events/dead/retry", "")), 4);
  EXPECT_TRUE(object_of(get(caller, tenant + "/events/dead")).at("items").as_array().empty());
}

TEST_F(ControlTest, EventsAreSwitchedOffAndOn) {
  Caller caller = olga();
  EXPECT_TRUE(json_of(get(caller, "/events")).at("enabled").as_bool());
  const Reply off = post(caller, "/events/disable", "");
  ASSERT_EQ(off.status, 200u) << off.body;
  EXPECT_FALSE(json_of(off).at("enabled").as_bool());
  EXPECT_TRUE(json_of(off).at("journals").as_array().empty());
  EXPECT_EQ(last_entry().action, "events.disable");
  EXPECT_FALSE(json_of(get(caller, "/events")).at("enabled").as_bool());
  const Reply on = post(caller, "/events/enable", "");
  ASSERT_EQ(on.status, 200u) << on.body;
  EXPECT_TRUE(json_of(on).at("enabled").as_bool());
  EXPECT_EQ(last_entry().action, "events.enable");
}

TEST_F(ControlTest, MembershipsLetPeopleIn) {
  const std::string tenant = "/tenants/" + fresh("guests");
  Caller caller = olga();
  Caller gil(server(), server().token("guests", "gil", ""));
  EXPECT_EQ(gil.get("/rest/v1/artist").status, 404u);
  const Reply added = post(caller, tenant + "/memberships",
                           "{\"issuer\":\"" + server().issuer_url() +
                               "\",\"subject\":\"gil\",\"role\":\"viewer\",\"name\":\"Gil\"}");
  ASSERT_EQ(added.status, 201u) << added.body;
  EXPECT_EQ(text_of(added, "role"), "viewer");
  EXPECT_TRUE(eventually([&] { return gil.get("/rest/v1/artist").status == 200; }));
  const object page = object_of(get(caller, tenant + "/memberships"));
  ASSERT_EQ(page.at("items").as_array().size(), 1u);
  EXPECT_TRUE(page.at("next").is_null());
  EXPECT_EQ(del(caller, tenant + "/memberships/" + text_of(added, "user_id")).status, 204u);
  EXPECT_EQ(del(caller, tenant + "/memberships/" + text_of(added, "user_id")).status, 404u);
  EXPECT_EQ(del(caller, tenant + "/memberships/nobody").status, 404u);
  EXPECT_TRUE(eventually([&] { return gil.get("/rest/v1/artist").status == 404; }));
}

TEST_F(ControlTest, DomainsBelongToOneTenant) {
  const std::string tenant = "/tenants/" + fresh("hosted");
  Caller caller = olga();
  const Reply added = post(caller, tenant + "/domains", R"({"host":"shop.example.com"})");
  ASSERT_EQ(added.status, 201u) << added.body;
  EXPECT_FALSE(json_of(added).at("verified").as_bool());
  EXPECT_EQ(post(caller, "/tenants/acme/domains", R"({"host":"shop.example.com"})").status, 409u);
  for (const char* host : {"example", "Shop.example.com", "shop..com", "shop.example.com:80", "10.0.0.1",
                           "-a.example.com", "a b.com"}) {
    const Reply refused = post(caller, tenant + "/domains", std::string("{\"host\":\"") + host + "\"}");
    EXPECT_EQ(refused.status, 400u) << host;
  }
  EXPECT_EQ(del(caller, "/tenants/acme/domains/shop.example.com").status, 404u) << "another tenant's";
  EXPECT_EQ(json_of(get(caller, tenant + "/domains")).at("items").as_array().size(), 1u);
  EXPECT_EQ(del(caller, tenant + "/domains/shop.example.com").status, 204u);
}

TEST_F(ControlTest, PagesLeadThroughEverythingOnce) {
  for (int i = 0; i < 7; ++i) static_cast<void>(fresh("page-" + std::to_string(i)));
  Caller caller = olga();
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const object page =
        object_of(get(caller, "/tenants?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& item : page.at("items").as_array()) seen.emplace_back(item.at("slug").as_string());
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (!cursor.empty());
  std::vector<std::string> all;
  for (const auto& tenant : must(catalog::list_tenants(admin_))) all.push_back(tenant.slug);
  std::sort(all.begin(), all.end());
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, all);
  // Down the audit log, too.
  std::set<std::int64_t> places;
  do {
    const object page =
        object_of(get(caller, "/audit-log?limit=5" + (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& item : page.at("items").as_array())
      EXPECT_TRUE(places.insert(item.at("seq").as_int64()).second);
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(places.size(), entries());
}

TEST_F(ControlTest, OperationsAreShownWithTheirProgress) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    lifecycle::NewOperation wanted;
    wanted.kind = "export";
    wanted.subject = "listed-" + std::to_string(i);
    wanted.actor = "os:test";
    ids.push_back(must(lifecycle::start_operation(admin_, wanted)).id.text());
  }
  Caller caller = olga();
  const Reply one = get(caller, "/operations/" + ids[0]);
  ASSERT_EQ(one.status, 200u) << one.body;
  EXPECT_EQ(text_of(one, "state"), "pending");
  EXPECT_EQ(json_of(one).at("steps_done").as_int64(), 0);
  EXPECT_EQ(get(caller, "/operations/" + shops().acme).status, 404u);
  EXPECT_EQ(get(caller, "/operations/x").status, 404u);
  std::set<std::string> seen;
  std::string cursor;
  do {
    const object page = object_of(get(caller, "/operations?state=pending&kind=export&limit=1" +
                                                  (cursor.empty() ? "" : "&cursor=" + cursor)));
    for (const auto& item : page.at("items").as_array())
      EXPECT_TRUE(seen.insert(std::string(item.at("id").as_string())).second);
    cursor = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(seen, std::set<std::string>(ids.begin(), ids.end()));
}

TEST_F(ControlTest, PlansAndCellsAreShownWithoutTheirSecrets) {
  must(admin_.execute(
      "insert into catalog.cell(name, region, status, admin_url) values ('far', 'eu', 'closed', "
      "'postgresql://op:hidden@far/x') on conflict do nothing"));
  Caller caller = olga();
  const Reply cells = get(caller, "/cells");
  EXPECT_EQ(cells.status, 200u) << cells.body;
  EXPECT_EQ(json_of(cells).at("items").as_array().size(), 2u);
  EXPECT_EQ(cells.body.find("hidden"), std::string::npos);
  EXPECT_EQ(text_of(get(caller, "/plans/standard"), "model"), "row");
  EXPECT_EQ(get(caller, "/plans/nosuch").status, 404u);
  EXPECT_EQ(get(caller, "/plans").status, 200u);
  EXPECT_EQ(text_of(get(caller, "/cells/far"), "region"), "eu");
  EXPECT_EQ(get(caller, "/cells/nosuch").status, 404u);
  const object page = object_of(get(caller, "/cells?limit=1"));
  const object rest = object_of(get(caller, "/cells?cursor=" + std::string(page.at("next").as_string())));
  EXPECT_EQ(rest.at("items").as_array().at(0).at("name").as_string(), "far");
  EXPECT_TRUE(rest.at("next").is_null());
}

TEST_F(ControlTest, ARequestWithAKeyIsDoneOnce) {
  Caller caller = olga();
  const std::string body = R"({"slug":"once-only"})";
  const Headers key{{"Idempotency-Key", "k-1"}};
  const Reply first = post(caller, "/tenants", body, key);
  ASSERT_EQ(first.status, 201u) << first.body;
  const std::size_t before = entries();
  const Reply again = post(caller, "/tenants", body, key);
  EXPECT_EQ(again.status, 201u);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("location"), first.header("location"));
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(entries(), before) << "nothing was done";
  const Reply other = post(caller, "/tenants", R"({"slug":"once-more"})", key);
  EXPECT_EQ(other.status, 422u) << other.body;
  EXPECT_EQ(post(caller, "/tenants/acme/resume", "", key).status, 422u) << "another path is another request";
  // Of another operator it is another key.
  must(catalog::add_operator(admin_, {server().issuer_url(), "oscar", "Oscar", ""}));
  Caller oscar(server(), server().token("", "oscar", ""));
  EXPECT_EQ(post(oscar, "/tenants", body, key).status, 409u) << "the tenant is there";
  // An error changes nothing and is not kept.
  EXPECT_EQ(post(caller, "/tenants", R"({"slug":"once-only"})", {{"Idempotency-Key", "k-2"}}).status, 409u);
  EXPECT_EQ(post(caller, "/tenants", R"({"slug":"once-else"})", {{"Idempotency-Key", "k-2"}}).status, 201u);
  // After a day it is forgotten.
  must(admin_.execute("update catalog.idempotency set made_at = now() - interval '25 hours'"));
  EXPECT_EQ(post(caller, "/tenants", body, key).status, 409u);
  EXPECT_EQ(post(caller, "/tenants", R"({"slug":"once-late"})", key).status, 201u);
  for (const std::string& bad : {std::string(256, 'k'), std::string("a b"), std::string()})
    EXPECT_EQ(post(caller, "/tenants", body, {{"Idempotency-Key", bad}}).status, 400u) << bad;
}

TEST_F(ControlTest, TwoAtOnceWithOneKeyAreOne) {
  std::vector<std::future<Reply>> calls;
  for (int i = 0; i < 6; ++i) {
    calls.push_back(std::async(std::launch::async, [] {
      Caller caller = olga();
      return post(caller, "/tenants", R"({"slug":"at-once"})", {{"Idempotency-Key", "k-3"}});
    }));
  }
  std::size_t made = 0;
  for (auto& call : calls) {
    const Reply reply = call.get();
    EXPECT_TRUE(reply.status == 201 || reply.status == 409) << reply.body;
    if (reply.status == 201) ++made;
    if (reply.status == 409) EXPECT_EQ(code_of(reply), "BLK708") << "never: it is there already";
  }
  EXPECT_GE(made, 1u);
}

TEST_F(ControlTest, WhatTheRouteDoesNotTakeIsRefused) {
  Caller caller = olga();
  const std::size_t before = entries();
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {"{\"slug\":\"a-b-c\",\"slug\":\"a-b-d\"}", "BLK107"},
      {"{\"slug\":\"a-b-c\",\"colour\":\"red\"}", "BLK508"},
      {"{\"slug\":7}", "BLK508"},
      {"{\"slug\":\"a-b-c\",\"model\":\"pool\"}", "BLK508"},
      {"{\"slug\":null}", "BLK508"},
      {"{\"slug\":\"\"}", "BLK508"},
      {"{}", "BLK508"},
      {"", "BLK508"},
      {"[]", "BLK508"},
      {"{\"slug\":\"a-b-c\"} x", "BLK107"},
      {"{\"slug\":\"a-b-c\",\"name\":\"" + std::string(201, 'x') + "\"}", "BLK508"},
      {"{\"slug\":\"a\\u0000b\"}", "BLK107"},
      {"{\"slug\":\"\xff\"}", "BLK107"},
      {"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}", "BLK107"},
  };
  for (const auto& [body, code] : bodies) {
    const Reply reply = post(caller, "/tenants", body);
    EXPECT_EQ(reply.status, 400u) << body << reply.body;
    EXPECT_EQ(code_of(reply), code) << body << reply.body;
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
  }
  EXPECT_EQ(
      caller.post(std::string(base) + "/tenants", R"({"slug":"a-b-c"})", {{"Content-Type", "text/plain"}})
          .status,
      415u);
  EXPECT_EQ(caller.post(std::string(base) + "/tenants", R"({"slug":"a-b-c"})").status, 415u);
  EXPECT_EQ(post(caller, "/tenants", "\"" + std::string(65 * 1024, 'x') + "\"").status, 413u);
  for (const char* query : {"?limit=0", "?limit=501", "?limit=x", "?limit=", "?limit=1&limit=2", "?cursor=x",
                            "?cursor=%00", "?colour=red", "?status=nosuch", "?plan=%00", "?plan=%ff"})
    EXPECT_EQ(get(caller, std::string("/tenants") + query).status, 400u) << query;
  EXPECT_EQ(get(caller, "/audit-log?since=soon").status, 400u);
  EXPECT_EQ(get(caller, "/tenants/acme/memberships?cursor=" + api::control::cursor_of("x")).status, 404u);
  EXPECT_EQ(entries(), before);
}

TEST_F(ControlTest, PathsAndMethods) {
  Caller caller = olga();
  for (const char* path : {"/nosuch", "/", "/tenants/", "/tenants/acme/nosuch", "/tenants//suspend"})
    EXPECT_EQ(get(caller, path).status, 404u) << path;
  const Reply refused = caller.patch(std::string(base) + "/tenants", "{}");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.header("allow"), "GET, HEAD, POST");
  EXPECT_EQ(code_of(refused), "BLK103");
  EXPECT_EQ(get(caller, "/tenants/nosuch").status, 404u);
  EXPECT_EQ(code_of(get(caller, "/tenants/nosuch")), "BLK703");
  EXPECT_EQ(caller.send("HEAD", std::string(base) + "/tenants", "").status, 200u);
}

TEST_F(ControlTest, TheDocumentHasEveryRoute) {
  Caller caller = olga();
  const object document = object_of(get(caller, "/openapi.json"));
  EXPECT_EQ(document.at("openapi").as_string(), "3.1.0");
  std::set<std::string> ids;
  std::size_t described = 0;
  for (const auto& [path, methods] : document.at("paths").as_object())
    described += methods.as_object().size();
  for (const api::control::Route& route : api::control::routes()) {
    SCOPED_TRACE(route.id);
    EXPECT_TRUE(ids.insert(std::string(route.id)).second) << "an id of its own";
    std::string method(method_name(route.method));
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const object& operation = document.at("paths").at(route.path).at(method).as_object();
    EXPECT_EQ(operation.at("operationId").as_string(), route.id);
    EXPECT_TRUE(operation.at("responses").as_object().contains(std::to_string(route.success)));
    if (!route.schema.empty())
      EXPECT_TRUE(document.at("components").at("schemas").as_object().contains(route.schema));
    if (route.other != 0) {
      EXPECT_TRUE(operation.at("responses").as_object().contains(std::to_string(route.other)));
      EXPECT_TRUE(document.at("components").at("schemas").as_object().contains(route.other_schema));
    }
  }
  EXPECT_EQ(described, api::control::routes().size());
}

/// An operation that nobody works on.
class FollowTest : public ControlTest {
 protected:
  FollowTest() {
    const Rows made = must(admin_.query(
        "insert into catalog.operation(kind, subject, state, steps_total, due) values ('export', 'followed', "
        "'running', 3, now() + interval '1 day') returning id"));
    id_ = std::string(made.text(0, 0));
  }
  void TearDown() override { set("state = 'cancelled'"); }

  void set(const std::string& values) {
    must(admin_.query("update catalog.operation set " + values + " where id = $1::uuid", {id_}));
  }
  [[nodiscard]] std::string path() const { return "/operations/" + id_ + "/events"; }
  /// What comes until the server closes the connection or is silent for two seconds.
  [[nodiscard]] std::string stream(const std::string& token, const std::string& headers = {}) const {
    return HttpClient::raw(server().port(), "GET " + std::string(base) + path() +
                                                " HTTP/1.1\r\nHost: localhost\r\n" +
                                                "Authorization: Bearer " + token + "\r\n" + headers +
                                                "Connection: close\r\n\r\n");
  }
  static std::string operator_token() { return server().token("", "olga", ""); }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  }
  static std::string first_id(const std::string& text) {
    const std::size_t at = text.find("id: ");
    return at == std::string::npos ? "" : text.substr(at + 4, text.find('\n', at) - at - 4);
  }

  std::string id_;
};

TEST_F(FollowTest, OnlyOperatorsFollow) {
  Caller nobody(server(), "x.y.z"), member = ann("owner"), caller = olga();
  EXPECT_EQ(get(nobody, path()).status, 401u);
  EXPECT_EQ(get(member, path()).status, 403u);
  EXPECT_EQ(get(caller, "/operations/nosuch/events").status, 404u);
  EXPECT_EQ(get(caller, "/operations/00000000-0000-4000-8000-000000000000/events").status, 404u);
  EXPECT_EQ(get(caller, path() + "?colour=red").status, 400u);
  const Reply head = caller.send("HEAD", base + path(), "");
  EXPECT_EQ(head.status, 200u);
  EXPECT_EQ(head.header("content-type"), "text/event-stream");
}

TEST_F(FollowTest, EachChangeIsToldAndTheEndIsTheEnd) {
  auto read = std::async(std::launch::async, [&] { return stream(operator_token()); });
  const std::vector<std::string> changes{
      R"(progress = '{"phase": "copy", "rows_done": 5, "rows_total": 10, "secret": "no"}')",
      R"(progress = '{"phase": "verify", "tables": [{"name": "artist", "rows": 5, "sha256": "no"}]}')",
      "state = 'failed', error = 'the disk is full → make room'"};
  for (const std::string& change : changes) {
    // Longer than the pause between two looks, so that none of them is passed over.
    EXPECT_EQ(read.wait_for(std::chrono::milliseconds(600)), std::future_status::timeout);
    set(change);
  }
  const std::string text = read.get();
  EXPECT_NE(text.find("Content-Type: text/event-stream"), std::string::npos) << text;
  EXPECT_EQ(count(text, "event: operation\n"), 4u) << text;
  EXPECT_EQ(count(text, R"("phase":"copy")"), 1u) << text;
  EXPECT_EQ(count(text, R"([{"name":"artist","rows":5}])"), 2u) << text;
  EXPECT_EQ(count(text, "\"no\""), 0u) << "what steps keep for themselves";
  EXPECT_EQ(count(text, "make room"), 1u) << text;
  EXPECT_TRUE(text.ends_with("\r\n0\r\n\r\n")) << "it ended whole: " << text;
}

TEST_F(FollowTest, WhoComesAgainIsNotToldTheSame) {
  const std::string known = first_id(stream(operator_token()));
  ASSERT_EQ(known.size(), 16u);
  const std::string again = stream(operator_token(), "Last-Event-ID: " + known + "\r\n");
  EXPECT_EQ(count(again, "event: "), 0u) << again;
  EXPECT_EQ(count(again, ": quiet\n\n"), 1u) << again;
  set("step = 'copy'");
  EXPECT_EQ(count(stream(operator_token(), "Last-Event-ID: " + known + "\r\n"), "event: operation\n"), 1u);
  set("state = 'done'");
  const std::string last = first_id(stream(operator_token()));
  EXPECT_EQ(count(stream(operator_token(), "Last-Event-ID: " + last + "\r\n"), "event: operation\n"), 1u)
      << "the end is told to everybody";
}

TEST_F(FollowTest, ItEndsWithTheOperatorsRights) {
  must(catalog::add_operator(admin_, {server().issuer_url(), "otis", "Otis", ""}));
  const std::string token = server().token("", "otis", "");
  auto read = std::async(std::launch::async, [&] { return stream(token); });
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(600)), std::future_status::timeout);
  must(catalog::remove_operator(admin_, server().issuer_url(), "otis"));
  set("step = 'copy'");
  const std::string text = read.get();
  EXPECT_EQ(count(text, "event: operation\n"), 1u) << text;
  EXPECT_EQ(count(text, "event: problem\n"), 1u) << text;
  EXPECT_NE(text.find("BLK401"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\n0\r\n\r\n")) << text;
}

TEST_F(FollowTest, SoManyAndNoMore) {
  const std::string token = operator_token();
  std::vector<std::future<std::string>> all;
  for (std::size_t i = 0; i < api::control::Watches::most + 3; ++i)
    all.push_back(std::async(std::launch::async, [&] { return stream(token); }));
  std::size_t followed = 0, refused = 0;
  for (auto& each : all) {
    const std::string text = each.get();
    followed += count(text, "event: operation\n");
    refused += count(text, "HTTP/1.1 503");
  }
  EXPECT_EQ(followed, api::control::Watches::most);
  EXPECT_EQ(refused, 3u);
  // Their places are free again, at the latest when the server has seen that they are gone.
  EXPECT_TRUE(eventually([&] { return count(stream(token), "event: operation\n") == 1; }));
}

TEST_F(FollowTest, AServerThatStopsDoesNotWaitForThem) {
  Shops own = open_shops();
  auto other = std::make_unique<TestServer>(own.database, with_handlers());
  pg::Blocking admin = own.database.connect_admin();
  must(catalog::add_operator(admin, {other->issuer_url(), "olga", "Olga", ""}));
  const Rows made = must(admin.query(
      "insert into catalog.operation(kind, subject, state) values ('export', 'x', 'running') returning id"));
  const std::string request = "GET " + std::string(base) + "/operations/" + std::string(made.text(0, 0)) +
                              "/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                              other->token("", "olga", "") + "\r\n\r\n";
  auto read =
      std::async(std::launch::async, [&, port = other->port()] { return HttpClient::raw(port, request); });
  EXPECT_EQ(read.wait_for(std::chrono::milliseconds(600)), std::future_status::timeout);
  const auto began = std::chrono::steady_clock::now();
  other->server().stop(std::chrono::seconds(20));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(4));
  EXPECT_TRUE(read.get().ends_with("\r\n0\r\n\r\n")) << "whole, and to be asked for again elsewhere";
}

TEST_F(ControlTest, WithoutTheCatalogItSaysSo) {
  TestServerSettings settings = with_handlers();
  Shops own = open_shops();
  TestServer other(own.database, settings);
  pg::Blocking admin = own.database.connect_admin();
  must(catalog::add_operator(admin, {other.issuer_url(), "olga", "Olga", ""}));
  Caller caller(other, other.token("", "olga", ""));
  EXPECT_EQ(get(caller, "/tenants").status, 200u);
  // Its connections are ended while they lie idle: the next request takes a new one.
  must(
      admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                  "and pid <> pg_backend_pid() "
                  "and usename = current_user"));
  EXPECT_TRUE(eventually([&] { return get(caller, "/tenants").status == 200; }));
}

}  // namespace
}  // namespace bulkhead::test
