#include "data/signer.hpp"

#include <gtest/gtest.h>

#include "support/permitted.hpp"

namespace bulkhead::data {
namespace {

using std::chrono::seconds;
using Clock = std::chrono::system_clock;

Tenant tenant_of(std::string_view id) {
  auto record = std::make_shared<catalog::TenantRecord>();
  record->id = TenantId(*Uuid::parse(id));
  return test::tenant_of(std::move(record));
}

BindingKey key_of(std::int32_t id, char byte) {
  BindingKey key;
  key.id = id;
  key.secret = std::string(32, byte);
  return key;
}

const Clock::time_point now{seconds(1'700'000'000)};

TEST(Signer, SignsTenantRoleExpiryAndKey) {
  Signer signer(Binding::signed_context, key_of(7, 'k'));
  Tenant tenant = tenant_of("0191e0a0-0000-7000-8000-000000000001");
  std::string context(signer.context(tenant, Role::member, role_in_database(Role::member), now));
  // The mac is that of `openssl dgst -sha256 -hmac kkkk…` over what stands before it.
  EXPECT_EQ(context.substr(0, context.rfind('|')),
            "0191e0a0-0000-7000-8000-000000000001|app_member|1700000120|7");
  EXPECT_EQ(context.size() - context.rfind('|') - 1, 64u);
  EXPECT_NE(signer.context(tenant, Role::admin, role_in_database(Role::admin), now), context);
}

TEST(Signer, SignsOnceAMinuteAndAgainWhenTheClockOrTheKeyChanges) {
  Signer signer(Binding::signed_context, key_of(7, 'k'));
  Tenant tenant = tenant_of("0191e0a0-0000-7000-8000-000000000001");
  std::string first(signer.context(tenant, Role::member, role_in_database(Role::member), now));
  EXPECT_EQ(signer.context(tenant, Role::member, role_in_database(Role::member), now + seconds(59)), first);
  std::string later(signer.context(tenant, Role::member, role_in_database(Role::member), now + seconds(60)));
  EXPECT_NE(later, first);
  EXPECT_NE(signer.context(tenant, Role::member, role_in_database(Role::member), now - seconds(3600)), later)
      << "the clock was set back";
  signer.rotate(key_of(8, 'n'));
  std::string rotated(signer.context(tenant, Role::member, role_in_database(Role::member), now));
  EXPECT_NE(rotated.find("|8|"), std::string::npos);
}

TEST(Signer, PlainIsTheBareId) {
  Signer signer(Binding::plain, {});
  EXPECT_EQ(signer.context(tenant_of("0191e0a0-0000-7000-8000-000000000001"), Role::owner,
                           role_in_database(Role::owner), now),
            "0191e0a0-0000-7000-8000-000000000001");
}

}  // namespace
}  // namespace bulkhead::data
