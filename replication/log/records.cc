#include "replication/log/records.h"

#include <memory>

#include "proto/raft.pb.h"
#include "replication/log/log_format.h"

namespace openefs::replication {

std::string EncodeEntryHead(const raft::Entry& entry) {
  std::string head;
  PutInt(head, entry.index);
  PutInt(head, entry.term);
  PutInt(head, static_cast<uint8_t>(entry.kind));
  return head;
}

std::optional<raft::Entry> DecodeEntry(std::string_view body) {
  raft::Entry entry;
  uint8_t kind;
  if (!GetInt(body, entry.index) || !GetInt(body, entry.term) || !GetInt(body, kind)) {
    return std::nullopt;
  }
  entry.kind = static_cast<raft::EntryKind>(kind);
  if (!body.empty()) entry.data = std::make_shared<const std::string>(body);
  return entry;
}

std::string EncodeHardState(const raft::HardState& state) {
  std::string body;
  PutInt(body, state.term);
  PutInt(body, state.voted_for);
  PutInt(body, state.commit);
  return body;
}

std::optional<raft::HardState> DecodeHardState(std::string_view body) {
  raft::HardState state;
  if (!GetInt(body, state.term) || !GetInt(body, state.voted_for)) return std::nullopt;
  if (!GetInt(body, state.commit) || !body.empty()) return std::nullopt;
  return state;
}

std::string EncodeTruncation(const Truncation& truncation) {
  std::string body;
  PutInt(body, truncation.first_index);
  PutInt(body, truncation.previous_term);
  PutInt(body, truncation.last_index);
  return body;
}

std::optional<Truncation> DecodeTruncation(std::string_view body) {
  Truncation t;
  if (!GetInt(body, t.first_index) || !GetInt(body, t.previous_term)) return std::nullopt;
  if (!GetInt(body, t.last_index) || !body.empty()) return std::nullopt;
  if (t.first_index == 0 || t.last_index + 1 < t.first_index) return std::nullopt;
  return t;
}

// A pb::RaftConfiguration, which has room for joint and learner members.
std::string EncodeVoters(const std::vector<NodeId>& voters) {
  pb::RaftConfiguration configuration;
  for (const NodeId voter : voters) configuration.add_voters(voter);
  return configuration.SerializeAsString();
}

std::optional<std::vector<NodeId>> DecodeVoters(std::string_view body) {
  pb::RaftConfiguration configuration;
  if (!configuration.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return std::nullopt;
  }
  return std::vector<NodeId>(configuration.voters().begin(), configuration.voters().end());
}

}  // namespace openefs::replication
