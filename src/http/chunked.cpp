#include "http/chunked.hpp"

#include <boost/beast/http/basic_parser.hpp>

namespace bulkhead::http {

namespace beast = boost::beast;

struct ChunkedBody::Parser final : beast::http::basic_parser<true> {
  std::string* body = nullptr;

 private:
  using View = beast::string_view;
  void on_request_impl(beast::http::verb, View, View, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, View, View, beast::error_code&) override {}
  void on_response_impl(int, View, int, beast::error_code&) override {}
  void on_header_impl(beast::error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, beast::error_code&) override {}
  std::size_t on_body_impl(View data, beast::error_code&) override { return data.size(); }
  void on_chunk_header_impl(std::uint64_t, View, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View data, beast::error_code&) override {
    body->append(data.data(), data.size());
    return data.size();
  }
  void on_finish_impl(beast::error_code&) override {}
};

ChunkedBody::ChunkedBody(std::size_t limit, std::size_t overhead)
    : parser_(std::make_unique<Parser>()), limit_(limit), overhead_(overhead) {
  // Beast's parser wants a head before a body; the real one was checked elsewhere and does not matter here.
  static constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  parser_->body_limit(limit);
  parser_->eager(false);
  beast::error_code code;
  parser_->put(boost::asio::const_buffer(head.data(), head.size()), code);
  parser_->eager(true);
}

ChunkedBody::~ChunkedBody() = default;

bool ChunkedBody::done() const noexcept {
  return parser_->is_done();
}

std::size_t ChunkedBody::feed(std::string_view input, std::string& body) {
  parser_->body = &body;
  beast::error_code code;
  std::size_t used = 0;
  while (used < input.size() && !parser_->is_done() && !code)
    used += parser_->put(boost::asio::const_buffer(input.data() + used, input.size() - used), code);
  raw_ += used;
  if (code == beast::http::error::need_more) code = {};
  if (code == beast::http::error::body_limit) {
    refusal_ = Refusal{
        413, Error(Errc::body_too_large, "the body is larger than " + std::to_string(limit_) + " bytes")};
  } else if (code) {
    refusal_ =
        Refusal{400, Error(Errc::malformed_request, "the chunked body is malformed: " + code.message())};
  } else if (!parser_->is_done() && input.size() - used > overhead_) {
    refusal_ = Refusal{400, Error(Errc::malformed_request, "a chunk's line or the trailers are too long")};
  } else if (raw_ > 16 * body.size() + 64 * 1024) {
    // One-byte chunks need six bytes each; far more than that is an attempt to keep us busy.
    refusal_ = Refusal{400, Error(Errc::malformed_request, "the chunked body is nearly all framing")};
  }
  return used;
}

}  // namespace bulkhead::http
