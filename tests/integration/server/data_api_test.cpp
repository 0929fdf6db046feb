#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "shops.hpp"
#include "support/models.hpp"

/// The data API over the wire: verbs, status codes, headers, bodies.
namespace bulkhead::test {
namespace {

class DataApiTest : public ShopsTest {};

const Headers representation = {{"Prefer", "return=representation"}};
const Headers counted = {{"Prefer", "count=exact"}};

TEST_F(DataApiTest, GetWithFiltersOrderAndRange) {
  Caller caller = ann();
  Reply reply = caller.get(
      "/rest/v1/artist?select=artist_id,name&artist_id=in.(1,2,3,201)&order=artist_id.desc&limit=2");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_EQ(reply.reason, "OK");
  EXPECT_EQ(reply.header("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(reply.header("content-range"), "0-1/*");
  EXPECT_EQ(compact(reply),
            R"([{"artist_id":3,"name":"ACME artist 3"},{"artist_id":2,"name":"ACME artist 2"}])");
  Reply next = caller.get(
      "/rest/v1/artist?select=artist_id&artist_id=in.(1,2,3,201)&order=artist_id.desc&limit=2&offset=2");
  EXPECT_EQ(next.header("content-range"), "2-2/*");
  EXPECT_EQ(compact(next), R"([{"artist_id":1}])");
}

TEST_F(DataApiTest, EveryOperator) {
  Caller caller = ann();
  const std::vector<std::pair<std::string, std::string>> filters = {
      {"artist_id=eq.3", "3"},
      {"artist_id=neq.3&artist_id=lte.4", "1,2,4"},
      {"artist_id=gt.104", "105"},
      {"artist_id=gte.105", "105"},
      {"artist_id=lt.2", "1"},
      {"artist_id=lte.1", "1"},
      {"name=like.*artist%203", "3"},
      {"name=ilike.acme*%205", "5"},
      {"artist_id=in.(7,207,9)", "7,9"},
      {"artist_id=not.lt.105", "105"},
      {"name=is.null", ""},
      {"artist_id=not.is.null&artist_id=eq.6", "6"}};
  for (const auto& [filter, ids] : filters) {
    Reply reply = caller.get("/rest/v1/artist?select=artist_id&artist_id=lt.900&order=artist_id&" + filter);
    ASSERT_EQ(reply.status, 200u) << filter << ": " << reply.body;
    std::string found;
    const boost::json::value rows = json_of(reply);
    for (const boost::json::value& row : rows.as_array())
      found += (found.empty() ? "" : ",") + std::to_string(row.at("artist_id").as_int64());
    EXPECT_EQ(found, ids) << filter;
  }
}

TEST_F(DataApiTest, EmbedsToOneToManyAndManyToMany) {
  Caller caller = ann();
  EXPECT_EQ(compact(caller.get("/rest/v1/album?select=title,artist(name)&album_id=eq.2")),
            R"([{"title":"ACME album 2","artist":{"name":"ACME artist 2"}}])");
  EXPECT_EQ(compact(caller.get("/rest/v1/artist?select=name,album(title)&artist_id=eq.2")),
            R"([{"name":"ACME artist 2","album":[{"title":"ACME album 2"}]}])");
  EXPECT_EQ(compact(caller.get("/rest/v1/playlist?select=name,track(name)&playlist_id=eq.2")),
            R"([{"name":"ACME playlist 2","track":[{"name":"ACME track 2"}]}])");
  EXPECT_EQ(compact(caller.get("/rest/v1/track?select=name,genre(name)&track_id=eq.2")),
            R"([{"name":"ACME track 2","genre":{"name":"Rock"}}])");
}

TEST_F(DataApiTest, TheStarHidesTheTenant) {
  Caller caller = ann();
  for (const char* table : {"artist", "album", "track", "employee", "customer", "invoice", "invoice_line",
                            "playlist", "playlist_track"}) {
    Reply reply = caller.get(std::string("/rest/v1/") + table);
    EXPECT_EQ(reply.status, 200u) << table << reply.body;
    EXPECT_GT(json_of(reply).as_array().size(), 9u) << table;
    EXPECT_EQ(told_to_acme(reply, shops()), "") << table;
  }
}

TEST_F(DataApiTest, CountExact) {
  Caller caller = ann();
  Reply all = caller.get("/rest/v1/playlist?select=playlist_id", counted);
  EXPECT_EQ(all.status, 200u);
  EXPECT_EQ(all.header("content-range"), "0-14/15") << "15 playlists are acme's, 30 are in the table";
  EXPECT_EQ(all.header("preference-applied"), "count=exact");
  Reply part = caller.get("/rest/v1/playlist?select=playlist_id&limit=5&offset=5", counted);
  EXPECT_EQ(part.status, 206u);
  EXPECT_EQ(part.reason, "Partial Content");
  EXPECT_EQ(part.header("content-range"), "5-9/15");
  Reply beyond = caller.get("/rest/v1/playlist?offset=16", counted);
  EXPECT_EQ(beyond.status, 416u);
  EXPECT_EQ(beyond.reason, "Range Not Satisfiable");
  EXPECT_EQ(code_of(beyond), "PGRST103");
  EXPECT_EQ(beyond.header("content-range"), "*/15");
  Reply none = caller.get("/rest/v1/playlist?playlist_id=eq.201", counted);
  EXPECT_EQ(none.status, 200u);
  EXPECT_EQ(none.header("content-range"), "*/0");
  EXPECT_EQ(none.body, "[]");
}

TEST_F(DataApiTest, HeadIsGetWithoutItsBody) {
  Caller caller = ann();
  Reply get = caller.get("/rest/v1/playlist?limit=2", counted);
  Reply head = caller.send("HEAD", "/rest/v1/playlist?limit=2", "", counted);
  EXPECT_EQ(head.status, get.status);
  EXPECT_EQ(head.header("content-range"), get.header("content-range"));
  EXPECT_EQ(head.header("content-type"), get.header("content-type"));
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.header("content-length"), std::to_string(get.body.size())) << "RFC 9110 section 8.6";
  EXPECT_EQ(caller.get("/rest/v1/playlist?limit=1").status, 200u) << "the connection goes on";
}

TEST_F(DataApiTest, ObjectInsteadOfArray) {
  Caller caller = ann();
  const Headers object = {{"Accept", "application/vnd.pgrst.object+json"}};
  Reply one = caller.get("/rest/v1/artist?select=name&artist_id=eq.1", object);
  EXPECT_EQ(one.status, 200u);
  EXPECT_EQ(one.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
  EXPECT_EQ(compact(one), R"({"name":"ACME artist 1"})");
  for (const char* filter : {"artist_id=eq.201", "artist_id=lt.3"}) {
    Reply reply = caller.get(std::string("/rest/v1/artist?") + filter, object);
    EXPECT_EQ(reply.status, 406u);
    EXPECT_EQ(reply.reason, "Not Acceptable");
    EXPECT_EQ(code_of(reply), "PGRST116");
  }
  EXPECT_EQ(caller.get("/rest/v1/artist", {{"Accept", "text/plain"}}).status, 406u);
}

TEST_F(DataApiTest, PostOneMinimalAndRepresented) {
  Caller caller = ann();
  Reply minimal = caller.post("/rest/v1/artist", R"({"name":"New"})", {{"Prefer", "return=minimal"}});
  EXPECT_EQ(minimal.status, 201u) << minimal.body;
  EXPECT_EQ(minimal.reason, "Created");
  EXPECT_EQ(minimal.body, "");
  EXPECT_EQ(minimal.header("preference-applied"), "return=minimal");
  Reply shown = caller.post("/rest/v1/artist", R"({"name":"Newer"})", representation);
  EXPECT_EQ(shown.status, 201u);
  EXPECT_EQ(shown.header("preference-applied"), "return=representation");
  const boost::json::value rows = json_of(shown);
  ASSERT_EQ(rows.as_array().size(), 1u);
  EXPECT_EQ(rows.at(0).as_object().size(), 2u) << shown.body;
  EXPECT_EQ(rows.at(0).at("name").as_string(), "Newer");
  EXPECT_EQ(told_to_acme(shown, shops()), "");
  Reply named = caller.post("/rest/v1/artist", R"({"name":"Newest"})", {{"Prefer", "return=headers-only"}});
  EXPECT_EQ(named.status, 201u);
  std::string location = named.header("location");
  ASSERT_EQ(location.find("/artist?artist_id=eq."), 0u) << location;
  EXPECT_EQ(json_of(caller.get("/rest/v1" + location)).at(0).at("name").as_string(), "Newest");
}

TEST_F(DataApiTest, PostMany) {
  Caller caller = ann();
  Reply reply = caller.post("/rest/v1/artist?select=name", R"([{"name":"Many A"},{"name":"Many B"}])",
                            {{"Prefer", "return=representation, count=exact"}});
  EXPECT_EQ(reply.status, 201u) << reply.body;
  EXPECT_EQ(compact(reply), R"([{"name":"Many A"},{"name":"Many B"}])");
  EXPECT_EQ(reply.header("content-range"), "*/2");
  // All or nothing.
  Reply failed = caller.post("/rest/v1/artist", R"([{"name":"Half"},{"name":null}])");
  EXPECT_EQ(failed.status, 400u);
  EXPECT_EQ(caller.get("/rest/v1/artist?name=eq.Half").body, "[]");
}

TEST_F(DataApiTest, PatchAndDelete) {
  Caller caller = ann();
  TenantHome(shops().database, "acme")
      .execute("insert into app.playlist (tenant_id, playlist_id, name) values ('" + shops().acme +
               "', 801, 'to change'), ('" + shops().acme + "', 802, 'to change')");
  TenantHome(shops().database, "globex")
      .execute("insert into app.playlist (tenant_id, playlist_id, name) values ('" + shops().globex +
               "', 801, 'GLOBEX change')");
  Reply minimal = caller.patch("/rest/v1/playlist?playlist_id=eq.801", R"({"name":"changed"})");
  EXPECT_EQ(minimal.status, 204u);
  EXPECT_EQ(minimal.reason, "No Content");
  EXPECT_EQ(minimal.body, "");
  EXPECT_EQ(minimal.header("content-length"), "") << "RFC 9110 section 8.6";
  Reply shown = caller.patch("/rest/v1/playlist?playlist_id=gte.801&select=name", R"({"name":"again"})",
                             representation);
  EXPECT_EQ(shown.status, 200u);
  EXPECT_EQ(compact(shown), R"([{"name":"again"},{"name":"again"}])");
  Reply gone = caller.del("/rest/v1/playlist?playlist_id=eq.802&select=playlist_id", representation);
  EXPECT_EQ(gone.status, 200u);
  EXPECT_EQ(compact(gone), R"([{"playlist_id":802}])");
  EXPECT_EQ(caller.del("/rest/v1/playlist?playlist_id=eq.801").status, 204u);
  EXPECT_EQ(caller.del("/rest/v1/playlist?playlist_id=eq.801").status, 204u) << "nothing there: as PostgREST";
  EXPECT_EQ(compact(gus().get("/rest/v1/playlist?select=name&playlist_id=eq.801")),
            R"([{"name":"GLOBEX change"}])");
}

TEST_F(DataApiTest, ChangesWithoutAFilterAreRefused) {
  Caller caller = ann();
  for (const Reply& reply :
       {caller.del("/rest/v1/artist"), caller.patch("/rest/v1/artist", R"({"name":"x"})"),
        caller.patch("/rest/v1/artist?select=name", R"({"name":"x"})")}) {
    EXPECT_EQ(reply.status, 400u) << reply.body;
    EXPECT_EQ(code_of(reply), "21000") << reply.body;
  }
}

TEST_F(DataApiTest, OtherTenantsIdsChangeAndTellNothing) {
  Caller caller = ann();
  const std::string body = R"({"name":"crossed"})";
  for (const char* table : {"artist", "playlist"}) {
    auto at = [&](const char* id) { return std::string("/rest/v1/") + table + "?" + table + "_id=eq." + id; };
    EXPECT_EQ(comparable(caller.get(at("202"))), comparable(caller.get(at("902"))));
    EXPECT_EQ(comparable(caller.patch(at("202"), body, representation)),
              comparable(caller.patch(at("902"), body, representation)));
    EXPECT_EQ(comparable(caller.del(at("202"), representation)),
              comparable(caller.del(at("902"), representation)));
    EXPECT_EQ(comparable(caller.del(at("202"), counted)), comparable(caller.del(at("902"), counted)));
  }
  EXPECT_EQ(json_of(gus().get("/rest/v1/artist?artist_id=gte.201&artist_id=lte.205&name=like.GLOBEX*"))
                .as_array()
                .size(),
            5u);
}

TEST_F(DataApiTest, TheTenantColumnIsNoPartOfTheApi) {
  Caller caller = ann();
  const std::string& other = shops().globex;
  const std::vector<Reply> replies = {
      caller.get("/rest/v1/artist?select=tenant_id"),
      caller.get("/rest/v1/artist?tenant_id=eq." + other),
      caller.get("/rest/v1/artist?order=tenant_id"),
      caller.get("/rest/v1/artist?select=name,album(tenant_id)"),
      caller.post("/rest/v1/artist", R"({"name":"x","tenant_id":")" + other + "\"}"),
      caller.patch("/rest/v1/artist?artist_id=eq.1", R"({"tenant_id":")" + other + "\"}"),
      caller.post("/rest/v1/artist?columns=tenant_id,name", R"({"name":"x","tenant_id":")" + other + "\"}"),
  };
  for (std::size_t i = 0; i < replies.size(); ++i) {
    EXPECT_EQ(replies[i].status, 400u) << i << replies[i].body;
    // The name that the client wrote may come back; ids and values may not.
    EXPECT_EQ(replies[i].body.find(other), std::string::npos) << i << replies[i].body;
    EXPECT_EQ(replies[i].body.find("GLOBEX"), std::string::npos);
  }
  // Just like a column that is not there.
  auto as_absent = [](std::string text) {
    for (const char* name : {"tenant_id", "nosuch_id"})
      for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;)
        text.replace(at, 9, "<column>");
    return text;
  };
  EXPECT_EQ(as_absent(comparable(replies[0])),
            as_absent(comparable(caller.get("/rest/v1/artist?select=nosuch_id"))));
  EXPECT_EQ(as_absent(comparable(replies[1])),
            as_absent(comparable(caller.get("/rest/v1/artist?nosuch_id=eq." + other))));
}

TEST_F(DataApiTest, TheEntrysErrorsAreReadLikeTheOthers) {
  Caller nobody(server(), "", {{"Host", "acme.localhost"}});
  Reply reply = nobody.get("/rest/v1/artist");
  EXPECT_EQ(reply.status, 401u);
  const boost::json::value error = json_of(reply);
  EXPECT_EQ(error.at("code").as_string(), "BLK300");
  EXPECT_EQ(error.at("message"), error.at("detail"));
  EXPECT_TRUE(error.at("details").is_null()) << reply.body;
}

TEST_F(DataApiTest, SharedTablesAreReadOnlyAndTheSameForAll) {
  Caller caller = ann("owner");
  EXPECT_EQ(caller.get("/rest/v1/genre?order=genre_id").body,
            gus().get("/rest/v1/genre?order=genre_id").body);
  EXPECT_EQ(compact(caller.get("/rest/v1/genre?select=name&order=name")),
            R"([{"name":"Jazz"},{"name":"Rock"}])");
  for (const Reply& reply : {caller.post("/rest/v1/genre", R"({"genre_id":9,"name":"x"})"),
                             caller.patch("/rest/v1/genre?genre_id=eq.1", R"({"name":"x"})"),
                             caller.del("/rest/v1/genre?genre_id=eq.1")}) {
    EXPECT_EQ(reply.status, 403u) << reply.body;
    EXPECT_EQ(code_of(reply), "42501");
  }
  EXPECT_EQ(compact(caller.get("/rest/v1/genre?select=name&genre_id=eq.1")), R"([{"name":"Rock"}])");
}

TEST_F(DataApiTest, MethodsThatAreNotServed) {
  Caller nobody(server(), "");
  for (const char* path : {"/rest/v1/artist", "/rest/v1/nosuch"}) {
    Reply options = nobody.send("OPTIONS", path, "");
    EXPECT_EQ(options.status, 200u);
    EXPECT_EQ(options.header("allow"), "OPTIONS, GET, HEAD, POST, PUT, PATCH, DELETE");
    EXPECT_EQ(options.body, "");
  }
  Caller caller = ann();
  EXPECT_EQ(caller.send("OPTIONS", "/rest/v1/artist", "").header("allow"),
            "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
  EXPECT_EQ(caller.send("OPTIONS", "/rest/v1/genre", "").header("allow"), "OPTIONS,GET,HEAD");
  EXPECT_EQ(caller.send("OPTIONS", "/rest/v1/nosuch", "").status, 404u);
  Reply foo = caller.send("FOO", "/rest/v1/artist", "");
  EXPECT_EQ(foo.status, 405u);
  EXPECT_EQ(foo.header("allow"), "GET, HEAD, POST, PUT, PATCH, DELETE");
  EXPECT_EQ(code_of(caller.send("FOO", "/rest/v1/artist", "")), "PGRST117");
}

TEST_F(DataApiTest, InternalTablesAreNotThere) {
  Caller caller = ann("owner");
  for (const char* table : {"residency", "bulkhead.residency", "catalog.tenant", "tenant", "pg_class",
                            "pg_catalog.pg_class", "binding_key", "counter", "migration"}) {
    Reply reply = caller.get(std::string("/rest/v1/") + table);
    EXPECT_EQ(reply.status, 404u) << table;
    EXPECT_EQ(code_of(reply), "PGRST205") << table;
  }
}

TEST_F(DataApiTest, ServerTimingTellsTheStagesThatWereReached) {
  TestServerSettings settings;
  settings.configure = [](AppConfig& config) { config.server_timing = true; };
  TestServer timed(shops().database, settings);
  Caller caller(timed, timed.token("acme", "ann", "member"));
  const auto stages = [](const Reply& reply) {
    std::string names;
    const std::string header = reply.header("server-timing");
    for (std::size_t at = 0; at < header.size();) {
      const std::size_t comma = std::min(header.find(", ", at), header.size());
      const std::string entry = header.substr(at, comma - at);
      const std::size_t dur = entry.find(";dur=");
      EXPECT_NE(dur, std::string::npos) << header;
      EXPECT_EQ(entry.find_first_not_of("0123456789.", dur + 5), std::string::npos) << header;
      names.append(names.empty() ? "" : " ").append(entry.substr(0, dur));
      at = comma + 2;
    }
    return names;
  };
  EXPECT_EQ(stages(caller.get("/rest/v1/artist?artist_id=eq.1")), "jwt parse plan transaction response");
  EXPECT_EQ(stages(caller.send("PATCH", "/rest/v1/artist?artist_id=eq.1", R"({"name": "x"})",
                               {{"Content-Type", "application/json"}})),
            "jwt parse plan transaction response");
  EXPECT_EQ(stages(caller.send("OPTIONS", "/rest/v1/artist", "")), "jwt parse response");
  EXPECT_EQ(stages(caller.get("/rest/v1/artist?artist_id=one")), "jwt parse");
  EXPECT_EQ(stages(caller.get("/rest/v1/artist?artist_id=eq.one")), "jwt parse plan transaction");
  Caller nobody(timed, "nonsense");
  EXPECT_EQ(stages(nobody.get("/rest/v1/artist")), "jwt");
  EXPECT_EQ(ann().get("/rest/v1/artist?artist_id=eq.1").header("server-timing"), "");
}

}  // namespace
}  // namespace bulkhead::test
