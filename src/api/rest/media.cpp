#include "api/rest/media.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "base/ascii.hpp"

namespace bulkhead::api {

namespace {

/// A media range of the header, in lower case.
struct Accepted {
  std::string type, parameters;
  std::string_view written;
  double quality = 1;
};

Accepted accepted(std::string_view element) {
  Accepted range;
  range.written = element;
  std::size_t semicolon = std::min(element.find(';'), element.size());
  range.type = lower(trimmed(element.substr(0, semicolon)));
  while (semicolon < element.size()) {
    const std::size_t next = std::min(element.find(';', semicolon + 1), element.size());
    const std::string parameter = lower(trimmed(element.substr(semicolon + 1, next - semicolon - 1)));
    semicolon = next;
    if (parameter.starts_with("q="))
      std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), range.quality);
    else
      range.parameters.append(parameter).append(";");
  }
  return range;
}

std::vector<Accepted> accepted_ranges(const Request& request) {
  std::vector<Accepted> ranges;
  for (const HeaderView& header : request.headers) {
    if (lower(header.name) != "accept") continue;
    for (std::string_view rest = header.value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      if (const std::string_view element = trimmed(rest.substr(0, comma)); !element.empty())
        ranges.push_back(accepted(element));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return ranges;
}

bool fits(std::string_view range, std::string_view own) {
  if (own.empty()) return false;
  const std::string_view kind = range.substr(0, range.find('/') + 1);
  return own == "*/*" || range == "*/*" || range == own || (range.ends_with("/*") && own.starts_with(kind));
}

std::optional<Media> media_of(const Accepted& range, std::string_view own) {
  Media media;
  media.own = fits(range.type, own);
  if (media.own) return media;
  if (range.type == "application/json" || range.type == "*/*" || range.type == "application/*") return media;
  media.csv = range.type == "text/csv";
  if (media.csv) return media;
  media.object =
      range.type == "application/vnd.pgrst.object" || range.type == "application/vnd.pgrst.object+json";
  if (!media.object && range.type != "application/vnd.pgrst.array" &&
      range.type != "application/vnd.pgrst.array+json")
    return std::nullopt;
  media.without_nulls = range.parameters.find("nulls=stripped;") != std::string::npos;
  return media;
}

std::string list_of(const std::vector<Accepted>& ranges) {
  std::string list;
  for (const Accepted& range : ranges) {
    if (!list.empty()) list.append(", ");
    list.append(range.written);
  }
  return list;
}

Error none_of(const std::vector<Accepted>& ranges) {
  return Error(Errc::not_acceptable, "None of these media types are available: " + list_of(ranges));
}

}  // namespace

Result<Media> read_accept(const Request& request, std::string_view own) {
  std::vector<Accepted> ranges = accepted_ranges(request);
  if (ranges.empty()) ranges.push_back(accepted("*/*"));
  std::optional<Media> best;
  double quality = 0;
  for (const Accepted& range : ranges) {
    // Of two that are liked as well the first counts.
    if (range.quality <= quality) continue;
    if (const std::optional<Media> media = media_of(range, own)) {
      best = media;
      quality = range.quality;
    }
  }
  if (best) return *best;
  return none_of(ranges);
}

Result<std::string_view> read_document_accept(const Request& request, bool root) {
  constexpr std::string_view json = "application/json";
  const std::vector<Accepted> ranges = accepted_ranges(request);
  const std::string_view otherwise = root ? openapi_type : json;
  std::string_view best;
  double quality = 0;
  for (const Accepted& range : ranges) {
    if (range.quality <= quality) continue;
    if (range.type == openapi_type)
      best = openapi_type;
    else if (range.type == json)
      best = json;
    else if (range.type == "*/*" || range.type == "application/*")
      best = otherwise;
    else
      continue;
    quality = range.quality;
  }
  if (!best.empty()) return best;
  if (root && !ranges.empty()) return none_of(ranges);
  return otherwise;
}

std::string own_content_type(std::string_view own) {
  if (own == "*/*") return "application/octet-stream";
  const bool text =
      own == "text/plain" || own == "text/xml" || own == "text/csv" || own == "application/json";
  return std::string(own) + (text ? "; charset=utf-8" : "");
}

std::string_view content_type(Media media) noexcept {
  if (media.csv) return "text/csv; charset=utf-8";
  if (media.without_nulls)
    return media.object ? "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
                        : "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8";
  return media.object ? "application/vnd.pgrst.object+json; charset=utf-8"
                      : "application/json; charset=utf-8";
}

}  // namespace bulkhead::api
