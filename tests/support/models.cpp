#include "support/models.hpp"

#include <cstdlib>
#include <stdexcept>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "support/tenants.hpp"

namespace bulkhead::test {

namespace {

catalog::Model model_named(std::string_view name) {
  const auto model = catalog::parse_model(name);
  if (!model) throw std::runtime_error("BULKHEAD_TEST_MODEL: there is no model " + std::string(name));
  return *model;
}

catalog::TenantRecord tenant_of(const Database& database, std::string_view slug) {
  pg::Blocking admin = database.connect_admin();
  return must(catalog::find_tenant(admin, slug));
}

}  // namespace

std::pair<catalog::Model, catalog::Model> wanted_models() {
  const char* wanted = std::getenv("BULKHEAD_TEST_MODEL");
  const std::string_view text = wanted == nullptr || *wanted == '\0' ? "row" : wanted;
  const std::size_t comma = text.find(',');
  const catalog::Model first = model_named(text.substr(0, comma));
  return {first, comma == std::string_view::npos ? first : model_named(text.substr(comma + 1))};
}

TenantHome::TenantHome(const Database& database, std::string_view slug)
    : admin_(connect_home(database, tenant_of(database, slug))),
      schema_(tenant_of(database, slug).placement.schema) {}

std::string TenantHome::placed(std::string_view sql) const {
  std::string out(sql);
  for (std::size_t at = 0; (at = out.find("app.", at)) != std::string::npos; at += schema_.size() + 1)
    out.replace(at, 3, schema_);
  return out;
}

void TenantHome::execute(std::string_view sql) {
  must(admin_.execute(placed(sql)));
}

std::string TenantHome::query_one(std::string_view sql) {
  return std::string(must(admin_.query(placed(sql))).text(0, 0));
}

}  // namespace bulkhead::test
