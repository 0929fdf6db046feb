#include "checkout.hpp"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <bulkhead/json.hpp>
#include <bulkhead/query.hpp>

#include "schema.hpp"

namespace recordshop {
namespace {

using bulkhead::Decimal;
using bulkhead::Errc;
using bulkhead::Error;
using bulkhead::Response;
using bulkhead::Result;
using bulkhead::Task;

struct Line {
  std::int32_t invoice_line_id = 0, track_id = 0, quantity = 0;
  Decimal unit_price;
};

struct Invoice {
  std::int32_t invoice_id = 0, customer_id = 0;
  Decimal total;
  std::vector<Line> lines;
};

/// A whole number of the body between 1 and `most`.
Result<std::int32_t> positive(const boost::json::object& object, std::string_view key,
                              const std::string& where, std::int32_t most) {
  const boost::json::value* value = object.if_contains(key);
  const std::string name = where + std::string(key);
  if (value == nullptr) return Error(Errc::payload_invalid, name + " is missing");
  const std::int64_t* number = value->if_int64();
  if (number == nullptr || *number < 1 || *number > most)
    return Error(Errc::payload_invalid, name + " must be a whole number from 1 to " + std::to_string(most));
  return static_cast<std::int32_t>(*number);
}

Result<void> add_line(Order& order, const boost::json::value& value, const std::string& where) {
  const boost::json::object* line = value.if_object();
  if (line == nullptr) return Error(Errc::payload_invalid, where + " must be an object");
  BULKHEAD_TRY(const std::int32_t track_id,
               positive(*line, "track_id", where + ".", std::numeric_limits<std::int32_t>::max()));
  BULKHEAD_TRY(const std::int32_t quantity, positive(*line, "quantity", where + ".", Order::max_quantity));
  std::int32_t& sum = order.quantities[track_id];
  sum += quantity;
  if (sum > Order::max_quantity)
    return Error(Errc::payload_invalid, "more than " + std::to_string(Order::max_quantity) + " of track " +
                                            std::to_string(track_id) + " in all");
  return {};
}

/// A customer or track that is not there, or is another tenant's: the answer is one and the same.
Error unknown(std::string_view what, std::int32_t id) {
  return Error(Errc::payload_invalid, "there is no " + std::string(what) + " " + std::to_string(id));
}

using Prices = std::map<std::int32_t, Decimal>;

Task<Result<Prices>> read_prices(bulkhead::Transaction& transaction, const Order& order) {
  std::vector<std::int32_t> ids;
  for (const auto& [track_id, quantity] : order.quantities) ids.push_back(track_id);
  auto query = bulkhead::select(track.track_id, track.unit_price).from(track).where(track.track_id.in(ids));
  BULKHEAD_CO_TRY(const auto rows, co_await transaction.run(std::move(query)));
  Prices prices;
  for (const auto& row : rows) prices.emplace(row[track.track_id], row[track.unit_price]);
  for (std::int32_t id : ids)
    if (!prices.contains(id)) co_return unknown("track", id);
  co_return prices;
}

Task<Result<Invoice>> write_invoice(bulkhead::Transaction& transaction, const Order& order) {
  auto of_customer = bulkhead::select(customer.address, customer.city, customer.state, customer.country,
                                      customer.postal_code)
                         .from(customer)
                         .where(customer.customer_id == order.customer_id);
  BULKHEAD_CO_TRY(const auto customers, co_await transaction.run(std::move(of_customer)));
  if (customers.empty()) co_return unknown("customer", order.customer_id);
  const auto& billing = customers.front();
  BULKHEAD_CO_TRY(const Prices prices, co_await read_prices(transaction, order));

  Invoice made;
  made.customer_id = order.customer_id;
  for (const auto& [track_id, quantity] : order.quantities) {
    Line line;
    line.track_id = track_id;
    line.quantity = quantity;
    line.unit_price = prices.at(track_id);
    made.total = made.total + line.unit_price * quantity;
    made.lines.push_back(line);
  }

  auto new_invoice =
      bulkhead::insert_into(invoice)
          .set(invoice.customer_id = order.customer_id, invoice.billing_address = billing[customer.address],
               invoice.billing_city = billing[customer.city], invoice.billing_state = billing[customer.state],
               invoice.billing_country = billing[customer.country],
               invoice.billing_postal_code = billing[customer.postal_code], invoice.total = made.total)
          .returning(invoice.invoice_id);
  BULKHEAD_CO_TRY(const auto invoices, co_await transaction.run(std::move(new_invoice)));
  if (invoices.size() != 1) co_return Error(Errc::internal, "the invoice was not made");
  made.invoice_id = invoices.front()[invoice.invoice_id];

  auto new_lines = bulkhead::insert_into(invoice_line)
                       .columns(invoice_line.invoice_id, invoice_line.track_id, invoice_line.unit_price,
                                invoice_line.quantity);
  for (const Line& line : made.lines)
    new_lines.add(made.invoice_id, line.track_id, line.unit_price, line.quantity);
  auto returned = std::move(new_lines).returning(invoice_line.invoice_line_id, invoice_line.track_id);
  BULKHEAD_CO_TRY(const auto lines, co_await transaction.run(std::move(returned)));
  // Tracks are distinct, so they say which line is which; SQL promises no order.
  std::map<std::int32_t, std::int32_t> line_ids;
  for (const auto& row : lines) line_ids[row[invoice_line.track_id]] = row[invoice_line.invoice_line_id];
  for (Line& line : made.lines) line.invoice_line_id = line_ids[line.track_id];
  co_return made;
}

/// Money goes out as PostgreSQL's numbers do in the data API: a JSON number with its digits.
std::string to_json(const Invoice& made) {
  std::string out = "{\"invoice_id\":" + std::to_string(made.invoice_id) +
                    ",\"customer_id\":" + std::to_string(made.customer_id) +
                    ",\"total\":" + made.total.text() + ",\"lines\":[";
  for (const Line& line : made.lines) {
    if (&line != &made.lines.front()) out += ",";
    out += "{\"invoice_line_id\":" + std::to_string(line.invoice_line_id) +
           ",\"track_id\":" + std::to_string(line.track_id) + ",\"unit_price\":" + line.unit_price.text() +
           ",\"quantity\":" + std::to_string(line.quantity) + "}";
  }
  return out + "]}";
}

}  // namespace

Result<Order> parse_order(std::string_view body) {
  bulkhead::JsonLimits limits;
  limits.refuse_duplicate_keys = true;
  BULKHEAD_TRY(const boost::json::value document, bulkhead::parse_json(body, limits));
  const boost::json::object* object = document.if_object();
  if (object == nullptr) return Error(Errc::payload_invalid, "the body must be a JSON object");
  Order order;
  BULKHEAD_TRY(order.customer_id,
               positive(*object, "customer_id", "", std::numeric_limits<std::int32_t>::max()));
  const boost::json::value* lines = object->if_contains("lines");
  if (lines == nullptr || !lines->is_array() || lines->get_array().empty())
    return Error(Errc::payload_invalid, "lines must be an array of at least one line");
  const boost::json::array& array = lines->get_array();
  if (array.size() > Order::max_lines)
    return Error(Errc::payload_invalid, "lines must be no more than " + std::to_string(Order::max_lines));
  for (std::size_t i = 0; i < array.size(); ++i)
    BULKHEAD_CHECK(add_line(order, array[i], "lines[" + std::to_string(i) + "]"));
  return order;
}

Task<Result<Response>> checkout(const bulkhead::Request& request, bulkhead::TenantSession& session) {
  BULKHEAD_CO_TRY(const Order order, parse_order(request.body));
  // The order lives in this coroutine, which outlives the transaction's body.
  std::function<Task<Result<Invoice>>(bulkhead::Transaction&)> body =
      [&order](bulkhead::Transaction& transaction) { return write_invoice(transaction, order); };
  BULKHEAD_CO_TRY(const Invoice made, co_await session.transaction<Invoice>(std::move(body)));
  Response response;
  response.status = 201;
  response.content_type = "application/json; charset=utf-8";
  response.body = to_json(made);
  co_return response;
}

}  // namespace recordshop
