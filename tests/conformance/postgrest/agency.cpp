#include "conformance/postgrest/agency.hpp"

#include <algorithm>

#include "support/models.hpp"
#include "support/npm.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {

namespace fs = std::filesystem;

namespace {

const fs::path folder = BULKHEAD_SOURCE_DIR "/tests/conformance/postgrest";

}  // namespace

std::vector<fs::path> files_in(const fs::path& path, std::string_view extension) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == extension) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

Agency::Agency() : database_(Postgres::shared().make_database()) {
  std::vector<std::string> migrations;
  for (const fs::path& file : files_in(folder / "app/migrations", ".sql"))
    migrations.push_back(read_file(file));
  migrate_app(database_, migrations);
  // Before the tenants: those with tables of their own get a copy.
  pg::Blocking admin = database_.connect_admin();
  must(admin.execute(read_file(folder / "app/seed/shared.sql")));
  const auto [first, second] = wanted_models();
  tenants_.push_back({"alpha", make_tenant(database_, "alpha", first).id.text(), ""});
  tenants_.push_back({"bravo", make_tenant(database_, "bravo", second).id.text(), "BRAVO "});
  for (const fs::path& file : files_in(folder / "app/seed", ".sql"))
    if (file.stem() != "shared") seed_ += read_file(file);
  put_back();
}

void Agency::put_back() {
  for (const Tenancy& tenant : tenants_) {
    TenantHome home(database_, tenant.slug);
    const std::string rows = home.query_one(
        "select coalesce(string_agg(format('delete from %I.%I where tenant_id = %L', n.nspname, c.relname, "
        "'" +
        tenant.id +
        "'), ';'), '') from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a "
        "on "
        "a.attrelid = c.oid and a.attname = 'tenant_id' where n.nspname = '" +
        home.schema() + "' and c.relkind in ('r','p') and not c.relispartition");
    must(home.admin().execute("set session_replication_role = replica;" + rows));
    home.execute(replaced(replaced(seed_, "{id}", tenant.id), "{mark}", tenant.mark));
  }
}

}  // namespace bulkhead::test
