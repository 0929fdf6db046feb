#include "http/connection.hpp"

#include <array>
#include <cstring>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include "base/problem.hpp"

namespace bulkhead::http {

namespace asio = boost::asio;

namespace {

constexpr std::size_t first_capacity = 4 * 1024;
/// Above this, an answer's body is sent from where it is instead of being copied behind its head.
constexpr std::size_t gather_above = 16 * 1024;
/// A buffer that one large request has grown is given back rather than kept for the connection's life.
constexpr std::size_t keep_capacity = 256 * 1024;
constexpr std::size_t read_step = 64 * 1024;
constexpr std::chrono::seconds linger_time{2};
constexpr std::uint64_t ticks_per_second = 4;

void give_back(std::string& buffer) {
  if (buffer.capacity() > keep_capacity) std::string().swap(buffer);
  buffer.clear();
}

Response failed() {
  return problem_response(Error());
}

}  // namespace

void InputBuffer::consume(std::size_t bytes) noexcept {
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

asio::mutable_buffer InputBuffer::room() {
  if (end_ == capacity_) {
    std::size_t size = end_ - begin_;
    if (size * 2 <= capacity_ && capacity_ != 0) {
      std::memmove(data_.get(), data_.get() + begin_, size);
    } else {
      std::size_t grown = capacity_ == 0 ? first_capacity : capacity_ * 2;
      auto larger = std::make_unique_for_overwrite<char[]>(grown);
      if (size != 0) std::memcpy(larger.get(), data_.get() + begin_, size);
      data_ = std::move(larger);
      capacity_ = grown;
    }
    begin_ = 0;
    end_ = size;
  }
  return asio::mutable_buffer(data_.get() + end_, capacity_ - end_);
}

void InputBuffer::assign(std::string_view text) {
  if (text.size() > capacity_) {
    data_ = std::make_unique_for_overwrite<char[]>(text.size());
    capacity_ = text.size();
  }
  if (!text.empty()) std::memcpy(data_.get(), text.data(), text.size());
  begin_ = 0;
  end_ = text.size();
}

Connection::Connection(Socket socket, std::shared_ptr<Shared> shared)
    : socket_(std::move(socket)), shared_(std::move(shared)) {
  boost::system::error_code ignored;
  auto address = socket_.remote_endpoint(ignored).address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  peer_ = address.to_string();
  peer_is_loopback_ = address.is_loopback();
  peer_is_proxy_ = shared_->proxies.has(address);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  // Sends are tried at once on this thread; only what the kernel does not take is waited for.
  socket_.non_blocking(true, ignored);
  shared_->open.push_front(this);
  place_ = shared_->open.begin();
  shared_->accepted += 1;
  shared_->connections += 1;
}

Connection::~Connection() {
  shared_->open.erase(place_);
  shared_->connections -= 1;
  shared_->slot_free.cancel();
  if (shared_->open.empty()) shared_->emptied.cancel();
}

Task<void> Connection::run(std::unique_ptr<Connection> self) {
  co_await self->converse();
}

void Connection::enter(Stage stage, std::chrono::seconds limit) {
  stage_ = stage;
  timed_out_ = false;
  expires_ = shared_->tick + static_cast<std::uint64_t>(limit.count()) * ticks_per_second + 1;
}

void Connection::enter_handler() noexcept {
  stage_ = Stage::handler;
  timed_out_ = false;
  expires_ = never;  // The request's own deadline rules there.
}

void Connection::check_time() {
  if (shared_->tick < expires_) return;
  // Again at the next tick, until the stage is over: a read that has completed, but was not yet looked at, is
  // beyond cancelling, and the next one is not begun.
  expires_ = shared_->tick + 1;
  timed_out_ = true;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::close_if_idle() {
  if (stage_ == Stage::idle) close_now();
}

void Connection::close_now() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Task<std::size_t> Connection::receive(asio::mutable_buffer space) {
  boost::system::error_code code;
  std::size_t got = co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
  co_return code || timed_out_ ? 0 : got;
}

Task<void> Connection::converse() {
  for (;;) {
    scanner_ = HeadScanner();
    head_only_ = false;
    std::optional<Refusal> refusal;
    enter(Stage::idle, first_ ? shared_->limits.header_timeout : shared_->limits.idle_timeout);
    while (scan_head(refusal) == HeadScanner::State::more) {
      // In this frame and not in `receive()`: this is the one wait that every request passes.
      boost::system::error_code code;
      auto space = input_.room();
      std::size_t got =
          co_await socket_.async_read_some(space, asio::redirect_error(asio::use_awaitable, code));
      if (code || timed_out_) {
        co_await nothing_came();
        co_return;
      }
      input_.received(got);
    }
    if (!refusal) refusal = begin_request();
    if (refusal) {
      co_await refuse(std::move(*refusal));
      co_return;
    }
    if (body_is_here()) {
      take_body_from_input();
    } else {
      Next next = co_await receive_body();
      if (next == Next::hang_up) co_return;
    }
    streaming_ = false;
    Response response = co_await answer();
    head_.request.stream = nullptr;
    if (streaming_) {
      Next next = co_await end_stream(response);
      if (next == Next::hang_up) {
        const bool unread = response.streamed && (input_.text().size() > used_ || !leftover_.empty());
        if (unread) co_await linger();
        co_return;
      }
      finish_request();
      continue;
    }
    Framing framing;
    framing.head = head_only_;
    framing.http11 = head_.http11;
    framing.keep_alive = head_.keep_alive && !response.close && !shared_->draining;
    if (!begin_send(response, framing)) {
      Next next = co_await finish_send();
      if (next == Next::hang_up) co_return;
    }
    if (!framing.keep_alive) {
      // Bytes behind this request would turn the close into a reset, which can overtake the answer.
      bool unread = input_.text().size() > used_ || !leftover_.empty();
      if (unread) co_await linger();
      co_return;
    }
    finish_request();
  }
}

HeadScanner::State Connection::scan_head(std::optional<Refusal>& refusal) {
  if (scanner_.length() == 0) skip_empty_lines();
  std::string_view text = input_.text();
  auto state = scanner_.scan(text);
  if (state == HeadScanner::State::malformed) {
    refusal = Refusal{
        400, Error(Errc::malformed_request,
                   "the request head is malformed: a bare line feed, a folded line, NUL, or no request")};
    return state;
  }
  std::size_t size = state == HeadScanner::State::complete ? scanner_.length() : text.size();
  if (size > shared_->limits.header_bytes) {
    bool line = scanner_.request_line() == 0 || scanner_.request_line() > shared_->limits.header_bytes;
    refusal = Refusal{line ? 414U : 431U, Error(Errc::header_too_large,
                                                "the request head is larger than " +
                                                    std::to_string(shared_->limits.header_bytes) + " bytes")};
    return HeadScanner::State::malformed;
  }
  // The clock of a head starts with its first byte and does not start again with each further one.
  if (state == HeadScanner::State::more && !text.empty() && stage_ == Stage::idle)
    enter(Stage::head, shared_->limits.header_timeout);
  return state;
}

void Connection::skip_empty_lines() noexcept {
  // RFC 9112 section 2.2: an empty line before the request line is to be ignored.
  while (input_.text().starts_with("\r\n")) input_.consume(2);
}

std::optional<Refusal> Connection::begin_request() {
  first_ = false;
  shared_->requests += 1;
  used_ = scanner_.length();
  auto refused = parse_head(input_.text().substr(0, used_), head_);
  head_only_ = head_.request.method == Method::head;
  if (refused) return refused;
  const char* sent_host = head_.request.host.data();
  if (peer_is_proxy_) {
    if (auto ambiguous = apply_forwarded(head_.request)) return ambiguous;
  }
  const bool forwarded = head_.request.host.data() != sent_host;
  head_.request.peer = peer_;
  // What a proxy on this machine sends on may come from anywhere.
  head_.request.peer_is_loopback = peer_is_loopback_ && !forwarded;
  body_limit_ = shared_->limits.body_bytes;
  // Most requests have no body, and need not be looked up for one.
  const bool has_body = head_.chunked || head_.content_length > 0;
  if (has_body && shared_->limits.body_limit)
    body_limit_ = shared_->limits.body_limit(head_.request).value_or(body_limit_);
  if (head_.content_length > body_limit_)
    return Refusal{413, Error(Errc::body_too_large,
                              "the body is larger than " + std::to_string(body_limit_) + " bytes")};
  return std::nullopt;
}

bool Connection::body_is_here() const noexcept {
  return !head_.chunked && input_.text().size() - used_ >= head_.content_length;
}

void Connection::take_body_from_input() {
  auto length = static_cast<std::size_t>(head_.content_length);
  head_.request.body = input_.text().substr(used_, length);
  used_ += length;
}

Task<Connection::Next> Connection::receive_body() {
  enter(Stage::body, shared_->limits.body_timeout);
  if (head_.expects_continue && input_.text().size() == used_) {
    Next next = co_await send_continue();
    if (next == Next::hang_up) co_return next;
  }
  Next next = Next::go_on;
  if (head_.chunked)
    next = co_await receive_chunked_body();
  else
    next = co_await receive_sized_body();
  head_.request.body = body_;
  co_return next;
}

Task<Connection::Next> Connection::send_continue() {
  output_ = "HTTP/1.1 100 Continue\r\n\r\n";
  sent_ = 0;
  Next next = co_await finish_send();
  if (next == Next::go_on) enter(Stage::body, shared_->limits.body_timeout);
  co_return next;
}

Task<Connection::Next> Connection::receive_sized_body() {
  auto length = static_cast<std::size_t>(head_.content_length);
  body_.assign(input_.text().substr(used_));
  used_ = input_.text().size();
  while (body_.size() < length) {
    // Grows with what arrives, not with what was announced.
    std::size_t had = body_.size(), step = std::min(length - had, read_step);
    body_.resize(had + step);
    auto space = asio::buffer(body_.data() + had, step);
    std::size_t got = co_await receive(space);
    body_.resize(had + got);
    if (got == 0) {
      co_await nothing_came();
      co_return Next::hang_up;
    }
  }
  co_return Next::go_on;
}

Task<Connection::Next> Connection::receive_chunked_body() {
  ChunkedBody decoder(body_limit_, shared_->limits.header_bytes);
  body_.clear();
  used_ += decoder.feed(input_.text().substr(used_), body_);
  std::string raw;
  std::size_t fed = 0;
  while (!decoder.done() && !decoder.refusal()) {
    // The head's views must hold, so what comes now does not go into `input_`.
    raw.resize(read_step);
    auto space = asio::buffer(raw);
    std::size_t got = co_await receive(space);
    raw.resize(got);
    if (got == 0) {
      co_await nothing_came();
      co_return Next::hang_up;
    }
    fed = decoder.feed(raw, body_);
  }
  if (decoder.refusal()) {
    co_await refuse(*decoder.refusal());
    co_return Next::hang_up;
  }
  leftover_.assign(raw, fed);
  co_return Next::go_on;
}

/// Writes what a handler streams. Lives within `answer`, as the handler does.
class Connection::Stream final : public ResponseStream {
 public:
  explicit Stream(Connection& connection) : connection_(connection) {}
  [[nodiscard]] Task<Result<void>> begin(Response response) override {
    return connection_.begin_stream(std::move(response));
  }
  [[nodiscard]] Task<Result<void>> write(std::string_view piece) override {
    return connection_.write_stream(piece);
  }
  [[nodiscard]] bool begun() const noexcept override { return connection_.streaming_; }

 private:
  Connection& connection_;
};

Task<Result<void>> Connection::begin_stream(Response response) {
  if (streaming_) co_return Error(Errc::internal, "a stream begins once");
  if (!well_formed(response)) co_return Error(Errc::internal, "a stream's headers hold a line's end");
  Framing framing;
  framing.head = head_only_;
  framing.http11 = head_.http11;
  framing.stream = true;
  framing.keep_alive = head_.keep_alive && head_.http11 && !response.close && !shared_->draining;
  const bool bodiless = response.status == 204 || response.status == 304;
  streaming_ = true;
  stream_has_body_ = !head_only_ && !bodiless;
  stream_chunked_ = stream_has_body_ && head_.http11;
  stream_keep_alive_ = framing.keep_alive;
  output_.clear();
  large_body_.clear();
  append_response_head(output_, response, framing, shared_->date);
  Next next = co_await send_all();
  if (next == Next::hang_up) co_return Error(Errc::client_gone, "the client is gone");
  co_return co_await write_stream(response.body);
}

Task<Result<void>> Connection::write_stream(std::string_view piece) {
  if (!streaming_) co_return Error(Errc::internal, "a stream that has not begun is written to");
  if (!socket_.is_open()) co_return Error(Errc::client_gone, "the client is gone");
  // An empty chunk would be the last one.
  if (piece.empty() || !stream_has_body_) co_return Result<void>();
  output_.clear();
  if (stream_chunked_) output_ = fmt::format("{:x}\r\n", piece.size());
  output_.append(piece);
  if (stream_chunked_) output_.append("\r\n");
  Next next = co_await send_all();
  if (next == Next::go_on) co_return Result<void>();
  close_now();
  co_return Error(Errc::client_gone, "the client is gone");
}

Task<Connection::Next> Connection::send_all() {
  sent_ = 0;
  Next next = co_await finish_send();
  enter_handler();
  co_return next;
}

Task<Connection::Next> Connection::end_stream(const Response& ended) {
  const bool whole = ended.streamed && socket_.is_open();
  if (whole && stream_chunked_) {
    output_ = "0\r\n\r\n";
    Next next = co_await send_all();
    if (next == Next::hang_up) co_return next;
  }
  if (whole && stream_keep_alive_) co_return Next::go_on;
  // A part without its end: to HTTP/1.0, which knows no other sign, the end comes as a reset.
  if (!whole && !stream_chunked_ && stream_has_body_) {
    boost::system::error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  }
  co_return Next::hang_up;
}

Task<Response> Connection::answer() {
  enter_handler();
  Stream stream(*this);
  head_.request.stream = &stream;
  try {
    Response response = co_await shared_->handler(head_.request);
    if (well_formed(response)) co_return response;
  } catch (...) {
    // The border: whatever a handler lets escape, the client sees 500 without detail. The runtime's handler
    // logs its own failures before they come here.
  }
  shared_->handler_exceptions += 1;
  co_return failed();
}

bool Connection::begin_send(Response& response, const Framing& framing) {
  output_.clear();
  large_body_.clear();
  sent_ = 0;
  if (append_response_head(output_, response, framing, shared_->date)) {
    if (response.body.size() <= gather_above)
      output_.append(response.body);
    else
      large_body_ = std::move(response.body);
  }
  stage_ = Stage::write;
  boost::system::error_code code;
  std::array<asio::const_buffer, 2> parts{asio::buffer(output_), asio::buffer(large_body_)};
  sent_ =
      large_body_.empty() ? socket_.write_some(asio::buffer(output_), code) : socket_.write_some(parts, code);
  return !code && sent_ == output_.size() + large_body_.size();
}

Task<Connection::Next> Connection::finish_send() {
  std::size_t total = output_.size() + large_body_.size();
  while (sent_ < total) {
    // Counted from the last progress: a large answer may take its time on a thin line.
    enter(Stage::write, shared_->limits.write_timeout);
    std::array<asio::const_buffer, 2> parts{asio::buffer(output_), asio::buffer(large_body_)};
    std::size_t skipped = std::min(sent_, output_.size());
    parts[0] += skipped;
    parts[1] += sent_ - skipped;
    boost::system::error_code code;
    sent_ += co_await socket_.async_write_some(parts, asio::redirect_error(asio::use_awaitable, code));
    if (code) co_return Next::hang_up;
  }
  co_return Next::go_on;
}

void Connection::finish_request() {
  input_.consume(used_);
  if (!leftover_.empty()) {
    input_.assign(leftover_);
    give_back(leftover_);
  }
  used_ = 0;
  give_back(body_);
  give_back(large_body_);
  give_back(output_);
}

Task<void> Connection::nothing_came() {
  bool begun = stage_ == Stage::head || stage_ == Stage::body;
  if (timed_out_ && begun && socket_.is_open()) {
    Refusal refusal{408, Error(Errc::request_timeout, "the request did not arrive in time")};
    co_await refuse(std::move(refusal));
  }
}

Task<void> Connection::refuse(Refusal refusal) {
  shared_->refused += 1;
  if (shared_->refusal_observer) shared_->refusal_observer(refusal.status, refusal.error, peer_);
  Response response = problem_response(refusal.error, refusal.status);
  Framing framing;
  framing.head = head_only_;
  if (!begin_send(response, framing)) {
    Next next = co_await finish_send();
    if (next == Next::hang_up) co_return;
  }
  co_await linger();
}

Task<void> Connection::linger() {
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  enter(Stage::linger, linger_time);
  std::size_t dropped = 0, most = 4 * std::max(body_limit_, shared_->limits.body_bytes) + read_step;
  body_.resize(read_step);
  while (dropped < most) {
    auto space = asio::buffer(body_);
    std::size_t got = co_await receive(space);
    if (got == 0) co_return;
    dropped += got;
  }
}

}  // namespace bulkhead::http
