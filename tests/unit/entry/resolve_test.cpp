#include "entry/resolve.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/problem.hpp"
#include "catalog/members.hpp"

namespace bulkhead::entry {
namespace {

using Kind = HostTenant::Kind;
constexpr std::string_view id_text = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";

const std::vector<std::string>& bases() {
  static const std::vector<std::string> list{"localhost", "example.com", "api.example.com"};
  return list;
}

struct HostCase {
  std::string host;
  Kind kind;
  std::string name;
};

TEST(TenantOfHost, Table) {
  const std::vector<HostCase> cases{
      {"acme.localhost", Kind::named, "acme"},
      {"acme.localhost:8080", Kind::named, "acme"},
      {"acme.localhost.", Kind::named, "acme"},
      {"acme.localhost.:80", Kind::named, "acme"},
      {"ACME.LocalHost", Kind::named, "acme"},
      {"acme.example.com", Kind::named, "acme"},
      {"acme.api.example.com", Kind::named, "acme"},
      {std::string(id_text) + ".localhost", Kind::named, std::string(id_text)},
      {"0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B.localhost", Kind::named, std::string(id_text)},
      {"localhost", Kind::none, ""},
      {"localhost:8080", Kind::none, ""},
      {"api.example.com", Kind::none, ""},
      {"", Kind::none, ""},
      {".", Kind::none, ""},
      {"127.0.0.1:8080", Kind::none, ""},
      {"[::1]:8080", Kind::none, ""},
      {"[acme.localhost]", Kind::none, ""},
      {"acme", Kind::none, ""},
      {"acme.localhost.evil.org", Kind::foreign, "acme.localhost.evil.org"},
      {"Shop.Example.ORG.:8443", Kind::foreign, "shop.example.org"},
      {"xn--mnchen-3ya.de", Kind::foreign, "xn--mnchen-3ya.de"},
      {"notexample.com", Kind::foreign, "notexample.com"},
      {"shop_1.example.org", Kind::none, ""},
      {"shop.example.123", Kind::none, ""},
      {"acmelocalhost", Kind::none, ""},
      {"acme.localhost:80x", Kind::none, ""},
      {"acme.localhost:80:90", Kind::none, ""},
      {"a.acme.localhost", Kind::unknown, ""},
      {"acme..localhost", Kind::unknown, ""},
      {"acme.localhost..", Kind::none, ""},
      {"-acme.localhost", Kind::unknown, ""},
      {"ac--me.localhost", Kind::unknown, ""},
      {"acme%2e.localhost", Kind::unknown, ""},
      {"www.localhost", Kind::unknown, ""},
      {".localhost", Kind::none, ""},
  };
  for (const HostCase& one : cases) {
    HostTenant found = tenant_of_host(one.host, bases());
    EXPECT_EQ(found.kind, one.kind) << one.host;
    EXPECT_EQ(found.name, one.name) << one.host;
  }
}

RC_GTEST_PROP(TenantOfHost, NamesOnlyWhatIsATenantsName, (const std::string& text)) {
  for (const std::string& host : {text, text + ".localhost", text + ".localhost:1"}) {
    HostTenant found = tenant_of_host(host, bases());
    if (found.kind == Kind::named)
      RC_ASSERT(tenant_name(found.name) == found.name);
    else if (found.kind == Kind::foreign)
      RC_ASSERT(catalog::valid_host(found.name));
    else
      RC_ASSERT(found.name.empty());
  }
}

TEST(TenantName, IsASlugOrAnId) {
  EXPECT_EQ(tenant_name("acme"), "acme");
  EXPECT_EQ(tenant_name("0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B"), id_text);
  for (std::string_view bad :
       {"", "a", "Acme", "ac me", "acme/", "../x", "%61cme", "acme,globex", "{0190a1b2}", "acme\n"})
    EXPECT_FALSE(tenant_name(bad)) << bad;
  EXPECT_FALSE(tenant_name(std::string_view("acme\0", 5)));
}

Request request_with(std::span<const HeaderView> headers) {
  Request request;
  request.headers = headers;
  return request;
}

Result<std::string_view> token_of(std::initializer_list<HeaderView> headers) {
  std::vector<HeaderView> list(headers);
  return bearer_token(request_with(list));
}

TEST(BearerToken, IsTakenFromOneAuthorizationHeader) {
  EXPECT_EQ(token_of({{"authorization", "Bearer a.b-c_d.e"}}).value(), "a.b-c_d.e");
  EXPECT_EQ(token_of({{"Authorization", "bEARER   abc="}}).value(), "abc=");
  EXPECT_EQ(token_of({}).error().code(), Errc::token_missing);
  EXPECT_EQ(token_of({{"Authorization", ""}}).error().code(), Errc::token_missing);
  EXPECT_EQ(token_of({{"Authorization", "Bearer"}}).error().code(), Errc::token_missing);
  EXPECT_EQ(token_of({{"Authorization", "Basic YTpi"}}).error().code(), Errc::token_missing);
  EXPECT_EQ(token_of({{"Authorization", "Bearer a b"}}).error().code(), Errc::token_malformed);
  EXPECT_EQ(token_of({{"Authorization", "Bearer a\xc3\xa9"}}).error().code(), Errc::token_malformed);
  EXPECT_EQ(token_of({{"Authorization", "Bearer a"}, {"authorization", "Bearer a"}}).error().code(),
            Errc::malformed_request);
}

TEST(BearerToken, ErrorsDoNotEchoIt) {
  auto refused = token_of({{"Authorization", "Bearer s3cret token"}});
  EXPECT_EQ(refused.error().message().find("s3cret"), std::string_view::npos);
  EXPECT_EQ(refused.error().internal().find("s3cret"), std::string_view::npos);
}

TEST(OnlyTenant, IsTakenAndSeveralAreListed) {
  const catalog::OwnTenant acme{std::string(id_text), "acme", "Acme \"&\" Co"},
      globex{"x", "globex", "Globex"};
  EXPECT_EQ(only_tenant({}).error().code(), Errc::tenant_not_found);
  EXPECT_EQ(only_tenant({acme}).value(), id_text);
  const auto several = only_tenant({acme, globex});
  EXPECT_EQ(several.error().code(), Errc::tenant_ambiguous);
  const Response response = problem_response(several.error());
  EXPECT_EQ(response.status, 300u);
  EXPECT_NE(response.body.find("\"tenants\":[{\"id\":\"" + std::string(id_text) +
                               "\",\"slug\":\"acme\",\"name\":\"Acme \\\"&\\\" Co\"},{\"id\":\"x\""),
            std::string::npos)
      << response.body;
}

/// The names that the header adds; an error as its code's name.
std::vector<std::string> header_of(std::initializer_list<HeaderView> headers) {
  std::vector<HeaderView> list(headers);
  Named named;
  auto added = tenants_of_header(request_with(list), named);
  if (added.has_error()) return {std::string(error_info(added.error().code()).name)};
  return {named.names().begin(), named.names().end()};
}

TEST(TenantsOfHeader, EachIsASourceOfItsOwn) {
  using Names = std::vector<std::string>;
  const std::string id = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
  const Names conflict{std::string(error_info(Errc::tenant_conflict).name)};
  const Names malformed{std::string(error_info(Errc::tenant_malformed).name)};
  EXPECT_EQ(header_of({}), Names());
  EXPECT_EQ(header_of({{"x-tenant-id", "acme"}}), Names{"acme"});
  EXPECT_EQ(header_of({{"x-tenant-id", "acme"}, {"X-Tenant-Id", "acme"}}), Names{"acme"});
  EXPECT_EQ(header_of({{"x-tenant-id", "acme"}, {"X-Tenant-Id", id}}), (Names{"acme", id}))
      << "whether they are one tenant is seen when they were looked up";
  EXPECT_EQ(header_of({{"x-tenant-id", "acme"}, {"x-tenant-id", "globex"}, {"x-tenant-id", "initech"}}),
            conflict);
  EXPECT_EQ(header_of({{"x-tenant-id", "acme, globex"}}), malformed);
  EXPECT_EQ(header_of({{"x-tenant-id", ""}}), malformed);
  EXPECT_EQ(header_of({{"x-forwarded-host", "acme.localhost"}}), Names());
}

TEST(PathTenant, IsTakenOffThePath) {
  struct Case {
    std::string_view path, rest;
    std::optional<std::string_view> tenant;
  };
  const std::vector<Case> cases{{"/tenants/acme/rest/v1/album", "/rest/v1/album", "acme"},
                                {"/tenants/acme", "/", "acme"},
                                {"/tenants/acme/", "/", "acme"},
                                {"/tenants/%61cme/x", "/x", "%61cme"},
                                {"/tenants//x", "/x", ""},
                                {"/tenants/", "/", ""},
                                {"/tenants", "/tenants", std::nullopt},
                                {"/Tenants/acme/x", "/Tenants/acme/x", std::nullopt},
                                {"//tenants/acme/x", "//tenants/acme/x", std::nullopt},
                                {"/tenants/acme/tenants/globex/x", "/tenants/globex/x", "acme"}};
  for (const Case& one : cases) {
    std::string_view path = one.path;
    EXPECT_EQ(tenant_of_path(path), one.tenant) << one.path;
    EXPECT_EQ(path, one.rest) << one.path;
  }
}

TEST(Named, KeepsEachNameOnce) {
  Named named;
  for (const char* name : {"acme", "acme", "globex", "acme"}) named.add(name);
  ASSERT_EQ(named.names().size(), 2U);
  EXPECT_EQ(named.names()[0], "acme");
  EXPECT_EQ(named.names()[1], "globex");
  EXPECT_EQ(named.count(), 2U);
  named.add_unknown();
  EXPECT_EQ(named.count(), 3U) << "what no tenant can be called is a name, too";
}

catalog::TenantRef tenant(catalog::TenantStatus status = catalog::TenantStatus::active) {
  catalog::TenantRecord record;
  record.status = status;
  record.suspended_reason = status == catalog::TenantStatus::suspended ? "unpaid" : "";
  return std::make_shared<const catalog::TenantRecord>(std::move(record));
}

Found found(std::size_t names, catalog::TenantRef ref, std::optional<Role> role) {
  Found made;
  made.names = names;
  made.agree = ref != nullptr;
  made.tenant = std::move(ref);
  if (role) {
    made.membership.emplace();
    made.membership->role = *role;
  }
  return made;
}

void expect_same(const Result<void>& a, const Result<void>& b) {
  ASSERT_TRUE(a.has_error());
  ASSERT_TRUE(b.has_error());
  EXPECT_EQ(a.error().code(), b.error().code());
  EXPECT_EQ(a.error().message(), b.error().message());
  EXPECT_EQ(a.error().hint(), b.error().hint());
  EXPECT_EQ(a.error().details(), b.error().details());
}

TEST(Judge, AnUnknownTenantLooksLikeAForeignOne) {
  for (std::size_t names : {1U, 2U, 3U}) {
    auto unknown = judge(found(names, nullptr, std::nullopt), Role::viewer);
    for (auto status :
         {catalog::TenantStatus::active, catalog::TenantStatus::suspended, catalog::TenantStatus::deleting})
      expect_same(judge(found(names, tenant(status), std::nullopt), Role::viewer), unknown);
    EXPECT_EQ(unknown.error().code(), names == 1 ? Errc::tenant_not_found : Errc::tenant_conflict);
  }
  expect_same(judge(found(0, nullptr, std::nullopt), Role::viewer),
              judge(found(1, nullptr, std::nullopt), Role::viewer));
}

TEST(Judge, RolesAreOrdered) {
  for (Role has : {Role::viewer, Role::member, Role::admin, Role::owner})
    for (Role needs : {Role::viewer, Role::member, Role::admin, Role::owner}) {
      auto verdict = judge(found(1, tenant(), has), needs);
      EXPECT_EQ(verdict.has_value(), has >= needs);
      if (verdict.has_error()) EXPECT_EQ(verdict.error().code(), Errc::permission_denied);
    }
}

TEST(Judge, AMemberIsToldOfASuspensionAndNotOfADeletion) {
  auto suspended = judge(found(1, tenant(catalog::TenantStatus::suspended), Role::owner), Role::viewer);
  ASSERT_TRUE(suspended.has_error());
  EXPECT_EQ(suspended.error().code(), Errc::tenant_suspended);
  EXPECT_EQ(suspended.error().details(), "unpaid");
  auto deleting = judge(found(1, tenant(catalog::TenantStatus::deleting), Role::owner), Role::viewer);
  ASSERT_TRUE(deleting.has_error());
  EXPECT_EQ(deleting.error().code(), Errc::tenant_not_found);
}

TEST(Judge, SlugAndIdOfOneTenantAgree) {
  EXPECT_TRUE(judge(found(2, tenant(), Role::viewer), Role::viewer).has_value());
}

}  // namespace
}  // namespace bulkhead::entry
