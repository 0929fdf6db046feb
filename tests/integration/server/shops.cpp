#include "shops.hpp"

#include <fmt/format.h>

#include <bulkhead/json.hpp>

#include "checkout.hpp"
#include "support/models.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {

namespace {

struct World {
  Shops shops;
  TestServer server;
};
std::unique_ptr<World> world;

/// As the superuser, for whom row-level security does not apply.
void fill(const Database& database, const std::string& slug, const std::string& id, const std::string& mark,
          const std::string& extra) {
  std::string sql = R"(
create temp table i as select generate_series(1, 10) as n union all select generate_series({extra});
insert into app.artist (tenant_id, artist_id, name) select '{id}', n, '{mark} artist ' || n from i;
insert into app.album (tenant_id, album_id, title, artist_id) select '{id}', n, '{mark} album ' || n, n from i;
insert into app.track (tenant_id, track_id, name, album_id, media_type_id, genre_id, milliseconds, unit_price)
  select '{id}', n, '{mark} track ' || n, n, 1, 1, 1000 + n, 0.99 from i;
insert into app.employee (tenant_id, employee_id, last_name, first_name) select '{id}', n, '{mark} last', '{mark}' from i;
insert into app.customer (tenant_id, customer_id, first_name, last_name, email, address, support_rep_id)
  select '{id}', n, '{mark}', '{mark} last', '{mark}@' || n, '{mark} street', n from i;
insert into app.invoice (tenant_id, invoice_id, customer_id, invoice_date, total)
  select '{id}', n, n, '2021-01-01', 0.99 from i;
insert into app.invoice_line (tenant_id, invoice_line_id, invoice_id, track_id, unit_price, quantity)
  select '{id}', n, n, n, 0.99, 1 from i;
insert into app.playlist (tenant_id, playlist_id, name) select '{id}', n, '{mark} playlist ' || n from i;
insert into app.playlist_track (tenant_id, playlist_id, track_id) select '{id}', n, n from i;
insert into bulkhead.counter (tenant_id, name, value) select '{id}', unnest(array[
  'artist', 'album', 'track', 'employee', 'customer', 'invoice', 'invoice_line', 'playlist']), 1000;
drop table i;
)";
  for (const auto& [what, with] :
       {std::pair<std::string, std::string>{"{id}", id}, {"{mark}", mark}, {"{extra}", extra}})
    for (std::size_t at = 0; (at = sql.find(what, at)) != std::string::npos; at += with.size())
      sql.replace(at, what.size(), with);
  TenantHome(database, slug).execute(sql);
}

}  // namespace

Shops open_shops(bool plain) {
  Shops shops{Postgres::shared().make_database(plain), {}, {}};
  migrate_recordshop_everywhere(shops.database);
  // Before the tenants: those with tables of their own get a copy.
  pg::Blocking admin = shops.database.connect_admin();
  must(
      admin.execute("insert into app.genre (genre_id, name) values (1, 'Rock'), (2, 'Jazz');"
                    "insert into app.media_type (media_type_id, name) values (1, 'Vinyl')"));
  const auto [first, second] = wanted_models();
  shops.acme = make_tenant(shops.database, "acme", first).id.text();
  shops.globex = make_tenant(shops.database, "globex", second).id.text();
  fill(shops.database, "acme", shops.acme, "ACME", "101, 105");
  fill(shops.database, "globex", shops.globex, "GLOBEX", "201, 205");
  return shops;
}

TestServerSettings with_handlers() {
  TestServerSettings settings;
  settings.routes.push_back(Route{Method::post, "/v1/checkout", Role::member, recordshop::checkout});
  return settings;
}

Caller::Caller(const TestServer& server, std::string token, Headers always)
    : client_(server.client()), always_(std::move(always)) {
  if (!token.empty()) always_.emplace_back("Authorization", "Bearer " + token);
}

Reply Caller::send(const std::string& method, const std::string& target, const std::string& body,
                   const Headers& headers) {
  Call call;
  call.method = method;
  call.target = target;
  call.body = body;
  call.headers = always_;
  call.headers.insert(call.headers.end(), headers.begin(), headers.end());
  return client_.send(call);
}

void ShopsTest::SetUpTestSuite() {
  Shops shops = open_shops();
  Database database = shops.database;
  world.reset(new World{std::move(shops), TestServer(std::move(database), with_handlers())});
}

void ShopsTest::TearDownTestSuite() {
  world.reset();
}

TestServer& ShopsTest::server() {
  return world->server;
}
const Shops& ShopsTest::shops() {
  return world->shops;
}
Caller ShopsTest::ann(const std::string& role) {
  // A user for each role: one user's role would change under callers that were made before.
  return Caller(server(), server().token("acme", "ann-" + role, role));
}
Caller ShopsTest::gus(const std::string& role) {
  return Caller(server(), server().token("globex", "gus-" + role, role));
}

boost::json::value json_of(const Reply& reply) {
  return must(parse_json(reply.body));
}

std::string code_of(const Reply& reply) {
  auto document = parse_json(reply.body);
  if (document.has_error() || !document->is_object()) return {};
  const boost::json::value* code = document->get_object().if_contains("code");
  return code != nullptr && code->is_string() ? std::string(code->get_string()) : std::string();
}

std::string compact(const Reply& reply) {
  std::string out;
  bool string = false;
  for (std::size_t i = 0; i < reply.body.size(); ++i) {
    char c = reply.body[i];
    if (!string && (c == ' ' || c == '\n')) continue;
    out.push_back(c);
    if (c == '\\' && string) out.push_back(reply.body[++i]);
    if (c == '"') string = !string;
  }
  return out;
}

std::string comparable(const Reply& reply) {
  std::string text = fmt::format("{} {}\n", reply.status, reply.reason);
  for (const auto& [name, value] : reply.headers)
    if (name != "date") text += name + ": " + value + "\n";
  std::string body = reply.body;
  constexpr std::string_view member = "\"trace_id\":\"";
  if (auto at = body.find(member); at != std::string::npos) body.erase(at + member.size(), 32);
  return text + body;
}

std::string told_to_acme(const Reply& reply, const Shops& shops) {
  std::string all = comparable(reply);
  for (const std::string& secret :
       {std::string("GLOBEX"), shops.globex, shops.acme, std::string("tenant_id")})
    if (all.find(secret) != std::string::npos) return secret;
  return {};
}

}  // namespace bulkhead::test
