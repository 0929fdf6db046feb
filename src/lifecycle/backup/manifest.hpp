#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "lifecycle/backup/layout.hpp"
#include "lifecycle/backup/rows.hpp"
#include "lifecycle/backup/sealed.hpp"

namespace bulkhead::lifecycle::backup {

/// A table's rows in a base.
struct Part {
  TableShape shape;
  std::string object;  ///< Its name in the base's folder.
  std::uint64_t rows = 0;
  std::string rows_hash;
  SealedInfo sealed;
};

/// What a base holds, and of when it is. It is itself a sealed object.
struct Manifest {
  std::string tenant, slug, name, plan;
  std::string model, cell, database, schema;
  std::int64_t epoch = 1;
  std::int32_t version = 0;  ///< Of the schema's tables.
  Moment at;                 ///< Everything that it holds was committed before.
  pg::Lsn consistent = 0;    ///< What was committed here or later is not in it.
  std::vector<Part> parts;

  [[nodiscard]] std::uint64_t rows() const;
  [[nodiscard]] std::uint64_t bytes() const;
};

[[nodiscard]] std::string manifest_key(const BaseName& base);
[[nodiscard]] std::string manifest_text(const Manifest& manifest);
/// Error: `import_failed` for what is no manifest of this version.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view text);
/// Errors: those of `read_sealed`.
[[nodiscard]] Result<Manifest> read_manifest(cloud::ObjectStore& store, const BaseName& base,
                                             const DataKey& key);

}  // namespace bulkhead::lifecycle::backup
