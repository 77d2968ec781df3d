#include "server/xdr/xdr.h"

#include <catch2/catch.hpp>
#include <limits>
#include <string>

namespace openefs::xdr {
namespace {

std::string Bytes(Writer& writer) {
  std::string bytes;
  for (const Buffer& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

Reader ReaderOf(std::string bytes) { return Reader(Buffer::FromString(std::move(bytes))); }

TEST_CASE("what is written is read back") {
  Writer writer;
  writer.U32(0xdeadbeef);
  writer.I64(-2);
  writer.Bool(true);
  writer.Opaque("hello");
  writer.FixedOpaque("abc");
  writer.OpaqueBuffers({Buffer::Copy("file "), Buffer(), Buffer::Copy("data")});
  writer.U64(std::numeric_limits<uint64_t>::max());
  const size_t size = writer.size();
  const std::string bytes = Bytes(writer);
  CHECK(bytes.size() == size);
  CHECK(bytes.size() % 4 == 0);

  Reader reader = ReaderOf(bytes);
  CHECK(reader.U32() == 0xdeadbeef);
  CHECK(reader.I64() == -2);
  CHECK(reader.Bool());
  CHECK(reader.Opaque(5) == "hello");
  CHECK(reader.FixedOpaque(3) == "abc");
  CHECK(reader.OpaqueBuffer(9).view() == "file data");
  CHECK(reader.U64() == std::numeric_limits<uint64_t>::max());
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
}

TEST_CASE("numbers are big-endian and padding is zero (RFC 4506 3)") {
  Writer writer;
  writer.U32(0x01020304);
  writer.U64(0x05060708090a0b0c);
  writer.Opaque("x");
  CHECK(Bytes(writer) == std::string("\1\2\3\4\5\6\7\10\11\12\13\14\0\0\0\1x\0\0\0", 20));
}

TEST_CASE("an OpaqueBuffer shares the record's memory") {
  Writer writer;
  writer.Opaque("12345678");
  const Buffer record = Buffer::FromString(Bytes(writer));
  Reader reader(record);
  CHECK(reader.OpaqueBuffer(8).data() == record.data() + 4);
}

TEST_CASE("the first failure sticks") {
  Reader reader = ReaderOf(std::string("\0\0\0\7\0\0\0\1", 8));
  CHECK_FALSE(reader.Bool());  // 7 is neither
  CHECK_FALSE(reader.ok());
  CHECK(reader.U32() == 0);  // though there are bytes
  CHECK(reader.Opaque(100).empty());
  CHECK(reader.ArrayLength(100, 0) == 0);
}

TEST_CASE("a record that ends early fails at any length") {
  Writer writer;
  writer.U32(1);
  writer.U64(2);
  writer.Opaque("abcde");
  writer.U32(3);
  const std::string whole = Bytes(writer);
  for (size_t length = 0; length < whole.size(); ++length) {
    Reader reader = ReaderOf(whole.substr(0, length));
    reader.U32();
    reader.U64();
    reader.Opaque(100);
    reader.U32();
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("lengths are bounded by the limit and by the record") {
  const auto with_length = [](uint32_t length) {
    Writer writer;
    writer.U32(length);
    writer.U64(0);
    return ReaderOf(Bytes(writer));
  };
  for (const uint32_t length : {9u, 0x7fffffffu, 0x80000000u, 0xfffffffcu, 0xffffffffu}) {
    Reader opaque = with_length(length);
    CHECK(opaque.Opaque(0xffffffff).empty());
    CHECK_FALSE(opaque.ok());
    Reader buffer = with_length(length);
    CHECK(buffer.OpaqueBuffer(0xffffffff).empty());
    CHECK_FALSE(buffer.ok());
    Reader array = with_length(length);
    CHECK(array.ArrayLength(0xffffffff, 4) == 0);
    CHECK_FALSE(array.ok());
  }
  Reader over = with_length(8);
  CHECK(over.Opaque(7).empty());
  CHECK_FALSE(over.ok());
  Reader exact = with_length(2);
  CHECK(exact.ArrayLength(2, 4) == 2);
  CHECK(exact.ok());
  Reader elements = with_length(3);
  CHECK(elements.ArrayLength(2, 1) == 0);
  CHECK_FALSE(elements.ok());
}

TEST_CASE("missing padding is a failure") {
  Reader reader = ReaderOf(std::string("\0\0\0\1x", 5));
  CHECK(reader.Opaque(1).empty());
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a reserved number is patched wherever it stands") {
  Writer writer;
  const size_t first = writer.ReserveU32();
  writer.OpaqueBuffers({Buffer::Copy("ab"), Buffer::Copy("c")});
  const size_t second = writer.ReserveU32();
  writer.OpaqueBuffers({Buffer::Copy("defg")});
  const size_t third = writer.ReserveU32();
  writer.PatchU32(third, 3);
  writer.PatchU32(first, 1);
  writer.PatchU32(second, 2);
  Reader reader = ReaderOf(Bytes(writer));
  CHECK(reader.U32() == 1);
  CHECK(reader.Opaque(3) == "abc");
  CHECK(reader.U32() == 2);
  CHECK(reader.Opaque(4) == "defg");
  CHECK(reader.U32() == 3);
  CHECK(reader.ok());
}

TEST_CASE("truncating forgets everything behind, references too") {
  Writer writer;
  writer.U32(1);
  const size_t mark = writer.size();
  writer.U32(2);
  writer.OpaqueBuffers({Buffer::Copy("abc")});
  writer.OpaqueBuffers({Buffer::Copy("def")});
  writer.U32(3);
  writer.Truncate(mark);
  CHECK(writer.size() == mark);
  writer.U32(4);
  CHECK(Bytes(writer) == std::string("\0\0\0\1\0\0\0\4", 8));

  writer.U32(5);
  writer.Truncate(0);
  CHECK(writer.size() == 0);
  CHECK(Bytes(writer).empty());
}

TEST_CASE("file data is not copied into the writer") {
  const Buffer data = Buffer::Copy("file data");
  Writer writer;
  writer.OpaqueBuffers({data});
  const BufferList pieces = writer.Finish();
  REQUIRE(pieces.size() == 3);  // length, data, padding
  CHECK(pieces[1].data() == data.data());
}

}  // namespace
}  // namespace openefs::xdr
