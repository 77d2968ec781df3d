// A crash at every write of every workload of up to three operations. What is on disk then must be
// the state after one of the entries, whole: its effects, its results and the applied index. From
// there the log is replayed, and clients retry.
#include <catch2/catch.hpp>
#include <map>

#include "metadata/store/check.h"
#include "metadata/store/keys.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

using Rows = std::map<std::string, std::string>;

Rows AllRows(KvEngine& engine) {
  Rows rows;
  auto snapshot = engine.Snapshot();
  for (auto it = snapshot->Scan("", std::string(9, '\xff')); it->Valid(); it->Next()) {
    rows.emplace(std::string(it->Key()), std::string(it->Value()));
  }
  return rows;
}

// Without what every entry changes.
Rows Substance(Rows rows) {
  for (const std::string& key : {keys::AppliedIndex(), keys::LastWallTime(), keys::StateHash()}) {
    rows.erase(key);
  }
  return rows;
}

// A disk that takes so many writes and then fails: what was written is what a crash leaves.
class CrashingKv final : public KvEngine {
 public:
  CrashingKv(const Rows& rows, int writes_left) : writes_left_(writes_left) {
    KvWrites writes;
    for (const auto& [key, value] : rows) writes.emplace_back(key, value);
    REQUIRE(memory_->Write(writes).ok());
  }
  absl::Status Write(const KvWrites& writes) override {
    ++writes_tried;
    if (writes_left_-- <= 0) return absl::InternalError("crashed");
    return memory_->Write(writes);
  }
  std::unique_ptr<KvSnapshot> Snapshot() override { return memory_->Snapshot(); }
  absl::Status Flush() override { return absl::OkStatus(); }
  absl::Status Checkpoint(const std::string&) override { return absl::UnimplementedError(""); }
  absl::Status Install(const std::string&) override { return absl::UnimplementedError(""); }

  int writes_tried = 0;

 private:
  const std::unique_ptr<KvEngine> memory_ = MakeMemoryKv();
  int writes_left_;
};

// One life of the machine over what a disk had.
class Life {
 public:
  explicit Life(const Rows& rows, int writes = 1000) {
    auto kv = std::make_unique<CrashingKv>(rows, writes);
    kv_ = kv.get();
    machine_ = std::make_unique<MetadataStateMachine>(kTestGroup, std::move(kv),
                                                      MetadataStateMachine::Callbacks());
  }
  uint64_t applied() const { return machine_->AppliedIndex(); }
  Rows rows() const { return AllRows(*kv_); }
  int writes_tried() const { return kv_->writes_tried; }
  CheckReport Check() { return CheckStore(*machine_->Snapshot()); }

  // The entries that follow, in one batch. The responses to the last.
  absl::Status Apply(const std::vector<std::string>& entries, std::string* response = nullptr) {
    auto context = std::make_shared<SegmentProposal>([](absl::Status, auto) {});
    std::vector<replication::CommittedEntry> batch;
    for (const std::string& data : entries)
      batch.push_back({applied() + batch.size() + 1, 1, data, {}});
    batch.back().context = context;
    const absl::Status status = machine_->Apply(batch);
    if (status.ok() && response != nullptr) {
      *response = context->responses.at(0).SerializeAsString();
    }
    return status;
  }

 private:
  CrashingKv* kv_ = nullptr;
  std::unique_ptr<MetadataStateMachine> machine_;
};

// What a workload is made of, over a file system with a bit of everything.
class Workshop {
 public:
  Workshop() {
    auto engine = MakeMemoryKv();
    KvEngine* const kv = engine.get();
    shell_ = std::make_unique<Shell>(std::move(engine));
    for (const char* name : {"a", "b"}) REQUIRE(shell_->Mkdir(name) == pb::FS_OK);
    for (const char* name : {"a/f", "a/g"}) REQUIRE(shell_->MakeFile(name) == pb::FS_OK);
    REQUIRE(shell_->WriteBlob("a/f", 0, 300, &bytes_, 1) == pb::FS_OK);
    REQUIRE(shell_->OpenFile("a/f", 3, &open_, &file_) == pb::FS_OK);
    session_ = shell_->SessionId();
    MakeOperations();
    rows = AllRows(*kv);
  }

  // Operation `kind` as the `step`th request: each has a slot of its own, and its own blob.
  std::string Entry(size_t kind, uint32_t step) const {
    pb::MetadataEntry entry;
    entry.set_wall_time_ns(static_cast<uint64_t>(shell_->wall_time_ns) + (step + 1) * 1'000'000);
    entry.set_random_seed(step + 7);
    pb::SegmentRequest* request = entry.add_segments();
    *request = operations_.at(kind);
    request->mutable_slot()->set_session_id(session_);
    request->mutable_slot()->set_slot(10 + step);
    request->mutable_slot()->set_sequence_id(1);
    request->set_first_operation_index(1);
    return entry.SerializeAsString();
  }
  size_t kinds() const { return operations_.size(); }

  Rows rows;

 private:
  pb::Operation* Add(pb::SegmentRequest request) {
    operations_.push_back(std::move(request));
    return operations_.back().add_operations();
  }
  void MakeOperations() {
    pb::Rename* rename = nullptr;
    pb::Operation* operation = Add(shell_->At("a"));
    operation->mutable_save_file();
    rename = operations_.back().add_operations()->mutable_rename();
    rename->set_old_name("f");
    rename->set_new_name("g");  // over a file that is there
    Add(shell_->At("a"))->mutable_remove()->set_name("f");
    Add(shell_->At("/"))->mutable_remove()->set_name("a");
    operation = Add(shell_->At("a/f"));
    operation->mutable_save_file();
    operations_.back().add_operations()->mutable_put_root()->set_fs_id(kTestFs);
    operations_.back().add_operations()->mutable_link()->set_new_name("l");
    Add(shell_->At("a/f"))->mutable_set_attr()->mutable_change()->set_size(100);
    WriteCommit(Add(shell_->At("a/f"))->mutable_write_commit());
    pb::Open* open = Add(shell_->At("a"))->mutable_open();
    open->set_name("g");
    open->set_share_access(3);
    open->set_create_mode(pb::Open::UNCHECKED);
    open->mutable_attributes()->set_size(0);
    open->mutable_owner()->set_owner("o2");
    operation = Add(pb::SegmentRequest());
    operations_.back().set_group(kTestGroup);
    *operation->mutable_put_file()->mutable_file() = file_;
    *operations_.back().add_operations()->mutable_close()->mutable_stateid() = open_;
  }
  void WriteCommit(pb::WriteCommit* write) {
    std::string bytes;
    write->set_offset(50);
    write->set_length(200);
    *write->mutable_blob()->mutable_id() = shell_->MakeBlob(200, &bytes);
    write->mutable_blob()->set_length(200);
  }

  std::unique_ptr<Shell> shell_;
  std::string bytes_;
  pb::Stateid open_;
  pb::FileRef file_;
  std::string session_;
  std::vector<pb::SegmentRequest> operations_;
};

// One way through the workloads: the entries so far, and what each left and answered.
struct Path {
  std::vector<std::string> entries;
  std::vector<std::string> responses;
  std::vector<Rows> states;  // states[i]: after i entries
};

void CheckCrashBefore(const Path& path, const std::string& entry) {
  Life life(path.states.back(), 0);
  const uint64_t applied = life.applied();
  CHECK_FALSE(life.Apply({entry}).ok());
  CHECK(life.writes_tried() == 1);
  CHECK(life.rows() == path.states.back());
  CHECK(Life(life.rows()).applied() == applied);
}

// From every state that a crash may leave, the rest of the log leads to the same.
void CheckReplay(const Path& path) {
  for (size_t k = 0; k + 1 < path.states.size(); ++k) {
    Life life(path.states[k]);
    const auto rest = path.entries.begin() + static_cast<ptrdiff_t>(k);
    std::string response;
    REQUIRE(life.Apply({rest, path.entries.end()}, &response).ok());
    CHECK(life.writes_tried() == 1);
    CHECK(life.rows() == path.states.back());
    CHECK(response == path.responses.back());
  }
}

// Every request once more, in new entries: the same answers, and nothing moves.
void CheckRetries(const Path& path) {
  Life life(path.states.back());
  for (size_t i = 0; i < path.entries.size(); ++i) {
    std::string response;
    REQUIRE(life.Apply({path.entries[i]}, &response).ok());
    CHECK(response == path.responses[i]);
  }
  CHECK(Substance(life.rows()) == Substance(path.states.back()));
}

size_t Explore(const Workshop& workshop, Path* path, uint32_t depth) {
  size_t visited = 0;
  for (size_t kind = 0; kind < workshop.kinds() && depth > 0; ++kind) {
    const auto step = static_cast<uint32_t>(path->entries.size());
    const std::string entry = workshop.Entry(kind, step);
    INFO("operation " << kind << " as request " << step);
    CheckCrashBefore(*path, entry);
    Life life(path->states.back());
    std::string response;
    REQUIRE(life.Apply({entry}, &response).ok());
    // Effects, results and the applied index are one write.
    CHECK(life.writes_tried() == 1);
    const CheckReport report = life.Check();
    for (const std::string& problem : report.problems) FAIL_CHECK(problem);

    path->entries.push_back(entry);
    path->responses.push_back(response);
    path->states.push_back(life.rows());
    CHECK(Life(life.rows()).applied() == life.applied());
    CheckReplay(*path);
    CheckRetries(*path);
    visited += 1 + Explore(workshop, path, depth - 1);
    path->entries.pop_back();
    path->responses.pop_back();
    path->states.pop_back();
  }
  return visited;
}

TEST_CASE("a crash at any write of up to three operations loses and doubles nothing") {
  const Workshop workshop;
  Path path;
  path.states.push_back(workshop.rows);
  const size_t kinds = workshop.kinds();
  CHECK(Explore(workshop, &path, 3) == kinds + kinds * kinds + kinds * kinds * kinds);
}

// The comparison above sees what it is there for: a batch of which only a part was written.
TEST_CASE("a torn write is seen") {
  const Workshop workshop;
  size_t changed = 0;
  for (size_t kind = 0; kind < workshop.kinds(); ++kind) {
    Life life(workshop.rows);
    REQUIRE(life.Apply({workshop.Entry(kind, 0)}).ok());
    const Rows after = life.rows();
    // The applied index first, the rest lost: then the log is not replayed, and the retry runs.
    Rows torn = workshop.rows;
    torn[keys::AppliedIndex()] = after.at(keys::AppliedIndex());
    INFO("operation " << kind);
    Life reopened(torn);
    CHECK(reopened.applied() == life.applied());
    CHECK(reopened.rows() != after);
    // The effects without the result: the retry takes effect twice, or fails.
    Rows without_result = after;
    std::string first, again;
    for (const auto& [key, value] : after) {
      if (workshop.rows.contains(key)) continue;
      if (static_cast<KeyTag>(key.at(8)) == KeyTag::kSlot) without_result.erase(key);
    }
    REQUIRE(without_result.size() + 1 == after.size());
    if (Substance(without_result) == Substance(workshop.rows)) continue;  // it failed, as it should
    ++changed;
    Life doubled(without_result);
    REQUIRE(doubled.Apply({workshop.Entry(kind, 0)}, &again).ok());
    Life once(workshop.rows);
    REQUIRE(once.Apply({workshop.Entry(kind, 0)}, &first).ok());
    CHECK((again != first || Substance(doubled.rows()) != Substance(after)));
  }
  CHECK(changed + 1 == workshop.kinds());  // all but the removal of a directory that is not empty
}

}  // namespace
}  // namespace openefs::metadata
