#include "identity/secret.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "identity/base64url.hpp"

namespace bulkhead::identity {
namespace {

constexpr std::string_view in_environment = "env:", in_file = "file:";
/// Nobody's secret is longer; a path that leads to something else entirely should not be read to its end.
constexpr std::size_t file_bytes_most = 64 * 1024;

Result<std::string> of_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0')
    return Error(Errc::config_invalid, "the secret: the environment has no variable " + name)
        .hint("set it where the server is started, or name another: secret = \"env:NAME\"");
  return std::string(value);
}

Result<std::string> of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(file_bytes_most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty())
    return Error(Errc::config_invalid, "the secret: the file " + path + " cannot be read, or is empty");
  if (text.size() > file_bytes_most)
    return Error(Errc::config_invalid, "the secret: the file " + path + " is longer than 64 KiB");
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

/// Either alphabet, padded or not.
std::optional<std::string> from_base64(std::string text) {
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return decode_base64url(text);
}

}  // namespace

Result<std::string> read_secret(const std::string& reference) {
  if (reference.starts_with(in_environment)) return of_environment(reference.substr(in_environment.size()));
  if (reference.starts_with(in_file)) return of_file(reference.substr(in_file.size()));
  return Error(Errc::config_invalid, "the secret: this is not a reference to one")
      .hint("a secret does not stand in a file of settings: write \"env:NAME\" or \"file:/path\"");
}

Result<KeySet> secret_keys(const IssuerSettings& settings) {
  BULKHEAD_TRY(std::string secret, read_secret(settings.secret));
  if (settings.secret_base64) {
    std::optional<std::string> bytes = from_base64(std::move(secret));
    if (!bytes) return Error(Errc::config_invalid, "the secret is not base64");
    secret = std::move(*bytes);
  }
  return secret_key(secret);
}

}  // namespace bulkhead::identity
