#include <map>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "audit/query_output.hpp"
#include "audit/query_tenants.hpp"
#include "catalog/store.hpp"
#include "support/postgres.hpp"
#include "support/tenants.hpp"

namespace bulkhead::audit {
namespace {

using test::Database;
using test::must;
using test::Postgres;

/// Three tenants, one of each model: a statement means the same in all. They are made once; what a test changes of them is put
/// back.
class QueryTest : public ::testing::Test {
 protected:
  struct World {
    Database database;
    std::map<std::string, std::string> ids;
  };

  static void SetUpTestSuite() {
    world_ = std::make_unique<World>(World{Postgres::shared().make_database(), {}});
    const Database& database = world_->database;
    test::migrate_app(database,
                      {"create table note (tenant_id uuid not null default bulkhead.tenant_id(), id bigint, "
                       "body text, primary key (tenant_id, id)); select bulkhead.tenant_table('note'); "
                       "grant select, insert, update, delete on note to app_member, app_admin, app_owner; "
                       "grant select on note to app_viewer"});
    for (const auto& [slug, model] :
         {std::pair("acme", catalog::Model::row), std::pair("globex", catalog::Model::schema),
          std::pair("initech", catalog::Model::silo)}) {
      const auto tenant = test::make_tenant(database, slug, model);
      world_->ids[slug] = tenant.id.text();
      static_cast<void>(test::as_tenant(database, tenant, "member",
                                        "insert into \"" + tenant.placement.schema +
                                            "\".note(id, body) select n, '" + slug +
                                            " ' || n from generate_series(1, 3) n"));
    }
    auto admin = database.connect_admin();
    must(admin.execute("create table public.kept as select * from catalog.placement"));
  }
  static void TearDownTestSuite() { world_.reset(); }

  QueryTest() : database_(world_->database), admin_(database_.connect_admin()), ids_(world_->ids) {}
  ~QueryTest() override {
    must(admin_.execute(
        "delete from catalog.tenant where id not in (select tenant_id from public.kept); "
        "update catalog.tenant set status = 'active', plan = 'standard'; "
        "update catalog.placement p set cell = k.cell, database_name = k.database_name "
        "from public.kept k where k.tenant_id = p.tenant_id; update bulkhead.residency set epoch = 1"));
  }

  /// What the query wrote.
  std::string ask(const std::string& statement, const std::string& tenants = "all",
                  RowFormat format = RowFormat::csv) {
    std::string out;
    RowWriter writer(format, [&out](std::string_view text) -> Result<void> {
      out += text;
      return {};
    });
    report_ = query_tenants(
        admin_, Actor::os_user(), tenants, statement, options_,
        [&](const catalog::TenantRecord& tenant, const Rows& rows) { return writer.write(tenant, rows); });
    return out;
  }

  static std::multiset<std::string> lines(const std::string& text) {
    std::multiset<std::string> out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      out.insert(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

  const Database& database_;
  pg::Blocking admin_;
  std::map<std::string, std::string> ids_;
  QueryOptions options_;
  Result<QueryReport> report_ = QueryReport();

 private:
  static std::unique_ptr<World> world_;
};

std::unique_ptr<QueryTest::World> QueryTest::world_;

TEST_F(QueryTest, EachTenantAnswersWithItsOwnRows) {
  const auto found = lines(ask("select id, body from note where id <= 2"));
  std::multiset<std::string> wanted{"tenant_id,tenant_slug,id,body"};
  for (const auto& [slug, id] : ids_)
    for (const std::string n : {"1", "2"}) wanted.insert(id + "," + slug + "," + n + "," + slug + " " + n);
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(must(std::move(report_)).rows, 6u);
}

TEST_F(QueryTest, OnlyTheChosenTenantsAreAsked) {
  must(
      admin_.execute("insert into catalog.plan(name) values ('gold'); update catalog.tenant set plan = "
                     "'gold' where slug = 'globex'"));
  EXPECT_EQ(lines(ask("select count(*) from note", "plan=gold")),
            (std::multiset<std::string>{"tenant_id,tenant_slug,count", ids_["globex"] + ",globex,3"}));
  EXPECT_EQ(lines(ask("select count(*) from note", "acme," + ids_["initech"])).size(), 3u);
  EXPECT_EQ(ask("select 1 as n", "acme,nosuch"), "");
  EXPECT_EQ(report_.error().code(), Errc::not_found);
  EXPECT_EQ(ask("select 1 as n", "acme,,globex"), "");
  EXPECT_EQ(report_.error().code(), Errc::usage);
  must(catalog::set_tenant_status(admin_, must(catalog::find_tenant(admin_, "acme")).id,
                                  catalog::TenantStatus::deleting, ""));
  EXPECT_EQ(lines(ask("select count(*) from note")).size(), 3u);
}

TEST_F(QueryTest, ValuesAreWrittenAsTheyAre) {
  const std::string sql =
      "select 1 as n, true as yes, null::text as nothing, '' as empty, 'a \"b\", ' || chr(10) || 'ü' as "
      "text, 1.50 as amount, "
      "'{\"a\": [1]}'::jsonb as object, 'NaN'::float8 as nan";
  const std::string csv = ask(sql, "acme");
  EXPECT_NE(csv.find(",acme,1,t,,\"\",\"a \"\"b\"\", \nü\",1.50,\"{\"\"a\"\": [1]}\",NaN\n"),
            std::string::npos)
      << csv;
  EXPECT_EQ(ask(sql, "acme", RowFormat::jsonl),
            "{\"tenant_id\":\"" + ids_["acme"] +
                "\",\"tenant_slug\":\"acme\",\"n\":1,\"yes\":true,\"nothing\":null,\"empty\":\"\",\"text\":"
                "\"a \\\"b\\\", "
                "\\nü\",\"amount\":1.50,\"object\":{\"a\": [1]},\"nan\":\"NaN\"}\n");
}

TEST_F(QueryTest, TheTenantsColumnIsComparedAndNotRepeated) {
  EXPECT_EQ(lines(ask("select * from note where id = 1", "acme")),
            (std::multiset<std::string>{"tenant_id,tenant_slug,id,body", ids_["acme"] + ",acme,1,acme 1"}));
  EXPECT_EQ(ask("select gen_random_uuid() as tenant_id", "acme"), "");
  EXPECT_EQ(report_.error().code(), Errc::tenant_mismatch);
}

TEST_F(QueryTest, ATenantSeesNothingOfAnotherWhateverTheStatementSays) {
  for (const std::string& context :
       {std::string(), ids_["globex"], ids_["globex"] + "|app_viewer|9999999999|1|" + std::string(64, '0')}) {
    const std::string set = "set_config('bulkhead.context', '" + context + "', true)";
    for (const std::string& sql :
         {"select body from note, " + set, "select body from (select " + set + ") s, note",
          "select " + set + " union all select body from note"}) {
      SCOPED_TRACE(sql);
      EXPECT_EQ(ask(sql, "acme").find("globex 1"), std::string::npos);
    }
  }
  // The statement has the viewer's rights, not the operator's.
  for (const char* sql :
       {"select count(*) from catalog.tenant", "select * from bulkhead.residency",
        "select set_config('role', 'postgres', true)", "select pg_read_file('/etc/passwd')"}) {
    SCOPED_TRACE(sql);
    static_cast<void>(ask(sql, "acme"));
    ASSERT_TRUE(report_.has_value());
    ASSERT_EQ(report_->failures.size(), 1u);
    EXPECT_EQ(report_->rows, 0u);
  }
}

TEST_F(QueryTest, ASchemasTenantCannotNameTheTablesOfAnother) {
  const auto other = test::make_tenant(database_, "hooli", catalog::Model::schema);
  static_cast<void>(
      test::as_tenant(database_, other, "member",
                      "insert into \"" + other.placement.schema + "\".note(id, body) values (1, 'secret')"));
  EXPECT_EQ(lines(ask("select body from note", "hooli")).count(other.id.text() + ",hooli,secret"), 1u);
  EXPECT_EQ(ask("select body from \"" + other.placement.schema + "\".note", "globex"), "");
  ASSERT_TRUE(report_.has_value());
  ASSERT_EQ(report_->failures.size(), 1u);
  EXPECT_EQ(report_->failures[0].error.sqlstate(), "42501");
}

TEST_F(QueryTest, WhatOneTenantLeavesBehindDoesNotReachTheNext) {
  options_.parallel = 1;
  // Neighbours share a connection.
  for (const char* slug : {"hooli", "umbrella"})
    ids_[slug] = test::make_tenant(database_, slug, catalog::Model::row).id.text();
  const auto found =
      lines(ask("select nullif(current_setting('x.left', true), '') as before, set_config('x.left', "
                "bulkhead.tenant_id()::text, false) as it"));
  for (const auto& [slug, id] : ids_) EXPECT_EQ(found.count(id + "," + slug + ",," + id), 1u) << slug;
}

TEST_F(QueryTest, AStatementThatIsNotOneSelectIsRefusedBeforeAnythingIsAsked) {
  const std::int64_t before = must(verify(admin_)).entries;
  for (const char* sql :
       {"insert into note(id) values (9)", "update note set body = ''", "select 1; select 2", "selekt", "",
        "select 1 into x", "drop table note", "commit", "copy note to stdout"}) {
    SCOPED_TRACE(sql);
    EXPECT_EQ(ask(sql), "");
    ASSERT_TRUE(report_.has_error());
    EXPECT_EQ(report_.error().code(), Errc::usage) << report_.error().message();
  }
  EXPECT_EQ(must(verify(admin_)).entries, before);
  // Only where the table is does this show.
  EXPECT_EQ(ask("with gone as (delete from note returning 1) select * from gone"), "");
  EXPECT_EQ(report_.error().code(), Errc::usage);
  must(query_tenants(admin_, Actor::os_user(), "acme", "select id from note", options_,
                     [](const catalog::TenantRecord&, const Rows& rows) -> Result<void> {
                       EXPECT_TRUE(rows.empty() || rows.size() == 3);
                       return {};
                     }));
  EXPECT_EQ(ask("select body from note for update"), "");
  EXPECT_EQ(ask("select 1 as n -- and a comment", "acme"),
            "tenant_id,tenant_slug,n\n" + ids_["acme"] + ",acme,1\n");
  EXPECT_EQ(ask("select 1 as n;", "acme"), "tenant_id,tenant_slug,n\n" + ids_["acme"] + ",acme,1\n");
}

TEST_F(QueryTest, ATenantThatCannotBeAskedIsToldAndTheOthersGoOn) {
  // A cell that nobody answers for: two tenants live there, one attempt is made.
  must(admin_.execute(
      "insert into catalog.cell(name, admin_url) values ('dead', 'postgresql://127.0.0.1:1/none'); "
      "insert into catalog.database(cell, name, kind, state, login) values ('dead', 'pool', 'pool', 'ready', "
      "'x'); "
      "update catalog.placement set cell = 'dead', database_name = 'pool' where tenant_id in ('" +
      ids_["globex"] + "', '" + ids_["initech"] + "')"));
  EXPECT_EQ(lines(ask("select count(*) from note")),
            (std::multiset<std::string>{"tenant_id,tenant_slug,count", ids_["acme"] + ",acme,3"}));
  ASSERT_TRUE(report_.has_value());
  ASSERT_EQ(report_->failures.size(), 2u);
  EXPECT_EQ(report_->failures[0].tenant.slug, "globex");
  EXPECT_EQ(report_->failures[0].error.code(), Errc::database_unavailable);
  EXPECT_EQ(report_->failures[1].tenant.slug, "initech");
  EXPECT_NE(must(list(admin_)).front().details.find("\"not_asked\": [\"globex\", \"initech\"]"),
            std::string::npos);
}

TEST_F(QueryTest, ATenantThatHasMovedIsNotAskedAtItsFormerPlace) {
  must(admin_.execute("update bulkhead.residency set epoch = 2 where tenant_id = '" + ids_["acme"] + "'"));
  EXPECT_EQ(lines(ask("select count(*) from note")).size(), 3u);
  ASSERT_TRUE(report_.has_value());
  ASSERT_EQ(report_->failures.size(), 1u);
  EXPECT_EQ(report_->failures[0].error.code(), Errc::placement_stale);
}

TEST_F(QueryTest, AStatementThatTakesTooLongEnds) {
  options_.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(ask("select pg_sleep(30)", "acme"), "");
  ASSERT_TRUE(report_.has_value());
  ASSERT_EQ(report_->failures.size(), 1u);
  EXPECT_EQ(report_->failures[0].error.sqlstate(), "57014");
}

TEST_F(QueryTest, RowsComeInPiecesAndAFullDiskEndsIt) {
  std::size_t most = 0;
  std::uint64_t rows = 0;
  const auto counting = [&](const catalog::TenantRecord&, const Rows& some) -> Result<void> {
    most = std::max(most, some.size());
    rows += some.size();
    return {};
  };
  must(query_tenants(admin_, Actor::os_user(), "acme", "select n from generate_series(1, 5000) n", options_,
                     counting));
  EXPECT_EQ(rows, 5000u);
  EXPECT_LE(most, 1000u);
  const auto full = [](const catalog::TenantRecord&, const Rows&) -> Result<void> {
    return Error(Errc::environment, "no space left");
  };
  EXPECT_EQ(query_tenants(admin_, Actor::os_user(), "all", "select 1", options_, full).error().code(),
            Errc::environment);
}

TEST_F(QueryTest, ItIsInTheAuditLogWithItsStatement) {
  static_cast<void>(ask("select body from note where id = 1", "acme"));
  ListOptions options;
  options.limit = 2;
  const auto entries = must(list(admin_, options));
  for (const Entry& entry : entries) {
    EXPECT_EQ(entry.action, "query");
    EXPECT_EQ(entry.subject, "acme");
    EXPECT_EQ(entry.tenant_id, ids_["acme"]);
    EXPECT_NE(entry.details.find("select body from note where id = 1"), std::string::npos);
  }
  EXPECT_NE(entries[0].details.find("\"rows\": 1"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::audit
