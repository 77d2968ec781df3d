// Configuration: who belongs to a group, and the history of configurations in its log.
//
// A configuration takes effect when it is appended, not when it is committed, and is rolled back
// with the log (paper section 6). A change of voters goes through a joint configuration, in which
// every decision needs a majority of the incoming and one of the outgoing voters.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ids.h"

namespace openefs::replication::raft {

// Voters and learners together. More voters make every write dearer without need; learners are few
// and pass.
inline constexpr size_t kMaxMembers = 32;
inline constexpr size_t kMaxNoteBytes = 1024;  // an address and two identifiers

struct Configuration {
  // Each sorted and without repeats (see Normalized).
  std::vector<NodeId> voters;           // none: this replica has not heard of its group yet
  std::vector<NodeId> voters_outgoing;  // not empty: joint
  std::vector<NodeId> learners;         // get the log and have no vote, unless still outgoing
  // What the node wrote about a member (how to reach and how to recognize it): carried along, not
  // understood here.
  std::map<NodeId, std::string> notes = {};

  bool joint() const { return !voters_outgoing.empty(); }
  bool IsVoter(NodeId node) const;  // of either half
  bool IsIncomingVoter(NodeId node) const;
  bool Contains(NodeId node) const;
  std::vector<NodeId> Voters() const;   // of both halves, sorted
  std::vector<NodeId> Members() const;  // voters and learners, sorted

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// Sorted, without repeats and without notes about others than members.
Configuration Normalized(Configuration configuration);

// Normalized, at least one voter, nobody is 0 or both voter and learner, at most kMaxMembers, no
// note beyond kMaxNoteBytes.
[[nodiscard]] bool IsValid(const Configuration& configuration);

// The way from one configuration to another that has other voters, and its end.
Configuration JointOf(const Configuration& from, const Configuration& to);
Configuration FinalOf(const Configuration& joint);

// A serialized pb::RaftConfiguration: the data of an entry, a log record or a snapshot's manifest.
std::string EncodeConfiguration(const Configuration& configuration);
// Nothing if it is damaged or not valid.
std::optional<Configuration> DecodeConfiguration(std::string_view bytes);

// For people: "1,2,3", "1,2,4 from 1,2,3", "1,2,3 learners 4".
std::string ToString(const Configuration& configuration);

// A state machine's state after entry `index`, and who belonged to the group then.
struct SnapshotMeta {
  uint64_t index = 0;
  uint64_t term = 0;  // of entry `index`
  Configuration configuration;

  friend bool operator==(const SnapshotMeta&, const SnapshotMeta&) = default;
};

// The configuration as of the log's front and those of the entries in the log.
class ConfigurationHistory {
 public:
  // `front` holds from entry `front_index` on, `later` are the entries behind it by index.
  ConfigurationHistory(uint64_t front_index, Configuration front,
                       std::map<uint64_t, Configuration> later);

  // The last one that was appended, and the index of its entry (at most the front's if that is
  // where it was before).
  const Configuration& current() const { return items_.back().configuration; }
  uint64_t current_index() const { return items_.back().index; }

  // In effect for a log that ends at `index`, which is not before the front.
  const Configuration& At(uint64_t index) const;

  void Append(uint64_t index, Configuration configuration);
  void TruncateFrom(uint64_t index);
  void CompactTo(uint64_t first_index);
  void Reset(uint64_t index, Configuration configuration);

 private:
  struct Item {
    uint64_t index = 0;
    Configuration configuration;
  };
  std::deque<Item> items_;  // by index; the first is the front's
};

}  // namespace openefs::replication::raft
