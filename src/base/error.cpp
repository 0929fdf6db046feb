#include <bulkhead/error.hpp>

namespace bulkhead {

namespace {
constexpr ErrorInfo unknown{"BLK000", "Internal error", 500, false};
}

const ErrorInfo& error_info(Errc code) noexcept {
  // One line an error; docs/reference/errors.md is made from this table.
  switch (code) {
#define BULKHEAD_ERROR(errc, name, status, retryable, title)         \
  case Errc::errc: {                                                 \
    static constexpr ErrorInfo info{name, title, status, retryable}; \
    return info;                                                     \
  }
    BULKHEAD_ERROR(internal, "BLK000", 500, false, "Internal error")
    BULKHEAD_ERROR(malformed_request, "BLK100", 400, false, "Malformed request")
    BULKHEAD_ERROR(header_too_large, "BLK101", 431, false, "Request head too large")
    BULKHEAD_ERROR(body_too_large, "BLK102", 413, false, "Request body too large")
    BULKHEAD_ERROR(method_not_allowed, "BLK103", 405, false, "Method not allowed")
    BULKHEAD_ERROR(route_not_found, "BLK104", 404, false, "No such route")
    BULKHEAD_ERROR(unsupported_media_type, "BLK105", 415, false, "Unsupported media type")
    BULKHEAD_ERROR(not_acceptable, "BLK106", 406, false, "Not acceptable")
    BULKHEAD_ERROR(malformed_json, "BLK107", 400, false, "Malformed JSON")
    BULKHEAD_ERROR(request_timeout, "BLK108", 408, true, "Request timeout")
    BULKHEAD_ERROR(client_gone, "BLK109", 400, false, "Client gone")
    BULKHEAD_ERROR(tenant_not_found, "BLK200", 404, false, "No such tenant")
    BULKHEAD_ERROR(tenant_conflict, "BLK201", 400, false, "Tenant sources disagree")
    BULKHEAD_ERROR(tenant_malformed, "BLK202", 400, false, "Malformed tenant")
    BULKHEAD_ERROR(tenant_suspended, "BLK203", 403, false, "Tenant suspended")
    BULKHEAD_ERROR(tenant_ambiguous, "BLK204", 300, false, "Several tenants")
    BULKHEAD_ERROR(token_missing, "BLK300", 401, false, "No token")
    BULKHEAD_ERROR(token_malformed, "BLK301", 401, false, "Malformed token")
    BULKHEAD_ERROR(token_algorithm, "BLK302", 401, false, "Token algorithm refused")
    BULKHEAD_ERROR(token_signature, "BLK303", 401, false, "Token signature invalid")
    BULKHEAD_ERROR(token_issuer, "BLK304", 401, false, "Token issuer unknown")
    BULKHEAD_ERROR(token_audience, "BLK305", 401, false, "Token audience refused")
    BULKHEAD_ERROR(token_time, "BLK306", 401, false, "Token expired or not yet valid")
    BULKHEAD_ERROR(token_key_unknown, "BLK307", 401, false, "Token key unknown")
    BULKHEAD_ERROR(identity_unavailable, "BLK308", 503, true, "Identity provider unavailable")
    BULKHEAD_ERROR(not_a_member, "BLK400", 403, false, "Not a member of this tenant")
    BULKHEAD_ERROR(permission_denied, "BLK401", 403, false, "Permission denied")
    BULKHEAD_ERROR(relation_unknown, "BLK500", 404, false, "Unknown relation")
    BULKHEAD_ERROR(column_unknown, "BLK501", 400, false, "Unknown column")
    BULKHEAD_ERROR(filter_malformed, "BLK502", 400, false, "Malformed filter")
    BULKHEAD_ERROR(filter_required, "BLK503", 400, false, "Filter required")
    BULKHEAD_ERROR(relationship_unknown, "BLK504", 400, false, "Unknown relationship")
    BULKHEAD_ERROR(relationship_ambiguous, "BLK505", 300, false, "Ambiguous relationship")
    BULKHEAD_ERROR(not_singular, "BLK506", 406, false, "Not exactly one row")
    BULKHEAD_ERROR(range_not_satisfiable, "BLK507", 416, false, "Range not satisfiable")
    BULKHEAD_ERROR(payload_invalid, "BLK508", 400, false, "Invalid payload")
    BULKHEAD_ERROR(statement_failed, "BLK509", 400, false, "Statement failed")
    BULKHEAD_ERROR(statement_refused, "BLK510", 500, false, "Statement refused")
    BULKHEAD_ERROR(tenant_mismatch, "BLK511", 500, false, "Internal error")
    BULKHEAD_ERROR(database_unavailable, "BLK600", 503, true, "Database unavailable")
    BULKHEAD_ERROR(deadline_exceeded, "BLK601", 504, true, "Deadline exceeded")
    BULKHEAD_ERROR(overloaded, "BLK602", 503, true, "Overloaded")
    BULKHEAD_ERROR(placement_stale, "BLK603", 503, true, "Tenant is moving")
    BULKHEAD_ERROR(upstream_failed, "BLK604", 502, true, "Upstream failed")
    BULKHEAD_ERROR(config_invalid, "BLK700", 500, false, "Invalid configuration")
    BULKHEAD_ERROR(usage, "BLK701", 400, false, "Usage")
    BULKHEAD_ERROR(already_exists, "BLK702", 409, false, "Already exists")
    BULKHEAD_ERROR(not_found, "BLK703", 404, false, "Not found")
    BULKHEAD_ERROR(environment, "BLK704", 500, false, "Something is missing on this machine")
    BULKHEAD_ERROR(migration_failed, "BLK705", 500, false, "Migration failed")
    BULKHEAD_ERROR(lint_failed, "BLK706", 500, false, "Not tenant-safe")
    BULKHEAD_ERROR(import_failed, "BLK707", 400, false, "Import failed")
    BULKHEAD_ERROR(conflict, "BLK708", 409, true, "Not possible in this state")
    BULKHEAD_ERROR(incomplete, "BLK710", 500, true, "Done in part")
    BULKHEAD_ERROR(log_broken, "BLK711", 500, false, "The audit log does not hold")
#undef BULKHEAD_ERROR
  }
  return unknown;
}

std::string describe_errors() {
  std::string out = "| code | status | title | worth trying again |\n| --- | --- | --- | --- |\n";
  for (std::uint16_t number = 0; number < 1000; ++number) {
    const ErrorInfo& info = error_info(static_cast<Errc>(number));
    if (&info == &unknown) continue;
    out += "| `" + std::string(info.name) + "` | " + std::to_string(info.http_status) + " | " +
           std::string(info.title) + " | " + (info.retryable ? "yes" : "no") + " |\n";
  }
  return out;
}

}  // namespace bulkhead
