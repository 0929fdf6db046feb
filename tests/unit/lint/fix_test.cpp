#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "migrate/lint.hpp"

namespace bulkhead::migrate {
namespace {

Fixed run(const std::string& sql) {
  SourceFile file{"0001_a.sql", sql};
  return fix(std::span(&file, 1));
}

/// Fixes `sql`, and checks what holds for every fix: no errors are left, and a second fix changes nothing.
std::string fixed(const std::string& sql) {
  Fixed once = run(sql);
  for (const Finding& finding : once.left) {
    EXPECT_NE(finding.severity, Severity::error) << format_finding(finding) << once.files[0].text;
  }
  EXPECT_EQ(run(once.files[0].text).files[0].text, once.files[0].text);
  EXPECT_TRUE(run(once.files[0].text).changes.empty());
  return once.files[0].text;
}

const std::string tenant = "tenant_id uuid not null default bulkhead.tenant_id()";

TEST(LintFix, AddsTheTenantAndKeepsFormatAndComments) {
  EXPECT_EQ(fixed("-- People.\nCREATE TABLE person (\n    id   bigint PRIMARY KEY,   -- ours\n    mail text "
                  "NOT NULL UNIQUE\n);\n"),
            "-- People.\nCREATE TABLE person (\n    " + tenant +
                ",\n    id   bigint,   -- ours\n    mail text NOT NULL,\n    PRIMARY KEY (tenant_id, id),\n  "
                "  UNIQUE "
                "(tenant_id, mail)\n);\nselect bulkhead.tenant_table('person');\n");
  EXPECT_EQ(fixed("create table a (id int primary key)"),
            "create table a (" + tenant +
                ", id int, primary key (tenant_id, id));\nselect bulkhead.tenant_table('a');");
}

TEST(LintFix, LeavesATenantSafeTextAlone) {
  std::string safe = "create table a (" + tenant +
                     ", id int, primary key (tenant_id, id));\nselect bulkhead.tenant_table('a');\n" +
                     "create index on a (tenant_id, id);\n";
  Fixed result = run(safe);
  EXPECT_EQ(result.files[0].text, safe);
  EXPECT_TRUE(result.changes.empty());
}

TEST(LintFix, MakesForeignKeysComposite) {
  std::string text = fixed(
      "create table a (id int primary key);\n"
      "create table b (id int primary key, a1 int references a, a2 int constraint k references a(id) on "
      "delete set null "
      "deferrable not null, a3 int, foreign key (a3) references a match full on delete cascade);\n"
      "alter table b add constraint l foreign key (a3) references public.a (id);\n"
      "alter table b add column a4 int references a(id);\n");
  EXPECT_NE(text.find("foreign key (tenant_id, a1) references a (tenant_id, id)"), std::string::npos) << text;
  EXPECT_NE(text.find("constraint k foreign key (tenant_id, a2) references a(tenant_id, id) on delete set "
                      "null (a2) deferrable"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("a2 int not null,"), std::string::npos) << text;
  EXPECT_NE(text.find("foreign key (tenant_id, a3) references a (tenant_id, id) on delete cascade"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("add constraint l foreign key (tenant_id, a3) references a (tenant_id, id);"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("add column a4 int, add foreign key (tenant_id, a4) references a(tenant_id, id);"),
            std::string::npos)
      << text;
}

TEST(LintFix, QuotesNamesWhereTheyMustBe) {
  std::string text =
      fixed("create table \"Order\" (\"Id\" int primary key, \"select\" int unique, \"it's\" int);");
  EXPECT_NE(text.find("primary key (tenant_id, \"Id\")"), std::string::npos) << text;
  EXPECT_NE(text.find("unique (tenant_id, \"select\")"), std::string::npos) << text;
  EXPECT_NE(text.find("select bulkhead.tenant_table('\"Order\"');"), std::string::npos) << text;
  EXPECT_NE(fixed("create table \"o'x\" (a int primary key);").find("tenant_table('\"o''x\"')"),
            std::string::npos);
}

TEST(LintFix, SharedTablesStayAndMayBeFilled) {
  std::string sql =
      "-- bulkhead: shared\ncreate table c (code text primary key);\ninsert into c values ('DE');\n";
  EXPECT_EQ(
      fixed(sql),
      "-- bulkhead: shared\ncreate table c (code text primary key);\nselect bulkhead.shared_table('c');\n"
      "insert into c values ('DE');\n");
  std::string refers = fixed(sql + "create table a (id int primary key, c text references c);");
  EXPECT_NE(refers.find("c text references c,"), std::string::npos) << refers;
}

TEST(LintFix, RowsOfATenantTableAreTakenOutAndReported) {
  Fixed result = run("create table a (id int primary key);\ninsert into a values\n  (1), (2);\nselect 1;\n");
  EXPECT_NE(result.files[0].text.find("-- insert into a values\n--   (1), (2);\nselect 1;\n"),
            std::string::npos)
      << result.files[0].text;
  EXPECT_EQ(result.changes.back().line, 2U);
}

TEST(LintFix, DumpsOfPgDumpBecomeMigrations) {
  std::string text = fixed(
      "SET client_encoding = 'UTF8';\nSELECT pg_catalog.set_config('search_path', '', false);\n"
      "CREATE TABLE public.note (\n    id bigint NOT NULL\n);\nALTER TABLE public.note OWNER TO me;\n"
      "CREATE SEQUENCE public.note_id_seq;\n"
      "ALTER TABLE ONLY public.note ALTER COLUMN id SET DEFAULT nextval('public.note_id_seq'::regclass);\n"
      "ALTER TABLE ONLY public.note\n    ADD CONSTRAINT note_pkey PRIMARY KEY (id);\n");
  EXPECT_NE(text.find("CREATE TABLE note (\n    " + tenant), std::string::npos) << text;
  EXPECT_NE(text.find("nextval('note_id_seq'::regclass)"), std::string::npos) << text;
  // The call waits for the primary key.
  EXPECT_TRUE(text.ends_with("PRIMARY KEY (tenant_id, id);\nselect bulkhead.tenant_table('note');\n"))
      << text;
}

TEST(LintFix, ViewsIndexesAndOtherConstraints) {
  EXPECT_NE(fixed("create view v as select 1;").find("create view v with (security_invoker = true) as"),
            std::string::npos);
  EXPECT_NE(fixed("create view v with (security_barrier) as select 1;")
                .find("with (security_invoker = true, security_barrier)"),
            std::string::npos);
  std::string text = fixed(
      "create table a (id int primary key, t text check (length(t) > 1), x int default (1));\n"
      "create index i on a using btree (lower(t), x desc) where x > (2);\ncreate index j on a using gin "
      "(t);\n");
  EXPECT_NE(text.find("t text check (length(t) > 1), x int default (1),"), std::string::npos) << text;
  EXPECT_NE(text.find("using btree (tenant_id, lower(t), x desc) where x > (2);"), std::string::npos) << text;
  EXPECT_NE(text.find("using gin (t);"), std::string::npos) << text;
}

TEST(LintFix, FunctionsFindTheAppsTables) {
  std::string tables = "create table orders (id int primary key);\n";
  EXPECT_NE(
      fixed(tables + "create function f() returns trigger language plpgsql\nas $$ begin update orders set "
                     "id = 1; return new; end $$;")
          .find("language plpgsql set search_path = app, pg_temp\nas $$"),
      std::string::npos);
  EXPECT_NE(fixed(tables + "create function f(a int default (1 + 1)) returns bigint as 'select count(*) from "
                           "orders' language sql stable;")
                .find("returns bigint set search_path = app, pg_temp as 'select"),
            std::string::npos);
  // What names nothing of the app may be written into its caller's statement, and stays so.
  for (const char* plain :
       {"create function f(a text) returns text language sql immutable as 'select lower(a)';",
        "create function f() returns bigint language sql begin atomic select count(*) from orders; end;",
        "create function f() returns bigint language plpgsql set search_path = '' as 'begin return 1; end';"})
    EXPECT_TRUE(fixed(tables + plain).ends_with(plain)) << fixed(tables + plain);
}

TEST(LintFix, ViewsGroupByTheTenantAndShowIt) {
  std::string tables =
      "create table person (id int primary key, name text);\n"
      "create table task (id int primary key, person_id int references person);\n";
  EXPECT_NE(fixed(tables + "create view load as select p.id, p.name, count(t.id) as tasks from person p left "
                           "join task t on t.person_id = p.id group by p.id;")
                .find("select p.id, p.name, count(t.id) as tasks, p.tenant_id from person p left join task t "
                      "on t.person_id = p.id group by p.id, p.tenant_id;"),
            std::string::npos);
  EXPECT_NE(fixed(tables + "create view names as select id, name from person where id in (select person_id "
                           "from task group by task.id) order by name;")
                .find("select id, name, person.tenant_id from person where id in (select person_id from task "
                      "group by task.id, task.tenant_id) order by name;"),
            std::string::npos);
  // Where the fixer cannot know, it leaves the outputs alone; the warning says what is missing.
  for (const char* query : {"select count(*) from person", "select distinct name from person",
                            "select id from person union select id from task",
                            "select t.id from person p right join task t on t.person_id = p.id"}) {
    Fixed result = run(tables + "create view v as " + query + ";");
    EXPECT_NE(result.files[0].text.find(query), std::string::npos) << result.files[0].text;
    ASSERT_FALSE(result.left.empty()) << query;
    EXPECT_EQ(result.left[0].rule, "view-without-tenant");
  }
}

TEST(LintFix, IndexesAreMadeInTheTransaction) {
  EXPECT_NE(fixed("create table a (id int primary key);\ncreate index concurrently i on a (id);\n")
                .find("create index i on a (tenant_id, id);"),
            std::string::npos);
  const std::vector<SourceFile> files = {
      {"0001_a.sql", "create table a (id int primary key);\n"},
      {"0002_b.sql", "-- bulkhead: concurrent\ncreate index concurrently i on a (id);\n"}};
  EXPECT_EQ(fix(files).files[1].text,
            "-- bulkhead: concurrent\ncreate index concurrently i on a (tenant_id, id);\n");
}

TEST(LintFix, ReportsWhatItCannotDo) {
  Fixed result =
      run("create table a (tenant_id bigint, id int primary key);\ncreate materialized view m as select * "
          "from a;");
  EXPECT_TRUE(has_errors(result.left));
  Fixed broken = run("create tabel a;");
  EXPECT_EQ(broken.files[0].text, "create tabel a;");
  EXPECT_TRUE(has_errors(broken.left));
}

TEST(LintDirectory, ReadsAndRewritesMigrationsOnly) {
  namespace fs = std::filesystem;
  std::string pattern = (fs::temp_directory_path() / "bulkhead-lint-XXXXXX").string();
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  fs::path folder = pattern;
  std::ofstream(folder / "0002_b.sql") << "create table b (id int primary key, a int references a);\n";
  std::ofstream(folder / "0001_a.sql") << "create table a (id int primary key);\n";
  std::ofstream(folder / "notes.txt") << "not SQL";
  auto findings = lint_directory(folder);
  ASSERT_TRUE(findings);
  EXPECT_TRUE(has_errors(*findings));
  EXPECT_TRUE(findings->front().file.ends_with("0001_a.sql"));
  auto result = fix_directory(folder);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->left.empty());
  EXPECT_TRUE(lint_directory(folder)->empty());
  EXPECT_FALSE(lint_directory(folder / "absent"));
  // What the runner would refuse is not passed over.
  std::ofstream(folder / "notes.sql") << "select 1;";
  EXPECT_EQ(lint_directory(folder).error().message(), "notes.sql is not a migration's name");
  fs::remove(folder / "notes.sql");
  std::ofstream(folder / "0003_c.sql") << "\xef\xbb\xbf" << "alter table a add column note text;\n";
  EXPECT_TRUE(lint_directory(folder)->empty()) << "a byte order mark is no SQL";
  fs::remove_all(folder);
}

}  // namespace
}  // namespace bulkhead::migrate
