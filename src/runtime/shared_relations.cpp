#include "runtime/shared_relations.hpp"

#include <charconv>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "catalog/records.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::runtime {

namespace {

/// A fleet is at one version or, while it is migrated, at a few.
constexpr std::size_t versions_max = 32;

Result<std::int32_t> version_of(pg::Blocking& connection, const std::string& schema) {
  BULKHEAD_TRY(Rows rows, connection.query("select bulkhead.target_version($1)", {schema}));
  if (rows.empty() || rows.is_null(0, 0))
    return Error(Errc::placement_stale, "the tenant is moving to another place")
        .hint("Try again in a moment.");
  std::int32_t version = 0;
  const std::string_view text = rows.text(0, 0);
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

/// What there is to know of a schema that the app's migrations did not make.
Result<sql::Tenancy> tenancy_of(pg::Blocking& connection, const std::string& schema, std::int32_t version) {
  sql::Tenancy tenancy;
  if (version < catalog::adopted_version_least) return tenancy;
  tenancy.adopted = true;
  BULKHEAD_TRY(Rows rows,
               connection.query("select tenant_column, left_out from bulkhead.adopted($1)", {schema}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    tenancy.column = rows.text(row, 0);
    if (!rows.is_null(row, 1)) tenancy.left_out.emplace_back(rows.text(row, 1));
  }
  return tenancy;
}

}  // namespace

sql::RelationsRef SharedRelations::known(std::int32_t version) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_version_.find(version);
  return found == by_version_.end() ? nullptr : found->second;
}

Result<SharedRelations::Found> SharedRelations::load(const std::string& conninfo, const std::string& schema) {
  BULKHEAD_TRY(pg::Blocking connection, pg::Blocking::connect(conninfo));
  // One snapshot: the version and the tables change together.
  BULKHEAD_CHECK(connection.execute("begin isolation level repeatable read read only"));
  Found found;
  BULKHEAD_TRY(found.version, version_of(connection, schema));
  BULKHEAD_TRY(const sql::Tenancy tenancy, tenancy_of(connection, schema, found.version));
  BULKHEAD_TRY(found.relations, sql::Relations::load(connection, schema, tenancy));
  BULKHEAD_CHECK(connection.execute("commit"));
  return found;
}

Task<Result<sql::RelationsRef>> SharedRelations::load_here(SharedRelations& self, std::string conninfo,
                                                           std::string schema, std::int32_t version) {
  if (sql::RelationsRef there = self.known(version)) co_return there;  // read while this one waited
  BULKHEAD_CO_TRY(Found found, load(conninfo, schema));
  self.keep(found);
  if (found.version == version) co_return found.relations;
  co_return Error(Errc::placement_stale, "the tables are being changed").hint("Try again in a moment.");
}

Task<Result<sql::RelationsRef>> SharedRelations::read(std::string conninfo, std::string schema,
                                                      std::int32_t version) {
  auto loading = load_here(*this, std::move(conninfo), std::move(schema), version);
  co_return co_await boost::asio::co_spawn(background_, std::move(loading), boost::asio::use_awaitable);
}

Result<bool> SharedRelations::reload(const std::string& conninfo, const std::string& schema) {
  BULKHEAD_TRY(Found found, load(conninfo, schema));
  sql::RelationsRef before = known(found.version);
  if (before && before->same_as(*found.relations)) return false;
  keep(found);
  return before != nullptr;
}

void SharedRelations::keep(const Found& found) {
  const std::lock_guard lock(mutex_);
  by_version_[found.version] = found.relations;
  if (by_version_.size() > versions_max) by_version_.erase(by_version_.begin());
}

}  // namespace bulkhead::runtime
