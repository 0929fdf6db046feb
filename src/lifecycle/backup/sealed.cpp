#include "lifecycle/backup/sealed.hpp"

#include <new>
#include <optional>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <zstd.h>

#include "base/hex.hpp"
#include "lifecycle/digest.hpp"

namespace bulkhead::lifecycle::backup {
namespace {

constexpr std::string_view magic = "BHSEAL01";
constexpr std::size_t salt_size = 32, nonce_size = 12, tag_size = 16, chunk_size = 64UL * 1024;
constexpr std::size_t sealed_chunk = chunk_size + tag_size;
constexpr std::size_t head_size = magic.size() + salt_size;
constexpr std::size_t largest_small = 64UL * 1024 * 1024;
constexpr int level = 3, largest_window_log = 27;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

void fill_random(unsigned char* out, std::size_t size) {
  if (RAND_bytes(out, static_cast<int>(size)) != 1) throw std::runtime_error("OpenSSL has no randomness");
}

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

Error failed(const char* what) {
  return Error(Errc::internal, std::string("OpenSSL failed to ") + what);
}

/// AES-256-GCM with one key.
class Gcm {
 public:
  explicit Gcm(const unsigned char* key) : context_(EVP_CIPHER_CTX_new()) {
    if (!context_) throw std::bad_alloc();
    std::copy_n(key, key_.size(), key_.begin());
  }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  ~Gcm() { OPENSSL_cleanse(key_.data(), key_.size()); }

  /// With its tag behind it.
  Result<std::string> seal(const std::array<unsigned char, nonce_size>& nonce, std::string_view about,
                           std::string_view plain) {
    std::string out(plain.size() + tag_size, '\0');
    int size = 0, last = 0;
    if (EVP_EncryptInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce.data()) != 1 ||
        EVP_EncryptUpdate(context_.get(), nullptr, &size, bytes_of(about), static_cast<int>(about.size())) !=
            1 ||
        EVP_EncryptUpdate(context_.get(), bytes_of(out), &size, bytes_of(plain),
                          static_cast<int>(plain.size())) != 1 ||
        EVP_EncryptFinal_ex(context_.get(), bytes_of(out) + size, &last) != 1 ||
        EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_GCM_GET_TAG, tag_size, bytes_of(out) + plain.size()) !=
            1)
      return failed("seal");
    return out;
  }

  /// nullopt: not sealed so.
  std::optional<std::string> open(const std::array<unsigned char, nonce_size>& nonce, std::string_view about,
                                  std::string_view sealed) {
    if (sealed.size() < tag_size) return std::nullopt;
    std::string tag(sealed.substr(sealed.size() - tag_size));
    sealed.remove_suffix(tag_size);
    std::string out(sealed.size() + tag_size, '\0');
    int size = 0, last = 0;
    if (EVP_DecryptInit_ex(context_.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce.data()) != 1 ||
        EVP_DecryptUpdate(context_.get(), nullptr, &size, bytes_of(about), static_cast<int>(about.size())) !=
            1 ||
        EVP_DecryptUpdate(context_.get(), bytes_of(out), &size, bytes_of(sealed),
                          static_cast<int>(sealed.size())) != 1 ||
        EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_GCM_SET_TAG, tag_size, bytes_of(tag)) != 1 ||
        EVP_DecryptFinal_ex(context_.get(), bytes_of(out) + size, &last) != 1)
      return std::nullopt;
    out.resize(sealed.size());
    return out;
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> context_;
  std::array<unsigned char, DataKey::size> key_{};
};

/// HKDF-SHA256 of the tenant's key, the object's salt and its name.
Result<std::unique_ptr<Gcm>> object_cipher(const DataKey& with, std::string_view salt,
                                           std::string_view name) {
  struct Free {
    void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
  };
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  const std::string info = "bulkhead sealed object 1 " + std::string(name);
  std::array<unsigned char, DataKey::size> key{};
  std::size_t size = key.size();
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()) != 1 ||
      EVP_PKEY_CTX_set1_hkdf_salt(context.get(), bytes_of(salt), static_cast<int>(salt.size())) != 1 ||
      EVP_PKEY_CTX_set1_hkdf_key(context.get(), with.bytes().data(), DataKey::size) != 1 ||
      EVP_PKEY_CTX_add1_hkdf_info(context.get(), bytes_of(info), static_cast<int>(info.size())) != 1 ||
      EVP_PKEY_derive(context.get(), key.data(), &size) != 1)
    return failed("derive a key");
  auto out = std::make_unique<Gcm>(key.data());
  OPENSSL_cleanse(key.data(), key.size());
  return out;
}

/// The chunk's place, and whether it is the last. An object has fewer than 2^64 of them.
std::array<unsigned char, nonce_size> nonce_of(std::uint64_t number, bool last) {
  std::array<unsigned char, nonce_size> out{};
  for (std::size_t i = 0; i < 8; ++i) out.at(10 - i) = static_cast<unsigned char>(number >> (8 * i));
  out.back() = last ? 1 : 0;
  return out;
}

Error broken(const std::string& key, const std::string& what) {
  return Error(Errc::import_failed, "the object " + key + " " + what)
      .hint("restore another time from another backup; `bulkhead backup verify` says which ones are whole");
}

}  // namespace

DataKey DataKey::generate() {
  DataKey out;
  fill_random(out.bytes_.data(), size);
  return out;
}

Result<DataKey> DataKey::from_hex(std::string_view hex) {
  const auto bytes = bulkhead::from_hex(hex);
  if (!bytes || bytes->size() != size) return Error(Errc::config_invalid, "this is no key of 32 bytes");
  DataKey out;
  std::copy(bytes->begin(), bytes->end(), out.bytes_.begin());
  return out;
}

std::string DataKey::hex() const {
  return hex_of(std::string_view(reinterpret_cast<const char*>(bytes_.data()), size));
}

Result<std::string> DataKey::wrapped(const DataKey& wrapping, std::string_view purpose) const {
  std::array<unsigned char, nonce_size> nonce{};
  fill_random(nonce.data(), nonce.size());
  BULKHEAD_TRY(
      const std::string sealed,
      Gcm(wrapping.bytes().data())
          .seal(nonce, purpose, std::string_view(reinterpret_cast<const char*>(bytes_.data()), size)));
  return hex_of(std::string_view(reinterpret_cast<const char*>(nonce.data()), nonce.size())) + hex_of(sealed);
}

Result<DataKey> DataKey::unwrap(std::string_view wrapped, const DataKey& wrapping, std::string_view purpose) {
  const Error refused =
      Error(Errc::config_invalid, "the key of the tenant's backups does not open with the installation's key")
          .hint(
              "catalog.credential 'backup_key' is not the one that they were made with: restore the "
              "catalog's own");
  const auto bytes = bulkhead::from_hex(wrapped);
  if (!bytes || bytes->size() != nonce_size + size + tag_size) return refused;
  std::array<unsigned char, nonce_size> nonce{};
  std::copy_n(bytes->begin(), nonce_size, nonce.begin());
  const auto plain =
      Gcm(wrapping.bytes().data()).open(nonce, purpose, std::string_view(*bytes).substr(nonce_size));
  if (!plain) return refused;
  DataKey out;
  std::copy(plain->begin(), plain->end(), out.bytes_.begin());
  return out;
}

// --- writing

struct SealedWriter::Impl {
  struct Free {
    void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  };
  std::unique_ptr<cloud::ObjectWriter> object;
  std::unique_ptr<Gcm> cipher;
  std::unique_ptr<ZSTD_CCtx, Free> zstd{ZSTD_createCCtx()};
  std::string head, plain, waiting;
  std::uint64_t chunks = 0, content = 0;
  SealedInfo info;
  Sha256 sum;

  Result<void> store(std::string_view bytes) {
    sum.update(bytes);
    info.bytes += bytes.size();
    return object->write(bytes);
  }
  Result<void> store_chunk(std::string_view chunk, bool last) {
    BULKHEAD_TRY(const std::string sealed, cipher->seal(nonce_of(chunks, last), head, chunk));
    ++chunks;
    return store(sealed);
  }
  /// A chunk that may be the last waits.
  Result<void> store_full() {
    std::size_t at = 0;
    for (; waiting.size() - at > chunk_size; at += chunk_size)
      BULKHEAD_CHECK(store_chunk(std::string_view(waiting).substr(at, chunk_size), false));
    waiting.erase(0, at);
    return {};
  }
  Result<void> compress(std::string_view piece, ZSTD_EndDirective how) {
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    for (;;) {
      const std::size_t before = waiting.size();
      waiting.resize(before + ZSTD_CStreamOutSize());
      ZSTD_outBuffer out{waiting.data() + before, waiting.size() - before, 0};
      const std::size_t left = ZSTD_compressStream2(zstd.get(), &out, &in, how);
      waiting.resize(before + out.pos);
      if (ZSTD_isError(left) != 0U) return Error(Errc::internal, "zstd failed to compress");
      BULKHEAD_CHECK(store_full());
      if (how == ZSTD_e_end ? left == 0 : in.pos == in.size) return {};
    }
  }
};

SealedWriter::SealedWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SealedWriter::SealedWriter(SealedWriter&&) noexcept = default;
SealedWriter& SealedWriter::operator=(SealedWriter&&) noexcept = default;
SealedWriter::~SealedWriter() = default;

Result<SealedWriter> SealedWriter::open(cloud::ObjectStore& store, const std::string& key,
                                        const DataKey& with) {
  auto impl = std::make_unique<Impl>();
  if (!impl->zstd) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(impl->zstd.get(), ZSTD_c_compressionLevel, level);
  BULKHEAD_TRY(impl->object, store.put(key));
  std::string salt(salt_size, '\0');
  fill_random(bytes_of(salt), salt.size());
  BULKHEAD_TRY(impl->cipher, object_cipher(with, salt, key));
  impl->head = std::string(magic) + salt;
  BULKHEAD_CHECK(impl->store(impl->head));
  return SealedWriter(std::move(impl));
}

Result<void> SealedWriter::write(std::string_view content) {
  impl_->content += content.size();
  impl_->plain += content;
  if (impl_->plain.size() < chunk_size) return {};
  const std::string full = std::move(impl_->plain);
  impl_->plain.clear();
  return impl_->compress(full, ZSTD_e_continue);
}

Result<SealedInfo> SealedWriter::finish() {
  BULKHEAD_CHECK(impl_->compress(impl_->plain, ZSTD_e_end));
  BULKHEAD_CHECK(impl_->store_chunk(impl_->waiting, true));
  BULKHEAD_CHECK(impl_->object->commit());
  impl_->info.sha256 = impl_->sum.hex();
  return impl_->info;
}

std::uint64_t SealedWriter::content_bytes() const noexcept {
  return impl_->content;
}

// --- reading

struct SealedReader::Impl {
  struct Free {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<cloud::ObjectReader> object;
  std::string key;
  DataKey with;
  std::unique_ptr<Gcm> cipher;
  std::unique_ptr<ZSTD_DCtx, Free> zstd{ZSTD_createDCtx()};
  std::string head, waiting;
  std::uint64_t chunks = 0;
  bool stored_all = false, last_seen = false, frame_done = false;
  SealedInfo info;
  Sha256 sum;

  /// Until more than `size` bytes wait, or there are no more.
  Result<void> fill(std::size_t size) {
    while (!stored_all && waiting.size() <= size) {
      BULKHEAD_TRY(const std::string piece, object->next());
      stored_all = piece.empty();
      sum.update(piece);
      info.bytes += piece.size();
      waiting += piece;
    }
    return {};
  }
  Result<void> read_head() {
    BULKHEAD_CHECK(fill(head_size));
    if (waiting.size() < head_size || !waiting.starts_with(magic))
      return broken(key, "is not one of Bulkhead's sealed objects, or was cut off");
    head = waiting.substr(0, head_size);
    waiting.erase(0, head_size);
    BULKHEAD_TRY(cipher, object_cipher(with, std::string_view(head).substr(magic.size()), key));
    return {};
  }
  Result<std::string> next_chunk() {
    if (!cipher) BULKHEAD_CHECK(read_head());
    BULKHEAD_CHECK(fill(sealed_chunk));
    const bool last = waiting.size() <= sealed_chunk;
    const std::size_t size = last ? waiting.size() : sealed_chunk;
    auto plain = cipher->open(nonce_of(chunks, last), head, std::string_view(waiting).substr(0, size));
    if (!plain)
      return broken(key, "is damaged, was cut off, belongs elsewhere, or is sealed with another key");
    ++chunks;
    last_seen = last;
    waiting.erase(0, size);
    return std::move(*plain);
  }
  Result<std::string> decompressed(std::string_view piece) {
    std::string out;
    ZSTD_inBuffer in{piece.data(), piece.size(), 0};
    for (bool full = true; in.pos < in.size || full;) {
      const std::size_t before = out.size();
      out.resize(before + ZSTD_DStreamOutSize());
      ZSTD_outBuffer to{out.data() + before, out.size() - before, 0};
      const std::size_t left = ZSTD_decompressStream(zstd.get(), &to, &in);
      full = to.pos == to.size;
      out.resize(before + to.pos);
      if (ZSTD_isError(left) != 0U) return broken(key, "does not decompress");
      frame_done = left == 0;
      if (frame_done) break;
    }
    if (in.pos < in.size) return broken(key, "goes on behind its end");
    return out;
  }
};

SealedReader::SealedReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SealedReader::SealedReader(SealedReader&&) noexcept = default;
SealedReader& SealedReader::operator=(SealedReader&&) noexcept = default;
SealedReader::~SealedReader() = default;

Result<SealedReader> SealedReader::open(cloud::ObjectStore& store, const std::string& key,
                                        const DataKey& with) {
  auto impl = std::make_unique<Impl>();
  if (!impl->zstd) throw std::bad_alloc();
  ZSTD_DCtx_setParameter(impl->zstd.get(), ZSTD_d_windowLogMax, largest_window_log);
  impl->key = key;
  impl->with = with;
  BULKHEAD_TRY(impl->object, store.get(key));
  return SealedReader(std::move(impl));
}

Result<std::string> SealedReader::next() {
  while (!impl_->last_seen) {
    BULKHEAD_TRY(const std::string chunk, impl_->next_chunk());
    if (impl_->frame_done) return broken(impl_->key, "goes on behind its end");
    BULKHEAD_TRY(std::string out, impl_->decompressed(chunk));
    if (impl_->last_seen && !impl_->frame_done) return broken(impl_->key, "ends too early");
    if (!out.empty()) return out;
  }
  return std::string();
}

SealedInfo SealedReader::info() {
  SealedInfo out = impl_->info;
  out.sha256 = impl_->sum.hex();
  return out;
}

Result<std::string> read_sealed(cloud::ObjectStore& store, const std::string& key, const DataKey& with) {
  BULKHEAD_TRY(auto reader, SealedReader::open(store, key, with));
  std::string out;
  for (;;) {
    BULKHEAD_TRY(const std::string piece, reader.next());
    if (piece.empty()) return out;
    out += piece;
    if (out.size() > largest_small) return broken(key, "is larger than such an object may be");
  }
}

Result<SealedInfo> write_sealed(cloud::ObjectStore& store, const std::string& key, const DataKey& with,
                                std::string_view content) {
  BULKHEAD_TRY(auto writer, SealedWriter::open(store, key, with));
  BULKHEAD_CHECK(writer.write(content));
  return writer.finish();
}

}  // namespace bulkhead::lifecycle::backup
