#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <bulkhead/app.hpp>

#include "sql/relations.hpp"

/// Inside the room: what the document is put together from.
namespace bulkhead::api::openapi {

/// The members of an object as text: a document is too large to be held as values before it is written.
class Members {
 public:
  void add(std::string_view name, const boost::json::value& value);
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

struct Parts {
  Members paths, schemas, responses, parameters;
  boost::json::array tags;
};

/// For whom the document is.
struct Reader {
  const sql::Relations& relations;
  Role role = Role::viewer;
  bool filters = true;  ///< Each column's filter is a parameter. There is an end to what a document can hold.

  /// Whether any column of it may be read.
  [[nodiscard]] bool sees(const sql::Relation& relation) const;
};

/// Names of what every document has, in its components. A dot is in no name of the app's.
inline constexpr std::string_view error_name = "bulkhead.error";
inline constexpr std::string_view problem_name = "bulkhead.problem";
inline constexpr std::string_view functions_tag = "functions", handlers_tag = "handlers";

/// A parameter that many operations share: `select`, `prefer.read`, …
[[nodiscard]] boost::json::object shared_parameter(std::string_view name);
/// `{media type: {"schema": …}}`
[[nodiscard]] boost::json::object content(std::string_view media, boost::json::object schema);
/// The first line of a comment is the summary, the rest the description, as PostgREST has it.
void add_comment(boost::json::object& operation, std::string_view comment);
/// The rows of a relation as an answer: `schema`, or an array of it.
[[nodiscard]] boost::json::object row_content(const boost::json::object& row);

/// Nothing if the role may not do anything with the relation.
void add_relation(Parts& parts, const Reader& reader, const sql::Relation& relation);
/// The overloads of one name, of which the role may execute one at least; they are one path.
void add_function(Parts& parts, const Reader& reader, std::span<const sql::Function> overloads);
/// The handlers' routes, which the role may use.
void add_handlers(Parts& parts, const std::vector<const Route*>& routes);

}  // namespace bulkhead::api::openapi
