#pragma once

#include <random>
#include <string>

#include "catalog/records.hpp"
#include "support/test_server.hpp"

/// Two tenants of the sample product whose every text carries the tenant's mark, so that a single leaked
/// value shows. Ids 1..100 exist in both (with other content), 101..200 in globex alone, 201..300 in acme
/// alone, 901..999 nowhere.
namespace bulkhead::test {

struct Shop {
  std::string slug, other;
  std::string mark, other_mark;  ///< In every text of this tenant, and of the other.
  std::string id, other_id;      ///< UUIDs.
  int foreign_from = 0;          ///< First of 100 ids that only the other tenant has.
};

struct World {
  Database database;
  Shop acme, globex;
};

/// Migrates the sample product into a new database and fills both shops.
[[nodiscard]] World make_world(bool plain = false);
/// The same with each shop in a model of its own.
[[nodiscard]] World make_world(catalog::Model acme, catalog::Model globex, bool plain = false);

/// What of `reply` must never be there: the other's mark, either tenant's id, the tenant column. "" when it
/// is clean.
[[nodiscard]] std::string leak_in(const Reply& reply, const Shop& shop);

}  // namespace bulkhead::test
