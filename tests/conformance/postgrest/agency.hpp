#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "support/postgres.hpp"

namespace bulkhead::test {

/// The files of a folder with this extension, in the order of their names.
[[nodiscard]] std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder,
                                                          std::string_view extension);
[[nodiscard]] std::string replaced(std::string text, std::string_view what, std::string_view with);

struct Tenancy {
  std::string slug, id, mark;
};

/// A database with the schema of `app`, and the rows of `seed` for two tenants, alpha and bravo, in the models that are asked for;
/// those of bravo are marked.
class Agency {
 public:
  Agency();

  [[nodiscard]] const Database& database() const noexcept { return database_; }
  [[nodiscard]] const std::vector<Tenancy>& tenants() const noexcept { return tenants_; }
  /// As the superuser, for whom neither row-level security nor, in this role, foreign keys and triggers apply.
  void put_back();

 private:
  Database database_;
  std::vector<Tenancy> tenants_;
  std::string seed_;
};

}  // namespace bulkhead::test
