#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

#include "runtime/web_page.hpp"

namespace bulkhead::runtime {

/// The page at `/docs` on which the API is read and tried. It is the same for everybody and holds nothing of any tenant: it asks
/// for `/openapi.json` with the token that its user gives it. Immutable; shared between threads.
class ApiPage {
 public:
  static constexpr std::string_view path = "/docs";

  /// None: there is nothing at its path.
  ApiPage() = default;
  /// `dir`: as tools/build-page has built it. Where it was not built, the page says so. `connect`: origins that it may call
  /// besides its own. Errors: those of `WebPage::load` for a folder that is there.
  [[nodiscard]] static Result<ApiPage> load(const std::filesystem::path& dir,
                                            std::vector<std::string> connect);

  [[nodiscard]] bool built() const noexcept { return files_.size() > 0; }
  /// The answer to a request that no route takes; nullopt: it is not for this page.
  [[nodiscard]] std::optional<Response> answer(const Request& request) const;

 private:
  bool on_ = false;
  WebPage files_;
};

}  // namespace bulkhead::runtime
