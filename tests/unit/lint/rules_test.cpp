#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "migrate/lint.hpp"

namespace bulkhead::migrate {
namespace {

/// A tenant table `t`, a shared table `s`, in front of every case.
const std::string base =
    "create table t (tenant_id uuid not null default bulkhead.tenant_id(), id uuid, a int, primary key "
    "(tenant_id, id)); "
    "select bulkhead.tenant_table('t'); create table s (code text primary key); select "
    "bulkhead.shared_table('s');\n";

std::vector<Finding> run(const std::string& sql) {
  // Such a file holds nothing else.
  if (sql.find("bulkhead: concurrent") != std::string::npos) {
    const std::vector<SourceFile> files = {{"0001_a.sql", base}, {"0002_b.sql", sql}};
    return lint(files);
  }
  SourceFile file{"0001_a.sql", base + sql};
  return lint(std::span(&file, 1));
}
bool finds(const std::vector<Finding>& findings, std::string_view rule) {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding& f) { return f.rule == rule; });
}
std::string print(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) text += format_finding(finding);
  return text;
}

struct Case {
  const char *rule, *bad, *good;
};

/// A tenant table `x` whose columns beside the usual ones are `rest`.
#define TENANT(rest)                                                                     \
  "create table x (tenant_id uuid not null default bulkhead.tenant_id(), id uuid, " rest \
  "); select bulkhead.tenant_table('x');"
#define PK "primary key (tenant_id, id)"

const Case cases[] = {
    {"syntax", "creat table x (a int);", ""},
    {"syntax", "select 'x;", "select 'x';"},
    {"directive", "-- bulkhead: allow truncate\ntruncate t;",
     "-- bulkhead: allow truncate it is a cache\ntruncate t;"},
    {"directive", "-- bulkhead: allow trunkate it is a cache\nselect 1;",
     "-- bulkheads are walls\nselect 1;"},
    {"directive", "-- bulkhead: alow truncate it is a cache\nselect 1;", "-- bulkhead: shared\nselect 1;"},
    {"unmarked-table",
     "create table x (tenant_id uuid not null default bulkhead.tenant_id(), id int, " PK ");", TENANT(PK)},
    {"unmarked-table", "create table x (a int primary key);",
     "create table x (a int primary key); drop table x;"},
    {"unmarked-table",
     "create table x (a int primary key); alter table x rename to y; select bulkhead.shared_table('x');",
     "create table \"X y\" (a int primary key); select bulkhead.shared_table('app.\"X y\"');"},
    {"tenant-id-missing", "create table x (id int primary key); select bulkhead.tenant_table('x');",
     TENANT(PK)},
    {"tenant-id-missing", "alter table t drop column tenant_id;", "alter table t drop column a;"},
    {"tenant-id-shape",
     "create table x (tenant_id text not null, primary key (tenant_id)); select bulkhead.tenant_table('x');",
     TENANT(PK)},
    {"tenant-id-shape",
     "create table x (tenant_id uuid default bulkhead.tenant_id(), id int); select "
     "bulkhead.tenant_table('x');",
     "create table x (tenant_id uuid default bulkhead.tenant_id(), id int, " PK
     "); select bulkhead.tenant_table('x');"},
    {"tenant-id-shape", "alter table t alter tenant_id drop default;", "alter table t alter a drop default;"},
    {"primary-key-missing", TENANT("a int"), TENANT(PK)},
    {"primary-key-missing", "create table x (a int); select bulkhead.shared_table('x');",
     "create table x (a int); alter table x add primary key (a); select bulkhead.shared_table('x');"},
    {"primary-key-tenant", TENANT("primary key (id)"), TENANT(PK)},
    {"primary-key-tenant", TENANT("primary key (id, tenant_id)"), TENANT("primary key (tenant_id)")},
    {"unique-tenant", TENANT(PK ", b int unique"), TENANT(PK ", b int, unique (tenant_id, b)")},
    {"unique-tenant", "create unique index i on t (a);", "create unique index i on t (tenant_id, a);"},
    {"unique-tenant", "create unique index i on t (a);", "create unique index i on t (a); drop index i;"},
    {"unique-tenant", "alter table t add constraint u unique (a);",
     "alter table t add constraint u unique (a); alter table t drop constraint u;"},
    {"unique-tenant", TENANT(PK ", exclude using gist (id with =)"),
     TENANT(PK ", exclude using gist (tenant_id with =, id with =)")},
    {"foreign-key-tenant", TENANT(PK ", t_id uuid references t"),
     TENANT(PK ", t_id uuid, foreign key (tenant_id, t_id) references t")},
    {"foreign-key-tenant", "alter table t add foreign key (a) references t (a);",
     "alter table t add foreign key (tenant_id, a) references t (tenant_id, id);"},
    {"foreign-key-tenant", TENANT(PK ", foreign key (id, tenant_id) references t (tenant_id, id)"),
     TENANT(PK ", code text references s")},
    {"shared-references-tenant",
     "create table x (a int primary key, t uuid references t (id)); select bulkhead.shared_table('x');",
     "create table x (a int primary key, c text references s); select bulkhead.shared_table('x');"},
    {"foreign-key-set-null",
     TENANT(PK ", b uuid, foreign key (tenant_id, b) references t on delete set null"),
     TENANT(PK ", b uuid, foreign key (tenant_id, b) references t on delete set null (b)")},
    {"foreign-key-set-null",
     TENANT(PK ", b uuid, foreign key (tenant_id, b) references t on update set default"),
     TENANT(PK ", b uuid, foreign key (tenant_id, b) references t on update cascade")},
    {"foreign-key-match-full", TENANT(PK ", b uuid, foreign key (tenant_id, b) references t match full"),
     TENANT(PK ", b uuid, foreign key (tenant_id, b) references t match simple")},
    {"index-tenant", "create index on t (a);", "create index on t (tenant_id, a);"},
    {"index-tenant", "create index on t (lower(a));", "create index on s (code);"},
    {"not-leakproof", TENANT("price numeric(10,2), " PK ", unique (tenant_id, price)"),
     TENANT("price bigint, " PK ", unique (tenant_id, price)")},
    {"not-leakproof", "create type e as enum ('a');" TENANT("e e, " PK) "create index on x (tenant_id, e);",
     "create type e as enum ('a');" TENANT("e e, " PK)},
    {"not-leakproof", TENANT("tags text[], " PK) "create index on x (tenant_id, tags);",
     TENANT("tags text[], " PK)},
    {"shared-sequence",
     "create table x (tenant_id uuid not null default bulkhead.tenant_id(), id serial, " PK ");",
     "create table x (id serial primary key); select bulkhead.shared_table('x');"},
    {"shared-sequence", TENANT("n bigint generated always as identity, " PK), TENANT("n bigint, " PK)},
    {"view-invoker", "create view v as select * from t;",
     "create view v with (security_invoker = true) as select * from t;"},
    {"view-invoker", "create view v with (security_invoker = off) as select 1;",
     "create view v as select 1; alter view v set (security_invoker = on);"},
    {"view-without-tenant", "create view v with (security_invoker) as select id from t;",
     "create view v with (security_invoker) as select tenant_id, id from t;"},
    {"group-by-key",
     "create view v with (security_invoker) as select x.tenant_id, x.a, count(*) from t x group by x.id;",
     "create view v with (security_invoker) as select x.tenant_id, x.a, count(*) from t x group by x.id, "
     "x.tenant_id;"},
    {"group-by-key",
     "create view v with (security_invoker) as select 1 from (select id from t group by id) g, s;",
     "create view v with (security_invoker) as select a, count(*) from t group by a;"},
    {"function-search-path",
     "create function f() returns trigger language plpgsql as 'begin return new; end';",
     "create function f() returns trigger language plpgsql set search_path = app, pg_temp as 'begin return "
     "new; end';"},
    {"function-search-path", "create function f() returns bigint language sql as 'select count(*) from t';",
     "create function f() returns int language sql as 'select 1';"},
    {"function-search-path", "create function f() returns bigint as 'select count(*) from t' language sql;",
     "create function f() returns bigint language sql begin atomic select count(*) from t; end;"},
    {"materialized-view", "create materialized view m as select * from s;",
     "create view m as select * from s;"},
    {"definer-reason", "create function f() returns int language sql security definer as 'select 1';",
     "create function f() returns int language sql security definer as 'select 1'; comment on function f() "
     "is "
     "'Counts. bulkhead: definer it counts all';"},
    {"definer-reason",
     "create function f() returns int language sql security definer as 'select 1'; comment on function f() "
     "is "
     "'bulkhead: definer ';",
     "create function f() returns int language sql security invoker as 'select 1';"},
    {"definer-reason",
     "do $$ begin execute 'create function f() returns int language sql security definer as ''select 1'''; "
     "end "
     "$$;",
     "do $$ begin execute 'create function f() returns int language sql as ''select 1'''; end $$;"},
    {"definer-search-path",
     "create function f() returns int language sql security definer set search_path = app as 'select 1';",
     "create function f() returns int language sql security definer set search_path = app, pg_temp as "
     "'select 1';"},
    {"leakproof", "create function f() returns int language sql leakproof as 'select 1';",
     "create function f() returns int language sql not leakproof as 'select 1';"},
    {"leakproof", "alter function f() leakproof;", "alter function f() stable;"},
    {"tenant-immutable",
     "create function f() returns uuid language sql immutable as 'select bulkhead.tenant_id()';",
     "create function f() returns uuid language sql stable as 'select bulkhead.tenant_id()';"},
    {"tenant-immutable",
     "create function f() returns text language sql immutable as $$ select current_setting('x') $$;",
     "create function f() returns text language sql immutable as $$ select 'current' $$;"},
    {"tenant-context", "do $$ begin perform set_config('bulkhead.context', 'x', true); end $$;",
     "do $$ begin perform 1; /* set role */ end $$;"},
    {"tenant-context",
     "create function f() returns void language plpgsql as 'begin set local role app_owner; end';",
     "create function f() returns void language plpgsql as 'begin update t set a = 1; end';"},
    {"tenant-context", "do $$ begin execute 'reset role'; end $$;",
     "do $$ begin if true then raise exception 'set role' using hint = 'reset role'; end if; update t set "
     "role = "
     "1; end $$;"},
    {"tenant-context", "do $$ begin execute 'set local ' || 'role app_owner'; end $$;",
     "create function f() returns void language sql as 'update member set role = 1';"},
    {"tenant-context", "do $$ declare r text; begin execute 'set role ' || r; end $$;",
     "do $$ begin perform 'a set role'; end $$;"},
    {"tenant-context", "do $$ begin execute format('set session authorization %I', 'x'); end $$;",
     "do $$ begin execute format('comment on table %I is %L', 't', 'x'); end $$;"},
    {"tenant-context",
     "do $a$ begin execute $b$ do $c$ begin execute 'reset session authorization'; end $c$ $b$; end $a$;",
     "do $a$ begin execute $b$ do $c$ begin perform 1; end $c$ $b$; end $a$;"},
    {"tenant-context", "create function f() returns int language sql set role = app_owner as 'select 1';",
     "create function f() returns int language sql set work_mem = '1MB' as 'select 1';"},
    {"tenant-context", "create function f() returns int language sql set row_security = off as 'select 1';",
     "create function f() returns int language sql set search_path = app as 'select 1';"},
    {"tenant-context", "alter function f() set bulkhead.context = 'x';", "alter function f() reset all;"},
    {"tenant-context",
     "create function f() returns void language plpgsql as $$ begin perform set_config('response.' || "
     "'status', '1', true); "
     "end $$;",
     "create function f() returns void language plpgsql as $$ begin perform set_config('response.status', "
     "'402', true); "
     "perform pg_catalog.set_config('response.headers', '[]', true); end $$;"},
    {"tenant-context",
     "create function f() returns void language plpgsql as $$ begin perform set_config('response.status', "
     "'402', true), "
     "set_config('bulkhead.context', 'x', true); end $$;",
     "create function f() returns void language plpgsql as $$ begin perform 1; end $$;"},
    {"tenant-context",
     "create function f() returns text begin atomic select set_config('bulkhead.context', 'x', true); end;",
     "create function f() returns text begin atomic select lower('x'); end;"},
    {"tenant-immutable",
     "create function f() returns uuid immutable begin atomic select bulkhead.tenant_id(); end;",
     "create function f() returns uuid stable return bulkhead.tenant_id();"},
    {"dynamic-sql", "create function f(q text) returns void language plpgsql as $$ begin execute q; end $$;",
     "create function f(q text) returns void language plpgsql as $$ begin execute 'select $1' using q; end "
     "$$;"},
    {"dynamic-sql",
     "create function f() returns trigger language plpgsql as $$ begin if true then execute 'select ' || "
     "new.name into new.name; end if; end $$;",
     "create function f(n text) returns void language plpgsql as $$ begin execute format('select %L from "
     "%I', n, "
     "n); end $$;"},
    {"dynamic-sql",
     "create function f(n text) returns setof t language plpgsql as $$ begin return query execute "
     "format('select * from t %s', n); end $$;",
     "create function f() returns setof t language plpgsql as $$ declare r t; begin for r in execute 'select "
     "* "
     "from t' loop return next r; end loop; grant execute on function f to app_member; end $$;"},
    {"grant-too-much", "grant all on sequence q to app_member;", "grant usage on sequence q to app_member;"},
    {"grant-too-much", "grant select on all sequences in schema app to app_member;",
     "grant usage on all sequences in schema app to app_member;"},
    {"grant-too-much", "grant select on t to app_owner with grant option;",
     "grant all on function f to app_owner;"},
    {"grant-too-much", "grant create on schema app to app_member;",
     "grant usage on schema app to app_member;"},
    {"grant-too-much", "do $$ begin grant all on t to app_member; end $$;",
     "do $$ begin grant select on t to app_member; end $$;"},
    {"grant-to", "do $$ begin execute 'grant select on t to bulkhead_login'; end $$;",
     "do $$ begin execute 'grant select on t to app_viewer'; end $$;"},
    {"role-statement", "do $$ begin execute 'alter role app_member bypassrls'; end $$;",
     "do $$ begin raise notice 'alter role'', they said'; end $$;"},
    {"role-statement", "do $$ begin if true then create role x; end if; end $$;", "do $$ begin end $$;"},
    {"role-statement", "do $$ declare n text; begin execute 'alter role ' || n || ' superuser'; end $$;",
     "do $$ begin execute 'create table x (a int)'; end $$;"},
    {"role-statement", "do $$ begin execute format('grant bulkhead_owner to %I', 'app_owner'); end $$;",
     "do $$ begin execute format('grant select on t to app_owner'); end $$;"},
    {"rls-off",
     "do $$ begin execute 'alter policy bulkhead_floor on t using (true) with check (true)'; end $$;",
     "do $$ begin execute 'create policy p on t as restrictive using (a = 1)'; end $$;"},
    {"rls-off", "do $$ begin execute format('alter table %s disable row level security', 't'); end $$;",
     "do $$ begin execute format('alter table %s add z int', 't'); end $$;"},
    {"materialized-view", "do $$ begin create materialized view m as select * from t; end $$;",
     "do $$ begin create view m with (security_invoker) as select * from t; end $$;"},
    {"leakproof",
     "do $$ begin execute 'create function f() returns int language sql leakproof as ''select 1'''; end $$;",
     "do $$ begin execute 'create function f() returns int language sql as ''select 1'''; end $$;"},
    {"unique-tenant", TENANT(PK ", exclude using gist (tenant_id with <>, id with =)"),
     TENANT(PK ", exclude using gist (tenant_id with operator(pg_catalog.=), id with =)")},
    {"grant-too-much", "grant all on t to app_owner;", "grant select, insert on t to app_owner;"},
    {"grant-too-much", "grant select, truncate on t to app_owner;",
     "grant execute on function f to app_owner;"},
    {"grant-to", "grant select on t to public;", "grant select on s to app_viewer;"},
    {"grant-to", "grant select on t to bulkhead_login;", "revoke select on t from bulkhead_login;"},
    {"role-statement", "create role x;", "select 1;"},
    {"role-statement", "alter table t owner to x;", "alter table t add b int;"},
    {"role-statement", "grant bulkhead_owner to app_owner;", "grant select on t to app_owner;"},
    {"role-statement", "alter default privileges grant all on tables to public;", "select 1;"},
    {"policy-open", "create policy p on t using (true);",
     "create policy p on t using (tenant_id = (select bulkhead.tenant_id()));"},
    {"policy-open", "create policy p on t using (a = 1);",
     "create policy p on t as restrictive using (a = 1);"},
    {"policy-open", "create policy p on t for insert with check (true);",
     "create policy p on s using (true);"},
    {"rls-off", "alter table t disable row level security;", "alter table t enable row level security;"},
    {"rls-off", "alter table t no force row level security;", "alter table t force row level security;"},
    {"rls-off", "drop policy bulkhead_floor on t;", "drop policy mine on t;"},
    {"rewrite-rule", "create rule r as on insert to t do nothing;", "select 1;"},
    {"session-state", "set search_path = x;", "select 1;"},
    {"session-state", "set role x;", "select 1;"},
    {"session-state", "reset all;", "select 1;"},
    {"session-state", "select set_config('a.b', 'c', false);", "select lower('set_config');"},
    {"transaction-command", "begin; select 1; commit;", "select 1;"},
    {"transaction-command", "create index concurrently i on t (tenant_id, a);",
     "create index i on t (tenant_id, a);"},
    {"transaction-command", "vacuum t;", "analyze t;"},
    {"transaction-command", "drop index concurrently i;", "drop index i;"},
    {"concurrent-file", "-- bulkhead: concurrent\nselect 1;", "-- bulkhead: concurrent\nvacuum t;"},
    {"concurrent-file", "-- bulkhead: concurrent\ncreate index i on t (tenant_id, a);",
     "-- bulkhead: concurrent\ncreate index concurrently i on t (tenant_id, a);"},
    {"concurrent-file", "-- bulkhead: concurrent\ncreate index concurrently on t (tenant_id, a);",
     "-- why\n\n -- bulkhead: concurrent\nalter table t validate constraint c;"},
    {"concurrent-file", "-- bulkhead: concurrent\ndrop index concurrently i;",
     "-- bulkhead: concurrent\ndrop index concurrently if exists i;"},
    {"index-tenant", "-- bulkhead: concurrent\ncreate index concurrently i on t (a);",
     "-- bulkhead: concurrent\ncreate index concurrently i on t (tenant_id, a);"},
    {"directive", "select 1;\n-- bulkhead: concurrent\nselect 2;", "select 1;"},
    {"rows-of-a-tenant", "insert into t (id) select gen_random_uuid();",
     "insert into t (tenant_id, id) select tenant_id, gen_random_uuid() from t;"},
    {"rows-of-a-tenant", "insert into t (a) values (1);", "insert into s (code) values ('a');"},
    {"truncate", "truncate t;", "delete from s;"},
    {"large-object", "select lo_create(0);", "select lower('lo_create');"},
    {"large-object", "create extension lo;", "create extension pgcrypto;"},
    {"foreign-data", "create extension dblink;", "create extension citext;"},
    {"foreign-data", "create server x foreign data wrapper y;", "select 1;"},
    {"foreign-data", "select dblink('a', 'b');", "select 1;"},
    {"foreign-data", "create function f() returns int language c as 'a', 'b';", "select 1;"},
    {"copied-table", "create table x as select * from t;", "insert into s select 'a';"},
    {"copied-table", "select * into x from t;", "select * from s;"},
    {"copied-table", "create table x (like t including all);", TENANT(PK)},
    {"partition-unmarked", "create table c partition of t for values in (1);",
     "create table c partition of t for values in (1); select bulkhead.tenant_table('c');"},
    {"partition-unmarked", "create table c () inherits (t);", TENANT(PK)},
    {"outside-app", "create table other.x (a int);", "create table app.x (a int);"},
    {"outside-app", "create view v as select * from public.t;", "create view v as select * from t;"},
    {"outside-app", "create schema other;", "select * from pg_catalog.pg_class;"},
};

TEST(LintRules, EachCatchesTheBadAndLetsTheGoodPass) {
  for (const Case& c : cases) {
    auto bad = run(c.bad), good = run(c.good);
    EXPECT_TRUE(finds(bad, c.rule)) << c.rule << " does not catch: " << c.bad << "\n" << print(bad);
    EXPECT_FALSE(finds(good, c.rule)) << c.rule << " catches: " << c.good << "\n" << print(good);
    if (c.rule != std::string_view("syntax")) EXPECT_FALSE(finds(bad, "syntax")) << c.bad << print(bad);
    EXPECT_FALSE(finds(good, "syntax")) << c.good << print(good);
  }
}

TEST(LintRules, EveryRuleHasACase) {
  std::set<std::string_view> tested;
  for (const Case& c : cases) tested.insert(c.rule);
  for (const LintRule& rule : lint_rules()) EXPECT_TRUE(tested.contains(rule.id)) << rule.id;
  EXPECT_EQ(tested.size(), lint_rules().size());
}

TEST(LintRules, TenantSafeSchemaIsClean) {
  EXPECT_EQ(print(run("")), "");
}

TEST(LintRules, FindingNamesPlaceAndWhatToWrite) {
  SourceFile file{"migrations/0002_b.sql", "create table x (\n  id int primary key\n);\n"};
  auto findings = lint(std::span(&file, 1));
  ASSERT_EQ(findings.size(), 3U) << print(findings);
  EXPECT_EQ(format_finding(findings[2]),
            "migrations/0002_b.sql:2:10: error [primary-key-tenant] the primary key of x does not begin with "
            "tenant_id\n"
            "  write: primary key (tenant_id, id)\n");
}

TEST(LintRules, TablesAreJudgedAsTheyStandAfterTheLastFile) {
  std::vector<SourceFile> files = {
      {"0001_a.sql", "create table x (id int primary key); alter table x add b int unique;"},
      {"0002_b.sql",
       "alter table x add tenant_id uuid not null default bulkhead.tenant_id(); alter table x drop "
       "constraint x_pkey, "
       "add primary key (tenant_id, id); alter table x drop constraint x_b_key; select "
       "bulkhead.tenant_table('x');"}};
  EXPECT_TRUE(has_errors(lint(std::span(files).first(1))));
  EXPECT_EQ(print(lint(files)), "");
}

TEST(LintRules, AllowCoversItsStatementOrItsLineAlone) {
  EXPECT_FALSE(finds(run("-- bulkhead: allow truncate a cache\ntruncate\n  t;"), "truncate"));
  EXPECT_FALSE(finds(run("truncate t; -- bulkhead: allow truncate a cache"), "truncate"));
  EXPECT_TRUE(finds(run("-- bulkhead: allow truncate a cache\nselect 1;\ntruncate t;"), "truncate"));
  EXPECT_TRUE(finds(run("-- bulkhead: allow rls-off a cache\ntruncate t;"), "truncate"));
  EXPECT_TRUE(finds(run("-- bulkhead: allow truncate\ntruncate t;"), "truncate"));
  EXPECT_TRUE(finds(run("select '-- bulkhead: allow truncate x'; truncate t;"), "truncate"));
}

TEST(LintRules, WhatIsFoundInABodyStandsAtItsStatement) {
  auto findings = run("select 1;\n  do $$ begin\n  execute 'reset role; truncate t';\nend $$;");
  ASSERT_EQ(findings.size(), 2U) << print(findings);
  EXPECT_EQ(findings[0].line, 3U);
  EXPECT_EQ(findings[0].column, 3U);
  EXPECT_EQ(findings[0].message, "a DO block: it sets role");
  EXPECT_EQ(findings[1].message, "a DO block: TRUNCATE empties the table for all tenants");
  EXPECT_EQ(
      print(run("-- bulkhead: allow truncate it is a cache\ndo $$ begin execute 'truncate t'; end $$;")), "");
}

TEST(LintRules, BrokenFileDoesNotHideTheOthers) {
  std::vector<SourceFile> files = {{"0001_a.sql", "select 'é', (;\n"}, {"0002_b.sql", "truncate x;"}};
  auto findings = lint(files);
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].rule, "syntax");
  EXPECT_EQ(findings[1].file, "0002_b.sql");
  SourceFile deep{"0001_a.sql", "select " + std::string(5000, '(')};
  EXPECT_TRUE(finds(lint(std::span(&deep, 1)), "syntax"));
}

TEST(LintRules, ReferencePageIsFresh) {
  const std::string path = std::string(BULKHEAD_SOURCE_DIR) + "/docs/reference/lint-rules.md";
  if (std::getenv("UPDATE") != nullptr) std::ofstream(path) << lint_rules_markdown();
  std::ifstream in(path);
  std::string page((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(page, lint_rules_markdown()) << "run this test once with UPDATE=1";
}

}  // namespace
}  // namespace bulkhead::migrate
