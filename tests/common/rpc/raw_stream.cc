#include "tests/common/rpc/raw_stream.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include "common/buffer.h"
#include "common/rpc/grpc_bytes.h"
#include "common/rpc/grpc_options.h"
#include "tests/common/notification.h"

namespace openefs::rpc {

absl::StatusCode SendRaw(const std::string& address, const std::string& bytes,
                         const std::string& method) {
  class Reactor : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    void OnDone(const grpc::Status& status) override {
      status_ = status;
      done_.Notify();
    }
    grpc::Status status_;
    Notification done_;
  };
  const auto channel = MakeGrpcChannel(address);
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  Reactor reactor;
  grpc::ByteBuffer batch = ToGrpc({Buffer::Copy(bytes)});
  grpc::ByteBuffer answer;
  stub.PrepareBidiStreamingCall(&context, method, {}, &reactor);
  reactor.StartWrite(&batch);
  reactor.StartRead(&answer);
  reactor.StartCall();
  reactor.done_.Wait();
  return static_cast<absl::StatusCode>(reactor.status_.error_code());
}

}  // namespace openefs::rpc
