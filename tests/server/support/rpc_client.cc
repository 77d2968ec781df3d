#include "tests/server/support/rpc_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"

namespace openefs::testing {
namespace {

constexpr int kPatienceSeconds = 10;

}  // namespace

std::string BytesOf(xdr::Writer& writer) {
  std::string bytes;
  for (const Buffer& piece : writer.Finish()) bytes += piece.view();
  return bytes;
}

RpcClient::RpcClient(uint16_t port, const std::string& address) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  OPENEFS_CHECK(socket_ >= 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  OPENEFS_CHECK(::inet_pton(AF_INET, address.c_str(), &to.sin_addr) == 1);
  OPENEFS_CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const timeval patience = {kPatienceSeconds, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

RpcClient::~RpcClient() { ::close(socket_); }

bool RpcClient::SendBytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool RpcClient::SendRecord(std::string_view record) {
  const uint32_t mark = htonl(0x80000000u | static_cast<uint32_t>(record.size()));
  std::string bytes(reinterpret_cast<const char*>(&mark), sizeof mark);
  bytes += record;
  return SendBytes(bytes);
}

bool RpcClient::ReceiveExactly(char* to, size_t bytes) {
  while (bytes > 0) {
    const ssize_t got = ::recv(socket_, to, bytes, 0);
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

std::optional<std::string> RpcClient::ReceiveRecord() {
  std::string record;
  for (bool last = false; !last;) {
    uint32_t mark = 0;
    if (!ReceiveExactly(reinterpret_cast<char*>(&mark), sizeof mark)) return std::nullopt;
    mark = ntohl(mark);
    last = (mark & 0x80000000u) != 0;
    const size_t before = record.size();
    record.resize(before + (mark & 0x7fffffffu));
    if (!ReceiveExactly(record.data() + before, record.size() - before)) return std::nullopt;
  }
  return record;
}

bool RpcClient::PeerCloses() {
  char dropped[4096];
  for (;;) {
    const ssize_t got = ::recv(socket_, dropped, sizeof dropped, 0);
    if (got == 0) return true;
    if (got < 0) return errno == ECONNRESET;
  }
}

void RpcClient::CloseSending() { ::shutdown(socket_, SHUT_WR); }

std::string RpcClient::Call(uint32_t program, uint32_t version, uint32_t procedure,
                            std::string_view arguments) {
  xdr::Writer credentials;
  credentials.U32(0);  // stamp
  credentials.Opaque("test");
  credentials.U32(uid);
  credentials.U32(gid);
  credentials.U32(0);  // no more groups
  xdr::Writer call;
  call.U32(++xid_);
  call.U32(0);  // CALL
  call.U32(2);
  call.U32(program);
  call.U32(version);
  call.U32(procedure);
  call.U32(1);  // AUTH_SYS
  call.Opaque(BytesOf(credentials));
  call.U32(0);
  call.U32(0);
  return BytesOf(call) + std::string(arguments);
}

}  // namespace openefs::testing
