#include "common/rpc/channel.h"

namespace openefs::rpc {

const char* MethodName(Method method) {
  switch (method) {
    case Method::kMetadataExecute:
      return "metadata_execute";
    case Method::kMetadataStatus:
      return "metadata_status";
    case Method::kMetadataCheck:
      return "metadata_check";
    case Method::kMetadataAdmin:
      return "metadata_admin";
    case Method::kRaftMessages:
      return "raft_messages";
    case Method::kSnapshot:
      return "snapshot";
    case Method::kPeerHello:
      return "peer_hello";
    case Method::kPutFragment:
      return "put_fragment";
    case Method::kGetFragment:
      return "get_fragment";
    case Method::kDeleteFragments:
      return "delete_fragments";
    case Method::kListFragments:
      return "list_fragments";
    case Method::kDataNodeStatus:
      return "data_node_status";
  }
  return "unknown";
}

}  // namespace openefs::rpc
