#include "lifecycle/backup/diff.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "catalog/cells.hpp"
#include "catalog/store.hpp"
#include "lifecycle/adopt.hpp"
#include "lifecycle/backup/rows.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr const char* page = "5000";

/// One tenant's rows, in a snapshot that ends with this object.
class Side {
 public:
  static Result<Side> open(pg::Blocking& catalog, const std::string& slug_or_id) {
    BULKHEAD_TRY(auto tenant, catalog::find_tenant(catalog, slug_or_id));
    BULKHEAD_CHECK(refuse_adopted(tenant, "a comparison"));
    BULKHEAD_TRY(auto home, catalog::connect_to(catalog, tenant.placement.cell, tenant.placement.database));
    BULKHEAD_CHECK(home.execute("begin isolation level repeatable read read only"));
    BULKHEAD_CHECK(set_formats(home));
    BULKHEAD_TRY(const auto shapes, shapes_of(home, tenant.placement.schema));
    Side out(std::move(home), std::move(tenant));
    for (const auto& shape : shapes) out.shapes_.emplace(shape.name, shape);
    return out;
  }

  [[nodiscard]] const std::map<std::string, TableShape>& shapes() const noexcept { return shapes_; }

  /// From now on `next` gives this table's rows.
  Result<void> begin(const TableShape& shape) {
    keys_ = shape.key.size();
    std::string keys, order;
    for (const auto& key : shape.key) {
      keys += home_.quote_identifier(key) + "::text, ";
      order += (order.empty() ? " order by " : ", ") + home_.quote_identifier(key) + "::text collate \"C\"";
    }
    const std::string hash =
        "encode(sha256(convert_to(row(" + identifiers(home_, shape.columns) + ")::text, 'UTF8')), 'hex')";
    // Without a key the row as a whole is what it is known by.
    if (shape.key.empty()) order = " order by " + hash + " collate \"C\"";
    rows_.reset();
    BULKHEAD_CHECK(home_.execute("close all"));
    return home_.execute("declare difference no scroll cursor for select " + keys + hash + " from " +
                         place_of(home_, tenant_.placement.schema, shape.name) +
                         " where tenant_id = " + home_.quote_literal(tenant_.id.text()) + order);
  }

  /// The row that is looked at; nullptr at the end.
  struct Row {
    std::vector<std::string> key;
    std::string hash;
  };
  Result<const Row*> look() {
    if (row_) return &*row_;
    if (!rows_ || at_ == rows_->size()) {
      if (rows_ && rows_->empty()) return nullptr;
      BULKHEAD_TRY(Rows fetched, home_.query(std::string("fetch ") + page + " from difference"));
      rows_.emplace(std::move(fetched));
      at_ = 0;
      if (rows_->empty()) return nullptr;
    }
    row_.emplace();
    for (std::size_t key = 0; key < keys_; ++key) row_->key.emplace_back(rows_->text(at_, key));
    row_->hash = rows_->text(at_, keys_);
    ++at_;
    return &*row_;
  }
  void pass() { row_.reset(); }

 private:
  Side(pg::Blocking home, catalog::TenantRecord tenant)
      : home_(std::move(home)), tenant_(std::move(tenant)) {}

  pg::Blocking home_;
  catalog::TenantRecord tenant_;
  std::map<std::string, TableShape> shapes_;
  std::size_t keys_ = 0, at_ = 0;
  std::optional<Rows> rows_;
  std::optional<Row> row_;
};

std::string shown(const std::vector<std::string>& key) {
  std::string out;
  for (const auto& part : key) out += (out.empty() ? "" : ", ") + part;
  return out;
}

class Comparison {
 public:
  Comparison(Side& here, Side& there, const DiffRequest& request)
      : here_(here), there_(there), request_(request) {}

  Result<TableDiff> table(const std::string& name) {
    TableDiff out;
    out.table = name;
    const TableShape shape = common(name);
    const bool is_here = here_.shapes().contains(name), is_there = there_.shapes().contains(name);
    if (is_here) BULKHEAD_CHECK(here_.begin(shape));
    if (is_there) BULKHEAD_CHECK(there_.begin(shape));
    for (;;) {
      BULKHEAD_TRY(const Side::Row* left, is_here ? here_.look() : Result<const Side::Row*>(nullptr));
      BULKHEAD_TRY(const Side::Row* right, is_there ? there_.look() : Result<const Side::Row*>(nullptr));
      if (left == nullptr && right == nullptr) return one_row(shape, std::move(out));
      step(out, shape, left, right);
    }
  }

 private:
  /// The columns of both, by the key of the side that has the table.
  [[nodiscard]] TableShape common(const std::string& name) const {
    const auto left = here_.shapes().find(name), right = there_.shapes().find(name);
    if (left == here_.shapes().end()) return right->second;
    if (right == there_.shapes().end()) return left->second;
    TableShape out = left->second;
    const auto& others = right->second.columns;
    std::erase_if(out.columns, [&](const std::string& column) {
      return std::find(others.begin(), others.end(), column) == others.end();
    });
    // Keys that are not the same say nothing about which row is which.
    if (out.key != right->second.key) out.key.clear();
    return out;
  }

  void step(TableDiff& out, const TableShape& shape, const Side::Row* left, const Side::Row* right) {
    const int order = left == nullptr ? 1 : right == nullptr ? -1 : compare(*left, *right, shape);
    if (order <= 0) ++out.rows_here;
    if (order >= 0) ++out.rows_there;
    if (order < 0) {
      ++out.only_here;
      keep(out.keys_here, *left);
    } else if (order > 0) {
      ++out.only_there;
      keep(out.keys_there, *right);
    } else if (left->hash != right->hash) {
      ++out.changed;
      keep(out.keys_changed, *left);
    }
    if (order <= 0) here_.pass();
    if (order >= 0) there_.pass();
    ++compared_;
    if (request_.rows && compared_ % 1024 == 0) request_.rows(compared_);
  }
  /// A table with one row for each tenant has no other key than the tenant's.
  static TableDiff one_row(const TableShape& shape, TableDiff out) {
    if (!shape.key.empty() || out.rows_here != 1 || out.rows_there != 1 || out.only_here != 1) return out;
    out.only_here = out.only_there = 0;
    out.changed = 1;
    out.keys_changed = std::move(out.keys_here);
    out.keys_there.clear();
    return out;
  }
  static int compare(const Side::Row& left, const Side::Row& right, const TableShape& shape) {
    if (shape.key.empty()) return left.hash.compare(right.hash);
    return left.key < right.key ? -1 : left.key == right.key ? 0 : 1;
  }
  void keep(std::vector<std::string>& keys, const Side::Row& row) const {
    if (keys.size() < request_.keys)
      keys.push_back(row.key.empty() ? "(row " + row.hash.substr(0, 12) + ")" : shown(row.key));
  }

  Side& here_;
  Side& there_;
  const DiffRequest& request_;
  std::uint64_t compared_ = 0;
};

}  // namespace

Result<std::vector<TableDiff>> diff_tenants(pg::Blocking& catalog, const DiffRequest& request) {
  BULKHEAD_TRY(Side here, Side::open(catalog, request.here));
  BULKHEAD_TRY(Side there, Side::open(catalog, request.there));
  std::map<std::string, bool> names;
  for (const Side* side : {&here, &there})
    for (const auto& [name, shape] : side->shapes()) names[name] = true;
  Comparison comparison(here, there, request);
  std::vector<TableDiff> out;
  for (const auto& [name, known] : names) {
    BULKHEAD_TRY(auto table, comparison.table(name));
    out.push_back(std::move(table));
  }
  return out;
}

}  // namespace bulkhead::lifecycle::backup
