#include "api/openapi/openapi.hpp"

#include <algorithm>
#include <list>
#include <mutex>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/openapi/document.hpp"
#include "api/rest/media.hpp"
#include "api/rest/rest_api.hpp"
#include "base/etag.hpp"
#include "data/plane.hpp"

namespace bulkhead::api {

namespace {

namespace asio = boost::asio;
using DocumentRef = std::shared_ptr<const openapi::Document>;

constexpr std::size_t most_kept_bytes = 64U << 20U;

/// What tells documents apart. Relations that are held here are not made again at the same address.
struct Key {
  sql::RelationsRef relations;
  Role role = Role::viewer;
  bool operator==(const Key&) const = default;
};

struct Kept {
  Key key;
  DocumentRef document;
};

}  // namespace

struct OpenApi::Impl {
  Impl(std::string name, const std::vector<Route>& all) : title(std::move(name)), routes(all) {}

  [[nodiscard]] DocumentRef find(const Key& key) {
    const std::lock_guard lock(mutex);
    const auto found =
        std::find_if(kept.begin(), kept.end(), [&](const Kept& one) { return one.key == key; });
    if (found == kept.end()) return nullptr;
    kept.splice(kept.begin(), kept, found);  // what was not asked for the longest time goes first
    return kept.front().document;
  }

  void keep(const Key& key, DocumentRef document) {
    const std::lock_guard lock(mutex);
    bytes += document->size();
    kept.push_front({key, std::move(document)});
    while (bytes > most_kept_bytes && kept.size() > 1) {
      bytes -= kept.back().document->size();
      kept.pop_back();
    }
  }

  /// On the pool's one thread, so that nobody renders what another one has just rendered.
  static Task<DocumentRef> render(Impl* self, Key key, openapi::Subject subject) {
    DocumentRef document = self->find(key);
    if (document) co_return document;
    document = std::make_shared<const openapi::Document>(openapi::render(subject));
    self->keep(key, document);
    co_return document;
  }

  [[nodiscard]] openapi::Subject subject_for(const RequestContext& context,
                                             const data::Target& target) const {
    openapi::Subject subject;
    subject.relations = target.relations.get();
    subject.version = target.version;
    subject.role = context.role();
    subject.title = title;
    for (const Route& route : routes) {
      const RouteAccess& access = route.access;
      if (context.role() < access.at_least) continue;
      if (access.permission.empty() || context.may(access.permission)) subject.routes.push_back(&route);
    }
    return subject;
  }

  std::string title;
  const std::vector<Route>& routes;
  std::mutex mutex;
  std::list<Kept> kept;
  std::size_t bytes = 0;
  asio::thread_pool pool{1};
};

bool wants_openapi(const Request& request) {
  return std::any_of(request.headers.begin(), request.headers.end(), [](const HeaderView& header) {
    constexpr std::string_view accept = "accept";
    const bool named = std::equal(header.name.begin(), header.name.end(), accept.begin(), accept.end(),
                                  [](char a, char b) { return (a | 0x20) == b; });
    return named && header.value.find(openapi_type) != std::string_view::npos;
  });
}

OpenApi::OpenApi(std::string title, const std::vector<Route>& routes)
    : impl_(std::make_unique<Impl>(std::move(title), routes)) {}

OpenApi::~OpenApi() {
  stop();
}

void OpenApi::stop() {
  impl_->pool.stop();
  impl_->pool.join();
}

Task<Response> OpenApi::answer(const Request& request, TenantSession& session, std::string prefix,
                               bool root) {
  const Result<std::string_view> type = read_document_accept(request, root);
  if (type.has_error()) co_return error_response(type.error());
  data::Plane& plane = data::SessionAccess::plane(session);
  data::TargetRef target = plane.known(session.context());
  if (!target) {
    auto learned = co_await plane.learn(session.context());
    if (learned.has_error()) co_return error_response(learned.error());
    target = std::move(*learned);
  }
  const Key key{target->relations, session.context().role()};
  DocumentRef document = impl_->find(key);
  if (!document) {
    auto rendering = Impl::render(impl_.get(), key, impl_->subject_for(session.context(), *target));
    auto rendered = asio::co_spawn(impl_->pool, std::move(rendering), asio::use_awaitable);
    document = co_await std::move(rendered);
  }
  Response response;
  response.headers.emplace_back("ETag", document->etag);
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.headers.emplace_back("Vary", "Accept, Authorization");
  const auto known = request.header("if-none-match");
  if (known && lists_etag(*known, document->etag)) {
    response.status = 304;
    co_return response;
  }
  response.content_type = *type;
  response.content_type += "; charset=utf-8";
  response.body = document->text(prefix);
  co_return response;
}

}  // namespace bulkhead::api
