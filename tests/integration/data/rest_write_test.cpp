#include "shop.hpp"

namespace bulkhead::test {
namespace {

class RestWrite : public Shop {
 protected:
  Response write(Method method, std::string_view target, std::string_view body, std::string_view prefer = "",
                 std::string_view accept = "", Role role = Role::member) {
    Sent sent{body, {}, role};
    if (!prefer.empty()) sent.headers.push_back({"Prefer", prefer});
    if (!accept.empty()) sent.headers.push_back({"Accept", accept});
    sent.headers.push_back({"Content-Type", "application/json"});
    return send("acme", method, target, sent);
  }
  static constexpr std::string_view representation = "return=representation";
  static constexpr std::string_view object = "application/vnd.pgrst.object+json";
};

TEST_F(RestWrite, PostOneMinimal) {
  Response response = write(Method::post, "artist", R"({"id":10,"name":"new"})");
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.content_type, "");
  EXPECT_EQ(header(response, "Content-Range"), "*/*");
  EXPECT_EQ(query_one("select tenant_id::text from app.artist where id = 10"), acme_);
}

TEST_F(RestWrite, PostReturnsWhatWasWritten) {
  Response response =
      write(Method::post, "artist?select=id,name", R"({"id":10,"name":"new"})", representation);
  EXPECT_EQ(response.status, 201u);
  EXPECT_EQ(response.body, R"([{"id":10,"name":"new"}])");
  EXPECT_EQ(header(response, "Preference-Applied"), "return=representation");
  EXPECT_EQ(write(Method::post, "artist?select=id", R"({"id":11,"name":"new"})", representation, object).body,
            R"({"id":11})");
  EXPECT_EQ(write(Method::post, "album?select=id,artist(name)", R"({"id":50,"title":"t","artist_id":1})",
                  representation)
                .body,
            R"([{"id":50,"artist":{"name" : "acme artist 1"}}])");
  response = write(Method::post, "artist", R"({"id":12,"name":"x"})", "return=headers-only");
  EXPECT_EQ(header(response, "Location"), "/artist?id=eq.12");
}

TEST_F(RestWrite, PostManyAndEveryKindOfValue) {
  Response response = write(
      Method::post, "album?select=id,price,tags,meta&order=id",
      R"([{"id":20,"title":"a","price":12345678901234567890.1234567891,"tags":["x","y"],"meta":{"a":[1,{"b":null}]}},
                {"id":21,"title":"b","price":null,"tags":null,"meta":"text"}])",
      representation);
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(
      response.body,
      R"([{"id":20,"price":12345678901234567890.1234567891,"tags":["x","y"],"meta":{"a": [1, {"b": null}]}},)"
      "\n"
      R"( {"id":21,"price":null,"tags":null,"meta":"text"}])");
  response =
      write(Method::post, "album?select=price,meta,sold",
            R"({"id":22,"title":"c","price":12345678901234567890.1234567891,"meta":[1.50]})", representation);
  EXPECT_EQ(response.body, R"([{"price":12345678901234567890.1234567891,"meta":[1.50],"sold":false}])");
  response = write(Method::post, "album?select=id,sold&columns=id,title,sold",
                   R"([{"id":30,"title":"a"},{"id":31,"title":"b","sold":true,"ignored":1}])",
                   "return=representation,missing=default");
  EXPECT_EQ(response.body, "[{\"id\":30,\"sold\":false},\n {\"id\":31,\"sold\":true}]");
  EXPECT_EQ(header(response, "Preference-Applied"), "missing=default, return=representation");
  EXPECT_EQ(write(Method::post, "artist", "[]", representation).body, "[]");
}

TEST_F(RestWrite, BadPayloads) {
  EXPECT_EQ(
      write(Method::post, "artist", R"({"nope":1})").body,
      R"({"code":"PGRST204","message":"Could not find the 'nope' column of 'artist' in the schema cache",)"
      R"("details":null,"hint":null})");
  EXPECT_EQ(
      write(Method::post, "artist", "{\"id\":1,\"name\":\"x\",\"tenant_id\":\"" + globex_ + "\"}").body,
      R"({"code":"PGRST204","message":"Could not find the 'tenant_id' column of 'artist' in the schema cache",)"
      R"("details":null,"hint":null})");
  Response response = write(Method::post, "artist", "{\"id\":1,\n oops}");
  EXPECT_EQ(response.status, 400u);
  EXPECT_NE(response.body.find("PGRST102"), std::string::npos);
  EXPECT_NE(response.body.find(R"("message":"Empty or invalid json","details":null)"), std::string::npos);
  std::string deep = std::string(10'000, '[') + std::string(10'000, ']');
  EXPECT_EQ(write(Method::post, "artist", deep).status, 400u);
  EXPECT_EQ(write(Method::post, "artist", R"([{"id":1,"name":"a"},{"id":2}])").body,
            R"({"code":"PGRST102","message":"All object keys must match","details":null,"hint":null})");
  EXPECT_EQ(write(Method::post, "artist", R"({"id":1,"name":"a\u0000b"})").status, 400u);
  EXPECT_EQ(write(Method::post, "artist", "3", representation).body, "[]") << "as PostgREST has it";
  Sent picture{"a,b", {{"Content-Type", "image/png"}}, Role::member};
  EXPECT_EQ(send("acme", Method::post, "artist", picture).status, 400u) << "as PostgREST has it";
  EXPECT_EQ(send("acme", Method::other, "artist", {}).status, 405u);
}

TEST_F(RestWrite, ConstraintsNameNoTenantAndShowNoValues) {
  Response response = write(Method::post, "artist", R"({"id":1,"name":"x"})");
  EXPECT_EQ(response.status, 409u);
  EXPECT_EQ(response.body,
            R"({"code":"23505","message":"duplicate key value violates unique constraint \"artist_pkey\"",)"
            R"("details":"Key (id)=(1) already exists.","hint":null})");
  response = write(Method::post, "artist", R"({"id":77,"name":"x","slug":"s1"})");
  EXPECT_EQ(
      response.body,
      R"({"code":"23505","message":"duplicate key value violates unique constraint \"artist_slug_key\"",)"
      R"("details":"Key (slug)=(s1) already exists.","hint":null})");
  response = write(Method::post, "album", R"({"id":99,"title":"x","artist_id":99})");
  EXPECT_EQ(response.status, 409u);
  EXPECT_NE(response.body.find("23503"), std::string::npos);
  EXPECT_NE(response.body.find(R"("details":"Key (artist_id)=(99) is not present in table \"artist\".")"),
            std::string::npos)
      << response.body;
  EXPECT_EQ(response.body.find("tenant"), std::string::npos) << response.body;
  response = write(Method::del, "artist?id=eq.1", "");
  EXPECT_NE(response.body.find(R"("details":"Key (id)=(1) is still referenced from table \"album\".")"),
            std::string::npos)
      << response.body;
  response = write(Method::post, "artist", R"({"id":78,"name":""})");
  EXPECT_NE(response.body.find(R"(violates check constraint \"name_not_empty\")"), std::string::npos);
  response = write(Method::post, "artist", R"({"id":78})");
  EXPECT_NE(response.body.find(R"(null value in column \"name\" of relation \"artist\")"), std::string::npos);
  EXPECT_EQ(response.status, 400u);
}

TEST_F(RestWrite, PatchAndDelete) {
  Response response = write(Method::patch, "artist?id=eq.1", R"({"name":"renamed"})");
  EXPECT_EQ(response.status, 204u) << response.body;
  EXPECT_EQ(header(response, "Content-Range"), "0-0/*");
  EXPECT_EQ(query_one("select name from app.artist where id = 1 and tenant_id = '" + acme_ + "'"), "renamed");
  EXPECT_EQ(query_one("select name from app.artist where id = 1 and tenant_id = '" + globex_ + "'"),
            "globex artist 1");
  response = write(Method::patch, "album?id=eq.1&select=price,tags", R"({"price":0.25,"tags":["z"]})",
                   representation);
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body, R"([{"price":0.2500000000,"tags":["z"]}])");
  EXPECT_EQ(write(Method::patch, "artist?id=eq.1", "{}").status, 204u);

  response = write(Method::del, "playlist_track?track_id=eq.1&select=track_id", "", representation);
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body, R"([{"track_id":1}])");
  response = write(Method::del, "playlist_track?track_id=eq.2", "", "count=exact");
  EXPECT_EQ(response.status, 204u);
  EXPECT_EQ(header(response, "Content-Range"), "*/1");
  EXPECT_EQ(query_one("select count(*) from app.playlist_track"), "2") << "the other tenant's";
}

TEST_F(RestWrite, WithoutAFilterRefused) {
  for (Method method : {Method::patch, Method::del}) {
    Response response = write(method, "artist", R"({"name":"x"})");
    EXPECT_EQ(response.status, 400u);
    EXPECT_NE(response.body.find("\"21000\""), std::string::npos) << response.body;
  }
  EXPECT_EQ(write(Method::del, "artist?id=gt.0&limit=1", "").status, 400u);
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'x'"), "0");
}

TEST_F(RestWrite, SingularWritesAreUndoneWhenTheyTouchMore) {
  Response response = write(Method::patch, "artist?id=gt.0", R"({"name":"x"})", representation, object);
  EXPECT_EQ(response.status, 406u);
  EXPECT_NE(response.body.find("The result contains 3 rows"), std::string::npos) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'x'"), "0");
  EXPECT_EQ(write(Method::del, "playlist_track?playlist_id=eq.1", "", "", object).status, 406u);
  EXPECT_EQ(query_one("select count(*) from app.playlist_track"), "4");
  EXPECT_EQ(
      write(Method::patch, "artist?id=eq.1&select=name", R"({"name":"x"})", representation, object).body,
      R"({"name":"x"})");
  EXPECT_EQ(write(Method::patch, "artist?id=eq.99", R"({"name":"x"})", representation, object).status, 406u);
}

TEST_F(RestWrite, AWriteIsUndoneEvenIfItShowsNoRow) {
  Response response = write(Method::patch, "artist?id=gt.0&select=id,album!inner(id)&album.id=eq.99",
                            R"({"name":"x"})", representation, object);
  EXPECT_EQ(response.status, 406u);
  EXPECT_NE(response.body.find("The result contains 3 rows"), std::string::npos) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'x'"), "0");
}

TEST_F(RestWrite, MaxAffectedUndoesWhatTouchesMore) {
  Response response =
      write(Method::patch, "artist?id=gt.0", R"({"name":"x"})", "handling=strict, max-affected=2");
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(response.body,
            R"({"code":"PGRST124","message":"Query result exceeds max-affected preference constraint",)"
            R"("details":"The query affects 3 rows","hint":null})");
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'x'"), "0");
  response = write(Method::del, "playlist_track?playlist_id=eq.1", "", "handling=strict, max-affected=0");
  EXPECT_NE(response.body.find("The query affects 2 rows"), std::string::npos) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.playlist_track"), "4");

  response = write(Method::patch, "artist?id=lt.3", R"({"name":"x"})",
                   "handling=strict, max-affected=2, return=representation");
  EXPECT_EQ(response.status, 200u) << response.body;
  EXPECT_EQ(header(response, "Preference-Applied"), "return=representation, handling=strict, max-affected=2");
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'x'"), "2") << "acme's alone";
  EXPECT_EQ(
      write(Method::patch, "artist?id=eq.99", R"({"name":"y"})", "handling=strict, max-affected=0").status,
      204u);
  response =
      write(Method::patch, "artist?id=gt.0", R"({"name":"y"})", "handling=strict, max-affected=1", object);
  EXPECT_EQ(response.status, 406u) << "the object's bound is the same, and told first";
  EXPECT_EQ(write(Method::patch, "artist?id=gt.0", R"({"name":"z"})", "max-affected=1").status, 204u)
      << "without handling=strict it is no bound, as in PostgREST";
}

TEST_F(RestWrite, AStrictClientsUnknownPreferenceChangesNothing) {
  Response response = write(Method::post, "artist", R"({"id":10,"name":"x"})", "handling=strict, foo=bar");
  EXPECT_EQ(response.status, 400u);
  EXPECT_NE(response.body.find("PGRST122"), std::string::npos) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.artist where id = 10"), "0");
}

TEST_F(RestWrite, ALimitOfOneRowThatIsOneAnyway) {
  EXPECT_EQ(write(Method::patch, "artist?id=eq.1&limit=1", R"({"name":"x"})").status, 204u);
  EXPECT_EQ(write(Method::patch, "artist?name=eq.x&order=id&limit=1&select=id", R"({"name":"y"})",
                  representation, object)
                .body,
            R"({"id":1})");
  EXPECT_EQ(write(Method::patch, "artist?id=gt.0&limit=1", R"({"name":"z"})", "", object).status, 406u);
  for (std::string_view target :
       {"artist?id=gt.0&limit=1", "artist?id=eq.1&limit=0", "artist?id=eq.1&offset=1"})
    EXPECT_EQ(write(Method::patch, target, R"({"name":"z"})").status, 400u) << target;
  EXPECT_EQ(query_one("select count(*) from app.artist where name = 'z'"), "0");
}

TEST_F(RestWrite, NoDigitIsLostWithDefaults) {
  const std::string_view both = "return=representation, missing=default";
  const std::string meta = R"({"f": 1.50, "n": 12345678901234567890123})";
  Response response =
      write(Method::post, "album?select=id,price,tags,meta,sold&columns=id,title,price,tags,meta,sold",
            R"([{"id":40,"title":"a","price":12345678901234567890.1234567891,"tags":["x,\"y",null],"meta":)" +
                meta + R"(},{"id":41,"title":"b","meta":1.50,"sold":true}])",
            both);
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(response.body,
            R"([{"id":40,"price":12345678901234567890.1234567891,"tags":["x,\"y",null],"meta":)" + meta +
                ",\"sold\":false},\n "
                R"({"id":41,"price":null,"tags":null,"meta":1.50,"sold":true}])");
  response = write(Method::post, "album?select=meta,sold&columns=id,title,meta,sold",
                   R"({"id":42,"title":"c","meta":)" + meta + "}", both);
  EXPECT_EQ(response.body, R"([{"meta":)" + meta + R"(,"sold":false}])");
  EXPECT_NE(write(Method::post, "album?columns=id,title,nosuch", R"({"id":43,"title":"d"})", both)
                .body.find("PGRST204"),
            std::string::npos);
  response =
      write(Method::patch, "album?id=eq.41&select=price,sold&columns=price,sold", R"({"price":0.1})", both);
  EXPECT_EQ(response.body, R"([{"price":0.1000000000,"sold":false}])") << response.body;
}

TEST_F(RestWrite, AnArrayOfOneChange) {
  EXPECT_EQ(write(Method::patch, "artist?id=eq.1", R"([{"name":"arr"}])").status, 204u);
  EXPECT_EQ(query_one("select name from app.artist where id = 1 and tenant_id = '" + acme_ + "'"), "arr");
  EXPECT_EQ(
      write(Method::patch, "album?id=eq.1&select=meta", R"( [ {"meta":[1.50]} ] )", representation).body,
      R"([{"meta":[1.50]}])");
  EXPECT_EQ(write(Method::patch, "artist?id=eq.1", "[{}]").status, 204u);
  EXPECT_EQ(write(Method::post, "artist", "[1,2]").status, 400u);
  EXPECT_NE(write(Method::post, "artist", "[1,2]").body.find("All object keys must match"),
            std::string::npos);
}

TEST_F(RestWrite, RolesAndSharedTables) {
  Response response = write(Method::post, "artist", R"({"id":10,"name":"x"})", "", "", Role::viewer);
  EXPECT_EQ(response.status, 403u);
  EXPECT_EQ(response.body,
            R"({"code":"42501","message":"permission denied for table artist","details":null,"hint":null})");
  response = write(Method::post, "genre", R"({"id":10,"name":"x"})");
  EXPECT_EQ(response.status, 403u);
  EXPECT_EQ(response.body,
            R"({"code":"42501","message":"permission denied for table genre","details":null,"hint":null})");
}

TEST_F(RestWrite, AnUpsertMergesOrIgnoresWhatIsThere) {
  const std::string merge = "resolution=merge-duplicates,return=representation";
  Response response = write(Method::post, "artist?select=id,name&order=id.desc",
                            R"([{"id":1,"name":"one"},{"id":30,"name":"thirty"}])", merge);
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(response.body, "[{\"id\":30,\"name\":\"thirty\"},\n {\"id\":1,\"name\":\"one\"}]");
  EXPECT_EQ(header(response, "Preference-Applied"), "resolution=merge-duplicates, return=representation");
  EXPECT_EQ(query_one("select slug from app.artist where id = 1 and tenant_id = '" + acme_ + "'"), "s1");

  response = write(Method::post, "artist", R"({"id":1,"name":"uno"})", "resolution=merge-duplicates");
  EXPECT_EQ(response.status, 200u) << "every row was there";
  response =
      write(Method::post, "album?select=id,artist(name)", R"({"id":1,"title":"t","artist_id":1})", merge);
  EXPECT_EQ(response.status, 200u) << response.body;
  EXPECT_EQ(response.body, R"([{"id":1,"artist":{"name" : "uno"}}])");
  response = write(Method::post, "artist?select=id", R"([{"id":1,"name":"x"},{"id":31,"name":"y"}])",
                   "resolution=ignore-duplicates,return=representation");
  EXPECT_EQ(response.status, 201u);
  EXPECT_EQ(response.body, R"([{"id":31}])");
  EXPECT_EQ(write(Method::post, "artist", "[]", merge).status, 200u);

  response = write(Method::post, "artist?on_conflict=slug&select=id,name",
                   R"({"id":99,"name":"by slug","slug":"s2"})", "resolution=ignore-duplicates");
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.artist where id = 99"), "0");
  response = write(Method::post, "artist?on_conflict=name", R"({"id":98,"name":"x"})", merge);
  EXPECT_EQ(response.status, 400u);
  EXPECT_NE(response.body.find("42P10"), std::string::npos) << response.body;
  for (const char* column : {"nope", "tenant_id"}) {
    response =
        write(Method::post, "artist?on_conflict=" + std::string(column), R"({"id":98,"name":"x"})", merge);
    EXPECT_EQ(response.body, R"({"code":"42703","message":"column \")" + std::string(column) +
                                 R"(\" does not exist","details":null,"hint":null})");
  }
}

TEST_F(RestWrite, AnUpsertMeetsTheTenantsOwnRowsAlone) {
  execute("insert into app.artist (tenant_id,id,name,slug) values ('" + globex_ +
          "',500,'globex only','secret')");
  for (const char* resolution : {"resolution=merge-duplicates", "resolution=ignore-duplicates"}) {
    Response response = write(Method::post, "artist?select=id,name,slug", R"({"id":500,"name":"mine"})",
                              std::string(resolution) + ",return=representation");
    EXPECT_EQ(response.status, 201u) << "as for a key that nobody has";
    EXPECT_EQ(response.body, R"([{"id":500,"name":"mine","slug":null}])");
    EXPECT_EQ(write(Method::del, "artist?id=eq.500", "").status, 204u);
    response = write(Method::post, "artist?on_conflict=slug&select=name",
                     R"({"id":501,"name":"mine","slug":"secret"})",
                     std::string(resolution) + ",return=representation");
    EXPECT_EQ(response.status, 201u);
    EXPECT_EQ(response.body, R"([{"name":"mine"}])");
    EXPECT_EQ(write(Method::del, "artist?id=eq.501", "").status, 204u);
  }
  EXPECT_EQ(query_one("select name from app.artist where id = 500 and tenant_id = '" + globex_ + "'"),
            "globex only");
}

TEST_F(RestWrite, PutPutsOneRowWhereItsFiltersSay) {
  Response response = write(Method::put, "artist?id=eq.40", R"({"id":40,"name":"new"})", representation);
  EXPECT_EQ(response.status, 201u) << response.body;
  EXPECT_EQ(response.body, R"([{"id":40,"name":"new","slug":null}])");
  response = write(Method::put, "artist?id=eq.40", R"([{"id":40,"name":"newer"},{"id":41,"name":"x"}])",
                   representation, object);
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.body, R"({"id":40,"name":"newer","slug":null})");
  response = write(Method::put, "artist?id=eq.40", R"({"id":40,"name":"newest"})");
  EXPECT_EQ(response.status, 204u);
  EXPECT_EQ(header(response, "Content-Range"), "");
  EXPECT_EQ(query_one("select count(*) from app.artist where id = 41"), "0");
  const auto refused = [&](std::string_view target, std::string_view body) {
    return write(Method::put, target, body).body.substr(9, 8);
  };
  EXPECT_EQ(refused("artist?id=eq.40&limit=1", R"({"id":40,"name":"x"})"), "PGRST114");
  for (const char* target : {"artist", "artist?name=eq.x", "artist?id=gt.1", "artist?id=eq.1&name=eq.x",
                             "artist?id=not.eq.1", "playlist_track?track_id=eq.1", "artist?and=(id.eq.1)"})
    EXPECT_EQ(refused(target, R"({"id":40,"name":"x"})"), "PGRST105") << target;
  EXPECT_EQ(refused("artist?id=eq.40", R"({"id":41,"name":"x"})"), "PGRST115");
  EXPECT_EQ(refused("artist?id=eq.40", R"({"name":"x"})"), "PGRST115");
  EXPECT_EQ(refused("artist?id=eq.40", "[]"), "PGRST115");
}

}  // namespace
}  // namespace bulkhead::test
