#include "journal/webhook.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/fetch.hpp"

namespace bulkhead::journal {
namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t secret_least = 24, secret_most = 64, secret_made = 32;

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

Result<std::string> secret_bytes(std::string_view secret) {
  if (secret.starts_with(prefix)) {
    const auto bytes = from_base64(secret.substr(prefix.size()));
    if (bytes && bytes->size() >= secret_least && bytes->size() <= secret_most) return *bytes;
  }
  return Error(Errc::usage, "a webhook's secret is whsec_ and 24 to 64 bytes in base64")
      .hint("leave it out, and one is made");
}

bool leads_to_this_machine(const std::string& url) {
  FetchRequest request(url);
  request.allow_http = true;
  // Without TLS nothing else is allowed.
  return url.starts_with("http:") && check_url(request).has_value();
}

Attempt judged(const FetchResponse& response) {
  Attempt out;
  out.status = response.status;
  if (response.status >= 200 && response.status < 300) {
    out.outcome = Attempt::Outcome::delivered;
    return out;
  }
  out.error = fmt::format("the receiver answered {}", response.status);
  if (response.status == 410) out.outcome = Attempt::Outcome::gone;
  if (const auto value = response.header("retry-after"))
    out.retry_after = retry_after(*value, std::chrono::system_clock::now());
  return out;
}

Attempt failed(const Error& error) {
  Attempt out;
  out.error = std::string(error.message());
  return out;
}

}  // namespace

std::string make_webhook_secret() {
  std::array<unsigned char, secret_made> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("OpenSSL has no entropy");
  return std::string(prefix) + base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Result<void> check_webhook_secret(std::string_view secret) {
  BULKHEAD_TRY(const std::string bytes, secret_bytes(secret));
  return {};
}

Result<std::string> webhook_signature(std::string_view secret, std::string_view id, std::int64_t timestamp,
                                      std::string_view body) {
  BULKHEAD_TRY(const std::string key, secret_bytes(secret));
  const std::string text = fmt::format("{}.{}.{}", id, timestamp, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size) == nullptr)
    return Error(Errc::environment, "OpenSSL cannot make HMAC-SHA256");
  return "v1," + base64({reinterpret_cast<const char*>(mac.data()), size});
}

Result<void> check_webhook_url(const std::string& url) {
  if (leads_to_this_machine(url)) return {};
  FetchRequest request(url);
  request.public_only = true;
  return check_url(request);
}

Attempt WebhookSink::send(const Endpoint& endpoint, const OutboxEvent& event, const std::atomic<bool>& stop) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const auto signature = webhook_signature(endpoint.secret, event.id, now.count(), event.body);
  if (signature.has_error()) return failed(signature.error());
  FetchRequest request(endpoint.url);
  request.allow_http = settings_.loopback && leads_to_this_machine(endpoint.url);
  request.public_only = !request.allow_http;
  request.deadline = settings_.timeout;
  request.headers = {{"Content-Type", "application/cloudevents+json"},
                     {"webhook-id", event.id},
                     {"webhook-timestamp", std::to_string(now.count())},
                     {"webhook-signature", *signature}};
  request.body = event.body;
  const auto response = fetch_blocking(request, &stop);
  return response.has_error() ? failed(response.error()) : judged(*response);
}

std::optional<std::chrono::seconds> retry_after(std::string_view value,
                                                std::chrono::system_clock::time_point now) {
  std::int64_t seconds = 0;
  const auto read = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (read.ec == std::errc() && read.ptr == value.data() + value.size())
    return std::chrono::seconds(std::max<std::int64_t>(seconds, 0));
  std::tm parts{};
  const std::string text(value);
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const auto until = std::chrono::system_clock::from_time_t(timegm(&parts));
  return std::max(std::chrono::ceil<std::chrono::seconds>(until - now), std::chrono::seconds(0));
}

}  // namespace bulkhead::journal
