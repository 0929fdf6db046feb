#include "catalog/store.hpp"
#include "shops.hpp"

/// The way in, over HTTP: which tenant, which caller, which role.
namespace bulkhead::test {
namespace {

constexpr const char* artists = "/rest/v1/artist?select=name&limit=3";

class EntryTest : public ShopsTest {
 protected:
  /// A token without a tenant claim for a member of acme.
  static std::string plain_token(const std::string& user = "ann") {
    static_cast<void>(server().token("acme", user, "member"));
    return server().token("", user, "");
  }
  static void expect_acme(const Reply& reply) {
    EXPECT_EQ(reply.status, 200u) << reply.body;
    EXPECT_NE(reply.body.find("ACME artist"), std::string::npos) << reply.body;
    EXPECT_EQ(told_to_acme(reply, shops()), "") << reply.body;
  }
};

TEST_F(EntryTest, EachSourceAloneNamesTheTenantBySlugAndById) {
  Caller caller(server(), plain_token());
  for (const std::string& name : {std::string("acme"), shops().acme}) {
    SCOPED_TRACE(name);
    expect_acme(caller.get(artists, {{"Host", name + ".localhost:8080"}}));
    expect_acme(caller.get(artists, {{"X-Tenant-ID", name}}));
    expect_acme(caller.get("/tenants/" + name + artists));
    Caller claiming(server(), server().token(name, "ann", ""));
    expect_acme(claiming.get(artists));
  }
}

TEST_F(EntryTest, SourcesThatAgreeMayMixSlugAndId) {
  Caller caller(server(), server().token("acme", "ann", "member"));
  expect_acme(caller.get("/tenants/" + shops().acme + artists,
                         {{"Host", "acme.localhost"}, {"X-Tenant-ID", shops().acme}}));
}

TEST_F(EntryTest, SourcesThatDisagreeAreRefused) {
  // Even for a member of both: nobody can have meant it.
  static_cast<void>(server().token("globex", "both", "member"));
  std::string claims_acme = server().token("acme", "both", "member");
  Caller plain(server(), server().token("", "both", "")), claiming(server(), claims_acme);
  const std::vector<Reply> replies = {
      claiming.get(artists, {{"Host", "globex.localhost"}}),
      claiming.get(artists, {{"X-Tenant-ID", "globex"}}),
      claiming.get(artists, {{"X-Tenant-ID", shops().globex}}),
      claiming.get(std::string("/tenants/globex") + artists),
      plain.get(artists, {{"Host", "acme.localhost"}, {"X-Tenant-ID", "globex"}}),
      plain.get(std::string("/tenants/globex") + artists, {{"Host", "acme.localhost"}}),
      plain.get(std::string("/tenants/globex") + artists, {{"X-Tenant-ID", "acme"}}),
      plain.get(artists, {{"X-Tenant-ID", "acme"}, {"X-Tenant-ID", "globex"}}),
  };
  for (const Reply& reply : replies) {
    EXPECT_EQ(reply.status, 400u);
    EXPECT_EQ(reply.reason, "Bad Request");
    EXPECT_EQ(reply.header("content-type"), "application/problem+json");
    EXPECT_EQ(code_of(reply), "BLK201");
    EXPECT_EQ(told_to_acme(reply, shops()), "");
    EXPECT_EQ(reply.body.find("globex"), std::string::npos) << reply.body;
  }
}

TEST_F(EntryTest, NoTenantIsNotFoundAndListsNothing) {
  Reply reply = Caller(server(), plain_token()).get(artists);
  EXPECT_EQ(reply.status, 404u);
  EXPECT_EQ(reply.reason, "Not Found");
  EXPECT_EQ(code_of(reply), "BLK200");
  for (const char* name : {"acme", "globex"})
    EXPECT_EQ(reply.body.find(name), std::string::npos) << reply.body;
}

TEST_F(EntryTest, AForeignTenantIsAnsweredLikeOneThatIsNot) {
  Caller caller(server(), plain_token());
  const std::string absent_id = "0190b6c2-7b1f-4d2a-9c55-0123456789ab";
  const std::vector<std::pair<std::string, std::string>> pairs = {{"globex", "nosuch"},
                                                                  {shops().globex, absent_id}};
  for (const auto& [foreign, absent] : pairs) {
    const auto same = [&](const Reply& a, const Reply& b) {
      EXPECT_EQ(a.status, 404u) << a.body;
      EXPECT_EQ(comparable(a), comparable(b));
    };
    // Twice: from the database, then from memory.
    for (int round = 0; round < 2; ++round) {
      same(caller.get(artists, {{"X-Tenant-ID", foreign}}), caller.get(artists, {{"X-Tenant-ID", absent}}));
      same(caller.get(artists, {{"Host", foreign + ".localhost"}}),
           caller.get(artists, {{"Host", absent + ".localhost"}}));
      same(caller.get("/tenants/" + foreign + artists), caller.get("/tenants/" + absent + artists));
      same(Caller(server(), server().token(foreign, "ann", "")).get(artists),
           Caller(server(), server().token(absent, "ann", "")).get(artists));
      // Writes and handlers, too.
      same(caller.post("/rest/v1/artist", R"({"name":"x"})", {{"X-Tenant-ID", foreign}}),
           caller.post("/rest/v1/artist", R"({"name":"x"})", {{"X-Tenant-ID", absent}}));
      same(caller.post("/v1/checkout", "{}", {{"X-Tenant-ID", foreign}}),
           caller.post("/v1/checkout", "{}", {{"X-Tenant-ID", absent}}));
    }
  }
}

TEST_F(EntryTest, NamesThatNobodyCanHaveAreRefused) {
  Caller caller(server(), plain_token());
  for (const char* name : {"ACME!", "a", "-acme", "acme'--", "%61cme", "00000000-0000"}) {
    Reply header = caller.get(artists, {{"X-Tenant-ID", name}});
    EXPECT_EQ(header.status, 400u) << name;
    EXPECT_EQ(code_of(header), "BLK202") << name;
  }
  Reply path = caller.get(std::string("/tenants/%61cme") + artists);
  EXPECT_EQ(code_of(path), "BLK202") << "no decoding: one tenant, one spelling";
  EXPECT_EQ(caller.get(artists, {{"Host", "a.b.localhost"}}).status, 404u);
}

TEST_F(EntryTest, TheForwardedHostIsNotRead) {
  Reply reply = Caller(server(), plain_token()).get(artists, {{"X-Forwarded-Host", "acme.localhost"}});
  EXPECT_EQ(reply.status, 404u);
}

TEST_F(EntryTest, ASuspendedTenantTellsItsMembersWhyAndNobodyElse) {
  std::string id = Postgres::make_tenant(shops().database, "suspendable");
  std::string token = server().token("suspendable", "sue", "owner");
  Caller member(server(), token), stranger(server(), server().token("suspendable", "stranger", ""));
  ASSERT_EQ(member.get(artists).status, 200u);
  pg::Blocking admin = shops().database.connect_admin();
  catalog::TenantRecord record = must(catalog::find_tenant(admin, "suspendable"));
  must(catalog::set_tenant_status(admin, record.id, catalog::TenantStatus::suspended,
                                  "the invoice of May is open"));
  Reply reply;
  ASSERT_TRUE(eventually([&] { return (reply = member.get(artists)).status == 403; })) << reply.status;
  EXPECT_EQ(reply.reason, "Forbidden");
  EXPECT_EQ(code_of(reply), "BLK203");
  EXPECT_EQ(json_of(reply).at("details").as_string(), "the invoice of May is open");
  Reply outside = stranger.get(artists);
  EXPECT_EQ(outside.status, 404u);
  EXPECT_EQ(outside.body.find("invoice of May"), std::string::npos);
  must(catalog::set_tenant_status(admin, record.id, catalog::TenantStatus::active, ""));
  EXPECT_TRUE(eventually([&] { return member.get(artists).status == 200; }));
}

TEST_F(EntryTest, ARevokedMembershipShutsTheDoor) {
  Caller caller(server(), server().token("acme", "leaver", "member"));
  ASSERT_EQ(caller.get(artists).status, 200u);
  pg::Blocking admin = shops().database.connect_admin();
  must(
      admin.execute("delete from catalog.membership m using catalog.identity i where i.user_id = m.user_id "
                    "and i.subject = 'leaver'"));
  Reply reply;
  ASSERT_TRUE(eventually([&] { return (reply = caller.get(artists)).status != 200; }));
  EXPECT_EQ(reply.status, 404u);
  EXPECT_EQ(code_of(reply), "BLK200");
}

TEST_F(EntryTest, ASuspendedUserIsOut) {
  Caller caller(server(), server().token("acme", "paused", "member"));
  ASSERT_EQ(caller.get(artists).status, 200u);
  pg::Blocking admin = shops().database.connect_admin();
  must(admin.execute("update catalog.app_user set status = 'suspended' where name = 'paused'"));
  EXPECT_TRUE(eventually([&] { return caller.get(artists).status == 404; }));
}

TEST_F(EntryTest, AChangedRoleCounts) {
  Caller caller(server(), server().token("acme", "riser", "viewer"));
  const std::string body = R"({"name":"by the riser"})";
  Reply refused = caller.post("/rest/v1/artist", body);
  EXPECT_EQ(refused.status, 403u) << refused.body;
  EXPECT_EQ(code_of(refused), "42501");
  EXPECT_EQ(told_to_acme(refused, shops()), "");
  static_cast<void>(server().token("acme", "riser", "member"));
  EXPECT_TRUE(eventually([&] { return caller.post("/rest/v1/artist", body).status == 201; }));
  static_cast<void>(server().token("acme", "riser", "viewer"));
  EXPECT_TRUE(eventually([&] { return caller.post("/rest/v1/artist", body).status == 403; }));
}

TEST_F(EntryTest, AViewerReadsAndWritesNothing) {
  Caller viewer = ann("viewer");
  EXPECT_EQ(viewer.get(artists).status, 200u);
  EXPECT_EQ(viewer.post("/rest/v1/artist", R"({"name":"x"})").status, 403u);
  EXPECT_EQ(viewer.patch("/rest/v1/artist?artist_id=eq.1", R"({"name":"x"})").status, 403u);
  EXPECT_EQ(viewer.del("/rest/v1/artist?artist_id=eq.1").status, 403u);
  for (const char* role : {"member", "admin", "owner"}) {
    Caller writer = ann(role);
    EXPECT_EQ(writer.patch("/rest/v1/artist?artist_id=eq.10", R"({"name":"ACME artist 10"})").status, 204u)
        << role;
  }
}

TEST_F(EntryTest, PagesOfListedOriginsMayCall) {
  TestServerSettings settings = with_handlers();
  settings.configure = [](AppConfig& config) { config.cors_origins = {"https://shop.example"}; };
  TestServer open(shops().database, settings);
  Caller page(open, open.token("acme", "ann", "member"), {{"Origin", "https://shop.example"}});
  Reply asked = Caller(open, "").send("OPTIONS", artists, "",
                                      {{"Origin", "https://shop.example"},
                                       {"Access-Control-Request-Method", "PATCH"},
                                       {"Access-Control-Request-Headers", "authorization,prefer"}});
  EXPECT_EQ(asked.status, 204u);
  EXPECT_EQ(asked.header("access-control-allow-origin"), "https://shop.example");
  EXPECT_EQ(asked.header("access-control-allow-methods"), "GET, HEAD, POST, PUT, PATCH, DELETE");
  Reply read = page.get(artists);
  EXPECT_EQ(read.status, 200u);
  EXPECT_EQ(read.header("access-control-allow-origin"), "https://shop.example");
  EXPECT_NE(read.header("access-control-expose-headers").find("Content-Range"), std::string::npos);
  // Errors are the page's to read, too.
  Reply refused = Caller(open, "", {{"Origin", "https://shop.example"}}).get(artists);
  EXPECT_EQ(refused.status, 401u);
  EXPECT_EQ(refused.header("access-control-allow-origin"), "https://shop.example");
  EXPECT_EQ(page.get("/healthz").header("access-control-allow-origin"), "");
  Reply foreign =
      Caller(open, open.token("acme", "ann", ""), {{"Origin", "https://evil.example"}}).get(artists);
  EXPECT_EQ(foreign.header("access-control-allow-origin"), "");
  // By default nobody is listed.
  Reply closed =
      Caller(server(), server().token("acme", "ann", ""), {{"Origin", "https://shop.example"}}).get(artists);
  EXPECT_EQ(closed.status, 200u);
  EXPECT_EQ(closed.header("access-control-allow-origin"), "");
  EXPECT_EQ(closed.header("vary"), "");
}

TEST_F(EntryTest, RoutesThatAreNotThere) {
  Caller caller = ann();
  EXPECT_EQ(code_of(caller.get("/")), "BLK104");
  EXPECT_EQ(caller.post("/rest/v1/", "{}").status, 405u) << "the API's document is there, to be read";
  EXPECT_EQ(code_of(caller.get("/tenants/acme/healthz")), "BLK104");
  Reply wrong = caller.get("/v1/checkout");
  EXPECT_EQ(wrong.status, 405u);
  EXPECT_EQ(wrong.header("allow"), "POST");
  EXPECT_EQ(wrong.reason, "Method Not Allowed");
}

}  // namespace
}  // namespace bulkhead::test
