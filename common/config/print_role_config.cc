#include "common/config/print_role_config.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace openefs {
namespace {

// A double-quoted scalar of YAML: whatever is in it, it is this text and nothing else.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(&quoted, absl::StrFormat("\\x%02x", c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

void Line(std::string& text, const char* key, const std::string& value) {
  absl::StrAppend(&text, key, ": ", value, "\n");
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
    default:
      return "info";
  }
}

void PrintStoreKeys(const RoleConfig& config, std::string& text) {
  Line(text, "node_id", absl::StrCat(config.node_id));
  Line(text, "data_dir", Quoted(config.data_dir));
  Line(text, "rpc_listen", Quoted(config.rpc_listen));
  const bool elsewhere = !config.rpc_advertise.empty() && config.rpc_advertise != config.rpc_listen;
  if (elsewhere) Line(text, "rpc_advertise", Quoted(config.rpc_advertise));
  const RoleConfig usual;
  if (config.role == Role::kMetadata && config.metadata_cache_bytes != usual.metadata_cache_bytes) {
    Line(text, "metadata_cache_bytes", absl::StrCat(config.metadata_cache_bytes));
  }
  if (config.role != Role::kDataNode) return;
  if (config.segment_bytes != usual.segment_bytes) {
    Line(text, "segment_bytes", absl::StrCat(config.segment_bytes));
  }
  if (config.reserve_bytes != usual.reserve_bytes) {
    Line(text, "reserve_bytes", absl::StrCat(config.reserve_bytes));
  }
}

void PrintFrontendKeys(const RoleConfig& config, std::string& text) {
  const auto quote = [](std::string* out, const std::string& item) { *out += Quoted(item); };
  Line(text, "nfs_listen", absl::StrCat("[", absl::StrJoin(config.nfs_listen, ", ", quote), "]"));
  Line(text, "nfs_port", absl::StrCat(config.nfs_port));
  if (config.read_cache_bytes != RoleConfig().read_cache_bytes) {
    Line(text, "read_cache_bytes", absl::StrCat(config.read_cache_bytes));
  }
  if (config.tcp_congestion_control != RoleConfig().tcp_congestion_control) {
    Line(text, "tcp_congestion_control", Quoted(config.tcp_congestion_control));
  }
}

}  // namespace

std::string PrintRoleConfig(const RoleConfig& config) {
  std::string text;
  Line(text, "cluster_id", Quoted(absl::BytesToHexString(config.cluster_id)));
  Line(text, "az", Quoted(config.az));
  const bool stores = config.role == Role::kMetadata || config.role == Role::kDataNode;
  if (stores) PrintStoreKeys(config, text);
  if (config.role == Role::kFrontend) PrintFrontendKeys(config, text);
  if (config.role == Role::kMetadata || config.role == Role::kFrontend) {
    Line(text, "lease_seconds", absl::StrCat(config.lease_seconds));
  }
  if (!config.metrics_listen.empty()) Line(text, "metrics_listen", Quoted(config.metrics_listen));
  if (config.log_level != LogLevel::kInfo) Line(text, "log_level", LevelName(config.log_level));
  text += "metadata_nodes:\n";
  for (const MetadataNodeConfig& node : config.metadata_nodes) {
    absl::StrAppend(&text, "  - {id: ", node.id, ", az: ", Quoted(node.az),
                    ", address: ", Quoted(node.address), "}\n");
  }
  return text;
}

}  // namespace openefs
