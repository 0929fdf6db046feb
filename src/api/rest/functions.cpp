#include "api/rest/functions.hpp"

#include <algorithm>
#include <set>

#include "base/ascii.hpp"

namespace bulkhead::api {

namespace {

bool takes_json(const Given& given) {
  return given.body == BodyType::json || given.body == BodyType::csv || given.body == BodyType::form;
}

bool takes_names(const sql::Function& function, const Given& given) {
  if (function.parameters.empty()) return given.names.empty() && !(given.post && !takes_json(given));
  for (const std::string& name : given.names)
    if (name.empty() || !function.parameter(name)) return false;
  return std::all_of(function.parameters.begin(), function.parameters.end(),
                     [&](const sql::Column& parameter) {
                       return parameter.has_default ||
                              std::binary_search(given.names.begin(), given.names.end(), parameter.name);
                     });
}

bool takes_body_alone(const sql::Function& function) {
  return function.parameters.size() == 1 && function.parameters.front().name.empty();
}

bool takes_body(const sql::Function& function, const Given& given) {
  if (!given.post || !takes_body_alone(function)) return false;
  const std::string& type = function.parameters.front().type;
  switch (given.body) {
    case BodyType::json:
      return type == "json" || type == "jsonb";
    case BodyType::text:
      return type == "text";
    case BodyType::xml:
      return type == "xml";
    case BodyType::bytes:
      return type == "bytea";
    default:
      return false;
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

// How alike two texts are, from 0 to 1, by the pairs and triples of characters that they share.
double likeness(std::string_view a, std::string_view b) {
  double best = 0;
  for (std::size_t length : {3U, 2U}) {
    const auto pieces = [&](std::string_view text) {
      const std::string padded = "-" + lower(text) + "-";
      std::multiset<std::string> all;
      for (std::size_t at = 0; at + length <= padded.size(); ++at) all.insert(padded.substr(at, length));
      return all;
    };
    const std::multiset<std::string> of_a = pieces(a), of_b = pieces(b);
    std::vector<std::string> shared;
    std::set_intersection(of_a.begin(), of_a.end(), of_b.begin(), of_b.end(), std::back_inserter(shared));
    if (of_a.empty() || of_b.empty()) continue;
    const double product = static_cast<double>(of_a.size()) * static_cast<double>(of_b.size());
    const double both = static_cast<double>(shared.size());
    best = std::max(best, both * both / product);
  }
  return best;
}

// Names of the app's functions are everybody's to know who may call them; so are those of their parameters.
std::string perhaps_meant(const sql::Relations& relations, std::string_view name, const Given& given) {
  std::string found;
  double best = 0;
  const auto offer = [&](std::string text, double alike, double least) {
    if (alike < least || alike <= best) return;
    best = alike;
    found = std::move(text);
  };
  const std::span<const sql::Function> overloads = relations.overloads(name);
  for (const sql::Function& other : overloads) {
    std::vector<std::string> names;
    if (takes_body_alone(other) || (other.parameters.empty() && !given.names.empty())) continue;
    for (const sql::Column& parameter : other.parameters) names.push_back(parameter.name);
    std::sort(names.begin(), names.end());
    const std::string list = "(" + joined(names) + ")";
    constexpr double least = 0.11;  // as a third of the pieces of both
    offer(other.name + list, likeness("(" + joined(given.names) + ")", list), least);
  }
  if (overloads.empty())
    for (const sql::Function& other : relations.functions())
      offer(other.name, likeness(name, other.name), 0.3);
  if (found.empty()) return found;
  return "Perhaps you meant to call the function " + std::string(sql::api_schema) + "." + found;
}

std::string_view whole_parameter(const Given& given) {
  if (!given.post) return "";
  switch (given.body) {
    case BodyType::text:
      return " with a single unnamed text parameter";
    case BodyType::xml:
      return " with a single unnamed xml parameter";
    case BodyType::bytes:
      return " with a single unnamed bytea parameter";
    default:
      return "";
  }
}

Error no_function(const sql::Relations& relations, std::string_view name, const Given& given) {
  const std::string function = std::string(sql::api_schema) + "." + std::string(name);
  const std::string_view whole = whole_parameter(given);
  std::string message = "Could not find the function " + function;
  std::string details = "Searched for the function " + function;
  if (!whole.empty()) {
    details.append(whole);
  } else if (given.names.empty()) {
    message.append(" without parameters");
    details.append(" without parameters");
  } else {
    message.append("(").append(joined(given.names)).append(")");
    details.append(given.names.size() > 1 ? " with parameters " : " with parameter ");
    details.append(joined(given.names));
  }
  if (whole.empty() && given.post && given.body == BodyType::json)
    details.append(" or with a single unnamed json/jsonb parameter");
  return Error(Errc::relation_unknown, message + " in the schema cache")
      .sqlstate("PGRST202")
      .details(details + ", but no matches were found in the schema cache.")
      .hint(whole.empty() ? perhaps_meant(relations, name, given) : "");
}

Error ambiguous(const std::vector<const sql::Function*>& candidates) {
  std::string list;
  for (const sql::Function* candidate : candidates) {
    list.append(list.empty() ? "" : ", ")
        .append(sql::api_schema)
        .append(".")
        .append(candidate->name)
        .append("(");
    for (const sql::Column& parameter : candidate->parameters) {
      if (&parameter != &candidate->parameters.front()) list.append(", ");
      list.append(parameter.name).append(" => ").append(parameter.type);
    }
    list.push_back(')');
  }
  return Error(Errc::relationship_ambiguous, "Could not choose the best candidate function between: " + list)
      .sqlstate("PGRST203")
      .hint(
          "Try renaming the parameters or the function itself in the database so function overloading can be "
          "resolved");
}

}  // namespace

Result<Choice> choose_function(const sql::Relations& relations, std::string_view name, const Given& given) {
  std::vector<const sql::Function*> by_names, by_body;
  for (const sql::Function& function : relations.overloads(name)) {
    if (takes_names(function, given))
      by_names.push_back(&function);
    else if (takes_body(function, given))
      by_body.push_back(&function);
  }
  if (by_names.size() == 1) return Choice{by_names.front(), false};
  if (by_names.empty() && by_body.size() == 1) return Choice{by_body.front(), true};
  if (by_names.empty() && by_body.empty()) return no_function(relations, name, given);
  return ambiguous(by_names.empty() ? by_body : by_names);
}

}  // namespace bulkhead::api
