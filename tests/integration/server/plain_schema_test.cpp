// A plain single-tenant schema as founders write it, put through `lint --fix`, migrated by the runner and served: the
// writes and reads that worked before work for each tenant.
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "migrate/lint.hpp"
#include "migrate/runner.hpp"
#include "shops.hpp"

namespace bulkhead::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* schema = R"(
create type order_status as enum ('new', 'paid');
create sequence invoice_no;
create sequence code_no;
create function is_email(address text) returns boolean language sql immutable as $$ select address like '%@%' $$;
create function new_code() returns text language sql volatile as $$ select 'C' || nextval('code_no') $$;
create table customer (
  id serial primary key,
  email text not null unique check (is_email(email)),
  code text not null default new_code(),
  label text generated always as (upper(email)) stored
);
create table orders (
  id serial primary key,
  customer_id int not null references customer,
  status order_status not null default 'new',
  no bigint not null default nextval('invoice_no'),
  total int not null default 0
);
create table order_item (id serial primary key, order_id int not null references orders on delete cascade, price int not null);
create function price_of(which int) returns int language sql stable as 'select coalesce(sum(price), 0)::int from order_item where order_id = which';
create function order_total() returns trigger language plpgsql as $$
begin
  update orders set total = price_of(new.order_id), status = 'paid'::order_status where id = new.order_id;
  return new;
end $$;
create trigger order_total after insert on order_item for each row execute function order_total();
create view customer_orders as
  select c.id, c.email, count(o.id) as orders, coalesce(sum(o.total), 0) as total
    from customer c left join orders o on o.customer_id = c.id group by c.id;
)";

class PlainSchema : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string made = "/tmp/bh-plain-XXXXXX";
    ASSERT_NE(mkdtemp(made.data()), nullptr);
    fs::path folder = made;
    std::ofstream(folder / "0001_shop.sql") << schema;
    std::ofstream(folder / "0002_later.sql") << "alter table customer add column seq serial;\n";
    auto fixed = must(migrate::fix_directory(folder));
    for (const auto& finding : fixed.left)
      EXPECT_NE(finding.severity, migrate::Severity::error) << migrate::format_finding(finding);
    Database database = Postgres::shared().make_database();
    auto admin = database.connect_admin();
    must(migrate::run_migrations(admin, must(migrate::read_migrations(folder))));
    fs::remove_all(folder);
    static_cast<void>(Postgres::make_tenant(database, "acme"));
    static_cast<void>(Postgres::make_tenant(database, "globex"));
    server = std::make_unique<TestServer>(std::move(database), TestServerSettings());
  }
  static void TearDownTestSuite() { server.reset(); }

  static Caller caller(const std::string& tenant, const std::string& role = "member") {
    return Caller(*server, server->token(tenant, tenant + "-" + role, role));
  }
  static std::unique_ptr<TestServer> server;
};
std::unique_ptr<TestServer> PlainSchema::server;

const Headers wants_row = {{"Content-Type", "application/json"}, {"Prefer", "return=representation"}};

TEST_F(PlainSchema, DefaultsChecksSequencesAndTriggersWork) {
  for (const std::string tenant : {"acme", "globex"}) {
    Caller member = caller(tenant);
    Reply customer = member.post("/rest/v1/customer", R"({"id":1,"email":"a@x.de"})", wants_row);
    ASSERT_EQ(customer.status, 201) << customer.body;
    EXPECT_NE(customer.body.find("\"label\":\"A@X.DE\""), std::string::npos) << customer.body;
    EXPECT_NE(customer.body.find("\"code\":\"C"), std::string::npos) << customer.body;
    EXPECT_NE(customer.body.find("\"seq\":"), std::string::npos) << customer.body;
    EXPECT_EQ(member.post("/rest/v1/customer", R"({"email":"nowhere"})", wants_row).status, 400)
        << "the check runs, and refuses";
    Reply order = member.post("/rest/v1/orders", R"({"id":1,"customer_id":1})", wants_row);
    ASSERT_EQ(order.status, 201) << order.body;
    Reply item = member.post("/rest/v1/order_item", R"({"order_id":1,"price":7})", wants_row);
    ASSERT_EQ(item.status, 201) << item.body;
    EXPECT_EQ(member.get("/rest/v1/orders?select=total,status").body, R"([{"total":7,"status":"paid"}])");
  }
}

TEST_F(PlainSchema, ViewsAreServedAndReadOnly) {
  Caller member = caller("acme"), viewer = caller("acme", "viewer");
  ASSERT_LT(member.post("/rest/v1/customer", R"({"id":20,"email":"v@x.de"})", wants_row).status, 300);
  Reply seen = viewer.get("/rest/v1/customer_orders?id=eq.20");
  EXPECT_EQ(seen.status, 200) << seen.body;
  EXPECT_EQ(seen.body, R"([{"id":20,"email":"v@x.de","orders":0,"total":0}])");
  EXPECT_EQ(caller("globex").get("/rest/v1/customer_orders?id=eq.20").body, "[]");
  EXPECT_GE(caller("acme", "owner").post("/rest/v1/customer_orders", R"({"id":3})", wants_row).status, 400);
}

}  // namespace
}  // namespace bulkhead::test
