#include "journal/cloud_event.hpp"

#include <gtest/gtest.h>

#include "bulkhead/json.hpp"

namespace bulkhead::journal {
namespace {

constexpr std::uint32_t uuid_oid = 2950, bigint = 20, text_oid = 25, numeric = 1700, jsonb = 3802, json = 114,
                        boolean = 16, timestamptz = 1184, text_array = 1009, int_array = 1007;
const TenantId acme(*Uuid::parse("6b5e2f5e-0000-4000-8000-000000000001"));
const Uuid stream = *Uuid::parse("01234567-89ab-cdef-0123-456789abcdef");

RelationRef ticket() {
  auto out = std::make_shared<Relation>();
  out->oid = 7;
  out->schema = "app";
  out->name = "ticket";
  out->columns = {{"tenant_id", uuid_oid, true},
                  {"id", bigint, true},
                  {"title", text_oid, false},
                  {"body", text_oid, false}};
  return out;
}

Value value(std::string_view text) {
  return {Value::Kind::text, text};
}
const Value unchanged{Value::Kind::unchanged, {}}, null{};

EventSettings settings() {
  AppConfig config;
  config.name = "helpdesk";
  config.event_tables = {
      {"ticket", true, true, true}, {"note", true, false, false}, {"counter", true, true, true}};
  return event_settings(config);
}

Begin begin() {
  Begin out;
  out.commit = 0x16b374d848;
  out.at = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + std::chrono::hours(10) +
           std::chrono::microseconds(1500);
  return out;
}

Change change(ChangeKind kind, Tuple old, Tuple row) {
  Change out;
  out.kind = kind;
  out.tenant = acme;
  out.relation = ticket();
  out.ordinal = 3;
  out.old = std::move(old);
  out.row = std::move(row);
  return out;
}

boost::json::object parsed(const CloudEvent& event) {
  return parse_json(event.body + "}").value().as_object();
}

TEST(CloudEvent, SaysWhatHasChanged) {
  const auto event = change_event(
      settings(), stream, begin(),
      change(ChangeKind::insert, {}, {value(acme.text()), value("41"), value("Say \"hi\""), null}));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->id, "0123456789abcdef0123456789abcdef-00000016b374d848-3");
  EXPECT_EQ(event->type, "helpdesk.ticket.created");
  const auto body = parsed(*event);
  EXPECT_EQ(body.at("specversion"), "1.0");
  EXPECT_EQ(body.at("id").as_string(), event->id.c_str());
  EXPECT_EQ(body.at("source"), "urn:bulkhead:helpdesk");
  EXPECT_EQ(body.at("subject"), "41");
  EXPECT_EQ(body.at("time"), "2026-11-22T10:00:00.001500Z");
  EXPECT_EQ(body.at("tenantid").as_string(), acme.text().c_str());
  EXPECT_EQ(body.at("data"), (boost::json::object{{"id", 41}, {"title", "Say \"hi\""}, {"body", nullptr}}));
  EXPECT_FALSE(body.contains("unchanged"));
}

TEST(CloudEvent, NamesTheColumnsThatItLeavesOut) {
  const auto event =
      change_event(settings(), stream, begin(),
                   change(ChangeKind::update, {}, {value(acme.text()), value("41"), value("x"), unchanged}));
  const auto body = parsed(*event);
  EXPECT_EQ(body.at("type"), "helpdesk.ticket.updated");
  EXPECT_EQ(body.at("data"), (boost::json::object{{"id", 41}, {"title", "x"}}));
  EXPECT_EQ(body.at("unchanged"), "body");
}

TEST(CloudEvent, OfADeletedRowTellsItsKey) {
  const auto event =
      change_event(settings(), stream, begin(),
                   change(ChangeKind::remove, {value(acme.text()), value("41"), null, null}, {}));
  const auto body = parsed(*event);
  EXPECT_EQ(body.at("type"), "helpdesk.ticket.deleted");
  EXPECT_EQ(body.at("subject"), "41");
  EXPECT_EQ(body.at("data"), (boost::json::object{{"id", 41}}));
}

TEST(CloudEvent, OfAChangedKeyTellsTheFormerOne) {
  const auto event = change_event(settings(), stream, begin(),
                                  change(ChangeKind::update, {value(acme.text()), value("41"), null, null},
                                         {value(acme.text()), value("42"), value("x"), value("y")}));
  const auto body = parsed(*event);
  EXPECT_EQ(body.at("subject"), "42");
  EXPECT_EQ(body.at("formersubject"), "41");
}

TEST(CloudEvent, IsMadeOfWhatTheAppDeclaresAlone) {
  auto relation = std::make_shared<Relation>(*ticket());
  relation->name = "note";
  auto update = change(ChangeKind::update, {}, {value(acme.text()), value("1"), null, null});
  update.relation = relation;
  EXPECT_FALSE(change_event(settings(), stream, begin(), update));
  update.kind = ChangeKind::insert;
  EXPECT_TRUE(change_event(settings(), stream, begin(), update));
  relation = std::make_shared<Relation>(*ticket());
  relation->name = "secret";
  update.relation = relation;
  EXPECT_FALSE(change_event(settings(), stream, begin(), update));
  // A table of Bulkhead's own is none of the app's, whatever its name.
  relation = std::make_shared<Relation>(*ticket());
  relation->name = "counter";
  relation->schema = "bulkhead";
  update.relation = relation;
  EXPECT_FALSE(change_event(settings(), stream, begin(), update));
}

TEST(CloudEvent, OfATruncateAndOfALoss) {
  const auto truncated = truncate_event(settings(), stream, begin(), *ticket(), acme);
  ASSERT_TRUE(truncated.has_value());
  EXPECT_EQ(parsed(*truncated).at("type"), "helpdesk.ticket.truncated");
  const auto lost = lost_event(settings(), stream, acme, std::chrono::system_clock::now());
  EXPECT_EQ(parsed(lost).at("type"), "helpdesk.journal.lost");
  EXPECT_NE(truncated->id, lost.id);
}

TEST(JsonValue, IsWhatTheDataApiWouldAnswer) {
  const auto of = [](std::uint32_t type, std::string_view text) {
    std::string out;
    append_json_value(out, type, text);
    return out;
  };
  EXPECT_EQ(of(bigint, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(of(numeric, "0.10"), "0.10");
  EXPECT_EQ(of(numeric, "NaN"), "\"NaN\"");
  EXPECT_EQ(of(701, "-Infinity"), "\"-Infinity\"");
  EXPECT_EQ(of(701, "1e+20"), "1e+20");
  EXPECT_EQ(of(boolean, "t"), "true");
  EXPECT_EQ(of(jsonb, R"({"a": [1]})"), R"({"a": [1]})");
  EXPECT_EQ(of(json, "{\"a\":\n1}"), "{\"a\": 1}");
  EXPECT_EQ(of(timestamptz, "2026-11-22 10:00:00.5+00"), "\"2026-11-22T10:00:00.5+00:00\"");
  EXPECT_EQ(of(timestamptz, "infinity"), "\"infinity\"");
  EXPECT_EQ(of(1114, "2026-11-22 10:00:00"), "\"2026-11-22T10:00:00\"");
  EXPECT_EQ(of(text_oid, "line\nbreak"), "\"line\\nbreak\"");
  EXPECT_EQ(of(int_array, "{1,NULL,-3}"), "[1,null,-3]");
  EXPECT_EQ(of(int_array, "{{1,2},{3,4}}"), "[[1,2],[3,4]]");
  EXPECT_EQ(of(int_array, "[2:3]={1,2}"), "[1,2]");
  EXPECT_EQ(of(int_array, "{}"), "[]");
  EXPECT_EQ(of(text_array, R"({a,"b \"c\"","NULL",NULL,""})"), R"(["a","b \"c\"","NULL",null,""])");
  // Text that is no array ends all the same.
  EXPECT_EQ(of(int_array, "{1,2"), "[1,2]");
  EXPECT_EQ(of(text_array, "{\"a"), "[\"a\"]");
}

}  // namespace
}  // namespace bulkhead::journal
