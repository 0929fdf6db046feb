#pragma once

#include <string_view>

#include <bulkhead/result.hpp>

#include "sql/relations.hpp"

namespace bulkhead::sql {

/// A way from one relation to another over foreign keys, read in one direction, or by a function of the app.
struct Relationship {
  enum class Kind : std::uint8_t {
    many_to_one,   ///< `key` is the origin's.
    one_to_one,    ///< `key` is the target's and unique there, or the origin's and unique there (`forward`).
    one_to_many,   ///< `key` is the target's.
    many_to_many,  ///< `key` leads from `junction` to the origin, `junction_key` from `junction` to the
                   ///< target.
  };
  Kind kind = Kind::many_to_one;
  const Relation* target = nullptr;
  const ForeignKey* key = nullptr;
  bool forward = false;  ///< The origin holds `key`.
  const Relation* junction = nullptr;
  const ForeignKey* junction_key = nullptr;
  const ComputedRelationship* function = nullptr;  ///< Instead of `key`: the rows are what it returns.

  [[nodiscard]] bool to_one() const noexcept { return kind == Kind::many_to_one || kind == Kind::one_to_one; }
};

/// PostgREST's rules: `name` is the target's name, or the foreign key or column of the origin that leads to
/// it; `hint` (may be empty) is a foreign key, a column of it, or a junction. In a self reference the
/// relation's name means its children and the column's name its parent. A computed relationship of that name goes
/// before all foreign keys. Errors: `relationship_unknown`,
/// `relationship_ambiguous` (`details()` is then a JSON array of the candidates).
[[nodiscard]] Result<Relationship> find_relationship(const Relations& relations, const Relation& origin,
                                                     std::string_view name, std::string_view hint);

}  // namespace bulkhead::sql
