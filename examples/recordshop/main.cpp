#include <bulkhead/app.hpp>

#include "catalogue.hpp"
#include "checkout.hpp"
#include "descriptions.hpp"

// The record shop is its migrations (served as they are at /rest/v1) and these handlers.
int main(int argc, char** argv) {
  using bulkhead::Role;
  using std::chrono::seconds;
  bulkhead::App app;
  app.post("/v1/checkout", Role::member, recordshop::checkout).describe(recordshop::about_checkout());
  app.get("/v1/invoices/{invoice_id}", Role::viewer, recordshop::invoice_with_lines)
      .describe(recordshop::about_invoice());
  app.stream("/v1/catalogue.csv", Role::viewer, recordshop::catalogue, {{}, seconds(120)})
      .describe(recordshop::about_catalogue());
  app.post("/v1/prices", Role::admin, recordshop::change_prices, {4 * 1024 * 1024, seconds(30)})
      .describe(recordshop::about_prices());
  return app.run(argc, argv);
}
