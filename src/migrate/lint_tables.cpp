#include <algorithm>
#include <array>

#include "migrate/lint_judge.hpp"

namespace bulkhead::migrate {
namespace {

using Kind = ModelKey::Kind;

bool leads(const std::vector<std::string>& columns) {
  return !columns.empty() && columns[0] == "tenant_id";
}

std::string joined(const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& column : columns) {
    text += (text.empty() ? "" : ", ") + (column.empty() ? std::string("expression") : column);
  }
  return text;
}

std::string led(const std::vector<std::string>& columns) {
  std::vector<std::string> rest = columns;
  std::erase(rest, "tenant_id");
  rest.insert(rest.begin(), "tenant_id");
  return "(" + joined(rest) + ")";
}

class TableJudge {
 public:
  TableJudge(const ModelTable& table, const Model& model, Report& report)
      : table_(table), model_(model), report_(report) {}

  void run() {
    mark();
    if (table_.shared()) shared();
    if (!table_.tenant()) return;
    tenant_column();
    primary_key();
    for (const ModelKey& key : table_.keys) judge_key(key);
    for (const ModelReference& reference : table_.references) judge_reference(reference);
    for (const ModelColumn& column : table_.columns) sequence(column);
  }

 private:
  void mark() {
    if (table_.mark != ModelTable::Mark::open) return;
    const ModelTable* parent = table_.parent.empty() ? nullptr : model_.table(table_.parent);
    std::string call = table_.wants_shared ? "shared_table" : "tenant_table";
    std::string write = "select bulkhead." + call + "('" + table_.name + "');";
    if (parent != nullptr) {
      report_.add("partition-unmarked", table_.place,
                  "table " + table_.name + " is a partition or child of " + table_.parent +
                      " and is not marked itself",
                  write);
      return;
    }
    report_.add(
        "unmarked-table", table_.place,
        "table " + table_.name + " is neither a tenant table nor a shared one",
        write + (table_.wants_shared ? "" : " (or shared_table, for data that is the same for all tenants)"));
  }

  void shared() {
    if (table_.primary() == nullptr && table_.parent.empty()) {
      report_.add("primary-key-missing", table_.place, "shared table " + table_.name + " has no primary key",
                  "primary key (…)");
    }
    for (const ModelReference& reference : table_.references) {
      const ModelTable* target = model_.table(reference.target);
      if (target == nullptr || !target->tenant()) continue;
      report_.add("shared-references-tenant", reference.place,
                  "shared table " + table_.name + " refers to tenant table " + reference.target, "");
    }
  }

  void tenant_column() {
    const ModelColumn* column = table_.column("tenant_id");
    if (column == nullptr) {
      report_.add("tenant-id-missing", table_.place,
                  "tenant table " + table_.name + " has no column tenant_id", "");
    } else if (column->type != "uuid" || column->array) {
      report_.add("tenant-id-shape", column->place,
                  "tenant_id of " + table_.name + " has type " + column->type + ", not uuid", "");
    } else if (!column->not_null || !column->tenant_default) {
      report_.add("tenant-id-shape", column->place,
                  "tenant_id of " + table_.name +
                      (column->not_null ? " does not default to bulkhead.tenant_id()" : " may be null"),
                  "");
    }
  }

  void primary_key() {
    const ModelKey* key = table_.primary();
    if (key == nullptr) {
      if (table_.parent.empty()) {
        report_.add("primary-key-missing", table_.place,
                    "tenant table " + table_.name + " has no primary key", "");
      }
    } else if (!leads(key->columns)) {
      report_.add("primary-key-tenant", key->place,
                  "the primary key of " + table_.name + " does not begin with tenant_id",
                  "primary key " + led(key->columns));
    }
  }

  void judge_key(const ModelKey& key) {
    std::string of = " of tenant table " + table_.name + " does not begin with tenant_id";
    if (key.kind == Kind::unique && !leads(key.columns)) {
      report_.add("unique-tenant", key.place, "unique (" + joined(key.columns) + ")" + of,
                  "unique " + led(key.columns));
    }
    if (key.kind == Kind::exclusion && !leads(key.columns)) {
      report_.add("unique-tenant", key.place, "exclusion constraint" + of,
                  "exclude using gist (tenant_id with =, …), with the extension btree_gist");
    }
    if (key.kind == Kind::index && !leads(key.columns)) {
      report_.add("index-tenant", key.place, "index (" + joined(key.columns) + ")" + of,
                  "create index … on " + table_.name + " " + led(key.columns));
    }
    for (const std::string& name : key.columns) {
      const ModelColumn* column = table_.column(name);
      if (column != nullptr) leakproof(*column, key);
    }
  }

  void leakproof(const ModelColumn& column, const ModelKey& key) {
    using namespace std::string_view_literals;
    static constexpr std::array never = {"numeric"sv,   "json"sv,      "jsonb"sv,    "tsvector"sv,
                                         "int4range"sv, "int8range"sv, "numrange"sv, "tsrange"sv,
                                         "tstzrange"sv, "daterange"sv, "point"sv,    "box"sv,
                                         "polygon"sv,   "hstore"sv,    "citext"sv};
    bool is_enum = model_.enums.contains(column.type);
    bool listed = std::find(never.begin(), never.end(), column.type) != never.end();
    if (!is_enum && !listed && !column.array) return;
    std::string instead = is_enum                    ? "text with check (" + column.name + " in (…))"
                          : column.type == "numeric" ? "bigint, in the smallest unit (cents)"
                                                     : "search through a reviewed definer function";
    report_.add("not-leakproof", key.place,
                "column " + column.name + " of " + table_.name + " has type " +
                    (column.array ? column.type + "[]" : column.type) +
                    ", whose index row-level security switches off",
                instead);
  }

  void judge_reference(const ModelReference& reference) {
    const ModelTable* target = model_.table(reference.target);
    if (target == nullptr || !target->tenant()) return;
    auto there = referenced_columns(reference, model_);
    if (!paired(reference.columns, there)) {
      report_.add(
          "foreign-key-tenant", reference.place,
          "foreign key (" + joined(reference.columns) + ") of " + table_.name + " refers to tenant table " +
              reference.target + " without tenant_id",
          "foreign key " + led(reference.columns) + " references " + reference.target + " " + led(there));
      return;
    }
    bool sets_tenant = reference.set_columns.empty() ||
                       std::find(reference.set_columns.begin(), reference.set_columns.end(), "tenant_id") !=
                           reference.set_columns.end();
    auto sets = [](char action) { return action == 'n' || action == 'd'; };
    if ((sets(reference.on_delete) && sets_tenant) || sets(reference.on_update)) {
      std::vector<std::string> columns = reference.columns;
      std::erase(columns, "tenant_id");
      report_.add(
          "foreign-key-set-null", reference.place,
          "a foreign key of " + table_.name + " would set tenant_id when " + reference.target + " changes",
          sets(reference.on_update) ? "on update cascade" : "on delete set null (" + joined(columns) + ")");
    }
    if (reference.match == 'f') {
      report_.add("foreign-key-match-full", reference.place,
                  "a foreign key of " + table_.name + " with tenant_id is MATCH FULL", "");
    }
  }

  static bool paired(const std::vector<std::string>& here, const std::vector<std::string>& there) {
    for (std::size_t i = 0; i < std::min(here.size(), there.size()); ++i) {
      if (here[i] == "tenant_id" && there[i] == "tenant_id") return true;
    }
    return false;
  }

  void sequence(const ModelColumn& column) {
    if (!column.sequence) return;
    report_.add("shared-sequence", column.place,
                "column " + column.name + " of " + table_.name +
                    " draws its numbers from one sequence for all tenants",
                "select bulkhead.tenant_numbered('" + table_.name + "', '" + column.name +
                    "'); on an integer column, or uuid default gen_random_uuid()");
  }

  const ModelTable& table_;
  const Model& model_;
  Report& report_;
};

}  // namespace

std::vector<std::string> referenced_columns(const ModelReference& reference, const Model& model) {
  if (!reference.target_columns.empty()) return reference.target_columns;
  const ModelTable* target = model.table(reference.target);
  const ModelKey* key = target != nullptr ? target->primary() : nullptr;
  return key != nullptr ? key->columns : std::vector<std::string>{};
}

void judge_tables(const Model& model, Report& report) {
  for (const auto& [name, table] : model.tables) TableJudge(table, model, report).run();
  for (const auto& [name, view] : model.views) {
    if (!view.invoker) {
      report.add("view-invoker", view.place, "view " + name + " reads with its owner's rights",
                 "create view " + name + " with (security_invoker = true) as …");
    }
    bool tenant = std::any_of(view.reads.begin(), view.reads.end(), [&model](const std::string& read) {
      const ModelTable* table = model.table(read);
      return table != nullptr && table->tenant();
    });
    if (tenant && !view.shows_tenant) {
      report.add("view-without-tenant", view.place,
                 "view " + name + " reads tenant tables and does not show tenant_id", "");
    }
  }
}

}  // namespace bulkhead::migrate
