#include "support/tenants.hpp"

#include <fmt/format.h>

#include "catalog/cells.hpp"
#include "lifecycle/app_migrations.hpp"
#include "lifecycle/create.hpp"
#include "migrate/runner.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::test {
namespace {

void bring_to(const Database& database, const std::vector<migrate::MigrationFile>& files) {
  auto admin = database.connect_admin();
  must(migrate::run_migrations(admin, files));
  must(lifecycle::remember_migrations(admin, files));
}

}  // namespace

void migrate_app(const Database& database, const std::vector<std::string>& texts) {
  std::vector<migrate::MigrationFile> files;
  for (const auto& text : texts) {
    migrate::MigrationFile file;
    file.version = static_cast<int>(files.size()) + 1;
    file.name = "test";
    file.path = fmt::format("{:04}_test.sql", file.version);
    file.sql = text;
    file.checksum = migrate::sha256_hex(text);
    files.push_back(std::move(file));
  }
  bring_to(database, files);
}

void migrate_recordshop_everywhere(const Database& database) {
  bring_to(database, must(migrate::read_migrations(std::filesystem::path(BULKHEAD_SOURCE_DIR) /
                                                   "examples/recordshop/migrations")));
}

catalog::TenantRecord make_tenant(const Database& database, std::string_view slug, catalog::Model model) {
  auto admin = database.connect_admin();
  lifecycle::CreateRequest request;
  request.slug = slug;
  request.model = model;
  return must(lifecycle::create_tenant(admin, request));
}

pg::Blocking connect_home(const Database& database, const catalog::TenantRecord& tenant) {
  auto admin = database.connect_admin();
  return must(catalog::connect_to(admin, tenant.placement.cell, tenant.placement.database));
}

Rows as_tenant(const Database& database, const catalog::TenantRecord& tenant, std::string_view role,
               std::string_view sql) {
  auto admin = database.connect_admin();
  auto home = connect_home(database, tenant);
  const auto known =
      must(admin.query("select login, password from catalog.database where cell = $1 and name = $2",
                       {tenant.placement.cell, tenant.placement.database}));
  const std::string login(known.empty() ? "bulkhead_login" : known.text(0, 0));
  const std::string password(known.empty() ? database.credentials.login_password
                                           : std::string(known.text(0, 1)));
  const std::string bound =
      (tenant.placement.model == catalog::Model::schema ? tenant.placement.schema : std::string("app")) +
      "_" + std::string(role);
  const std::string signed_context = context(home, tenant.id.text(), bound);
  auto server = must(home.another({{"user", login}, {"password", password}}));
  must(server.execute("begin"));
  must(server.query("select set_config('bulkhead.context', $1, true), set_config('role', $2, true)",
                    {signed_context, bound}));
  auto rows = must(server.query(sql));
  must(server.execute("commit"));
  return rows;
}

}  // namespace bulkhead::test
