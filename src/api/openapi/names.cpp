#include "api/openapi/names.hpp"

namespace bulkhead::api::openapi {

namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

void append_escaped(std::string& out, char sign, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back(sign);
  out.push_back(digits[byte >> 4U]);
  out.push_back(digits[byte & 15U]);
}

}  // namespace

std::string component_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (is_word(c))
      out.push_back(c);
    else
      append_escaped(out, '-', c);
  return out;
}

std::string path_segment(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (is_word(c) || c == '-' || c == '.' || c == '~')
      out.push_back(c);
    else
      append_escaped(out, '%', c);
  return out;
}

std::string filter_parameter(std::string_view column) {
  if (column.find_first_of(".,():\"") == std::string_view::npos &&
      column.find("->") == std::string_view::npos)
    return std::string(column);
  std::string out = "\"";
  for (const char c : column) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

boost::json::object reference(std::string_view kind, std::string_view name) {
  std::string to = "#/components/";
  to.append(kind).append("/").append(name);
  return {{"$ref", to}};
}

}  // namespace bulkhead::api::openapi
