#include "migrate/adopt.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "migrate/sql_files.hpp"

namespace bulkhead::migrate {
namespace {

constexpr std::string_view tables_sql = R"(
select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition and not c.relname = any ($3::text[])
   and exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attname = $2 and not a.attisdropped)
 order by 1)";

/// A mend as the query writes it: phase, statement, phase, statement, …
Result<std::vector<Mend>> read_mends(std::string_view text) {
  boost::system::error_code code;
  const boost::json::value value = boost::json::parse(text, code);
  if (code || !value.is_array()) return Error(Errc::internal, "internal error").internal("mends are no list");
  std::vector<Mend> out;
  const boost::json::array& parts = value.get_array();
  for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
    Mend mend;
    const std::string_view phase = parts[i].as_string();
    std::from_chars(phase.data(), phase.data() + phase.size(), mend.phase);
    mend.sql = parts[i + 1].as_string();
    out.push_back(std::move(mend));
  }
  return out;
}

Result<AdoptLook> look(pg::Blocking& database, const AdoptedSchema& schema) {
  BULKHEAD_CHECK(database.execute("set local search_path = pg_catalog"));
  BULKHEAD_TRY(const Rows rows, database.query(sql_file("15_adopt_look"),
                                               {schema.name, schema.tenant_column, text_array(schema.shared),
                                                text_array(schema.hidden), text_array(schema.roles)}));
  AdoptLook out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    AdoptFinding finding;
    finding.rule = rows.text(row, 0);
    finding.breaks = rows.text(row, 1) == "error";
    finding.relation = rows.text(row, 2);
    finding.about = rows.text(row, 3);
    finding.problem = rows.text(row, 4);
    finding.advice = rows.text(row, 5);
    BULKHEAD_TRY(finding.mends, read_mends(rows.text(row, 6)));
    out.findings.push_back(std::move(finding));
  }
  BULKHEAD_TRY(const Rows tables,
               database.query(tables_sql, {schema.name, schema.tenant_column, text_array(schema.hidden)}));
  for (std::size_t row = 0; row < tables.size(); ++row) out.tables.emplace_back(tables.text(row, 0));
  return out;
}

/// Names may hold anything; a comment ends with its line.
std::string in_comment(std::string text) {
  std::replace_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

struct Phase {
  int from, to;
  bool together;  ///< In one transaction.
  std::string_view title;
};
constexpr std::array<Phase, 5> phases{{
    {10, 19, false, "Every row has a tenant. The check is made without holding up writers."},
    {20, 29, false, "Keys that hold the tenant, made beside the old ones without holding up writers."},
    {30, 39, true,
     "They take the old ones' place. Short, but nobody reads or writes these tables meanwhile."},
    {40, 49, false, "Foreign keys are checked for the rows that are there, without holding up writers."},
    {50, 59, true, "The walls: row-level security, policies, rights."},
}};

void write_phase(std::string& out, const AdoptLook& look, const Phase& phase) {
  std::string body;
  for (int step = phase.from; step <= phase.to; ++step)
    for (const AdoptFinding& finding : look.findings) {
      bool said = false;
      for (const Mend& mend : finding.mends) {
        if (mend.phase != step) continue;
        if (!said) {
          body.append("-- ").append(in_comment(finding.about + ": " + finding.problem));
          if (!finding.advice.empty()) body.append(" (").append(in_comment(finding.advice)).append(")");
          body.append("\n");
        }
        said = true;
        body.append(mend.sql).append(";\n");
      }
    }
  if (body.empty()) return;
  out.append("\n-- ").append(phase.title).append("\n");
  out.append(phase.together ? "begin;\n" + body + "commit;\n" : body);
}

void write_rest(std::string& out, const AdoptLook& look) {
  std::string body;
  for (const AdoptFinding& finding : look.findings) {
    if (!finding.mends.empty()) continue;
    body.append("--   ").append(in_comment(finding.about + ": " + finding.problem));
    if (!finding.advice.empty()) body.append("\n--     → ").append(in_comment(finding.advice));
    body.append("\n");
  }
  if (!body.empty()) out.append("\n-- Left to a person, since no SQL alone mends it:\n").append(body);
}

}  // namespace

std::string text_array(const std::vector<std::string>& texts) {
  std::string out = "{";
  for (const std::string& text : texts) {
    out.append(out.size() == 1 ? "\"" : ",\"");
    for (const char c : text) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.push_back('"');
  }
  return out + "}";
}

bool AdoptLook::keeps_apart() const noexcept {
  return std::none_of(findings.begin(), findings.end(),
                      [](const AdoptFinding& finding) { return finding.breaks; });
}

Result<AdoptLook> look_at_schema(pg::Blocking& database, const AdoptedSchema& schema) {
  BULKHEAD_CHECK(database.execute("begin isolation level repeatable read read only"));
  auto seen = look(database, schema);
  BULKHEAD_CHECK(database.execute("rollback"));
  return seen;
}

std::string mending_sql(const AdoptLook& look, const AdoptedSchema& schema) {
  std::string out =
      "-- Makes schema " + in_comment(schema.name) + " fit to be served by Bulkhead, by its column " +
      in_comment(schema.tenant_column) +
      ". Written by `bulkhead adopt`, which never runs it.\n"
      "-- Read it, then: psql -v ON_ERROR_STOP=1 -f FILE, as a superuser or as who owns tables and database. "
      "What is\n"
      "-- done stays done if it stops: look again, and it is written for what is left. For everybody who "
      "does not come\n"
      "-- through Bulkhead, the policies below change nothing; keys and revoked rights are "
      "everybody's.\n\nset client_min_messages = warning;\n\n";
  out += sql_file("15_adopt_prelude");
  for (const Phase& phase : phases) write_phase(out, look, phase);
  write_rest(out, look);
  return out;
}

}  // namespace bulkhead::migrate
