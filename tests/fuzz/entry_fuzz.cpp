// What comes from outside and decides about tenant and trace: Host, path, X-Tenant-ID, Authorization,
// traceparent.
#include <cstdint>
#include <cstdlib>

#include "catalog/members.hpp"
#include "entry/resolve.hpp"
#include "entry/trace.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  std::string text(data, data + size);
  const std::vector<std::string> bases{"localhost", "example.com"};

  entry::HostTenant host = entry::tenant_of_host(text, bases);
  if (host.kind == entry::HostTenant::Kind::named && entry::tenant_name(host.name) != host.name) std::abort();
  if (host.kind == entry::HostTenant::Kind::foreign) {
    // What is looked up is one spelling of one host, and never a base domain's.
    if (!catalog::valid_host(host.name) || entry::tenant_of_host(host.name, bases).name != host.name)
      std::abort();
    for (const std::string& base : bases)
      if (host.name == base || host.name.ends_with("." + base)) std::abort();
  }

  std::string_view path = text;
  if (auto name = entry::tenant_of_path(path); name && name->find('/') != std::string_view::npos)
    std::abort();

  Request request;
  const std::vector<HeaderView> headers{{"Authorization", text}, {"X-Tenant-ID", text}};
  request.headers = headers;
  auto token = entry::bearer_token(request);
  if (token.has_value() && token->find(' ') != std::string_view::npos) std::abort();
  entry::Named named;
  if (entry::tenants_of_header(request, named).has_value())
    for (const std::string& name : named.names())
      if (entry::tenant_name(name) != name) std::abort();
  if (auto trace = entry::parse_traceparent(text); trace && trace->trace_id.size() != 32) std::abort();
  return 0;
}
