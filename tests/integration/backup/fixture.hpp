#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/backup/base.hpp"
#include "lifecycle/backup/restore.hpp"
#include "lifecycle/backup/rows.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle::backup {

using catalog::Model;
using test::must;
using test::Postgres;

/// Tables that refer to themselves and to each other in a circle, values of many kinds, and every way to number rows.
inline constexpr const char* everything = R"(
create type mood as enum ('sad', 'happy', 'it''s "so"');
create table thing (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, name text, large text, tags text[], mood mood,
  data jsonb, raw bytea, at timestamptz, day date, span interval, amount numeric(20,4), f double precision,
  half bigint generated always as (id * 2) stored, "Odd ""name" text, primary key (tenant_id, id));
select bulkhead.tenant_table('thing');
select bulkhead.tenant_numbered('thing', 'id');
create table numbered (tenant_id uuid not null default bulkhead.tenant_id(), id bigint generated always as identity, note text, large text, primary key (tenant_id, id));
select bulkhead.tenant_table('numbered');
create table person (tenant_id uuid not null default bulkhead.tenant_id(), name text not null, boss text, team bigint, primary key (tenant_id, name),
  foreign key (tenant_id, boss) references person (tenant_id, name));
select bulkhead.tenant_table('person');
create table team (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, lead text, primary key (tenant_id, id),
  foreign key (tenant_id, lead) references person (tenant_id, name));
select bulkhead.tenant_table('team');
create table "Odd Table" (tenant_id uuid not null default bulkhead.tenant_id(), "select" integer not null, "ä b" text, primary key (tenant_id, "select"));
select bulkhead.tenant_table('"Odd Table"');
create table profile (tenant_id uuid not null default bulkhead.tenant_id() primary key, motto text);
select bulkhead.tenant_table('profile');
)";
inline constexpr const char* circle = R"(
alter table person add foreign key (tenant_id, team) references team (tenant_id, id);
)";

class BackupTest : public testing::TestWithParam<Model> {
 protected:
  BackupTest() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    test::migrate_app(database_, {everything, circle});
    std::string folder = "/tmp/bh-backup-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
    store_ = "file://" + folder;
  }
  ~BackupTest() override { std::filesystem::remove_all(folder_); }

  /// `sql` names tables as @table and the tenant as $t.
  void run(const catalog::TenantRecord& tenant, const std::string& sql) {
    auto home = test::connect_home(database_, tenant);
    must(home.execute(placed(tenant, sql)));
  }
  std::string value(const catalog::TenantRecord& tenant, const std::string& sql) {
    auto home = test::connect_home(database_, tenant);
    return std::string(must(home.query(placed(tenant, sql))).text(0, 0));
  }
  static std::string placed(const catalog::TenantRecord& tenant, std::string sql) {
    const auto replace = [&sql](const std::string& what, const std::string& with) {
      for (std::size_t at = sql.find(what); at != std::string::npos; at = sql.find(what, at + with.size()))
        sql.replace(at, what.size(), with);
    };
    replace("@", "\"" + tenant.placement.schema + "\".");
    replace("$t", "'" + tenant.id.text() + "'");
    return sql;
  }

  catalog::TenantRecord filled(const std::string& slug) {
    auto tenant = test::make_tenant(database_, slug, GetParam());
    run(tenant, R"(
insert into @thing(tenant_id, id, name, large, tags, mood, data, raw, at, day, span, amount, f, "Odd ""name") values
 ($t, 1, E'tab\there\nline \\ "q" ''x''', (select string_agg(md5(n::text), '') from generate_series(1, 2000) n), '{a,NULL,"b,c",""}', 'happy', '{"a": [1, null, "\u00e4"]}', '\x00ff0a5c', 'infinity', '-infinity', '1 year 2 mons -3 days 04:05:06.789', 1234567890.1234, 'NaN', 'x'),
 ($t, 2, null, null, null, null, 'null', '', '2026-11-22T10:00:00.123456+02', '0044-03-15 BC', null, 'NaN', 0.1, ''),
 ($t, 3, '\N', '', '{}', 'it''s "so"', '[]', null, null, null, '-00:00:01', -0.0001, '-Infinity', '\.');
insert into @numbered(tenant_id, note) select $t, 'note ' || n from generate_series(1, 10) n;
insert into @person(tenant_id, name, boss) values ($t, 'Ann', 'Ann'), ($t, 'Ben, "B"', 'Ann'), ($t, E'Cé\tc', 'Ben, "B"');
insert into @team(tenant_id, id, lead) values ($t, 1, 'Ann');
update @person set team = 1 where tenant_id = $t;
insert into @"Odd Table" values ($t, 1, 'ö'), ($t, 2, null);
insert into @profile values ($t, 'onward');
insert into bulkhead.counter(tenant_id, name, value) values ($t, 'thing', 3), ($t, E'odd\tname', 9007199254740993);
)");
    return tenant;
  }

  /// All rows of a tenant as text, the same for the same rows.
  std::string dump(const catalog::TenantRecord& tenant) {
    auto home = test::connect_home(database_, tenant);
    must(home.execute("begin isolation level repeatable read read only"));
    must(set_formats(home));
    std::string out;
    for (const auto& shape : must(shapes_of(home, tenant.placement.schema))) {
      std::vector<std::string> rows;
      must(copy_rows(home, tenant.placement.schema, shape, tenant.id,
                     [&rows](std::string_view row) { rows.emplace_back(row); }));
      std::sort(rows.begin(), rows.end());
      out += "# " + shape.name + "\n";
      for (const auto& row : rows) out += row;
    }
    return out;
  }

  BackupReport backed_up(const std::string& tenant) {
    BackupRequest request;
    request.tenant = tenant;
    request.store = store_;
    return must(create_backup(admin_, request));
  }
  RestoreRequest wanted(const std::string& tenant, const std::string& as) const {
    RestoreRequest request;
    request.tenant = tenant;
    request.as = as;
    request.store = store_;
    return request;
  }
  Errc refused(const RestoreRequest& request) {
    auto done = restore_tenant(admin_, request);
    if (done.has_value()) return Errc::internal;
    return done.error().code();
  }
  Moment now() {
    const auto rows = must(admin_.query(
        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"));
    return must(parse_moment(rows.text(0, 0)));
  }
  std::string one(const std::string& sql) { return std::string(must(admin_.query(sql)).text(0, 0)); }

  /// Nothing is left of what failed: no tenant, no slot, no open operation, and no row in the pool but of tenants.
  void expect_nothing_half_made(const catalog::TenantRecord& some) {
    EXPECT_EQ(one("select count(*) from catalog.slot"), "0");
    EXPECT_EQ(one("select count(*) from catalog.operation where state in ('pending', 'running')"), "0");
    if (some.placement.model != Model::row) return;
    for (const char* table : {"thing", "numbered", "person", "team", "\"Odd Table\"", "profile"})
      EXPECT_EQ(one(std::string("select count(*) from app.") + table +
                    " where tenant_id not in (select id from catalog.tenant)"),
                "0")
          << table;
    EXPECT_EQ(
        one("select count(*) from bulkhead.counter where tenant_id not in (select id from catalog.tenant)"),
        "0");
  }

  test::Database database_;
  pg::Blocking admin_;
  std::filesystem::path folder_;
  std::string store_;
};

}  // namespace bulkhead::lifecycle::backup
