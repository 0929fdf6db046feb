#include "api/rest/functions.hpp"

#include <gtest/gtest.h>

namespace bulkhead::api {
namespace {

using sql::Column;
using sql::Function;

Column parameter(std::string name, std::string type, bool has_default = false) {
  Column made;
  made.name = std::move(name);
  made.type = made.sql_type = std::move(type);
  made.has_default = has_default;
  return made;
}

Function function(std::string name, std::vector<Column> parameters) {
  Function made;
  made.signature = name + "(";
  for (const Column& taken : parameters) made.signature += taken.type + ",";
  made.signature += ")";
  made.name = std::move(name);
  made.parameters = std::move(parameters);
  return made;
}

const sql::Relations& relations() {
  static const sql::Relations made(
      {}, {},
      {function("add", {parameter("a", "integer"), parameter("b", "integer")}), function("none", {}),
       function("greet", {parameter("name", "text"), parameter("greeting", "text", true)}),
       function("pick", {parameter("kind", "integer")}), function("pick", {parameter("kind", "text")}),
       function("pick", {parameter("other", "text")}), function("whole", {parameter("", "json")}),
       function("whole", {parameter("a", "integer")}), function("loud", {parameter("", "text")})});
  return made;
}

Given named(std::vector<std::string> names, bool post = true, BodyType body = BodyType::json) {
  return Given{std::move(names), post, body};
}

TEST(ChooseFunction, AllThatIsGivenIsTakenAndAllThatIsNeededIsGiven) {
  EXPECT_EQ(choose_function(relations(), "add", named({"a", "b"}))->function->name, "add");
  EXPECT_TRUE(choose_function(relations(), "greet", named({"name"})));
  EXPECT_TRUE(choose_function(relations(), "greet", named({"greeting", "name"})));
  EXPECT_TRUE(choose_function(relations(), "none", named({})));
  for (const std::vector<std::string>& names :
       std::vector<std::vector<std::string>>{{"a"}, {"a", "b", "c"}, {}}) {
    auto refused = choose_function(relations(), "add", named(names));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().sqlstate(), "PGRST202");
  }
  EXPECT_TRUE(choose_function(relations(), "greet", named({"greeting"})).has_error());
  EXPECT_TRUE(choose_function(relations(), "none", named({}, true, BodyType::text)).has_error());
}

TEST(ChooseFunction, TheBodyAsAWholeIsForWhoTakesNoNames) {
  EXPECT_TRUE(choose_function(relations(), "whole", named({"x"}))->whole);
  EXPECT_FALSE(choose_function(relations(), "whole", named({"a"}))->whole);
  EXPECT_TRUE(choose_function(relations(), "loud", named({}, true, BodyType::text))->whole);
  EXPECT_TRUE(choose_function(relations(), "loud", named({})).has_error());
  EXPECT_TRUE(choose_function(relations(), "whole", named({"x"}, false)).has_error()) << "a GET has no body";
}

TEST(ChooseFunction, SeveralThatFitAreNamed) {
  auto several = choose_function(relations(), "pick", named({"kind"}));
  ASSERT_TRUE(several.has_error());
  EXPECT_EQ(several.error().sqlstate(), "PGRST203");
  EXPECT_EQ(several.error().message(),
            "Could not choose the best candidate function between: public.pick(kind => integer), "
            "public.pick(kind => text)");
  EXPECT_TRUE(choose_function(relations(), "pick", named({"other"})));
}

TEST(ChooseFunction, WhatWasPerhapsMeantIsSaid) {
  auto unknown = choose_function(relations(), "gret", named({"name"}));
  EXPECT_EQ(unknown.error().message(), "Could not find the function public.gret(name) in the schema cache");
  EXPECT_EQ(unknown.error().details(),
            "Searched for the function public.gret with parameter name or with a single unnamed json/jsonb "
            "parameter, but no matches were found in the schema cache.");
  EXPECT_EQ(unknown.error().hint(), "Perhaps you meant to call the function public.greet");
  EXPECT_EQ(choose_function(relations(), "greet", named({"nam"}, false)).error().hint(),
            "Perhaps you meant to call the function public.greet(greeting, name)");
  EXPECT_EQ(choose_function(relations(), "qqqqqq", named({}, false)).error().hint(), "");
}

}  // namespace
}  // namespace bulkhead::api
