#include "runtime/web_page.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "base/etag.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::runtime {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view build_first =
    "build the page first; web.dir in bulkhead.toml names the folder that its build writes";
constexpr std::string_view index_path = "/index.html";
/// Whatever a browser asks for below these is the server's to answer, also that nothing is there.
constexpr std::array<std::string_view, 5> server_prefixes{"/rest/", "/control/", "/dev/", "/tenants/",
                                                          "/.well-known/"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 18> types{{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".pdf", "application/pdf"},
}};

std::string_view type_of(const std::string& extension) {
  const auto* known =
      std::find_if(types.begin(), types.end(), [&](const auto& type) { return type.first == extension; });
  return known == types.end() ? "application/octet-stream" : known->second;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// What needs no percent-encoding, so that a path has one spelling.
bool is_plain(std::string_view path) {
  return std::all_of(path.begin(), path.end(),
                     [](char c) { return is_word(c) || c == '.' || c == '~' || c == '/'; });
}

/// As bundlers name what they build: `assets/index-BmQ3x9Za.js`, where the last eight tell of the content.
bool is_named_by_content(const fs::path& file) {
  constexpr std::size_t hash = 8;
  const std::string stem = file.stem().string();
  if (file.parent_path().filename() != "assets" || stem.size() < hash + 2) return false;
  const char before = stem[stem.size() - hash - 1];
  return (before == '-' || before == '.') && std::all_of(stem.end() - hash, stem.end(), is_word);
}

/// Styles are written into the page by its components' library; scripts are files, and of this server alone.
std::string policy_of(const std::vector<std::string>& connect) {
  return fmt::format(
      "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
      "font-src 'self' data:; connect-src 'self'{}{}; object-src 'none'; base-uri 'none'; "
      "form-action 'self'; frame-ancestors 'none'",
      connect.empty() ? "" : " ", fmt::join(connect, " "));
}

Result<std::string> read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || in.bad()) return Error(Errc::environment, fmt::format("{} cannot be read", file.string()));
  return content;
}

/// The files below a folder, without following links.
Result<std::vector<fs::path>> files_below(const fs::path& dir, const WebPageSettings& settings) {
  std::vector<fs::path> files;
  std::uintmax_t bytes = 0;
  std::error_code code;
  if (!fs::is_directory(dir, code))
    return Error(Errc::config_invalid, fmt::format("the page's folder {} is not there", dir.string()))
        .hint(std::string(build_first));
  for (auto at = fs::recursive_directory_iterator(dir, code); !code && at != fs::end(at);
       at.increment(code)) {
    const fs::file_status status = at->symlink_status(code);
    if (code) break;
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    if (!fs::is_regular_file(status)) continue;
    bytes += at->file_size(code);
    if (code) break;
    files.push_back(at->path());
    if (files.size() > settings.most_files || bytes > settings.most_bytes)
      return Error(Errc::config_invalid,
                   fmt::format("{} holds more than {} files or {} MiB, and a page is kept in memory",
                               dir.string(), settings.most_files, settings.most_bytes >> 20U))
          .hint("serve large files from elsewhere; web.dir names the folder of the built page alone");
  }
  if (code)
    return Error(Errc::environment, fmt::format("{} cannot be read: {}", dir.string(), code.message()));
  return files;
}

}  // namespace

Result<WebPage> WebPage::load(const fs::path& dir, WebPageSettings settings) {
  WebPage page;
  page.single_page_ = settings.single_page;
  page.policy_ = policy_of(settings.connect);
  BULKHEAD_TRY(const std::vector<fs::path> files, files_below(dir, settings));
  for (const fs::path& path : files) {
    const std::string name = "/" + path.lexically_relative(dir).generic_string();
    if (!is_plain(name))
      return Error(Errc::config_invalid,
                   fmt::format("the page's file {} has a name that is no plain path", path.string()))
          .hint("letters, digits, and . _ - ~ in names of files and folders");
    BULKHEAD_TRY(std::string body, read_file(path));
    page.files_.emplace(name, file_of(name, std::move(body)));
  }
  if (!page.files_.contains(index_path))
    return Error(Errc::config_invalid, fmt::format("the page's folder {} has no index.html", dir.string()))
        .hint(std::string(build_first));
  return page;
}

WebPage WebPage::of(const std::vector<Source>& sources, std::string policy) {
  WebPage page;
  page.policy_ = std::move(policy);
  for (const Source& source : sources)
    page.files_.emplace(source.path, file_of(source.path, std::string(source.content)));
  return page;
}

WebPage::File WebPage::file_of(std::string_view path, std::string body) {
  const fs::path name(path);
  File file;
  file.body = std::move(body);
  file.type = type_of(name.extension().string());
  file.etag = fmt::format("\"{}\"", migrate::sha256_hex(file.body).substr(0, 32));
  file.immutable = is_named_by_content(name);
  return file;
}

const WebPage::File* WebPage::find(const Request& request) const {
  const std::string_view path = request.path == "/" ? index_path : request.path;
  if (const auto file = files_.find(path); file != files_.end()) return &file->second;
  if (!single_page_ || (request.method != Method::get && request.method != Method::head)) return nullptr;
  for (std::string_view prefix : server_prefixes)
    if (path.starts_with(prefix)) return nullptr;
  // A browser that goes somewhere asks for HTML; scripts, pictures and calls of the API do not.
  const auto accept = request.header("accept");
  if (!accept || accept->find("text/html") == std::string_view::npos) return nullptr;
  const auto index = files_.find(index_path);
  return index == files_.end() ? nullptr : &index->second;
}

std::optional<Response> WebPage::answer(const Request& request) const {
  const File* file = find(request);
  if (file == nullptr) return std::nullopt;
  return serve(*file, request);
}

Response WebPage::serve(const File& file, const Request& request) const {
  Response response;
  auto add = [&response](const char* name, std::string value) {
    response.headers.emplace_back(name, std::move(value));
  };
  add("X-Content-Type-Options", "nosniff");
  if (request.method != Method::get && request.method != Method::head) {
    response.status = 405;
    add("Allow", "GET, HEAD");
    return response;
  }
  add("ETag", file.etag);
  add("Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache");
  add("Content-Security-Policy", policy_);
  add("Referrer-Policy", "same-origin");
  add("Cross-Origin-Opener-Policy", "same-origin");
  add("Cross-Origin-Resource-Policy", "same-origin");
  const auto known = request.header("if-none-match");
  if (known && lists_etag(*known, file.etag)) {
    response.status = 304;
    return response;
  }
  response.content_type = file.type;
  response.body = file.body;
  return response;
}

}  // namespace bulkhead::runtime
