#include "metadata/service/offline_check.h"

#include <filesystem>
#include <map>
#include <memory>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/store_directory.h"
#include "metadata/service/condemned_store.h"

namespace openefs::metadata {
namespace {

constexpr char kGroupPrefix[] = "group-";

absl::StatusOr<std::map<GroupId, std::string>> FindStores(const std::string& data_dir) {
  std::map<GroupId, std::string> stores;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir, error)) {
    const std::string file = entry.path().filename().string();
    absl::string_view name = file;
    GroupId group = 0;
    if (!absl::ConsumePrefix(&name, kGroupPrefix) || !absl::SimpleAtoi(name, &group)) continue;
    stores[group] = entry.path().string();
  }
  if (error) return absl::InternalError(absl::StrCat(data_dir, ": ", error.message()));
  if (stores.empty()) return absl::NotFoundError(absl::StrCat(data_dir, " holds no group's store"));
  return stores;
}

absl::StatusOr<CheckReport> CheckOne(const std::string& store) {
  if (const absl::Status usable = CheckNotCondemned(store); !usable.ok()) {
    return absl::DataLossError(usable.message());
  }
  const absl::StatusOr<std::unique_ptr<KvSnapshot>> snapshot = ReadRocksKv(store);
  if (!snapshot.ok()) return snapshot.status();
  return CheckStore(**snapshot);
}

}  // namespace

absl::Status CheckStoppedNode(
    const std::string& data_dir,
    const std::function<void(GroupId group, const absl::StatusOr<CheckReport>& report)>& each) {
  const absl::StatusOr<std::unique_ptr<StoreDirectory>> directory =
      StoreDirectory::OpenForReading(data_dir, {{"role", "metadata"}});
  if (!directory.ok()) return directory.status();
  const auto stores = FindStores(data_dir);
  if (!stores.ok()) return stores.status();
  for (const auto& [group, store] : *stores) each(group, CheckOne(store));
  return absl::OkStatus();
}

}  // namespace openefs::metadata
