#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <bulkhead/result.hpp>

#include "journal/event_sink.hpp"

namespace bulkhead::journal {

// Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

/// A new secret: `whsec_` and 32 random bytes in base64.
[[nodiscard]] std::string make_webhook_secret();
/// Errors: `usage` for anything but `whsec_` and 24 to 64 bytes in base64. Never quotes it.
[[nodiscard]] Result<void> check_webhook_secret(std::string_view secret);

/// The value of `webhook-signature`: `v1,` and HMAC-SHA256 of "id.timestamp.body" in base64. Error: as above.
[[nodiscard]] Result<std::string> webhook_signature(std::string_view secret, std::string_view id,
                                                    std::int64_t timestamp, std::string_view body);

struct WebhookSettings {
  std::chrono::seconds timeout{15};
  /// `http:` URLs of this machine are asked, for development and tests. All others are asked over TLS, at addresses of the public
  /// Internet alone (base/public_address.hpp): customers make them up.
  bool loopback = false;
};

/// Whether webhooks are ever sent there. Error: `usage`.
[[nodiscard]] Result<void> check_webhook_url(const std::string& url);

/// Sends events by POST. Thread-safe.
class WebhookSink : public EventSink {
 public:
  explicit WebhookSink(WebhookSettings settings) : settings_(settings) {}
  [[nodiscard]] Attempt send(const Endpoint& endpoint, const OutboxEvent& event,
                             const std::atomic<bool>& stop) override;

 private:
  WebhookSettings settings_;
};

/// What `Retry-After` says: seconds, or a date (RFC 9110 section 10.2.3). nullopt: nothing that can be read. Never negative.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(std::string_view value,
                                                              std::chrono::system_clock::time_point now);

}  // namespace bulkhead::journal
