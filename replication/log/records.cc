#include "replication/log/records.h"

#include <memory>

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

std::string EncodeReset(const Reset& reset) {
  std::string body;
  PutInt(body, reset.index);
  PutInt(body, reset.term);
  return body;
}

std::optional<Reset> DecodeReset(std::string_view body) {
  Reset reset;
  if (!GetInt(body, reset.index) || !GetInt(body, reset.term) || !body.empty()) return std::nullopt;
  if (reset.index == 0 && reset.term != 0) return std::nullopt;
  return reset;
}

}  // namespace openefs::replication
