#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <bulkhead/http.hpp>
#include <bulkhead/result.hpp>

namespace bulkhead::runtime {

struct WebPageSettings {
  WebPageSettings() = default;
  bool single_page = false;          ///< index.html answers for paths that are no file's.
  std::vector<std::string> connect;  ///< Origins besides its own that the page may call.
  std::size_t most_files = 10'000;
  std::uintmax_t most_bytes = 64U << 20U;  ///< All files together: they are kept in memory.
};

/// The app's built page: its files, read when the server starts, by the paths that they are served at. A path that is not
/// in this map is not there, so no path leads out of the folder. Immutable; shared between threads.
class WebPage {
 public:
  /// No page.
  WebPage() = default;
  /// Reads every file below `dir`, links and names that begin with a dot left out. Errors (`config_invalid`): no
  /// folder, no index.html, a name that no path can have, more files or bytes than the settings allow; `environment` for
  /// a file that cannot be read.
  [[nodiscard]] static Result<WebPage> load(const std::filesystem::path& dir, WebPageSettings settings = {});

  /// A file that is part of the program, at its path.
  struct Source {
    std::string_view path, content;
  };
  /// A page of such files, under a policy of its own.
  [[nodiscard]] static WebPage of(const std::vector<Source>& sources, std::string policy);

  [[nodiscard]] std::size_t size() const noexcept { return files_.size(); }
  /// The answer to a request that no route takes; nullopt where the page has nothing for it.
  [[nodiscard]] std::optional<Response> answer(const Request& request) const;

 private:
  struct File {
    std::string body, type, etag;
    bool immutable = false;  ///< Another content would have another name.
  };
  [[nodiscard]] static File file_of(std::string_view path, std::string body);
  [[nodiscard]] const File* find(const Request& request) const;
  [[nodiscard]] Response serve(const File& file, const Request& request) const;

  std::map<std::string, File, std::less<>> files_;
  bool single_page_ = false;
  std::string policy_;
};

}  // namespace bulkhead::runtime
