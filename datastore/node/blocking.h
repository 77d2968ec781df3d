// Waits for one callback; for the maintenance thread, which may wait.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "datastore/node/log_writer.h"

namespace openefs::datastore {

inline absl::Status SubmitAndWait(LogWriter* writer, Work work) {
  auto result = std::make_shared<std::promise<absl::Status>>();
  std::future<absl::Status> future = result->get_future();
  writer->Submit(std::move(work),
                 [result](absl::Status status) { result->set_value(std::move(status)); });
  return future.get();
}

}  // namespace openefs::datastore
