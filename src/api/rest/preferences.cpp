#include "api/rest/preferences.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace bulkhead::api {

namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

// Calls `each` with the elements of a list header, over all headers of that name.
template <class F>
void for_each_element(const Request& request, std::string_view name, const F& each) {
  for (const HeaderView& header : request.headers) {
    if (header.name.size() != name.size() ||
        !std::equal(name.begin(), name.end(), header.name.begin(), [](char lower, char c) {
          return lower == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        }))
      continue;
    for (std::string_view rest = header.value; !rest.empty();) {
      std::size_t comma = std::min(rest.find(','), rest.size());
      if (std::string_view element = trimmed(rest.substr(0, comma)); !element.empty()) each(element);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

}  // namespace

Preferences read_preferences(const Request& request) {
  Preferences found;
  for_each_element(request, "prefer", [&](std::string_view element) {
    if (element == "return=representation") found.representation = Preferences::Return::representation;
    if (element == "return=minimal") found.representation = Preferences::Return::minimal;
    if (element == "return=headers-only") found.representation = Preferences::Return::headers_only;
    if (element == "count=exact" || element == "count=planned" || element == "count=estimated")
      found.count = true;
    if (element.starts_with("resolution=")) found.upsert = true;
    if (element == "missing=default" || element == "missing=null") {
      found.missing_set = true;
      found.missing_default = element == "missing=default";
    }
  });
  return found;
}

std::string preferences_applied(const Preferences& preferences, Method method) {
  std::string out;
  const auto add = [&out](std::string_view text) {
    if (!out.empty()) out.append(", ");
    out.append(text);
  };
  const bool writes = method == Method::post || method == Method::patch || method == Method::del;
  if (preferences.missing_set && (method == Method::post || method == Method::patch))
    add(preferences.missing_default ? "missing=default" : "missing=null");
  if (writes && preferences.representation == Preferences::Return::representation)
    add("return=representation");
  if (writes && preferences.representation == Preferences::Return::minimal) add("return=minimal");
  if (writes && preferences.representation == Preferences::Return::headers_only) add("return=headers-only");
  if (preferences.count) add("count=exact");
  return out;
}

Result<Media> read_accept(const Request& request) {
  bool any = false;
  std::optional<Media> found;
  std::string asked;
  for_each_element(request, "accept", [&](std::string_view element) {
    any = true;
    std::string type = lower(trimmed(element.substr(0, element.find(';'))));
    if (!asked.empty()) asked.append(", ");
    asked.append(element);
    if (found) return;
    if (type == "application/json" || type == "*/*" || type == "application/*" ||
        type == "application/vnd.pgrst.array" || type == "application/vnd.pgrst.array+json")
      found = Media::array;
    if (type == "application/vnd.pgrst.object" || type == "application/vnd.pgrst.object+json")
      found = Media::object;
  });
  if (found) return *found;
  if (!any) return Media::array;
  return Error(Errc::not_acceptable, "None of these media types are available: " + asked);
}

std::string_view content_type(Media media) {
  return media == Media::object ? "application/vnd.pgrst.object+json; charset=utf-8"
                                : "application/json; charset=utf-8";
}

Result<void> check_content_type(const Request& request) {
  auto sent = request.header("content-type");
  if (!sent) return {};
  std::string type = lower(trimmed(sent->substr(0, sent->find(';'))));
  if (type == "application/json" || type == "*/*") return {};
  return Error(Errc::unsupported_media_type, "Content-Type not acceptable: " + type)
      .hint("Send application/json.");
}

}  // namespace bulkhead::api
