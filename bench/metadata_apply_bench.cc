// How fast one group's state machine applies entries and answers reads on RocksDB, without Raft or
// network around it: metadata_apply_bench [DIRECTORY]. Prints one line per kind of operation.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/check.h"
#include "common/limits.h"
#include "metadata/ops/segment.h"
#include "metadata/proposal.h"
#include "metadata/state_machine.h"
#include "metadata/store/keys.h"
#include "metadata/store/state_hash.h"

namespace openefs::metadata {
namespace {

constexpr FileSystemId kFs = 42;
constexpr int kEntries = 20'000;
constexpr int kBatch = 64;  // entries the applier gets at once under load
constexpr int kReads = 50'000;

using MakeSegment = std::function<void(int, pb::SegmentRequest*)>;

class Bench {
 public:
  explicit Bench(const std::string& directory) {
    auto engine = OpenRocksKv(directory);
    OPENEFS_CHECK(engine.ok());
    machine_ = std::make_unique<MetadataStateMachine>(kFirstNamespaceGroup,
                                                      MakeWriteBehindKv(*std::move(engine)),
                                                      MetadataStateMachine::Callbacks{});
    Apply("format", 1, [](int, pb::SegmentRequest* segment) {
      segment->add_operations()->mutable_format_file_system()->set_fs_id(kFs);
    });
  }

  // One segment per entry, kBatch entries per Apply. The last operation must succeed.
  void Apply(const char* name, int count, const MakeSegment& make) {
    double seconds = 0;
    for (int done = 0; done < count; done += kBatch)
      seconds += ApplyBatch(done, std::min(kBatch, count - done), make);
    Print(name, count, seconds);
  }

  static void Print(const char* name, int count, double seconds) {
    std::printf("%-24s %9.0f/s %8.1f us\n", name, count / seconds, seconds / count * 1e6);
  }

  // A session for what must be exactly once; one slot, entry after entry.
  void MakeSession() {
    pb::SegmentRequest request = Begin();
    request.add_operations()->mutable_exchange_id()->set_owner_id("bench");
    const uint64_t client = ApplyOne(request).results(0).exchange_id().client_id();
    request.clear_operations();
    pb::CreateSession* create = request.add_operations()->mutable_create_session();
    create->set_client_id(client);
    create->set_sequence_id(1);
    create->mutable_fore_channel()->set_max_requests(kSlots);
    create->mutable_back_channel()->set_max_requests(1);
    session_id_ = ApplyOne(request).results(0).create_session().session_id();
  }
  // Files as clients make them: each step of kSlots files is one entry, and one Apply.
  void SmallFiles(int count) {
    double seconds = 0;
    std::vector<pb::FileRef> files(kSlots);
    std::vector<pb::Stateid> opens(kSlots);
    for (int done = 0; done < count; done += kSlots) {
      for (Step step : {Step::kOpen, Step::kWrite, Step::kClose}) {
        pb::MetadataEntry entry = EntryOf(step, done, files, opens);
        seconds += ApplyEntry(entry, step == Step::kOpen ? &files : nullptr, &opens);
      }
    }
    small_files_ += count;
    Print("small file (open, write 4 KiB, close)", count, seconds);
  }
  void UseSlot(pb::SegmentRequest* segment) {
    segment->mutable_slot()->set_session_id(session_id_);
    segment->mutable_slot()->set_sequence_id(++sequence_id_);
  }

  void Read(const char* name, int count, const MakeSegment& make) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
      pb::SegmentRequest request = Begin();
      make(i, &request);
      Transaction txn(machine_->Snapshot());
      ApplyEnvironment environment;
      pb::SegmentResponse response;
      ReadSegment(txn, environment, request, &response);
      CheckDone(request, response);
    }
    Print(name, count, Since(start));
  }

 private:
  enum class Step { kOpen, kWrite, kClose };
  static constexpr int kSlots = 64;

  pb::MetadataEntry EntryOf(Step step, int first, const std::vector<pb::FileRef>& files,
                            const std::vector<pb::Stateid>& opens) {
    pb::MetadataEntry entry;
    entry.set_wall_time_ns(1'800'000'000'000'000'000 + next_index_);
    entry.set_random_seed(next_index_);
    ++sequence_id_;
    for (size_t i = 0; i < kSlots; ++i) {
      pb::SegmentRequest* segment = entry.add_segments();
      segment->set_group(kFirstNamespaceGroup);
      segment->mutable_slot()->set_session_id(session_id_);
      segment->mutable_slot()->set_slot(static_cast<uint32_t>(i));
      segment->mutable_slot()->set_sequence_id(sequence_id_);
      segment->set_first_operation_index(1);
      if (step == Step::kOpen) {
        segment->add_operations()->mutable_put_root()->set_fs_id(kFs);
        pb::Open* open = segment->add_operations()->mutable_open();
        open->set_share_access(2);
        open->set_create_mode(pb::Open::UNCHECKED);
        open->mutable_owner()->set_owner("bench" + std::to_string(i));
        open->set_name("small" + std::to_string(small_files_ + first) + "-" + std::to_string(i));
        segment->add_operations()->mutable_get_file();
        segment->add_operations()->mutable_get_attr();
        continue;
      }
      *segment->add_operations()->mutable_put_file()->mutable_file() = files[i];
      if (step == Step::kClose) {
        *segment->add_operations()->mutable_close()->mutable_stateid() = opens[i];
        continue;
      }
      pb::WriteCommit* write = segment->add_operations()->mutable_write_commit();
      *write->mutable_stateid() = opens[i];
      write->set_length(4096);
      write->set_inline_data(std::string(4096, static_cast<char>(i)));
    }
    return entry;
  }

  double ApplyEntry(const pb::MetadataEntry& entry, std::vector<pb::FileRef>* files,
                    std::vector<pb::Stateid>* opens) {
    const std::string data = entry.SerializeAsString();
    auto proposal = std::make_shared<SegmentProposal>(
        [&](absl::Status, std::vector<pb::SegmentResponse> responses) {
          for (size_t i = 0; i < responses.size(); ++i) {
            CheckDone(entry.segments(static_cast<int>(i)), responses[i]);
            if (files == nullptr) continue;
            (*opens)[i] = responses[i].results(1).open().stateid();
            (*files)[i] = responses[i].registers().current();
          }
        });
    const replication::CommittedEntry committed{next_index_++, 1, data, proposal};
    const double start = ProcessorSeconds();
    OPENEFS_CHECK(machine_->Apply({&committed, 1}).ok());
    const double seconds = ProcessorSeconds() - start;
    proposal->OnApplied();
    return seconds;
  }

  static double Since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  // Of this thread: others may be busy on the machine.
  static double ProcessorSeconds() {
    timespec now{};
    OPENEFS_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  }
  static pb::SegmentRequest Begin() {
    pb::SegmentRequest request;
    request.set_group(kFirstNamespaceGroup);
    return request;
  }
  static void CheckDone(const pb::SegmentRequest& request, const pb::SegmentResponse& response) {
    OPENEFS_CHECK(response.results_size() == request.operations_size());
    OPENEFS_CHECK(response.results(response.results_size() - 1).error() == pb::FS_OK);
  }

  pb::SegmentResponse ApplyOne(const pb::SegmentRequest& request) {
    pb::MetadataEntry entry;
    *entry.add_segments() = request;
    const std::string data = entry.SerializeAsString();
    pb::SegmentResponse response;
    auto proposal = std::make_shared<SegmentProposal>(
        [&](absl::Status, std::vector<pb::SegmentResponse> responses) { response = responses[0]; });
    const replication::CommittedEntry committed{next_index_++, 1, data, proposal};
    OPENEFS_CHECK(machine_->Apply({&committed, 1}).ok());
    proposal->OnApplied();
    CheckDone(request, response);
    return response;
  }

  double ApplyBatch(int first, int count, const MakeSegment& make) {
    std::vector<std::string> data;
    std::vector<replication::CommittedEntry> entries;
    std::vector<std::shared_ptr<SegmentProposal>> proposals;
    for (int i = 0; i < count; ++i) {
      pb::MetadataEntry entry;
      entry.set_wall_time_ns(1'700'000'000'000'000'000 + next_index_);
      entry.set_random_seed(next_index_ + static_cast<uint64_t>(i));
      pb::SegmentRequest request = Begin();
      make(first + i, &request);
      *entry.add_segments() = request;
      data.push_back(entry.SerializeAsString());
      proposals.push_back(std::make_shared<SegmentProposal>(
          [request](absl::Status, std::vector<pb::SegmentResponse> responses) {
            CheckDone(request, responses[0]);
          }));
    }
    for (int i = 0; i < count; ++i)
      entries.push_back(
          {next_index_++, 1, data[static_cast<size_t>(i)], proposals[static_cast<size_t>(i)]});
    const double start = ProcessorSeconds();
    OPENEFS_CHECK(machine_->Apply(entries).ok());
    const double seconds = ProcessorSeconds() - start;
    for (auto& proposal : proposals) proposal->OnApplied();
    return seconds;
  }

  std::unique_ptr<MetadataStateMachine> machine_;
  uint64_t next_index_ = 1;
  std::string session_id_;
  uint32_t sequence_id_ = 0;
  int small_files_ = 0;
};

void AtRoot(pb::SegmentRequest* segment) {
  segment->add_operations()->mutable_put_root()->set_fs_id(kFs);
}

void AtName(const std::string& name, pb::SegmentRequest* segment) {
  AtRoot(segment);
  segment->add_operations()->mutable_lookup()->set_name(name);
}

void AddCreate(pb::FileType type, const std::string& name, pb::SegmentRequest* segment) {
  pb::Create* create = segment->add_operations()->mutable_create();
  create->set_type(type);
  create->set_name(name);
  create->mutable_attributes()->set_mode(0755);
}

void Names(Bench& bench) {
  bench.Apply("create + getattr", kEntries, [](int i, pb::SegmentRequest* segment) {
    AtRoot(segment);
    AddCreate(pb::FIFO, "n" + std::to_string(i), segment);
    segment->add_operations()->mutable_get_attr();
  });
  bench.Apply("setattr mode", kEntries, [](int i, pb::SegmentRequest* segment) {
    AtName("n" + std::to_string(i), segment);
    segment->add_operations()->mutable_set_attr()->mutable_change()->set_mode(0600);
  });
  bench.Apply("rename", kEntries, [](int i, pb::SegmentRequest* segment) {
    AtRoot(segment);
    segment->add_operations()->mutable_save_file();
    pb::Rename* rename = segment->add_operations()->mutable_rename();
    rename->set_old_name("n" + std::to_string(i));
    rename->set_new_name("r" + std::to_string(i));
  });
}

void AddWrite(uint64_t offset, uint32_t length, pb::SegmentRequest* segment) {
  pb::WriteCommit* write = segment->add_operations()->mutable_write_commit();
  write->set_offset(offset);
  write->set_length(length);
}

void Files(Bench& bench) {
  bench.MakeSession();
  bench.Apply("open, creating", kEntries, [&](int i, pb::SegmentRequest* segment) {
    AtRoot(segment);
    bench.UseSlot(segment);
    pb::Open* open = segment->add_operations()->mutable_open();
    open->set_share_access(3);
    open->set_create_mode(pb::Open::GUARDED);
    open->mutable_owner()->set_owner("bench");
    open->set_name("f" + std::to_string(i));
    segment->add_operations()->mutable_get_attr();
  });
  bench.Apply("write 4 KiB inline", kEntries, [&](int i, pb::SegmentRequest* segment) {
    AtName("f" + std::to_string(i), segment);
    bench.UseSlot(segment);
    AddWrite(0, 4096, segment);
    segment->mutable_operations(2)->mutable_write_commit()->set_inline_data(
        std::string(4096, static_cast<char>(i)));
  });
  bench.Apply("write 1 MiB blob", kEntries, [&](int i, pb::SegmentRequest* segment) {
    AtName("f0", segment);
    bench.UseSlot(segment);
    AddWrite(static_cast<uint64_t>(i) * kMaxIoBytes, kMaxIoBytes, segment);
    pb::NewBlob* blob = segment->mutable_operations(2)->mutable_write_commit()->mutable_blob();
    blob->mutable_id()->set_high(1'700'000'000'000);
    blob->mutable_id()->set_low(static_cast<uint64_t>(i));
    blob->set_length(kMaxIoBytes);
  });
}

void Reads(Bench& bench) {
  bench.Read("lookup + getattr", kReads, [](int i, pb::SegmentRequest* segment) {
    AtName("r" + std::to_string(i * 7919 % kEntries), segment);
    segment->add_operations()->mutable_get_attr();
  });
  bench.Read("read plan, inline 4 KiB", kReads, [](int i, pb::SegmentRequest* segment) {
    AtName("f" + std::to_string(1 + i * 7919 % (kEntries - 1)), segment);
    segment->add_operations()->mutable_read_plan()->set_count(4096);
  });
  bench.Read("read plan, 1 MiB blob", kReads, [](int i, pb::SegmentRequest* segment) {
    AtName("f0", segment);
    pb::ReadPlan* read = segment->add_operations()->mutable_read_plan();
    read->set_offset(static_cast<uint64_t>(i * 7919 % kEntries) * kMaxIoBytes);
    read->set_count(kMaxIoBytes);
  });
  bench.Read("readdir, 100 + attributes", kReads / 100, [](int, pb::SegmentRequest* segment) {
    AtRoot(segment);
    pb::ReadDir* read = segment->add_operations()->mutable_read_dir();
    read->set_max_entries(100);
    read->set_max_bytes(1 << 20);
    read->set_want_attributes(true);
  });
}

void Removes(Bench& bench) {
  bench.Apply("remove", kEntries, [](int i, pb::SegmentRequest* segment) {
    AtRoot(segment);
    segment->add_operations()->mutable_remove()->set_name("r" + std::to_string(i));
  });
}

// What the comparison of replicas adds to each entry: to be held against the lines below.
void StateHash(const char* name, int keys, size_t value_bytes) {
  const auto engine = MakeMemoryKv();
  Transaction txn(engine->Snapshot());
  for (int i = 0; i < keys; ++i) {
    txn.Put(keys::Inode(kFs, static_cast<InodeId>(i)), std::string(value_bytes, 'v'));
  }
  uint64_t hash = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kEntries; ++i) {
    hash = ExtendStateHash(hash, static_cast<uint64_t>(i), txn, 0);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  OPENEFS_CHECK(hash != 0);
  Bench::Print(name, kEntries, took.count());
}

int Main(const std::string& directory, const std::string& only) {
  if (only == "small") {
    Bench bench(directory);
    bench.Apply("nothing", 1, [](int, pb::SegmentRequest* segment) { AtRoot(segment); });
    bench.MakeSession();
    for (int i = 0; i < 5; ++i) bench.SmallFiles(kEntries);
    return 0;
  }
  StateHash("state hash, 8 rows of 150 B", 8, 150);
  StateHash("state hash, 4 rows of 4 KiB", 4, 4096);
  Bench bench(directory);
  Names(bench);
  Files(bench);
  Reads(bench);
  Removes(bench);
  return 0;
}

}  // namespace
}  // namespace openefs::metadata

int main(int argc, char** argv) {
  const std::string directory =
      argc > 1 ? argv[1]
               : (std::filesystem::temp_directory_path() / "openefs-apply-bench").string();
  std::filesystem::remove_all(directory);
  return openefs::metadata::Main(directory, argc > 2 ? argv[2] : "");
}
