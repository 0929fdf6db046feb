#include "http/router.hpp"

#include <algorithm>

namespace bulkhead::http {

namespace {

/// Takes the first segment off a path, without its slash.
std::string_view take_segment(std::string_view& path) noexcept {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool is_name(std::string_view segment) noexcept {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

Result<void> Router::check_path(std::string_view path) {
  const auto wrong = [path](std::string_view why) {
    return Error(Errc::config_invalid, "the route " + std::string(path) + " cannot be: " + std::string(why))
        .hint("as in /v1/invoices/{invoice_id}/lines");
  };
  if (!path.starts_with('/')) return wrong("it does not begin with a slash");
  std::vector<std::string_view> names;
  for (std::string_view left = path; !left.empty();) {
    const std::string_view segment = take_segment(left);
    if (segment.find_first_of("{}") == std::string_view::npos) continue;
    const std::string_view name =
        is_name(segment) ? segment.substr(1, segment.size() - 2) : std::string_view();
    if (name.empty() ||
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string_view::npos)
      return wrong("braces stand around a whole segment, a name of a-z, 0-9 and _");
    if (std::find(names.begin(), names.end(), name) != names.end()) return wrong("a name is there twice");
    names.push_back(name);
  }
  return {};
}

std::vector<std::string_view> Router::names_of(std::string_view path) {
  std::vector<std::string_view> names;
  while (!path.empty()) {
    const std::string_view segment = take_segment(path);
    if (is_name(segment)) names.push_back(segment.substr(1, segment.size() - 2));
  }
  return names;
}

void Router::add(Method method, std::string path, std::size_t handler) {
  const auto number = static_cast<std::size_t>(method);
  if (path.find('{') == std::string::npos) {
    literals_[std::move(path)][number] = handler;
    return;
  }
  Template added;
  for (std::string_view left = path; !left.empty();) {
    const std::string_view segment = take_segment(left);
    if (is_name(segment))
      added.segments.emplace_back(std::nullopt);
    else
      added.segments.emplace_back(segment);
  }
  auto same = std::find_if(templates_.begin(), templates_.end(),
                           [&](const Template& entry) { return entry.segments == added.segments; });
  if (same == templates_.end()) {
    const auto later = [&](const Template& entry) {
      return std::lexicographical_compare(
          added.segments.begin(), added.segments.end(), entry.segments.begin(), entry.segments.end(),
          [](const Segment& a, const Segment& b) { return a && b ? *a < *b : a.has_value() && !b; });
    };
    same = templates_.insert(std::find_if(templates_.begin(), templates_.end(), later), std::move(added));
  }
  same->handlers[number] = handler;
}

bool Router::fits(const Template& wanted, std::string_view path, std::vector<std::string_view>& values) {
  values.clear();
  for (const Segment& segment : wanted.segments) {
    if (path.empty()) return false;
    const std::string_view sent = take_segment(path);
    if (segment ? sent != *segment : sent.empty()) return false;
    if (!segment) values.push_back(sent);
  }
  return path.empty();
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
  if (path.starts_with('/')) {
    std::vector<std::string_view> values;
    for (const Template& wanted : templates_) {
      if (!fits(wanted, path, values)) continue;
      Match match = pick(wanted.handlers, method, {});
      match.values = std::move(values);
      return match;
    }
  }
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
