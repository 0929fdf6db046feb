#include "world.hpp"

#include <fmt/format.h>

#include "support/models.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {

namespace {

/// Superuser: row-level security does not apply, so both shops are filled by one statement each.
void fill(const Database& database, const Shop& shop, const std::string& ids) {
  std::string sql = R"(
insert into app.artist (tenant_id, artist_id, name) select '{id}', i, '{mark} artist ' || i from ({ids}) s(i);
insert into app.album (tenant_id, album_id, title, artist_id) select '{id}', i, '{mark} album ' || i, i from ({ids}) s(i);
insert into app.track (tenant_id, track_id, name, album_id, media_type_id, genre_id, composer, milliseconds, bytes, unit_price)
  select '{id}', i, '{mark} track ' || i, i, 1, 1, '{mark} composer', 1000 + i, 5, 0.99 from ({ids}) s(i);
insert into app.employee (tenant_id, employee_id, last_name, first_name, title, email)
  select '{id}', i, '{mark} last', '{mark} first', '{mark} title', '{mark}@' || i from ({ids}) s(i);
insert into app.customer (tenant_id, customer_id, first_name, last_name, email, support_rep_id)
  select '{id}', i, '{mark} first', '{mark} last', '{mark}@' || i, i from ({ids}) s(i);
insert into app.invoice (tenant_id, invoice_id, customer_id, invoice_date, billing_address, total)
  select '{id}', i, i, '2021-01-01', '{mark} street', 0.99 from ({ids}) s(i);
insert into app.invoice_line (tenant_id, invoice_line_id, invoice_id, track_id, unit_price, quantity)
  select '{id}', i, i, i, 0.99, 1 from ({ids}) s(i);
insert into app.playlist (tenant_id, playlist_id, name) select '{id}', i, '{mark} playlist ' || i from ({ids}) s(i);
insert into app.playlist_track (tenant_id, playlist_id, track_id) select '{id}', i, i from ({ids}) s(i);
insert into bulkhead.counter (tenant_id, name, value)
  select '{id}', unnest(array['artist', 'album', 'track', 'employee', 'customer', 'invoice', 'invoice_line', 'playlist']), 10000;
)";
  auto replace = [&sql](const std::string& what, const std::string& with) {
    for (std::size_t at = 0; (at = sql.find(what, at)) != std::string::npos; at += with.size())
      sql.replace(at, what.size(), with);
  };
  replace("{id}", shop.id);
  replace("{mark}", shop.mark);
  replace("{ids}", ids);
  TenantHome(database, shop.slug).execute(sql);
}

}  // namespace

World make_world(catalog::Model acme_model, catalog::Model globex_model, bool plain) {
  World world{Postgres::shared().make_database(plain), {}, {}};
  migrate_recordshop_everywhere(world.database);
  // Before the shops: those with tables of their own get a copy.
  must(world.database.connect_admin().execute(
      "insert into app.genre (genre_id, name) values (1, 'Rock');"
      "insert into app.media_type (media_type_id, name) values (1, 'Vinyl')"));
  const std::string acme = make_tenant(world.database, "acme", acme_model).id.text();
  const std::string globex = make_tenant(world.database, "globex", globex_model).id.text();
  world.acme = Shop{"acme", "globex", "ACMEMARK", "GLOBEXMARK", acme, globex, 101};
  world.globex = Shop{"globex", "acme", "GLOBEXMARK", "ACMEMARK", globex, acme, 201};
  fill(world.database, world.acme,
       "select generate_series(1, 100) union all select generate_series(201, 300)");
  fill(world.database, world.globex, "select generate_series(1, 200)");
  return world;
}

World make_world(bool plain) {
  return make_world(catalog::Model::row, catalog::Model::row, plain);
}

std::string leak_in(const Reply& reply, const Shop& shop) {
  std::string all = reply.body;
  for (const auto& [name, value] : reply.headers) all += "\n" + name + ": " + value;
  for (const std::string& secret : {shop.other_mark, shop.other_id, shop.id, std::string("tenant_id")})
    if (all.find(secret) != std::string::npos) return secret;
  return {};
}

}  // namespace bulkhead::test
