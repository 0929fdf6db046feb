#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::testing {

/// A program that serves until its standard input ends, so that it cannot outlive the test.
class Child {
 public:
  /// Waits for a line that begins with `ready`.
  Child(const std::vector<std::string>& command, std::string_view ready) {
    int in[2], out[2];
    if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
      std::vector<char*> arguments;
      for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
      arguments.push_back(nullptr);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    // Children that are started later must not hold it open.
    fcntl(input_, F_SETFD, FD_CLOEXEC);
    output_ = fdopen(out[0], "r");
    char line[16384];
    while (line_.empty() && std::fgets(line, sizeof line, output_) != nullptr)
      if (std::string_view(line).starts_with(ready)) line_ = line;
    while (line_.ends_with('\n')) line_.pop_back();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    close(input_);
    int status = 0;
    waitpid(pid_, &status, 0);
    std::fclose(output_);
  }
  /// The line; empty: it did not start.
  [[nodiscard]] const std::string& line() const { return line_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  FILE* output_ = nullptr;
  std::string line_;
};

inline bool installed(const std::string& command) {
  return std::system((command + " > /dev/null 2>&1").c_str()) == 0;
}

}  // namespace bulkhead::testing
