// Reads the app's schema out of PostgreSQL's catalogues. The statements name every catalogue and function
// with its schema, so that no search_path can put something else in their way (but for unnest() of two
// arrays, which is grammar rather than a function).
#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/ascii.hpp"
#include "sql/relations.hpp"
#include "sql/view_columns.hpp"

namespace bulkhead::sql {

namespace {

// Partition children answer to their parent's name; a view without tenant_id is left out because nobody could
// check whose rows it shows. Who may do what is asked for one relation of all whose rights are written alike, which are
// nearly all of them, and for the few columns that have rights of their own.
constexpr std::string_view columns_sql = R"(
with recursive chain(oid, base, typtype, typcategory, typbasetype) as (
  select d.oid, b.oid, b.typtype, b.typcategory, b.typbasetype
  from pg_catalog.pg_type d join pg_catalog.pg_type b on b.oid = d.typbasetype where d.typtype = 'd'
  union all
  select chain.oid, b.oid, b.typtype, b.typcategory, b.typbasetype
  from chain join pg_catalog.pg_type b on b.oid = chain.typbasetype where chain.typtype = 'd'),
role(place, oid) as (
  select a.place - 1, r.oid
  from pg_catalog.unnest(array['viewer','member','admin','owner']) with ordinality a(name, place)
  join pg_catalog.pg_roles r on r.rolname = case when $3 then 'app' else $1 end || '_' || a.name),
verb(place, name) as (values (0, 'select'), (1, 'insert'), (2, 'update'), (3, 'delete')),
relation(oid, owner, acl) as materialized (
  select c.oid, c.relowner, coalesce(c.relacl::pg_catalog.text, '')
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relkind in ('r','p','v','m')),
alike(oid, owner, acl) as materialized (
  select pg_catalog.min(oid), owner, acl from relation group by owner, acl),
may(oid, bits) as materialized (
  select relation.oid, granted.bits
  from relation
  join (select alike.owner, alike.acl, pg_catalog.sum(1 << (verb.place * 4 + role.place)::int4) as bits
        from alike cross join verb cross join role
        where pg_catalog.has_table_privilege(role.oid, alike.oid, verb.name)
        group by alike.owner, alike.acl) granted on granted.owner = relation.owner and granted.acl = relation.acl)
select c.relname, c.relkind,
       a.attname, case when t.typtype = 'd' then bt.base else t.oid end,
       pg_catalog.format_type(a.atttypid, a.atttypmod), not a.attnotnull,
       a.atthasdef or a.attidentity <> '', a.attgenerated <> '' or a.attidentity = 'a',
       case when tn.nspname = 'pg_catalog' then pg_catalog.format_type(a.atttypid, a.atttypmod)
            when tn.nspname = $1 then pg_catalog.quote_ident(t.typname)
            else pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) end,
       coalesce(bt.typtype, t.typtype), coalesce(bt.typcategory, t.typcategory),
       of_column.description, of_relation.description, tn.nspname = $1, c.oid, a.attnum, a.atttypid,
       may.bits,
       case when a.attacl is not null then
         (select pg_catalog.sum(1 << (verb.place * 4 + role.place)::int4) from verb cross join role
          where verb.place < 3 and pg_catalog.has_column_privilege(role.oid, c.oid, a.attnum, verb.name)) end
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_catalog.pg_type t on t.oid = a.atttypid
join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join chain bt on bt.oid = t.oid and bt.typtype <> 'd'
left join may on may.oid = c.oid
left join pg_catalog.pg_description of_column on of_column.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
  and of_column.objoid = c.oid and of_column.objsubid = a.attnum
left join pg_catalog.pg_description of_relation on of_relation.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
  and of_relation.objoid = c.oid and of_relation.objsubid = 0
where n.nspname = $1 and c.relkind in ('r','p','v','m') and not c.relispartition
  and (c.relkind in ('r','p') or exists (select from pg_catalog.pg_attribute x where x.attrelid = c.oid
                                           and x.attname = $2 and not x.attisdropped))
order by c.relname, a.attnum)";

constexpr std::string_view keys_sql = R"(
select c.relname, i.indexrelid::text, i.indisprimary, a.attname, x.relname
from pg_catalog.pg_index i
join pg_catalog.pg_class c on c.oid = i.indrelid
join pg_catalog.pg_class x on x.oid = i.indexrelid
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

// One row a parameter or column of the result (kind i, b, v, o, t, or c: an attribute of the composite type that is
// returned), one without a kind for a function that has none. What nobody but the owner may execute is not the API's. $2: what
// runs with its owner's rights needs no reason here (the migrations were asked for it).
constexpr std::string_view functions_sql = R"(
with role(place, oid) as (
  select a.place - 1, r.oid
  from pg_catalog.unnest(array['viewer','member','admin','owner']) with ordinality a(name, place)
  join pg_catalog.pg_roles r on r.rolname = case when $2 then $1 else 'app' end || '_' || a.name),
func as (
  select p.*, r.typtype as ret_kind, c.oid as ret_class, c.relkind as ret_relkind, c.relname as ret_relname,
         c.relnamespace = p.pronamespace as ret_own,
         coalesce(p.proargmodes::text[] && array['o','b','t'], false) as has_out,
         (select pg_catalog.sum(1 << (16 + role.place)::int4) from role
          where pg_catalog.has_function_privilege(role.oid, p.oid, 'execute')) as rights
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_type declared on declared.oid = p.prorettype
  join pg_catalog.pg_type r on r.oid = case when declared.typtype = 'd' then declared.typbasetype else declared.oid end
  left join pg_catalog.pg_class c on c.oid = r.typrelid and r.typtype = 'c'
  where n.nspname = $1 and p.prokind = 'f' and ($2 or not p.prosecdef or pg_catalog.obj_description(p.oid, 'pg_proc') ~ 'bulkhead: definer\s+\S')
    and p.prorettype not in (select t.oid from pg_catalog.pg_type t where t.typname in
      ('trigger','event_trigger','internal','cstring','language_handler','fdw_handler','index_am_handler',
       'table_am_handler','tsm_handler') and t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace)
    and exists (select from pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
                where a.privilege_type = 'EXECUTE' and a.grantee <> p.proowner)
    and not exists (select from pg_catalog.pg_depend d where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                    and d.objid = p.oid and d.deptype = 'e')),
part as (
  select f.oid as func, coalesce(f.proargmodes[a.place]::text, 'i') as kind, a.type, -1 as typmod,
         coalesce(f.proargnames[a.place], '') as name, a.place
  from func f
  cross join lateral pg_catalog.unnest(coalesce(f.proallargtypes, f.proargtypes::pg_catalog.oid[]))
    with ordinality a(type, place)
  union all
  select f.oid, 'c', a.atttypid, a.atttypmod, a.attname, 10000 + a.attnum
  from func f join pg_catalog.pg_attribute a on a.attrelid = f.ret_class and a.attnum > 0 and not a.attisdropped
  where not f.has_out
  union all
  select f.oid, 'r', f.prorettype, -1, '', 20000 from func f
  where f.ret_class is null and not f.has_out)
select f.proname, f.oid::pg_catalog.text, f.provolatile = 'v', f.proretset, f.provariadic <> 0,
       f.prorettype = 'pg_catalog.void'::pg_catalog.regtype,
       case when f.ret_own and f.ret_relkind in ('r','p','v','m') and not f.has_out then f.ret_relname else '' end,
       f.pronargs - f.pronargdefaults,
       a.kind, a.name, case when t.typtype = 'd' then bt.oid else t.oid end,
       pg_catalog.format_type(a.type, a.typmod),
       case when tn.nspname = 'pg_catalog' then pg_catalog.format_type(a.type, a.typmod)
            when tn.nspname = $1 then pg_catalog.quote_ident(t.typname)
            else pg_catalog.quote_ident(tn.nspname) || '.' || pg_catalog.quote_ident(t.typname) end,
       coalesce(bt.typtype, t.typtype), coalesce(bt.typcategory, t.typcategory), tn.nspname = $1,
       f.rights, about.description
from func f
left join pg_catalog.pg_description about on about.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
  and about.objoid = f.oid and about.objsubid = 0
left join part a on a.func = f.oid
left join pg_catalog.pg_type t on t.oid = a.type
left join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
left join lateral (
  with recursive base(oid, typtype, typcategory, typbasetype) as (
    select p.oid, p.typtype, p.typcategory, p.typbasetype from pg_catalog.pg_type p where p.oid = t.typbasetype
    union all
    select p.oid, p.typtype, p.typcategory, p.typbasetype
    from base join pg_catalog.pg_type p on p.oid = base.typbasetype where base.typtype = 'd')
  select base.oid, base.typtype, base.typcategory from base where base.typtype <> 'd') bt on true
order by f.proname, f.oid, a.place)";

constexpr std::string_view sets_response_sql = R"(
select exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
               where n.nspname = $1 and p.prosrc like '%response.%'))";

constexpr std::uint32_t uuid_oid = 2950;
// Functions of one argument that is a row of a relation: they are read like columns, or, where they return rows of a
// relation, like a foreign key.
constexpr std::string_view computed_sql = R"(
with recursive chain(oid, base, typtype, typcategory, typbasetype) as (
  select d.oid, b.oid, b.typtype, b.typcategory, b.typbasetype
  from pg_catalog.pg_type d join pg_catalog.pg_type b on b.oid = d.typbasetype where d.typtype = 'd'
  union all
  select chain.oid, b.oid, b.typtype, b.typcategory, b.typbasetype
  from chain join pg_catalog.pg_type b on b.oid = chain.typbasetype where chain.typtype = 'd')
select c.relname, p.proname, case when t.typtype = 'd' then bt.base else t.oid end,
       pg_catalog.format_type(t.oid, null), coalesce(bt.typtype, t.typtype), coalesce(bt.typcategory, t.typcategory),
       target.relname, not p.proretset or p.prorows = 1, p.proretset
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type row_type on row_type.oid = p.proargtypes[0]
join pg_catalog.pg_class c on c.oid = row_type.typrelid and c.relnamespace = n.oid
join pg_catalog.pg_type t on t.oid = p.prorettype
left join pg_catalog.pg_class target
  on target.oid = t.typrelid and target.relnamespace = n.oid and target.relkind in ('r','p','v','m')
left join chain bt on bt.oid = t.oid and bt.typtype <> 'd'
where n.nspname = $1 and ($2 or not p.prosecdef or pg_catalog.obj_description(p.oid, 'pg_proc') ~ 'bulkhead: definer\s+\S')
  and p.pronargs = 1 and p.prokind = 'f' and p.provariadic = 0 and t.typtype <> 'p'
  and c.relkind in ('r','p','v','m')
order by c.relname, p.proname)";

// How values of the app's domains are shown (a cast to json) and read (a cast from text), if the app says so.
constexpr std::string_view casts_sql = R"(
select d.oid, case when k.castsource = d.oid then 'a' when k.castsource = 'pg_catalog.text'::pg_catalog.regtype then 't' else 'j' end,
       p.proname
from pg_catalog.pg_cast k
join pg_catalog.pg_proc p on p.oid = k.castfunc
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type d on d.typtype = 'd' and d.typnamespace = n.oid
  and (d.oid = k.castsource and k.casttarget = 'pg_catalog.json'::pg_catalog.regtype
       or d.oid = k.casttarget and k.castsource in ('pg_catalog.text'::pg_catalog.regtype, 'pg_catalog.json'::pg_catalog.regtype))
where n.nspname = $1)";

constexpr std::string_view enums_sql = R"(
select e.enumtypid, e.enumlabel from pg_catalog.pg_enum e order by e.enumtypid, e.enumsortorder)";

constexpr std::string_view views_sql = R"(
select c.relname, c.oid, r.ev_action::text
from pg_catalog.pg_rewrite r
join pg_catalog.pg_class c on c.oid = r.ev_class
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('v','m') and r.ev_type = '1' and r.is_instead)";

bool is_true(std::string_view text) {
  return text == "t";
}

std::uint32_t number(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

constexpr std::uint32_t first_user_oid = 16384;  // FirstNormalObjectId

// The choice is PostgreSQL's own (json_categorize_type): numbers, booleans, json and timestamps have a form
// of their own, arrays and composite types are taken apart, everything else is a string of its text form.
// Types made by extensions may bring a cast to json, so PostgreSQL converts them.
void set_json_kind(Column& column, char type_kind, char category) {
  column.json = json_kind(column.type_oid);
  column.is_json = column.json == JsonKind::raw;
  if (column.json != JsonKind::string) return;
  if (category == 'A' || type_kind == 'c' || (type_kind == 'b' && column.type_oid >= first_user_oid)) {
    column.json = JsonKind::raw;
    column.convert = true;
  }
}

// Where a column is, by its relation's object id and its number.
struct Place {
  std::string_view relation, column;
};
using Places = std::map<std::pair<std::uint32_t, std::uint32_t>, Place>;

/// The functions of the app's casts, by the domain's object id.
struct Casts {
  std::map<std::uint32_t, std::string> as_json, from_text, from_json;
};

Casts read_casts(const Rows& rows) {
  Casts casts;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::string_view kind = rows.text(r, 1);
    auto& of_kind = kind == "a" ? casts.as_json : kind == "t" ? casts.from_text : casts.from_json;
    of_kind[number(rows.text(r, 0))] = rows.text(r, 2);
  }
  return casts;
}

bool left_out(const Tenancy& tenancy, std::string_view relation) {
  return std::find(tenancy.left_out.begin(), tenancy.left_out.end(), relation) != tenancy.left_out.end();
}

Enums read_enums(const Rows& rows) {
  Enums enums;
  for (std::size_t r = 0; r < rows.size(); ++r) enums[number(rows.text(r, 0))].emplace_back(rows.text(r, 1));
  return enums;
}

void read_columns(const Rows& rows, const Casts& casts, const Tenancy& tenancy,
                  std::vector<Relation>& relations, Places& places) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (left_out(tenancy, rows.text(r, 0))) continue;
    if (relations.empty() || relations.back().name != rows.text(r, 0)) {
      Relation relation;
      relation.name = rows.text(r, 0);
      relation.view = rows.text(r, 1) == "v" || rows.text(r, 1) == "m";
      relation.partitioned = rows.text(r, 1) == "p";
      relation.comment = rows.text(r, 12);
      relation.rights = Rights(number(rows.text(r, 17)));
      relation.seen_by_all = relation.rights.allow(Right::select, Role::viewer);
      relations.push_back(std::move(relation));
    }
    Relation& relation = relations.back();
    places[{number(rows.text(r, 14)), number(rows.text(r, 15))}] = {rows.text(r, 0), rows.text(r, 2)};
    if (rows.text(r, 2) == tenancy.column) {
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
    column.rights = Rights(number(rows.text(r, 18)));
    set_json_kind(column, rows.text(r, 9).front(), rows.text(r, 10).front());
    const std::uint32_t declared = number(rows.text(r, 16));
    if (const auto cast = casts.as_json.find(declared); cast != casts.as_json.end())
      column.as_json = cast->second;
    if (const auto cast = casts.from_text.find(declared); cast != casts.from_text.end())
      column.from_text = cast->second;
    if (const auto cast = casts.from_json.find(declared); cast != casts.from_json.end())
      column.from_json = cast->second;
    relation.columns.push_back(std::move(column));
  }
}

// A parameter's or result's column out of a row of functions_sql.
Column typed(const Rows& rows, std::size_t r) {
  Column column;
  column.name = rows.text(r, 9);
  column.type_oid = number(rows.text(r, 10));
  column.type = rows.text(r, 11);
  column.sql_type = rows.text(r, 12);
  column.own_type = is_true(rows.text(r, 15));
  const char kind = rows.text(r, 13).front();
  set_json_kind(column, kind, rows.text(r, 14).front());
  // A type that depends on the arguments: PostgreSQL knows it when it runs.
  if (kind == 'p' && column.json == JsonKind::string) {
    column.json = JsonKind::raw;
    column.convert = true;
  }
  return column;
}

// Of a domain of the app's that is called like a media type: "text/html".
std::string media_type(const Column& returned) {
  std::string_view name = returned.sql_type;
  const bool domain = returned.own_type && returned.type_oid < first_user_oid;
  if (!domain || name.size() < 3 || !name.starts_with('"') || name.find('/') == std::string_view::npos)
    return {};
  return lower(name.substr(1, name.size() - 2));
}

// Puts one row of functions_sql where it belongs; `inputs` counts the parameters so far.
void add_part(Function& function, const Rows& rows, std::size_t r, std::string_view tenant,
              std::size_t& inputs) {
  const char kind = rows.is_null(r, 8) ? ' ' : rows.text(r, 8).front();
  if (kind == 'i' || kind == 'b' || kind == 'v') {
    Column parameter = typed(rows, r);
    parameter.has_default = inputs++ >= number(rows.text(r, 7));
    function.signature.append(function.parameters.empty() ? "" : ", ").append(parameter.type);
    function.parameters.push_back(std::move(parameter));
  }
  if (kind == 'i' || kind == 'v' || kind == ' ') return;
  Column column = typed(rows, r);
  if (kind == 'r') {
    if (function.returns == Function::Returns::row) function.returns = Function::Returns::value;
    column.name = function.name;
    if (!function.set) function.media = media_type(column);
  }
  if (column.name == tenant && column.type_oid == uuid_oid)
    function.row.tenant = true;
  else
    function.row.columns.push_back(std::move(column));
}

bool can_be_called(const Function& function) {
  const std::vector<Column>& taken = function.parameters;
  const bool named = std::none_of(taken.begin(), taken.end(),
                                  [](const Column& parameter) { return parameter.name.empty(); });
  if (named) return true;
  // The body as a whole.
  constexpr std::array<std::string_view, 5> whole{"json", "jsonb", "text", "bytea", "xml"};
  return taken.size() == 1 && std::find(whole.begin(), whole.end(), taken.front().type) != whole.end();
}

/// Relations by name, while they are being read.
class Index {
 public:
  explicit Index(std::vector<Relation>& relations) {
    for (Relation& relation : relations) by_name_.emplace(relation.name, &relation);
  }
  [[nodiscard]] Relation* find(std::string_view name) const {
    auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

 private:
  std::map<std::string_view, Relation*> by_name_;
};

std::vector<Function> read_functions(const Rows& rows, const Index& relations, std::string_view tenant) {
  std::vector<Function> functions;
  for (std::size_t r = 0; r < rows.size();) {
    Function function;
    function.name = rows.text(r, 0);
    const std::string_view oid = rows.text(r, 1);
    function.is_volatile = is_true(rows.text(r, 2));
    function.set = is_true(rows.text(r, 3));
    function.variadic = is_true(rows.text(r, 4));
    function.returns = is_true(rows.text(r, 5)) ? Function::Returns::nothing : Function::Returns::row;
    function.relation = rows.text(r, 6);
    function.row.name = function.name;
    function.rights = Rights(number(rows.text(r, 16)));
    function.comment = rows.text(r, 17);
    function.signature = function.name + "(";
    for (std::size_t inputs = 0; r < rows.size() && rows.text(r, 1) == oid; ++r)
      add_part(function, rows, r, tenant, inputs);
    function.signature.push_back(')');
    if (!relations.find(function.relation)) function.relation.clear();
    if (can_be_called(function)) functions.push_back(std::move(function));
  }
  return functions;
}

void read_keys(const Rows& rows, const Index& relations, std::string_view tenant) {
  for (std::size_t r = 0; r < rows.size();) {
    std::string_view table = rows.text(r, 0), index = rows.text(r, 1);
    const bool primary = is_true(rows.text(r, 2));
    const std::string_view name = rows.text(r, 4);
    std::vector<std::string> columns;
    for (; r < rows.size() && rows.text(r, 1) == index; ++r)
      if (rows.text(r, 3) != tenant) columns.emplace_back(rows.text(r, 3));
    Relation* relation = relations.find(table);
    if (!relation || columns.empty()) continue;
    if (primary) relation->primary_key = columns;
    relation->unique_keys.push_back(std::move(columns));
    relation->unique_names.push_back(without_tenant(name, tenant));
  }
}

bool covers(const std::vector<std::string>& columns, const std::vector<std::string>& key) {
  return std::all_of(key.begin(), key.end(), [&](const std::string& column) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  });
}

std::vector<ForeignKey> read_foreign_keys(const Rows& rows, const Index& relations, std::string_view tenant) {
  std::vector<ForeignKey> keys;
  for (std::size_t r = 0; r < rows.size();) {
    ForeignKey key;
    const std::string_view name = rows.text(r, 0);
    key.name = without_tenant(name, tenant);
    key.from = rows.text(r, 1);
    key.to = rows.text(r, 2);
    for (; r < rows.size() && rows.text(r, 0) == name && rows.text(r, 1) == key.from; ++r) {
      if (rows.text(r, 3) == tenant) continue;
      key.from_columns.emplace_back(rows.text(r, 3));
      key.to_columns.emplace_back(rows.text(r, 4));
    }
    const Relation* from = relations.find(key.from);
    if (!from || !relations.find(key.to) || key.from_columns.empty()) continue;
    key.from_unique =
        std::any_of(from->unique_keys.begin(), from->unique_keys.end(),
                    [&](const std::vector<std::string>& unique) { return covers(key.from_columns, unique); });
    keys.push_back(std::move(key));
  }
  return keys;
}

void read_computed(const Rows& rows, const Index& relations) {
  for (std::size_t r = 0; r < rows.size(); ++r) {
    Relation* relation = relations.find(rows.text(r, 0));
    if (!relation || relation->column(rows.text(r, 1))) continue;  // a column of the name is meant first
    if (!rows.is_null(r, 6)) {
      if (relations.find(rows.text(r, 6)))
        relation->relationships.push_back(
            {std::string(rows.text(r, 1)), std::string(rows.text(r, 6)), is_true(rows.text(r, 7))});
      continue;
    }
    if (is_true(rows.text(r, 8))) continue;
    Column column;
    column.name = rows.text(r, 1);
    column.computed = true;
    column.type_oid = number(rows.text(r, 2));
    column.type = column.sql_type = rows.text(r, 3);
    set_json_kind(column, rows.text(r, 4).front(), rows.text(r, 5).front());
    relation->computed.push_back(std::move(column));
  }
}

/// What a view shows of one table: the view's columns for each of the table's.
struct Shown {
  const Relation* view = nullptr;
  std::map<std::string_view, std::vector<std::string_view>> columns;
};
using ShownTables = std::map<std::string_view, std::vector<Shown>>;

// The table's column that a view's column shows, through the views between them.
Place base_of(Places::key_type at, const Places& places,
              const std::map<Places::key_type, Places::key_type>& from) {
  for (int views = 0; views < 32; ++views) {
    const auto next = from.find(at);
    if (next == from.end()) break;
    at = next->second;
  }
  const auto found = places.find(at);
  return found == places.end() ? Place() : found->second;
}

ShownTables read_views(const Rows& rows, const Places& places, const Index& relations,
                       std::string_view tenant) {
  std::map<Places::key_type, Places::key_type> from;
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (const ViewColumn& column : view_columns(rows.text(r, 2)))
      from[{number(rows.text(r, 1)), column.number}] = {column.relation, column.column};
  ShownTables tables;
  for (const auto& [view_column, origin] : from) {
    const auto place = places.find(view_column);
    if (place == places.end()) continue;
    const Place base = base_of(origin, places, from);
    if (base.relation.empty() || base.column == tenant || place->second.column == tenant) continue;
    const Relation* view = relations.find(place->second.relation);
    if (!view || !view->view) continue;
    std::vector<Shown>& shown = tables[base.relation];
    if (shown.empty() || shown.back().view != view) shown.push_back({view, {}});
    shown.back().columns[base.column].push_back(place->second.column);
  }
  return tables;
}

// Every way to say `columns` of the table in the view's columns; none if the view lacks one.
std::vector<std::vector<std::string>> in_view(const Shown& shown, const std::vector<std::string>& columns) {
  constexpr std::size_t ways_max = 8;
  std::vector<std::vector<std::string>> ways(1);
  for (const std::string& column : columns) {
    const auto found = shown.columns.find(column);
    if (found == shown.columns.end()) return {};
    std::vector<std::vector<std::string>> longer;
    for (const std::vector<std::string>& way : ways)
      for (std::string_view name : found->second)
        if (longer.size() < ways_max) longer.emplace_back(way).emplace_back(name);
    ways = std::move(longer);
  }
  return ways;
}

struct Side {
  std::string relation;
  std::vector<std::string> columns;
};

std::vector<Side> sides_of(const std::string& table, const std::vector<std::string>& columns,
                           const ShownTables& tables) {
  std::vector<Side> sides(1, {table, columns});
  const auto found = tables.find(table);
  if (found == tables.end()) return sides;
  for (const Shown& shown : found->second)
    for (std::vector<std::string>& way : in_view(shown, columns))
      sides.push_back({shown.view->name, std::move(way)});
  return sides;
}

// A view has the foreign keys and keys of what it shows.
void add_views(std::vector<ForeignKey>& keys, const ShownTables& tables, const Index& relations) {
  const std::size_t of_tables = keys.size();
  for (std::size_t i = 0; i < of_tables; ++i) {
    const ForeignKey key = keys[i];
    const std::vector<Side> froms = sides_of(key.from, key.from_columns, tables),
                            tos = sides_of(key.to, key.to_columns, tables);
    for (const Side& from : froms)
      for (const Side& to : tos)
        if (from.relation != key.from || to.relation != key.to)
          keys.push_back({key.name, from.relation, to.relation, from.columns, to.columns, key.from_unique});
  }
  for (const auto& [table, shown_in] : tables) {
    const Relation* base = relations.find(table);
    if (!base || base->view) continue;
    for (const Shown& shown : shown_in) {
      Relation* view = relations.find(shown.view->name);
      for (const std::vector<std::string>& unique : base->unique_keys)
        for (std::vector<std::string>& way : in_view(shown, unique)) {
          if (unique == base->primary_key && view->primary_key.empty()) view->primary_key = way;
          view->unique_keys.push_back(std::move(way));
        }
    }
  }
}

}  // namespace

Result<std::shared_ptr<const Relations>> Relations::load(pg::Blocking& connection, std::string_view schema,
                                                         const Tenancy& tenancy) {
  const std::vector<std::optional<std::string>> params{std::string(schema)};
  const std::vector<std::optional<std::string>> with_column{std::string(schema), tenancy.column,
                                                            tenancy.adopted ? "t" : "f"};
  const std::vector<std::optional<std::string>> with_trust{std::string(schema), tenancy.adopted ? "f" : "t"};
  BULKHEAD_TRY(Rows columns, connection.query(columns_sql, with_column));
  BULKHEAD_TRY(Rows keys, connection.query(keys_sql, params));
  BULKHEAD_TRY(Rows foreign_keys, connection.query(foreign_keys_sql, params));
  BULKHEAD_TRY(Rows functions, connection.query(functions_sql, with_trust));
  BULKHEAD_TRY(Rows sets_response, connection.query(sets_response_sql, params));
  BULKHEAD_TRY(Rows computed, connection.query(computed_sql, with_trust));
  BULKHEAD_TRY(Rows casts, connection.query(casts_sql, params));
  BULKHEAD_TRY(Rows enums, connection.query(enums_sql));
  BULKHEAD_TRY(Rows views, connection.query(views_sql, params));
  std::vector<Relation> relations;
  Places places;
  read_columns(columns, read_casts(casts), tenancy, relations, places);
  const Index index(relations);
  read_keys(keys, index, tenancy.column);
  std::vector<ForeignKey> links = read_foreign_keys(foreign_keys, index, tenancy.column);
  read_computed(computed, index);
  add_views(links, read_views(views, places, index, tenancy.column), index);
  std::vector<Function> callable = read_functions(functions, index, tenancy.column);
  return std::shared_ptr<const Relations>(
      std::make_shared<Relations>(std::move(relations), std::move(links), std::move(callable),
                                  is_true(sets_response.text(0, 0)), tenancy.column, read_enums(enums)));
}

}  // namespace bulkhead::sql
