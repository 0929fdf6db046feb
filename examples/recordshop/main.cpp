#include <bulkhead/app.hpp>

#include "checkout.hpp"

// The record shop is its migrations (served as they are at /rest/v1) and this one handler.
int main(int argc, char** argv) {
  bulkhead::App app;
  app.post("/v1/checkout", bulkhead::Role::member, recordshop::checkout);
  return app.run(argc, argv);
}
