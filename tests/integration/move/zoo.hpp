#pragma once

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/move.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle {

using catalog::Model;
using test::must;
using test::Postgres;

/// Tables with everything that a copy of rows may get wrong.
inline constexpr const char* zoo = R"(
create type mood as enum ('calm', 'cross');
create domain price as numeric(12, 2) check (value >= 0);
create table keeper (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, name text not null,
  boss bigint, best_animal bigint, primary key (tenant_id, id),
  foreign key (tenant_id, boss) references keeper (tenant_id, id));
create table animal (tenant_id uuid not null default bulkhead.tenant_id(), id bigint generated always as identity, name text not null,
  keeper bigint, mood mood not null default 'calm', moods mood[] not null default '{}', picture bytea, story text, facts jsonb,
  born timestamptz default '2020-01-01', weight double precision, cost price, tags text[], span int4range, loud text generated always as (upper(name)) stored,
  primary key (tenant_id, id), foreign key (tenant_id, keeper) references keeper (tenant_id, id));
alter table keeper add foreign key (tenant_id, best_animal) references animal (tenant_id, id) deferrable;
create table "visit Log" (tenant_id uuid not null default bulkhead.tenant_id(), "at ""day" date not null, place text not null, note text, primary key (tenant_id, "at ""day", place));
create table motto (tenant_id uuid not null default bulkhead.tenant_id() primary key, words text);
create table day (tenant_id uuid not null default bulkhead.tenant_id(), n serial, at date not null, primary key (tenant_id, n, at)) partition by range (at);
create table day_past partition of day for values from (minvalue) to ('2026-01-01');
create table day_now partition of day for values from ('2026-01-01') to (maxvalue);
select bulkhead.tenant_table('keeper');
select bulkhead.tenant_table('animal');
select bulkhead.tenant_table('"visit Log"');
select bulkhead.tenant_table('motto');
select bulkhead.tenant_table('day');
select bulkhead.tenant_table('day_past');
select bulkhead.tenant_table('day_now');
select bulkhead.tenant_numbered('keeper', 'id');
create table country (code text primary key);
select bulkhead.shared_table('country');
)";

/// Rows of a tenant; `app.` stands for its schema.
inline constexpr const char* animals = R"(
insert into app.keeper(name) values ('Ada'), ('Ben'), ('Cem');
update app.keeper set boss = 1 where id > 1;
insert into app.animal(name, keeper, mood, moods, picture, story, facts, born, weight, cost, tags, span)
select 'animal ' || n, 1 + n % 3, case when n % 2 = 0 then 'cross'::app.mood else 'calm' end, array['cross', 'calm']::app.mood[],
  decode(repeat(md5(n::text), 300), 'hex'), repeat(md5(n::text) || E'\\ "x", \n', 400), jsonb_build_object('n', n, 'ü', null),
  case n % 5 when 0 then 'infinity' when 1 then '4713-01-01 BC' else now() end, case n % 4 when 0 then 'NaN' when 1 then 0.1 else 1e-300 end, n / 3.0,
  array['a"b', null, 'c,d', '']::text[], int4range(n, n + 3) from generate_series(1, 60) n;
update app.keeper set best_animal = (select min(id) from app.animal);
insert into app."visit Log"("at ""day", place, note) select '2026-01-01'::date + n, 'gate ' || n % 3, null from generate_series(1, 20) n;
insert into app.motto(words) values ('slow is smooth');
insert into app.day(at) select '2025-12-20'::date + n from generate_series(1, 30) n;
)";

/// Of an operation that is a move.
inline std::string phase_of(const Operation& operation) {
  const auto* phase = operation.progress.if_contains("phase");
  return operation.step == "move" && phase != nullptr && phase->is_string() ? std::string(phase->get_string())
                                                                            : "";
}

class Zoo : public testing::Test {
 protected:
  Zoo() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    test::migrate_app(database_, {zoo});
  }

  catalog::TenantRecord tenant(const std::string& slug) { return must(catalog::find_tenant(admin_, slug)); }

  /// SQL for schema app, where the tenant lives.
  static std::string placed(const catalog::TenantRecord& tenant, std::string sql) {
    for (std::size_t at = 0; (at = sql.find("app.", at)) != std::string::npos;
         at += tenant.placement.schema.size())
      sql.replace(at, 3, tenant.placement.schema);
    return sql;
  }
  void as(const std::string& slug, const std::string& sql) {
    const auto record = tenant(slug);
    // One statement at a time: the way is that of a server.
    std::size_t begin = 0;
    for (std::size_t end; (end = sql.find(";\n", begin)) != std::string::npos; begin = end + 2)
      test::as_tenant(database_, record, "member", placed(record, sql.substr(begin, end - begin)));
  }
  catalog::TenantRecord filled(const std::string& slug, Model model) {
    const auto made = test::make_tenant(database_, slug, model);
    EXPECT_EQ(made.placement.model, model);
    as(slug, animals);
    return tenant(slug);
  }

  /// All rows of the tenant where it lives, counters included, as text.
  std::string rows_of(const std::string& slug) {
    const auto record = tenant(slug);
    auto home = test::connect_home(database_, record);
    must(home.execute("set timezone = 'UTC'; set extra_float_digits = 3"));
    std::string out;
    for (const char* table : {"app.keeper", "app.animal", "app.\"visit Log\"", "app.motto", "app.day"}) {
      const std::string place = placed(record, table);
      auto rows =
          must(home.query("select count(*), coalesce(string_agg(to_jsonb(t)::text, E'\\n' order by "
                          "to_jsonb(t)::text), '') from " +
                              place + " t where tenant_id = $1::uuid",
                          {record.id.text()}));
      out += std::string(table) + " " + std::string(rows.text(0, 0)) + "\n" + std::string(rows.text(0, 1)) +
             "\n";
    }
    auto counters =
        must(home.query("select coalesce(string_agg(name || value, ',' order by name), '') from "
                        "bulkhead.counter where tenant_id = $1::uuid",
                        {record.id.text()}));
    return out + std::string(counters.text(0, 0));
  }

  Result<Operation> move(const std::string& slug, std::optional<Model> model, const std::string& cell = "",
                         const std::function<void(const Operation&)>& told = {}) {
    MoveRequest request;
    request.tenant = slug;
    request.model = model;
    request.cell = cell;
    auto started = start_move(admin_, request);
    if (started.has_error()) return started;
    return run_move(admin_, started->id, told);
  }

  void add_cell_north() {
    NewCell cell;
    cell.name = "north";
    cell.admin_url = Postgres::second().admin("postgres");
    EXPECT_EQ(must(add_cell(admin_, cell)).name, "north");
  }

  /// The tenant has one home, which is where the catalog says, and may be written there.
  void expect_one_home(const std::string& slug) {
    const auto record = tenant(slug);
    int homes = 0;
    auto all = must(catalog::list_databases(admin_));
    catalog::DatabaseRecord own;
    own.cell = catalog::own_cell;
    own.name = database_.name;
    const auto known = [&](const auto& place) { return place.cell == own.cell && place.name == own.name; };
    if (std::none_of(all.begin(), all.end(), known)) all.push_back(own);
    for (const auto& place : all) {
      auto inside = must(catalog::connect_to(admin_, place.cell, place.name));
      auto rows = must(
          inside.query("select resident, writable, epoch from bulkhead.residency where tenant_id = $1::uuid",
                       {record.id.text()}));
      if (rows.empty() || rows.text(0, 0) != "t") continue;
      ++homes;
      EXPECT_EQ(place.cell, record.placement.cell);
      EXPECT_EQ(place.name, record.placement.database);
      EXPECT_EQ(rows.text(0, 1), "t") << "it may be written";
      EXPECT_EQ(rows.text(0, 2), std::to_string(record.placement.epoch));
    }
    EXPECT_EQ(homes, 1);
  }

  test::Database database_;
  pg::Blocking admin_;
};

}  // namespace bulkhead::lifecycle
