#include "api/control/watches.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/json.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::api::control {

namespace asio = boost::asio;

namespace {

constexpr std::string_view heartbeat = ": quiet\n\n";

/// Whether nobody works on the operation any more.
bool is_finished(std::string_view operation) {
  const auto read = parse_json(operation);
  if (read.has_error() || !read->is_object()) return false;
  const auto* state = read->get_object().if_contains("state");
  if (state == nullptr || !state->is_string()) return false;
  return state->get_string() != "pending" && state->get_string() != "running";
}

std::string written(std::string_view event, std::string_view id, std::string_view data) {
  // JSON of ours is one line.
  while (data.ends_with('\n')) data.remove_suffix(1);
  std::string out = "event: ";
  out.append(event);
  if (!id.empty()) out.append("\nid: ").append(id);
  return out.append("\ndata: ").append(data).append("\n\n");
}

}  // namespace

Task<bool> Watcher::wait() {
  pausing_ = true;
  timer_.expires_after(pause);
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  pausing_ = false;
  if (!told_ && !ended_) {
    timer_.expires_after(quiet);
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  told_ = false;
  co_return !ended_;
}

void Watcher::tell() {
  told_ = true;
  if (!pausing_) timer_.cancel();
}

void Watcher::end() {
  ended_ = true;
  timer_.cancel();
}

std::unique_ptr<Watches::Seat> Watches::take(const asio::any_io_executor& executor, std::string operation) {
  const std::lock_guard lock(mutex_);
  if (ended_ || watchers_.size() >= most) return nullptr;
  auto watcher = std::make_shared<Watcher>(executor);
  return std::make_unique<Seat>(*this, watchers_.emplace(std::move(operation), std::move(watcher)));
}

void Watches::leave(std::multimap<std::string, std::shared_ptr<Watcher>>::iterator at) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(at);
}

void Watches::tell(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = watchers_.equal_range(operation);
  for (auto at = begin; at != end; ++at)
    asio::post(at->second->executor(), [watcher = at->second] { watcher->tell(); });
}

void Watches::tell_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& watched : watchers_)
    asio::post(watched.second->executor(), [watcher = watched.second] { watcher->tell(); });
}

void Watches::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const auto& watched : watchers_)
    asio::post(watched.second->executor(), [watcher = watched.second] { watcher->end(); });
}

Response event_stream() {
  Response response;
  response.content_type = "text/event-stream";
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  // nginx would keep the events back.
  response.headers.emplace_back("X-Accel-Buffering", "no");
  return response;
}

Event event_of(const Response& answer, const std::string& known) {
  // The catalog is away, or operators ask for too much: that passes.
  if (answer.status >= 500) return Event{std::string(heartbeat), known, false};
  if (answer.status != 200) return Event{written("problem", "", answer.body), known, true};
  Event event;
  event.id = migrate::sha256_hex(answer.body).substr(0, 16);
  event.last = is_finished(answer.body);
  event.text =
      event.id == known && !event.last ? std::string(heartbeat) : written("operation", event.id, answer.body);
  return event;
}

}  // namespace bulkhead::api::control
