#include "sql/fingerprint.hpp"

#include <type_traits>
#include <utility>

namespace bulkhead::sql {

namespace {

using namespace statement;

// PostgreSQL's text form of an array.
std::string array_text(const std::vector<Value>& values) {
  std::string out = "{";
  for (const Value& value : values) {
    if (out.size() > 1) out.push_back(',');
    if (!value) {
      out.append("NULL");
      continue;
    }
    out.push_back('"');
    for (char c : *value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('}');
  return out;
}

/// Walks through a statement. Every struct is taken apart member by member, so that one with a new member does not compile
/// before somebody has said whether the text depends on it. Lengths stand before what they measure: no two statements run
/// together to one key.
class Walk {
 public:
  explicit Walk(Fingerprint& out) : key_(out.key), values_(out.values) {
    key_.reserve(192);
    values_.reserve(8);
  }

  void operator()(const Select& select) {
    key_.push_back('S');
    add(select);
  }

  void operator()(const Insert& insert) {
    const auto& [relation, columns, rows, json_rows, conflict, where, returning, order] = insert;
    key_.push_back('I');
    add(relation);
    list(columns);
    number(rows.size());
    for (const std::vector<Cell>& row : rows) list(row);
    json(json_rows);
    flag(conflict.has_value());
    if (conflict) {
      const auto& [merge, of] = *conflict;
      flag(merge);
      list(of);
    }
    add(where);
    add(returning);
    list(order);
  }

  void operator()(const Update& update) {
    const auto& [relation, assignments, json_row, where, returning, order, at_most] = update;
    key_.push_back('U');
    add(relation);
    number(assignments.size());
    for (const auto& [name, cell] : assignments) {
      add(name);
      add(cell);
    }
    json(json_row);
    add(where);
    add(returning);
    list(order);
    add(at_most);
  }

  void operator()(const Delete& remove) {
    const auto& [relation, where, returning, order, at_most] = remove;
    key_.push_back('D');
    add(relation);
    add(where);
    add(returning);
    list(order);
    add(at_most);
  }

  void operator()(const Call& call) {
    const auto& [function, arguments, json_arguments, select, read_only, at_most, singular] = call;
    key_.push_back('C');
    add(function);
    number(arguments.size());
    for (const auto& [name, value] : arguments) {
      add(name);
      values_.emplace_back(&value);
    }
    json(json_arguments);
    add(select);
    flag(read_only);
    add(at_most);
    flag(singular);
  }

 private:
  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) key_.push_back(static_cast<char>(value | 0x80));
    key_.push_back(static_cast<char>(value));
  }
  void flag(bool value) { key_.push_back(value ? '1' : '0'); }
  template <class Enum>
  void choice(Enum value) {
    static_assert(std::is_enum_v<Enum> && sizeof(Enum) == 1);
    key_.push_back(static_cast<char>(value));
  }
  template <class Entry>
  void list(const std::vector<Entry>& entries) {
    number(entries.size());
    for (const Entry& entry : entries) add(entry);
  }
  /// A value that is there or not, and whose text is not in the key.
  void json(const std::string& text) {
    flag(!text.empty());
    if (!text.empty()) values_.emplace_back(&text);
  }

  void add(const std::string& text) {
    number(text.size());
    key_.append(text);
  }
  void add(const std::optional<std::uint64_t>& value) {
    flag(value.has_value());
    if (value) number(*value);
  }
  void add(const std::optional<std::vector<Output>>& outputs) {
    flag(outputs.has_value());
    if (outputs) list(*outputs);
  }
  void add(const JsonStep& step) {
    const auto& [name, index, text] = step;
    add(name);
    flag(index);
    flag(text);
  }
  void add(const Cell& cell) {
    const auto& [value, use_default, json] = cell;
    flag(use_default);
    flag(json);
    if (!use_default) values_.emplace_back(&value);
  }
  void add(const Order& order) {
    const auto& [column, descending, nulls, path, embed] = order;
    add(column);
    flag(descending);
    choice(nulls);
    list(path);
    add(embed);
  }
  void add(const Condition& condition) {
    const auto& [kind, negated, children, column, path, op, quantifier, value, values, language] = condition;
    choice(kind);
    flag(negated);
    list(children);
    if (kind != Condition::Kind::compare) return;
    add(column);
    list(path);
    choice(op);
    choice(quantifier);
    add(language);
    if (op == Operator::is) {
      flag(value.has_value());
      if (value) add(*value);
    } else if (op == Operator::in) {
      flag(values.empty());
      values_.emplace_back(&values);
    } else {
      values_.emplace_back(&value);
    }
  }
  void add(const Output& output) {
    const auto& [star, column, alias, cast, embed, path, aggregate, aggregate_cast] = output;
    flag(star);
    add(column);
    add(alias);
    add(cast);
    list(path);
    choice(aggregate);
    add(aggregate_cast);
    flag(embed != nullptr);
    if (embed) add(*embed);
  }
  void add(const Embed& embed) {
    const auto& [select, alias, hint, inner, hidden, spread, distinct] = embed;
    add(select);
    add(alias);
    add(hint);
    flag(inner);
    flag(hidden);
    flag(spread);
    flag(distinct);
  }
  void add(const Select& select) {
    const auto& [relation, outputs, where, order, limit, offset, exact_count, aggregates, embed_limit,
                 plain] = select;
    add(relation);
    list(outputs);
    add(where);
    list(order);
    add(limit);  // may stand in the text
    flag(offset.value_or(0) > 0);
    if (offset.value_or(0) > 0) values_.emplace_back(&offset);
    flag(exact_count);
    flag(aggregates);
    add(embed_limit);
    flag(plain);
  }

  std::string& key_;
  std::vector<ValueRef>& values_;
};

}  // namespace

Fingerprint fingerprint(const Statement& statement) {
  Fingerprint made;
  std::visit(Walk(made), statement);
  return made;
}

void add_value(pg::Params& params, const ValueRef& value) {
  struct Adder {
    pg::Params& params;
    void operator()(const Value* text) const {
      if (*text)
        params.add(**text);
      else
        params.add_null();
    }
    void operator()(const std::vector<Value>* values) const { params.add(array_text(*values)); }
    void operator()(const std::optional<std::uint64_t>* digits) const {
      params.add(std::to_string(digits->value_or(0)));
    }
    void operator()(const std::string* text) const { params.add(*text); }
  };
  std::visit(Adder{params}, value);
}

}  // namespace bulkhead::sql
