#include "http/router.hpp"

#include <algorithm>

namespace bulkhead::http {

void Router::add(Method method, std::string path, std::size_t handler) {
  literals_[std::move(path)][static_cast<std::size_t>(method)] = handler;
}

void Router::add_prefix(Method method, std::string prefix, std::size_t handler) {
  auto same = std::find_if(prefixes_.begin(), prefixes_.end(),
                           [&](const auto& entry) { return entry.first == prefix; });
  if (same == prefixes_.end()) {
    auto shorter = std::find_if(prefixes_.begin(), prefixes_.end(),
                                [&](const auto& entry) { return entry.first.size() < prefix.size(); });
    same = prefixes_.emplace(shorter, std::move(prefix), Handlers());
  }
  same->second[static_cast<std::size_t>(method)] = handler;
}

Router::Match Router::match(Method method, std::string_view path) const {
  if (auto literal = literals_.find(path); literal != literals_.end())
    return pick(literal->second, method, {});
  for (const auto& [prefix, handlers] : prefixes_)
    if (path.size() > prefix.size() && path.starts_with(prefix))
      return pick(handlers, method, path.substr(prefix.size()));
  return {};
}

Router::Match Router::pick(const Handlers& handlers, Method method, std::string_view rest) {
  auto at = [&](Method wanted) { return handlers[static_cast<std::size_t>(wanted)]; };
  auto handler = at(method);
  if (!handler && method == Method::head) handler = at(Method::get);
  Match match;
  if (handler) {
    match.kind = Match::Kind::found;
    match.handler = *handler;
    match.rest = rest;
    return match;
  }
  match.kind = Match::Kind::no_method;
  for (std::size_t i = 0; i < methods; ++i) {
    auto allowed = static_cast<Method>(i);
    bool by_get = allowed == Method::head && at(Method::get);
    if (!handlers[i] && !by_get) continue;
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += method_name(allowed);
  }
  return match;
}

}  // namespace bulkhead::http
