#include <fstream>
#include <optional>

#include "shops.hpp"

/// docs/reference/data-api.md: every request in it gets the status, and the code, that stand behind it.
namespace bulkhead::test {
namespace {

using ReferenceTest = ShopsTest;

struct Example {
  std::string line, method, target, body, status, code;
  Headers headers;
};

std::string cut(std::string& text, std::string_view until) {
  const std::size_t at = std::min(text.find(until), text.size());
  std::string head = text.substr(0, at);
  text.erase(0, std::min(at + until.size(), text.size()));
  return head;
}

// `METHOD TARGET [Name: value] {body} → STATUS CODE`; a value may hold spaces, as browsers' address lines may.
Example example(const std::string& line) {
  Example made;
  made.line = line;
  std::string request = line, answer;
  answer = line.substr(line.find("→") + std::string("→ ").size());
  request.erase(line.find(" →"));
  made.status = cut(answer, " ");
  made.code = answer;
  made.method = cut(request, " ");
  if (const std::size_t body = request.find(" {\""); body != std::string::npos) {
    made.body = request.substr(body + 1);
    request.erase(body);
  }
  for (std::size_t open = 0; (open = request.find(" [")) != std::string::npos;) {
    std::string header = request.substr(open + 2, request.find(']', open) - open - 2);
    request.erase(open, header.size() + 3);
    std::string name = cut(header, ": ");
    made.headers.emplace_back(name, header);
  }
  for (char c : request) made.target += c == ' ' ? "%20" : std::string(1, c);
  return made;
}

std::vector<Example> examples() {
  std::ifstream in(BULKHEAD_SOURCE_DIR "/docs/reference/data-api.md");
  std::vector<Example> found;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```"))
      inside = line == "```http";
    else if (inside)
      found.push_back(example(line));
  }
  return found;
}

TEST_F(ReferenceTest, TheDataApisExamplesAreTrue) {
  Caller caller = ann();
  const std::vector<Example> all = examples();
  EXPECT_GT(all.size(), 30u);
  for (const Example& shown : all) {
    const Reply reply = caller.send(shown.method, shown.target, shown.body, shown.headers);
    EXPECT_EQ(std::to_string(reply.status), shown.status) << shown.line << "\n" << reply.body;
    if (!shown.code.empty()) EXPECT_EQ(code_of(reply), shown.code) << shown.line;
    EXPECT_EQ(told_to_acme(reply, shops()), "") << shown.line;
  }
}

}  // namespace
}  // namespace bulkhead::test
