#include <array>

#include "migrate/lint.hpp"

namespace bulkhead::migrate {
namespace {

constexpr auto error = Severity::error;
constexpr auto warning = Severity::warning;

constexpr std::array rules = {
    LintRule{"syntax", error, "Text that PostgreSQL's grammar does not accept.",
             "Nothing in it can be judged.", "Plain SQL, one or more statements a file."},
    LintRule{"directive", error,
             "A `-- bulkhead:` comment without its reason, or one that nothing understands.",
             "An exception without a reason cannot be reviewed.", "`-- bulkhead: allow <rule> <reason>`"},
    LintRule{"unmarked-table", error,
             "A table for which neither tenant_table() nor shared_table() is called.",
             "It has no row-level security, or no rights at all.",
             "`select bulkhead.tenant_table('name');` or `select bulkhead.shared_table('name');`"},
    LintRule{"tenant-id-missing", error, "A tenant table without the column tenant_id.",
             "Rows without a tenant cannot be kept apart.",
             "`tenant_id uuid not null default bulkhead.tenant_id()` as the first column"},
    LintRule{"tenant-id-shape", error,
             "A column tenant_id of another type, that may be null, or without the default.",
             "The policies compare it with bulkhead.tenant_id(), a uuid; null belongs to nobody.",
             "`tenant_id uuid not null default bulkhead.tenant_id()`"},
    LintRule{"primary-key-missing", error, "A table without a primary key.",
             "The journal of changes and the API name a row by its key.", "`primary key (tenant_id, id)`"},
    LintRule{"primary-key-tenant", error, "A tenant table's primary key that does not begin with tenant_id.",
             "Uniqueness is checked past row-level security: a key that another tenant uses would be told.",
             "`primary key (tenant_id, …)`"},
    LintRule{"unique-tenant", error,
             "A unique or exclusion constraint or unique index that does not begin with tenant_id.",
             "It tells one tenant which values others use, and blocks them.", "`unique (tenant_id, …)`"},
    LintRule{"foreign-key-tenant", error, "A foreign key to a tenant table without tenant_id on both sides.",
             "PostgreSQL checks foreign keys and cascades past row-level security: the row may be another "
             "tenant's.",
             "`foreign key (tenant_id, x_id) references x (tenant_id, id)`"},
    LintRule{"shared-references-tenant", error, "A shared table that refers to a tenant table.",
             "What all tenants read cannot depend on one tenant's row.",
             "Make both tenant tables, or both shared."},
    LintRule{"foreign-key-set-null", error,
             "SET NULL or SET DEFAULT on a key with tenant_id, without the columns to set.",
             "It would set tenant_id, too, and fail or lose the row's tenant.",
             "`on delete set null (x_id)`"},
    LintRule{"foreign-key-match-full", error, "MATCH FULL on a key with tenant_id.",
             "tenant_id is never null, so an optional reference could never be empty.",
             "Leave out `match full`."},
    LintRule{"index-tenant", warning, "An index of a tenant table that does not begin with tenant_id.",
             "Every statement asks for one tenant; such an index reads everybody's rows first.",
             "`create index on x (tenant_id, …)`"},
    LintRule{
        "not-leakproof", warning,
        "A numeric, enum, json, array, range or text-search column in a key or index of a tenant table.",
        "Its operators are not leakproof: under row-level security the index is not used, a thousand times "
        "slower.",
        "text with a CHECK for an enum, bigint cents for numeric, a reviewed definer function for search"},
    LintRule{"shared-sequence", warning, "A serial or identity column of a tenant table.",
             "One sequence serves all tenants: a tenant sees from the gaps how much the others write.",
             "`select bulkhead.tenant_numbered('x', 'id');`, or uuid with `default gen_random_uuid()`"},
    LintRule{"view-invoker", error, "A view without security_invoker.",
             "It reads with its owner's rights, past the caller's policies.",
             "`create view x with (security_invoker = true) as …`"},
    LintRule{
        "view-without-tenant", warning, "A view over tenant tables that does not show tenant_id.",
        "The server can then neither add its predicate nor check the rows on the way out; one wall is left.",
        "Select tenant_id of one of the tables, and join on it."},
    LintRule{
        "group-by-key", warning, "A view that groups by the primary key of a tenant table without tenant_id.",
        "The key is (tenant_id, …): columns of the table beside it are refused unless both are grouped by.",
        "`group by x.id, x.tenant_id`"},
    LintRule{
        "function-search-path", warning,
        "A function in PL/pgSQL, or one in SQL that names objects of the app, without a fixed search_path.",
        "Requests have another search_path than migrations: its tables are not found when it runs.",
        "`set search_path = app, pg_temp` before AS"},
    LintRule{"materialized-view", error, "A materialized view.", "It cannot have row-level security.",
             "A view with security_invoker, or a tenant table that a trigger keeps."},
    LintRule{"definer-reason", error, "A SECURITY DEFINER function without a reason.",
             "It runs with its owner's rights whoever calls it.",
             "`comment on function f(…) is 'bulkhead: definer <reason>';`, or security invoker"},
    LintRule{"definer-search-path", error,
             "A SECURITY DEFINER function without a fixed search_path that ends with pg_temp.",
             "A caller's own schema or temporary table would be found first.",
             "`set search_path = pg_catalog, app, pg_temp`"},
    LintRule{"leakproof", error, "A LEAKPROOF function.",
             "It is run before the policy and sees other tenants' rows.", "Leave out LEAKPROOF."},
    LintRule{"tenant-immutable", error, "An IMMUTABLE function that reads the tenant or a setting.",
             "A cached plan then shows another tenant's rows.", "STABLE"},
    LintRule{
        "tenant-context", error,
        "A function or DO block that sets the tenant's context or a role, or switches row security, also in "
        "a text that it executes or as an option (`set role = …`). `set_config` of `response.status` and "
        "`response.headers` is none.",
        "The server alone binds a tenant and a role.", "Leave it out."},
    LintRule{
        "dynamic-sql", warning,
        "A function that executes SQL which it makes up (EXECUTE of anything but a constant, or a format() "
        "with %I and %L alone).",
        "A value that gets into the text runs as the caller: the tenant's row-level security is the only "
        "wall left, and nothing here has seen the SQL.",
        "Static SQL, or EXECUTE of a constant with USING"},
    LintRule{"grant-too-much", error,
             "GRANT of ALL, TRUNCATE, REFERENCES or TRIGGER on tables, of more than USAGE on sequences and "
             "schemas, or WITH GRANT OPTION.",
             "These pass row-level security; a sequence serves all tenants.",
             "`grant select, insert, update, delete`; tenant_table() does it"},
    LintRule{"grant-to", error, "GRANT to PUBLIC, bulkhead_login or another role of the server.",
             "Without a bound role nothing may be readable.", "app_viewer, app_member, app_admin, app_owner"},
    LintRule{"role-statement", error,
             "Making, changing or granting roles; default privileges; changing owners.",
             "Roles and owners are what the walls stand on.", "Grant on tables to the four app roles."},
    LintRule{"policy-open", error, "A permissive policy that is true for all, or does not name the tenant.",
             "Permissive policies are OR-ed: the widest wins.",
             "`using (tenant_id = (select bulkhead.tenant_id()) and …)`, or AS RESTRICTIVE"},
    LintRule{"rls-off", error, "Switching row-level security, FORCE or Bulkhead's policies off.",
             "Nothing in the database would then keep tenants apart.", "Leave it on."},
    LintRule{"rewrite-rule", error, "CREATE RULE.", "A rule acts as the table's owner.", "A trigger."},
    LintRule{
        "session-state", error, "SET, RESET or set_config in a migration.",
        "Migrations run with a role and a search_path of their own; a changed one makes objects elsewhere.",
        "Leave it out."},
    LintRule{"concurrent-file", error,
             "In a file marked `-- bulkhead: concurrent`: anything but CREATE INDEX CONCURRENTLY with a "
             "name, DROP INDEX "
             "CONCURRENTLY IF EXISTS, ALTER TABLE … VALIDATE CONSTRAINT, ANALYZE and VACUUM.",
             "The file runs outside a transaction, and again after a run that died: each statement must bear "
             "that.",
             "Put the rest into another file."},
    LintRule{"transaction-command", error, "BEGIN, COMMIT, ROLLBACK, SAVEPOINT, VACUUM or CONCURRENTLY.",
             "Each file runs in one transaction, with its line in the ledger.",
             "Leave it out; VACUUM and CONCURRENTLY: in a file that begins with `-- bulkhead: concurrent`"},
    LintRule{"rows-of-a-tenant", error, "INSERT or COPY into a tenant table without tenant_id.",
             "A migration has no tenant, so the row would have none.",
             "Seed data of each tenant, or `-- bulkhead: shared` before the CREATE TABLE of reference data"},
    LintRule{"truncate", error, "TRUNCATE.",
             "It passes row-level security and empties the table for all tenants.", "`delete from …`"},
    LintRule{"large-object", error, "Large objects.",
             "They have no row-level security and their ids can be listed.",
             "A bytea column, or the object store."},
    LintRule{"foreign-data", error,
             "Foreign tables and servers, dblink, subscriptions, publications, C functions.",
             "Row-level security does not reach there.", "Leave it out."},
    LintRule{"copied-table", error, "CREATE TABLE AS, SELECT INTO, or LIKE.",
             "The copy has rows or columns without their policies and keys.",
             "Write the columns out, then `insert … select`."},
    LintRule{"partition-unmarked", error, "A partition or child of a table that is not marked itself.",
             "Addressed directly it has no row-level security; the parent's does not guard it.",
             "`select bulkhead.tenant_table('child');`: a partition gets policies and no grants"},
    LintRule{"outside-app", error, "A name in a schema other than app.",
             "Only app is guarded, served and moved with its tenants.", "Leave out the schema."},
};

void append_cell(std::string& page, std::string_view text) {
  page += ' ';
  for (char c : text) {
    if (c == '|') page += '\\';
    page += c;
  }
  page += " |";
}

}  // namespace

std::span<const LintRule> lint_rules() noexcept {
  return rules;
}

std::string lint_rules_markdown() {
  std::string page =
      "# Rules of the migration linter\n\n"
      "`bulkhead lint DIR` judges the tables as they stand after the last migration, and each statement by "
      "itself.\n"
      "`bulkhead lint --fix DIR` edits a plain schema until it is tenant-safe, and says what it changed.\n\n"
      "Comments that the linter reads:\n\n"
      "- `-- bulkhead: allow <rule> <reason>` silences a rule for the statement or line that follows, or for "
      "the line\n"
      "  at whose end it stands. The reason is required.\n"
      "- `-- bulkhead: shared` before a CREATE TABLE: reference data, the same for all tenants. For "
      "`--fix`.\n"
      "- `-- bulkhead: concurrent` on a line before a file's first statement: the file runs outside a "
      "transaction "
      "(CREATE\n"
      "  INDEX CONCURRENTLY and the like), one statement after the other, and again if a run dies.\n"
      "\n"
      "A SECURITY DEFINER function gives its reason in the database, where an audit finds it:\n"
      "`comment on function f(integer) is 'bulkhead: definer <reason>';`.\n\n"
      "The linter reads text. The bodies of functions and DO blocks, and the strings in them, are judged as "
      "far "
      "as they\n"
      "can be read; what a program puts together at run time cannot. So after each migration, and whenever a "
      "server starts,\n"
      "the database itself is asked: policies (compared word by word), keys, grants on tables, columns and "
      "sequences,\n"
      "views, functions, rules, owners, default privileges, and the attributes, memberships and settings of "
      "Bulkhead's\n"
      "roles. A migration that leaves anything else behind is rolled back; a server over such a database "
      "refuses "
      "to start,\n"
      "and names what it is about and what to write.\n\n"
      "What the app's roles may use is granted at the end of each file, so a migration needs no GRANT:\n\n"
      "- tables: by tenant_table() and shared_table();\n"
      "- views with security_invoker: SELECT for all four roles. The data API serves them read-only, and "
      "only "
      "those\n"
      "  that show tenant_id, because that is what it checks rows by;\n"
      "- functions that run with their caller's rights: EXECUTE for all four roles, so that defaults, "
      "checks, "
      "triggers,\n"
      "  policies and views can call them. A SECURITY DEFINER function gets nothing: grant it in the file "
      "that "
      "makes it,\n"
      "  after CREATE;\n"
      "- sequences, but those of shared tables: USAGE for member, admin and owner.\n\n"
      "This page is made from the rules themselves; a test keeps it fresh.\n\n"
      "| rule | | refused | because | write instead |\n|---|---|---|---|---|\n";
  for (const LintRule& rule : rules) {
    page += "|";
    append_cell(page, "`" + std::string(rule.id) + "`");
    append_cell(page, rule.severity == error ? "error" : "warning");
    append_cell(page, rule.refuses);
    append_cell(page, rule.because);
    append_cell(page, rule.instead);
    page += '\n';
  }
  return page;
}

}  // namespace bulkhead::migrate
