#include "journal/tables.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

namespace bulkhead::journal {
namespace {

constexpr const char* target_full = "the target's disk is full";
constexpr const char* target_full_hint =
    "make room there, or move the tenant to another cell (`bulkhead cell list`)";

constexpr std::string_view columns_sql =
    "select c.relname, n.nspname = 'bulkhead', a.attname, format_type(a.atttypid, null), a.attidentity = "
    "'a', "
    "coalesce(array_position(i.indkey::int2[], a.attnum), -1), "
    "coalesce(nullif(t.typbasetype, 0), t.oid) < 16384 or t.typtype = 'e', greatest(c.reltuples, 0) "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
    "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = "
    "'' "
    "join pg_type t on t.oid = a.atttypid left join pg_index i on i.indrelid = c.oid and i.indisprimary "
    "where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence = 'p' "
    "and (n.nspname = $1 or (n.nspname = 'bulkhead' and c.relname = 'counter')) "
    "and exists (select from pg_attribute x where x.attrelid = c.oid and x.attname = 'tenant_id' and "
    "x.attnum > 0 "
    "and not x.attisdropped) order by 2, 1, a.attnum";

double number_of(std::string_view text) {
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Error not_alike(const TenantTable& table) {
  return Error(Errc::conflict, "table \"" + table.name + "\" is not the same at both places")
      .hint("bring both to the app's version: `bulkhead migrate`");
}

}  // namespace

std::string TenantTable::place(std::string_view schema) const {
  return counters ? "bulkhead.counter" : pg::quote_identifier(schema) + "." + pg::quote_identifier(name);
}

std::string TenantTable::column_list() const {
  std::string out;
  for (const auto& column : columns) out += (out.empty() ? "" : ", ") + pg::quote_identifier(column.name);
  return out;
}

const TenantTable::Column* TenantTable::find(std::string_view column) const noexcept {
  for (const auto& known : columns)
    if (known.name == column) return &known;
  return nullptr;
}

Result<void> prepare_session(pg::Blocking& connection) {
  BULKHEAD_TRY(auto may, connection.query("select rolsuper or rolbypassrls from pg_catalog.pg_roles where "
                                          "rolname = current_user"));
  if (may.empty() || may.text(0, 0) != "t")
    return Error(Errc::config_invalid, "the operator's login cannot read past row-level security")
        .hint("moving a tenant needs a superuser, or a login with BYPASSRLS, in both databases");
  return connection.execute(
      "set search_path = pg_catalog; set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = "
      "'postgres'; set extra_float_digits = 3; set bytea_output = 'hex'; set row_security = off; set jit = "
      "off; "
      "set statement_timeout = 0; set lock_timeout = '20s'; set idle_in_transaction_session_timeout = 0; "
      "set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3; "
      "set tcp_user_timeout = '15s'; set application_name = 'bulkhead move'");
}

Error of_target(const Error& error) {
  return pg::say_full_disk(error, target_full, target_full_hint);
}

Result<void> prepare_target_session(pg::Blocking& connection) {
  BULKHEAD_CHECK(prepare_session(connection));
  connection.tell_full_disk(target_full, target_full_hint);
  auto set = connection.execute("set session_replication_role = 'replica'");
  if (set.has_error() && set.error().sqlstate() == "42501")
    return Error(Errc::config_invalid,
                 "the operator's login may not switch off triggers in the target database")
        .hint("moving a tenant needs a superuser there (or the right to set session_replication_role)");
  return set;
}

Result<std::vector<TenantTable>> tenant_tables(pg::Blocking& connection, const std::string& schema) {
  BULKHEAD_TRY(auto rows, connection.query(columns_sql, {schema}));
  std::vector<TenantTable> out;
  std::map<long, std::string> key;
  const auto finish = [&] {
    if (out.empty()) return;
    for (auto& [place, column] : key)
      if (column != "tenant_id") out.back().key.push_back(std::move(column));
    key.clear();
  };
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const bool counters = rows.text(row, 1) == "t";
    if (out.empty() || out.back().name != rows.text(row, 0) || out.back().counters != counters) {
      finish();
      out.emplace_back();
      out.back().name = rows.text(row, 0);
      out.back().counters = counters;
      out.back().rows = number_of(rows.text(row, 7));
    }
    auto& table = out.back();
    TenantTable::Column column{std::string(rows.text(row, 2)), std::string(rows.text(row, 3)),
                               rows.text(row, 4) == "t"};
    table.binary = table.binary && rows.text(row, 6) == "t";
    if (rows.text(row, 5) != "-1") key[std::lround(number_of(rows.text(row, 5)))] = column.name;
    table.columns.push_back(std::move(column));
  }
  finish();
  return out;
}

Result<void> check_same(const std::vector<TenantTable>& source, const std::vector<TenantTable>& target) {
  for (const auto& table : source) {
    const auto there = std::find_if(target.begin(), target.end(), [&](const TenantTable& other) {
      return other.name == table.name && other.counters == table.counters;
    });
    if (there == target.end() || there->key != table.key || there->columns.size() != table.columns.size())
      return not_alike(table);
    for (const auto& column : table.columns)
      if (there->find(column.name) == nullptr) return not_alike(table);
  }
  if (source.size() != target.size()) {
    for (const auto& table : target) {
      const bool known = std::any_of(source.begin(), source.end(),
                                     [&](const TenantTable& other) { return other.name == table.name; });
      if (!known) return not_alike(table);
    }
  }
  return {};
}

}  // namespace bulkhead::journal
