#include "runtime/api_page.hpp"

namespace bulkhead::runtime {

namespace {

Response not_built() {
  Response response;
  response.status = 404;
  response.content_type = "text/plain; charset=utf-8";
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.body =
      "The page for the API is not built. In Bulkhead's folder, `tools/build-page .` builds it, with npm "
      "(apt-get install nodejs npm); then start the server again.\n"
      "The API's document is there without it: GET /openapi.json, with a token.\n";
  return response;
}

}  // namespace

Result<ApiPage> ApiPage::load(const std::filesystem::path& dir, std::vector<std::string> connect) {
  ApiPage page;
  page.on_ = true;
  std::error_code ignored;
  if (!std::filesystem::exists(dir / "index.html", ignored)) return page;
  WebPageSettings settings;
  settings.connect = std::move(connect);
  BULKHEAD_TRY(page.files_, WebPage::load(dir, std::move(settings)));
  return page;
}

std::optional<Response> ApiPage::answer(const Request& request) const {
  if (!on_ || !request.path.starts_with(path)) return std::nullopt;
  std::string_view below = request.path.substr(path.size());
  if (!below.empty() && below.front() != '/') return std::nullopt;
  if (!built()) return not_built();
  Request of_page = request;
  of_page.path = below.empty() ? "/" : below;
  return files_.answer(of_page);
}

}  // namespace bulkhead::runtime
