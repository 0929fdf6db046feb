#include <fstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "audit/log.hpp"
#include "catalog/identities.hpp"
#include "catalog/store.hpp"
#include "identity/internal_issuer.hpp"
#include "identity/token.hpp"
#include "integration/server/shops.hpp"
#include "lifecycle/act_as.hpp"

/// Tokens that Bulkhead makes itself: for a service that calls another one, and for an operator who acts for a tenant.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";
constexpr const char* issuer_name = "urn:bulkhead:app";

/// What a service would send along, as the answer's body, so that the test can be the other service's network.
Task<Result<Response>> hand_out(const Request& request, TenantSession& session) {
  BULKHEAD_CO_TRY(std::string token, session.context().token_for(request.query));
  Response response;
  response.body = std::move(token);
  co_return response;
}

/// Who a service takes its caller for.
Task<Result<Response>> who(const Request&, TenantSession& session) {
  const Principal& principal = session.context().principal();
  Response response;
  response.body = principal.user.text() + " " + std::string(role_name(session.context().role()));
  if (principal.kind == PrincipalKind::service) response.body += " service";
  if (principal.kind == PrincipalKind::operator_alone) response.body += " operator";
  if (principal.acting)
    response.body += " by " + principal.acting->actor + " for " + principal.acting->reason;
  co_return response;
}

class ServicesTest : public ShopsTest {
 protected:
  ServicesTest()
      : admin_(shops().database.connect_admin()),
        log_(std::string(BULKHEAD_BINARY_DIR) + "/services-" + Uuid::random().text() + ".log"),
        shop_(shops().database, settings("shop")),
        billing_(shops().database, settings("billing")) {}
  ~ServicesTest() override { std::filesystem::remove(log_); }

  TestServerSettings settings(const std::string& audience) const {
    TestServerSettings settings = with_handlers();
    settings.routes.push_back(Route{Method::get, "/v1/token", Role::viewer, hand_out});
    settings.routes.push_back(Route{Method::get, "/v1/who", Role::viewer, who});
    settings.configure = [audience](AppConfig& config) {
      config.services_audience = audience;
      config.sources = {"header", "path",
                        "subdomain"};  // no claim: an internal token's tenant counts all the same
    };
    if (audience == "shop") settings.log_file = log_;
    return settings;
  }
  /// A token of a member of acme, for the other service.
  std::string token_for(const std::string& audience, const std::string& user = "ann",
                        const std::string& role = "member") {
    Caller caller(shop_, shop_.token("acme", user, role), {{"X-Tenant-ID", "acme"}});
    const Reply reply = caller.get("/v1/token?" + audience);
    EXPECT_EQ(reply.status, 200u) << reply.body;
    return reply.body;
  }
  catalog::TenantRecord acme() { return must(catalog::find_tenant(admin_, "acme")); }
  lifecycle::ActAs act_as(lifecycle::ActAsOptions options) {
    AppConfig config;
    config.services_audience = "shop";
    identity::InternalIssuer issuer(identity::internal_names(config));
    must(issuer.load(admin_));
    options.actor = "os:olga";
    options.reason = "ticket 4711";
    return must(lifecycle::act_as(admin_, acme(), options, issuer));
  }
  std::vector<audit::Entry> requests_in_audit_log() {
    std::vector<audit::Entry> found;
    for (audit::Entry& entry : must(audit::list(admin_)))
      if (entry.action == "tenant.act_as.request") found.push_back(std::move(entry));
    return found;
  }
  void execute(const std::string& sql) { must(admin_.execute(sql)); }

  pg::Blocking admin_;
  std::filesystem::path log_;
  TestServer shop_, billing_;
};

TEST_F(ServicesTest, AServiceTakesTheTokenOfAnother) {
  Caller caller(billing_, token_for("billing"));
  for (int round = 0; round < 2; ++round) {
    const Reply reply = caller.get(artists);
    EXPECT_EQ(reply.status, 200u) << reply.body;
    EXPECT_NE(reply.body.find("ACME artist"), std::string::npos);
    EXPECT_EQ(told_to_acme(reply, shops()), "");
  }
  const UserId ann = must(catalog::find_identity(admin_, shop_.issuer_url(), "ann")).user;
  EXPECT_EQ(caller.get("/v1/who").body, ann.text() + " member");
}

TEST_F(ServicesTest, ItIsForOneAudienceAndOneTenant) {
  const std::string token = token_for("billing");
  const Reply elsewhere = Caller(shop_, token).get(artists);
  EXPECT_EQ(elsewhere.status, 401u);
  EXPECT_EQ(code_of(elsewhere), "BLK305");
  Caller caller(billing_, token);
  for (const std::string& other : {std::string("globex"), shops().globex}) {
    EXPECT_EQ(caller.get(artists, {{"X-Tenant-ID", other}}).status, 400u);
    EXPECT_EQ(caller.get("/tenants/" + other + artists).status, 400u);
  }
  EXPECT_EQ(caller.get(artists, {{"Host", "globex.localhost"}}).status, 400u);
  EXPECT_EQ(caller.get("/control/v1/tenants").status, 403u);
  EXPECT_EQ(
      Caller(shop_, shop_.token("acme", "ann", "member"), {{"X-Tenant-ID", "acme"}}).get("/v1/token").status,
      400u)
      << "for nobody";
}

TEST_F(ServicesTest, TheRoleIsLookedUpWhereItIsUsed) {
  Caller caller(billing_, token_for("billing", "mover", "admin"));
  ASSERT_TRUE(caller.get("/v1/who").body.ends_with(" admin"));
  static_cast<void>(shop_.token("acme", "mover", "viewer"));
  EXPECT_TRUE(eventually([&] { return caller.get("/v1/who").body.ends_with(" viewer"); }));
  execute(
      "delete from catalog.membership where user_id = (select user_id from catalog.identity where subject = "
      "'mover')");
  EXPECT_TRUE(eventually([&] { return caller.get(artists).status == 404u; }));
}

TEST_F(ServicesTest, NoOtherIssuerAndNoIdentityPassesForIt) {
  // Somebody links the internal issuer's name to a user of their own: that is not how its subjects are looked up.
  const UserId ann = must(catalog::find_identity(admin_, shop_.issuer_url(),
                                                 (static_cast<void>(token_for("billing")), "ann")))
                         .user;
  const UserId mallory =
      must(catalog::ensure_membership(admin_, must(catalog::find_tenant(admin_, "globex")).id, issuer_name,
                                      ann.text(), "Mallory", Role::owner));
  EXPECT_NE(mallory, ann);
  Caller caller(billing_, token_for("billing"));
  EXPECT_EQ(caller.get("/v1/who").body, ann.text() + " member");
  // An ordinary token of the same name, signed by another's key or of another type.
  identity::MintRequest request;
  request.issuer = issuer_name;
  request.audience = "billing";
  request.subject = ann.text();
  request.tenant = shops().acme;
  request.issued_at = std::chrono::system_clock::now();
  const Reply forged = Caller(billing_, must(shop_.issuer().mint(request))).get(artists);
  EXPECT_EQ(forged.status, 401u);
}

TEST_F(ServicesTest, KeysArePublishedAndChange) {
  const std::string before = token_for("billing");
  const boost::json::value published = json_of(Caller(billing_, "").get("/.well-known/bulkhead/jwks.json"));
  const std::string kid = *must(identity::parse_token(before)).kid;
  bool found = false;
  for (const auto& key : published.at("keys").as_array()) {
    found = found || key.at("kid").as_string() == kid;
    EXPECT_FALSE(key.as_object().contains("d")) << "the private half";
  }
  EXPECT_TRUE(found);
  must(identity::replace_internal_key(admin_, std::chrono::system_clock::now(), false));
  std::string after;
  ASSERT_TRUE(eventually([&] {
    after = token_for("billing");
    return *must(identity::parse_token(after)).kid != kid;
  }));
  EXPECT_TRUE(eventually([&] { return Caller(billing_, after).get(artists).status == 200u; }));
  EXPECT_EQ(Caller(billing_, before).get(artists).status, 200u) << "signed by the former key";
  must(identity::replace_internal_key(admin_, std::chrono::system_clock::now(), true));
  EXPECT_TRUE(eventually([&] { return Caller(billing_, before).get(artists).status == 401u; }));
  EXPECT_TRUE(eventually([&] { return Caller(billing_, after).get(artists).status == 401u; }));
  EXPECT_TRUE(eventually([&] { return Caller(billing_, token_for("billing")).get(artists).status == 200u; }));
}

TEST_F(ServicesTest, KeysComeAndGoByTheClock) {
  const Database empty = Postgres::shared().make_database();
  pg::Blocking admin = empty.connect_admin();
  identity::InternalKeyTimes times;
  const auto now = std::chrono::system_clock::now();
  const auto keys = [&] {
    return must(admin.query("select kid, signs_from, ends_at from catalog.internal_key order by 2"));
  };
  EXPECT_TRUE(must(identity::rotate_internal_keys(admin, now, times)));
  EXPECT_FALSE(must(identity::rotate_internal_keys(admin, now, times)));
  EXPECT_EQ(keys().size(), 1u);
  // An hour before its time the next one is published, and does not sign yet.
  const auto due = now + times.signs - times.before + std::chrono::seconds(1);
  EXPECT_TRUE(must(identity::rotate_internal_keys(admin, due, times)));
  EXPECT_FALSE(must(identity::rotate_internal_keys(admin, due, times)));
  ASSERT_EQ(keys().size(), 2u);
  EXPECT_FALSE(keys().is_null(0, 2)) << "the first one's end is known now";
  EXPECT_TRUE(keys().is_null(1, 2));
  // Much later: what is over is dropped.
  must(admin.execute(
      "update catalog.internal_key set ends_at = now() - interval '1 second' where ends_at is not null"));
  EXPECT_TRUE(must(identity::rotate_internal_keys(admin, due, times)));
  EXPECT_EQ(keys().size(), 1u);
}

TEST_F(ServicesTest, AnOperatorActsWithARoleAndIsSeen) {
  lifecycle::ActAsOptions options;
  options.role = Role::viewer;
  const auto begun = act_as(options);
  const std::size_t before = requests_in_audit_log().size();
  Caller caller(shop_, begun.token);
  const Reply reply = caller.get(artists);
  EXPECT_EQ(reply.status, 200u) << reply.body;
  EXPECT_NE(reply.body.find("ACME artist"), std::string::npos);
  EXPECT_EQ(caller.get("/v1/who").body,
            begun.grant.id.text() + " viewer operator by os:olga for ticket 4711");
  EXPECT_EQ(caller.post("/rest/v1/artist", R"({"name":"x"})").status, 403u) << "a viewer writes nothing";
  EXPECT_EQ(caller.get(artists, {{"X-Tenant-ID", "globex"}}).status, 400u);
  EXPECT_EQ(caller.get("/control/v1/tenants").status, 403u);
  const auto entries = requests_in_audit_log();
  ASSERT_EQ(entries.size(), before + 3) << "each that came in, also the one that was refused by the database";
  EXPECT_EQ(entries.front().actor, "os:olga");
  EXPECT_EQ(entries.front().tenant_id, shops().acme);
  EXPECT_NE(entries.front().details.find(begun.grant.id.text()), std::string::npos);
  EXPECT_NE(entries.front().details.find("ticket 4711"), std::string::npos);
  EXPECT_NE(entries.back().details.find("/rest/v1/artist"), std::string::npos) << entries.back().details;
  EXPECT_EQ(must(audit::verify(admin_)).fault, std::nullopt);
  EXPECT_TRUE(eventually([&] {
    std::ifstream file(log_);
    const std::string log((std::istreambuf_iterator<char>(file)), {});
    return log.find(R"("principal":"act:)" + begun.grant.id.text() + R"(","acting":"os:olga")") !=
           std::string::npos;
  })) << "both are in the log's line";
}

TEST_F(ServicesTest, AnOperatorInAMembersPlace) {
  static_cast<void>(shop_.token("acme", "stand-in", "admin"));
  lifecycle::ActAsOptions options;
  options.user = must(catalog::find_identity(admin_, shop_.issuer_url(), "stand-in")).user;
  const auto begun = act_as(options);
  Caller caller(shop_, begun.token);
  EXPECT_EQ(caller.get("/v1/who").body, options.user->text() + " admin by os:olga for ticket 4711");
  // What an operator calls by is an operator's there, too.
  const Reply token = caller.get("/v1/token?billing");
  EXPECT_EQ(Caller(billing_, token.body).get("/v1/who").body,
            options.user->text() + " admin by os:olga for ticket 4711");
  execute("update catalog.membership set status = 'suspended' where user_id = '" + options.user->text() +
          "'");
  EXPECT_TRUE(eventually([&] { return caller.get("/v1/who").status == 404u; }));
}

TEST_F(ServicesTest, AGrantEnds) {
  const auto begun = act_as({});
  Caller caller(shop_, begun.token);
  ASSERT_EQ(caller.get(artists).status, 200u);
  // At once, whatever a server remembers: each request asks.
  must(catalog::end_act_as(admin_, acme().id, begun.grant.id));
  EXPECT_EQ(caller.get(artists).status, 404u);
  const auto over = act_as({});
  Caller late(shop_, over.token);
  ASSERT_EQ(late.get(artists).status, 200u);
  execute(
      "update catalog.act_as set expires_at = now() - interval '1 second', made_at = now() - interval '1 "
      "hour' where id = '" +
      over.grant.id.text() + "'");
  EXPECT_EQ(late.get(artists).status, 404u);
}

TEST_F(ServicesTest, WithoutAnAuditEntryThereIsNoAnswer) {
  const auto begun = act_as({});
  Caller caller(shop_, begun.token);
  ASSERT_EQ(caller.get(artists).status, 200u);
  execute(
      "revoke execute on function catalog.record_act_as(uuid, uuid, text, text, text) from bulkhead_catalog");
  const Reply refused = caller.get(artists);
  execute(
      "grant execute on function catalog.record_act_as(uuid, uuid, text, text, text) to bulkhead_catalog");
  EXPECT_EQ(refused.status, 503u);
  EXPECT_EQ(refused.body.find("artist"), std::string::npos);
  EXPECT_TRUE(eventually([&] { return caller.get(artists).status == 200u; }));
}

TEST_F(ServicesTest, WhatCannotBeGranted) {
  AppConfig config;
  identity::InternalIssuer issuer(identity::internal_names(config));
  must(issuer.load(admin_));
  const auto code = [&](lifecycle::ActAsOptions options) {
    auto begun = lifecycle::act_as(admin_, acme(), options, issuer);
    return begun.has_error() ? begun.error().code() : Errc::internal;
  };
  lifecycle::ActAsOptions options;
  options.actor = "os:olga";
  EXPECT_EQ(code(options), Errc::usage) << "without a reason";
  options.reason = " \n";
  EXPECT_EQ(code(options), Errc::usage);
  options.reason = "because";
  options.lasts = std::chrono::hours(9);
  EXPECT_EQ(code(options), Errc::usage);
  options.lasts = std::chrono::minutes(5);
  options.user = UserId(Uuid::random());
  EXPECT_EQ(code(options), Errc::not_found);
}

TEST_F(ServicesTest, AServicePrincipalIsAMemberLikeAnybody) {
  static_cast<void>(shop_.token("acme", "robot", "member"));
  const UserId robot = must(catalog::find_identity(admin_, shop_.issuer_url(), "robot")).user;
  must(catalog::set_user_kind(admin_, robot, PrincipalKind::service));
  Caller caller(shop_, shop_.token("acme", "robot", ""), {{"X-Tenant-ID", "acme"}});
  EXPECT_EQ(caller.get("/v1/who").body, robot.text() + " member service");
}

}  // namespace
}  // namespace bulkhead::test
