#include "catalogue.hpp"

#include <charconv>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <bulkhead/input.hpp>
#include <bulkhead/json.hpp>
#include <bulkhead/multipart.hpp>
#include <bulkhead/query.hpp>

#include "schema.hpp"

namespace recordshop {
namespace {

using bulkhead::Decimal;
using bulkhead::Errc;
using bulkhead::Error;
using bulkhead::Request;
using bulkhead::Response;
using bulkhead::Result;
using bulkhead::Task;

constexpr std::uint64_t page = 1000;
constexpr std::size_t most_prices = 10'000;

/// RFC 4180: quoted, for a name may hold commas and line ends.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

struct Price {
  std::int32_t track_id = 0;
  Decimal unit_price;
};

Result<Price> read_price(std::string_view line, std::size_t number) {
  const std::size_t comma = line.find(',');
  const std::string_view id = line.substr(0, comma);
  Price price;
  const auto [end, code] = std::from_chars(id.data(), id.data() + id.size(), price.track_id);
  const auto amount = comma == std::string_view::npos ? std::nullopt : Decimal::parse(line.substr(comma + 1));
  if (code != std::errc() || end != id.data() + id.size() || !amount || *amount < Decimal())
    return Error(Errc::payload_invalid, "line " + std::to_string(number) + " is not track_id,unit_price");
  price.unit_price = *amount;
  return price;
}

Result<std::vector<Price>> read_prices(std::string_view text) {
  std::vector<Price> prices;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (prices.size() == most_prices)
      return Error(Errc::payload_invalid, "more than " + std::to_string(most_prices) + " prices");
    BULKHEAD_TRY(const Price price, read_price(line, number));
    prices.push_back(price);
  }
  return prices;
}

Result<std::vector<Price>> prices_of(const Request& request) {
  BULKHEAD_TRY(const auto parts, bulkhead::read_form(request));
  for (const bulkhead::FormPart& part : parts)
    if (part.name == "prices") return read_prices(part.data);
  return Error(Errc::payload_invalid, "the form has no file \"prices\"");
}

Task<Result<std::size_t>> write_prices(bulkhead::Transaction& transaction, const std::vector<Price>& prices) {
  for (const Price& price : prices) {
    auto change = bulkhead::update(track)
                      .set(track.unit_price = price.unit_price)
                      .where(track.track_id == price.track_id);
    BULKHEAD_CO_TRY(const auto changed, co_await transaction.run(std::move(change)));
    if (changed == 0)
      co_return Error(Errc::payload_invalid, "there is no track " + std::to_string(price.track_id));
  }
  co_return prices.size();
}

Response head_of_csv() {
  Response head;
  head.content_type = "text/csv; charset=utf-8";
  head.headers.emplace_back("Content-Disposition", "attachment; filename=\"catalogue.csv\"");
  head.body = "track_id,name,unit_price\r\n";
  return head;
}

}  // namespace

Task<Result<Response>> invoice_with_lines(const Request& request, bulkhead::TenantSession& session) {
  bulkhead::Input input(request);
  const auto id = input.path<std::int32_t>("invoice_id", bulkhead::at_least(1));
  const bool with_lines = input.query<bool>("lines").value_or(true);
  BULKHEAD_CO_CHECK(input.check());

  auto of_invoice =
      bulkhead::select(invoice.customer_id, invoice.total).from(invoice).where(invoice.invoice_id == id);
  BULKHEAD_CO_TRY(const auto invoices, co_await session.run(std::move(of_invoice)));
  // Another tenant's is as good as none: the query does not see it.
  if (invoices.empty()) co_return Error(Errc::route_not_found, "there is no such invoice");
  Response response;
  response.content_type = "application/json; charset=utf-8";
  response.body = "{\"invoice_id\":" + std::to_string(id) +
                  ",\"customer_id\":" + std::to_string(invoices.front()[invoice.customer_id]) +
                  ",\"total\":" + invoices.front()[invoice.total].text();
  if (with_lines) {
    auto of_lines = bulkhead::select(invoice_line.track_id, invoice_line.unit_price, invoice_line.quantity)
                        .from(invoice_line)
                        .where(invoice_line.invoice_id == id)
                        .order_by(invoice_line.invoice_line_id.asc());
    BULKHEAD_CO_TRY(const auto lines, co_await session.run(std::move(of_lines)));
    response.body += ",\"lines\":[";
    for (const auto& line : lines) {
      if (response.body.back() == '}') response.body += ",";
      response.body += "{\"track_id\":" + std::to_string(line[invoice_line.track_id]) +
                       ",\"unit_price\":" + line[invoice_line.unit_price].text() +
                       ",\"quantity\":" + std::to_string(line[invoice_line.quantity]) + "}";
    }
    response.body += "]";
  }
  response.body += "}";
  co_return response;
}

Task<Result<void>> catalogue(const Request&, bulkhead::TenantSession& session,
                             bulkhead::ResponseStream& stream) {
  std::int32_t last = 0;
  for (bool more = true; more;) {
    auto query = bulkhead::select(track.track_id, track.name, track.unit_price)
                     .from(track)
                     .where(track.track_id > last)
                     .order_by(track.track_id.asc())
                     .limit(page);
    BULKHEAD_CO_TRY(const auto rows, co_await session.run(std::move(query)));
    std::string piece;
    for (const auto& row : rows)
      piece += std::to_string(row[track.track_id]) + "," + quoted(row[track.name]) + "," +
               row[track.unit_price].text() + "\r\n";
    // Not before the first page is there: until then a failure is an error, and no half of a file.
    if (!stream.begun()) BULKHEAD_CO_CHECK(co_await stream.begin(head_of_csv()));
    BULKHEAD_CO_CHECK(co_await stream.write(piece));
    more = rows.size() == page;
    if (more) last = rows.back()[track.track_id];
  }
  co_return Result<void>();
}

Task<Result<Response>> change_prices(const Request& request, bulkhead::TenantSession& session) {
  BULKHEAD_CO_TRY(const std::vector<Price> prices, prices_of(request));
  std::function<Task<Result<std::size_t>>(bulkhead::Transaction&)> body =
      [&prices](bulkhead::Transaction& transaction) { return write_prices(transaction, prices); };
  BULKHEAD_CO_TRY(const std::size_t changed, co_await session.transaction<std::size_t>(std::move(body)));
  Response response;
  response.content_type = "application/json; charset=utf-8";
  response.body = "{\"changed\":" + std::to_string(changed) + "}";
  co_return response;
}

}  // namespace recordshop
