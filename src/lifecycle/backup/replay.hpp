#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <bulkhead/result.hpp>

#include "lifecycle/backup/manifest.hpp"
#include "lifecycle/backup/segment.hpp"
#include "pg/blocking.hpp"

namespace bulkhead::lifecycle::backup {

/// What was read from the store, in the order in which it is to be done.
struct Replayed {
  std::uint64_t rows = 0;          ///< Of the base.
  std::uint64_t changes = 0;       ///< Of the journal.
  std::uint64_t transactions = 0;  ///< Whose changes these are.
};

/// Puts a tenant's rows into a placement: those of a base, then the changes of the journal. All within one transaction that the caller
/// begins and ends, as the operator, with triggers and foreign keys at rest (session_replication_role, which takes a superuser);
/// the journal does not tell these rows as news. One thread.
class Replay {
 public:
  /// `target`: in a transaction without statements so far. `tenant`: whose rows they become.
  /// Errors: `conflict` (no superuser), the database's.
  [[nodiscard]] static Result<Replay> begin(pg::Blocking& target, const std::string& schema,
                                            const TenantId& tenant);

  /// The same, but the rows come into tables of this session's own, made like the placement's (`staged_place`), which go with it
  /// or before. For `replace_rows`.
  [[nodiscard]] static Result<Replay> begin_staged(pg::Blocking& target, const std::string& schema,
                                                   const TenantId& tenant);

  /// The tenant has no rows here any more.
  [[nodiscard]] Result<void> clear();
  /// All rows of a base. Error: `conflict`, naming tables and columns that the schema does not have (any more).
  [[nodiscard]] Result<void> fill(cloud::ObjectStore& store, const BaseName& base, const Manifest& manifest,
                                  const DataKey& key, const std::function<void(std::uint64_t)>& rows);
  /// The changes in these segments, in their order, that were committed at `from` or later in `manifest`'s database, and not
  /// after `until`. Errors: `conflict` (another schema), `import_failed` (they do not fit the rows, or are damaged).
  [[nodiscard]] Result<void> apply(cloud::ObjectStore& store, std::vector<SegmentName> segments,
                                   const Manifest& manifest, Moment until, const DataKey& key,
                                   const std::function<void(std::uint64_t)>& changes);
  /// Sequences go on after the largest value; materialised views are made anew.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] const Replayed& done() const noexcept { return done_; }

 private:
  struct Table {
    TableShape shape;
    std::string place;
    std::vector<std::string> always;  ///< Identity columns that no UPDATE may set.
  };
  Replay(pg::Blocking& target, std::string schema, const TenantId& tenant);
  [[nodiscard]] Result<void> rest(bool staged);
  [[nodiscard]] Result<void> read_tables(bool staged);
  [[nodiscard]] Result<const Table*> table_of(const std::string& schema, const std::string& name);
  [[nodiscard]] Result<void> fill_part(cloud::ObjectStore& store, const std::string& key_name,
                                       const Part& part, const DataKey& key,
                                       const std::function<void(std::uint64_t)>& rows);
  [[nodiscard]] Result<void> apply_segment(cloud::ObjectStore& store, const SegmentName& segment,
                                           pg::Lsn from, Moment until, const DataKey& key,
                                           const std::function<void(std::uint64_t)>& changes);
  [[nodiscard]] Result<void> apply(const journal::Change& change);
  [[nodiscard]] Result<void> insert(const Table& table, const journal::Change& change);
  [[nodiscard]] Result<void> update(const Table& table, const journal::Change& change);
  [[nodiscard]] Result<void> remove(const Table& table, const journal::Change& change);
  [[nodiscard]] Result<void> truncate(const journal::RelationRef& relation);

  pg::Blocking* target_;
  std::string schema_;
  std::string tenant_;
  std::map<std::string, Table> tables_;
  pg::Lsn applied_ = 0;  ///< The last transaction that a segment held.
  Replayed done_;
};

/// Where `Replay::begin_staged` puts the rows of a table, which may be the counters'.
[[nodiscard]] std::string staged_place(const std::string& table);

/// Missing from what the app has now. Error: `conflict`.
[[nodiscard]] Error other_schema(const std::string& what);

}  // namespace bulkhead::lifecycle::backup
