#include "api/rest/asked.hpp"

#include <utility>
#include <vector>

#include "api/rest/scanner.hpp"
#include "sql/alike.hpp"

namespace bulkhead::api {

namespace {

// The relation's name. A slash that is part of one is percent-encoded.
Result<std::string> relation_name(std::string_view segment) {
  if (segment.find('/') != std::string_view::npos)
    return Error(Errc::relation_unknown, "Invalid path specified in request URL").sqlstate("PGRST125");
  return decode_segment(segment);
}

}  // namespace

Error unknown_relation(const sql::Relations& relations, const std::string& name) {
  const std::string schema(sql::api_schema);
  Error error(Errc::relation_unknown,
              "Could not find the table '" + schema + "." + name + "' in the schema cache");
  std::vector<std::string_view> names;
  for (const sql::Relation& relation : relations.all())
    if (relation.seen_by_all) names.emplace_back(relation.name);
  const std::string_view meant = sql::most_alike(name, names);
  if (meant.empty()) return error;
  return std::move(error).hint("Perhaps you meant the table '" + schema + "." + std::string(meant) + "'");
}

Result<Asked> read_request(const Request& request, sql::RelationsRef relations, std::string_view segment,
                           bool choose_transaction) {
  Asked asked;
  BULKHEAD_TRY(std::string name, relation_name(segment));
  BULKHEAD_CHECK(check_profile(request));
  asked.relations = std::move(relations);
  asked.relation = asked.relations->find(name);
  if (!asked.relation) return unknown_relation(*asked.relations, name);
  BULKHEAD_TRY(asked.media, read_accept(request));
  BULKHEAD_TRY(asked.query, parse_query(request.query));
  BULKHEAD_CHECK(apply_range(request, asked.query.select));
  asked.query.select.relation = std::move(name);
  BULKHEAD_TRY(asked.preferences, read_preferences(request, choose_transaction));
  return asked;
}

}  // namespace bulkhead::api
