#include "sql/relations.hpp"

#include <algorithm>
#include <atomic>
#include <tuple>
#include <utility>

namespace bulkhead::sql {

std::string without_tenant(std::string_view name, std::string_view column) {
  std::string out(name);
  for (const std::string& part : {std::string(column) + "_", "_" + std::string(column)})
    for (std::size_t at = 0; (at = out.find(part, at)) != std::string::npos;) out.erase(at, part.size());
  return out;
}

JsonKind json_kind(std::uint32_t type_oid) noexcept {
  switch (type_oid) {
    case 16:
      return JsonKind::boolean;
    case 20:
    case 21:
    case 23:
    case 700:
    case 701:
    case 1700:
      return JsonKind::number;
    case 114:
    case 3802:
      return JsonKind::raw;
    case 1114:
      return JsonKind::timestamp;
    case 1184:
      return JsonKind::timestamptz;
    default:
      return JsonKind::string;
  }
}

const Column* Relation::column(std::string_view column_name) const noexcept {
  // Tables have a dozen columns; a scan beats a map here.
  for (const Column& column : columns)
    if (column.name == column_name) return &column;
  return nullptr;
}

const Column* Relation::field(std::string_view field_name) const noexcept {
  if (const Column* found = column(field_name)) return found;
  for (const Column& column : computed)
    if (column.name == field_name) return &column;
  return nullptr;
}

const Column* Function::parameter(std::string_view parameter_name) const noexcept {
  for (const Column& taken : parameters)
    if (taken.name == parameter_name) return &taken;
  return nullptr;
}

namespace {

std::uint64_t next_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

Relations::Relations(std::vector<Relation> relations, std::vector<ForeignKey> foreign_keys,
                     std::vector<Function> functions, bool sets_response, std::string_view tenant_column,
                     Enums enums)
    : relations_(std::move(relations)),
      foreign_keys_(std::move(foreign_keys)),
      functions_(std::move(functions)),
      sets_response_(sets_response),
      tenant_column_(tenant_column),
      enums_(std::move(enums)),
      id_(next_id()) {
  std::sort(functions_.begin(), functions_.end(), [](const Function& a, const Function& b) {
    // As candidates are listed: those with fewer parameters come first.
    const auto key = [](const Function& f) { return std::tie(f.name, f.signature); };
    if (a.name != b.name || a.parameters.size() == b.parameters.size()) return key(a) < key(b);
    return a.parameters.size() < b.parameters.size();
  });
  for (const Relation& relation : relations_) by_name_.emplace(relation.name, &relation);
  for (const ForeignKey& key : foreign_keys_) {
    around_[key.from].push_back(&key);
    if (key.to != key.from) around_[key.to].push_back(&key);
  }
}

const Relation* Relations::find(std::string_view name) const noexcept {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::span<const Function> Relations::overloads(std::string_view name) const noexcept {
  const auto before = [](const Function& of, std::string_view wanted) { return of.name < wanted; };
  const auto begin = std::lower_bound(functions_.begin(), functions_.end(), name, before);
  auto end = begin;
  while (end != functions_.end() && end->name == name) ++end;
  return {begin, end};
}

const Function* Relations::function(std::string_view signature) const noexcept {
  // A name may hold a parenthesis; the types of the parameters begin at the last one that could be theirs.
  for (std::size_t open = signature.find('('); open != std::string_view::npos;
       open = signature.find('(', open + 1))
    for (const Function& of : overloads(signature.substr(0, open)))
      if (of.signature == signature) return &of;
  return nullptr;
}

const std::vector<std::string>& Relations::enum_values(std::uint32_t type_oid) const noexcept {
  static const std::vector<std::string> none;
  const auto found = enums_.find(type_oid);
  return found == enums_.end() ? none : found->second;
}

const std::vector<const ForeignKey*>& Relations::around(std::string_view relation) const noexcept {
  static const std::vector<const ForeignKey*> none;
  auto found = around_.find(relation);
  return found == around_.end() ? none : found->second;
}

}  // namespace bulkhead::sql
