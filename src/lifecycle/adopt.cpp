#include "lifecycle/adopt.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>

#include "base/ascii.hpp"
#include "base/failpoint.hpp"
#include "base/slug.hpp"
#include "catalog/cells.hpp"
#include "lifecycle/cells.hpp"
#include "lifecycle/lock.hpp"
#include "migrate/target.hpp"
#include "pg/conninfo.hpp"

namespace bulkhead::lifecycle {
namespace {

using catalog::DatabaseKind;

/// The database, as PostgreSQL knows it.
struct Place {
  std::string server_id, database;
  bool catalogs_own = false;  ///< On the catalog's own server.
  std::string cell;           ///< Empty: not registered.
};

Result<Place> place_of(pg::Blocking& catalog, pg::Blocking& target) {
  BULKHEAD_TRY(const Rows there, target.query("select s.system_identifier, current_database(), "
                                              "current_setting('server_version_num')::integer >= 150000 "
                                              "from pg_catalog.pg_control_system() s"));
  if (there.text(0, 2) != "t")
    return Error(Errc::config_invalid, "the database's server is older than PostgreSQL 15");
  Place out;
  out.server_id = there.text(0, 0);
  out.database = there.text(0, 1);
  BULKHEAD_TRY(const Rows own, catalog.query("select system_identifier = $1::bigint, current_database() from "
                                             "pg_catalog.pg_control_system()",
                                             {out.server_id}));
  out.catalogs_own = own.text(0, 0) == "t";
  if (out.catalogs_own && own.text(0, 1) == out.database)
    return Error(Errc::usage, "this is the database of Bulkhead's own catalog")
        .hint("give the catalog a database of its own: --database");
  if (out.catalogs_own) {
    out.cell = catalog::own_cell;
    return out;
  }
  BULKHEAD_TRY(const Rows known,
               catalog.query("select name from catalog.cell where server_id = $1", {out.server_id}));
  if (!known.empty()) out.cell = known.text(0, 0);
  return out;
}

/// Its server as a cell that takes no new tenants.
Result<void> register_cell(pg::Blocking& catalog, const AdoptRequest& request, Place& place) {
  if (!place.cell.empty()) return {};
  if (!valid_slug(request.cell))
    return Error(Errc::usage, request.cell.empty() ? "the database's server is not registered as a cell"
                                                   : "\"" + request.cell + "\" cannot be a cell's name")
        .hint("give it a name: --cell NAME, 3 to 63 characters of a-z, 0-9 and -");
  BULKHEAD_TRY(const std::string data_url, server_of(request.url));
  auto added = catalog.query(
      "insert into catalog.cell(name, admin_url, data_url, status, server_id, opened_at) values "
      "($1, $2, $3, 'closed', $4, now())",
      {request.cell, request.url, data_url, place.server_id});
  if (added.has_error())
    return added.error().sqlstate() == "23505"
               ? Error(Errc::already_exists, "there is a cell \"" + request.cell + "\" already")
               : added.error();
  place.cell = request.cell;
  return {};
}

Error not_fit(const migrate::AdoptLook& look) {
  std::string what;
  for (const migrate::AdoptFinding& finding : look.findings)
    if (finding.breaks) what += (what.empty() ? "" : "; ") + finding.about + ": " + finding.problem;
  return Error(Errc::lint_failed, "tenants are not kept apart in this schema")
      .details(what)
      .hint("`bulkhead adopt … --write FILE.sql` writes what mends it; run that first");
}

/// Every tenant's id that the rows name.
Result<std::vector<std::string>> tenants_in(pg::Blocking& target, const migrate::AdoptedSchema& schema,
                                            const std::vector<std::string>& tables) {
  std::string sql;
  for (const std::string& table : tables)
    sql += (sql.empty() ? "" : " union ") + std::string("select ") +
           target.quote_identifier(schema.tenant_column) + " from " + target.quote_identifier(schema.name) +
           "." + target.quote_identifier(table);
  std::vector<std::string> out;
  if (sql.empty()) return out;
  BULKHEAD_TRY(const Rows rows,
               target.query("select x.id::text from (" + sql + ") x(id) where x.id is not null order by 1"));
  for (std::size_t row = 0; row < rows.size(); ++row) out.emplace_back(rows.text(row, 0));
  return out;
}

/// "table.column": that column by the table's own key.
Result<std::map<std::string, std::string>> names_in(pg::Blocking& target, const AdoptRequest& request) {
  std::map<std::string, std::string> out;
  if (request.slugs_from.empty()) return out;
  const std::size_t dot = request.slugs_from.find('.');
  const Error wrong = Error(Errc::usage, "--slugs-from \"" + request.slugs_from +
                                             "\": there is no such table with a uuid for its key")
                          .hint("name a table and its column: organizations.slug");
  if (dot == std::string::npos) return wrong;
  const std::string table = request.slugs_from.substr(0, dot), column = request.slugs_from.substr(dot + 1);
  const std::string name =
      target.quote_identifier(request.schema.name) + "." + target.quote_identifier(table);
  BULKHEAD_TRY(
      const Rows key,
      target.query(
          "select a.attname from pg_catalog.pg_index i join pg_catalog.pg_attribute a on a.attrelid = "
          "i.indrelid and a.attnum = i.indkey[0] where i.indrelid = pg_catalog.to_regclass($1) and "
          "i.indisprimary and i.indnkeyatts = 1 and a.atttypid = 'uuid'::pg_catalog.regtype",
          {name}));
  if (key.empty()) return wrong;
  auto rows = target.query("select " + target.quote_identifier(key.text(0, 0)) + "::text, " +
                           target.quote_identifier(column) + "::text from " + name);
  if (rows.has_error()) return wrong;
  for (std::size_t row = 0; row < rows->size(); ++row)
    out.emplace(std::string(rows->text(row, 0)), std::string(rows->text(row, 1)));
  return out;
}

/// What of a name can be a slug; empty: nothing.
std::string slug_of(std::string_view name) {
  std::string out;
  for (const char c : lower(name)) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (good)
      out.push_back(c);
    else if (!out.empty() && out.back() != '-')
      out.push_back('-');
  }
  while (out.ends_with('-')) out.pop_back();
  return valid_slug(out) ? out : std::string();
}

struct NewTenant {
  std::string id, slug, name;
};

std::vector<NewTenant> new_tenants(std::vector<std::string> ids,
                                   const std::map<std::string, std::string>& names) {
  for (const auto& [id, name] : names)
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  std::vector<NewTenant> out;
  out.reserve(ids.size());
  for (std::string& id : ids) {
    const auto named = names.find(id);
    NewTenant tenant;
    if (named != names.end()) {
      tenant.slug = slug_of(named->second);
      tenant.name = named->second;
    }
    if (tenant.slug.empty()) tenant.slug = "t-" + id;
    if (tenant.name.empty()) tenant.name = tenant.slug;
    tenant.id = std::move(id);
    out.push_back(std::move(tenant));
  }
  return out;
}

/// Makes a tenant that lives there. True: there was none.
Result<bool> register_tenant(pg::Blocking& catalog, const Adoption& at, const NewTenant& tenant) {
  BULKHEAD_TRY(
      const Rows known,
      catalog.query(
          "select p.cell = $2 and p.database_name = $3 and p.schema_name = $4 from catalog.placement p "
          "where p.tenant_id = $1::uuid",
          {tenant.id, at.cell, at.database, at.schema}));
  if (!known.empty() && known.text(0, 0) == "t") return false;
  if (!known.empty())
    return Error(Errc::conflict, "tenant " + tenant.id + " is registered already, and lives elsewhere")
        .hint("one id cannot be two tenants: `bulkhead tenant list`");
  const auto insert = [&](const std::string& slug) -> Result<std::uint64_t> {
    BULKHEAD_TRY(
        const Rows made,
        catalog.query(
            "with t as (insert into catalog.tenant(id, slug, name) values ($1::uuid, $2, left($3, 200)) on "
            "conflict (slug) do nothing returning id) insert into catalog.placement(tenant_id, model, "
            "cell, database_name, schema_name) select t.id, 'row', $4, $5, $6 from t",
            {tenant.id, slug, tenant.name, at.cell, at.database, at.schema}));
    return made.affected();
  };
  BULKHEAD_TRY(std::uint64_t made, insert(tenant.slug));
  // Another tenant has the slug: its id is its own.
  if (made == 0 && tenant.slug != "t-" + tenant.id) {
    BULKHEAD_TRY(made, insert("t-" + tenant.id));
  }
  if (made == 0) return Error(Errc::conflict, "the slug t-" + tenant.id + " is another tenant's");
  return true;
}

std::string login_name(const Place& place) {
  // The same each time, so that a run that died leaves no second one behind.
  std::string name = "bulkhead_adopt_";
  std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a
  for (const char c : place.cell + "/" + place.database)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 28; shift -= 4) name.push_back(digits[(hash >> shift) & 15]);
  return name;
}

Result<migrate::BindingMode> binding_of(pg::Blocking& catalog) {
  BULKHEAD_TRY(const Rows rows, catalog.query("select binding from bulkhead.bootstrap"));
  return !rows.empty() && rows.text(0, 0) == "plain" ? migrate::BindingMode::plain
                                                     : migrate::BindingMode::signed_context;
}

Result<migrate::DatabaseSecrets> known_secrets(pg::Blocking& catalog, const Place& place) {
  migrate::DatabaseSecrets out;
  BULKHEAD_TRY(
      const Rows rows,
      catalog.query(
          "select password, key_id, key_secret, kind from catalog.database where cell = $1 and name = $2",
          {place.cell, place.database}));
  if (rows.empty()) return out;
  if (rows.text(0, 3) != "adopted")
    return Error(Errc::usage, "database \"" + place.database + "\" is one that Bulkhead made itself");
  out.password = rows.text(0, 0);
  const std::string_view id = rows.text(0, 1);
  std::from_chars(id.data(), id.data() + id.size(), out.binding_key_id);
  out.binding_secret = rows.text(0, 2);
  return out;
}

/// Roles, functions, login; and the database's line in the catalog.
Result<void> install(pg::Blocking& catalog, pg::Blocking& target, const Place& place,
                     const std::string& login) {
  BULKHEAD_TRY(const auto binding, binding_of(catalog));
  BULKHEAD_TRY(const auto known, known_secrets(catalog, place));
  BULKHEAD_TRY(const auto secrets,
               migrate::prepare_database(target, DatabaseKind::adopted, login, binding, known));
  failpoint("adopt.installed");
  BULKHEAD_TRY(const Rows hidden,
               target.query("select has_function_privilege($1, 'pg_catalog.pg_prepared_statement()', "
                            "'execute')::text",
                            {login}));
  BULKHEAD_TRY(
      const Rows kept,
      catalog.query(
          "insert into catalog.database as d (cell, name, kind, state, login, password, key_id, "
          "key_secret, unnamed) values ($1, $2, 'adopted', 'ready', $3, $4, $5, $6, $7::boolean) on conflict "
          "(cell, name) "
          "do update set login = excluded.login, password = excluded.password, key_id = excluded.key_id, "
          "key_secret = excluded.key_secret, unnamed = excluded.unnamed",
          {place.cell, place.database, login, secrets.password, std::to_string(secrets.binding_key_id),
           secrets.binding_secret, std::string(hidden.text(0, 0))}));
  failpoint("adopt.database.registered");
  return {};
}

/// The schema's line, at a version that servers do not know yet; and who may be bound.
Result<std::int32_t> make_target(pg::Blocking& catalog, pg::Blocking& target, const AdoptRequest& request,
                                 const std::string& login) {
  const migrate::AdoptedSchema& schema = request.schema;
  BULKHEAD_TRY(const Rows next, catalog.query("select nextval('catalog.adopted_version')"));
  const std::string version(next.text(0, 0));
  const auto change = [&]() -> Result<void> {
    BULKHEAD_TRY(
        const Rows before,
        target.query("select r from bulkhead.target t, unnest(t.bound_roles) r where t.schema_name = $1",
                     {schema.name}));
    for (std::size_t row = 0; row < before.size(); ++row)
      BULKHEAD_CHECK(target.execute("revoke " + target.quote_identifier(before.text(row, 0)) + " from " +
                                    target.quote_identifier(login)));
    for (const std::string& role : schema.roles)
      BULKHEAD_CHECK(
          target.execute("grant " + target.quote_identifier(role) + " to " + target.quote_identifier(login)));
    BULKHEAD_TRY(
        const Rows kept,
        target.query(
            "insert into bulkhead.target as t (schema_name, version, tenant_column, shared_tables, "
            "hidden_tables, bound_roles) values ($1, $2::integer, $3, $4::text[], $5::text[], $6::text[]) on "
            "conflict (schema_name) do update set version = excluded.version, tenant_column = "
            "excluded.tenant_column, shared_tables = excluded.shared_tables, hidden_tables = "
            "excluded.hidden_tables, bound_roles = excluded.bound_roles, changed_at = now()",
            {schema.name, version, schema.tenant_column, migrate::text_array(schema.shared),
             migrate::text_array(schema.hidden), migrate::text_array(schema.roles)}));
    return target.execute("commit");
  };
  BULKHEAD_CHECK(target.execute("begin"));
  auto done = change();
  if (done.has_error()) {
    [[maybe_unused]] const auto rolled_back = target.execute("rollback");
    return done.error();
  }
  failpoint("adopt.target.made");
  std::int32_t out = 0;
  std::from_chars(version.data(), version.data() + version.size(), out);
  return out;
}

/// So many tenants are one transaction.
constexpr std::size_t batch = 500;

/// Residency where the rows are first, and then the catalog: nobody is sent where nothing is.
Result<void> register_batch(pg::Blocking& catalog, pg::Blocking& target, Adoption& at,
                            std::span<const NewTenant> tenants) {
  std::vector<std::string> ids;
  for (const NewTenant& tenant : tenants) ids.push_back(tenant.id);
  BULKHEAD_TRY(
      const Rows resident,
      target.query("insert into bulkhead.residency(tenant_id, epoch, schema_name) select x, 1, $2 from "
                   "unnest($1::uuid[]) x on conflict (tenant_id) do nothing",
                   {migrate::text_array(ids), at.schema}));
  failpoint("adopt.tenants.resident");
  std::uint64_t fresh = 0;
  const auto work = [&]() -> Result<void> {
    for (const NewTenant& tenant : tenants) {
      BULKHEAD_TRY(const bool made, register_tenant(catalog, at, tenant));
      if (made) ++fresh;
    }
    return catalog.execute("commit");
  };
  BULKHEAD_CHECK(catalog.execute("begin"));
  const auto done = work();
  if (done.has_error()) {
    [[maybe_unused]] const auto rolled_back = catalog.execute("rollback");
    return done.error();
  }
  at.fresh += fresh;
  failpoint("adopt.tenants.registered");
  return {};
}

Result<void> register_tenants(pg::Blocking& catalog, pg::Blocking& target, Adoption& at,
                              std::span<const NewTenant> tenants,
                              const std::function<void(std::uint64_t, std::uint64_t)>& told) {
  const std::size_t all = tenants.size();
  for (std::size_t done = 0; done < all;) {
    const std::size_t next = std::min(batch, all - done);
    BULKHEAD_CHECK(register_batch(catalog, target, at, tenants.subspan(done, next)));
    done += next;
    if (told) told(done, all);
  }
  return {};
}

Error not_allowed_name(const std::string& schema) {
  return Error(Errc::usage, "a schema called \"" + schema + "\" cannot be adopted")
      .hint("Bulkhead's own tables are in a schema of that name: rename it, or adopt another");
}

}  // namespace

Result<Adoption> adopt(pg::Blocking& catalog, const AdoptRequest& request,
                       const std::function<void(std::uint64_t, std::uint64_t)>& told) {
  const std::string& schema = request.schema.name;
  for (const std::string_view ours : {"app", "bulkhead", "catalog"})
    if (schema == ours) return not_allowed_name(schema);
  if (pg::Conninfo::parse(request.url).has_error())
    return Error(Errc::usage, "the database's URL is not a valid connection string")
        .hint("write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
  BULKHEAD_TRY(pg::Blocking target, pg::Blocking::connect(request.url));
  BULKHEAD_TRY(const migrate::AdoptLook look, migrate::look_at_schema(target, request.schema));
  if (!look.keeps_apart()) return not_fit(look);
  BULKHEAD_TRY(Place place, place_of(catalog, target));
  const std::string lock_name = "bulkhead adopt " + place.server_id + " " + place.database;
  BULKHEAD_TRY(const bool free, try_lock(catalog, lock_name));
  if (!free)
    return Error(Errc::conflict, "another process adopts this database").hint("wait until it has ended");
  const SessionLock lock(catalog, lock_name);
  BULKHEAD_CHECK(register_cell(catalog, request, place));
  failpoint("adopt.cell.registered");
  const std::string login = login_name(place);
  BULKHEAD_CHECK(install(catalog, target, place, login));
  Adoption out;
  out.cell = place.cell;
  out.database = place.database;
  out.schema = schema;
  BULKHEAD_TRY(out.version, make_target(catalog, target, request, login));
  BULKHEAD_TRY(std::vector<std::string> ids, tenants_in(target, request.schema, look.tables));
  BULKHEAD_TRY(const auto names, names_in(target, request));
  const std::vector<NewTenant> tenants = new_tenants(std::move(ids), names);
  out.tenants = tenants.size();
  BULKHEAD_CHECK(register_tenants(catalog, target, out, tenants, told));
  return out;
}

Result<AdoptedThere> find_adopted(pg::Blocking& catalog, const AdoptRequest& request) {
  BULKHEAD_TRY(pg::Blocking target, pg::Blocking::connect(request.url));
  BULKHEAD_TRY(const Place place, place_of(catalog, target));
  AdoptedThere out;
  out.cell = place.cell;
  out.database = place.database;
  BULKHEAD_TRY(
      const Rows known,
      catalog.query("select from catalog.database where cell = $1 and name = $2 and kind = 'adopted'",
                    {place.cell, place.database}));
  if (known.empty()) return Error(Errc::not_found, "database \"" + place.database + "\" was never adopted");
  BULKHEAD_TRY(const Rows rows,
               catalog.query(
                   "select t.slug from catalog.tenant t join catalog.placement p on p.tenant_id = t.id where "
                   "p.cell = $1 and p.database_name = $2 and p.schema_name = $3 order by 1",
                   {place.cell, place.database, request.schema.name}));
  for (std::size_t row = 0; row < rows.size(); ++row) out.tenants.emplace_back(rows.text(row, 0));
  return out;
}

Result<AdoptedThere> forget_adopted(pg::Blocking& catalog, const AdoptRequest& request) {
  BULKHEAD_TRY(AdoptedThere there, find_adopted(catalog, request));
  BULKHEAD_TRY(pg::Blocking target, pg::Blocking::connect(request.url));
  // Nobody is bound there from here on.
  BULKHEAD_TRY(const Rows gone,
               target.query("delete from bulkhead.target where schema_name = $1", {request.schema.name}));
  BULKHEAD_TRY(const Rows left,
               target.query("delete from bulkhead.residency where schema_name = $1", {request.schema.name}));
  failpoint("adopt.forgotten.there");
  BULKHEAD_TRY(
      const Rows tenants,
      catalog.query(
          "delete from catalog.tenant t using catalog.placement p where p.tenant_id = t.id and p.cell = $1 "
          "and p.database_name = $2 and p.schema_name = $3",
          {there.cell, there.database, request.schema.name}));
  failpoint("adopt.forgotten.tenants");
  // The login stays until no other schema of the database is adopted.
  BULKHEAD_TRY(const Rows others, target.query("select from bulkhead.target"));
  if (!others.empty()) return there;
  BULKHEAD_TRY(const Rows database,
               catalog.query("delete from catalog.database where cell = $1 and name = $2 returning login",
                             {there.cell, there.database}));
  if (database.empty()) return there;
  const std::string login = target.quote_identifier(database.text(0, 0));
  // Who is no superuser may drop a role's privileges as a member of it. What was installed is looked at anew next time.
  BULKHEAD_CHECK(target.execute("delete from bulkhead.bootstrap; grant " + login +
                                " to current_user; drop owned by " + login + "; drop role " + login));
  return there;
}

Result<void> refuse_adopted(const catalog::TenantRecord& tenant, std::string_view what) {
  if (!catalog::is_adopted(tenant.placement)) return {};
  return Error(Errc::conflict, std::string(what) +
                                   " works on the tables of the app's migrations, and tenant \"" +
                                   tenant.slug + "\" lives in an adopted schema")
      .hint(
          "use the tools that its database is kept with; `bulkhead adopt --undo` takes the schema out of "
          "Bulkhead");
}

}  // namespace bulkhead::lifecycle
