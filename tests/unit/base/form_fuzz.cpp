// A form's body: whatever is taken apart lies within it, in its order, and holds no boundary.
#include <cstdint>
#include <cstdlib>
#include <string>

#include <bulkhead/multipart.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  const std::string text(data, data + size);
  const std::vector<HeaderView> headers{HeaderView{"content-type", "multipart/form-data; boundary=b"}};
  Request request;
  request.headers = headers;
  request.body = text;
  if (const auto parts = read_form(request); parts.has_value()) {
    const char* behind = request.body.data();
    for (const FormPart& part : *parts) {
      if (part.data.data() < behind || part.data.data() + part.data.size() > text.data() + text.size())
        std::abort();
      behind = part.data.data() + part.data.size();
      if (part.data.find("\r\n--b") != std::string_view::npos) std::abort();
      if (part.file_name.find_first_of("/\\") != std::string::npos) std::abort();
    }
  }
  // The same bytes as a header.
  const std::vector<HeaderView> other{HeaderView{"content-type", text}};
  request.headers = other;
  static_cast<void>(read_form(request));
  return 0;
}
