// The threads that do the NFS network: one Asio io_context each, nothing on them may block. Several
// front-ends of one process share a pool.
#pragma once

#include <cstddef>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace openefs::rpc {

class IoPool {
 public:
  // 0: one thread per core.
  explicit IoPool(size_t threads = 0);
  ~IoPool();  // stops the threads; everything that uses them is gone before

  size_t size() const;
  boost::asio::io_context& at(size_t index);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace openefs::rpc
