#include "entry/cors.hpp"

#include <algorithm>
#include <utility>

namespace bulkhead::entry {

Cors::Cors(std::vector<std::string> origins)
    : any_(std::find(origins.begin(), origins.end(), "*") != origins.end()), origins_(std::move(origins)) {}

bool Cors::allows(std::string_view origin) const noexcept {
  return any_ || std::find(origins_.begin(), origins_.end(), origin) != origins_.end();
}

void Cors::add_origin(Response& response, std::string_view origin) const {
  response.headers.emplace_back("Access-Control-Allow-Origin", any_ ? "*" : origin);
}

std::optional<Response> Cors::preflight(const Request& request, std::string_view methods) const {
  const auto origin = request.header("origin");
  if (request.method != Method::options || !origin || !request.header("access-control-request-method") ||
      !allows(*origin))
    return std::nullopt;
  Response response;
  response.status = 204;
  add_origin(response, *origin);
  response.headers.emplace_back("Access-Control-Allow-Methods", methods);
  // Any header: what it may say is decided when the request comes.
  if (const auto headers = request.header("access-control-request-headers"))
    response.headers.emplace_back("Access-Control-Allow-Headers", *headers);
  response.headers.emplace_back("Access-Control-Max-Age", "86400");
  response.headers.emplace_back("Vary", "Origin, Access-Control-Request-Headers");
  return response;
}

void Cors::mark(const Request& request, Response& response) const {
  // A cache must not give one origin's answer to another.
  if (!any_) response.headers.emplace_back("Vary", "Origin");
  const auto origin = request.header("origin");
  if (!origin || !allows(*origin)) return;
  add_origin(response, *origin);
  response.headers.emplace_back("Access-Control-Expose-Headers",
                                "Content-Range, Content-Location, Location, Preference-Applied");
}

}  // namespace bulkhead::entry
