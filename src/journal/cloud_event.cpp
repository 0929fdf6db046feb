#include "journal/cloud_event.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "base/json.hpp"

namespace bulkhead::journal {
namespace {

// Of pg_type.dat.
namespace oid {
constexpr std::uint32_t boolean = 16, int8 = 20, int2 = 21, int4 = 23, json = 114, float4 = 700, float8 = 701,
                        timestamp = 1114, timestamptz = 1184, numeric = 1700, jsonb = 3802;
}  // namespace oid

struct ArrayType {
  std::uint32_t array, element;
};
constexpr std::array<ArrayType, 14> array_types{{{1000, oid::boolean},
                                                 {1005, oid::int2},
                                                 {1007, oid::int4},
                                                 {1016, oid::int8},
                                                 {1021, oid::float4},
                                                 {1022, oid::float8},
                                                 {1231, oid::numeric},
                                                 {1115, oid::timestamp},
                                                 {1185, oid::timestamptz},
                                                 {199, oid::json},
                                                 {3807, oid::jsonb},
                                                 {1009, 25},
                                                 {1015, 25},
                                                 {2951, 2950}}};

/// JSON has no word for infinity and for what is no number.
bool is_plain_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
}

/// `2026-11-22 10:00:00+00` as RFC 3339 has it; anything else (BC, infinity) as it is.
std::string json_time(std::string_view text, bool zoned) {
  std::string out(text);
  if (out.size() < 19 || out[10] != ' ' || out.ends_with("BC")) return out;
  out[10] = 'T';
  if (zoned && out.ends_with("+00")) out += ":00";
  return out;
}

/// An array's text: `{1,NULL,"a b"}`, `{{1,2},{3,4}}`. `at` stands on a brace and is left behind its counterpart.
void append_array(std::string& out, std::uint32_t element, std::string_view text, std::size_t& at) {
  out += '[';
  bool first = true;
  for (++at; at < text.size() && text[at] != '}';) {
    if (text[at] == ',') {
      ++at;
      continue;
    }
    if (!first) out += ',';
    first = false;
    if (text[at] == '{') {
      append_array(out, element, text, at);
      continue;
    }
    const bool quoted = text[at] == '"';
    std::string value;
    for (at += quoted ? 1 : 0; at < text.size(); ++at) {
      if (quoted ? text[at] == '"' : (text[at] == ',' || text[at] == '}')) break;
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      value += text[at];
    }
    if (quoted) ++at;
    if (!quoted && value == "NULL")
      out += "null";
    else
      append_json_value(out, element, value);
  }
  ++at;
  out += ']';
}

std::string stream_text(const Uuid& stream) {
  std::string out = stream.text();
  std::erase(out, '-');
  return out;
}

std::string id_of(const Uuid& stream, pg::Lsn commit, std::string_view rest) {
  return fmt::format("{}-{:016x}-{}", stream_text(stream), commit, rest);
}

std::string time_text(std::chrono::sys_time<std::chrono::microseconds> at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

const EventTableConfig* declared(const EventSettings& settings, const Relation& relation) {
  // Bulkhead's own tables are nobody's business.
  if (relation.schema == "bulkhead") return nullptr;
  const auto found =
      std::find_if(settings.tables.begin(), settings.tables.end(),
                   [&](const EventTableConfig& table) { return table.table == relation.name; });
  return found == settings.tables.end() ? nullptr : &*found;
}

/// The members that every event has, up to and with `"data":`'s place.
CloudEvent head(const EventSettings& settings, std::string id, const TenantId& tenant, std::string type,
                std::string at, std::string_view subject) {
  CloudEvent out;
  out.id = std::move(id);
  out.tenant = tenant;
  out.type = std::move(type);
  out.at = std::move(at);
  const auto add = [&out](std::string_view name, std::string_view value) {
    append_json_string(out.body, name);
    out.body += ':';
    append_json_string(out.body, value);
    out.body += ',';
  };
  out.body = "{";
  add("specversion", "1.0");
  add("id", out.id);
  add("source", settings.source);
  add("type", out.type);
  if (!subject.empty()) add("subject", subject);
  add("time", out.at);
  add("tenantid", tenant.text());
  add("datacontenttype", "application/json");
  return out;
}

/// Values of the key without the tenant, which every key begins with.
std::string subject_of(const Relation& relation, const Tuple& row) {
  std::string out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (!relation.columns[i].key || relation.columns[i].name == "tenant_id") continue;
    if (!out.empty()) out += ',';
    out += row[i].text;
  }
  return out;
}

/// The row without its tenant; of an old key (`only_key`) its columns alone. Columns that were not sent are named.
void append_row(std::string& out, const Relation& relation, const Tuple& row, bool only_key,
                std::string& unchanged) {
  out += '{';
  bool first = true;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Relation::Column& column = relation.columns[i];
    if (column.name == "tenant_id" || (only_key && !column.key)) continue;
    if (row[i].kind == Value::Kind::unchanged) {
      if (!unchanged.empty()) unchanged += ',';
      unchanged += column.name;
      continue;
    }
    if (!first) out += ',';
    first = false;
    append_json_string(out, column.name);
    out += ':';
    if (row[i].kind == Value::Kind::null)
      out += "null";
    else
      append_json_value(out, column.type_oid, row[i].text);
  }
  out += '}';
}

std::string_view verb(ChangeKind kind) {
  if (kind == ChangeKind::insert) return "created";
  return kind == ChangeKind::update ? "updated" : "deleted";
}

bool wanted(const EventTableConfig& table, ChangeKind kind) {
  if (kind == ChangeKind::insert) return table.insert;
  return kind == ChangeKind::update ? table.update : table.remove;
}

}  // namespace

EventSettings event_settings(const AppConfig& config) {
  EventSettings out;
  out.app = config.name;
  out.source = config.event_source.empty() ? "urn:bulkhead:" + config.name : config.event_source;
  out.tables = config.event_tables;
  return out;
}

std::optional<CloudEvent> change_event(const EventSettings& settings, const Uuid& stream,
                                       const Begin& transaction, const Change& change) {
  const Relation& relation = *change.relation;
  const EventTableConfig* table = declared(settings, relation);
  if (table == nullptr || !wanted(*table, change.kind)) return std::nullopt;
  const bool removed = change.kind == ChangeKind::remove;
  const Tuple& row = removed ? change.old : change.row;
  CloudEvent out =
      head(settings, id_of(stream, transaction.commit, std::to_string(change.ordinal)), change.tenant,
           fmt::format("{}.{}.{}", settings.app, relation.name, verb(change.kind)), time_text(transaction.at),
           subject_of(relation, row));
  std::string unchanged;
  out.body += "\"data\":";
  append_row(out.body, relation, row, removed, unchanged);
  if (!unchanged.empty()) {
    out.body += ",\"unchanged\":";
    append_json_string(out.body, unchanged);
  }
  const std::string before = subject_of(relation, change.old);
  if (!removed && !before.empty() && before != subject_of(relation, row)) {
    out.body += ",\"formersubject\":";
    append_json_string(out.body, before);
  }
  return out;
}

std::optional<CloudEvent> truncate_event(const EventSettings& settings, const Uuid& stream,
                                         const Begin& transaction, const Relation& relation,
                                         const TenantId& tenant) {
  const EventTableConfig* table = declared(settings, relation);
  if (table == nullptr || !table->remove) return std::nullopt;
  CloudEvent out = head(
      settings, id_of(stream, transaction.commit, fmt::format("t{}-{}", relation.oid, tenant.text())), tenant,
      fmt::format("{}.{}.truncated", settings.app, relation.name), time_text(transaction.at), "");
  out.body += "\"data\":{}";
  return out;
}

CloudEvent lost_event(const EventSettings& settings, const Uuid& stream, const TenantId& tenant,
                      std::chrono::system_clock::time_point now) {
  CloudEvent out =
      head(settings, id_of(stream, 0, "lost-" + tenant.text()), tenant, settings.app + ".journal.lost",
           time_text(std::chrono::floor<std::chrono::microseconds>(now)), "");
  out.body += "\"data\":{}";
  return out;
}

void append_json_value(std::string& out, std::uint32_t type_oid, std::string_view text) {
  switch (type_oid) {
    case oid::boolean:
      out += text == "t" ? "true" : "false";
      return;
    case oid::int2:
    case oid::int4:
    case oid::int8:
    case oid::float4:
    case oid::float8:
    case oid::numeric:
      if (!is_plain_number(text)) break;
      out += text;
      return;
    case oid::json:
    case oid::jsonb:
      // Line breaks are blanks in JSON, never in its strings: an event is one line.
      std::transform(text.begin(), text.end(), std::back_inserter(out),
                     [](char c) { return c == '\n' || c == '\r' ? ' ' : c; });
      return;
    case oid::timestamp:
    case oid::timestamptz:
      append_json_string(out, json_time(text, type_oid == oid::timestamptz));
      return;
    default:
      break;
  }
  const auto* const array =
      std::find_if(array_types.begin(), array_types.end(),
                   [type_oid](const ArrayType& type) { return type.array == type_oid; });
  // Bounds that do not begin at 1 stand before the braces.
  std::size_t at = text.find('{');
  if (array != array_types.end() && at != std::string_view::npos)
    append_array(out, array->element, text, at);
  else
    append_json_string(out, text);
}

}  // namespace bulkhead::journal
