#pragma once

#include <cstdint>
#include <map>

#include <bulkhead/data.hpp>
#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>
#include <bulkhead/task.hpp>

namespace recordshop {

/// What a customer buys: at most `max_lines` tracks, 1 to `max_quantity` of each.
struct Order {
  static constexpr std::int64_t max_lines = 100;
  static constexpr std::int32_t max_quantity = 1000;

  std::int32_t customer_id = 0;
  std::map<std::int32_t, std::int32_t> quantities;  ///< By track; lines of one track are added up.
};

/// Reads the body of a checkout: {"customer_id": 5, "lines": [{"track_id": 1, "quantity": 2}]}.
/// Errors: `malformed_json`, `payload_invalid` with the place ("lines[0].quantity …").
/// What the body says, or all that is wrong with it.
bulkhead::Result<Order> read_order(const bulkhead::Request& request);

/// POST /v1/checkout: makes the invoice of an order with its lines, at today's prices and to the customer's
/// address, in one transaction. 201 with the invoice; nothing is written when anything is wrong.
bulkhead::Task<bulkhead::Result<bulkhead::Response>> checkout(const bulkhead::Request& request,
                                                              bulkhead::TenantSession& session);

}  // namespace recordshop
