// Buffer: an immutable, reference-counted run of bytes. Slicing shares, never copies; this is how
// file data goes from a socket to the erasure coder and back without being moved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace openefs {

class Buffer {
 public:
  Buffer() = default;

  // Keeps `owner` alive for as long as a slice of [data, data + size) lives.
  Buffer(std::shared_ptr<const void> owner, const char* data, size_t size)
      : owner_(std::move(owner)), data_(data), size_(size) {}

  // Takes a string's bytes without copying them.
  static Buffer FromString(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    return Buffer(owner, owner->data(), owner->size());
  }
  static Buffer Copy(std::string_view bytes) { return FromString(std::string(bytes)); }

  const char* data() const { return data_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }

  // [offset, offset + length), both cut to what there is.
  Buffer Slice(size_t offset, size_t length) const {
    offset = offset < size_ ? offset : size_;
    length = length < size_ - offset ? length : size_ - offset;
    return Buffer(owner_, data_ + offset, length);
  }

 private:
  std::shared_ptr<const void> owner_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

// Bytes in several pieces, in order: what a scatter-gather read or write takes.
using BufferList = std::vector<Buffer>;

inline size_t TotalBytes(const BufferList& list) {
  size_t total = 0;
  for (const Buffer& piece : list) total += piece.size();
  return total;
}

// One writable allocation that becomes a Buffer when it is full.
class MutableBuffer {
 public:
  explicit MutableBuffer(size_t size) : bytes_(new char[size]), size_(size) {}
  char* data() { return bytes_.get(); }
  size_t size() const { return size_; }
  Buffer Freeze() && {
    const char* data = bytes_.get();
    return Buffer(std::shared_ptr<const char[]>(std::move(bytes_)), data, size_);
  }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t size_;
};

}  // namespace openefs
