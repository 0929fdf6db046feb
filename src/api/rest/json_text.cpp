#include "api/rest/json_text.hpp"

#include <algorithm>

#include <boost/json/string.hpp>

#include <bulkhead/json.hpp>

namespace bulkhead::api {

namespace {

/// Walks valid JSON token by token.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) { skip_spaces(); }

  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
  bool take(char wanted) noexcept {
    if (peek() != wanted) return false;
    ++at_;
    skip_spaces();
    return true;
  }
  /// A string with its quotes, a number or a word.
  std::string_view scalar() noexcept {
    const std::size_t begin = at_;
    if (peek() == '"')
      skip_string();
    else
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    return taken(begin);
  }
  /// Whatever stands here, whole.
  std::string_view value() noexcept {
    if (peek() != '{' && peek() != '[') return scalar();
    const std::size_t begin = at_;
    std::size_t open = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
        continue;
      }
      if (c == '{' || c == '[') ++open;
      if (c == '}' || c == ']') --open;
      ++at_;
    } while (open > 0 && !at_end());
    return taken(begin);
  }

 private:
  void skip_spaces() noexcept { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void skip_string() noexcept {
    for (++at_; !at_end() && peek() != '"'; ++at_)
      if (peek() == '\\') ++at_;
    at_ = std::min(at_ + 1, text_.size());
  }
  std::string_view taken(std::size_t begin) noexcept {
    const std::string_view found = text_.substr(begin, at_ - begin);
    skip_spaces();
    return found;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string unquoted(std::string_view string) {
  if (string.find('\\') == std::string_view::npos) return std::string(string.substr(1, string.size() - 2));
  auto parsed = parse_json(string);
  const boost::json::string* text = parsed ? parsed->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

ObjectText object(Walker& in) {
  ObjectText members;
  in.take('{');
  while (!in.at_end() && !in.take('}')) {
    MemberText& member = members.emplace_back();
    member.name = unquoted(in.scalar());
    in.take(':');
    member.value = in.value();
    in.take(',');
  }
  return members;
}

}  // namespace

std::vector<ObjectText> objects_of(std::string_view array) {
  std::vector<ObjectText> objects;
  Walker in(array);
  in.take('[');
  while (in.peek() == '{') {
    objects.push_back(object(in));
    in.take(',');
  }
  return objects;
}

void append_without_nulls(std::string& out, std::string_view json) {
  Walker in(json);
  std::vector<char> open;  // the closing brackets that are to come
  const auto separate = [&out] {
    if (out.back() != '{' && out.back() != '[') out.push_back(',');
  };
  do {
    if (!open.empty() && in.take(open.back())) {
      out.push_back(open.back());
      open.pop_back();
      in.take(',');
      continue;
    }
    std::string_view name;
    if (!open.empty() && open.back() == '}') {
      name = in.scalar();
      in.take(':');
    }
    const bool opens = in.peek() == '{' || in.peek() == '[';
    const char bracket = in.peek();
    const std::string_view value = opens ? std::string_view() : in.scalar();
    if (!name.empty() && value == "null") {
      in.take(',');
      continue;
    }
    if (!open.empty()) separate();
    if (!name.empty()) out.append(name).push_back(':');
    if (opens) {
      in.take(bracket);
      out.push_back(bracket);
      open.push_back(bracket == '{' ? '}' : ']');
    } else {
      out.append(value);
      in.take(',');
    }
  } while (!open.empty() && !in.at_end());
}

}  // namespace bulkhead::api
