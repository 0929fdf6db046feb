// Reads the app's schema out of PostgreSQL's catalogues. The statements name every catalogue and function
// with its schema, so that no search_path can put something else in their way (but for unnest() of two
// arrays, which is grammar rather than a function).
#include <algorithm>
#include <charconv>

#include "sql/relations.hpp"

namespace bulkhead::sql {

namespace {

// Partition children answer to their parent's name; a view without tenant_id is left out because nobody could
// check whose rows it shows.
constexpr std::string_view columns_sql = R"(
select c.relname, c.relkind in ('v','m'),
       a.attname, case when t.typtype = 'd' then bt.oid else t.oid end,
       pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull,
       a.atthasdef or a.attidentity <> '', a.attgenerated <> '' or a.attidentity = 'a',
       case when tn.nspname = 'pg_catalog' then pg_catalog.format_type(a.atttypid, a.atttypmod)
            when tn.nspname = $1 then pg_catalog.quote_ident(t.typname)
            else pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) end,
       coalesce(bt.typtype, t.typtype), coalesce(bt.typcategory, t.typcategory),
       pg_catalog.col_description(c.oid, a.attnum), pg_catalog.obj_description(c.oid, 'pg_class'),
       tn.nspname = $1
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join lateral (
  with recursive base(oid, typtype, typcategory, typbasetype) as (
    select p.oid, p.typtype, p.typcategory, p.typbasetype from pg_catalog.pg_type p where p.oid = t.typbasetype
    union all
    select p.oid, p.typtype, p.typcategory, p.typbasetype
    from base join pg_catalog.pg_type p on p.oid = base.typbasetype where base.typtype = 'd')
  select base.oid, base.typtype, base.typcategory from base where base.typtype <> 'd') bt on true
where n.nspname = $1 and c.relkind in ('r','p','v','m') and not c.relispartition
  and (c.relkind in ('r','p') or exists (select from pg_catalog.pg_attribute x where x.attrelid = c.oid
                                           and x.attname = 'tenant_id' and not x.attisdropped))
order by c.relname, a.attnum)";

constexpr std::string_view keys_sql = R"(
select c.relname, i.indexrelid::text, i.indisprimary, a.attname
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral pg_catalog.unnest(i.indkey::int2[]) with ordinality k(attnum, place)
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
where n.nspname = $1 and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
  and k.place <= i.indnkeyatts and not c.relispartition
order by c.relname, i.indexrelid, k.place)";

constexpr std::string_view foreign_keys_sql = R"(
select k.conname, f.relname, t.relname, fa.attname, ta.attname
from pg_catalog.pg_constraint k
join pg_catalog.pg_class f on f.oid = k.conrelid
join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace
join pg_catalog.pg_class t on t.oid = k.confrelid
join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
cross join lateral unnest(k.conkey, k.confkey) with ordinality c(from_num, to_num, place)
join pg_catalog.pg_attribute fa on fa.attrelid = f.oid and fa.attnum = c.from_num
join pg_catalog.pg_attribute ta on ta.attrelid = t.oid and ta.attnum = c.to_num
where k.contype = 'f' and k.conparentid = 0 and fn.nspname = $1 and tn.nspname = $1
order by f.relname, k.conname, c.place)";

bool is_true(std::string_view text) {
  return text == "t";
}

std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The choice is PostgreSQL's own (json_categorize_type): numbers, booleans, json and timestamps have a form
// of their own, arrays and composite types are taken apart, everything else is a string of its text form.
// Types made by extensions may bring a cast to json, so PostgreSQL converts them.
void set_json_kind(Column& column, char type_kind, char category) {
  constexpr std::uint32_t first_user_oid = 16384;  // FirstNormalObjectId
  column.json = json_kind(column.type_oid);
  column.is_json = column.json == JsonKind::raw;
  if (column.json != JsonKind::string) return;
  if (category == 'A' || type_kind == 'c' || (type_kind == 'b' && column.type_oid >= first_user_oid)) {
    column.json = JsonKind::raw;
    column.convert = true;
  }
}

void read_columns(const Rows& rows, std::vector<Relation>& relations) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (relations.empty() || relations.back().name != rows.text(r, 0)) {
      Relation relation;
      relation.name = rows.text(r, 0);
      relation.view = is_true(rows.text(r, 1));
      relation.comment = rows.text(r, 12);
      relations.push_back(std::move(relation));
    }
    Relation& relation = relations.back();
    if (rows.text(r, 2) == tenant_column) {
      relation.tenant = true;
      continue;
    }
    Column column;
    column.name = rows.text(r, 2);
    column.type_oid = number(rows.text(r, 3));
    column.type = rows.text(r, 4);
    column.nullable = is_true(rows.text(r, 5));
    column.has_default = is_true(rows.text(r, 6));
    column.generated = is_true(rows.text(r, 7));
    column.sql_type = rows.text(r, 8);
    column.own_type = is_true(rows.text(r, 13));
    column.comment = rows.text(r, 11);
    set_json_kind(column, rows.text(r, 9).front(), rows.text(r, 10).front());
    relation.columns.push_back(std::move(column));
  }
}

Relation* find(std::vector<Relation>& relations, std::string_view name) {
  auto found = std::find_if(relations.begin(), relations.end(),
                            [&](const Relation& relation) { return relation.name == name; });
  return found == relations.end() ? nullptr : &*found;
}

void read_keys(const Rows& rows, std::vector<Relation>& relations) {
  for (std::size_t r = 0; r < rows.size();) {
    std::string_view table = rows.text(r, 0), index = rows.text(r, 1);
    bool primary = is_true(rows.text(r, 2));
    std::vector<std::string> columns;
    for (; r < rows.size() && rows.text(r, 1) == index; ++r)
      if (rows.text(r, 3) != tenant_column) columns.emplace_back(rows.text(r, 3));
    Relation* relation = find(relations, table);
    if (!relation || columns.empty()) continue;
    if (primary) relation->primary_key = columns;
    relation->unique_keys.push_back(std::move(columns));
  }
}

bool covers(const std::vector<std::string>& columns, const std::vector<std::string>& key) {
  return std::all_of(key.begin(), key.end(), [&](const std::string& column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  });
}

std::vector<ForeignKey> read_foreign_keys(const Rows& rows, std::vector<Relation>& relations) {
  std::vector<ForeignKey> keys;
  for (std::size_t r = 0; r < rows.size();) {
    ForeignKey key;
    const std::string_view name = rows.text(r, 0);
    key.name = without_tenant(name);
    key.from = rows.text(r, 1);
    key.to = rows.text(r, 2);
    for (; r < rows.size() && rows.text(r, 0) == name && rows.text(r, 1) == key.from; ++r) {
      if (rows.text(r, 3) == tenant_column) continue;
      key.from_columns.emplace_back(rows.text(r, 3));
      key.to_columns.emplace_back(rows.text(r, 4));
    }
    Relation* from = find(relations, key.from);
    if (!from || !find(relations, key.to) || key.from_columns.empty()) continue;
    key.from_unique =
        std::any_of(from->unique_keys.begin(), from->unique_keys.end(),
                    [&](const std::vector<std::string>& unique) { return covers(key.from_columns, unique); });
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

Result<std::shared_ptr<const Relations>> Relations::load(pg::Blocking& connection, std::string_view schema) {
  const std::vector<std::optional<std::string>> params{std::string(schema)};
  BULKHEAD_TRY(Rows columns, connection.query(columns_sql, params));
  BULKHEAD_TRY(Rows keys, connection.query(keys_sql, params));
  BULKHEAD_TRY(Rows foreign_keys, connection.query(foreign_keys_sql, params));
  std::vector<Relation> relations;
  read_columns(columns, relations);
  read_keys(keys, relations);
  std::vector<ForeignKey> links = read_foreign_keys(foreign_keys, relations);
  return std::shared_ptr<const Relations>(
      std::make_shared<Relations>(std::move(relations), std::move(links)));
}

}  // namespace bulkhead::sql
