#include <algorithm>
#include <optional>

#include <bulkhead/multipart.hpp>

#include "base/ascii.hpp"
#include "base/utf8.hpp"

namespace bulkhead {
namespace {

Error malformed(std::string_view what) {
  return Error(Errc::malformed_request, "the form is malformed: " + std::string(what));
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// A header's value with its parameters: `form-data; name="a"; filename="b.csv"`.
struct Parameters {
  std::string value;  ///< In lower case.
  std::vector<std::pair<std::string, std::string>> list;

  [[nodiscard]] std::optional<std::string> find(std::string_view name) const {
    for (const auto& [known, said] : list)
      if (known == name) return said;
    return std::nullopt;
  }
};

/// A quoted string, whose backslash escapes a quote or a backslash alone: browsers leave others as they are (RFC 7578 section 4.2).
std::optional<std::string> take_quoted(std::string_view& text) {
  std::string out;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return out;
    }
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    out += text[i];
  }
  return std::nullopt;
}

std::optional<Parameters> parse_parameters(std::string_view text) {
  Parameters out;
  out.value = lower(without_blanks(text.substr(0, text.find(';'))));
  text.remove_prefix(std::min(text.size(), text.find(';')));
  while (!text.empty()) {
    text.remove_prefix(1);  // the semicolon
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string name = lower(without_blanks(text.substr(0, equals)));
    text.remove_prefix(equals + 1);
    std::optional<std::string> value;
    if (text.starts_with('"')) {
      value = take_quoted(text);
    } else {
      const std::string_view token = text.substr(0, text.find(';'));
      value = std::string(without_blanks(token));
      text.remove_prefix(token.size());
    }
    text = without_blanks(text);
    if (!value || name.empty() || out.find(name) || (!text.empty() && text.front() != ';'))
      return std::nullopt;
    out.list.emplace_back(std::move(name), std::move(*value));
  }
  return out;
}

/// What a client calls a file, without where it has it: some send whole paths.
std::string last_component(std::string name) {
  const std::size_t slash = name.find_last_of("/\\");
  if (slash != std::string::npos) name.erase(0, slash + 1);
  return name == "." || name == ".." ? std::string() : name;
}

bool plain(std::string_view text) {
  return valid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

Result<void> read_header(std::string_view line, FormPart& part, bool& named) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return malformed("a part's header has no name");
  const std::string name = lower(line.substr(0, colon));
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (name == "content-type") {
    if (!part.content_type.empty()) return malformed("a part has two types");
    if (!plain(value)) return malformed("a part's type is not text");
    part.content_type = value;
    return {};
  }
  if (name == "content-transfer-encoding" && lower(value) != "binary" && lower(value) != "8bit" &&
      lower(value) != "7bit")
    return malformed("a part is encoded, which RFC 7578 does not allow");
  if (name != "content-disposition") return {};
  const auto disposition = parse_parameters(value);
  if (named || !disposition || disposition->value != "form-data" || !disposition->find("name"))
    return malformed("a part has no name, or two");
  named = true;
  part.name = *disposition->find("name");
  part.file_name = last_component(disposition->find("filename").value_or(""));
  if (!plain(part.name) || !plain(part.file_name)) return malformed("a part's name is not text");
  return {};
}

Result<FormPart> read_part(std::string_view text) {
  constexpr std::string_view line_end = "\r\n";
  FormPart part;
  bool named = false;
  const std::size_t end = text.starts_with(line_end) ? 0 : text.find("\r\n\r\n");
  if (end == std::string_view::npos || end > form_part_header_most)
    return malformed("a part's headers have no end");
  std::string_view headers = text.substr(0, end);
  while (!headers.empty()) {
    const std::string_view line = headers.substr(0, headers.find(line_end));
    headers.remove_prefix(std::min(headers.size(), line.size() + line_end.size()));
    BULKHEAD_CHECK(read_header(line, part, named));
  }
  if (!named) return malformed("a part has no name, or two");
  part.data = text.substr(end == 0 ? line_end.size() : end + 2 * line_end.size());
  return part;
}

}  // namespace

Result<std::vector<FormPart>> read_form(const Request& request) {
  const auto type = parse_parameters(request.header("content-type").value_or(""));
  if (!type || type->value != "multipart/form-data")
    return Error(Errc::unsupported_media_type, "the body must be multipart/form-data");
  // RFC 2046 section 5.1.1: 1 to 70 characters, not ending in a blank.
  const std::string boundary = type->find("boundary").value_or("");
  if (boundary.empty() || boundary.size() > 70 || boundary.back() == ' ' || !plain(boundary))
    return malformed("its boundary is not right");
  const std::string first = "--" + boundary, next = "\r\n" + first;
  std::string_view left = request.body;
  if (!left.starts_with(first)) return malformed("it does not begin with its boundary");
  left.remove_prefix(first.size());
  std::vector<FormPart> parts;
  for (;;) {
    if (left.starts_with("--")) {
      left.remove_prefix(2);
      if (left.empty() || left == "\r\n") return parts;
      return malformed("something stands behind its end");
    }
    if (!left.starts_with("\r\n")) return malformed("a boundary is longer than it says");
    left.remove_prefix(2);
    const std::size_t end = left.find(next);
    if (end == std::string_view::npos) return malformed("it ends in the middle");
    if (parts.size() == form_parts_most) return malformed("it has more than 100 parts");
    BULKHEAD_TRY(auto part, read_part(left.substr(0, end)));
    parts.push_back(std::move(part));
    left.remove_prefix(end + next.size());
  }
}

}  // namespace bulkhead
