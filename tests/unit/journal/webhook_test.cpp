#include "journal/webhook.hpp"

#include <gtest/gtest.h>

#include "journal/delivery.hpp"

namespace bulkhead::journal {
namespace {

using namespace std::chrono_literals;

TEST(Webhook, SignsAsTheStandardsExampleDoes) {
  // The example of the specification's reference libraries.
  const auto signature =
      webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                        R"({"test": 2432232314})");
  ASSERT_TRUE(signature.has_value());
  EXPECT_EQ(*signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Webhook, MakesSecretsThatItTakes) {
  const std::string secret = make_webhook_secret();
  EXPECT_TRUE(check_webhook_secret(secret).has_value()) << secret;
  EXPECT_NE(secret, make_webhook_secret());
}

TEST(Webhook, RefusesWhatIsNoSecretAndDoesNotQuoteIt) {
  for (const char* bad : {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!!!!",
                          "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"}) {
    const auto refused = check_webhook_secret(bad);
    ASSERT_TRUE(refused.has_error()) << bad;
    EXPECT_EQ(refused.error().code(), Errc::usage);
    if (*bad != '\0') EXPECT_EQ(refused.error().message().find("MfKQ"), std::string_view::npos);
  }
}

TEST(Webhook, GoesToHttpsAndToThisMachineAlone) {
  EXPECT_TRUE(check_webhook_url("https://hooks.example/in?a=b").has_value());
  EXPECT_TRUE(check_webhook_url("http://localhost:9000/in").has_value());
  EXPECT_TRUE(check_webhook_url("http://127.0.0.1:9000/in").has_value());
  for (const char* bad : {"http://hooks.example/in", "ftp://hooks.example", "https://u:p@hooks.example/",
                          "hooks.example", "", "file:///etc/passwd", "http://10.0.0.1/"})
    EXPECT_TRUE(check_webhook_url(bad).has_error()) << bad;
}

TEST(Webhook, ReadsRetryAfter) {
  const auto now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 22) + 10h;
  EXPECT_EQ(retry_after("120", now), 120s);
  EXPECT_EQ(retry_after("Sun, 22 Nov 2026 10:01:00 GMT", now), 60s);
  EXPECT_EQ(retry_after("Sun, 22 Nov 2026 09:01:00 GMT", now), 0s);
  EXPECT_EQ(retry_after("-5", now), 0s);
  EXPECT_EQ(retry_after("soon", now), std::nullopt);
  EXPECT_EQ(retry_after("", now), std::nullopt);
  EXPECT_EQ(retry_after("12x", now), std::nullopt);
}

TEST(Delivery, PausesDoubleUpToABound) {
  DeliverySettings settings;
  EXPECT_EQ(pause_after(settings, 1, 0), 5s);
  EXPECT_EQ(pause_after(settings, 2, 0), 10s);
  EXPECT_EQ(pause_after(settings, 5, 0), 80s);
  EXPECT_EQ(pause_after(settings, 1000, 0), 6h);
  EXPECT_EQ(pause_after(settings, 1, 1), 6s);
  EXPECT_EQ(pause_after(settings, 1, -1), 4s);
  EXPECT_EQ(pause_after(settings, 0, 0), 5s);
}

}  // namespace
}  // namespace bulkhead::journal
