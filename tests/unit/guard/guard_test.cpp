#include "sql/guard/guard.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::sql {
namespace {

const Relations& shop() {
  static const Relations relations = [] {
    std::vector<Relation> all;
    for (const char* name : {"orders", "line", "customer"}) {
      Relation table;
      table.name = name;
      table.tenant = true;
      all.push_back(table);
    }
    Relation genre;
    genre.name = "genre";
    all.push_back(genre);
    return Relations(std::move(all), {});
  }();
  return relations;
}

class Good : public testing::TestWithParam<const char*> {};
TEST_P(Good, IsAccepted) {
  auto verdict = guard(GetParam(), shop());
  EXPECT_TRUE(verdict) << verdict.error().message();
}

INSTANTIATE_TEST_SUITE_P(
    Guard, Good,
    testing::Values(
        "select * from orders where tenant_id = $1",
        "select * from app.orders where orders.tenant_id = $1::uuid;",
        "select o.id from orders o where $1 = o.tenant_id and o.total > $2", "select name from genre",
        "select name from genre where id = $2", "select 1", "values (1), (2)",
        "select count(*), sum(total), max(created_at) from orders where tenant_id = $1 group by status "
        "having count(*) > 1",
        "select o.*, l.n from orders o join line l on l.tenant_id = $1 and l.order_id = o.id where "
        "o.tenant_id = $1",
        "select * from orders o, line l where o.tenant_id = $1 and l.tenant_id = $1 and l.order_id = o.id",
        "select * from orders o left join line l on l.tenant_id = $1 and l.order_id = o.id where o.tenant_id "
        "= $1",
        "select * from line l right join orders o on l.tenant_id = $1 and l.order_id = o.id where "
        "o.tenant_id = $1",
        "select * from orders o join genre g on g.id = o.genre_id where o.tenant_id = $1",
        "select * from orders o left join (line l join customer c on c.tenant_id = $1 and l.tenant_id = $1) "
        "on true where "
        "o.tenant_id = $1",
        "select * from (select * from orders where tenant_id = $1) a full join (select * from line where "
        "tenant_id = $1) b "
        "using (id)",
        "with q as (select * from orders where tenant_id = $1) select * from q",
        "with orders as (select * from orders where tenant_id = $1) select * from orders",
        "with recursive t as (select id from orders where tenant_id = $1 union all select o.id from orders o "
        "join t on "
        "o.parent = t.id where o.tenant_id = $1) select * from t",
        "select * from orders o where o.tenant_id = $1 and exists (select 1 from line l where l.tenant_id = "
        "$1 and "
        "l.order_id = o.id)",
        "select (select count(*) from line l where l.tenant_id = $1 and l.order_id = o.id) from orders o "
        "where o.tenant_id "
        "= $1",
        "select id from orders where tenant_id = $1 union all select id from line where tenant_id = $1",
        "select id from orders where tenant_id = $1 order by id limit $2 offset $3 for update skip locked",
        "select row_number() over (partition by status order by id) from orders where tenant_id = $1",
        "select extract(year from created_at), coalesce(a, b), case when x then 1 else 2 end from orders "
        "where tenant_id = $1",
        "select * from orders o cross join lateral (select * from line l where l.tenant_id = $1 and "
        "l.order_id = o.id) x "
        "where o.tenant_id = $1",
        "select lower(name), regexp_replace(name, 'a', 'b'), now(), gen_random_uuid() from customer where "
        "tenant_id = $1",
        "select g from generate_series(1, $2::int) g",
        "select id = any($2::bigint[]) from orders where tenant_id = $1",
        "insert into orders (tenant_id, total) values ($1, $2) returning id",
        "insert into orders (total, tenant_id) values ($2, $1), ($3, $1::uuid)",
        "insert into line (tenant_id, n) select $1, o.n from orders o where o.tenant_id = $1",
        "insert into line (tenant_id, n) select $1, 1 union all select $1, 2",
        "insert into orders (tenant_id, id, total) values ($1, $2, $3) on conflict (tenant_id, id) do update "
        "set total = "
        "excluded.total where orders.total < excluded.total",
        "insert into orders (tenant_id, id) values ($1, $2) on conflict (tenant_id, id) do nothing",
        "update orders set total = $2 where tenant_id = $1 and id = $3 returning *",
        "update orders o set total = l.n from line l where o.tenant_id = $1 and l.tenant_id = $1 and "
        "l.order_id = o.id",
        "update orders set (total, note) = (select 1, 'x') where tenant_id = $1",
        "delete from orders where tenant_id = $1 and id = $2",
        "delete from orders o using line l where o.tenant_id = $1 and l.tenant_id = $1 and l.order_id = o.id",
        "with gone as (delete from line where tenant_id = $1 returning id) select count(*) from gone",
        "select bulkhead.tenant_id() from orders where tenant_id = $1",
        "select (c.address).region, c.registered_at, c.has_dog from customer c where c.tenant_id = $1",
        "select q.page_count from (select count(*) as page_count from orders where tenant_id = $1) q",
        "select (array[1, 2])[1], n.value from jsonb_each_text($2::jsonb) as n(key, value)",
        "select 'set role x; $1' -- $1; begin"));

class Hostile : public testing::TestWithParam<const char*> {};
TEST_P(Hostile, IsRefusedWithPlaceAndHint) {
  auto verdict = guard(GetParam(), shop());
  ASSERT_FALSE(verdict) << GetParam();
  EXPECT_EQ(verdict.error().code(), Errc::statement_refused);
  EXPECT_NE(verdict.error().message().find("(line "), std::string_view::npos) << verdict.error().message();
}

/// Valid SQL: it is the guard's rule that refuses it, not the grammar.
class HostileSql : public testing::TestWithParam<const char*> {};
TEST_P(HostileSql, IsRefusedByARule) {
  auto verdict = guard(GetParam(), shop());
  ASSERT_FALSE(verdict) << GetParam();
  EXPECT_TRUE(verdict.error().message().starts_with("refused SQL: ")) << verdict.error().message();
  EXPECT_FALSE(verdict.error().hint().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Commands, Hostile,
    testing::Values("", ";", "-- nothing", "select 1; select 2", "select 1; set role app_owner",
                    "set role app_owner", "set local bulkhead.context = 'x'", "reset role", "reset all",
                    "begin", "commit", "rollback", "savepoint a", "copy orders to stdout",
                    "copy orders from program 'id'", "do $$ begin end $$", "call f()", "explain select 1",
                    "explain analyze delete from orders where tenant_id = $1", "listen a", "notify a, 'b'",
                    "truncate orders", "create table x (a int)", "drop table orders",
                    "alter table orders disable row level security", "grant all on orders to public",
                    "vacuum", "prepare p as select 1", "execute p", "declare c cursor for select 1",
                    "fetch c", "discard all", "lock table orders",
                    "create function f() returns int language sql as 'select 1'",
                    "merge into orders o using line l on true when matched then delete", "show all",
                    "select * into x from orders where tenant_id = $1", "create temp table t as select 1",
                    "selec 1", "select 'x"));

INSTANTIATE_TEST_SUITE_P(
    Functions, HostileSql,
    testing::Values(
        "select set_config('bulkhead.context', 'x', true)", "select pg_catalog.set_config('role', 'x', true)",
        "select \"set_config\"('role', 'x', true)", "select SET_CONFIG('role', 'x', true)",
        "select U&\"set_c\\006fnfig\"('role', 'x', true)",
        "select * from orders where tenant_id = $1 and set_config('role', 'x', true) is not null",
        "select * from orders where tenant_id = $1 union all select set_config('role', 'x', true)",
        "select * from set_config('role', 'x', true)", "select current_setting('bulkhead.context')",
        "select pg_sleep(100)", "select pg_read_file('/etc/passwd')", "select pg_terminate_backend(1)",
        "select pg_advisory_lock(1)", "select pg_try_advisory_xact_lock(1)", "select pg_notify('a', 'b')",
        "select query_to_xml('select * from orders', true, true, '')",
        "select table_to_xml('orders', true, true, '')", "select database_to_xml(true, true, '')",
        "select lo_import('/etc/passwd')", "select lo_get(1)", "select dblink('host=x', 'select 1')",
        "select * from dblink('x') as t(a int)", "select txid_current()", "select setval('s', 1)",
        "select (('select to_tsvector(body) from orders'::text).ts_stat).word", "select ($2::text).ts_stat",
        "select ($2::text).ts_stat.word", "select (123).pg_terminate_backend",
        "select (1::bigint).pg_advisory_lock", "select ('bulkhead.context'::text).current_setting",
        "select (3.0::float8).pg_sleep", "select (f).ts_stat from unnest(array[$2::text]) f",
        "select f.ts_stat from unnest(array[$2::text]) f",
        "select unnest.ts_stat from unnest(array[$2::text])",
        "select f.current_setting from orders o, lateral unnest(array[o.note]) f where o.tenant_id = $1",
        "select (select f.pg_sleep) from generate_series(1, 2) f", "select setseed(0.5)",
        "select (0.5).setseed", "select next_id('orders')", "select raise_counter('orders', 9)",
        "select getpgusername()", "select pg_advisory_unlock_all()", "select lo_from_bytea(0, '')",
        "select lastval()", "select ts_stat('select 1')", "select has_table_privilege('x', 'y')",
        "select bulkhead.resides($1, 1, true, 'app', 0)", "select bulkhead.target_version('app')",
        "select bulkhead.tenant_table('x')", "select other.f()", "select 'pg_authid'::regclass",
        "select cast('x' as regproc)", "select to_regclass('x')",
        "select a operator(evil.=) b from orders where tenant_id = $1",
        "update orders set total = (select set_config('role', 'x', true)::int) where tenant_id = $1",
        "insert into orders (tenant_id, a) values ($1, pg_sleep(1)::text)",
        "select 1 order by set_config('role', 'x', true)", "select 1 limit (select pg_backend_pid())",
        "select count(*) filter (where pg_sleep(1) is null) from orders where tenant_id = $1"));

INSTANTIATE_TEST_SUITE_P(Relations, HostileSql,
                         testing::Values("select * from pg_catalog.pg_class", "select * from pg_class",
                                         "select * from pg_stats", "select * from information_schema.tables",
                                         "select * from catalog.tenant", "select * from bulkhead.residency",
                                         "select * from bulkhead.binding_key", "select * from nowhere",
                                         "select * from otherdb.app.orders where tenant_id = $1",
                                         "table pg_authid", "select (select rolname from pg_authid limit 1)",
                                         "insert into genre (id) values (1)", "update genre set name = 'x'",
                                         "delete from genre", "delete from pg_class",
                                         "select * from orders tablesample system (1) where tenant_id = $1",
                                         "select xmlforest(1)",
                                         "select * from xmltable('/a' passing '<a/>' columns b text)"));

INSTANTIATE_TEST_SUITE_P(
    Tenant, HostileSql,
    testing::Values(
        "select * from orders", "table orders", "select * from orders where id = $2",
        "select * from orders where tenant_id = $2", "select * from orders where tenant_id = $1 or true",
        "select * from orders where not (tenant_id = $1)", "select * from orders where tenant_id <> $1",
        "select * from orders where tenant_id in ($1)",
        "select * from orders where tenant_id = '00000000-0000-0000-0000-000000000000'",
        "select * from orders where tenant_id = tenant_id",
        "select * from orders where coalesce(tenant_id = $1, true)",
        "select * from orders o where (tenant_id = $1) is not false",
        "select * from orders o where o.tenant_id operator(pg_catalog.<>) $1",
        "select * from orders o where orders.tenant_id = $1",
        "select * from orders o, line l where o.tenant_id = $1",
        "select * from orders o, line l where tenant_id = $1",
        "select * from orders o join line l on l.order_id = o.id where o.tenant_id = $1",
        "select * from orders o join line l on l.tenant_id = o.tenant_id where o.tenant_id = $1",
        "select * from orders o join line l using (tenant_id) where o.tenant_id = $1",
        "select * from orders o natural join line l where o.tenant_id = $1",
        "select * from orders o left join line l on l.tenant_id = $1 and o.tenant_id = $1",
        "select * from orders o right join line l on l.tenant_id = $1 where o.tenant_id = $1",
        "select * from orders o left join line l on l.order_id = o.id where o.tenant_id = $1 and l.tenant_id "
        "= $1",
        "select * from orders o full join line l on o.tenant_id = $1 and l.tenant_id = $1",
        "select * from orders o full join line l on true where o.tenant_id = $1 and l.tenant_id = $1",
        "select * from (orders o join line l on o.tenant_id = $1 and l.tenant_id = $1) as j",
        "select * from orders as o(a, tenant_id) where o.tenant_id = $1",
        "select * from (select * from orders) o where o.tenant_id = $1",
        "with q as (select * from orders) select * from q where q.tenant_id = $1",
        "with q as (select 1) select * from orders", "with orders as (select * from orders) select 1",
        "select 1 where exists (select 1 from line)", "select (select count(*) from orders)",
        "select * from orders o where o.tenant_id = $1 and exists (select 1 from line l where o.tenant_id = "
        "$1)",
        "select * from orders where tenant_id = $1 union select * from orders",
        "select * from orders where tenant_id = $1 and id in (select order_id from line)",
        "select * from orders where tenant_id = $1 order by (select max(id) from line)",
        "select * from genre g cross join lateral (select * from orders) x", "select $1",
        "select * from orders where tenant_id = $1 and note = $1", "select * from genre where id = $1",
        "insert into orders (total) values ($2)", "insert into orders values ($1, $2)",
        "insert into orders default values", "insert into orders (tenant_id, total) values ($2, $1)",
        "insert into orders (tenant_id) values (default)",
        "insert into orders (tenant_id, total) values ($1, 1), ($2, 2)",
        "insert into orders (tenant_id, n) select l.tenant_id, l.n from line l where l.tenant_id = $1",
        "insert into orders (n, tenant_id) select l.*, $1 from line l where l.tenant_id = $1",
        "insert into orders (tenant_id, n) select $1, n from line",
        "insert into orders (tenant_id, n) select $1, 1 union all select $2, 2",
        "insert into orders (tenant_id, id) values ($1, 1) on conflict do nothing",
        "insert into orders (tenant_id, id) values ($1, 1) on conflict (id) do nothing",
        "insert into orders (tenant_id, id) values ($1, 1) on conflict on constraint orders_pkey do nothing",
        "insert into orders (tenant_id, id) values ($1, 1) on conflict (tenant_id, id) do update set "
        "tenant_id = $2",
        "update orders set total = 1", "update orders set tenant_id = $2 where tenant_id = $1",
        "update orders set (total, tenant_id) = (1, $2) where tenant_id = $1",
        "update orders o set total = l.n from line l where o.tenant_id = $1",
        "update orders o set total = 1 from line l join customer c on c.tenant_id = $1 where l.tenant_id = "
        "$1",
        "delete from orders", "delete from orders o using line l where o.tenant_id = $1",
        "delete from orders where id in (select id from orders where tenant_id = $1)",
        "delete from orders where current of c", "with x as (delete from orders returning *) select * from x",
        "with x as (update orders set total = 1 returning *) select 1"));

TEST(Guard, ReportsLaneAndParameters) {
  auto read = guard("select * from orders where tenant_id = $1 and a = $3", shop());
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->writes);
  EXPECT_TRUE(read->tenant_param);
  EXPECT_EQ(read->params, 3U);
  auto shared = guard("select * from genre", shop());
  ASSERT_TRUE(shared);
  EXPECT_FALSE(shared->tenant_param);
  EXPECT_EQ(shared->params, 0U);
  EXPECT_TRUE(guard("select 1 from orders where tenant_id = $1 for update", shop())->writes);
  EXPECT_TRUE(
      guard("with x as (delete from line where tenant_id = $1 returning 1) select * from x", shop())->writes);
  EXPECT_TRUE(guard("insert into orders (tenant_id) values ($1)", shop())->writes);
}

TEST(Guard, SaysWhichRuleWhereAndWhatToWrite) {
  auto verdict = guard("select *\nfrom orders o\njoin line l on true where o.tenant_id = $1", shop());
  ASSERT_FALSE(verdict);
  EXPECT_EQ(verdict.error().message(),
            "refused SQL: tenant relation l is read without its tenant (line 3, column 6)");
  EXPECT_NE(verdict.error().hint().find("add l.tenant_id = $1"), std::string_view::npos);
}

TEST(Guard, AnswersDeepAndHugeText) {
  for (const char* level : {"(", "(select ", "not ", "- ", "case when ", "x::int::", "1+"}) {
    for (int count : {100, 10000}) {
      std::string text = "select ";
      for (int i = 0; i < count; ++i) text += level;
      EXPECT_FALSE(guard(text + "(", shop())) << level << count;
    }
  }
  std::string chain = "select 1";
  for (int i = 0; i < 1900; ++i) chain += "+1";
  EXPECT_FALSE(guard(chain, shop()));
  std::string nested = "select 1 from orders where tenant_id = $1";
  for (int i = 0; i < 40; ++i) nested = "select * from (" + nested + ") s";
  EXPECT_TRUE(guard(nested, shop()));
}

}  // namespace
}  // namespace bulkhead::sql
