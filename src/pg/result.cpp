#include "pg/result.hpp"

namespace bulkhead::pg {
namespace {

std::string trimmed(const char* text) {
  std::string out = text == nullptr ? "" : text;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  return out;
}

}  // namespace

std::string error_field(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string() : std::string(text);
}

Error error_of(const PGresult* result) {
  std::string report = trimmed(PQresultErrorMessage(result));
  std::string message = error_field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (message.empty()) message = report.empty() ? "PostgreSQL gave no reason" : report;
  Error error(Errc::statement_failed, std::move(message));
  error = std::move(error).sqlstate(error_field(result, PG_DIAG_SQLSTATE)).internal(std::move(report));
  const std::string position = error_field(result, PG_DIAG_STATEMENT_POSITION);
  if (!position.empty()) error = std::move(error).details("position " + position);
  return error;
}

std::string connection_message(const PGconn* connection) {
  return trimmed(PQerrorMessage(connection));
}

}  // namespace bulkhead::pg
