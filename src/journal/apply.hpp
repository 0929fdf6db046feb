#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/uuid.hpp>

#include "journal/compare.hpp"
#include "journal/pgoutput.hpp"
#include "journal/tables.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::journal {

/// Does at the target what the journal says that one tenant did at the source. Rows must be there as the journal has them: a
/// change that meets no row, or a row too many, is an error (`internal`), since then the two are not the same any more. One thread.
class Applier {
 public:
  struct Settings {
    Settings() = default;
    TenantId tenant;
    std::uint64_t attempt = 0;
    std::string source_schema, target_schema;
    std::vector<TenantTable> source_tables, target_tables;
  };
  /// `target`: a prepared session of its own.
  Applier(pg::Blocking& target, Settings settings);

  /// Changes of other tenants and schemas are passed over. Error: `placement_stale` where the table is not the one that was copied (a
  /// migration has changed it): copy again.
  [[nodiscard]] Result<void> apply(const Message& message);
  /// A transaction at the target is open; begun with the first change.
  [[nodiscard]] bool writing() const noexcept { return writing_; }
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> commit();

  /// From now on the keys of changed rows are kept, by table.
  void watch();
  [[nodiscard]] const std::map<std::string, RowKeys>& touched() const noexcept { return touched_; }
  /// They are kept by the caller; new ones are kept from here on.
  [[nodiscard]] std::map<std::string, RowKeys> take_touched() { return std::exchange(touched_, {}); }
  void touch_again(std::map<std::string, RowKeys> keys);
  [[nodiscard]] std::uint64_t applied() const noexcept { return applied_; }

 private:
  struct Known;
  [[nodiscard]] Result<const Known*> known(const RelationRef& relation);
  [[nodiscard]] Result<void> insert(const Insert& change);
  [[nodiscard]] Result<void> update(const Update& change);
  [[nodiscard]] Result<void> remove(const Delete& change);
  [[nodiscard]] Result<void> truncate(const Truncate& change);
  [[nodiscard]] Result<void> one_row(const std::string& sql,
                                     const std::vector<std::optional<std::string>>& params);
  void touch(const Known& table, const Tuple& row);
  /// The condition that finds one row, and its parameters.
  [[nodiscard]] std::string by_key(const Known& table, const Tuple& old,
                                   std::vector<std::optional<std::string>>& params) const;

  /// A relation of the journal, as it is at the target; `table` is null for one that is of no interest.
  struct Known {
    RelationRef relation;
    const TenantTable* table = nullptr;
    std::string name;              ///< By which it stands in touched().
    std::size_t tenant = 0;        ///< Place of tenant_id.
    std::vector<std::size_t> key;  ///< Places of the key's columns, in the order of TenantTable::key.
    std::vector<bool> always;      ///< By column: always_identity.
    std::string place, insert;
  };

  pg::Blocking& target_;
  Settings settings_;
  std::string tenant_text_;
  std::map<std::uint32_t, Known> known_;
  std::map<std::string, RowKeys> touched_;
  std::uint64_t applied_ = 0;
  bool writing_ = false, watching_ = false;
};

}  // namespace bulkhead::journal
