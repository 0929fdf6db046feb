#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <bulkhead/result.hpp>
#include <bulkhead/role.hpp>

#include "pg/blocking.hpp"

namespace bulkhead::sql {

/// How a value of the output is written as JSON.
enum class JsonKind : std::uint8_t { string, raw, boolean, number, timestamp, timestamptz };

/// How a result's column of this type is written. Arrays and composite types come as json already, domains as what they
/// are made of.
[[nodiscard]] JsonKind json_kind(std::uint32_t type_oid) noexcept;

/// Column of every tenant table of the app's own migrations; never shown, never named by a caller. An adopted schema has
/// another: `Relations::tenant_column`.
inline constexpr std::string_view tenant_column = "tenant_id";
/// What the API calls the app's schema, wherever a tenant's rows live: a placement's schema name is nobody's
/// business.
inline constexpr std::string_view api_schema = "public";

/// A constraint's name as the API says it: `album_tenant_id_slug_key` → `album_slug_key`.
[[nodiscard]] std::string without_tenant(std::string_view name, std::string_view column = tenant_column);

/// What may be done with a relation or one of its columns, or with a function, which is executed.
enum class Right : std::uint8_t { select, insert, update, remove, execute };

/// Which of the app's roles may do what, as PostgreSQL grants it. For who describes the API: PostgreSQL itself says no.
class Rights {
 public:
  /// None.
  constexpr Rights() = default;
  [[nodiscard]] static constexpr Rights all() noexcept { return Rights(0xFFFFF); }
  /// `bits`: one for each role, of each right in turn.
  constexpr explicit Rights(std::uint32_t bits) : bits_(bits) {}
  [[nodiscard]] constexpr bool allow(Right right, Role role) const noexcept {
    return (bits_ >> (static_cast<unsigned>(right) * 4 + static_cast<unsigned>(role)) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool operator==(const Rights&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

struct Column {
  std::string name;
  std::uint32_t type_oid = 0;
  std::string type;  ///< format_type(): "integer", "character varying(40)", "text[]"
  bool nullable = true, has_default = false;
  bool generated = false;  ///< Always generated or identity always: not to be written.
  std::string
      sql_type;  ///< As `type`, schema-qualified where it is not PostgreSQL's own: fit for a cast. But
  bool own_type =
      false;  ///< a type of the app's schema is without it: that schema has another name elsewhere.
  JsonKind json = JsonKind::string;  ///< How its text form becomes JSON.
  bool convert = false;  ///< Must be wrapped in `to_json()` to be JSON (arrays, composite types, extensions).
  bool is_json = false;  ///< json or jsonb: a payload's value is stored as the JSON text that it is.
  bool computed = false;  ///< A function of the row; read only, and not among `columns`.
  /// Functions of the app's schema that its domain is shown and read with (CREATE CAST): to json, of text in filters, of json
  /// in payloads. Empty: PostgreSQL's own way.
  std::string as_json, from_text, from_json;
  std::string comment;
  Rights rights;  ///< Granted for this column alone, beside its relation's.

  [[nodiscard]] bool operator==(const Column&) const = default;
};

/// A function from a row of one relation to rows of another: a relationship that the app made.
struct ComputedRelationship {
  std::string name;  ///< The function's.
  std::string to;    ///< Relation.
  bool to_one = false;

  [[nodiscard]] bool operator==(const ComputedRelationship&) const = default;
};

/// A foreign key, tenant column left out on both sides. That of a view is its base table's.
struct ForeignKey {
  std::string name;  ///< Without the tenant column's name, too: errors show it and clients give it as a hint.
  std::string from, to;  ///< Relations.
  std::vector<std::string> from_columns, to_columns;
  bool from_unique = false;  ///< One-to-one: the referencing columns are unique, too.

  [[nodiscard]] bool operator==(const ForeignKey&) const = default;
};

/// A table or view of the app, as introspected. `tenant_id` is not among `columns`, `primary_key` or `foreign
/// keys`.
struct Relation {
  std::string name;
  bool tenant =
      false;  ///< Has `tenant_id`: every statement gets the tenant predicate. Else a shared table: read-only.
  bool view = false;
  bool partitioned = false;
  bool seen_by_all = true;  ///< Every role may read it: a hint may name it to anyone.
  Rights rights = Rights::all();
  std::vector<Column> columns;
  std::vector<std::string> primary_key;
  std::vector<std::vector<std::string>> unique_keys;
  std::vector<std::string> unique_names;  ///< Of the same, as errors show them.
  std::string comment;
  std::vector<Column> computed;  ///< Functions of a row that are read like columns.
  std::vector<ComputedRelationship> relationships;

  [[nodiscard]] const Column* column(std::string_view column_name) const noexcept;
  /// A column or computed column.
  [[nodiscard]] const Column* field(std::string_view field_name) const noexcept;
  /// Whether the role has this right to the column, by the relation's or by its own.
  [[nodiscard]] bool allows(Right right, const Column& of, Role role) const noexcept {
    return rights.allow(right, role) || of.rights.allow(right, role);
  }
  [[nodiscard]] bool operator==(const Relation&) const = default;
};

/// A function of the app that its roles may call. Triggers' and those that take unnamed parameters, but for a single one,
/// are not among them.
struct Function {
  enum class Returns : std::uint8_t {
    nothing,  ///< void
    value,    ///< One column, which has no name of its own.
    row,
  };
  std::string name;
  std::string signature;           ///< `name(integer, text[])`: tells it from its overloads.
  std::vector<Column> parameters;  ///< Those that take a value. `has_default`: it may be left out.
  bool variadic = false;           ///< The last parameter is an array that may come element by element.
  bool is_volatile = true;
  Returns returns = Returns::nothing;
  bool set = false;  ///< Any number of rows.
  std::string
      media;  ///< Of a domain that is named as a media type, or as all of them (`*/*`): that type, in which
              ///< its value is sent as it is. Else empty.
  std::string relation;  ///< Whose rows it returns; empty: `row` says what.
  Relation row;
  Rights rights = Rights::all();
  std::string comment;

  [[nodiscard]] const Column* parameter(std::string_view parameter_name) const noexcept;
  [[nodiscard]] bool operator==(const Function&) const = default;
};

/// How a schema that the app's migrations did not make tells tenants apart.
struct Tenancy {
  Tenancy() = default;
  bool adopted = false;
  std::string column{tenant_column};
  std::vector<std::string> left_out;  ///< Relations that are not fit to be served.
};

/// The values of enum types, in their order, by the type's object id.
using Enums = std::map<std::uint32_t, std::vector<std::string>>;

/// Everything the app's schema holds at one version. Immutable once loaded; shared between threads; swapped
/// whole.
class Relations {
 public:
  /// Reads the catalogues of `schema` in one go.
  [[nodiscard]] static Result<std::shared_ptr<const Relations>> load(pg::Blocking& connection,
                                                                     std::string_view schema,
                                                                     const Tenancy& tenancy = {});
  explicit Relations(std::vector<Relation> relations, std::vector<ForeignKey> foreign_keys,
                     std::vector<Function> functions = {}, bool sets_response = false,
                     std::string_view tenant_column = sql::tenant_column, Enums enums = {});
  Relations(const Relations&) = delete;  // the indexes point into the vectors
  Relations& operator=(const Relations&) = delete;
  ~Relations() = default;

  /// Unique in this process: what was made of these relations was made of no others.
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  /// Nothing has changed between the two.
  [[nodiscard]] bool same_as(const Relations& other) const {
    return relations_ == other.relations_ && foreign_keys_ == other.foreign_keys_ &&
           functions_ == other.functions_ && sets_response_ == other.sets_response_ &&
           tenant_column_ == other.tenant_column_ && enums_ == other.enums_;
  }
  [[nodiscard]] const Relation* find(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<Relation>& all() const noexcept { return relations_; }
  [[nodiscard]] const std::vector<ForeignKey>& foreign_keys() const noexcept { return foreign_keys_; }
  /// In the order of their names; overloads of one name stand together.
  [[nodiscard]] const std::vector<Function>& functions() const noexcept { return functions_; }
  [[nodiscard]] std::span<const Function> overloads(std::string_view name) const noexcept;
  /// By `signature`.
  [[nodiscard]] const Function* function(std::string_view signature) const noexcept;
  /// Some function or trigger of the app may set `response.status` or `response.headers`.
  [[nodiscard]] bool sets_response() const noexcept { return sets_response_; }
  /// What the tenant tables call the tenant's id.
  [[nodiscard]] const std::string& tenant_column() const noexcept { return tenant_column_; }
  /// Of an enum type; empty: it is none.
  [[nodiscard]] const std::vector<std::string>& enum_values(std::uint32_t type_oid) const noexcept;
  /// Foreign keys from or to this relation.
  [[nodiscard]] const std::vector<const ForeignKey*>& around(std::string_view relation) const noexcept;

 private:
  std::vector<Relation> relations_;
  std::vector<ForeignKey> foreign_keys_;
  std::vector<Function> functions_;
  bool sets_response_ = false;
  std::string tenant_column_;
  Enums enums_;
  std::uint64_t id_;
  std::map<std::string, const Relation*, std::less<>> by_name_;
  std::map<std::string, std::vector<const ForeignKey*>, std::less<>> around_;
};
using RelationsRef = std::shared_ptr<const Relations>;

}  // namespace bulkhead::sql
