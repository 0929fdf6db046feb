#include "checkout.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/input.hpp>
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

Result<Order> read_order(const bulkhead::Request& request) {
  using bulkhead::at_least, bulkhead::between;
  bulkhead::Input input(request);
  bulkhead::Fields body = input.body();
  Order order;
  order.customer_id = body.required<std::int32_t>("customer_id", at_least(1));
  body.each("lines", between(1, Order::max_lines), [&](bulkhead::Fields& line) {
    const auto track_id = line.required<std::int32_t>("track_id", at_least(1));
    const auto quantity = line.required<std::int32_t>("quantity", between(1, Order::max_quantity));
    std::int32_t& sum = order.quantities[track_id];
    sum += quantity;
    if (sum > Order::max_quantity)
      line.problem("quantity", "makes more than " + std::to_string(Order::max_quantity) + " of this track");
  });
  BULKHEAD_CHECK(input.check());
  return order;
}

Task<Result<Response>> checkout(const bulkhead::Request& request, bulkhead::TenantSession& session) {
  BULKHEAD_CO_TRY(const Order order, read_order(request));
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
