// Parts of the core by themselves, and input that no honest peer sends.
#include "replication/raft/raft.h"

#include <catch2/catch.hpp>

#include "replication/raft/quorum.h"

namespace openefs::replication::raft {
namespace {

using M = pb::RaftMessage;

Configuration Voters(std::vector<NodeId> voters) { return {std::move(voters), {}, {}}; }

Raft MakeRaft(NodeId id, Configuration configuration, RaftOptions options = {}) {
  options.id = id;
  DurableState durable;
  durable.configuration = std::move(configuration);
  return Raft(std::move(options), std::move(durable));
}

M Message(M::Type type, NodeId from, NodeId to, uint64_t term) {
  M m;
  m.set_type(type);
  m.set_from(from);
  m.set_to(to);
  m.set_term(term);
  return m;
}

M Append(NodeId from, NodeId to, uint64_t term, uint64_t after, uint64_t after_term) {
  M m = Message(M::APPEND, from, to, term);
  m.set_log_index(after);
  m.set_log_term(after_term);
  return m;
}

void AddEntry(M& m, uint64_t index, uint64_t term, std::string data = "x",
              pb::RaftEntry::Kind kind = pb::RaftEntry::NORMAL) {
  pb::RaftEntry* entry = m.add_entries();
  entry->set_index(index);
  entry->set_term(term);
  entry->set_kind(kind);
  entry->set_data(std::move(data));
}

// All that comes out until there is no more, with every write durable at once.
std::vector<M> Drain(Raft& raft, std::vector<Entry>* committed = nullptr) {
  std::vector<M> messages;
  while (raft.HasReady()) {
    Ready ready = raft.TakeReady();
    if (ready.write_id != 0) raft.OnPersisted(ready.write_id);
    for (M& m : ready.messages) messages.push_back(std::move(m));
    for (M& m : ready.messages_after_write) messages.push_back(std::move(m));
    for (Entry& entry : ready.committed) {
      raft.OnApplied(entry.index);
      if (committed != nullptr) committed->push_back(std::move(entry));
    }
  }
  return messages;
}

// Replica 1 becomes leader of term 1 with the vote of 2.
void Elect(Raft& raft) {
  raft.Campaign();
  Drain(raft);
  raft.Step(Message(M::PRE_VOTE_REPLY, 2, 1, 1));
  Drain(raft);
  raft.Step(Message(M::VOTE_REPLY, 2, 1, 1));
  Drain(raft);
}

// Leads voters 1 (itself), 2 and 3 in term 1; its no-op is committed.
Raft MakeLeader(RaftOptions options = {}) {
  Raft raft = MakeRaft(1, Voters({1, 2, 3}), std::move(options));
  Elect(raft);
  M reply = Message(M::APPEND_REPLY, 2, 1, 1);
  reply.set_log_index(1);
  raft.Step(reply);
  Drain(raft);
  REQUIRE(raft.leads());
  REQUIRE(raft.commit_index() == 1);
  return raft;
}

TEST_CASE("configurations: what is valid") {
  CHECK(IsValid(Voters({1})));
  CHECK(IsValid({{1, 2, 4}, {1, 2, 3}, {3, 5}}));  // 3 becomes a learner
  CHECK_FALSE(IsValid({}));
  CHECK_FALSE(IsValid(Voters({0, 1})));
  CHECK_FALSE(IsValid(Voters({2, 1})));
  CHECK_FALSE(IsValid(Voters({1, 1})));
  CHECK_FALSE(IsValid({{1, 2}, {}, {2}}));
  CHECK_FALSE(IsValid({{}, {1}, {}}));
  Configuration many;
  for (NodeId id = 1; id <= kMaxMembers; ++id) many.voters.push_back(id);
  CHECK(IsValid(many));
  many.learners = {kMaxMembers + 1};
  CHECK_FALSE(IsValid(many));
  CHECK(Normalized({{3, 1, 3}, {}, {5, 4}}) == Configuration{{1, 3}, {}, {4, 5}});
}

TEST_CASE("configurations: bytes and back") {
  const Configuration joint = {{1, 2, 4}, {1, 2, 3}, {5}};
  CHECK(DecodeConfiguration(EncodeConfiguration(joint)) == joint);
  CHECK_FALSE(DecodeConfiguration("").has_value());
  CHECK_FALSE(DecodeConfiguration("\xff\xff").has_value());
  CHECK_FALSE(DecodeConfiguration(EncodeConfiguration(Voters({2, 1}))).has_value());
  CHECK(ToString(joint) == "1,2,4 from 1,2,3 learners 5");
}

TEST_CASE("quorums need both halves") {
  const Configuration joint = {{1, 2, 4, 5}, {1, 2, 3}, {6}};
  const auto has = [&](std::vector<NodeId> nodes) {
    return HasQuorum(joint, [&](NodeId voter) {
      return std::find(nodes.begin(), nodes.end(), voter) != nodes.end();
    });
  };
  CHECK(has({1, 2, 4}));
  CHECK_FALSE(has({1, 2, 3}));     // two of four
  CHECK_FALSE(has({1, 4, 5, 6}));  // one of three
  CHECK_FALSE(HasQuorum(Configuration(), [](NodeId) { return true; }));
  CHECK(QuorumValue(joint, [](NodeId voter) -> uint64_t { return 10 * voter; }) == 20);
  CHECK(CountVotes(joint, {{1, true}, {2, true}, {4, true}}) == VoteOutcome::kWon);
  CHECK(CountVotes(joint, {{1, false}, {2, false}}) == VoteOutcome::kLost);
  CHECK(CountVotes(joint, {{4, true}, {5, true}, {6, true}}) == VoteOutcome::kPending);
}

TEST_CASE("the history of configurations follows the log") {
  ConfigurationHistory history(0, Voters({1}), {{5, Voters({2})}});
  history.Append(9, Voters({3}));
  CHECK(history.At(0) == Voters({1}));
  CHECK(history.At(4) == Voters({1}));
  CHECK(history.At(5) == Voters({2}));
  CHECK(history.current_index() == 9);
  history.TruncateFrom(9);
  CHECK(history.current() == Voters({2}));
  history.Append(12, Voters({4}));
  history.CompactTo(6);  // the one of entry 5 is the front's now
  CHECK(history.At(6) == Voters({2}));
  history.TruncateFrom(10);
  CHECK(history.current() == Voters({2}));
  history.Reset(20, Voters({7}));
  CHECK(history.current_index() == 20);
  CHECK(history.current() == Voters({7}));
}

// ClickHouse Keeper PR 102629: an index that was durable before an overwrite is not durable after.
TEST_CASE("what is overwritten is not durable when its old write ends") {
  LogView log({});
  for (uint64_t i = 1; i <= 3; ++i) log.Append({i, 1, EntryKind::kNormal, nullptr});
  CHECK(log.TakeUnwritten(1).size() == 3);
  log.TruncateFrom(2);
  log.Append({2, 2, EntryKind::kNormal, nullptr});
  log.Persisted(1);
  CHECK(log.stable_index() == 1);
  CHECK(log.TakeUnwritten(2).size() == 1);
  log.Persisted(2);
  CHECK(log.stable_index() == 2);
}

TEST_CASE("after a reset nothing that was under way counts") {
  LogView log({});
  log.Append({1, 1, EntryKind::kNormal, nullptr});
  log.TakeUnwritten(1);
  log.Reset(10, 3);
  log.Persisted(1);
  CHECK(log.stable_index() == 10);
  CHECK(log.first_index() == 11);
  CHECK(log.last_term() == 3);
  CHECK(log.Term(9) == std::nullopt);
  log.Append({11, 3, EntryKind::kNormal, nullptr});
  CHECK(log.stable_index() == 10);
}

TEST_CASE("a follower takes no entries that make no sense") {
  Raft raft = MakeRaft(1, Voters({1, 2, 3}));
  SECTION("a gap") {
    M m = Append(2, 1, 1, 0, 0);
    AddEntry(m, 2, 1);
    raft.Step(m);
  }
  SECTION("a later term than the sender's") {
    M m = Append(2, 1, 1, 0, 0);
    AddEntry(m, 1, 2);
    raft.Step(m);
  }
  SECTION("an unknown kind") {
    M m = Append(2, 1, 1, 0, 0);
    AddEntry(m, 1, 1, "x", static_cast<pb::RaftEntry::Kind>(7));
    raft.Step(m);
  }
  SECTION("a configuration that is none") {
    M m = Append(2, 1, 1, 0, 0);
    AddEntry(m, 1, 1, "x", pb::RaftEntry::CONFIGURATION);
    raft.Step(m);
  }
  SECTION("a configuration without voters") {
    M m = Append(2, 1, 1, 0, 0);
    AddEntry(m, 1, 1, "", pb::RaftEntry::CONFIGURATION);
    raft.Step(m);
  }
  Drain(raft);
  CHECK(raft.log().last_index() == 0);
  CHECK(raft.configuration() == Voters({1, 2, 3}));
}

TEST_CASE("a leader believes no answer that cannot be") {
  Raft raft = MakeLeader();
  raft.Propose({std::make_shared<const std::string>("a")});
  Drain(raft);
  SECTION("of an entry that does not exist") {
    M m = Message(M::APPEND_REPLY, 2, 1, 1);
    m.set_log_index(99);
    raft.Step(m);
  }
  SECTION("of somebody who is no member") {
    M m = Message(M::APPEND_REPLY, 9, 1, 1);
    m.set_log_index(2);
    raft.Step(m);
  }
  SECTION("a later term from somebody who is no member") {
    raft.Step(Message(M::HEARTBEAT_REPLY, 9, 1, 7));
  }
  SECTION("another leader of the term") {
    M m = Append(2, 1, 1, 1, 1);
    AddEntry(m, 2, 1, "b");
    raft.Step(m);
  }
  SECTION("a snapshot") { CHECK_FALSE(raft.InstallSnapshot({9, 1, Voters({1, 2, 3})})); }
  SECTION("a snapshot that was sent to nobody") {
    raft.OnSnapshotSent(9, 1);
    raft.OnSnapshotSent(2, 1);
  }
  Drain(raft);
  CHECK(raft.leads());
  CHECK(raft.term() == 1);
  CHECK(raft.commit_index() == 1);
}

TEST_CASE("a read lease is not extended by times that were never sent") {
  RaftOptions options;
  options.lease.tick_us = 1000;
  Raft raft = MakeRaft(1, Voters({1}), options);
  raft.Campaign();
  Drain(raft);
  REQUIRE(raft.leads());
  raft.ProposeConfiguration(Voters({1, 2, 3}));
  raft.OnTime(5000);
  M m = Message(M::HEARTBEAT_REPLY, 2, 1, 1);
  m.set_lease_time(UINT64_MAX);
  raft.Step(m);
  m.set_from(3);
  raft.Step(m);
  Drain(raft);
  raft.ReadBarrier(1);
  CHECK(raft.TakeReady().barriers_released.empty());
}

TEST_CASE("configurations that are refused") {
  Raft raft = MakeLeader();
  CHECK(raft.ProposeConfiguration(Voters({1, 2, 3})) == 0);        // in effect already
  CHECK(raft.ProposeConfiguration({{1, 2}, {1, 2, 3}, {}}) == 0);  // joint
  CHECK(raft.ProposeConfiguration({}) == 0);
  CHECK(raft.ProposeConfiguration(Voters({0, 1})) == 0);
  CHECK(raft.ProposeConfiguration({{1, 2}, {}, {2}}) == 0);
  CHECK(raft.ProposeConfiguration(Voters({3, 2, 1, 4})) == 2);
  CHECK(raft.configuration() == Configuration{{1, 2, 3, 4}, {1, 2, 3}, {}});
  CHECK(raft.ProposeConfiguration(Voters({1, 2})) == 0);  // another one is under way
  Raft follower = MakeRaft(2, Voters({1, 2, 3}));
  CHECK(follower.ProposeConfiguration(Voters({1, 2})) == 0);
}

TEST_CASE("no configuration before the term's first entry is committed") {
  Raft raft = MakeRaft(1, Voters({1, 2, 3}));
  Elect(raft);
  REQUIRE(raft.leads());
  CHECK(raft.ProposeConfiguration(Voters({1, 2})) == 0);
}

TEST_CASE("a replica restarts in the configuration its log ends with") {
  RaftOptions options;
  options.id = 1;
  const Configuration joint = {{1, 4}, {1, 2, 3}, {}};
  const auto data = std::make_shared<const std::string>(EncodeConfiguration(joint));
  DurableState durable;
  durable.hard_state = {3, 0, 10};
  durable.configuration = Voters({1, 2, 3});
  durable.configurations = {{11, joint}};
  durable.applied_index = 10;
  durable.log.first_index = 8;
  durable.log.previous_term = 2;
  durable.log.terms = {{8, 3}};
  durable.log.last_index = 11;
  durable.log.recent = {{11, 3, EntryKind::kConfiguration, data}};
  Raft raft(options, durable);
  CHECK(raft.configuration() == joint);
  CHECK_FALSE(raft.configuration_committed());
  CHECK(raft.ConfigurationAt(10) == Voters({1, 2, 3}));
  CHECK(raft.SnapshotAt(10) == SnapshotMeta{10, 3, Voters({1, 2, 3})});
  CHECK_FALSE(raft.SnapshotAt(11).has_value());  // not committed
  CHECK_FALSE(raft.SnapshotAt(6).has_value());   // cut
  CHECK_FALSE(raft.HasReady());
}

// ClickHouse Keeper PR 54572: entries that were not committed took effect after a snapshot.
TEST_CASE("entries from before a snapshot are neither kept nor applied after it") {
  Raft raft = MakeRaft(1, Voters({1, 2, 3}));
  M m = Append(2, 1, 1, 0, 0);
  for (uint64_t i = 1; i <= 5; ++i) AddEntry(m, i, 1, "old");
  m.set_commit(1);
  raft.Step(m);
  std::vector<Entry> committed;
  Drain(raft, &committed);
  REQUIRE(committed.size() == 1);
  REQUIRE(raft.InstallSnapshot({4, 2, Voters({1, 2, 3})}));
  CHECK(raft.term() == 2);  // a log is never ahead of its replica's term
  // Commitment of what is about to go is no news.
  M heartbeat = Message(M::HEARTBEAT, 3, 1, 2);
  heartbeat.set_commit(5);
  raft.Step(heartbeat);
  Ready ready = raft.TakeReady();
  CHECK(ready.install == SnapshotMeta{4, 2, Voters({1, 2, 3})});
  CHECK(ready.committed.empty());
  raft.OnPersisted(ready.write_id);
  CHECK_FALSE(raft.InstallSnapshot({6, 2, Voters({1, 2, 3})}));  // one at a time
  raft.OnApplied(1);
  raft.OnSnapshotInstalled(4);
  committed.clear();
  Drain(raft, &committed);
  CHECK(committed.empty());
  CHECK(raft.log().first_index() == 5);
  CHECK(raft.log().last_index() == 4);
  m = Append(3, 1, 2, 4, 2);
  AddEntry(m, 5, 2, "new");
  m.set_commit(5);
  raft.Step(m);
  Drain(raft, &committed);
  REQUIRE(committed.size() == 1);
  CHECK(*committed[0].data == "new");
}

TEST_CASE("snapshots that are not wanted") {
  Raft raft = MakeRaft(1, Voters({1, 2, 3}));
  M m = Append(2, 1, 1, 0, 0);
  for (uint64_t i = 1; i <= 5; ++i) AddEntry(m, i, 1);
  m.set_commit(2);
  raft.Step(m);
  Drain(raft);
  CHECK_FALSE(raft.InstallSnapshot({2, 1, Voters({1, 2, 3})}));  // old
  CHECK_FALSE(raft.InstallSnapshot({9, 1, {}}));                 // of no group
  CHECK(raft.commit_index() == 2);
  // Its entries are here: it only tells that they are committed.
  CHECK_FALSE(raft.InstallSnapshot({4, 1, Voters({1, 2, 3})}));
  CHECK(raft.commit_index() == 4);
  CHECK(raft.log().last_index() == 5);
}

TEST_CASE("what is under way to a learner has limits of its own") {
  RaftOptions options;
  options.cache_bytes = SIZE_MAX;
  options.flight.max_append_entries = options.learner_flight.max_append_entries = 1;
  options.flight.max_inflight_messages = 20;
  options.learner_flight.max_inflight_messages = 5;
  Raft raft = MakeLeader(options);
  REQUIRE(raft.ProposeConfiguration({{1, 2, 3}, {}, {4}}) == 2);
  const auto acknowledge = [&](NodeId from, uint64_t index) {
    M reply = Message(M::APPEND_REPLY, from, 1, 1);
    reply.set_log_index(index);
    raft.Step(reply);
  };
  Drain(raft);
  acknowledge(2, 2);
  acknowledge(4, 2);
  Drain(raft);
  for (int i = 0; i < 50; ++i) raft.Propose({std::make_shared<const std::string>("a")});
  std::map<NodeId, int> sent;
  for (const M& message : Drain(raft)) sent[message.to()] += message.entries_size();
  CHECK(sent[2] == 20);
  CHECK(sent[4] == 5);
}

// What node 3 lacks, of entries 1 to 4, is only on the leader's disk.
Raft MakeLeaderOfOneBehind() {
  RaftOptions options;
  options.cache_bytes = 0;
  Raft raft = MakeLeader(options);
  for (int i = 0; i < 3; ++i) raft.Propose({std::make_shared<const std::string>("a")});
  Drain(raft);
  M reply = Message(M::APPEND_REPLY, 2, 1, 1);
  reply.set_log_index(4);
  raft.Step(reply);
  Drain(raft);
  M behind = Message(M::APPEND_REPLY, 3, 1, 1);
  behind.set_log_index(1);
  raft.Step(behind);
  return raft;
}

TEST_CASE("a follower that was removed is forgotten while its entries are being read") {
  Raft raft = MakeLeaderOfOneBehind();
  const Ready ready = raft.TakeReady();
  REQUIRE(ready.reads.size() == 1);
  REQUIRE(raft.ProposeConfiguration(Voters({1, 2})) == 5);
  Drain(raft);
  M reply = Message(M::APPEND_REPLY, 2, 1, 1);
  reply.set_log_index(5);
  raft.Step(reply);
  Drain(raft);
  CHECK(raft.configuration() == Voters({1, 2}));
  raft.OnEntriesRead(ready.reads[0], {{2, 1, EntryKind::kNormal, nullptr}});
  for (const M& message : Drain(raft)) CHECK(message.to() != 3);
}

TEST_CASE("a barrier that those who are asked do not answer is asked of all with the next tick") {
  RaftOptions options;
  options.heartbeat_ticks = 4;
  Raft raft = MakeLeader(options);
  raft.ReadBarrier(1);
  CHECK(Drain(raft).size() == 2);
  M answer = Message(M::HEARTBEAT_REPLY, 2, 1, 1);
  answer.set_read_barrier(1);
  raft.Step(answer);
  Drain(raft);
  raft.ReadBarrier(2);
  const std::vector<M> asked = Drain(raft);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].to() == 2);
  raft.Tick();  // no heartbeat is due yet
  const std::vector<M> again = Drain(raft);
  REQUIRE(again.size() == 2);
  for (const M& m : again) CHECK(m.read_barrier() == 2);
  answer.set_from(3);
  answer.set_read_barrier(2);
  raft.Step(answer);
  REQUIRE(raft.HasReady());
  CHECK(raft.TakeReady().barriers_released == std::vector<uint64_t>{2});
  raft.Tick();
  CHECK(Drain(raft).empty());  // nothing waits
}

TEST_CASE("entries that cannot be read from the leader's disk, ever: a snapshot instead") {
  Raft raft = MakeLeaderOfOneBehind();
  size_t reads = 0;
  std::vector<Ready::SnapshotRequest> wanted;
  for (int tick = 0; tick < 20 && wanted.empty(); ++tick) {
    while (raft.HasReady()) {
      Ready ready = raft.TakeReady();
      for (const Ready::LogRead& read : ready.reads) {
        ++reads;
        raft.OnEntriesRead(read, {});
      }
      wanted = std::move(ready.snapshots_to_send);
    }
    raft.Tick();
    raft.Step(Message(M::HEARTBEAT_REPLY, 3, 1, 1));
    raft.Step(Message(M::HEARTBEAT_REPLY, 2, 1, 1));
  }
  CHECK(reads == 3);  // an error may pass
  REQUIRE(wanted.size() == 1);
  CHECK(wanted[0].follower == 3);
  raft.OnSnapshotSent(3, 4);
  CHECK(raft.progress().at(3).next() == 5);
}

TEST_CASE("entries that a follower needs may go: it gets a snapshot instead") {
  Raft raft = MakeLeader();
  for (int i = 0; i < 9; ++i) raft.Propose({std::make_shared<const std::string>("a")});
  Drain(raft);
  M reply = Message(M::APPEND_REPLY, 2, 1, 1);
  reply.set_log_index(10);
  raft.Step(reply);
  Drain(raft);
  CHECK(raft.truncate_below() == 0);  // node 3 has nothing
  raft.Compact(8);
  for (int i = 0; i < 2; ++i) raft.Tick();
  Drain(raft);  // node 3 is not heard of: no request
  M heard = Message(M::HEARTBEAT_REPLY, 3, 1, 1);
  raft.Step(heard);
  Ready ready = raft.TakeReady();
  REQUIRE(ready.snapshots_to_send.size() == 1);
  CHECK(ready.snapshots_to_send[0].follower == 3);
  raft.Step(heard);
  CHECK(raft.TakeReady().snapshots_to_send.empty());  // one at a time
  raft.OnSnapshotSent(3, 0);
  raft.Step(heard);
  CHECK(raft.TakeReady().snapshots_to_send.size() == 1);
  raft.Compact(11);
  raft.OnSnapshotSent(3, 9);  // the log goes on only after it: another one is needed
  raft.Step(heard);
  CHECK(raft.TakeReady().snapshots_to_send.size() == 1);
  CHECK_FALSE(raft.TransferLeadership(3));
  raft.OnSnapshotSent(3, 10);
  CHECK(raft.progress().at(3).next() == 11);
}

TEST_CASE("a follower whose log was reset begins anew") {
  Raft raft = MakeLeader();
  M ack = Message(M::APPEND_REPLY, 3, 1, 1);
  ack.set_log_index(1);
  raft.Step(ack);
  Drain(raft);
  REQUIRE(raft.progress().at(3).match() == 1);
  raft.ForgetProgress(3);
  raft.ForgetProgress(9);  // nobody
  CHECK(raft.progress().at(3).match() == 0);
  CHECK(raft.commit_index() == 1);
  // Its refusal is believed, although it has accepted that entry once.
  raft.Propose({std::make_shared<const std::string>("a")});
  Drain(raft);
  M refusal = Message(M::APPEND_REPLY, 3, 1, 1);
  refusal.set_reject(true);
  refusal.set_log_index(1);
  raft.Step(refusal);
  const auto sent = Drain(raft);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].log_index() == 0);
  CHECK(sent[0].entries_size() == 2);
}

}  // namespace
}  // namespace openefs::replication::raft
