#include "api/rest/preferences.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "base/ascii.hpp"
#include "sql/relations.hpp"

namespace bulkhead::api {

namespace {

// Calls `each` with the elements of a list header, over all headers of that name.
template <class F>
void for_each_element(const Request& request, std::string_view name, const F& each) {
  for (const HeaderView& header : request.headers) {
    if (header.name.size() != name.size() ||
        !std::equal(name.begin(), name.end(), header.name.begin(),
                    [](char wanted, char c) { return wanted == lower(c); }))
      continue;
    for (std::string_view rest = header.value; !rest.empty();) {
      std::size_t comma = std::min(rest.find(','), rest.size());
      if (std::string_view element = trimmed(rest.substr(0, comma)); !element.empty()) each(element);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
}

// Digits alone, and not too many of them.
std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

template <class T>
bool set_once(T& preference, T value) {
  if (preference == T::unset) preference = value;
  return true;
}

bool read_return(Preferences& found, std::string_view element) {
  using Return = Preferences::Return;
  if (element == "return=representation") return set_once(found.representation, Return::representation);
  if (element == "return=minimal") return set_once(found.representation, Return::minimal);
  if (element == "return=headers-only") return set_once(found.representation, Return::headers_only);
  return false;
}

bool read_handling(Preferences& found, std::string_view element) {
  using Handling = Preferences::Handling;
  if (element == "handling=strict") return set_once(found.handling, Handling::strict);
  if (element == "handling=lenient") return set_once(found.handling, Handling::lenient);
  return false;
}

bool read_resolution(Preferences& found, std::string_view element) {
  using Resolution = Preferences::Resolution;
  if (element == "resolution=merge-duplicates") return set_once(found.resolution, Resolution::merge);
  if (element == "resolution=ignore-duplicates") return set_once(found.resolution, Resolution::ignore);
  return false;
}

// False for a rollback that the client may not choose: it must not think that nothing was done.
bool read_transaction(Preferences& found, std::string_view element, bool may_choose) {
  using Transaction = Preferences::Transaction;
  if (!may_choose) return element == "tx=commit";
  if (element == "tx=commit") return set_once(found.transaction, Transaction::commit);
  if (element == "tx=rollback") return set_once(found.transaction, Transaction::rollback);
  return false;
}

bool read_timezone(Preferences& found, std::string_view element) {
  constexpr std::string_view name = "timezone=";
  if (!element.starts_with(name) || element.size() == name.size()) return false;
  if (found.timezone.empty()) found.timezone = element.substr(name.size());
  return true;
}

bool read_max_affected(Preferences& found, std::string_view element) {
  constexpr std::string_view name = "max-affected=";
  if (!element.starts_with(name)) return false;
  std::optional<std::uint64_t> rows = whole_number(element.substr(name.size()));
  if (rows && !found.max_affected) found.max_affected = rows;
  return rows.has_value();
}

// False if this is no preference that is known, or one that would not be done.
bool read_known(Preferences& found, std::string_view element, bool choose_transaction) {
  if (read_return(found, element) || read_handling(found, element) || read_max_affected(found, element) ||
      read_resolution(found, element) || read_timezone(found, element))
    return true;
  if (element == "count=exact" || element == "count=planned" || element == "count=estimated") {
    found.count = true;
    return true;
  }
  if (element == "missing=default" || element == "missing=null") {
    if (!found.missing_set) found.missing_default = element == "missing=default";
    found.missing_set = true;
    return true;
  }
  return read_transaction(found, element, choose_transaction);
}

}  // namespace

Error invalid_preferences(const std::string& which) {
  return Error(Errc::filter_malformed, "Invalid preferences given with handling=strict")
      .sqlstate("PGRST122")
      .details("Invalid preferences: " + which);
}

Result<Preferences> read_preferences(const Request& request, bool choose_transaction) {
  Preferences found;
  for_each_element(request, "prefer", [&](std::string_view element) {
    if (read_known(found, element, choose_transaction)) return;
    if (!found.unknown.empty()) found.unknown.append(", ");
    found.unknown.append(element);
  });
  if (found.handling == Preferences::Handling::strict && !found.unknown.empty())
    return invalid_preferences(found.unknown);
  return found;
}

std::optional<std::uint64_t> most_affected(const Preferences& preferences) noexcept {
  return preferences.handling == Preferences::Handling::strict ? preferences.max_affected : std::nullopt;
}

std::string preferences_applied(const Preferences& preferences, Applies to) {
  std::string out;
  const auto add = [&out](std::string_view text) {
    if (!out.empty()) out.append(", ");
    out.append(text);
  };
  const bool writes = to != Applies::read && to != Applies::call;
  if (to == Applies::insert && preferences.resolution == Preferences::Resolution::merge)
    add("resolution=merge-duplicates");
  if (to == Applies::insert && preferences.resolution == Preferences::Resolution::ignore)
    add("resolution=ignore-duplicates");
  if (preferences.missing_set && (to == Applies::insert || to == Applies::update))
    add(preferences.missing_default ? "missing=default" : "missing=null");
  if (writes && preferences.representation == Preferences::Return::representation)
    add("return=representation");
  if (writes && preferences.representation == Preferences::Return::minimal) add("return=minimal");
  if (writes && preferences.representation == Preferences::Return::headers_only) add("return=headers-only");
  if (preferences.count) add("count=exact");
  if (preferences.transaction == Preferences::Transaction::commit) add("tx=commit");
  if (preferences.transaction == Preferences::Transaction::rollback) add("tx=rollback");
  if (preferences.handling == Preferences::Handling::lenient) add("handling=lenient");
  if (preferences.handling == Preferences::Handling::strict) add("handling=strict");
  if (!preferences.timezone.empty()) add("timezone=" + preferences.timezone);
  const bool bounded = to == Applies::update || to == Applies::remove || to == Applies::call;
  if (auto most = most_affected(preferences); most && bounded) add("max-affected=" + std::to_string(*most));
  return out;
}

Result<void> check_profile(const Request& request) {
  const bool reads = request.method == Method::get || request.method == Method::head;
  const auto profile = request.header(reads ? "accept-profile" : "content-profile");
  if (!profile || *profile == sql::api_schema) return {};
  return Error(Errc::not_acceptable, "Invalid schema: " + std::string(*profile))
      .sqlstate("PGRST106")
      .hint("Only the following schemas are exposed: " + std::string(sql::api_schema));
}

Result<void> apply_range(const Request& request, statement::Select& select) {
  // RFC 9110 section 14.2: of no other method.
  const auto header = request.method == Method::get ? request.header("range") : std::nullopt;
  if (!header || header->find('-') == std::string_view::npos) return {};
  const std::size_t dash = header->find('-');
  const auto lower = whole_number(header->substr(0, dash)), upper = whole_number(header->substr(dash + 1));
  // Anything else, such as a range of bytes, is no range of rows and is ignored.
  if (!lower || (!upper && dash + 1 < header->size())) return {};
  Error unsatisfiable(Errc::range_not_satisfiable, "Requested range not satisfiable");
  if (upper && *upper < *lower)
    return std::move(unsatisfiable)
        .details("The lower boundary must be lower than or equal to the upper boundary in the Range header.");
  if (select.limit == 0) return {};
  const std::uint64_t offset = select.offset.value_or(0), begin = std::max(offset, *lower);
  std::optional<std::uint64_t> end =
      upper ? std::optional(*upper + 1) : std::nullopt;  // the first row not asked
  if (select.limit) end = std::min(end.value_or(offset + *select.limit), offset + *select.limit);
  if (end && *end <= begin)
    return std::move(unsatisfiable)
        .details("The Range header and the parameters limit and offset have no row in common.");
  select.offset = begin;
  if (end) select.limit = *end - begin;
  return {};
}

}  // namespace bulkhead::api
