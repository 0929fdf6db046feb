#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <bulkhead/error.hpp>
#include <bulkhead/statement.hpp>

#include "sql/relations.hpp"

namespace bulkhead::api {

/// What a write sent, for who explains its failure: a body in JSON (empty: none) and the filters that named its row.
struct SentRow {
  std::string_view json;
  const statement::Condition* where = nullptr;

  /// The value of a column, if one row was sent and its value has one text.
  [[nodiscard]] std::optional<std::string> value(std::string_view column) const;
};

/// The error of a duplicate or missing key with the details that PostgreSQL would give, made of the request's own values
/// and without the tenant: `Key (a, b)=(x, y) already exists.` Unchanged where the request does not say them.
[[nodiscard]] Error with_key_details(const Error& error, const sql::Relations& relations,
                                     const sql::Relation& written, const SentRow& sent);

}  // namespace bulkhead::api
