#pragma once

#include <bulkhead/app.hpp>

/// What /openapi.json says of the shop's handlers.
namespace recordshop {

bulkhead::RouteDescription about_checkout();
bulkhead::RouteDescription about_invoice();
bulkhead::RouteDescription about_catalogue();
bulkhead::RouteDescription about_prices();

}  // namespace recordshop
