#include "journal/apply.hpp"

#include <algorithm>

#include "journal/residency.hpp"

namespace bulkhead::journal {
namespace {

Error diverged(const std::string& table) {
  return Error(Errc::internal, "a change of table \"" + table + "\" does not fit the rows at the target")
      .hint("the move was taken back; try again, and look who else writes to the target");
}

Error changed(const std::string& table) {
  return Error(Errc::placement_stale, "table \"" + table + "\" was changed by a migration during the move");
}

std::string parameter(std::size_t at) {
  return "$" + std::to_string(at);
}

std::optional<std::string> value_of(const Value& value) {
  if (value.kind == Value::Kind::null) return std::nullopt;
  return std::string(value.text);
}

const TenantTable* find(const std::vector<TenantTable>& tables, const Relation& relation, bool counters) {
  for (const auto& table : tables)
    if (table.name == relation.name && table.counters == counters) return &table;
  return nullptr;
}

}  // namespace

Applier::Applier(pg::Blocking& target, Settings settings)
    : target_(target), settings_(std::move(settings)), tenant_text_(settings_.tenant.text()) {}

void Applier::watch() {
  watching_ = true;
  touched_.clear();
}

Result<void> Applier::begin() {
  if (writing_) return {};
  BULKHEAD_CHECK(begin_writing(target_, settings_.tenant, settings_.attempt));
  writing_ = true;
  return {};
}

Result<void> Applier::commit() {
  if (!writing_) return {};
  writing_ = false;
  return target_.execute("commit");
}

Result<const Applier::Known*> Applier::known(const RelationRef& relation) {
  auto& known = known_[relation->oid];
  if (known.relation == relation) return static_cast<const Known*>(&known);
  known = Known();
  known.relation = relation;
  const bool counters = relation->schema == "bulkhead" && relation->name == "counter";
  if (!counters && relation->schema != settings_.source_schema) return static_cast<const Known*>(&known);
  const TenantTable* source = find(settings_.source_tables, *relation, counters);
  const TenantTable* table = find(settings_.target_tables, *relation, counters);
  // PostgreSQL tells a relation again whenever anything about it has changed: only its columns matter.
  if (source == nullptr || table == nullptr) return changed(relation->name);
  if (relation->columns.size() != source->columns.size()) return changed(relation->name);
  known.table = table;
  known.name = key_name(*table);
  known.place = table->place(settings_.target_schema);
  known.tenant = relation->find("tenant_id");
  std::string columns, values;
  for (std::size_t i = 0; i < relation->columns.size(); ++i) {
    const auto* column = table->find(relation->columns[i].name);
    if (column == nullptr) return changed(relation->name);
    known.always.push_back(column->always_identity);
    columns += (i == 0 ? "" : ", ") + pg::quote_identifier(column->name);
    values += (i == 0 ? "" : ", ") + parameter(i + 1);
  }
  for (const auto& name : table->key) known.key.push_back(relation->find(name));
  if (known.tenant == Relation::npos || std::count(known.key.begin(), known.key.end(), Relation::npos) != 0)
    return changed(relation->name);
  known.insert =
      "insert into " + known.place + " (" + columns + ") overriding system value values (" + values + ")";
  return static_cast<const Known*>(&known);
}

Result<void> Applier::apply(const Message& message) {
  if (const auto* change = std::get_if<Insert>(&message)) return insert(*change);
  if (const auto* change = std::get_if<Update>(&message)) return update(*change);
  if (const auto* change = std::get_if<Delete>(&message)) return remove(*change);
  if (const auto* change = std::get_if<Truncate>(&message)) return truncate(*change);
  return {};
}

Result<void> Applier::one_row(const std::string& sql, const std::vector<std::optional<std::string>>& params) {
  BULKHEAD_CHECK(begin());
  BULKHEAD_TRY(auto done, target_.query(sql, params));
  ++applied_;
  if (done.affected() != 1) return diverged(sql.substr(0, sql.find(" where ")));
  return {};
}

void Applier::touch(const Known& table, const Tuple& row) {
  if (!watching_) return;
  RowKey key;
  for (const std::size_t place : table.key) {
    // A large value that is not sent again: the old key, which is, has it.
    if (row[place].kind == Value::Kind::unchanged) return;
    key.emplace_back(row[place].text);
  }
  touched_[table.name].insert(std::move(key));
}

void Applier::touch_again(std::map<std::string, RowKeys> keys) {
  for (auto& [table, rows] : keys) touched_[table].merge(rows);
}

std::string Applier::by_key(const Known& table, const Tuple& old,
                            std::vector<std::optional<std::string>>& params) const {
  params.assign(1, tenant_text_);
  std::string out = " where tenant_id = $1";
  for (const std::size_t place : table.key) {
    params.push_back(value_of(old[place]));
    out += " and " + pg::quote_identifier(table.relation->columns[place].name) + " = " +
           parameter(params.size());
  }
  return out;
}

Result<void> Applier::insert(const Insert& change) {
  BULKHEAD_TRY(const Known* table, known(change.relation));
  if (table->table == nullptr || change.row[table->tenant].text != tenant_text_) return {};
  std::vector<std::optional<std::string>> params;
  params.reserve(change.row.size());
  for (const auto& value : change.row) params.push_back(value_of(value));
  touch(*table, change.row);
  return one_row(table->insert, params);
}

Result<void> Applier::update(const Update& change) {
  BULKHEAD_TRY(const Known* table, known(change.relation));
  if (table->table == nullptr) return {};
  const Tuple& old = change.old.empty() ? change.row : change.old;
  const bool was = old[table->tenant].text == tenant_text_,
             is = change.row[table->tenant].text == tenant_text_;
  if (!was && !is) return {};
  // No policy lets a row go from one tenant to another.
  if (was != is) return diverged(table->name);
  std::string sets;
  std::vector<std::optional<std::string>> params;
  const std::string keys = by_key(*table, old, params);
  for (std::size_t i = 0; i < change.row.size(); ++i) {
    if (change.row[i].kind == Value::Kind::unchanged || table->always[i] || i == table->tenant) continue;
    params.push_back(value_of(change.row[i]));
    sets += (sets.empty() ? "" : ", ") + pg::quote_identifier(change.relation->columns[i].name) + " = " +
            parameter(params.size());
  }
  touch(*table, old);
  touch(*table, change.row);
  if (sets.empty()) return {};
  return one_row("update " + table->place + " set " + sets + keys, params);
}

Result<void> Applier::remove(const Delete& change) {
  BULKHEAD_TRY(const Known* table, known(change.relation));
  if (table->table == nullptr || change.old[table->tenant].text != tenant_text_) return {};
  std::vector<std::optional<std::string>> params;
  const std::string keys = by_key(*table, change.old, params);
  touch(*table, change.old);
  return one_row("delete from " + table->place + keys, params);
}

Result<void> Applier::truncate(const Truncate& change) {
  for (const auto& relation : change.relations) {
    BULKHEAD_TRY(const Known* table, known(relation));
    if (table->table == nullptr) continue;
    // Only a migration empties tables, and it waits for the move's fence or comes before it: all that stood there is gone.
    BULKHEAD_CHECK(begin());
    BULKHEAD_TRY(auto gone,
                 target_.query("delete from " + table->place + " where tenant_id = $1", {tenant_text_}));
    ++applied_;
  }
  return {};
}

}  // namespace bulkhead::journal
