#include "shop.hpp"

#include "support/tenants.hpp"

namespace bulkhead::test {

namespace {

constexpr std::string_view schema_sql = R"(
create table genre (id integer primary key, name text not null unique);
create table artist (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, name text not null,
  slug text, primary key (tenant_id, id), unique (tenant_id, slug), constraint name_not_empty check (name <> ''));
create table album (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, title text not null,
  artist_id integer, price numeric(30,10), released timestamptz, tags text[], meta jsonb, sold boolean default false,
  primary key (tenant_id, id), foreign key (tenant_id, artist_id) references artist (tenant_id, id));
create table track (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, name text not null,
  album_id integer, genre_id integer references genre (id), primary key (tenant_id, id),
  foreign key (tenant_id, album_id) references album (tenant_id, id));
create table playlist (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, name text,
  primary key (tenant_id, id));
create table playlist_track (tenant_id uuid not null default bulkhead.tenant_id(), playlist_id integer not null,
  track_id integer not null, primary key (tenant_id, playlist_id, track_id),
  foreign key (tenant_id, playlist_id) references playlist (tenant_id, id),
  foreign key (tenant_id, track_id) references track (tenant_id, id));
create table employee (tenant_id uuid not null default bulkhead.tenant_id(), id integer not null, name text,
  reports_to integer, primary key (tenant_id, id),
  foreign key (tenant_id, reports_to) references employee (tenant_id, id));
select bulkhead.shared_table('genre');
select bulkhead.tenant_table(t) from unnest(array['artist','album','track','playlist','playlist_track','employee']) t;
)";

constexpr std::string_view rows_sql = R"(
insert into app.genre values (1,'Rock'),(2,'Jazz');
insert into app.artist (tenant_id,id,name,slug) select $T, n, $P||' artist '||n, 's'||n from generate_series(1,3) n;
insert into app.album (tenant_id,id,title,artist_id,price,released,tags,meta)
  select $T, n, $P||' album '||n, (n-1)/2+1, n+0.5, '2021-01-01 10:00:00+00', array['a','b"c'], '{"k":1}' from generate_series(1,5) n;
insert into app.track (tenant_id,id,name,album_id,genre_id) select $T, n, $P||' track '||n, (n-1)%3+1, n%2+1 from generate_series(1,6) n;
insert into app.playlist (tenant_id,id,name) values ($T,1,$P||' list');
insert into app.playlist_track (tenant_id,playlist_id,track_id) values ($T,1,1),($T,1,2);
insert into app.employee (tenant_id,id,name,reports_to) values ($T,1,$P||' boss',null),($T,2,$P||' clerk',1);
)";

std::string rows_of(std::string_view tenant, std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < rows_sql.size(); ++i) {
    if (rows_sql.substr(i, 2) == "$T") {
      out.append("'").append(tenant).append("'::uuid");
      ++i;
    } else if (rows_sql.substr(i, 2) == "$P") {
      out.append("'").append(name).append("'");
      ++i;
    } else {
      out.push_back(rows_sql[i]);
    }
  }
  return out;
}

}  // namespace

void Shop::SetUp() {
  database_ = Postgres::shared().make_database();
  const auto models = wanted_models();
  migrate_app(database_, {std::string(schema_sql)});
  acme_tenant_ = make_tenant(database_, "acme", models.first);
  globex_tenant_ = make_tenant(database_, "globex", models.second);
  acme_ = acme_tenant_.id.text();
  globex_ = globex_tenant_.id.text();
  execute(rows_of(acme_, "acme"));
  std::string others = rows_of(globex_, "globex");
  // The shared rows are there already where both have the same tables.
  execute(apart() ? others : others.substr(others.find(";") + 1));
  TenantHome home(database_, "acme");
  source_.relations = must(sql::Relations::load(home.admin(), home.schema()));
  pg::LaneSettings few;
  few.read_connections = few.slow_connections = few.session_connections = 1;
  few.write_connections = 2;
  catalog_lanes_ = std::make_unique<pg::Lanes>(io_.get_executor(), database_.catalog, few);
  view_ = std::make_unique<catalog::View>(io_.get_executor(), *catalog_lanes_, database_.catalog,
                                          catalog::ViewSettings());
  data::HomesSettings homes;
  homes.own_conninfo = database_.login;
  homes.own_database = database_.name;
  homes.own_server = database_.login;
  homes.own_key.id = database_.credentials.binding_key_id;
  homes.own_key.secret = database_.credentials.binding_secret;
  homes.own_lanes = homes.other_lanes = few;
  homes_ = std::make_unique<data::Homes>(io_.get_executor(), std::move(homes), *catalog_lanes_);
  make_plane();
}

void Shop::TearDown() {
  if (!plane_) return;  // SetUp failed
  auto soon = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  wait(homes_->drain(soon));
  wait(catalog_lanes_->drain(soon));
  plane_.reset();
  view_.reset();
  homes_.reset();
  catalog_lanes_.reset();
}

void Shop::make_plane(data::PlaneSettings settings) {
  plane_ = std::make_unique<data::Plane>(*homes_, *view_, source_, settings);
}

RequestContext Shop::context(std::string_view slug, Role role, std::int64_t epoch) const {
  auto record = std::make_shared<catalog::TenantRecord>(slug == "acme" ? acme_tenant_ : globex_tenant_);
  record->placement.epoch = epoch;
  return permitted(std::move(record), role);
}

Response Shop::send(std::string_view tenant, Method method, std::string_view target, Sent sent) {
  RequestContext asking = context(tenant, sent.role);
  TenantSession session(asking, *plane_);
  Request request;
  request.method = method;
  request.target = target;
  std::size_t question = std::min(target.find('?'), target.size());
  request.query = target.substr(std::min(question + 1, target.size()));
  request.headers = sent.headers;
  request.body = sent.body;
  return wait(rest_.handle(request, session, target.substr(0, question)));
}

std::string Shop::header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "";
}

bool Shop::apart() const {
  return acme_tenant_.placement.database != globex_tenant_.placement.database ||
         acme_tenant_.placement.schema != globex_tenant_.placement.schema;
}

TenantHome Shop::home_of(std::string_view sql) const {
  return {database_, sql.find(globex_) == std::string_view::npos ? "acme" : "globex"};
}

void Shop::execute(std::string_view sql) {
  if (sql.find("catalog.") != std::string_view::npos) {
    auto admin = database_.connect_admin();
    return must(admin.execute(sql));
  }
  home_of(sql).execute(sql);
}

std::string Shop::query_one(std::string_view sql) {
  if (!apart() || !sql.starts_with("select count(*)")) return home_of(sql).query_one(sql);
  int rows = 0;
  for (const char* slug : {"acme", "globex"}) rows += std::stoi(TenantHome(database_, slug).query_one(sql));
  return std::to_string(rows);
}

}  // namespace bulkhead::test
