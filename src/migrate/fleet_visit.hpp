#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::migrate {

/// Things to do in one database, by number.
struct DatabaseWork {
  std::string cell, database;
  std::vector<std::size_t> items;
};

/// Does one thing over an operator's connection to its database. Any thread.
using Visit = std::function<Result<void>(pg::Blocking& database, std::size_t item)>;
/// What became of it; with a connection to the catalog. One thread at a time.
using Visited = std::function<void(pg::Blocking& catalog, std::size_t item, const Result<void>& result)>;

/// Visits everything, with at most `parallel` threads a cell. A thread keeps its connection while there is work in that
/// database. What cannot be reached is visited with that error, a whole cell at once. Returns when all is done. Error: a
/// connection to the catalog cannot be opened at the beginning.
[[nodiscard]] Result<void> visit_databases(pg::Blocking& catalog, std::vector<DatabaseWork> work,
                                           std::size_t parallel, const Visit& visit, const Visited& visited);

}  // namespace bulkhead::migrate
