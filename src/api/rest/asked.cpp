#include "api/rest/asked.hpp"

#include <utility>

#include "api/rest/scanner.hpp"

namespace bulkhead::api {

namespace {

// The relation's name. A slash that is part of one is percent-encoded.
Result<std::string> relation_name(std::string_view segment) {
  if (segment.find('/') != std::string_view::npos)
    return Error(Errc::relation_unknown, "Invalid path specified in request URL").sqlstate("PGRST125");
  return decode_segment(segment);
}

}  // namespace

Error unknown_relation(const std::string& name) {
  return Error(Errc::relation_unknown, "Could not find the table '" + std::string(sql::api_schema) + "." +
                                           name + "' in the schema cache");
}

Result<Asked> read_request(const Request& request, sql::RelationsRef relations, std::string_view segment,
                           bool choose_transaction) {
  Asked asked;
  BULKHEAD_TRY(std::string name, relation_name(segment));
  BULKHEAD_CHECK(check_profile(request));
  asked.relations = std::move(relations);
  asked.relation = asked.relations->find(name);
  if (!asked.relation) return unknown_relation(name);
  BULKHEAD_TRY(asked.media, read_accept(request));
  BULKHEAD_TRY(asked.query, parse_query(request.query));
  BULKHEAD_CHECK(apply_range(request, asked.query.select));
  asked.query.select.relation = std::move(name);
  BULKHEAD_TRY(asked.preferences, read_preferences(request, choose_transaction));
  return asked;
}

}  // namespace bulkhead::api
