#include "shop.hpp"

namespace bulkhead::test {
namespace {

using RestRead = Shop;

TEST_F(RestRead, StarShowsEveryColumnButTheTenant) {
  Response response = get("acme", "album?id=eq.2");
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.content_type, "application/json; charset=utf-8");
  EXPECT_EQ(response.body,
            R"([{"id":2,"title":"acme album 2","artist_id":1,"price":2.5000000000,)"
            R"("released":"2021-01-01T10:00:00+00:00","tags":["a","b\"c"],"meta":{"k": 1},"sold":false}])");
  EXPECT_EQ(header(response, "Content-Range"), "0-0/*");
}

TEST_F(RestRead, FiltersOrderAndRange) {
  EXPECT_EQ(get("acme", "artist?select=id&order=id.desc&limit=2").body, "[{\"id\":3},\n {\"id\":2}]");
  EXPECT_EQ(get("acme", "artist?select=id&order=id&offset=2").body, "[{\"id\":3}]");
  EXPECT_EQ(get("acme", "artist?select=id&id=in.(1,3)&order=id").body, "[{\"id\":1},\n {\"id\":3}]");
  EXPECT_EQ(get("acme", "artist?select=id&id=not.in.(1,3)").body, "[{\"id\":2}]");
  EXPECT_EQ(get("acme", "artist?select=id&id=in.()").body, "[]");
  EXPECT_EQ(get("acme", "artist?select=id&name=like.*artist%202").body, "[{\"id\":2}]");
  EXPECT_EQ(get("acme", "artist?select=id&name=ilike.*ARTIST+2").body, "[{\"id\":2}]");
  EXPECT_EQ(get("acme", "artist?select=id&or=(id.eq.1,and(id.gt.2,name.neq.x))&order=id").body,
            "[{\"id\":1},\n {\"id\":3}]");
  EXPECT_EQ(get("acme", "employee?select=id&reports_to=is.null").body, "[{\"id\":1}]");
  EXPECT_EQ(get("acme", "album?select=id&sold=is.true").body, "[]");
  EXPECT_EQ(get("acme", "album?select=n:id::text&id=gte.5").body, R"([{"n":"5"}])");
}

TEST_F(RestRead, EmbedsOfEveryKind) {
  EXPECT_EQ(get("acme", "album?select=id,artist(name)&id=eq.3").body,
            R"([{"id":3,"artist":{"name" : "acme artist 2"}}])");
  EXPECT_EQ(get("acme", "artist?select=id,album(id)&id=eq.1&album.order=id.desc").body,
            R"([{"id":1,"album":[{"id" : 2}, {"id" : 1}]}])");
  EXPECT_EQ(get("acme", "artist?select=id,a:album(id)&id=eq.1&a.id=eq.2").body,
            R"([{"id":1,"a":[{"id" : 2}]}])");
  EXPECT_EQ(get("acme", "artist?select=id,album!inner(id)&album.id=eq.5").body,
            R"([{"id":3,"album":[{"id" : 5}]}])");
  EXPECT_EQ(get("acme", "playlist?select=track(name)&track.order=id").body,
            R"([{"track":[{"name" : "acme track 1"}, {"name" : "acme track 2"}]}])");
  EXPECT_EQ(get("acme", "employee?select=name,reports_to(name)&id=eq.2").body,
            R"([{"name":"acme clerk","reports_to":{"name" : "acme boss"}}])");
  EXPECT_EQ(get("acme", "employee?select=name,team:employee(name)&id=eq.1").body,
            R"([{"name":"acme boss","team":[{"name" : "acme clerk"}]}])");
  EXPECT_EQ(get("acme", "genre?select=name,track(name)&id=eq.1&track.limit=1&track.order=id").body,
            R"([{"name":"Rock","track":[{"name" : "acme track 2"}]}])");
  EXPECT_EQ(
      get("acme", "artist?select=album(track(genre(name)))&id=eq.1&album.limit=1&album.track.limit=1").body,
      R"([{"album":[{"track" : [{"genre" : {"name" : "Jazz"}}]}]}])");
  EXPECT_EQ(get("acme", "album?select=id,artist(id)&artist.id=eq.99&id=eq.1").body,
            R"([{"id":1,"artist":null}])");
}

TEST_F(RestRead, EmbedsThatOnlyChooseRows) {
  EXPECT_EQ(get("acme", "artist?select=id,album!inner()&album.id=eq.5").body, R"([{"id":3}])");
  EXPECT_EQ(get("acme", "artist?select=id,album!inner(track!inner())&album.track.id=eq.2").body,
            R"([{"id":1}])");
  EXPECT_EQ(get("acme", "album?select=id,artist()&id=eq.1").body, R"([{"id":1}])");
  EXPECT_EQ(get("acme", "album?select=id,by:artist!inner(name)&artist.name=eq.acme+artist+3").body,
            R"([{"id":5,"by":{"name" : "acme artist 3"}}])");
}

TEST_F(RestRead, TheCountOfAnEmbed) {
  EXPECT_EQ(get("acme", "artist?select=id,album(count)&order=id").body,
            "[{\"id\":1,\"album\":[{\"count\" : 2}]},\n {\"id\":2,\"album\":[{\"count\" : 2}]},\n "
            "{\"id\":3,\"album\":[{\"count\" : 1}]}]");
  EXPECT_EQ(get("acme", "artist?select=id,album(n:count)&album.id=eq.5&album.order=id&id=eq.1").body,
            R"([{"id":1,"album":[{"n" : 0}]}])");
  EXPECT_EQ(get("acme", "playlist?select=track(count)").body, R"([{"track":[{"count" : 2}]}])");
  EXPECT_EQ(get("acme", "genre?select=track(count)&id=eq.1").body, R"([{"track":[{"count" : 3}]}])")
      << "acme's alone";
  EXPECT_EQ(get("acme", "artist?select=count()").status, 400u);
}

TEST_F(RestRead, WithoutNulls) {
  execute("update app.album set price = null, meta = '{\"k\":null,\"l\":[null,{\"m\":null}]}' where id = 2");
  const std::string_view target = "album?select=id,price,meta,artist(slug,none:name)&id=eq.2&artist.id=eq.9";
  Response response = get("acme", target, {{"Accept", "application/vnd.pgrst.array+json;nulls=stripped"}});
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(response.content_type, "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8");
  EXPECT_EQ(response.body, R"([{"id":2,"meta":{"l":[null,{}]}}])");
  response = get("acme", "album?select=price&id=eq.2",
                 {{"Accept", "application/vnd.pgrst.object+json;nulls=stripped"}});
  EXPECT_EQ(response.body, "{}");
}

TEST_F(RestRead, ARangeHeader) {
  Response response = get("acme", "album?select=id&order=id", {{"Range-Unit", "items"}, {"Range", "1-2"}});
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(header(response, "Content-Range"), "1-2/*");
  EXPECT_EQ(response.body, "[{\"id\":2},\n {\"id\":3}]");
  response = get("acme", "album", {{"Range", "2-1"}});
  EXPECT_EQ(response.status, 416u);
  EXPECT_NE(response.body.find("PGRST103"), std::string::npos);
}

TEST_F(RestRead, PathsThatAreNoRelations) {
  EXPECT_EQ(
      get("acme", "rpc/album").body,
      R"({"code":"PGRST202","message":"Could not find the function public.album without parameters in the schema cache",)"
      R"("details":"Searched for the function public.album without parameters, but no matches were found in the schema cache.",)"
      R"("hint":null})");
  for (std::string_view target : {"album/1", "album/", "rpc/album/x"}) {
    Response response = get("acme", target);
    EXPECT_EQ(response.status, 404u) << target;
    EXPECT_NE(response.body.find("PGRST125"), std::string::npos) << target << response.body;
  }
  EXPECT_NE(get("acme", "album%2Fx").body.find("PGRST205"), std::string::npos);
  EXPECT_NE(get("acme", "album%00").body.find("the path is malformed"), std::string::npos);
  EXPECT_EQ(get("acme", "album?limit=1", {{"Accept-Profile", "public"}}).status, 200u);
  EXPECT_EQ(get("acme", "album?limit=1", {{"Accept-Profile", "app"}}).status, 406u);
}

TEST_F(RestRead, CastsInEveryCase) {
  EXPECT_EQ(get("acme", "album?select=a:id::TEXT,b:id::float,c:released::Date,d:price::decimal&id=eq.1").body,
            R"([{"a":"1","b":1,"c":"2021-01-01","d":1.5000000000}])");
  for (std::string_view type :
       {"varchar", "character varying", "char", "character", "bpchar", "interval", "time", "timetz",
        "time with time zone", "time without time zone", "timestamp", "timestamp with time zone",
        "timestamp without time zone", "inet", "bytea", "money"}) {
    std::string target = "artist?select=a:slug::" + std::string(type) + "&id=eq.99";
    for (std::size_t at = 0; (at = target.find(' ', at)) != std::string::npos;) target.replace(at, 1, "%20");
    EXPECT_EQ(get("acme", target).body, "[]") << type;
  }
}

TEST_F(RestRead, ForeignKeysHaveTheirNamesWithoutTheTenant) {
  Postgres::migrate(database_, R"(
    create table message (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, sender_id integer,
      receiver_id integer, primary key (tenant_id, id), foreign key (tenant_id, sender_id) references employee (tenant_id, id),
      foreign key (tenant_id, receiver_id) references employee (tenant_id, id));
    select bulkhead.tenant_table('message');)");
  execute("insert into app.message values ('" + acme_ + "', 1, 1, 2)");
  auto admin = database_.connect_admin();
  source_.relations = must(sql::Relations::load(admin, "app"));
  EXPECT_EQ(get("acme", "message?select=from:employee!message_sender_id_fkey(name)").body,
            R"([{"from":{"name" : "acme boss"}}])");
  EXPECT_EQ(get("acme", "album?select=artist!album_artist_id_fkey(name)&id=eq.1").body,
            R"([{"artist":{"name" : "acme artist 1"}}])");
  Response ambiguous = get("acme", "message?select=employee(name)");
  EXPECT_EQ(ambiguous.status, 300u);
  EXPECT_NE(ambiguous.body.find("'employee!message_sender_id_fkey'"), std::string::npos) << ambiguous.body;
  EXPECT_NE(ambiguous.body.find("message_receiver_id_fkey using message(receiver_id) and employee(id)"),
            std::string::npos);
  EXPECT_EQ(ambiguous.body.find("tenant"), std::string::npos) << ambiguous.body;
}

TEST_F(RestRead, CountGivesRangeAndStatus) {
  const std::vector<HeaderView> exact{{"Prefer", "count=exact"}};
  Response response = get("acme", "album?select=id&limit=2&order=id", exact);
  EXPECT_EQ(response.status, 206u);
  EXPECT_EQ(header(response, "Content-Range"), "0-1/5");
  EXPECT_EQ(header(response, "Preference-Applied"), "count=exact");
  response = get("acme", "album?select=id", exact);
  EXPECT_EQ(response.status, 200u);
  EXPECT_EQ(header(response, "Content-Range"), "0-4/5");
  EXPECT_EQ(header(get("acme", "album?id=eq.99", exact), "Content-Range"), "*/0");
  EXPECT_EQ(header(get("acme", "album?id=eq.99"), "Content-Range"), "*/*");
  response = get("acme", "album?offset=6", exact);
  EXPECT_EQ(response.status, 416u);
  EXPECT_EQ(header(response, "Content-Range"), "*/5");
  EXPECT_EQ(
      response.body,
      R"({"code":"PGRST103","message":"Requested range not satisfiable","details":"An offset of 6 was requested, )"
      R"(but there are only 5 rows.","hint":null})");
  EXPECT_EQ(header(get("acme", "artist?select=id,album!inner(id)&album.id=eq.5", exact), "Content-Range"),
            "0-0/1");
  EXPECT_EQ(header(get("acme", "genre?select=id,track(id)", exact), "Content-Range"), "0-1/2");
}

TEST_F(RestRead, HeadIsGetWithoutItsBody) {
  Response response =
      send("acme", Method::head, "album?select=id", {{}, {{"Prefer", "count=exact"}}, Role::viewer});
  EXPECT_EQ(response.status, 200u);
  // It goes as far as the connection, which tells its length.
  EXPECT_EQ(response.body, get("acme", "album?select=id").body);
  EXPECT_EQ(header(response, "Content-Range"), "0-4/5");
}

TEST_F(RestRead, SingularOrNothing) {
  const std::vector<HeaderView> object{{"Accept", "application/vnd.pgrst.object+json"}};
  Response response = get("acme", "artist?select=id&id=eq.1", object);
  EXPECT_EQ(response.body, R"({"id":1})");
  EXPECT_EQ(response.content_type, "application/vnd.pgrst.object+json; charset=utf-8");
  response = get("acme", "artist?select=id&id=eq.9", object);
  EXPECT_EQ(response.status, 406u);
  EXPECT_EQ(response.body,
            R"({"code":"PGRST116","message":"Cannot coerce the result to a single JSON object",)"
            R"("details":"The result contains 0 rows","hint":null})");
  EXPECT_EQ(get("acme", "artist?select=id", object).status, 406u);
  response = get("acme", "artist", {{"Accept", "application/xml"}});
  EXPECT_EQ(response.status, 406u);
  EXPECT_EQ(
      response.body,
      R"({"code":"PGRST107","message":"None of these media types are available: application/xml","details":null,)"
      R"("hint":null})");
}

TEST_F(RestRead, WhatDoesNotExistIsSaidAlike) {
  Response nope = get("acme", "album?select=nope");
  EXPECT_EQ(nope.status, 400u);
  EXPECT_EQ(nope.body,
            R"({"code":"42703","message":"column album.nope does not exist","details":null,"hint":null})");
  for (std::string_view target :
       {"album?select=tenant_id", "album?tenant_id=eq.1", "album?order=tenant_id"}) {
    Response response = get("acme", target);
    EXPECT_EQ(response.status, 400u) << target;
    EXPECT_EQ(
        response.body,
        R"({"code":"42703","message":"column album.tenant_id does not exist","details":null,"hint":null})");
  }
  Response table = get("acme", "nope");
  EXPECT_EQ(table.status, 404u);
  EXPECT_EQ(table.body,
            R"({"code":"PGRST205","message":"Could not find the table 'public.nope' in the schema cache",)"
            R"("details":null,"hint":null})");
  EXPECT_EQ(get("acme", "album?select=playlist(*)").status, 400u);
  EXPECT_EQ(
      get("acme", "album?playlist.id=eq.1").body,
      R"({"code":"PGRST108","message":"'playlist' is not an embedded resource in this request","details":null,)"
      R"("hint":"Verify that 'playlist' is included in the 'select' query parameter."})");
}

TEST_F(RestRead, WrongTypesShowOnlyWhatWasSent) {
  Response response = get("acme", "album?id=eq.abc");
  EXPECT_EQ(response.status, 400u);
  EXPECT_EQ(
      response.body,
      R"({"code":"22P02","message":"invalid input syntax for type integer: \"abc\"","details":null,"hint":null})");
  EXPECT_EQ(get("acme", "album?id=like.1").status, 404u);  // 42883, as PostgREST maps it
}

}  // namespace
}  // namespace bulkhead::test
