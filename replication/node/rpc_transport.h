// The transport over common/rpc, for who brings the streams himself; all others take it from
// transport.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/ids.h"
#include "common/rpc/channel.h"
#include "replication/node/transport.h"

namespace openefs::replication {

// Connects to an address in the background, as rpc::MakeChannel does; `handlers` serve what the
// peer asks back.
using Connect = std::function<std::shared_ptr<rpc::Channel>(
    const std::string& address, std::shared_ptr<const rpc::Handlers> handlers)>;

// As the other one in transport.h.
std::unique_ptr<Transport> MakeRpcTransport(rpc::Server* server, NodeId self,
                                            const std::map<NodeId, std::string>& addresses,
                                            Connect connect);

}  // namespace openefs::replication
