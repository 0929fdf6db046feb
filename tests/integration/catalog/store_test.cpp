#include "catalog/store.hpp"

#include <gtest/gtest.h>

#include "support/postgres.hpp"

namespace bulkhead::catalog {
namespace {

using test::must;
using test::Postgres;

TEST(Store, MakesFindsAndListsTenants) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  const auto made = must(create_tenant(admin, "acme", "Acme Records"));
  EXPECT_EQ(made.slug, "acme");
  EXPECT_EQ(made.name, "Acme Records");
  EXPECT_EQ(made.status, TenantStatus::active);
  EXPECT_EQ(made.placement.database, database.name);
  EXPECT_EQ(made.placement.schema, "app");
  EXPECT_EQ(made.placement.epoch, 1);
  EXPECT_EQ(must(find_tenant(admin, "acme")).id, made.id);
  EXPECT_EQ(must(find_tenant(admin, made.id.text())).slug, "acme");
  EXPECT_EQ(
      must(admin.query("select bulkhead.resides($1::uuid, 1, true, 'app', 0)", {made.id.text()})).text(0, 0),
      "t");
  EXPECT_EQ(create_tenant(admin, "acme", "Other").error().code(), Errc::already_exists);
  EXPECT_EQ(create_tenant(admin, "www", "Web").error().code(), Errc::usage);
  EXPECT_EQ(create_tenant(admin, "Acme", "Web").error().code(), Errc::usage);
  EXPECT_EQ(find_tenant(admin, "absent").error().code(), Errc::not_found);
  must(create_tenant(admin, "globex", ""));
  const auto all = must(list_tenants(admin));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].slug, "acme");
  EXPECT_EQ(all[1].name, "globex");
}

TEST(Store, KeepsOneUserAnIdentityAndOneRoleATenant) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  const auto acme = must(create_tenant(admin, "acme", "Acme"));
  const auto globex = must(create_tenant(admin, "globex", "Globex"));
  const auto ann = must(ensure_membership(admin, acme.id, "https://issuer", "ann", "Ann", Role::member));
  EXPECT_EQ(must(ensure_membership(admin, acme.id, "https://issuer", "ann", "", Role::admin)), ann);
  EXPECT_EQ(must(ensure_membership(admin, globex.id, "https://issuer", "ann", "", Role::viewer)), ann);
  EXPECT_NE(must(ensure_membership(admin, acme.id, "https://other", "ann", "Another Ann", Role::viewer)),
            ann);
  const auto rows = must(admin.query(
      "select u.name, m.role from catalog.membership m join catalog.app_user u on u.id = m.user_id "
      "where m.tenant_id = $1::uuid and u.id = $2::uuid",
      {acme.id.text(), ann.text()}));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.text(0, 0), "Ann");
  EXPECT_EQ(rows.text(0, 1), "admin");
}

TEST(Store, SettingsAndIssuerKeys) {
  const auto database = Postgres::shared().make_database();
  auto admin = database.connect_admin();
  EXPECT_FALSE(must(setting(admin, "app")).has_value());
  must(set_setting(admin, "app", "one"));
  must(set_setting(admin, "app", "two"));
  EXPECT_EQ(must(setting(admin, "app")), "two");
  EXPECT_TRUE(must(dev_issuer_keys(admin)).empty());
  must(add_dev_issuer_key(admin, {"k1", "first"}));
  must(add_dev_issuer_key(admin, {"k1", "second"}));
  const auto keys = must(dev_issuer_keys(admin));
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_EQ(keys[0].private_pem, "first");
}

}  // namespace
}  // namespace bulkhead::catalog
