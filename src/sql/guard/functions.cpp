#include <algorithm>
#include <array>

#include "sql/guard/guard.hpp"

namespace bulkhead::sql {
namespace {

using namespace std::string_view_literals;

/// Families: administration, files, locks, large objects, other servers, functions that run SQL given as
/// text.
constexpr std::array refused_prefixes = {
    "pg_"sv,
    "lo_"sv,
    "dblink"sv,
    "txid_"sv,
    "query_to_"sv,
    "table_to_"sv,
    "cursor_to_"sv,
    "schema_to_"sv,
    "database_to_"sv,
    "has_"sv,
    "inet_server_"sv,
    "inet_client_"sv,
    "binary_upgrade"sv,
    "to_reg"sv,
    "regclass"sv,
    "regcollation"sv,
    "regconfig"sv,
    "regdictionary"sv,
    "regnamespace"sv,
    "regoper"sv,
    "regproc"sv,
    "regrole"sv,
    "regtype"sv,
    "fmgr_"sv,
    "ri_fkey_"sv,
    "crosstab"sv,
    "connectby"sv,
    "xpath_table"sv,
    "postgres_fdw"sv,
    "file_fdw"sv,
    "plpgsql_"sv,
    "heap_"sv,
    "bt_"sv,
    "brin_"sv,
    "gin_"sv,
    "get_raw_page"sv,
    "page_"sv,
    "aws_"sv,
    "http_"sv,
    "ts_stat"sv,
};

constexpr std::array refused_names = {
    "set_config"sv,       "current_setting"sv,
    "setseed"sv,          "getpgusername"sv,
    "next_id"sv,          "raise_counter"sv,
    "tenant_numbered"sv,  "sign_context"sv,
    "write_tenant_id"sv,  "rotate_binding_key"sv,
    "make_binding_key"sv, "in_target"sv,
    "setval"sv,           "lastval"sv,
    "currval"sv,          "loread"sv,
    "lowrite"sv,          "lo"sv,
    "ts_rewrite"sv,       "currtid2"sv,
    "set_limit"sv,        "col_description"sv,
    "obj_description"sv,  "shobj_description"sv,
    "current_query"sv,    "row_security_active"sv,
    "format_type"sv,      "has_privilege"sv,
    "acldefault"sv,       "aclexplode"sv,
    "makeaclitem"sv,      "resides"sv,
    "target_version"sv,   "tenant_table"sv,
    "shared_table"sv,     "dblink"sv,
    "xmltable"sv,         "amvalidate"sv,
    "current_schemas"sv,  "system"sv,
};

/// Of the refused families, what only looks at its argument.
constexpr std::array allowed_names = {"pg_typeof"sv};

}  // namespace

bool is_refused_function(std::string_view name) {
  auto is = [name](std::string_view known) { return known == name; };
  if (std::any_of(allowed_names.begin(), allowed_names.end(), is)) return false;
  if (std::any_of(refused_names.begin(), refused_names.end(), is)) return true;
  return std::any_of(refused_prefixes.begin(), refused_prefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

}  // namespace bulkhead::sql
