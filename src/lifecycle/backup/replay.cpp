#include "lifecycle/backup/replay.hpp"

#include <algorithm>

#include "base/failpoint.hpp"
#include "lifecycle/import_tables.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

using journal::Value;

constexpr std::size_t piece_size = 64UL * 1024;

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// A statement's text and its parameters, numbered as they come.
class Statement {
 public:
  explicit Statement(const pg::Blocking& connection) : connection_(connection) {}

  std::string parameter(std::optional<std::string> value) {
    values.push_back(std::move(value));
    return "$" + std::to_string(values.size());
  }
  std::string parameter(const Value& value) {
    return parameter(value.kind == Value::Kind::text ? std::optional(std::string(value.text)) : std::nullopt);
  }
  [[nodiscard]] std::string name(const std::string& column) const {
    return connection_.quote_identifier(column);
  }

  std::vector<std::optional<std::string>> values;

 private:
  const pg::Blocking& connection_;
};

/// Which columns say which row a change is about, tenant_id left out.
std::vector<std::string> key_of(const journal::Relation& relation, const TableShape& shape) {
  if (relation.replica_identity == 'f') return shape.key;
  std::vector<std::string> out;
  for (const auto& column : relation.columns)
    if (column.key && column.name != "tenant_id") out.push_back(column.name);
  return out;
}

Error does_not_fit(const std::string& table) {
  return Error(Errc::import_failed, "the journal does not fit the rows of table \"" + table +
                                        "\": a row that it changes is not there")
      .hint("`bulkhead backup verify` looks at the base; restore from another one, or to its own time");
}

/// `where` for the row that the change names.
Result<std::string> where(Statement& statement, const std::string& tenant, const journal::Change& change,
                          const TableShape& shape) {
  const journal::Tuple& from = change.old.empty() ? change.row : change.old;
  std::string out = " where tenant_id = " + statement.parameter(tenant) + "::uuid";
  for (const auto& column : key_of(*change.relation, shape)) {
    const std::size_t at = change.relation->find(column);
    if (at == journal::Relation::npos || from[at].kind != Value::Kind::text) return does_not_fit(shape.name);
    out += " and " + statement.name(column) + " = " + statement.parameter(from[at]);
  }
  return out;
}

}  // namespace

Error other_schema(const std::string& what) {
  return Error(Errc::conflict, "the backup is of another version of the app: it has " + what +
                                   ", which the schema does not have now")
      .hint(
          "what was removed or renamed since cannot be restored into today's tables: restore a later time, "
          "or use a "
          "database of the app's version of then");
}

Replay::Replay(pg::Blocking& target, std::string schema, const TenantId& tenant)
    : target_(&target), schema_(std::move(schema)), tenant_(tenant.text()) {}

std::string staged_place(const std::string& table) {
  return "pg_temp." + pg::quote_identifier(table);
}

Result<void> Replay::rest(bool staged) {
  BULKHEAD_TRY(auto marked, target_->query("select pg_logical_emit_message(true, $1, 'restore')",
                                           {std::string(journal::moved_prefix)}));
  auto at_rest = target_->execute("set local session_replication_role = 'replica'");
  if (at_rest.has_error())
    return Error(Errc::conflict,
                 "a restore needs triggers and foreign keys at rest, which this login may not ask for")
        .hint(
            "use an operator's URL whose login is superuser, or: grant set on parameter "
            "session_replication_role to NAME")
        .sqlstate(std::string(at_rest.error().sqlstate()));
  BULKHEAD_CHECK(set_formats(*target_));
  return read_tables(staged);
}

Result<Replay> Replay::begin(pg::Blocking& target, const std::string& schema, const TenantId& tenant) {
  Replay out(target, schema, tenant);
  BULKHEAD_CHECK(out.rest(false));
  return out;
}

Result<Replay> Replay::begin_staged(pg::Blocking& target, const std::string& schema, const TenantId& tenant) {
  Replay out(target, schema, tenant);
  BULKHEAD_CHECK(out.rest(true));
  return out;
}

Result<void> Replay::read_tables(bool staged) {
  BULKHEAD_TRY(const auto shapes, shapes_of(*target_, schema_));
  BULKHEAD_TRY(const auto known, lifecycle::read_tables(*target_, schema_));
  for (const auto& shape : shapes) {
    Table table{shape, place_of(*target_, schema_, shape.name), {}};
    if (staged) {
      BULKHEAD_CHECK(target_->execute("create temporary table " + staged_place(shape.name) + " (like " +
                                      table.place +
                                      " including generated including identity including indexes)"));
      table.place = staged_place(shape.name);
    }
    if (const auto at = known.find(shape.name); at != known.end())
      table.always.assign(at->second.always_identity.begin(), at->second.always_identity.end());
    tables_.emplace(shape.name, std::move(table));
  }
  return {};
}

Result<void> Replay::clear() {
  for (const auto& [name, table] : tables_) {
    BULKHEAD_TRY(auto gone,
                 target_->query("delete from " + table.place + " where tenant_id = $1::uuid", {tenant_}));
  }
  return {};
}

Result<void> Replay::fill(cloud::ObjectStore& store, const BaseName& base, const Manifest& manifest,
                          const DataKey& key, const std::function<void(std::uint64_t)>& rows) {
  for (const auto& part : manifest.parts) {
    const auto table = tables_.find(part.shape.name);
    if (table == tables_.end()) return other_schema("a table \"" + part.shape.name + "\"");
    for (const auto& column : part.shape.columns)
      if (!holds(table->second.shape.columns, column))
        return other_schema("a column \"" + column + "\" of table \"" + part.shape.name + "\"");
  }
  for (const auto& part : manifest.parts)
    BULKHEAD_CHECK(fill_part(store, base.folder + part.object, part, key, rows));
  return {};
}

Result<void> Replay::fill_part(cloud::ObjectStore& store, const std::string& key_name, const Part& part,
                               const DataKey& key, const std::function<void(std::uint64_t)>& rows) {
  BULKHEAD_TRY(auto object, SealedReader::open(store, key_name, key));
  const std::string& place = tables_.at(part.shape.name).place;
  const std::string columns = identifiers(*target_, part.shape.columns);
  const std::string before = tenant_ + (columns.empty() ? "" : "\t");
  RowsHash hash;
  std::string left;
  // A line of COPY's text format ends with the only line feed in it.
  const auto next = [&](std::string& chunk) -> Result<bool> {
    while (chunk.size() < piece_size) {
      BULKHEAD_TRY(const std::string piece, object.next());
      if (piece.empty()) {
        if (!left.empty()) return Error(Errc::import_failed, "the object " + key_name + " ends within a row");
        return false;
      }
      left += piece;
      std::size_t at = 0;
      for (std::size_t end = left.find('\n'); end != std::string::npos; end = left.find('\n', at)) {
        const std::string_view line = std::string_view(left).substr(at, end + 1 - at);
        hash.add(line);
        chunk.append(before).append(line);
        at = end + 1;
      }
      left.erase(0, at);
      if (rows) rows(done_.rows + hash.rows());
    }
    return true;
  };
  BULKHEAD_TRY(
      [[maybe_unused]] const auto copied,
      target_->copy_in(
          "copy " + place + " (tenant_id" + (columns.empty() ? "" : ", ") + columns + ") from stdin", next));
  done_.rows += hash.rows();
  if (hash.rows() != part.rows || hash.hex() != part.rows_hash)
    return Error(Errc::import_failed,
                 "the object " + key_name + " does not hold the rows that the manifest says");
  failpoint("restore.part");
  return {};
}

Result<const Replay::Table*> Replay::table_of(const std::string& schema, const std::string& name) {
  const auto at = tables_.find(schema == "bulkhead" ? schema + "." + name : name);
  if (at == tables_.end()) return other_schema("a table \"" + name + "\"");
  return &at->second;
}

Result<void> Replay::apply(cloud::ObjectStore& store, std::vector<SegmentName> segments,
                           const Manifest& manifest, Moment until, const DataKey& key,
                           const std::function<void(std::uint64_t)>& changes) {
  std::erase_if(segments, [&](const SegmentName& segment) {
    return segment.cell != key_part(manifest.cell) || segment.database != key_part(manifest.database) ||
           segment.at > until;
  });
  std::sort(segments.begin(), segments.end(),
            [](const SegmentName& a, const SegmentName& b) { return a.first < b.first; });
  for (const auto& segment : segments)
    BULKHEAD_CHECK(apply_segment(store, segment, manifest.consistent, until, key, changes));
  return {};
}

Result<void> Replay::apply_segment(cloud::ObjectStore& store, const SegmentName& segment, pg::Lsn from,
                                   Moment until, const DataKey& key,
                                   const std::function<void(std::uint64_t)>& changes) {
  BULKHEAD_TRY(auto object, SealedReader::open(store, segment.key, key));
  SegmentDecoder decoder;
  pg::Lsn in = 0;
  bool wanted = false;
  for (;;) {
    BULKHEAD_TRY(const std::string piece, object.next());
    if (piece.empty()) break;
    decoder.feed(piece);
    for (;;) {
      BULKHEAD_TRY(const auto record, decoder.next());
      if (!record) break;
      if (const auto* begin = std::get_if<SegmentBegin>(&*record)) {
        in = begin->commit;
        // Segments may overlap where a process began again.
        wanted = in >= from && in > applied_ && begin->at <= until;
      } else if (std::holds_alternative<SegmentEnd>(*record)) {
        if (wanted) ++done_.transactions;
        applied_ = std::max(applied_, in);
      } else if (const auto* change = std::get_if<journal::Change>(&*record); change != nullptr && wanted) {
        BULKHEAD_CHECK(apply(*change));
        ++done_.changes;
        if (changes && done_.changes % 256 == 0) changes(done_.changes);
      } else if (const auto* emptied = std::get_if<SegmentTruncate>(&*record); emptied != nullptr && wanted) {
        BULKHEAD_CHECK(truncate(emptied->relation));
      }
    }
  }
  if (!decoder.at_end())
    return Error(Errc::import_failed, "the object " + segment.key + " ends within a change");
  failpoint("restore.segment");
  return {};
}

Result<void> Replay::apply(const journal::Change& change) {
  BULKHEAD_TRY(const Table* table, table_of(change.relation->schema, change.relation->name));
  for (const auto& column : change.relation->columns)
    if (column.name != "tenant_id" && !holds(table->shape.columns, column.name))
      return other_schema("a column \"" + column.name + "\" of table \"" + table->shape.name + "\"");
  switch (change.kind) {
    case journal::ChangeKind::insert:
      return insert(*table, change);
    case journal::ChangeKind::update:
      return update(*table, change);
    case journal::ChangeKind::remove:
      return remove(*table, change);
  }
  return {};
}

Result<void> Replay::insert(const Table& table, const journal::Change& change) {
  Statement statement(*target_);
  std::string columns = "tenant_id", values = statement.parameter(tenant_) + "::uuid";
  for (std::size_t at = 0; at < change.row.size(); ++at) {
    const std::string& column = change.relation->columns[at].name;
    if (column == "tenant_id") continue;
    columns += ", " + statement.name(column);
    values += ", " + statement.parameter(change.row[at]);
  }
  BULKHEAD_TRY(auto done, target_->query("insert into " + table.place + " (" + columns +
                                             ") overriding system value values (" + values + ")",
                                         statement.values));
  return {};
}

Result<void> Replay::update(const Table& table, const journal::Change& change) {
  Statement statement(*target_);
  BULKHEAD_TRY(const std::string condition, where(statement, tenant_, change, table.shape));
  std::string set, columns = "tenant_id", values = "tenant_id";
  for (std::size_t at = 0; at < change.row.size(); ++at) {
    const std::string& column = change.relation->columns[at].name;
    const bool unchanged = change.row[at].kind == Value::Kind::unchanged;
    if (column == "tenant_id") continue;
    columns += ", " + statement.name(column);
    const std::string value = unchanged ? statement.name(column) : statement.parameter(change.row[at]);
    values += ", " + value;
    if (!unchanged) set += (set.empty() ? "" : ", ") + statement.name(column) + " = " + value;
  }
  if (set.empty()) return {};
  // No UPDATE may set an identity that is always generated; an INSERT may.
  const std::string text = table.always.empty()
                               ? "update " + table.place + " set " + set + condition
                               : "with gone as (delete from " + table.place + condition +
                                     " returning *) insert into " + table.place + " (" + columns +
                                     ") overriding system value select " + values + " from gone";
  BULKHEAD_TRY(auto done, target_->query(text, statement.values));
  if (done.affected() != 1) return does_not_fit(table.shape.name);
  return {};
}

Result<void> Replay::remove(const Table& table, const journal::Change& change) {
  Statement statement(*target_);
  BULKHEAD_TRY(const std::string condition, where(statement, tenant_, change, table.shape));
  BULKHEAD_TRY(auto done, target_->query("delete from " + table.place + condition, statement.values));
  if (done.affected() != 1) return does_not_fit(table.shape.name);
  return {};
}

Result<void> Replay::truncate(const journal::RelationRef& relation) {
  BULKHEAD_TRY(const Table* table, table_of(relation->schema, relation->name));
  BULKHEAD_TRY(auto done,
               target_->query("delete from " + table->place + " where tenant_id = $1::uuid", {tenant_}));
  return {};
}

Result<void> Replay::finish() {
  // Only ever upwards: in shared tables others number by the same sequence.
  BULKHEAD_TRY(auto numbered, target_->query("select c.relname, a.attname, d.objid::regclass::text from "
                                             "pg_class c join pg_namespace n on n.oid = "
                                             "c.relnamespace join pg_attribute a on a.attrelid = c.oid and "
                                             "not a.attisdropped join pg_depend d on "
                                             "d.refobjid = c.oid and d.refobjsubid = a.attnum and d.classid "
                                             "= 'pg_class'::regclass and d.refclassid = "
                                             "'pg_class'::regclass and d.deptype in ('a', 'i') join pg_class "
                                             "s on s.oid = d.objid and s.relkind = 'S' "
                                             "where n.nspname = $1 order by 1, 2",
                                             {schema_}));
  for (std::size_t row = 0; row < numbered.size(); ++row) {
    const auto table = tables_.find(std::string(numbered.text(row, 0)));
    if (table == tables_.end()) continue;
    const std::string column = target_->quote_identifier(numbered.text(row, 1));
    const std::string sequence(numbered.text(row, 2));
    BULKHEAD_TRY(
        auto raised,
        target_->query("select setval($2::regclass, m.most) from (select max(" + column +
                           ")::bigint as most from " + table->second.place +
                           " where tenant_id = $1::uuid) m, " + sequence +
                           " s where m.most > s.last_value or (m.most = s.last_value and not s.is_called)",
                       {tenant_, sequence}));
  }
  BULKHEAD_TRY(
      auto views,
      target_->query(
          "select format('%I.%I', schemaname, matviewname) from pg_matviews where schemaname = $1 and "
          "ispopulated order by 1",
          {schema_}));
  if (views.empty()) return {};
  BULKHEAD_CHECK(target_->execute("set local role bulkhead_owner"));
  for (std::size_t row = 0; row < views.size(); ++row)
    BULKHEAD_CHECK(target_->execute("refresh materialized view " + std::string(views.text(row, 0))));
  return target_->execute("set local role none");
}

}  // namespace bulkhead::lifecycle::backup
