#include <gtest/gtest.h>

#include <bulkhead/multipart.hpp>

namespace bulkhead {
namespace {

Result<std::vector<FormPart>> form(std::string_view body,
                                   std::string_view type = "multipart/form-data; boundary=b") {
  const std::vector<HeaderView> headers{HeaderView{"content-type", type}};
  Request request;
  request.headers = headers;
  request.body = body;
  return read_form(request);
}

TEST(Form, FieldsAndFiles) {
  const auto parts = form(
      "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\ntwo\r\nlines --b\r\n"
      "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"C:\\\\tmp\\\\a \\\"b\\\".csv\"\r\n"
      "Content-Type: text/csv\r\n\r\n\r\n--b--\r\n");
  ASSERT_TRUE(parts.has_value()) << parts.error().message();
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ(parts->at(0).name, "note");
  EXPECT_EQ(parts->at(0).data, "two\r\nlines --b");
  EXPECT_EQ(parts->at(1).file_name, "a \"b\".csv") << "never a path";
  EXPECT_EQ(parts->at(1).content_type, "text/csv");
  EXPECT_EQ(parts->at(1).data, "");
  EXPECT_TRUE(form("--a b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--a b--",
                   "Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"")
                  .has_value());
  EXPECT_EQ(form("--b--").value().size(), 0U);
}

TEST(Form, WhatIsNotWellFormedIsRefused) {
  const std::string part = "Content-Disposition: form-data; name=\"a\"\r\n\r\n1";
  for (const std::string& body : std::vector<std::string>{
           std::string(), std::string("--b"), "--b\r\n" + part, "x--b\r\n" + part + "\r\n--b--",
           "--bb\r\n" + part + "\r\n--bb--", "--b\r\n" + part + "\r\n--b--\r\nmore",
           "--b\n" + part + "\n--b--", "--b\r\n\r\n1\r\n--b--",
           std::string("--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--"),
           std::string("--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--"),
           std::string("--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--b--"),
           std::string("--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--b--"),
           std::string("--b\r\nContent-Disposition: form-data; name=\"a\"x\r\n\r\n1\r\n--b--"),
           std::string("--b\r\nContent-Disposition: form-data; name=\"a\x01\"\r\n\r\n1\r\n--b--"),
           "--b\r\nContent-Transfer-Encoding: base64\r\n" + part + "\r\n--b--",
           "--b\r\n: x\r\n" + part + "\r\n--b--",
           "--b\r\nX: " + std::string(9000, 'x') + "\r\n" + part + "\r\n--b--"}) {
    const auto parts = form(body);
    ASSERT_TRUE(parts.has_error()) << body;
    EXPECT_EQ(parts.error().code(), Errc::malformed_request) << body;
  }
  std::string many;
  for (int i = 0; i < 101; ++i) many += (i > 0 ? "\r\n--b\r\n" : "--b\r\n") + part;
  EXPECT_TRUE(form(many + "\r\n--b--").has_error());
  EXPECT_EQ(form("x", "application/json").error().code(), Errc::unsupported_media_type);
  EXPECT_EQ(form("--b--", "multipart/form-data").error().code(), Errc::malformed_request);
  EXPECT_EQ(form("--b--", "multipart/form-data; boundary=" + std::string(71, 'b')).error().code(),
            Errc::malformed_request);
}

}  // namespace
}  // namespace bulkhead
