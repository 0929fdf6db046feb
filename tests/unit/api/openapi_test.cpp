#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

#include "api/openapi/document.hpp"
#include "api/openapi/handlers.hpp"
#include "api/openapi/names.hpp"
#include "api/openapi/schema.hpp"
#include "unit/sql/sample.hpp"

namespace bulkhead::api::openapi {
namespace {

using boost::json::object;
using boost::json::value;
using sql::Column;
using sql::Relation;
using sql::Right;
using sql::Rights;

std::uint32_t bit(Right right, Role role) {
  return 1U << (static_cast<unsigned>(right) * 4 + static_cast<unsigned>(role));
}

Column typed(std::string name, std::uint32_t oid, std::string type) {
  Column column = sql::test::column(std::move(name), std::move(type));
  column.type_oid = oid;
  return column;
}

sql::Relations none() {
  return sql::Relations({}, {});
}

std::string schema_text(const Column& column, bool nullable = false) {
  static const sql::Relations enums({}, {}, {}, false, sql::tenant_column, {{90'000, {"calm", "wild"}}});
  return boost::json::serialize(schema_of(column, nullable, enums));
}

value document_of(const sql::Relations& relations, Role role, std::vector<const Route*> routes = {}) {
  Subject subject;
  subject.relations = &relations;
  subject.version = 7;
  subject.role = role;
  subject.routes = std::move(routes);
  subject.title = "shop";
  return boost::json::parse(render(subject).text(""));
}

/// Albums and artists; viewers read them, members write albums alone, and of those not the number; `secret` is the owners'.
struct Sample {
  std::vector<Relation> tables;
  std::vector<sql::ForeignKey> keys;

  Sample() {
    Column id = typed("id", 23, "integer"), title = typed("title", 1043, "character varying(40)");
    id.nullable = title.nullable = false;
    id.has_default = true;
    title.comment = "As printed";
    Column words = typed("words", 25, "text");
    words.generated = true;
    std::uint32_t reads = 0;
    for (const Role role : {Role::viewer, Role::member, Role::admin, Role::owner})
      reads |= bit(Right::select, role);
    Relation album = sql::test::table("album", {id, title, typed("artist_id", 23, "integer"), words}, {"id"});
    album.rights = Rights(reads | bit(Right::insert, Role::member) | bit(Right::update, Role::member));
    album.comment = "What is sold\nOne row for each.";
    Relation artist = sql::test::table("artist", {id, typed("select", 25, "text")}, {"id"});
    artist.rights = Rights(reads);
    artist.columns[1].rights = Rights(bit(Right::update, Role::member));
    Relation secret = sql::test::table("secret", {id, typed("album_id", 23, "integer")}, {"id"});
    secret.rights = Rights(bit(Right::select, Role::owner));
    Relation shared = sql::test::table("Größe x", {id}, {"id"}, false);
    shared.rights = Rights::all();
    tables = {album, artist, secret, shared};
    keys = {sql::test::link("album_artist", "album", "artist_id", "artist"),
            sql::test::link("secret_album", "secret", "album_id", "album"),
            sql::test::link("album_secret", "album", "id", "secret")};
  }

  [[nodiscard]] value document(Role role) const { return document_of(sql::Relations(tables, keys), role); }
};

const object& at(const value& document, std::initializer_list<std::string_view> path) {
  const value* found = &document;
  for (const std::string_view name : path) found = &found->as_object().at(name);
  return found->as_object();
}

TEST(OpenApiNames, AreApartAndFitForComponents) {
  EXPECT_EQ(component_name("album"), "album");
  EXPECT_EQ(component_name("a.b"), "a-2Eb");
  EXPECT_EQ(component_name("a-b"), "a-2Db");
  EXPECT_EQ(component_name("ß"), "-C3-9F");
  EXPECT_EQ(path_segment("Odd name/ß"), "Odd%20name%2F%C3%9F");
  EXPECT_EQ(filter_parameter("with space"), "with space");
  EXPECT_EQ(filter_parameter("with.dot"), R"("with.dot")");
  EXPECT_EQ(filter_parameter("a\"b"), R"("a\"b")");
  EXPECT_EQ(path_segment("{x}"), "%7Bx%7D");
}

TEST(OpenApiSchema, OfTypes) {
  EXPECT_EQ(schema_text(typed("a", 23, "integer")), R"({"type":"integer","format":"int32"})");
  EXPECT_EQ(schema_text(typed("a", 20, "bigint"), true), R"({"type":["integer","null"],"format":"int64"})");
  EXPECT_EQ(schema_text(typed("a", 1043, "character varying(40)")), R"({"type":"string","maxLength":40})");
  EXPECT_EQ(schema_text(typed("a", 1700, "numeric(10,2)")), R"({"type":"number"})");
  EXPECT_EQ(schema_text(typed("a", 1184, "timestamp with time zone")),
            R"({"type":"string","format":"date-time"})");
  EXPECT_EQ(schema_text(typed("a", 1114, "timestamp without time zone")),
            R"({"type":"string","format":"timestamp without time zone"})");
  EXPECT_EQ(schema_text(typed("a", 3802, "jsonb"), true), "{}");
  EXPECT_EQ(schema_text(typed("a", 1007, "integer[]"), true),
            R"({"type":["array","null"],"items":{"type":["integer","null"],"format":"int32"}})");
  EXPECT_EQ(schema_text(typed("a", 90'000, "mood"), true),
            R"({"type":["string","null"],"enum":["calm","wild",null]})");
  Column shown = typed("a", 23, "color");
  shown.as_json = "color_json";
  EXPECT_EQ(schema_text(shown), "{}") << "the app says in SQL what it looks like";
}

TEST(OpenApiDocument, ARoleSeesWhatItMayDo) {
  const Sample sample;
  const value viewer = sample.document(Role::viewer), member = sample.document(Role::member),
              owner = sample.document(Role::owner);
  EXPECT_EQ(at(viewer, {"paths", "/rest/v1/album"}).size(), 1u);
  EXPECT_TRUE(at(viewer, {"paths", "/rest/v1/album"}).contains("get"));
  const object& album = at(member, {"paths", "/rest/v1/album"});
  for (const char* verb : {"get", "post", "put", "patch"}) EXPECT_TRUE(album.contains(verb)) << verb;
  EXPECT_FALSE(album.contains("delete"));
  EXPECT_FALSE(at(viewer, {"paths"}).contains("/rest/v1/secret"));
  EXPECT_TRUE(at(owner, {"paths"}).contains("/rest/v1/secret"));
  EXPECT_EQ(boost::json::serialize(viewer).find("secret"), std::string::npos) << "nor does a key name it";
  EXPECT_NE(boost::json::serialize(owner).find("secret"), std::string::npos);
}

TEST(OpenApiDocument, SharedTablesAndViewsAreRead) {
  const value document = Sample().document(Role::owner);
  const object& shared = at(document, {"paths", "/rest/v1/Gr%C3%B6%C3%9Fe%20x"});
  EXPECT_EQ(shared.size(), 1u);
  EXPECT_TRUE(shared.contains("get"));
}

TEST(OpenApiDocument, RowsAndWhatIsWritten) {
  const value document = Sample().document(Role::member);
  const object& row = at(document, {"components", "schemas", "album"});
  EXPECT_EQ(boost::json::serialize(row.at("required")), R"(["id","title","artist_id","words"])");
  EXPECT_EQ(boost::json::serialize(row.at("properties").at("id").at("description")),
            R"("Note:\nThis is a Primary Key.<pk/>")");
  EXPECT_EQ(row.at("properties").at("artist_id").at("description").as_string(),
            "Note:\nThis is a Foreign Key to `artist.id`.<fk table='artist' column='id'/>");
  EXPECT_EQ(row.at("properties").at("title").at("description").as_string(), "As printed");
  EXPECT_TRUE(row.at("properties").at("words").at("readOnly").as_bool());
  const object& insert = at(document, {"components", "schemas", "album.insert"});
  EXPECT_EQ(boost::json::serialize(insert),
            R"({"allOf":[{"$ref":"#/components/schemas/album.update"}],"required":["title"]})")
      << "the key has a default";
  EXPECT_FALSE(at(document, {"components", "schemas", "album.update", "properties"}).contains("words"));
  const object& get = at(document, {"paths", "/rest/v1/album", "get"});
  EXPECT_EQ(get.at("operationId").as_string(), "list_album");
  EXPECT_EQ(get.at("summary").as_string(), "What is sold");
  EXPECT_EQ(get.at("description").as_string(), "One row for each.");
}

TEST(OpenApiDocument, AColumnMayHaveRightsOfItsOwn) {
  const value document = Sample().document(Role::member);
  EXPECT_TRUE(at(document, {"paths", "/rest/v1/artist"}).contains("patch"));
  EXPECT_FALSE(at(document, {"paths", "/rest/v1/artist"}).contains("post"));
  EXPECT_EQ(at(document, {"components", "schemas", "artist.update", "properties"}).size(), 1u);
  EXPECT_FALSE(at(document, {"components", "parameters"}).contains("rowFilter.artist.select"))
      << "what `select` says is not a column's filter";
}

sql::Function function(std::string name, std::vector<Column> parameters) {
  sql::Function made;
  made.name = made.row.name = std::move(name);
  made.signature = made.name + "()";
  made.parameters = std::move(parameters);
  made.returns = sql::Function::Returns::value;
  made.row.columns.push_back(typed(made.name, 23, "integer"));
  return made;
}

TEST(OpenApiDocument, FunctionsThatTheRoleMayExecute) {
  sql::Function writes = function("add_one", {typed("a", 23, "integer")}), reads = function("total", {}),
                owners = function("sweep", {});
  reads.is_volatile = false;
  owners.rights = Rights(bit(Right::execute, Role::owner));
  const sql::Relations relations({}, {}, {writes, reads, owners});
  const value document = document_of(relations, Role::admin);
  EXPECT_EQ(at(document, {"paths", "/rest/v1/rpc/add_one"}).size(), 1u) << "what writes is not got";
  EXPECT_EQ(at(document, {"paths", "/rest/v1/rpc/total"}).size(), 2u);
  EXPECT_FALSE(at(document, {"paths"}).contains("/rest/v1/rpc/sweep"));
  const object& body = at(document, {"paths", "/rest/v1/rpc/add_one", "post", "requestBody", "content",
                                     "application/json", "schema"});
  EXPECT_EQ(boost::json::serialize(body.at("required")), R"(["a"])");
}

TEST(OpenApiDocument, TheTenantIsNoArgument) {
  Column tenant = typed("tenant_id", 2950, "uuid");
  sql::Function needs = function("needs", {tenant});
  tenant.has_default = true;
  const sql::Relations relations({}, {}, {needs, function("may", {tenant, typed("a", 23, "integer")})});
  const value document = document_of(relations, Role::owner);
  EXPECT_FALSE(at(document, {"paths"}).contains("/rest/v1/rpc/needs"));
  EXPECT_TRUE(at(document, {"paths"}).contains("/rest/v1/rpc/may"));
  EXPECT_EQ(boost::json::serialize(document).find("tenant_id"), std::string::npos);
}

TEST(OpenApiDocument, Handlers) {
  Route route;
  route.path = "/v1/invoices/{invoice_id}";
  route.access = require("invoice:read");
  route.limits.body_bytes = 10;
  route.about.summary = "One invoice";
  route.about.query = R"({"lines": {"type": "boolean"}})";
  Route other = route;
  other.path = "/v1/invoices-invoice_id";
  other.access = Role::admin;
  const value document = document_of(none(), Role::owner, {&route, &other});
  const object& get = at(document, {"paths", "/v1/invoices/{invoice_id}", "get"});
  EXPECT_EQ(get.at("summary").as_string(), "One invoice");
  EXPECT_EQ(get.at("x-permission").as_string(), "invoice:read");
  EXPECT_EQ(get.at("x-body-limit-bytes").to_number<int>(), 10);
  EXPECT_EQ(get.at("parameters").as_array().size(), 2u);
  EXPECT_EQ(get.at("parameters").at(0).at("in").as_string(), "path");
  EXPECT_NE(get.at("operationId"),
            at(document, {"paths", "/v1/invoices-invoice_id", "get"}).at("operationId"));
}

TEST(OpenApiDocument, DescriptionsThatCannotStandThere) {
  const auto code_of = [](RouteDescription about) {
    Route route;
    route.path = "/v1/x";
    route.about = std::move(about);
    const auto checked = check_description(route);
    return checked.has_value() ? std::string() : std::string(checked.error().message());
  };
  EXPECT_EQ(code_of({.request = R"({"type": "object"})"}), "");
  EXPECT_NE(code_of({.request = "{"}).find("is no JSON"), std::string::npos);
  EXPECT_NE(code_of({.response = "[]"}).find("is no object"), std::string::npos);
  EXPECT_NE(code_of({.response = R"({"$ref": "#/x"})"}).find("refers to another"), std::string::npos);
  EXPECT_NE(code_of({.query = R"({"a": 1})"}).find("no schema"), std::string::npos);
  EXPECT_NE(code_of({.status = 404}).find("no success"), std::string::npos);
}

TEST(OpenApiDocument, TooManyColumnsAreNotParameters) {
  std::vector<Relation> tables;
  for (int i = 0; i < 2001; ++i) {
    std::vector<Column> columns;
    for (int c = 0; c < 10; ++c) columns.push_back(typed("c" + std::to_string(c), 23, "integer"));
    tables.push_back(sql::test::table("t" + std::to_string(i), std::move(columns), {"c0"}));
  }
  const value document = document_of(sql::Relations(std::move(tables), {}), Role::owner);
  EXPECT_FALSE(at(document, {"components", "parameters"}).contains("rowFilter.t1.c1"));
  EXPECT_TRUE(at(document, {"paths"}).contains("/rest/v1/t2000"));
}

TEST(OpenApiDocument, StandsAtItsAddress) {
  const sql::Relations relations = none();
  Subject subject;
  subject.relations = &relations;
  const Document document = render(subject);
  const value root = boost::json::parse(document.text("")),
              below = boost::json::parse(document.text("/tenants/acme"));
  EXPECT_EQ(root.at("servers").at(0).at("url").as_string(), "/");
  EXPECT_EQ(below.at("servers").at(0).at("url").as_string(), "/tenants/acme");
  EXPECT_EQ(document.etag, render(subject).etag);
}

}  // namespace
}  // namespace bulkhead::api::openapi
