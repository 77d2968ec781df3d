// What an RPC server serves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/buffer.h"
#include "proto/common.pb.h"
#include "server/rpc/message.h"

namespace openefs::rpc {

struct Call {
  uint32_t procedure = 0;
  pb::Credentials credentials;
  Buffer arguments;
  uint64_t connection_id = 0;  // unique in the process, never 0
  size_t record_bytes = 0;     // of the whole message
};

struct Results {
  AcceptStatus status = AcceptStatus::kSuccess;
  std::shared_ptr<const BufferList> body = nullptr;  // after kSuccess; null: empty
};

// One version of one program. Any thread.
class Program {
 public:
  virtual ~Program() = default;
  virtual uint32_t number() const = 0;
  virtual uint32_t version() const = 0;

  // Runs to its end even if the connection breaks in between; its results are then dropped.
  virtual boost::asio::awaitable<Results> Run(Call call) = 0;
};

}  // namespace openefs::rpc
