#include "api/rest/rest_api.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "api/rest/asked.hpp"
#include "api/rest/body.hpp"
#include "api/rest/call.hpp"
#include "api/rest/csv_writer.hpp"
#include "api/rest/error_details.hpp"
#include "api/rest/json_writer.hpp"
#include "api/rest/payload.hpp"
#include "api/rest/response_settings.hpp"
#include "api/rest/responses.hpp"
#include "api/rest/scanner.hpp"
#include "api/rest/server_timing.hpp"
#include "data/plane.hpp"

namespace bulkhead::api {

namespace {

using Return = Preferences::Return;

}  // namespace

std::string content_range(std::uint64_t lower, std::uint64_t rows,
                          const std::optional<std::uint64_t>& total) {
  std::string out = "*";
  if (rows > 0 && total != 0) out = std::to_string(lower) + "-" + std::to_string(lower + rows - 1);
  return out + "/" + (total ? std::to_string(*total) : "*");
}

Error not_singular(std::uint64_t rows) {
  return Error(Errc::not_singular, "Cannot coerce the result to a single JSON object")
      .details("The result contains " + std::to_string(rows) + " rows");
}

namespace {

// True if the filters name one row by its primary key, so that no limit is needed to bound the answer.
bool names_one_row(const statement::Condition& where, const sql::Relation& relation) {
  if (relation.primary_key.empty() || relation.view || where.kind != statement::Condition::Kind::all ||
      where.negated)
    return false;
  return std::all_of(
      relation.primary_key.begin(), relation.primary_key.end(), [&](const std::string& column) {
        return std::any_of(
            where.children.begin(), where.children.end(), [&](const statement::Condition& child) {
              return child.kind == statement::Condition::Kind::compare &&
                     child.op == statement::Operator::eq && !child.negated && child.column == column &&
                     child.path.empty() && child.quantifier == statement::Condition::Quantifier::none;
            });
      });
}

void write_body(Response& response, const QueryResult& result, Media media) {
  response.content_type = content_type(media);
  if (media.csv)
    append_csv(response.body, result.rows, *result.shape);
  else if (media.object)
    append_row(response.body, result.rows, *result.shape, 0, media.without_nulls);
  else
    append_rows(response.body, result.rows, *result.shape, media.without_nulls);
}

Applies applies(Method method) {
  switch (method) {
    case Method::post:
      return Applies::insert;
    case Method::put:
      return Applies::put;
    case Method::patch:
      return Applies::update;
    case Method::del:
      return Applies::remove;
    default:
      return Applies::read;
  }
}

void add_applied(Response& response, const Preferences& preferences, Applies to) {
  std::string applied = preferences_applied(preferences, to);
  if (!applied.empty()) response.headers.emplace_back("Preference-Applied", std::move(applied));
}

std::optional<std::uint64_t> counted(const Preferences& preferences, std::uint64_t rows) {
  return preferences.count ? std::optional<std::uint64_t>(rows) : std::nullopt;
}

}  // namespace

Response read_response(const QueryResult& result, Media media, std::uint64_t offset) {
  const std::uint64_t rows = result.rows.size();
  const std::optional<std::uint64_t>& total = result.total_count;
  Response response;
  if (total && offset > *total) {
    response = error_response(Error(Errc::range_not_satisfiable, "Requested range not satisfiable")
                                  .details("An offset of " + std::to_string(offset) +
                                           " was requested, but there are only " + std::to_string(*total) +
                                           " rows."));
  } else if (media.object && rows != 1) {
    return error_response(not_singular(rows));
  } else {
    if (total && rows < *total) response.status = 206;
    write_body(response, result, media);
  }
  response.headers.emplace_back("Content-Range", content_range(offset, rows, total));
  return response;
}

namespace {

// What a write returns: the representation, the keys for `Location`, or nothing.
std::optional<std::vector<statement::Output>> returning(const Asked& asked, bool insert) {
  if (asked.preferences.representation == Return::representation) return asked.query.select.outputs;
  if (!insert || asked.preferences.representation != Return::headers_only ||
      asked.relation->primary_key.empty())
    return std::nullopt;
  std::vector<statement::Output> keys;
  for (const std::string& column : asked.relation->primary_key) keys.emplace_back().column = column;
  return keys;
}

std::string percent_encoded(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                 c == '_' || c == '.' || c == '~';
    if (plain)
      out.push_back(c);
    else
      out.append("%").append(1, hex[byte >> 4]).append(1, hex[byte & 15]);
  }
  return out;
}

std::string location(const Asked& asked, const Rows& rows) {
  std::string out = "/" + percent_encoded(asked.relation->name);
  for (std::size_t i = 0; i < asked.relation->primary_key.size(); ++i) {
    out.append(i == 0 ? "?" : "&").append(percent_encoded(asked.relation->primary_key[i])).append("=eq.");
    out.append(percent_encoded(rows.text(0, i)));
  }
  return out;
}

// An upsert that found every row is no creation.
unsigned write_status(const Asked& asked, std::uint64_t inserted, Method method) {
  const bool shows = asked.preferences.representation == Return::representation;
  if (method == Method::post)
    return inserted == 0 && asked.preferences.resolution == Preferences::Resolution::merge ? 200 : 201;
  if (!shows) return 204;
  return method == Method::put && inserted > 0 ? 201 : 200;
}

// The answer to a write that changed nothing because nothing was asked: `[]` or `{}` as a body.
Response nothing_written(const Asked& asked, Method method) {
  const bool shows = asked.preferences.representation == Return::representation;
  if (asked.media.object) return error_response(not_singular(0));
  Response response;
  response.status = write_status(asked, 0, method);
  if (shows) {
    response.content_type = content_type(asked.media);
    response.body = "[]";
  }
  response.headers.emplace_back("Content-Range", content_range(0, 0, counted(asked.preferences, 0)));
  add_applied(response, asked.preferences, applies(method));
  return response;
}

Response write_response(const Asked& asked, const QueryResult& result, Method method) {
  const bool shows = asked.preferences.representation == Return::representation;
  // An INSERT through a CTE reports its rows as a SELECT does, so both counts are of the rows written.
  const std::uint64_t rows = result.rows.affected();
  if (asked.media.object && rows != 1) return error_response(not_singular(rows));
  Response response;
  response.status = write_status(asked, result.inserted.value_or(rows), method);
  if (shows) write_body(response, result, asked.media);
  if (method == Method::post && asked.preferences.representation == Return::headers_only && rows == 1 &&
      !asked.relation->primary_key.empty())
    response.headers.emplace_back("Location", location(asked, result.rows));
  if (method != Method::put)
    response.headers.emplace_back("Content-Range", content_range(0, method == Method::patch ? rows : 0,
                                                                 counted(asked.preferences, rows)));
  add_applied(response, asked.preferences, applies(method));
  return response;
}

// How many rows a PATCH or DELETE may touch before it is undone.
std::optional<std::uint64_t> at_most(const Asked& asked) {
  const std::optional<std::uint64_t> most = most_affected(asked.preferences);
  if (!asked.media.object) return most;
  return std::min<std::uint64_t>(most.value_or(1), 1);
}

// A range on a write would look as if it bounded what is changed, and it does not. One row at most is no range,
// where the filters or the media type say the same.
Result<void> refuse_range(const Asked& asked) {
  const statement::Select& select = asked.query.select;
  if (!select.limit && !select.offset) return {};
  if (!select.offset && *select.limit > 0 &&
      (asked.media.object || names_one_row(select.where, *asked.relation)))
    return {};
  return Error(Errc::filter_malformed, "limit and offset do not bound a PATCH or DELETE")
      .hint("Name the rows with filters, or bound them with Prefer: handling=strict, max-affected=1.");
}

// A relation without a key has no duplicates: it is a plain insert, and the preference was not applied.
std::optional<statement::Conflict> conflict(Asked& asked) {
  using Resolution = Preferences::Resolution;
  if (asked.relation->primary_key.empty() && asked.query.on_conflict.empty())
    asked.preferences.resolution = Resolution::unset;
  if (asked.preferences.resolution == Resolution::unset) return std::nullopt;
  statement::Conflict found;
  found.merge = asked.preferences.resolution == Resolution::merge;
  found.columns = std::move(asked.query.on_conflict);
  return found;
}

// A PUT is of one row, which its filters name by the primary key and nothing else.
Result<void> check_put(const Asked& asked) {
  const statement::Select& select = asked.query.select;
  if (select.limit || select.offset)
    return Error(Errc::filter_malformed, "limit/offset querystring parameters are not allowed for PUT")
        .sqlstate("PGRST114");
  if (!names_one_row(select.where, *asked.relation) ||
      select.where.children.size() != asked.relation->primary_key.size())
    return Error(Errc::method_not_allowed,
                 "Filters must include all and only primary key columns with 'eq' operators")
        .sqlstate("PGRST105");
  return {};
}

Error put_mismatch() {
  return Error(Errc::payload_invalid, "Payload values do not match URL in primary key column(s)")
      .sqlstate("PGRST115");
}

}  // namespace

Error bounded_error(const Preferences& preferences, bool object, const Error& error) {
  const std::optional<std::uint64_t> most = most_affected(preferences);
  if (error.code() != Errc::not_singular || !most || (object && *most > 0)) return error;
  const std::string_view told = error.details();
  const std::size_t begin = std::min(told.find_first_of("0123456789"), told.size());
  const std::string rows(told.substr(begin, told.find_first_not_of("0123456789", begin) - begin));
  return Error(Errc::filter_malformed, "Query result exceeds max-affected preference constraint")
      .sqlstate("PGRST124")
      .details("The query affects " + rows + " rows");
}

namespace {

SentRow sent_row(const Request& request, const statement::Condition& where) {
  SentRow sent;
  const auto type = body_type(request, false);
  if (request.method != Method::del && type.has_value() && *type == BodyType::json) sent.json = request.body;
  sent.where = &where;
  return sent;
}

// What a relation or function takes, without doing it.
Response methods_of(std::string allowed) {
  Response response;
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

std::string methods(const sql::Relation& relation) {
  // Views and the tables that all tenants share are read.
  if (relation.view || !relation.tenant) return "OPTIONS,GET,HEAD";
  return relation.primary_key.empty() ? "OPTIONS,GET,HEAD,POST,PATCH,DELETE"
                                      : "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE";
}

// Whoever named the schema is told which one it was.
void add_profile(const Request& request, Response& response) {
  const bool named = request.header("accept-profile") || request.header("content-profile");
  if (named && !response.error && !response.content_type.empty())
    response.headers.emplace_back("Content-Profile", sql::api_schema);
}

// As PostgreSQL's refusal of the setting is told (data/failure.cpp).
bool is_unknown_timezone(const Error& error) {
  return error.sqlstate() == "22023" && error.message().starts_with("invalid value for parameter");
}

}  // namespace

struct RestApi::Impl {
  RestSettings settings;

  [[nodiscard]] Task<Response> handle_relation(const Request& request, TenantSession& session,
                                               data::TargetRef target, std::string_view relation,
                                               ServerTiming& timing) const;
  [[nodiscard]] Task<Response> handle_call(const Request& request, TenantSession& session,
                                           data::TargetRef target, std::string_view segment,
                                           ServerTiming& timing) const;
  /// A timezone that is none is taken out of the preferences.
  [[nodiscard]] Task<Result<QueryResult>> run(TenantSession& session, Preferences& preferences,
                                              statement::Statement statement) const;
  [[nodiscard]] Response failed(const Error& error) const {
    if (error.sqlstate() == "PGRST") return raised_response(error, settings.response_headers);
    return error_response(error);
  }

  [[nodiscard]] Result<statement::Statement> read(Asked& asked) const {
    statement::Select& select = asked.query.select;
    select.exact_count = asked.preferences.count;
    select.aggregates = settings.aggregates;
    select.embed_limit = settings.max_rows;
    select.plain = asked.media.csv;
    if (select.limit || !names_one_row(select.where, *asked.relation))
      select.limit = std::min<std::uint64_t>(select.limit.value_or(settings.max_rows), settings.max_rows);
    return statement::Statement(std::move(select));
  }

  [[nodiscard]] Result<std::optional<statement::Statement>> insert(Asked& asked,
                                                                   const Request& request) const {
    std::string made;
    bool as_sent = true;
    BULKHEAD_TRY(const std::string_view body, json_body(request, made, as_sent));
    if (!as_sent) asked.query.columns.reset();
    std::size_t rows = 0;
    BULKHEAD_TRY(statement::Insert insert,
                 parse_insert(*asked.relation, body, asked.query.columns, asked.preferences.missing_default,
                              rows, settings.json_depth));
    if (rows == 0) return std::optional<statement::Statement>();
    // Known before it is tried, so nothing has to be undone.
    if (rows != 1 && asked.media.object) return not_singular(rows);
    insert.conflict = conflict(asked);
    insert.returning = returning(asked, true);
    insert.order = std::move(asked.query.select.order);
    return std::optional<statement::Statement>(std::move(insert));
  }

  [[nodiscard]] Result<std::optional<statement::Statement>> put(Asked& asked, const Request& request) const {
    BULKHEAD_CHECK(check_put(asked));
    std::string made;
    bool as_sent = true;
    BULKHEAD_TRY(const std::string_view body, json_body(request, made, as_sent));
    BULKHEAD_TRY(statement::Insert insert, parse_put(*asked.relation, body, settings.json_depth));
    for (const std::string& key : asked.relation->primary_key)
      if (std::find(insert.columns.begin(), insert.columns.end(), key) == insert.columns.end())
        return put_mismatch();
    insert.conflict = statement::Conflict{true, {}};
    insert.where = std::move(asked.query.select.where);
    insert.returning = returning(asked, false);
    insert.order = std::move(asked.query.select.order);
    return std::optional<statement::Statement>(std::move(insert));
  }

  [[nodiscard]] Result<std::optional<statement::Statement>> update(Asked& asked,
                                                                   const Request& request) const {
    BULKHEAD_CHECK(refuse_range(asked));
    std::string made;
    bool as_sent = true;
    BULKHEAD_TRY(const std::string_view body, json_body(request, made, as_sent));
    if (!as_sent) asked.query.columns.reset();
    BULKHEAD_TRY(statement::Update update,
                 parse_update(*asked.relation, body, asked.query.columns, asked.preferences.missing_default,
                              settings.json_depth));
    if (update.assignments.empty()) return std::optional<statement::Statement>();
    update.returning = returning(asked, false);
    update.where = which_rows(asked);
    update.order = std::move(asked.query.select.order);
    update.at_most = at_most(asked);
    return std::optional<statement::Statement>(std::move(update));
  }

  /// All of them have to be meant: a filter that was forgotten is none.
  [[nodiscard]] statement::Condition which_rows(Asked& asked) const {
    statement::Condition where = std::move(asked.query.select.where);
    if (where.empty() && settings.unfiltered_writes) where.children.emplace_back();
    return where;
  }

  [[nodiscard]] Result<std::optional<statement::Statement>> remove(Asked& asked) const {
    BULKHEAD_CHECK(refuse_range(asked));
    statement::Delete remove;
    remove.relation = asked.relation->name;
    remove.returning = returning(asked, false);
    remove.where = which_rows(asked);
    remove.order = std::move(asked.query.select.order);
    remove.at_most = at_most(asked);
    return std::optional<statement::Statement>(std::move(remove));
  }

  [[nodiscard]] Result<std::optional<statement::Statement>> write(Asked& asked,
                                                                  const Request& request) const {
    switch (request.method) {
      case Method::post:
        return insert(asked, request);
      case Method::put:
        return put(asked, request);
      case Method::patch:
        return update(asked, request);
      default:
        return remove(asked);
    }
  }
};

Error unsupported_method(Method method) {
  std::string message = "Unsupported HTTP method";
  if (method != Method::other) message.append(": ").append(method_name(method));
  return Error(Errc::method_not_allowed, std::move(message));
}

namespace {

Response options(const data::Target& target, std::string_view segment) {
  if (is_call(segment)) {
    const auto name = decode_segment(segment.substr(segment.find('/') + 1));
    const auto overloads =
        name.has_value() ? target.relations->overloads(*name) : std::span<const sql::Function>();
    if (overloads.empty())
      return error_response(Error(Errc::relation_unknown, "there is no such function").sqlstate("PGRST202"));
    return methods_of(overloads.front().is_volatile ? "OPTIONS,POST" : "OPTIONS,GET,HEAD,POST");
  }
  const auto name = decode_segment(segment);
  if (name.has_error()) return error_response(name.error());
  const sql::Relation* relation = target.relations->find(*name);
  if (!relation) return error_response(unknown_relation(*target.relations, *name));
  return methods_of(methods(*relation));
}

}  // namespace

RestApi::RestApi(RestSettings settings) : impl_(new Impl{std::move(settings)}) {
  if (impl_->settings.response_headers.empty()) impl_->settings.response_headers = usual_headers();
}
RestApi::~RestApi() = default;

bool RestApi::tells_times() const noexcept {
  return impl_->settings.server_timing;
}

Task<Response> RestApi::handle(const Request& request, TenantSession& session, std::string_view relation) {
  ServerTiming timing(impl_->settings.server_timing);
  data::Plane& plane = data::SessionAccess::plane(session);
  data::TargetRef target = plane.known(session.context());
  if (!target) {
    auto learned = co_await plane.learn(session.context());
    if (learned.has_error()) co_return error_response(learned.error());
    target = std::move(*learned);
  }
  Response response;
  if (request.method == Method::options) {
    response = options(*target, relation);
    timing.ended("parse");
    timing.ended("response");
  } else if (is_call(relation)) {
    response = co_await impl_->handle_call(request, session, target, relation, timing);
  } else {
    response = co_await impl_->handle_relation(request, session, target, relation, timing);
  }
  add_profile(request, response);
  if (!timing.header().empty()) response.headers.emplace_back("Server-Timing", timing.header());
  co_return response;
}

Task<Response> RestApi::Impl::handle_relation(const Request& request, TenantSession& session,
                                              data::TargetRef target, std::string_view relation,
                                              ServerTiming& timing) const {
  const Method method = request.method;
  const bool reads = method == Method::get || method == Method::head;
  if (method == Method::other) co_return error_response(unsupported_method(method));
  auto asked = read_request(request, target->relations, relation, settings.choose_transaction);
  if (asked.has_error() && data::Target::concerns_tables(asked.error())) {
    // A migration may have made it a moment ago.
    auto now = co_await data::SessionAccess::plane(session).confirm(session.context(), target);
    if (now.has_value() && (*now)->version != target->version)
      asked = read_request(request, (*now)->relations, relation, settings.choose_transaction);
  }
  timing.ended("parse");
  if (asked.has_error()) co_return error_response(asked.error());
  if (reads) {
    auto statement = read(*asked);
    timing.ended("plan");
    if (statement.has_error()) co_return error_response(statement.error());
    const std::uint64_t offset = std::get<statement::Select>(*statement).offset.value_or(0);
    auto result = co_await run(session, asked->preferences, std::move(*statement));
    timing.ended("transaction");
    if (result.has_error()) co_return failed(result.error());
    Response response = read_response(*result, asked->media, offset);
    add_applied(response, asked->preferences, applies(method));
    timing.ended("response");
    co_return response;  // HEAD's body, too: its length is told, and it is not sent
  }

  const statement::Condition where = asked->query.select.where;  // for the error's sake
  auto statement = write(*asked, request);
  timing.ended("plan");
  if (statement.has_error()) co_return error_response(statement.error());
  if (!statement->has_value()) co_return nothing_written(*asked, method);
  auto result = co_await run(session, asked->preferences, std::move(**statement));
  timing.ended("transaction");
  if (result.has_error()) {
    const Error bounded = bounded_error(asked->preferences, asked->media.object, result.error());
    co_return failed(
        with_key_details(bounded, *asked->relations, *asked->relation, sent_row(request, where)));
  }
  if (method == Method::put && result->rows.affected() != 1) co_return error_response(put_mismatch());
  Response response = write_response(*asked, *result, method);
  apply_response_settings(response, *result, settings.response_headers);
  timing.ended("response");
  co_return response;
}

Task<Response> RestApi::Impl::handle_call(const Request& request, TenantSession& session,
                                          data::TargetRef target, std::string_view segment,
                                          ServerTiming& timing) const {
  auto asked = read_call(request, target->relations, segment, settings);
  if (asked.has_error() && data::Target::concerns_tables(asked.error())) {
    auto now = co_await data::SessionAccess::plane(session).confirm(session.context(), target);
    if (now.has_value() && (*now)->version != target->version)
      asked = read_call(request, (*now)->relations, segment, settings);
  }
  timing.ended("parse");
  if (asked.has_error()) co_return error_response(asked.error());
  statement::Statement statement(asked->call);
  timing.ended("plan");
  auto result = co_await run(session, asked->preferences, std::move(statement));
  timing.ended("transaction");
  if (result.has_error())
    co_return failed(bounded_error(asked->preferences, asked->media.object, result.error()));
  Response response = call_response(*asked, *result);
  if (!response.error) add_applied(response, asked->preferences, Applies::call);
  apply_response_settings(response, *result, settings.response_headers);
  timing.ended("response");
  co_return response;
}

Task<Result<QueryResult>> RestApi::Impl::run(TenantSession& session, Preferences& preferences,
                                             statement::Statement statement) const {
  using Transaction = Preferences::Transaction;
  data::Plane& plane = data::SessionAccess::plane(session);
  data::RunOptions options;
  options.timezone = preferences.timezone;
  options.undo = preferences.transaction == Transaction::unset
                     ? settings.rollback
                     : preferences.transaction == Transaction::rollback;
  if (options.timezone.empty())
    co_return co_await plane.run(session.context(), std::move(statement), options);
  auto result = co_await plane.run(session.context(), statement, options);
  if (result.has_value() || !is_unknown_timezone(result.error())) co_return result;
  if (preferences.handling == Preferences::Handling::strict)
    co_return invalid_preferences("timezone=" + preferences.timezone);
  // Nothing of it was done; a preference that cannot be met is left out.
  preferences.timezone.clear();
  options.timezone.clear();
  co_return co_await plane.run(session.context(), std::move(statement), options);
}

}  // namespace bulkhead::api
