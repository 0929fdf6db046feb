#pragma once

#include <string>
#include <vector>

#include "journal/change.hpp"

namespace bulkhead::test {

/// What consumers were told, as text, beyond the life of one reader.
struct Told {
  std::vector<std::string> lines;
  int begun = 0, committed = 0, changes = 0, lost = 0;
  bool keeps = true;        ///< Whether what was told counts as kept.
  int fails_at_commit = 0;  ///< The next so many commits fail.
};

inline std::string value_text(const journal::Value& value) {
  if (value.kind == journal::Value::Kind::null) return "null";
  return value.kind == journal::Value::Kind::unchanged ? "unchanged" : std::string(value.text.substr(0, 40));
}

/// "insert SLUG? table: column=value …" without the tenant's column.
inline std::string change_text(const journal::Change& change) {
  std::string out = change.kind == journal::ChangeKind::insert   ? "insert"
                    : change.kind == journal::ChangeKind::update ? "update"
                                                                 : "remove";
  out += " " + change.relation->name;
  const auto add = [&](const journal::Tuple& row, const char* before) {
    for (std::size_t i = 0; i < row.size(); ++i)
      if (change.relation->columns[i].name != "tenant_id" &&
          !(*before != 0 && !change.relation->columns[i].key))
        out += std::string(" ") + before + change.relation->columns[i].name + "=" + value_text(row[i]);
  };
  add(change.old, "old:");
  add(change.row, "");
  return out;
}

class Recorder : public journal::ChangeConsumer {
 public:
  explicit Recorder(Told& told, std::size_t most_lines = 10'000) : told_(told), most_(most_lines) {}

  Result<void> begin(const journal::Begin&) override {
    ++told_.begun;
    return {};
  }
  Result<void> change(const journal::Change& change) override {
    ++told_.changes;
    if (told_.lines.size() < most_) told_.lines.push_back(change_text(change));
    tenants.push_back(change.tenant);
    return {};
  }
  Result<void> truncate(const journal::RelationRef& relation) override {
    told_.lines.push_back("truncate " + relation->name);
    return {};
  }
  Result<void> commit(const journal::Commit& commit) override {
    if (told_.fails_at_commit > 0) {
      --told_.fails_at_commit;
      return Error(Errc::upstream_failed, "the shelf is full");
    }
    ++told_.committed;
    end_ = commit.end;
    return {};
  }
  Result<pg::Lsn> kept() override { return told_.keeps ? end_ : pg::Lsn(0); }
  Result<void> lost(pg::Lsn) override {
    ++told_.lost;
    return {};
  }

  std::vector<TenantId> tenants;

 private:
  Told& told_;
  std::size_t most_;
  pg::Lsn end_ = 0;
};

}  // namespace bulkhead::test
