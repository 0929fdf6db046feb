#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "data/plan_cache.hpp"
#include "sql/render.hpp"

namespace bulkhead::data::test {

inline bool same(const pg::Params& a, const pg::Params& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char* left = a.value(i);
    const char* right = b.value(i);
    if ((left == nullptr) != (right == nullptr)) return false;
    if (left && std::strcmp(left, right) != 0) return false;
  }
  return true;
}

/// Gives every value of a statement another one, where it stands.
inline void change_values(const sql::Fingerprint& of) {
  struct Change {
    std::size_t number;
    std::string next() const { return "other " + std::to_string(number); }
    // Nothing of a statement is constant but to those who only read it.
    void operator()(const statement::Value* value) const { *const_cast<statement::Value*>(value) = next(); }
    void operator()(const std::vector<statement::Value>* values) const {
      auto& list = *const_cast<std::vector<statement::Value>*>(values);
      if (!list.empty()) list.assign(number % 3 + 1, statement::Value(next() + "\"\\"));
    }
    void operator()(const std::optional<std::uint64_t>* digits) const {
      *const_cast<std::optional<std::uint64_t>*>(digits) = 1000 + number;
    }
    void operator()(const std::string* text) const { *const_cast<std::string*>(text) = "[" + next() + "]"; }
  };
  for (std::size_t i = 0; i < of.values.size(); ++i) std::visit(Change{i}, of.values[i]);
}

/// Whether a statement of the same shape with other values, which is not rendered again, gets the SQL and the parameters that it
/// would have been rendered to. Changes the statement's values. What is wrong; nullopt: nothing, or it cannot be rendered.
inline std::optional<std::string> wrong_when_known(const statement::Statement& asked,
                                                   const sql::Relations& relations) {
  constexpr std::string_view tenant = "0191e0a0-0000-7000-8000-000000000001";
  constexpr std::string_view other = "0191e0a0-0000-7000-8000-000000000002";
  PlanCache cache(8);
  {
    auto rendered = sql::render(asked, relations, "app", tenant);
    if (rendered.has_error()) return std::nullopt;
    static_cast<void>(cache.plan(sql::fingerprint(asked), relations, std::move(*rendered), "app"));
  }
  change_values(sql::fingerprint(asked));
  const sql::Fingerprint again = sql::fingerprint(asked);
  const std::optional<Planned> planned = cache.known(again, relations, "app", other);
  if (!planned) {
    if (again.key.size() > 8192) return std::nullopt;
    return "a statement of a known shape is not known";
  }
  const auto rendered = sql::render(asked, relations, "app", other);
  if (rendered.has_error()) return std::string(rendered.error().message());
  if (planned->prepared->text != rendered->text || planned->prepared->count_text != rendered->count_text)
    return "another text:\n" + planned->prepared->text + "\n" + rendered->text;
  if (!same(planned->params, rendered->params)) return "other values for " + rendered->text;
  if (!same(planned->count_params, rendered->count_params)) return "other values for " + rendered->count_text;
  return std::nullopt;
}

}  // namespace bulkhead::data::test
