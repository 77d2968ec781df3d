// The whole path over TCP: a client makes a session and works on files.
#include <catch2/catch.hpp>

#include "tests/server/support/local_server.h"
#include "tests/server/support/nfs_client.h"

namespace openefs::testing {
namespace {

using namespace nfs4;

std::string RootHandle(NfsClient& client) {
  CompoundReply reply = client.Run(client.InSession().PutRootFh().GetFh());
  REQUIRE(reply.status == NFS4_OK);
  reply.SkipTo(OP_GETFH);
  return std::string(reply.results.Opaque(NFS4_FHSIZE));
}

TEST_CASE("a client mounts, makes a directory, and sees it") {
  LocalServer server;
  NfsClient client(server.port());
  client.Mount();
  const std::string root = RootHandle(client);
  REQUIRE(client.Run(client.InSession().PutFh(root).MakeDirectory("d")).status == NFS4_OK);
  CHECK(client.Run(client.InSession().PutFh(root).Lookup("d").GetFh()).status == NFS4_OK);
  CHECK(client.Run(client.InSession().PutFh(root).Lookup("e")).status == NFS4ERR_NOENT);
}

TEST_CASE("a client writes a small and a large file and reads them back") {
  const size_t bytes = GENERATE(100u, 1u << 20);
  LocalServer server;
  NfsClient client(server.port());
  client.Mount();
  CompoundReply opened =
      client.Run(client.InSession().PutRootFh().OpenCreate(client.client_id, "owner", "file"));
  REQUIRE(opened.status == NFS4_OK);
  opened.SkipTo(OP_OPEN);
  const std::string stateid(opened.results.FixedOpaque(16));
  CompoundReply found = client.Run(client.InSession().PutRootFh().Lookup("file").GetFh());
  found.SkipTo(OP_GETFH);
  const std::string handle(found.results.Opaque(NFS4_FHSIZE));

  std::string data(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) data[i] = static_cast<char>(i * 7 + i / 256);
  REQUIRE(client.Run(client.InSession().PutFh(handle).Write(stateid, 0, data)).status == NFS4_OK);
  CHECK(server.blobs.size() == (bytes > 16384 ? 1 : 0));
  CompoundReply read = client.Run(
      client.InSession(0, false).PutFh(handle).Read(stateid, 0, static_cast<uint32_t>(bytes)));
  REQUIRE(read.status == NFS4_OK);
  read.SkipTo(OP_READ);
  CHECK(read.results.Bool());
  CHECK((read.results.Opaque(1 << 20) == data));
  CHECK(client.Run(client.InSession().PutFh(handle).Close(stateid)).status == NFS4_OK);
}

}  // namespace
}  // namespace openefs::testing
