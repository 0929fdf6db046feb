// Three walls between tenants: the predicate, row-level security, and the check on the way out. Each holds
// alone.
#include "shop.hpp"

namespace bulkhead::test {
namespace {

class Walls : public Shop {
 protected:
  void predicate_off() {
    data::PlaneSettings settings;
    settings.walls.predicate = false;
    make_plane(settings);
  }
  void row_security_off() {
    for (const char* table : {"artist", "album", "track", "playlist", "playlist_track", "employee"}) {
      execute(std::string("alter table app.") + table + " disable row level security");
      execute(std::string("alter table app.") + table + " no force row level security");
    }
  }
  // What acme sees through every kind of read.
  std::string everything() {
    std::string all;
    for (std::string_view target :
         {"artist?order=id", "album?select=id,title,artist(name)&order=id",
          "artist?select=name,album(title,track(name))", "playlist?select=name,track(name)",
          "employee?select=name,employee(name),reports_to(name)", "genre?select=name,track(name)"})
      all += get("acme", target).body;
    return all;
  }
};

TEST_F(Walls, AllTogetherShowOneTenant) {
  std::string seen = everything();
  EXPECT_NE(seen.find("acme track 3"), std::string::npos);
  EXPECT_EQ(seen.find("globex"), std::string::npos) << seen;
  EXPECT_EQ(plane_->mismatches(), 0u);
}

TEST_F(Walls, RowSecurityAlone) {
  std::string before = everything();
  predicate_off();
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(plane_->mismatches(), 0u);
  Response response = send("acme", Method::patch, "artist?id=eq.1", {R"({"name":"mine"})", {}, Role::member});
  EXPECT_EQ(response.status, 204u) << response.body;
  EXPECT_EQ(query_one("select name from app.artist where id = 1 and tenant_id = '" + globex_ + "'"),
            "globex artist 1");
}

TEST_F(Walls, PredicateAlone) {
  std::string before = everything();
  row_security_off();
  EXPECT_EQ(everything(), before);
  EXPECT_EQ(plane_->mismatches(), 0u);
  Response response = send("acme", Method::del, "playlist_track?playlist_id=eq.1", {{}, {}, Role::member});
  EXPECT_EQ(response.status, 204u) << response.body;
  EXPECT_EQ(query_one("select count(*) from app.playlist_track"), "2");
}

TEST_F(Walls, RowCheckAlone) {
  row_security_off();
  predicate_off();
  std::uint64_t refused = 0;
  for (std::string_view target :
       {"artist", "album?select=id,artist(name)", "artist?select=album(title)&id=eq.1",
        "playlist?select=track(name)", "genre?select=name,track(name)"}) {
    Response response = get("acme", target);
    EXPECT_EQ(response.status, 500u) << target;
    EXPECT_EQ(response.body.find("globex"), std::string::npos) << target;
    EXPECT_EQ(response.body.find(globex_), std::string::npos) << target;
    EXPECT_EQ(plane_->mismatches(), ++refused) << target;
  }
}

TEST_F(Walls, AnotherTenantsIdsLookAbsent) {
  execute("insert into app.artist (tenant_id,id,name,slug) values ('" + globex_ + "',500,'secret','secret')");
  auto with = [&](std::string_view id, Method method, std::string_view body) {
    Response response = send("acme", method, "artist?id=eq." + std::string(id), {body, {}, Role::member});
    return std::to_string(response.status) + response.body + header(response, "Content-Range");
  };
  for (Method method : {Method::get, Method::patch, Method::del})
    EXPECT_EQ(with("500", method, R"({"name":"x"})"), with("501", method, R"({"name":"x"})"));
  auto insert = [&](std::string_view slug, std::string_view artist) {
    std::string body =
        "{\"id\":7" + std::string(artist) + ",\"title\":\"t\",\"artist_id\":" + std::string(artist) + "}";
    Response album = send("acme", Method::post, "album", {body, {}, Role::member});
    body = "{\"id\":8" + std::string(artist) + ",\"name\":\"t\",\"slug\":\"" + std::string(slug) + "\"}";
    Response other = send("acme", Method::post, "artist", {body, {}, Role::member});
    // The details tell the request's own key, and no more.
    for (std::size_t at = 0; (at = album.body.find(artist, at)) != std::string::npos;)
      album.body.replace(at, artist.size(), "N");
    return std::to_string(album.status) + album.body + std::to_string(other.status) + other.body;
  };
  EXPECT_EQ(insert("secret", "500"), insert("free", "501"));
}

}  // namespace
}  // namespace bulkhead::test
