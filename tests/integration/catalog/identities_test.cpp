// Several identities of one user, and the switch from one provider to another.
#include "catalog/identities.hpp"

#include <gtest/gtest.h>

#include "catalog/store.hpp"
#include "support/postgres.hpp"

namespace bulkhead::test {
namespace {

using namespace catalog;

constexpr const char* former = "https://former.example.com/";
constexpr const char* fresh = "https://fresh.example.com/";

class IdentitiesTest : public ::testing::Test {
 protected:
  IdentitiesTest()
      : database_(Postgres::shared().make_database()),
        admin_(database_.connect_admin()),
        acme_(must(create_tenant(admin_, "acme", "Acme"))) {}

  UserId member(const std::string& subject, const std::string& issuer = former) {
    return must(ensure_membership(admin_, acme_.id, issuer, subject, subject, Role::member));
  }
  UserId user_of(const std::string& issuer, const std::string& subject) {
    return must(find_identity(admin_, issuer, subject)).user;
  }
  Result<MappingReport> map(const std::string& text, bool dry_run = false) {
    bool given = false;
    return link_mapping(
        admin_, former, fresh,
        [&](std::string& piece) -> Result<bool> {
          if (given) return false;
          given = true;
          piece = text;
          return true;
        },
        dry_run);
  }
  std::string identities() {
    std::string out;
    for (const auto& known : must(list_identities(admin_, {})))
      out += (known.issuer == former ? "former " : "fresh ") + known.subject + ";";
    return out;
  }

  Database database_;
  pg::Blocking admin_;
  TenantRecord acme_;
};

TEST_F(IdentitiesTest, ASecondIdentityIsTheSameUser) {
  const UserId ann = member("ann"), bob = member("bob");
  must(link_identity(admin_, ann, fresh, "f|ann"));
  must(link_identity(admin_, ann, fresh, "f|ann"));
  EXPECT_EQ(user_of(fresh, "f|ann"), ann);
  EXPECT_EQ(link_identity(admin_, bob, fresh, "f|ann").error().code(), Errc::already_exists);
  EXPECT_EQ(user_of(fresh, "f|ann"), ann);
  EXPECT_EQ(link_identity(admin_, UserId(Uuid::random()), fresh, "f|x").error().code(), Errc::not_found);
  for (const std::string& subject : {std::string(), std::string(256, 'x'), std::string("\xff")})
    EXPECT_EQ(link_identity(admin_, ann, fresh, subject).error().code(), Errc::usage) << subject;
}

TEST_F(IdentitiesTest, TheLastIdentityStays) {
  const UserId ann = member("ann");
  EXPECT_EQ(unlink_identity(admin_, former, "ann").error().code(), Errc::conflict);
  must(link_identity(admin_, ann, fresh, "ann"));
  must(unlink_identity(admin_, former, "ann"));
  EXPECT_EQ(identities(), "fresh ann;");
  EXPECT_EQ(unlink_identity(admin_, former, "ann").error().code(), Errc::not_found);
}

TEST_F(IdentitiesTest, AMappingLinksWhomItKnowsAndSaysWhomNot) {
  const UserId ann = member("ann"), bob = member("bob");
  static_cast<void>(member("f|taken", fresh));
  const std::string text = "ann,f|ann\nbob,\"f|b,ob\"\nnobody,f|nobody\nbob,f|taken\n";
  const MappingReport dry = must(map(text, true));
  EXPECT_EQ(dry.linked, 2u);
  EXPECT_EQ(identities(), "former ann;former bob;fresh f|taken;") << "a dry run changes nothing";
  const MappingReport report = must(map(text));
  EXPECT_EQ(report.lines, 4u);
  EXPECT_EQ(report.linked, 2u);
  EXPECT_EQ(report.unknown_subjects, std::vector<std::string>{"nobody"});
  EXPECT_EQ(report.taken_subjects, std::vector<std::string>{"f|taken"});
  EXPECT_EQ(user_of(fresh, "f|ann"), ann);
  EXPECT_EQ(user_of(fresh, "f|b,ob"), bob);
  const MappingReport again = must(map(text));
  EXPECT_EQ(again.linked, 0u);
  EXPECT_EQ(again.already, 2u);
}

TEST_F(IdentitiesTest, AMappingThatIsNoneLinksNothing) {
  static_cast<void>(member("ann"));
  static_cast<void>(member("bob"));
  for (const char* text : {"ann\n", "ann,f|ann,more\n", "ann,\n", "\"ann,f|ann\n", "ann,f|x\nbob,f|x\n"}) {
    const auto refused = map(text);
    ASSERT_TRUE(refused.has_error()) << text;
    EXPECT_EQ(refused.error().code(), Errc::import_failed) << text;
    EXPECT_EQ(identities(), "former ann;former bob;") << text;
  }
  EXPECT_EQ(link_mapping(
                admin_, former, former, [](std::string&) -> Result<bool> { return false; }, false)
                .error()
                .code(),
            Errc::usage);
}

TEST_F(IdentitiesTest, AnIssuerIsRetiredForWhoeverHasAnother) {
  const UserId ann = member("ann");
  static_cast<void>(member("bob"));
  must(link_identity(admin_, ann, fresh, "f|ann"));
  EXPECT_EQ(must(retire_issuer(admin_, former, false, true)).retired, 1u);
  EXPECT_EQ(must(list_identities(admin_, {})).size(), 3u) << "a dry run changes nothing";
  const RetireReport report = must(retire_issuer(admin_, former, false, false));
  EXPECT_EQ(report.retired, 1u);
  EXPECT_EQ(report.kept_subjects, std::vector<std::string>{"bob"});
  EXPECT_EQ(identities(), "former bob;fresh f|ann;");
  auto roles =
      must(admin_.query("select role from catalog.membership where user_id = $1::uuid", {ann.text()}));
  EXPECT_EQ(roles.text(0, 0), "member") << "the membership stays with the user";
  EXPECT_EQ(must(retire_issuer(admin_, former, true, false)).retired, 1u);
  EXPECT_EQ(identities(), "fresh f|ann;");
}

}  // namespace
}  // namespace bulkhead::test
