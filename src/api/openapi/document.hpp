#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <bulkhead/app.hpp>

#include "sql/relations.hpp"

namespace bulkhead::api::openapi {

/// What a document is made of.
struct Subject {
  const sql::Relations* relations = nullptr;
  std::int32_t version = 0;  ///< Of the tables.
  Role role = Role::viewer;
  std::vector<const Route*> routes;  ///< The handlers that the role may use.
  std::string title;
};

/// An OpenAPI 3.1 document in two pieces, between which the address of the API goes, a JSON string.
struct Document {
  std::string head, tail, etag;

  [[nodiscard]] std::size_t size() const noexcept { return head.size() + tail.size(); }
  /// `prefix`: what stands before the API's paths, "" or "/tenants/acme".
  [[nodiscard]] std::string text(std::string_view prefix) const;
};

/// Beyond this many columns, columns are left out of the parameters of a document: it could not be held by those who read it.
inline constexpr std::size_t most_filters = 20'000;

/// What one role may do in every tenant of one version: it holds nothing of any tenant. Pure. The same subject gives the same
/// document, byte by byte.
[[nodiscard]] Document render(const Subject& subject);

}  // namespace bulkhead::api::openapi
