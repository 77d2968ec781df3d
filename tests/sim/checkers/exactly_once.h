// Exactly once, and never lost: counts how often each request changed the store, keeps what it
// answered the first time, and holds every answer that a client got against that.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "proto/metadata.pb.h"

namespace openefs::sim {

class ExactlyOnce {
 public:
  // A request of a committed entry was carried out; `changed`: it wrote anything but slot records.
  void Executed(const pb::SegmentRequest& request, const pb::SegmentResponse& response,
                bool changed);

  // A client was told that its request is done.
  void Acknowledged(const pb::SegmentRequest& request, const pb::SegmentResponse& response) const;

  size_t repeats() const { return repeats_; }  // copies that were carried out without effect

 private:
  struct Record {
    int changes = 0;
    std::string results;  // of the mutations
  };

  std::unordered_map<std::string, Record> requests_;
  size_t repeats_ = 0;
};

}  // namespace openefs::sim
