#include "descriptions.hpp"

namespace recordshop {

using bulkhead::RouteDescription;

RouteDescription about_checkout() {
  return {.summary = "Makes the invoice of an order",
          .details =
              "At today's prices and to the customer's address. Nothing is written when anything is wrong.",
          .request = R"({
            "type": "object", "required": ["customer_id", "lines"], "additionalProperties": false,
            "properties": {
              "customer_id": {"type": "integer", "minimum": 1},
              "lines": {"type": "array", "minItems": 1, "maxItems": 100, "items": {
                "type": "object", "required": ["track_id", "quantity"], "additionalProperties": false,
                "properties": {
                  "track_id": {"type": "integer", "minimum": 1},
                  "quantity": {"type": "integer", "minimum": 1, "maximum": 1000}}}}}})",
          .response = R"({
            "type": "object", "required": ["invoice_id", "customer_id", "total", "lines"],
            "properties": {
              "invoice_id": {"type": "integer"}, "customer_id": {"type": "integer"}, "total": {"type": "number"},
              "lines": {"type": "array", "items": {
                "type": "object", "required": ["invoice_line_id", "track_id", "unit_price", "quantity"],
                "properties": {
                  "invoice_line_id": {"type": "integer"}, "track_id": {"type": "integer"},
                  "unit_price": {"type": "number"}, "quantity": {"type": "integer"}}}}}})",
          .status = 201};
}

RouteDescription about_invoice() {
  return {.summary = "An invoice with its lines",
          .query = R"({"lines": {"type": "boolean", "default": true}})",
          .response = R"({
            "type": "object", "required": ["invoice_id", "customer_id", "total"],
            "properties": {
              "invoice_id": {"type": "integer"}, "customer_id": {"type": "integer"}, "total": {"type": "number"},
              "lines": {"type": "array", "items": {
                "type": "object", "required": ["track_id", "unit_price", "quantity"],
                "properties": {
                  "track_id": {"type": "integer"}, "unit_price": {"type": "number"},
                  "quantity": {"type": "integer"}}}}}})"};
}

RouteDescription about_catalogue() {
  return {.summary = "Everything that the shop sells",
          .response = R"({"type": "string"})",
          .response_type = "text/csv"};
}

RouteDescription about_prices() {
  return {
      .summary = "Changes prices, all of them or none",
      .details = "`prices` is a file of lines `track_id,unit_price`.",
      .request =
          R"({"type": "object", "required": ["prices"], "properties": {"prices": {"type": "string"}}})",
      .response =
          R"({"type": "object", "required": ["changed"], "properties": {"changed": {"type": "integer"}}})",
      .request_type = "multipart/form-data"};
}

}  // namespace recordshop
