#include "cloud/object_store.hpp"

#include <algorithm>

#include "cloud/local/object_store.hpp"

namespace bulkhead::cloud {
namespace {

constexpr std::size_t longest_key = 512;
constexpr std::string_view file_scheme = "file://";

bool valid_part(std::string_view part) noexcept {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !part.empty() && part != "." && part != ".." && std::all_of(part.begin(), part.end(), allowed);
}

}  // namespace

bool valid_key(std::string_view key) noexcept {
  if (key.size() > longest_key) return false;
  for (;;) {
    const std::size_t slash = key.find('/');
    if (!valid_part(key.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    key.remove_prefix(slash + 1);
  }
}

Result<std::unique_ptr<ObjectStore>> open_object_store(const std::string& url) {
  if (!url.starts_with(file_scheme) || url.size() <= file_scheme.size() || url[file_scheme.size()] != '/')
    return Error(Errc::usage, "\"" + url + "\" names no object store")
        .hint("file:///path of a folder, such as file:///var/backups/bulkhead");
  return local::open_folder(url.substr(file_scheme.size()));
}

}  // namespace bulkhead::cloud
