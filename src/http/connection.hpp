#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <bulkhead/stream.hpp>

#include "http/chunked.hpp"
#include "http/forwarded.hpp"
#include "http/parse.hpp"
#include "http/response.hpp"
#include "http/server.hpp"

namespace bulkhead::http {

using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

class Connection;

/// Counted by the io thread alone, read by any.
class Count {
 public:
  void operator+=(std::uint64_t more) noexcept { value_.store(*this + more, std::memory_order_relaxed); }
  void operator-=(std::uint64_t less) noexcept { value_.store(*this - less, std::memory_order_relaxed); }
  operator std::uint64_t() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What the connections of one server share. Kept alive by each of them.
///
/// Time: one timer ticks four times a second for all; a connection only writes down the tick at which its
/// stage is over, so that a request arms and cancels nothing.
struct Shared {
  Shared(boost::asio::io_context& context, Limits the_limits, Handler the_handler)
      : io(context),
        limits(std::move(the_limits)),
        proxies(limits.trusted_proxies),
        handler(std::move(the_handler)),
        slot_free(context),
        emptied(context) {}

  boost::asio::io_context& io;
  Limits limits;
  Networks proxies;
  Handler handler;
  RefusalObserver refusal_observer;
  Count accepted, requests, refused, handler_exceptions, connections;
  std::uint64_t tick = 0;
  std::string date;  ///< The Date header's value, good for this second.
  bool draining = false;
  std::list<Connection*> open;
  boost::asio::steady_timer slot_free;  ///< Cancelled when a connection closes: the acceptor may go on.
  boost::asio::steady_timer emptied;    ///< Cancelled when the last one closes: the drain is done.
};

/// Bytes received and not yet used. Grows to a bound; views into it hold until the next `room()` or
/// `consume()`.
class InputBuffer {
 public:
  [[nodiscard]] std::string_view text() const noexcept { return {data_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  void consume(std::size_t bytes) noexcept;
  /// Space to receive into, at least one byte: moves or grows what is here.
  [[nodiscard]] boost::asio::mutable_buffer room();
  void received(std::size_t bytes) noexcept { end_ += bytes; }
  /// Replaces everything.
  void assign(std::string_view text);

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

/// One client's connection: a single coroutine that reads a request, has it answered, and writes the answer,
/// until one side has had enough. Lives as long as that coroutine.
class Connection {
 public:
  Connection(Socket socket, std::shared_ptr<Shared> shared);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] static Task<void> run(std::unique_ptr<Connection> self);

  /// Called each tick: ends a stage that has taken too long.
  void check_time();
  /// Closes it at once if it is waiting for a request that has not begun.
  void close_if_idle();
  void close_now();

 private:
  enum class Stage : std::uint8_t { idle, head, body, handler, write, linger };
  /// Of a step of the conversation: go on with it, or the connection is over.
  enum class Next : std::uint8_t { go_on, hang_up };

  void enter(Stage stage, std::chrono::seconds limit);
  void enter_handler() noexcept;
  [[nodiscard]] Task<void> converse();
  /// Looks at what was received of a head: a refusal, or whether the head is complete.
  [[nodiscard]] HeadScanner::State scan_head(std::optional<Refusal>& refusal);
  [[nodiscard]] std::optional<Refusal> begin_request();
  void take_body_from_input();
  [[nodiscard]] bool body_is_here() const noexcept;
  [[nodiscard]] Task<Next> receive_body();
  [[nodiscard]] Task<Next> receive_sized_body();
  [[nodiscard]] Task<Next> receive_chunked_body();
  [[nodiscard]] Task<Next> send_continue();
  /// Frames `response` and sends as much as the kernel takes at once; true: all of it.
  bool begin_send(Response& response, const Framing& framing);
  [[nodiscard]] Task<Next> finish_send();
  /// Answers a request that is not going to be read to its end.
  [[nodiscard]] Task<void> refuse(Refusal refusal);
  /// Ends our side and drops what still comes for a while, so that the client sees the answer before it sees
  /// the connection reset by its own unread bytes.
  [[nodiscard]] Task<void> linger();
  /// Answers a read that brought nothing: says 408 where a request has begun and takes too long.
  [[nodiscard]] Task<void> nothing_came();
  [[nodiscard]] Task<Response> answer();
  /// The request's ResponseStream: an answer whose length nobody knows.
  class Stream;
  [[nodiscard]] Task<Result<void>> begin_stream(Response response);
  [[nodiscard]] Task<Result<void>> write_stream(std::string_view piece);
  /// The last chunk; or, of an answer that is not whole, none, so that the client sees it.
  [[nodiscard]] Task<Next> end_stream(const Response& ended);
  [[nodiscard]] Task<Next> send_all();
  /// 0: the other side is gone or the stage took too long.
  [[nodiscard]] Task<std::size_t> receive(boost::asio::mutable_buffer space);
  void skip_empty_lines() noexcept;
  void finish_request();

  Socket socket_;
  std::shared_ptr<Shared> shared_;
  std::list<Connection*>::iterator place_;
  std::string peer_;
  bool peer_is_loopback_ = false, peer_is_proxy_ = false;
  Stage stage_ = Stage::idle;
  bool timed_out_ = false, first_ = true;
  bool head_only_ = false;  ///< The request under way is a HEAD: even a refusal has no body.
  static constexpr std::uint64_t never = ~std::uint64_t{0};
  std::uint64_t expires_ = never;
  InputBuffer input_;
  Head head_;
  HeadScanner scanner_;
  std::size_t body_limit_ = 0;  ///< Of the request under way.
  bool streaming_ = false, stream_has_body_ = false, stream_chunked_ = false, stream_keep_alive_ = false;
  std::size_t used_ = 0;  ///< Bytes of `input_` that the request under way occupies.
  std::string body_;      ///< A body that did not stand in `input_` as it is.
  std::string leftover_;  ///< What was received behind a chunked body.
  std::string output_;    ///< Head of the answer, and its body when that is small.
  std::string large_body_;
  std::size_t sent_ = 0;
};

}  // namespace bulkhead::http
