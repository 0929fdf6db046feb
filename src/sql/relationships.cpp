#include "sql/relationships.hpp"

#include <algorithm>

#include <bulkhead/json.hpp>

#include "sql/alike.hpp"

namespace bulkhead::sql {

namespace {

using Kind = Relationship::Kind;

bool is_single(const std::vector<std::string>& columns, std::string_view name) {
  return columns.size() == 1 && columns.front() == name;
}

bool in_key(const std::vector<std::string>& columns, const Relation& relation) {
  for (const std::vector<std::string>& unique : relation.unique_keys)
    if (std::all_of(columns.begin(), columns.end(), [&](const std::string& column) {
          return std::find(unique.begin(), unique.end(), column) != unique.end();
        }))
      return true;
  return false;
}

// Calls `each` with every way that leads away from `origin`, whatever it is called.
template <class F>
void for_each_way(const Relations& relations, const Relation& origin, const F& each) {
  for (const ForeignKey* key : relations.around(origin.name)) {
    if (key->from == origin.name)
      each(Relationship{key->from_unique ? Kind::one_to_one : Kind::many_to_one, relations.find(key->to), key,
                        true});
    if (key->to != origin.name) continue;
    const Relation* from = relations.find(key->from);
    each(Relationship{key->from_unique ? Kind::one_to_one : Kind::one_to_many, from, key, false});
    // A junction's primary or unique key holds both foreign keys: else it is a table in its own right.
    for (const ForeignKey* other : relations.around(from->name)) {
      if (other == key || other->from != from->name) continue;
      std::vector<std::string> both = key->from_columns;
      both.insert(both.end(), other->from_columns.begin(), other->from_columns.end());
      if (in_key(both, *from))
        each(Relationship{Kind::many_to_many, relations.find(other->to), key, false, from, other});
    }
  }
}

bool matches(const Relationship& way, const Relation& origin, std::string_view name, std::string_view hint) {
  bool named = way.target->name == name;
  bool many_to_many = way.kind == Kind::many_to_many;
  if (way.target == &origin && !many_to_many) {
    bool by_column = is_single(way.key->from_columns, hint.empty() ? name : hint);
    if (way.forward)
      return hint.empty() ? by_column || way.key->name == name
                          : named && is_single(way.key->to_columns, hint);
    return named && (hint.empty() || by_column || way.key->name == hint);
  }
  if (hint.empty()) {
    if (named) return true;
    // A foreign key's name means the table at its other end, and so does the origin's column in it. The views of that table
    // have the same key.
    if (way.target->view || many_to_many) return false;
    return way.key->name == name ||
           is_single(way.forward ? way.key->from_columns : way.key->to_columns, name);
  }
  if (!named) return false;
  if (many_to_many) return way.junction->name == hint;
  return way.key->name == hint || is_single(way.key->from_columns, hint) ||
         is_single(way.key->to_columns, hint);
}

std::string columns_text(const std::vector<std::string>& columns) {
  std::string out = "(";
  for (const std::string& column : columns) {
    if (out.size() > 1) out += ", ";
    out += column;
  }
  return out + ")";
}

std::string describe(const Relationship& way, const Relation& origin) {
  const std::vector<std::string>& near = way.forward ? way.key->from_columns : way.key->to_columns;
  const std::vector<std::string>& far = way.forward ? way.key->to_columns : way.key->from_columns;
  if (way.kind == Kind::many_to_many)
    return way.junction->name + " using " + way.key->name + columns_text(way.key->from_columns) + " and " +
           way.junction_key->name + columns_text(way.junction_key->from_columns);
  return way.key->name + " using " + origin.name + columns_text(near) + " and " + way.target->name +
         columns_text(far);
}

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::many_to_one:
      return "many-to-one";
    case Kind::one_to_one:
      return "one-to-one";
    case Kind::one_to_many:
      return "one-to-many";
    case Kind::many_to_many:
      return "many-to-many";
  }
  return "";
}

Error ambiguous(const std::vector<Relationship>& ways, const Relation& origin, std::string_view name) {
  std::string target(name), details = "[", hints;
  for (const Relationship& way : ways) {
    if (details.size() > 1) details += ",";
    details += "{\"cardinality\":";
    append_json_string(details, kind_name(way.kind));
    details += ",\"embedding\":";
    append_json_string(details, origin.name + " with " + way.target->name);
    details += ",\"relationship\":";
    append_json_string(details, describe(way, origin));
    details += "}";
    if (!hints.empty()) hints += ", ";
    hints += "'" + way.target->name + "!" +
             (way.kind == Kind::many_to_many ? way.junction->name : way.key->name) + "'";
  }
  return Error(Errc::relationship_ambiguous,
               "Could not embed because more than one relationship was found for '" + origin.name +
                   "' and '" + target + "'")
      .details(details + "]")
      .hint("Try changing '" + target + "' to one of the following: " + hints +
            ". Find the desired relationship in the 'details' key.");
}

Error unknown(const Relations& relations, const Relation& origin, std::string_view name,
              std::string_view hint) {
  const std::string target(name);
  std::string searched =
      "Searched for a foreign key relationship between '" + origin.name + "' and '" + target;
  if (!hint.empty()) searched.append("' using the hint '").append(hint);
  Error error = Error(Errc::relationship_unknown, "Could not find a relationship between '" + origin.name +
                                                      "' and '" + target + "' in the schema cache")
                    .details(searched + "' in the schema '" + std::string(api_schema) +
                             "', but no matches were found.");
  std::vector<std::string_view> around;
  for_each_way(relations, origin, [&](const Relationship& way) {
    if (way.target->seen_by_all) around.push_back(way.target->name);
  });
  const std::string_view meant = most_alike(target, around);
  if (meant.empty() || meant == target) return error;
  return std::move(error).hint("Perhaps you meant '" + std::string(meant) + "' instead of '" + target + "'.");
}

}  // namespace

Result<Relationship> find_relationship(const Relations& relations, const Relation& origin,
                                       std::string_view name, std::string_view hint) {
  for (const ComputedRelationship& computed : origin.relationships)
    if (computed.name == name) {
      Relationship way{computed.to_one ? Kind::many_to_one : Kind::one_to_many, relations.find(computed.to)};
      way.function = &computed;
      return way;
    }
  std::vector<Relationship> found;
  for_each_way(relations, origin, [&](const Relationship& way) {
    if (matches(way, origin, name, hint)) found.push_back(way);
  });
  if (found.size() == 1) return found.front();
  if (!found.empty()) return ambiguous(found, origin, name);
  return unknown(relations, origin, name, hint);
}

}  // namespace bulkhead::sql
