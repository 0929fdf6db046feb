#include "api/rest/preferences.hpp"

#include <gtest/gtest.h>

#include "api/rest/media.hpp"
#include "api/rest/rest_api.hpp"

namespace bulkhead::api {
namespace {

using Return = Preferences::Return;

Request request_with(const std::vector<HeaderView>& headers, Method method = Method::get) {
  Request request;
  request.method = method;
  request.headers = headers;
  return request;
}

Result<Preferences> preferred(std::string_view value) {
  const std::vector<HeaderView> headers{{"Prefer", value}};
  return read_preferences(request_with(headers));
}

TEST(Preferences, AreReadFromOneHeaderOrSeveral) {
  const std::vector<HeaderView> headers{{"Prefer", "return=representation, count=planned"},
                                        {"prefer", "missing=default"}};
  Request request;
  request.headers = headers;
  Preferences found = read_preferences(request).value();
  EXPECT_EQ(found.representation, Preferences::Return::representation);
  EXPECT_TRUE(found.count && found.missing_default);
  EXPECT_EQ(preferences_applied(found, Applies::insert),
            "missing=default, return=representation, count=exact");
  EXPECT_EQ(preferences_applied(found, Applies::read), "count=exact");
}

TEST(Preferences, TheFirstOfTwoCounts) {
  const std::vector<HeaderView> headers{{"Prefer", "return=minimal, missing=null"},
                                        {"Prefer", "return=representation, missing=default"}};
  const Preferences found = read_preferences(request_with(headers)).value();
  EXPECT_EQ(found.representation, Return::minimal);
  EXPECT_FALSE(found.missing_default);
}

TEST(Preferences, AnUpsertIsSeenAndIsAnInsertsAlone) {
  using Resolution = Preferences::Resolution;
  const Preferences merge = preferred("return=minimal, resolution=merge-duplicates, missing=default").value();
  EXPECT_EQ(merge.resolution, Resolution::merge);
  EXPECT_EQ(preferences_applied(merge, Applies::insert),
            "resolution=merge-duplicates, missing=default, return=minimal");
  EXPECT_EQ(preferences_applied(merge, Applies::put), "return=minimal");
  const Preferences ignore = preferred("resolution=ignore-duplicates, resolution=merge-duplicates").value();
  EXPECT_EQ(ignore.resolution, Resolution::ignore);
  EXPECT_EQ(preferences_applied(ignore, Applies::insert), "resolution=ignore-duplicates");
}

TEST(Preferences, ATransactionIsTheClientsToChooseWhereItIsSaidSo) {
  using Transaction = Preferences::Transaction;
  const std::vector<HeaderView> headers{{"Prefer", "tx=rollback, handling=strict, timezone=Asia/Tokyo"}};
  EXPECT_FALSE(read_preferences(request_with(headers)))
      << "who asks for a rollback must not be told that it worked";
  const Preferences chosen = read_preferences(request_with(headers), true).value();
  EXPECT_EQ(chosen.transaction, Transaction::rollback);
  EXPECT_EQ(preferences_applied(chosen, Applies::call), "tx=rollback, handling=strict, timezone=Asia/Tokyo");
  EXPECT_EQ(preferred("tx=commit")->transaction, Transaction::unset);
}

TEST(Preferences, WhatIsNotKnownIsRefusedWhenTheClientIsStrict) {
  EXPECT_TRUE(preferred("foo=bar, return=minimal"));
  EXPECT_TRUE(preferred("handling=lenient, foo=bar"));
  for (std::string_view value :
       {"handling=strict, foo=bar, tx=rollback", "foo=bar,tx=rollback,handling=strict"}) {
    auto refused = preferred(value);
    ASSERT_FALSE(refused) << value;
    const Response response = error_response(refused.error());
    EXPECT_EQ(response.status, 400u);
    EXPECT_EQ(response.body,
              R"({"code":"PGRST122","message":"Invalid preferences given with handling=strict",)"
              R"("details":"Invalid preferences: foo=bar, tx=rollback","hint":null})");
  }
  EXPECT_FALSE(preferred("handling=strict, max-affected=many"));
  EXPECT_TRUE(
      preferred("handling=strict, return=minimal, count=planned, missing=null, tx=commit, max-affected=3"));
}

TEST(Preferences, MaxAffectedCountsWhenTheClientIsStrict) {
  const Preferences strict = preferred("handling=strict, max-affected=3, max-affected=5").value();
  EXPECT_EQ(most_affected(strict), 3u);
  EXPECT_EQ(preferences_applied(strict, Applies::update), "handling=strict, max-affected=3");
  EXPECT_EQ(preferences_applied(strict, Applies::insert), "handling=strict");
  EXPECT_EQ(most_affected(preferred("max-affected=3").value()), std::nullopt);
}

TEST(Preferences, AcceptSaysHowRowsAreWritten) {
  struct Case {
    std::string_view accept, type;
  };
  for (const Case& c :
       {Case{"*/*", "application/json; charset=utf-8"},
        Case{"application/json;nulls=stripped", "application/json; charset=utf-8"},
        Case{"application/vnd.pgrst.array+json", "application/json; charset=utf-8"},
        Case{"application/vnd.pgrst.array+json;nulls=stripped",
             "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"},
        Case{"text/html, Application/vnd.pgrst.object+json; nulls=stripped",
             "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"},
        Case{"text/csv; version=1", "text/csv; charset=utf-8"},
        Case{"text/unknown, text/csv, */*", "text/csv; charset=utf-8"},
        Case{"text/csv;q=0.5, application/json", "application/json; charset=utf-8"},
        Case{"application/vnd.pgrst.object", "application/vnd.pgrst.object+json; charset=utf-8"}}) {
    const std::vector<HeaderView> headers{{"Accept", c.accept}};
    auto media = read_accept(request_with(headers));
    ASSERT_TRUE(media) << c.accept;
    EXPECT_EQ(content_type(*media), c.type) << c.accept;
  }
}

TEST(Preferences, AFunctionsOwnMediaTypeIsChosenBeforeJson) {
  struct Case {
    std::string_view accept, own;
    bool as_it_is;
  };
  for (const Case& c :
       {Case{"*/*", "image/png", true}, Case{"image/*", "image/png", true},
        Case{"IMAGE/PNG", "image/png", true}, Case{"text/html, */*;q=0.1", "image/png", true},
        Case{"application/json", "image/png", false}, Case{"application/*", "image/png", false},
        Case{"image/png;q=0.1, application/json", "image/png", false}, Case{"a/b", "*/*", true},
        Case{"application/json", "*/*", true}, Case{"*/*", "", false}}) {
    const std::vector<HeaderView> headers{{"Accept", c.accept}};
    const auto media = read_accept(request_with(headers), c.own);
    ASSERT_TRUE(media) << c.accept;
    EXPECT_EQ(media->own, c.as_it_is) << c.accept << " of " << c.own;
  }
  const std::vector<HeaderView> other{{"Accept", "image/gif"}};
  EXPECT_TRUE(read_accept(request_with(other), "image/png").has_error());
  EXPECT_EQ(own_content_type("image/png"), "image/png");
  EXPECT_EQ(own_content_type("text/plain"), "text/plain; charset=utf-8");
  EXPECT_EQ(own_content_type("*/*"), "application/octet-stream");
}

TEST(Preferences, TheOneSchemaMayBeNamed) {
  const std::vector<HeaderView> ours{{"Accept-Profile", "public"}, {"Content-Profile", "public"}},
      read{{"Accept-Profile", "other"}}, write{{"Content-Profile", "other"}};
  for (Method method : {Method::get, Method::head, Method::post, Method::patch, Method::del}) {
    const bool reads = method == Method::get || method == Method::head;
    EXPECT_TRUE(check_profile(request_with(ours, method)));
    EXPECT_EQ(check_profile(request_with(read, method)).has_error(), reads);
    EXPECT_EQ(check_profile(request_with(write, method)).has_error(), !reads);
  }
  const Response response = error_response(check_profile(request_with(read)).error());
  EXPECT_EQ(response.status, 406u);
  EXPECT_EQ(response.body, R"({"code":"PGRST106","message":"Invalid schema: other","details":null,)"
                           R"("hint":"Only the following schemas are exposed: public"})");
}

using Bound = std::optional<std::uint64_t>;

TEST(Preferences, ARangeHeaderMeetsLimitAndOffset) {
  struct Case {
    std::string_view range;
    Bound limit, offset, then_limit, then_offset;
  };
  for (const Case& c :
       {Case{"0-1", {}, {}, 2, 0}, Case{"5-", {}, {}, {}, 5}, Case{"0-5", 2, {}, 2, 0},
        Case{"0-1", 3, 1, 1, 1}, Case{"2-9", 5, {}, 3, 2}, Case{"0-1", 0, {}, 0, {}},
        Case{"bytes=0-9", 3, 4, 3, 4}, Case{"-5", {}, {}, {}, {}}, Case{"1-x", {}, {}, {}, {}},
        Case{"0-9223372036854775807", 9223372036854775807U, 9223372036854775807U, 1, 9223372036854775807U}}) {
    const std::vector<HeaderView> headers{{"Range", c.range}, {"Range-Unit", "items"}};
    statement::Select select;
    select.limit = c.limit;
    select.offset = c.offset;
    EXPECT_TRUE(apply_range(request_with(headers), select)) << c.range;
    EXPECT_EQ(select.limit, c.then_limit) << c.range;
    EXPECT_EQ(select.offset, c.then_offset) << c.range;
    statement::Select untouched;
    EXPECT_TRUE(apply_range(request_with(headers, Method::head), untouched));
    EXPECT_FALSE(untouched.limit || untouched.offset) << "of GET alone, RFC 9110 section 14.2";
  }
  for (std::string_view range : {"3-1", "5-9"}) {
    const std::vector<HeaderView> headers{{"Range", range}};
    statement::Select select;
    select.limit = 2;
    auto refused = apply_range(request_with(headers), select);
    ASSERT_FALSE(refused) << range;
    EXPECT_EQ(error_response(refused.error()).status, 416u);
  }
}

}  // namespace
}  // namespace bulkhead::api
