#include "base/slug.hpp"

#include <algorithm>
#include <array>

namespace bulkhead {
namespace {

/// Names that a product's own pages, mail and tools use: a tenant must not sit there.
constexpr std::array<std::string_view, 40> kReserved{
    "about",   "abuse",   "account",  "admin",    "api",        "app",       "assets",   "auth",
    "billing", "blog",    "bulkhead", "cdn",      "console",    "dashboard", "dev",      "docs",
    "email",   "ftp",     "help",     "imap",     "internal",   "localhost", "login",    "logout",
    "mail",    "metrics", "oauth",    "operator", "postmaster", "root",      "security", "signup",
    "smtp",    "static",  "status",   "support",  "system",     "tenant",    "tenants",  "www"};

bool allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

bool valid_slug(std::string_view slug) noexcept {
  if (slug.size() < 3 || slug.size() > 63) return false;
  if (slug.front() < 'a' || slug.front() > 'z' || slug.back() == '-') return false;
  if (!std::all_of(slug.begin(), slug.end(), allowed)) return false;
  if (slug.find("--") != std::string_view::npos) return false;
  return std::find(kReserved.begin(), kReserved.end(), slug) == kReserved.end();
}

}  // namespace bulkhead
