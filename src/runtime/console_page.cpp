#include "runtime/console_page.hpp"

#include <string_view>

#include <bulkhead/uuid.hpp>

namespace bulkhead::runtime {

namespace {

constexpr std::string_view room = "/console/", operations = "operations/";
constexpr std::string_view policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri "
    "'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace

ConsolePage::ConsolePage() : files_(WebPage::of(console_files(), std::string(policy))) {}

std::optional<Response> ConsolePage::answer(const Request& request) const {
  if (!request.path.starts_with(room)) return std::nullopt;
  const std::string_view below = request.path.substr(room.size());
  Request of_file = request;
  if (below.starts_with(operations)) {
    // Which operations there are is for operators to know: the page is there for whatever could be one.
    if (!Uuid::parse(below.substr(operations.size()))) return std::nullopt;
    of_file.path = "/operation.html";
  } else {
    of_file.path = request.path.substr(room.size() - 1);
  }
  return files_.answer(of_file);
}

}  // namespace bulkhead::runtime
