// The engine over RocksDB. Its directory holds stores, of which the file `current` names the one
// that counts: installing a snapshot is making another store beside it and renaming `current`. What
// `current` does not name is the remains of a crash, or of a store that was replaced.
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "common/files.h"
#include "common/mutex.h"
#include "metadata/store/kv.h"
#include "metadata/store/rocks_store.h"

namespace openefs::metadata {
namespace {

namespace fs = std::filesystem;

constexpr char kCurrentName[] = "current";
constexpr char kStorePrefix[] = "store-";

std::string StoreName(uint64_t number) { return absl::StrFormat("%s%08d", kStorePrefix, number); }

absl::Status IoError(absl::string_view doing, const std::string& path,
                     const std::error_code& error) {
  return absl::InternalError(
      absl::StrCat("metadata store: ", doing, " ", path, ": ", error.message()));
}

// 0: there is none yet.
absl::StatusOr<uint64_t> ReadCurrent(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/", kCurrentName);
  const auto text = ReadSmallFile(path);
  if (absl::IsNotFound(text.status())) return 0;
  if (!text.ok()) return text.status();
  uint64_t number = 0;
  absl::string_view name = *text;
  const bool good = absl::ConsumePrefix(&name, kStorePrefix) && absl::SimpleAtoi(name, &number) &&
                    number > 0 && *text == StoreName(number);
  if (!good) return absl::DataLossError(absl::StrCat("metadata store: ", path, " is damaged"));
  return number;
}

absl::Status WriteCurrent(const std::string& directory, uint64_t number) {
  return WriteFileDurably(absl::StrCat(directory, "/", kCurrentName), StoreName(number));
}

// Without `current`, a first store is one whose creation was interrupted, and it is empty; a later
// one means that `current` was lost.
absl::StatusOr<uint64_t> ChooseStore(const std::string& directory) {
  auto current = ReadCurrent(directory);
  if (!current.ok() || *current != 0) return current;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kStorePrefix) && name != StoreName(1)) {
      return absl::DataLossError(absl::StrCat("metadata store: ", directory, " has ", name,
                                              " but no file ", kCurrentName));
    }
  }
  if (error) return IoError("list", directory, error);
  return 1;
}

absl::Status RemoveOtherStores(const std::string& directory, uint64_t current) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, kStorePrefix) || name == StoreName(current)) continue;
    fs::remove_all(entry.path(), error);
    if (error) return IoError("remove", entry.path().string(), error);
  }
  return error ? IoError("list", directory, error) : absl::OkStatus();
}

class RocksKv final : public KvEngine {
 public:
  RocksKv(std::string directory, uint64_t number, std::shared_ptr<RocksStore> store,
          InstallFaultHook fault)
      : directory_(std::move(directory)),
        fault_(std::move(fault)),
        number_(number),
        store_(std::move(store)) {}

  // The later ones count where a key is there twice.
  absl::Status Write(const KvWrites& writes) override {
    OrderedChanges changes;
    changes.reserve(writes.size());
    for (const Change& change : writes) changes.push_back(&change);
    return Store()->Write(changes);
  }
  absl::Status WriteOrdered(const OrderedChanges& changes) override {
    return Store()->Write(changes);
  }
  std::unique_ptr<KvSnapshot> Snapshot() override { return Store()->Snapshot(); }
  std::unique_ptr<KvSnapshot> MemoryView() override { return Store()->MemoryView(); }
  std::unique_ptr<KvSnapshot> WriterView() override { return Store()->WriterView(); }
  absl::Status Flush() override { return Store()->Flush(); }
  absl::Status Checkpoint(const std::string& directory) override {
    return Store()->Checkpoint(directory);
  }
  absl::Status Install(const std::string& directory) override;
  absl::Status Clear() override;

 private:
  std::shared_ptr<RocksStore> Store() const {
    MutexLock lock(mu_);
    return store_;
  }
  absl::Status Reached(InstallStep step) const { return fault_ ? fault_(step) : absl::OkStatus(); }
  std::string NextPath() const { return absl::StrCat(directory_, "/", StoreName(number_ + 1)); }
  absl::StatusOr<std::shared_ptr<RocksStore>> OpenCopy(const std::string& from,
                                                       const std::string& to);
  absl::Status SwitchTo(std::shared_ptr<RocksStore> next);

  // Constant.
  const std::string directory_;
  const InstallFaultHook fault_;

  // The writer's thread only.
  uint64_t number_;

  mutable Mutex mu_;
  std::shared_ptr<RocksStore> store_ ABSL_GUARDED_BY(mu_);
};

absl::Status RocksKv::Install(const std::string& directory) {
  auto opened = OpenCopy(directory, NextPath());
  if (!opened.ok()) return opened.status();
  return SwitchTo(*std::move(opened));
}

absl::Status RocksKv::Clear() {
  const std::string to = NextPath();
  std::error_code error;
  fs::remove_all(to, error);  // of an attempt that failed
  if (error) return IoError("remove", to, error);
  auto opened = RocksStore::Open(to);
  if (!opened.ok()) return opened.status();
  return SwitchTo(*std::move(opened));
}

// `next` lies in NextPath.
absl::Status RocksKv::SwitchTo(std::shared_ptr<RocksStore> next) {
  if (auto status = Reached(InstallStep::kOpened); !status.ok()) return status;
  if (auto status = WriteCurrent(directory_, number_ + 1); !status.ok()) return status;
  if (auto status = Reached(InstallStep::kCurrent); !status.ok()) return status;
  ++number_;
  std::shared_ptr<RocksStore> old;
  {
    MutexLock lock(mu_);
    old = std::exchange(store_, std::move(next));
  }
  old->Abandon();  // goes here, or with its last snapshot
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<RocksStore>> RocksKv::OpenCopy(const std::string& from,
                                                              const std::string& to) {
  std::error_code error;
  fs::remove_all(to, error);  // of an attempt that failed
  if (error) return IoError("remove", to, error);
  if (auto status = Reached(InstallStep::kBegun); !status.ok()) return status;
  // Tables and blob files never change; what RocksDB may write to is copied.
  const auto may_share = [](std::string_view name) {
    return name.ends_with(".sst") || name.ends_with(".blob");
  };
  if (auto status = CloneDirectory(from, to, may_share); !status.ok()) return status;
  if (auto status = Reached(InstallStep::kCloned); !status.ok()) return status;
  if (!fs::exists(absl::StrCat(to, "/CURRENT"), error)) {
    return absl::DataLossError(absl::StrCat("metadata store: ", from, " is not a checkpoint"));
  }
  auto store = RocksStore::Open(to);
  // What another replica's disk has damaged must not take the place of what is good here.
  if (!store.ok()) return absl::DataLossError(store.status().message());
  if (auto status = (*store)->Verify(); !status.ok()) return status;
  return store;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvEngine>> OpenRocksKv(const std::string& directory,
                                                      InstallFaultHook fault) {
  std::error_code error;
  const bool created = fs::create_directories(directory, error);
  if (error) return IoError("create", directory, error);
  if (created) {
    const std::string parent = fs::absolute(directory).lexically_normal().parent_path().string();
    if (auto status = SyncDirectory(parent); !status.ok()) return status;
  }
  const auto current = ChooseStore(directory);
  if (!current.ok()) return current.status();
  if (auto status = RemoveOtherStores(directory, *current); !status.ok()) return status;
  auto store = RocksStore::Open(absl::StrCat(directory, "/", StoreName(*current)));
  if (!store.ok()) return store.status();
  if (auto status = WriteCurrent(directory, *current); !status.ok()) return status;
  return std::make_unique<RocksKv>(directory, *current, *std::move(store), std::move(fault));
}

absl::StatusOr<std::unique_ptr<KvSnapshot>> ReadRocksKv(const std::string& directory) {
  const auto current = ReadCurrent(directory);
  if (!current.ok()) return current.status();
  if (*current == 0) {
    return absl::NotFoundError(absl::StrCat(directory, " holds no metadata store"));
  }
  auto store = RocksStore::OpenForReading(absl::StrCat(directory, "/", StoreName(*current)));
  if (!store.ok()) return store.status();
  return (*store)->Snapshot();
}

}  // namespace openefs::metadata
