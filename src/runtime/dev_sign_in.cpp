#include "runtime/dev_sign_in.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <fmt/format.h>

#include <bulkhead/uuid.hpp>

#include "api/rest/scanner.hpp"
#include "audit/log.hpp"
#include "base/hex.hpp"
#include "base/problem.hpp"
#include "entry/resolve.hpp"
#include "identity/base64url.hpp"
#include "migrate/sha256.hpp"

namespace bulkhead::runtime {

namespace asio = boost::asio;

namespace {

using Clock = std::chrono::steady_clock;
/// By name. RFC 6749 section 3.1: none may be there twice.
using Parameters = std::map<std::string, std::string, std::less<>>;

constexpr std::string_view authorize_path = "/dev/issuer/authorize";
constexpr std::string_view token_path = "/dev/issuer/token";

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string encoded(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (is_unreserved(c))
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  return out;
}

Result<Parameters> parameters_of(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    BULKHEAD_TRY(std::string name, api::decode_component(pair.substr(0, equals)));
    BULKHEAD_TRY(std::string value, api::decode_component(pair.substr(std::min(equals + 1, pair.size()))));
    if (!parameters.emplace(std::move(name), std::move(value)).second)
      return Error(Errc::malformed_request, "a parameter is there twice");
  }
  return parameters;
}

std::string_view value_of(const Parameters& parameters, std::string_view name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

/// Whether one of the words, with blanks between, is this one.
bool has_word(std::string_view words, std::string_view wanted) {
  return (" " + std::string(words) + " ").find(" " + std::string(wanted) + " ") != std::string::npos;
}

/// A proxy on this machine makes everybody's requests come from here.
bool is_forwarded(const Request& request) {
  constexpr std::array<std::string_view, 5> marks{"forwarded", "x-forwarded-for", "x-forwarded-host",
                                                  "x-real-ip", "via"};
  return std::any_of(marks.begin(), marks.end(),
                     [&](std::string_view mark) { return request.header(mark).has_value(); });
}

/// Sent by a page of another origin. Browsers send Origin with every POST.
bool is_of_another_origin(const Request& request) {
  const auto origin = request.header("origin");
  return origin && *origin != "http://" + std::string(request.host);
}

Response never_stored(unsigned status, std::string type, std::string body) {
  Response response;
  response.status = status;
  response.content_type = std::move(type);
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

/// `origin`: where the form's answer leads.
Response html(unsigned status, std::string_view title, std::string_view content,
              std::string_view origin = {}) {
  constexpr std::string_view style =
      "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:3rem auto;padding:0 1rem}"
      "button{font:inherit;display:block;width:100%;text-align:left;margin:.25rem 0;padding:.5rem .75rem;"
      "border:1px solid #bbb;border-radius:6px;background:none;color:inherit;cursor:pointer}"
      "button:hover,button:focus{border-color:#06c}small{opacity:.7}code{font-size:.9em}"
      "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}";
  Response response = never_stored(
      status, "text/html; charset=utf-8",
      fmt::format(
          "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
          "content=\"width=device-width\"><title>{0}</title><style>{1}</style></head><body><h1>{0}</h1>{2}"
          "</body></html>\n",
          escaped(title), style, content));
  response.headers.emplace_back(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; style-src 'unsafe-inline'; form-action 'self'{}{}; base-uri 'none'; "
                  "frame-ancestors 'none'",
                  origin.empty() ? "" : " ", origin));
  // Not "no-referrer": browsers would then say that the form comes from nowhere.
  response.headers.emplace_back("Referrer-Policy", "same-origin");
  return response;
}

Response refusal(std::string_view why) {
  return html(400, "Sign-in refused", fmt::format("<p>{}</p>", escaped(why)));
}

Response not_here() {
  return refusal(
      "The development issuer signs in at localhost and names below it, such as acme.localhost, and not "
      "through a proxy.");
}

Response oauth_error(unsigned status, std::string_view code, std::string_view description) {
  const boost::json::object body{{"error", code}, {"error_description", description}};
  return never_stored(status, "application/json", boost::json::serialize(body));
}

Response redirect(std::string_view uri,
                  const std::vector<std::pair<std::string_view, std::string_view>>& more) {
  std::string target(uri);
  char before = target.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : more) {
    target += before + std::string(name) + "=" + encoded(value);
    before = '&';
  }
  Response response = never_stored(303, "", "");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Location", std::move(target));
  return response;
}

/// What is wrong with a request whose client and redirect_uri are right (RFC 6749 section 4.1.2.1).
struct Fault {
  std::string_view code, description;
};

std::optional<Fault> fault_of(const Parameters& parameters) {
  const auto value = [&](std::string_view name) { return value_of(parameters, name); };
  if (value("response_type") != "code")
    return Fault{"unsupported_response_type", "response_type must be code"};
  if (!has_word(value("scope"), "openid")) return Fault{"invalid_scope", "scope must have openid in it"};
  if (value("state").empty() || value("nonce").empty())
    return Fault{"invalid_request", "state and nonce are required"};
  const std::string_view challenge = value("code_challenge");
  if (value("code_challenge_method") != "S256" || challenge.size() != 43 ||
      !identity::decode_base64url(challenge))
    return Fault{"invalid_request", "PKCE with code_challenge_method S256 is required"};
  if (!value("response_mode").empty() && value("response_mode") != "query")
    return Fault{"invalid_request", "response_mode must be query"};
  if (!value("request").empty()) return Fault{"request_not_supported", "request objects are not read"};
  if (!value("request_uri").empty()) return Fault{"request_uri_not_supported", "request_uri is not read"};
  if (has_word(value("prompt"), "none"))
    return Fault{"login_required", "the development issuer always asks who signs in"};
  return std::nullopt;
}

Task<Response> at_once(Response response) {
  co_return response;
}

std::optional<std::string> sha256_base64url(std::string_view text) {
  const auto digest = from_hex(migrate::sha256_hex(text));
  if (!digest) return std::nullopt;
  return identity::encode_base64url(*digest);
}

}  // namespace

std::optional<std::string> tenant_of_local_host(std::string_view host) {
  static const std::vector<std::string> base{"localhost"};
  std::string_view port = host.substr(std::min(host.rfind(':'), host.size()));
  if (host.ends_with(']')) port = {};
  const std::string_view name = host.substr(0, host.size() - port.size());
  if (!port.empty()) {
    port.remove_prefix(1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos)
      return std::nullopt;
  }
  if (name == "127.0.0.1" || name == "[::1]") return "";
  if (entry::same_name(name, base.front())) return "";
  entry::HostTenant found = entry::tenant_of_host(name, base);
  if (found.kind != entry::HostTenant::Kind::named) return std::nullopt;
  return std::move(found.name);
}

std::optional<std::string> local_origin(std::string_view uri) {
  constexpr std::string_view scheme = "http://";
  if (uri.size() > 2000 || !uri.starts_with(scheme)) return std::nullopt;
  const bool plain = std::all_of(uri.begin(), uri.end(), [](char c) {
    return is_unreserved(c) || std::string_view("%:/?&=[]+,@!$'()*;").find(c) != std::string_view::npos;
  });
  if (!plain) return std::nullopt;
  const std::string_view behind = uri.substr(scheme.size());
  const std::string_view authority = behind.substr(0, behind.find_first_of("/?"));
  if (!tenant_of_local_host(authority)) return std::nullopt;
  return std::string(uri.substr(0, scheme.size() + authority.size()));
}

bool verifier_fits(std::string_view verifier, std::string_view challenge) {
  if (verifier.size() < 43 || verifier.size() > 128) return false;
  if (!std::all_of(verifier.begin(), verifier.end(), is_unreserved)) return false;
  const auto computed = sha256_base64url(verifier);
  return computed && *computed == challenge;
}

std::string DevCodes::add(DevGrant grant, Clock::time_point now) {
  grant.expires = now + lifetime;
  std::string bytes;
  for (int i = 0; i < 3; ++i) bytes += Uuid::random().text();
  std::string code = sha256_base64url(bytes).value();
  const std::lock_guard lock(mutex_);
  std::erase_if(grants_, [now](const auto& known) { return known.second.expires <= now; });
  if (grants_.size() >= most)
    grants_.erase(std::min_element(grants_.begin(), grants_.end(), [](const auto& a, const auto& b) {
      return a.second.expires < b.second.expires;
    }));
  grants_.emplace(code, std::move(grant));
  return code;
}

std::optional<DevGrant> DevCodes::take(std::string_view code, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto found = grants_.find(code);
  if (found == grants_.end()) return std::nullopt;
  DevGrant grant = std::move(found->second);
  grants_.erase(found);
  if (grant.expires <= now) return std::nullopt;
  return grant;
}

/// A request for a code whose client and redirect_uri are right, copied for the thread that answers it.
struct DevSignIn::Asked {
  Method method = Method::get;
  std::string host_tenant, query, origin;
  std::string redirect_uri, state, nonce, challenge, scope;
  std::string tenant, subject;  ///< Of the member who was chosen.
};

DevSignIn::DevSignIn(const identity::SigningKey& issuer, std::string issuer_url, Connect connect)
    : issuer_(issuer), issuer_url_(std::move(issuer_url)), connect_(std::move(connect)) {}

DevSignIn::~DevSignIn() {
  stop();
}

void DevSignIn::stop() {
  pool_.stop();
  pool_.join();
}

std::vector<OpenRoute> DevSignIn::routes() {
  auto route = [](Method method, std::string_view path,
                  std::function<Task<Response>(const Request&)> handler) {
    OpenRoute open;
    open.method = method;
    open.path = path;
    open.loopback_only = true;
    open.handler = std::move(handler);
    return open;
  };
  std::vector<OpenRoute> routes;
  routes.push_back(route(Method::get, "/dev/issuer/.well-known/openid-configuration",
                         [this](const Request& request) { return at_once(discovery(request)); }));
  for (Method method : {Method::get, Method::post})
    routes.push_back(
        route(method, authorize_path, [this](const Request& request) { return authorize(request); }));
  routes.push_back(
      route(Method::post, token_path, [this](const Request& request) { return at_once(token(request)); }));
  return routes;
}

Response DevSignIn::discovery(const Request& request) const {
  if (!tenant_of_local_host(request.host) || is_forwarded(request))
    return never_stored(200, "application/json", issuer_.discovery(issuer_url_));
  const std::string here = "http://" + std::string(request.host);
  const boost::json::object endpoints{
      {"authorization_endpoint", here + std::string(authorize_path)},
      {"token_endpoint", here + std::string(token_path)},
      {"response_types_supported", boost::json::array{"code"}},
      {"response_modes_supported", boost::json::array{"query"}},
      {"grant_types_supported", boost::json::array{"authorization_code"}},
      {"code_challenge_methods_supported", boost::json::array{"S256"}},
      {"token_endpoint_auth_methods_supported", boost::json::array{"none"}},
      {"scopes_supported", boost::json::array{"openid", "profile"}},
      {"claims_supported", boost::json::array{"iss", "aud", "sub", "exp", "iat", "nonce", "name", "tenant"}}};
  return never_stored(200, "application/json", issuer_.discovery(issuer_url_, endpoints));
}

Task<Response> DevSignIn::authorize(const Request& request) {
  auto asked = std::make_shared<Asked>();
  if (auto answer = read(request, *asked)) co_return std::move(*answer);
  if (waiting_.fetch_add(1) >= most_waiting) {
    --waiting_;
    co_return html(503, "Sign-in is busy", "<p>Try again in a moment.</p>");
  }
  auto work = [](DevSignIn* self, std::shared_ptr<const Asked> job) -> Task<Response> {
    Response response = self->choose(*job);
    --self->waiting_;
    co_return response;
  };
  auto answered = asio::co_spawn(pool_, work(this, std::move(asked)), asio::use_awaitable);
  co_return co_await std::move(answered);
}

/// Fills `asked`, or answers at once.
std::optional<Response> DevSignIn::read(const Request& request, Asked& asked) {
  const auto tenant = tenant_of_local_host(request.host);
  if (!tenant || is_forwarded(request)) return not_here();
  const auto parameters = parameters_of(request.query);
  if (parameters.has_error())
    return refusal(fmt::format("The address is malformed: {}", parameters.error().message()));
  const auto value = [&](std::string_view name) { return std::string(value_of(*parameters, name)); };

  // What is wrong with these two is told here and not sent on: who would get it is what is in doubt.
  if (value("client_id") != dev_client) return refusal(fmt::format("The client_id must be {}.", dev_client));
  const auto origin = local_origin(value("redirect_uri"));
  if (!origin)
    return refusal("The redirect_uri must begin with http:// and lead to localhost or a name below it.");
  if (const auto wrong = fault_of(*parameters))
    return redirect(value("redirect_uri"), {{"error", wrong->code},
                                            {"error_description", wrong->description},
                                            {"state", value_of(*parameters, "state")}});
  asked.method = request.method;
  asked.host_tenant = *tenant;
  asked.query = request.query;
  asked.origin = *origin;
  asked.redirect_uri = value("redirect_uri");
  asked.state = value("state");
  asked.nonce = value("nonce");
  asked.challenge = value("code_challenge");
  asked.scope = value("scope");
  return request.method == Method::post ? read_choice(request, asked) : std::nullopt;
}

std::optional<Response> DevSignIn::read_choice(const Request& request, Asked& asked) {
  // The form is this page's own: nobody else's page may choose for the one who sits here.
  if (!request.header("origin") || is_of_another_origin(request))
    return refusal("The form was sent from another page.");
  const auto chosen = parameters_of(request.body);
  if (chosen.has_error()) return refusal("The form is malformed.");
  const std::string_view member = value_of(*chosen, "member");
  const std::size_t slash = std::min(member.find('/'), member.size());
  asked.tenant = member.substr(0, slash);
  asked.subject = member.substr(std::min(slash + 1, member.size()));
  if (asked.tenant.empty() || asked.subject.empty()) return refusal("Nobody was chosen.");
  return std::nullopt;
}

Response DevSignIn::choose(const Asked& asked) {
  try {
    auto answered = asked.method == Method::post ? sign_in(asked) : show(asked);
    if (answered.has_value()) return std::move(*answered);
    Response failed =
        html(500, "Sign-in failed", "<p>The catalog could not be read; the server's log says why.</p>");
    failed.error = answered.error();
    return failed;
  } catch (const std::exception& error) {
    Response failed = html(500, "Sign-in failed", "<p>An internal error; the server's log says more.</p>");
    failed.error = Error(Errc::internal, "internal error").internal(error.what());
    return failed;
  }
}

Result<std::vector<DevMember>> DevSignIn::members(pg::Blocking& admin, const std::string& tenant,
                                                  const std::string& subject) const {
  BULKHEAD_TRY(const Rows rows,
               admin.query("select t.id, t.slug, t.name, i.subject, u.name, m.role from catalog.membership m "
                           "join catalog.tenant t on t.id = m.tenant_id "
                           "join catalog.app_user u on u.id = m.user_id "
                           "join catalog.identity i on i.user_id = m.user_id "
                           "where i.issuer = $1 and m.status = 'active' and t.status = 'active' and "
                           "u.status = 'active' and u.kind = 'person' and $2 in ('', t.slug, t.id::text) and "
                           "$3 in ('', i.subject) order by t.slug, i.subject limit 500",
                           {issuer_url_, tenant, subject}));
  std::vector<DevMember> found;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto text = [&](std::size_t column) { return std::string(rows.text(row, column)); };
    found.push_back(DevMember{text(0), text(1), text(2), text(3), text(4), text(5)});
  }
  return found;
}

Result<Response> DevSignIn::show(const Asked& asked) {
  BULKHEAD_TRY(pg::Blocking admin, connect_());
  BULKHEAD_TRY(const std::vector<DevMember> known, members(admin, asked.host_tenant, ""));
  std::string content =
      "<p>This is the development issuer of <code>bulkhead dev</code>: whoever is at this machine "
      "may be any member, without a password.</p>";
  if (known.empty()) {
    const std::string tenant = asked.host_tenant.empty() ? "acme" : asked.host_tenant;
    content += fmt::format(
        "<p>Nobody belongs to {} yet. <code>bulkhead token --tenant {} --user ann --role "
        "admin</code> makes a member; then load this page again.</p>",
        asked.host_tenant.empty() ? "a tenant" : escaped(tenant), escaped(tenant));
    return html(200, "Nobody can sign in", content);
  }
  content += fmt::format("<form method=\"post\" action=\"{}?{}\">", authorize_path, escaped(asked.query));
  std::string tenant;
  for (const DevMember& member : known) {
    if (member.tenant != tenant) content += fmt::format("<h2>{}</h2>", escaped(member.tenant_name));
    tenant = member.tenant;
    content +=
        fmt::format("<button name=\"member\" value=\"{}/{}\">{} <small>{}</small></button>",
                    escaped(member.tenant), escaped(member.subject), escaped(member.name), member.role);
  }
  content += "</form>";
  return html(200, "Who signs in?", content, asked.origin);
}

Result<Response> DevSignIn::sign_in(const Asked& asked) {
  BULKHEAD_TRY(pg::Blocking admin, connect_());
  // At a tenant's own address nobody signs in for another one.
  BULKHEAD_TRY(const std::vector<DevMember> known, members(admin, asked.host_tenant, asked.subject));
  const auto chosen =
      std::find_if(known.begin(), known.end(), [&](const DevMember& m) { return m.tenant == asked.tenant; });
  if (chosen == known.end()) return refusal("This member cannot sign in here.");
  const DevMember& member = *chosen;
  const auto tenant = Uuid::parse(member.tenant_id);
  if (!tenant) return Error(Errc::internal, "the catalog holds a tenant without an id");
  const audit::Action action{"dev.sign_in", member.subject, TenantId(*tenant), {{"tenant", member.tenant}}};
  BULKHEAD_TRY(const std::int64_t place, audit::append(admin, audit::Actor::program("dev"), action));
  static_cast<void>(place);
  DevGrant grant;
  grant.redirect_uri = asked.redirect_uri;
  grant.challenge = asked.challenge;
  grant.nonce = asked.nonce;
  grant.scope = has_word(asked.scope, "profile") ? "openid profile" : "openid";
  grant.tenant = member.tenant;
  grant.subject = member.subject;
  grant.name = member.name;
  const std::string code = codes_.add(std::move(grant), Clock::now());
  return redirect(asked.redirect_uri, {{"code", code}, {"state", asked.state}});
}

Response DevSignIn::token(const Request& request) {
  if (!tenant_of_local_host(request.host) || is_forwarded(request) || is_of_another_origin(request))
    return oauth_error(400, "invalid_request",
                       "only pages of this machine are answered, each at its own host");
  const auto type = request.header("content-type");
  if (!type || !type->starts_with("application/x-www-form-urlencoded"))
    return oauth_error(400, "invalid_request", "the body must be application/x-www-form-urlencoded");
  const auto parameters = parameters_of(request.body);
  if (parameters.has_error()) return oauth_error(400, "invalid_request", parameters.error().message());
  const auto value = [&](std::string_view name) { return value_of(*parameters, name); };
  if (value("grant_type") != "authorization_code")
    return oauth_error(400, "unsupported_grant_type", "grant_type must be authorization_code");
  if (value("client_id") != dev_client)
    return oauth_error(401, "invalid_client", fmt::format("client_id must be {}", dev_client));
  // One answer to whatever is wrong with a code: who has stolen one learns nothing of it, and it is gone.
  const auto grant = codes_.take(value("code"), Clock::now());
  if (!grant || grant->redirect_uri != value("redirect_uri") ||
      !verifier_fits(value("code_verifier"), grant->challenge))
    return oauth_error(
        400, "invalid_grant",
        "the code is unknown, used or expired, or redirect_uri or code_verifier is not the one of "
        "its request");
  return issue(*grant);
}

Response DevSignIn::issue(const DevGrant& grant) const {
  identity::MintRequest access;
  access.issuer = issuer_url_;
  access.audience = std::string(dev_audience);
  access.subject = grant.subject;
  access.tenant = grant.tenant;
  access.name = grant.name;
  access.issued_at = std::chrono::system_clock::now();
  identity::MintRequest about = access;
  about.audience = std::string(dev_client);
  about.extra = {{"nonce", grant.nonce}};
  const auto access_token = issuer_.mint(access);
  const auto id_token = issuer_.mint(about);
  if (access_token.has_error() || id_token.has_error()) {
    Response failed = oauth_error(500, "server_error", "the token could not be signed");
    failed.error = access_token.has_error() ? access_token.error() : id_token.error();
    return failed;
  }
  const boost::json::object body{{"access_token", *access_token},
                                 {"token_type", "Bearer"},
                                 {"expires_in", access.lifetime.count()},
                                 {"id_token", *id_token},
                                 {"scope", grant.scope}};
  return never_stored(200, "application/json", boost::json::serialize(body));
}

}  // namespace bulkhead::runtime
