#include "common/config/role_config.h"

#include <yaml-cpp/yaml.h>

#include <array>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/config/parse_value.h"
#include "common/files.h"

namespace openefs {
namespace {

constexpr uint64_t kMinSegmentBytes = uint64_t{4} << 20;  // holds the largest fragment
constexpr uint64_t kMaxSegmentBytes = uint64_t{1} << 30;  // offsets in it are 32 bits
constexpr uint64_t kMaxReserveBytes = uint64_t{1} << 50;
constexpr uint64_t kMaxCacheBytes = uint64_t{1} << 42;
// Below that, filters and indexes push out each other.
constexpr uint64_t kMinMetadataCacheBytes = uint64_t{8} << 20;

constexpr unsigned Bit(Role role) { return 1u << static_cast<unsigned>(role); }
constexpr unsigned kOptional = 0;
constexpr unsigned kStores = Bit(Role::kMetadata) | Bit(Role::kDataNode);
constexpr unsigned kAll = kStores | Bit(Role::kFrontend) | Bit(Role::kControl);

using Reader = std::function<absl::Status(const YAML::Node&, RoleConfig&)>;

struct Key {
  const char* name;
  unsigned required_for;
  Reader read;
};

template <typename T>
Reader Into(T RoleConfig::*member, absl::StatusOr<T> (*parse)(const YAML::Node&)) {
  return [member, parse](const YAML::Node& node, RoleConfig& config) {
    absl::StatusOr<T> value = parse(node);
    if (value.ok()) config.*member = *std::move(value);
    return value.status();
  };
}

template <typename T>
Reader IntegerInto(T RoleConfig::*member, uint64_t min, uint64_t max) {
  return [=](const YAML::Node& node, RoleConfig& config) {
    const absl::StatusOr<uint64_t> value = ParseInteger(node, min, max);
    if (value.ok()) config.*member = static_cast<T>(*value);
    return value.status();
  };
}

absl::StatusOr<std::string> ParseClusterId(const YAML::Node& node) {
  const absl::StatusOr<std::string> text = ParseText(node);
  if (!text.ok()) return text.status();
  const bool hex = text->find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (text->size() != 32 || !hex) return ConfigError(node, "must be 32 hex digits");
  return absl::HexStringToBytes(*text);
}

absl::StatusOr<std::string> ParseDirectory(const YAML::Node& node) {
  absl::StatusOr<std::string> path = ParseText(node);
  if (path.ok() && path->front() != '/') return ConfigError(node, "must be an absolute path");
  return path;
}

absl::StatusOr<LogLevel> ParseLogLevel(const YAML::Node& node) {
  const absl::StatusOr<std::string> name = ParseText(node);
  if (!name.ok()) return name.status();
  if (*name == "debug") return LogLevel::kDebug;
  if (*name == "info") return LogLevel::kInfo;
  if (*name == "warning") return LogLevel::kWarning;
  if (*name == "error") return LogLevel::kError;
  return ConfigError(node, "must be debug, info, warning or error");
}

absl::StatusOr<std::vector<std::string>> ParseAddresses(const YAML::Node& node) {
  constexpr size_t kMaxAddresses = 64;  // one per mount target of a zone, and to spare
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxAddresses) {
    return ConfigError(node, "must be a list of 1 to 64 addresses");
  }
  std::vector<std::string> addresses;
  for (const YAML::Node& item : node) {
    absl::StatusOr<std::string> address = ParseAddress(item);
    if (!address.ok()) return address.status();
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

absl::StatusOr<MetadataNodeConfig> ParseMetadataNode(const YAML::Node& node) {
  if (!node.IsMap()) return ConfigError(node, "must be {id, az, address}");
  MetadataNodeConfig parsed;
  absl::Status status;
  for (const auto& field : node) {
    const std::string name = field.first.Scalar();
    if (name == "id") {
      const absl::StatusOr<uint64_t> id = ParseInteger(field.second, 1, UINT32_MAX);
      if (id.ok()) parsed.id = static_cast<NodeId>(*id);
      status = id.status();
    } else if (name == "az") {
      status = AssignOr(ParseText(field.second), parsed.az);
    } else if (name == "address") {
      status = AssignOr(ParseHostPort(field.second), parsed.address);
    } else {
      status = ConfigError(field.first, absl::StrCat("unknown key ", name));
    }
    if (!status.ok()) return status;
  }
  const bool whole = parsed.id != 0 && !parsed.az.empty() && !parsed.address.empty();
  if (!whole) return ConfigError(node, "must have id, az and address");
  return parsed;
}

absl::StatusOr<std::vector<MetadataNodeConfig>> ParseMetadataNodes(const YAML::Node& node) {
  if (!node.IsSequence() || node.size() == 0 || node.size() > kMaxMetadataNodes) {
    return ConfigError(node, absl::StrCat("must be a list of 1 to ", kMaxMetadataNodes, " nodes"));
  }
  std::vector<MetadataNodeConfig> nodes;
  std::set<NodeId> ids;
  for (const YAML::Node& item : node) {
    absl::StatusOr<MetadataNodeConfig> parsed = ParseMetadataNode(item);
    if (!parsed.ok()) return parsed.status();
    if (!ids.insert(parsed->id).second) return ConfigError(item, "has the id of another node");
    nodes.push_back(*std::move(parsed));
  }
  return nodes;
}

const std::array<Key, 18>& Keys() {
  static const auto* keys = new std::array<Key, 18>{{
      {"cluster_id", kAll, Into(&RoleConfig::cluster_id, &ParseClusterId)},
      {"az", kAll, Into(&RoleConfig::az, &ParseText)},
      {"metadata_nodes", kAll, Into(&RoleConfig::metadata_nodes, &ParseMetadataNodes)},
      {"metrics_listen", kOptional, Into(&RoleConfig::metrics_listen, &ParseHostPort)},
      {"log_level", kOptional, Into(&RoleConfig::log_level, &ParseLogLevel)},
      {"node_id", kStores, IntegerInto(&RoleConfig::node_id, 1, UINT32_MAX)},
      {"data_dir", kStores, Into(&RoleConfig::data_dir, &ParseDirectory)},
      {"rpc_listen", kStores, Into(&RoleConfig::rpc_listen, &ParseHostPort)},
      {"rpc_advertise", kOptional, Into(&RoleConfig::rpc_advertise, &ParseHostPort)},
      {"nfs_listen", Bit(Role::kFrontend), Into(&RoleConfig::nfs_listen, &ParseAddresses)},
      {"nfs_port", kOptional, IntegerInto(&RoleConfig::nfs_port, 1, UINT16_MAX)},
      {"read_cache_bytes", kOptional,
       IntegerInto(&RoleConfig::read_cache_bytes, 0, kMaxCacheBytes)},
      {"tcp_congestion_control", kOptional, Into(&RoleConfig::tcp_congestion_control, &ParseText)},
      {"lease_seconds", kOptional,
       IntegerInto(&RoleConfig::lease_seconds, kMinLeaseSeconds, kMaxLeaseSeconds)},
      {"read_leases", kOptional, Into(&RoleConfig::read_leases, &ParseBool)},
      {"metadata_cache_bytes", kOptional,
       IntegerInto(&RoleConfig::metadata_cache_bytes, kMinMetadataCacheBytes, kMaxCacheBytes)},
      {"segment_bytes", kOptional,
       IntegerInto(&RoleConfig::segment_bytes, kMinSegmentBytes, kMaxSegmentBytes)},
      {"reserve_bytes", kOptional, IntegerInto(&RoleConfig::reserve_bytes, 0, kMaxReserveBytes)},
  }};
  return *keys;
}

const Key* FindKey(const std::string& name) {
  for (const Key& key : Keys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

absl::Status ReadKeys(const YAML::Node& root, RoleConfig& config) {
  if (!root.IsMap()) return ConfigError(root, "must be a map of keys");
  std::set<std::string> seen;
  for (const auto& field : root) {
    const std::string name = field.first.IsScalar() ? field.first.Scalar() : "";
    const Key* key = FindKey(name);
    if (key == nullptr) return ConfigError(field.first, absl::StrCat("unknown key \"", name, "\""));
    if (!seen.insert(name).second) return ConfigError(field.first, absl::StrCat(name, ": twice"));
    if (field.second.IsNull())
      return ConfigError(field.first, absl::StrCat(name, ": has no value"));
    const absl::Status read = key->read(field.second, config);
    if (!read.ok()) return ConfigError(read, absl::StrCat(name, ": "));
  }
  for (const Key& key : Keys()) {
    const bool required = (key.required_for & Bit(config.role)) != 0;
    if (!required || seen.contains(key.name)) continue;
    return ConfigError(root,
                       absl::StrCat(key.name, ": missing, a ", RoleName(config.role), " needs it"));
  }
  return absl::OkStatus();
}

// What keys must be to each other.
absl::Status CheckTogether(const YAML::Node& root, RoleConfig& config) {
  if (config.rpc_advertise.empty()) config.rpc_advertise = config.rpc_listen;
  if (config.role != Role::kMetadata) return absl::OkStatus();
  for (const MetadataNodeConfig& node : config.metadata_nodes) {
    if (node.id != config.node_id) continue;
    if (node.az == config.az) return absl::OkStatus();
    return ConfigError(root["az"],
                       absl::StrCat("az: metadata_nodes has node ", node.id, " in ", node.az));
  }
  return ConfigError(root["node_id"],
                     absl::StrCat("node_id: ", config.node_id, " is not one of metadata_nodes"));
}

absl::StatusOr<RoleConfig> Parse(Role role, const std::string& text) {
  RoleConfig config;
  config.role = role;
  try {
    const YAML::Node root = YAML::Load(text);
    if (absl::Status read = ReadKeys(root, config); !read.ok()) return read;
    if (absl::Status checked = CheckTogether(root, config); !checked.ok()) return checked;
  } catch (const YAML::Exception& error) {
    return ConfigError(error.mark.line, absl::StrCat("not YAML: ", error.msg));
  }
  return config;
}

}  // namespace

const char* RoleName(Role role) {
  switch (role) {
    case Role::kMetadata:
      return "metadata";
    case Role::kDataNode:
      return "datanode";
    case Role::kFrontend:
      return "frontend";
    case Role::kControl:
      return "control";
  }
  return "unknown";
}

absl::StatusOr<RoleConfig> LoadRoleConfig(Role role, const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSmallFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<RoleConfig> config = Parse(role, *text);
  if (config.ok()) return config;
  return absl::Status(config.status().code(), absl::StrCat(path, ":", config.status().message()));
}

}  // namespace openefs
