#include "data/failure.hpp"

#include <algorithm>
#include <utility>

#include "sql/relations.hpp"
#include "sql/render.hpp"

namespace bulkhead::data {

namespace {

std::string quoted(std::string_view name, std::string_view tenant) {
  return "\"" + sql::without_tenant(name, tenant) + "\"";
}

// The name of a schema that holds the app's tables: `app`, or of the schema model `t_` and 16 hexadecimal digits.
std::size_t placement_schema(std::string_view text) {
  if (text.starts_with("app.")) return 4;
  constexpr std::size_t digits = 16;
  if (!text.starts_with("t_") || text.size() < digits + 3 || text[digits + 2] != '.') return 0;
  const std::string_view name = text.substr(2, digits);
  return name.find_first_not_of("0123456789abcdef") == std::string_view::npos ? digits + 3 : 0;
}

// PostgreSQL names a type or function with its schema where no search path leads to it. Where a tenant's rows live is
// nobody's business, and a client's schema is the API's.
std::string without_placement(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool word = i == 0 || text[i - 1] == ' ' || text[i - 1] == '"' || text[i - 1] == '(';
    const std::size_t schema = word ? placement_schema(text.substr(i)) : 0;
    i += schema;
    if (schema == 0) out += text[i++];
  }
  return out;
}

bool was_sent(std::string_view value, const std::vector<const pg::Params*>& sent) {
  for (const pg::Params* params : sent)
    for (std::size_t i = 0; i < params->size(); ++i)
      if (const char* text = params->value(i);
          text && std::string_view(text).find(value) != std::string_view::npos)
        return true;
  return false;
}

// Messages of class 22 quote the value that was wrong. It may be shown to whoever sent it and to nobody else:
// a view's cast or a column's check may have met another row's value.
std::string with_own_values(std::string_view message, const std::vector<const pg::Params*>& sent) {
  std::size_t open = message.find('"'), close = message.rfind('"');
  if (open == std::string_view::npos || close == open) return without_placement(message);
  std::string_view value = message.substr(open + 1, close - open - 1);
  // The type before it may stand in a schema; the value is as it was sent.
  std::string told = without_placement(message.substr(0, open));
  if (was_sent(value, sent)) return told.append(message.substr(open));
  return told.append("(not shown)").append(message.substr(close + 1));
}

std::string public_message(const pg::Outcome& outcome, const Error& error,
                           const std::vector<const pg::Params*>& sent, std::string_view tenant) {
  const std::string_view state = error.sqlstate(), family = state.substr(0, 2);
  if (state == "23505" && !outcome.constraint.empty())
    return "duplicate key value violates unique constraint " + quoted(outcome.constraint, tenant);
  if (state == "23514" && !outcome.constraint.empty() && outcome.table.empty())
    return "value for domain violates check constraint " + quoted(outcome.constraint, tenant);
  if (state == "23514" && !outcome.constraint.empty())
    return "new row for relation " + quoted(outcome.table, tenant) + " violates check constraint " +
           quoted(outcome.constraint, tenant);
  if (state == "23502" && !outcome.column.empty())
    return "null value in column \"" + outcome.column + "\" of relation " + quoted(outcome.table, tenant) +
           " violates not-null constraint";
  if (family == "22") return with_own_values(error.message(), sent);
  // Words of a function's own for the whole response (RAISE SQLSTATE 'PGRST').
  if (state == "PGRST") return std::string(error.message());
  // These families speak of names and types, or are the app's own RAISE.
  if (family == "23" || family == "42" || family == "P0" || family == "PT" || family == "21" ||
      family == "0A" || family == "25" || family == "40" || family == "44" || family == "55" ||
      family == "57")
    return sql::without_tenant(without_placement(error.message()), tenant);
  if (family == "53") return "the database is out of resources";
  if (family == "54") return "the statement is too complex";
  return "the database could not run the statement";
}

// What only the app's own RAISE can say. PostgreSQL's errors have another class, and their details quote rows.
bool is_raised(std::string_view state) {
  return state == "P0001" || state == "PGRST" || state.starts_with("PT");
}

// Of PostgreSQL's whole report the functions in which it happened. The rest of CONTEXT, QUERY, LINE and DETAIL quote
// statements and rows with the values in them.
std::string places_in(std::string_view report) {
  std::string out;
  while (!report.empty()) {
    std::string_view line = report.substr(0, report.find('\n'));
    report.remove_prefix(std::min(line.size() + 1, report.size()));
    if (line.starts_with("CONTEXT:  ")) line.remove_prefix(10);
    if (line.starts_with("PL/pgSQL function ") || line.starts_with("SQL function \""))
      out.append("; ").append(line);
  }
  return out;
}

Error not_singular(std::string_view message) {
  std::size_t at = message.find(sql::single_violation) + sql::single_violation.size();
  std::string_view count = message.substr(at, message.find_first_not_of("0123456789", at) - at);
  return Error(Errc::not_singular, "Cannot coerce the result to a single JSON object")
      .details("The result contains " + std::string(count) + " rows");
}

}  // namespace

bool is_tenant_violation(const pg::Outcome& outcome, const std::vector<const pg::Params*>& sent) {
  return outcome.error && outcome.error->sqlstate() == "22P02" &&
         outcome.error->message().find(sql::tenant_violation) != std::string_view::npos &&
         !was_sent(sql::tenant_violation, sent);
}

Error client_error(const pg::Outcome& outcome, const std::vector<const pg::Params*>& sent,
                   std::string_view tenant) {
  const Error& error = *outcome.error;
  if (error.sqlstate() == "22P02" && error.message().find(sql::single_violation) != std::string_view::npos &&
      !was_sent(sql::single_violation, sent))
    return not_singular(error.message());
  Error told = Error(error.code(), public_message(outcome, error, sent, tenant))
                   .sqlstate(std::string(error.sqlstate()))
                   .internal(std::string(error.message()) + places_in(error.internal()));
  const auto fit = [tenant](const std::string& text) {
    return text.find(tenant) == std::string::npos ? without_placement(text) : std::string();
  };
  if (is_raised(error.sqlstate()))
    return std::move(told).details(fit(outcome.detail)).hint(fit(outcome.hint));
  // Of names and types alone, as the message is.
  if (error.sqlstate().starts_with("42")) return std::move(told).hint(fit(outcome.hint));
  return told;
}

Error client_error(const Error& error) {
  if (error.code() != Errc::statement_failed) return error;
  pg::Outcome outcome;
  outcome.error = error;
  return client_error(outcome, {});
}

}  // namespace bulkhead::data
