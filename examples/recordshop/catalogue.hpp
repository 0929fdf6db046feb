#pragma once

#include <bulkhead/app.hpp>

namespace recordshop {

/// GET /v1/invoices/{invoice_id}: one invoice with its lines; `?lines=false` leaves them out.
bulkhead::Task<bulkhead::Result<bulkhead::Response>> invoice_with_lines(const bulkhead::Request& request,
                                                                        bulkhead::TenantSession& session);

/// GET /v1/catalogue.csv: all tracks with their prices, however many, a thousand at a time.
bulkhead::Task<bulkhead::Result<void>> catalogue(const bulkhead::Request& request,
                                                 bulkhead::TenantSession& session,
                                                 bulkhead::ResponseStream& stream);

/// POST /v1/prices: a form with a file `prices` of lines `track_id,unit_price`; all of them change, or none.
bulkhead::Task<bulkhead::Result<bulkhead::Response>> change_prices(const bulkhead::Request& request,
                                                                   bulkhead::TenantSession& session);

}  // namespace recordshop
