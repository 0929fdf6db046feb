#include "lifecycle/cells.hpp"

#include <cstdlib>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/create.hpp"
#include "lifecycle/operations.hpp"
#include "lifecycle/plans.hpp"
#include "lifecycle/pool.hpp"
#include "lifecycle/tenants.hpp"
#include "runtime/embedded_postgres.hpp"
#include "support/tenants.hpp"

namespace bulkhead::lifecycle {
namespace {

namespace fs = std::filesystem;
using catalog::Model;
using test::must;
using test::Postgres;

constexpr const char* shop = R"(
create table album (tenant_id uuid not null default bulkhead.tenant_id(), id bigint not null, title text not null, primary key (tenant_id, id));
select bulkhead.tenant_table('album');
create table genre (id integer primary key, name text not null);
select bulkhead.shared_table('genre');
)";

/// A second PostgreSQL server.
class Elsewhere {
 public:
  Elsewhere() {
    std::string folder = "/tmp/bh-cell-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    chmod(folder.c_str(), 0711);
    folder_ = folder;
    server_ = must(EmbeddedPostgres::start(folder_, test::quick_postgres()));
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;
  ~Elsewhere() {
    server_.reset();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string url() const { return server_->conninfo() + " dbname=postgres"; }
  void stop() { must(server_->stop()); }

 private:
  fs::path folder_;
  std::unique_ptr<EmbeddedPostgres> server_;
};

class Cells : public testing::Test {
 protected:
  Cells() : database_(Postgres::shared().make_database()), admin_(database_.connect_admin()) {
    test::migrate_app(database_, {shop});
    must(admin_.execute("insert into app.genre values (1, 'Rock')"));
  }
  NewCell north() const {
    NewCell cell;
    cell.name = "north";
    cell.admin_url = elsewhere_.url();
    cell.region = "eu-north";
    return cell;
  }

  Elsewhere elsewhere_;
  test::Database database_;
  pg::Blocking admin_;
};

TEST_F(Cells, HoldTenantsOfEveryModel) {
  const auto cell = must(add_cell(admin_, north()));
  EXPECT_TRUE(cell.open);
  EXPECT_EQ(cell.pool.rfind("bulkhead_pool_", 0), 0u);
  EXPECT_EQ(cell.data_url.find("password"), std::string::npos);
  EXPECT_EQ(cell.data_url.find("user"), std::string::npos);
  for (const auto model : {Model::row, Model::schema, Model::silo}) {
    CreateRequest request;
    request.slug = "north-" + std::string(catalog::model_name(model));
    request.model = model;
    request.region = "eu-north";
    const auto tenant = must(create_tenant(admin_, request));
    EXPECT_EQ(tenant.placement.cell, "north");
    const std::string place = "\"" + tenant.placement.schema + "\".";
    test::as_tenant(database_, tenant, "member",
                    "insert into " + place + "album(id, title) values (1, 'One')");
    EXPECT_EQ(test::as_tenant(database_, tenant, "viewer",
                              "select count(*) from " + place + "album, " + place + "genre")
                  .text(0, 0),
              "1");
    const auto operation = must(start_delete(admin_, tenant.slug, std::chrono::seconds(0), "ann"));
    must(run_delete(admin_, operation.id));
  }
  const auto after = must(find_cell(admin_, "north"));
  EXPECT_EQ(after.row + after.schema + after.silo, 0);
}

TEST_F(Cells, AreRefusedWhenTheyAreKnownOrWrong) {
  must(add_cell(admin_, north()));
  auto again = north();
  EXPECT_EQ(add_cell(admin_, again).error().code(), Errc::already_exists);
  again.name = "south";
  EXPECT_EQ(add_cell(admin_, again).error().code(), Errc::already_exists);
  again.admin_url = database_.admin;
  EXPECT_EQ(add_cell(admin_, again).error().code(), Errc::already_exists);
  again.name = "No Cell";
  EXPECT_EQ(add_cell(admin_, again).error().code(), Errc::usage);
  again.name = "south";
  again.admin_url = "postgresql://u:secret@127.0.0.1:1/x?nonsense=1";
  const auto wrong = add_cell(admin_, again);
  EXPECT_EQ(wrong.error().code(), Errc::usage);
  EXPECT_EQ(std::string(wrong.error().message()).find("secret"), std::string::npos);
  again.admin_url = "postgresql://u:secret@127.0.0.1:1/x";
  EXPECT_EQ(add_cell(admin_, again).error().code(), Errc::database_unavailable);
  EXPECT_EQ(must(list_cells(admin_)).size(), 2u);
}

TEST_F(Cells, TakeTenantsByFreeCapacityAndNotWhenClosed) {
  auto wanted = north();
  wanted.capacity.row = 2;
  must(add_cell(admin_, wanted));
  std::map<std::string, int> cells;
  for (int i = 0; i < 6; ++i) {
    CreateRequest request;
    request.slug = "tenant-" + std::to_string(i);
    ++cells[must(create_tenant(admin_, request)).placement.cell];
  }
  EXPECT_EQ(cells["north"], 2);
  EXPECT_EQ(cells["default"], 4);
  must(set_cell_open(admin_, "north", false));
  CreateRequest request;
  request.slug = "closed";
  request.cell = "north";
  request.model = Model::silo;
  EXPECT_EQ(create_tenant(admin_, request).error().code(), Errc::conflict);
  must(set_cell_open(admin_, "north", true));
  EXPECT_EQ(must(create_tenant(admin_, request)).placement.cell, "north");
  EXPECT_EQ(set_cell_open(admin_, "absent", true).error().code(), Errc::not_found);
}

TEST_F(Cells, ThatAreAwayLeaveOthersAloneAndTheirOperationsPending) {
  must(add_cell(admin_, north()));
  elsewhere_.stop();
  CreateRequest request;
  request.slug = "away";
  request.cell = "north";
  request.model = Model::schema;
  EXPECT_EQ(create_tenant(admin_, request).error().code(), Errc::database_unavailable);
  EXPECT_EQ(must(list_operations(admin_)).at(0).state, OperationState::pending);
  request.slug = "here";
  request.cell = "default";
  must(create_tenant(admin_, request));
}

}  // namespace
}  // namespace bulkhead::lifecycle
