#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <bulkhead/http.hpp>
#include <bulkhead/task.hpp>

/// Following an operation: who waits for news of which, and what is written to them.
namespace bulkhead::api::control {

/// One follower's sleep. Of its executor's thread alone.
class Watcher {
 public:
  /// Between two looks: whoever may write to the database may tell of news as often as they like.
  static constexpr std::chrono::milliseconds pause{200};
  /// After which one looks without being told, and a client that is gone is noticed.
  static constexpr std::chrono::seconds quiet{5};

  explicit Watcher(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  /// Until there is news, or it has been quiet. False: the server ends.
  [[nodiscard]] Task<bool> wait();
  void tell();
  void end();
  [[nodiscard]] boost::asio::any_io_executor executor() { return timer_.get_executor(); }

 private:
  boost::asio::steady_timer timer_;
  bool told_ = false, ended_ = false, pausing_ = false;
};

/// Who follows which operation. Thread-safe; outlives the seats.
class Watches {
 public:
  static constexpr std::size_t most = 32;

  /// A follower's place, free again when it goes.
  class Seat {
   public:
    Seat(Watches& watches, std::multimap<std::string, std::shared_ptr<Watcher>>::iterator at)
        : watches_(watches), at_(at), watcher_(at->second) {}
    ~Seat() { watches_.leave(at_); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    [[nodiscard]] Task<bool> wait() { return watcher_->wait(); }

   private:
    Watches& watches_;
    std::multimap<std::string, std::shared_ptr<Watcher>>::iterator at_;
    std::shared_ptr<Watcher> watcher_;
  };

  /// nullptr: there are too many, or the server ends. The follower waits on this executor.
  [[nodiscard]] std::unique_ptr<Seat> take(const boost::asio::any_io_executor& executor,
                                           std::string operation);
  /// The operation with this id has changed.
  void tell(const std::string& operation);
  /// News may have been missed.
  void tell_all();
  /// Nobody waits any more. Before the loops that the followers wait on end.
  void end();

 private:
  void leave(std::multimap<std::string, std::shared_ptr<Watcher>>::iterator at);

  std::mutex mutex_;  ///< Guards all below.
  std::multimap<std::string, std::shared_ptr<Watcher>> watchers_;
  bool ended_ = false;
};

/// One event of a stream (the HTML standard's `text/event-stream`), or the comment that keeps it open.
struct Event {
  std::string text;
  std::string
      id;  ///< Of what was told last: a fingerprint of it, so that who comes again is not told the same.
  bool last = false;  ///< Nothing comes after it.
};

/// The head of such an answer.
[[nodiscard]] Response event_stream();
/// What is to be said about an operation as the control API has just answered it, where `known` is the id of what was said before.
[[nodiscard]] Event event_of(const Response& answer, const std::string& known);

}  // namespace bulkhead::api::control
