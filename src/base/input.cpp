#include <algorithm>

#include <bulkhead/input.hpp>

#include "base/ascii.hpp"
#include "base/percent.hpp"
#include "base/utf8.hpp"

namespace bulkhead {
namespace {

/// RFC 6901 section 3.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

bool is_json(std::optional<std::string_view> type) {
  if (!type) return true;
  std::string name = lower(type->substr(0, type->find(';')));
  while (name.ends_with(' ') || name.ends_with('\t')) name.pop_back();
  return name == "application/json" || (name.starts_with("application/") && name.ends_with("+json"));
}

const boost::json::object& nothing() {
  static const boost::json::object empty;
  return empty;
}

}  // namespace

namespace detail {

std::string with_bounds(std::string_view expected, const Bounds& bounds, std::string_view unit) {
  std::string out(expected);
  const std::string of = unit.empty() ? " " : " of ";
  if (bounds.least && bounds.most)
    out += of + (unit.empty() ? "from " : "") + std::to_string(*bounds.least) + " to " +
           std::to_string(*bounds.most) + std::string(unit);
  else if (bounds.least)
    out += of + "at least " + std::to_string(*bounds.least) + std::string(unit);
  else if (bounds.most)
    out += of + "at most " + std::to_string(*bounds.most) + std::string(unit);
  return out;
}

bool within(const Bounds& bounds, std::int64_t value) {
  return (!bounds.least || value >= *bounds.least) && (!bounds.most || value <= *bounds.most);
}

std::int64_t characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace detail

std::string Fields::pointer_to(std::string_view name) const {
  return seen_->pointer + "/" + escaped(name);
}

const boost::json::value* Fields::member(std::string_view name, bool required) {
  seen_->read.emplace_back(name);
  const boost::json::value* found = seen_->object->if_contains(name);
  if (found != nullptr && !found->is_null()) return found;
  if (required && !seen_->absent) problem(name, found == nullptr ? "is missing" : "must not be null");
  return nullptr;
}

const boost::json::array* Fields::array(std::string_view name, const Bounds& bounds) {
  const boost::json::value* found = member(name, bounds.least.value_or(0) > 0);
  if (found == nullptr) return nullptr;
  const boost::json::array* array = found->if_array();
  if (array != nullptr && detail::within(bounds, static_cast<std::int64_t>(array->size()))) return array;
  problem(name, "must be " + detail::with_bounds("an array", bounds, " elements"));
  return nullptr;
}

Fields Fields::object(std::string_view name) {
  const boost::json::value* found = member(name, true);
  const boost::json::object* object = found != nullptr ? found->if_object() : nullptr;
  if (found != nullptr && object == nullptr) problem(name, "must be an object");
  Seen& seen = input_->seen_.emplace_back();
  seen.object = object != nullptr ? object : &nothing();
  seen.pointer = pointer_to(name);
  seen.any = seen.absent = object == nullptr;
  return {*input_, seen};
}

void Fields::each(std::string_view name, const Bounds& bounds, const std::function<void(Fields&)>& read) {
  const boost::json::array* found = array(name, bounds);
  if (found == nullptr) return;
  for (std::size_t i = 0; i < found->size(); ++i) {
    const std::string pointer = pointer_to(name) + "/" + std::to_string(i);
    const boost::json::object* object = (*found)[i].if_object();
    if (object == nullptr) {
      input_->add("pointer", pointer, "must be an object");
      continue;
    }
    Seen& seen = input_->seen_.emplace_back();
    seen.object = object;
    seen.pointer = pointer;
    Fields fields(*input_, seen);
    read(fields);
  }
}

void Fields::allow_unknown() {
  seen_->any = true;
}

void Fields::problem(std::string_view name, std::string what) {
  input_->add("pointer", pointer_to(name), std::move(what));
}

std::optional<std::string> Input::parameter(std::string_view name) {
  std::optional<std::string> found;
  std::string_view left = request_.query;
  while (!left.empty()) {
    const std::string_view pair = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(left.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const auto key = decode_percent(pair.substr(0, equals), true);
    if (!key || *key != name) continue;
    if (found) {
      problem(name, "is there more than once");
      return std::nullopt;
    }
    found =
        decode_percent(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!found) {
      problem(name, "is not encoded as a query is");
      return std::nullopt;
    }
  }
  return found;
}

Fields Input::body(JsonLimits limits) {
  limits.refuse_duplicate_keys = true;
  Fields::Seen& seen = seen_.emplace_back();
  seen.object = &nothing();
  seen.any = true;
  if (!is_json(request_.header("content-type"))) {
    broken_ = Error(Errc::unsupported_media_type, "the body must be application/json");
    return {*this, seen};
  }
  auto parsed = parse_json(request_.body, limits);
  if (parsed.has_error()) {
    broken_ = parsed.error();
    return {*this, seen};
  }
  document_ = std::move(*parsed);
  if (const boost::json::object* object = document_.if_object()) {
    seen.object = object;
    seen.any = false;
  } else {
    broken_ = Error(Errc::payload_invalid, "the body must be a JSON object");
  }
  return {*this, seen};
}

void Input::problem(std::string_view parameter, std::string what) {
  add("parameter", parameter, std::move(what));
}

void Input::add(std::string_view kind, std::string_view where, std::string what) {
  if (problems_.size() < most_problems)
    problems_.push_back(Problem{std::string(kind), std::string(where), std::move(what)});
  else
    ++more_;
}

Result<void> Input::check() {
  if (broken_) return *broken_;
  for (const Fields::Seen& seen : seen_) {
    if (seen.any) continue;
    for (const auto& member : *seen.object)
      if (std::find(seen.read.begin(), seen.read.end(), std::string_view(member.key())) == seen.read.end())
        add("pointer", seen.pointer + "/" + escaped(member.key()), "is not known here");
  }
  seen_.clear();
  if (problems_.empty()) return {};
  std::string list = "\"errors\":[";
  for (const Problem& problem : problems_) {
    if (list.back() == '}') list += ',';
    list += "{\"" + problem.kind + "\":";
    append_json_lossy(list, problem.where);
    list += ",\"detail\":";
    append_json_lossy(list, problem.what);
    list += '}';
  }
  list += ']';
  const Problem& first = problems_.front();
  std::string message = first.where + " " + first.what;
  const std::size_t others = problems_.size() - 1 + more_;
  if (others > 0)
    message += ", and " + std::to_string(others) + (others == 1 ? " problem more" : " problems more");
  return Error(Errc::payload_invalid, std::move(message)).members(std::move(list));
}

}  // namespace bulkhead
