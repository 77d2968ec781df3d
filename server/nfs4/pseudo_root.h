// The root of the server's name space where there are several file systems: a directory that lists
// them by name, lives in the front-ends alone and that nobody can change. With exactly one file
// system there is none: its root is `/`, as EFS clients expect.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>
#include <vector>

#include "common/ids.h"
#include "proto/metadata.pb.h"
#include "proto/nfs4.h"
#include "server/nfs4/attributes.h"
#include "server/nfs4/compound_context.h"

namespace openefs::nfs4 {

class Services;  // server/nfs4/services.h

// Everybody may list it and walk through it.
inline constexpr uint32_t kPseudoRootRights = ACCESS4_READ | ACCESS4_LOOKUP | ACCESS4_EXECUTE;

bool HasPseudoRoot(const Services& services);

// {kPseudoFileSystem, kRootInode, 0}.
pb::FileRef PseudoRootFile();

// A directory of root's, r-xr-xr-x; `change` follows the list.
pb::Attributes PseudoRootAttributes(const Services& services);

// Makes it the current file.
void EnterPseudoRoot(CompoundContext& context);

// Of the only file system, or 0.
FileSystemId OnlyFileSystem(const Services& services);
// 0 if there is none of that name.
FileSystemId FindFileSystem(const Services& services, std::string_view name);

// The source of a file's attributes. mounted_on_fileid (RFC 8881 5.8.2.24) is the fileid, but for a
// file system's root below the pseudo root: there it is the file system id. `attributes` must
// outlive it.
AttributeSource MakeAttributeSource(const Services& services, const pb::Attributes& attributes);

// Runs `operations`, which only read, from `registers` and apart from the COMPOUND's own segments.
// Null: the metadata could not be reached (NFS4ERR_DELAY).
boost::asio::awaitable<std::unique_ptr<pb::SegmentResponse>> RunReadingSegment(
    const CompoundContext& context, const pb::Registers& registers,
    std::vector<pb::Operation> operations);

// READDIR of the pseudo root: at most `max_entries` file systems behind `cookie`, with the
// attributes of their roots.
boost::asio::awaitable<nfsstat4> ListFileSystems(const CompoundContext& context, uint64_t cookie,
                                                 uint32_t max_entries, pb::ReadDirResult* page);

}  // namespace openefs::nfs4
