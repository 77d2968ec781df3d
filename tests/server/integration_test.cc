// Front-ends, the real metadata service on disk and six real data nodes, by TCP.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "tests/server/support/file_client.h"
#include "tests/server/support/local_cluster.h"

namespace openefs::testing {
namespace {

using namespace nfs4;

std::string RandomBytes(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// The whole file, by reads of `step` bytes.
std::string ReadAll(FileClient& client, const OpenedFile& file, uint32_t step) {
  std::string all;
  for (bool end = false; !end;) {
    ReadBytes read = client.Read(file, all.size(), step);
    REQUIRE(read.status == NFS4_OK);
    all += read.bytes;
    end = read.end;
  }
  return all;
}

// Files are made, written, read, renamed, listed and removed.
void WorkOnNames(LocalCluster& cluster) {
  FileClient client(cluster.port(), "walker");
  REQUIRE(client.MakeDirectory("a") == NFS4_OK);
  REQUIRE(client.MakeDirectory("a/b") == NFS4_OK);
  CHECK(client.MakeDirectory("a/b") == NFS4ERR_EXIST);

  const OpenedFile file = client.Open("a/b/file");
  REQUIRE(file.status == NFS4_OK);
  REQUIRE(client.Write(file, 0, "hello") == NFS4_OK);
  CHECK(client.Read(file, 0, 100).bytes == "hello");
  CHECK(client.Stat("a/b/file").size == 5);
  CHECK(client.Stat("a/b/file").type == NF4REG);
  CHECK(client.Stat("a/b").type == NF4DIR);
  CHECK(client.Stat("a/b").links == 2);

  const uint64_t before = client.Stat("a").change;
  CHECK(client.Rename("a/b/file", "a/renamed") == NFS4_OK);
  CHECK(client.Stat("a").change > before);
  CHECK(client.Stat("a/b/file").status == NFS4ERR_NOENT);
  CHECK(client.Read(file, 0, 100).bytes == "hello");

  CHECK(client.Link("a/renamed", "a/b/second") == NFS4_OK);
  CHECK(client.Stat("a/renamed").links == 2);
  CHECK(client.Stat("a/renamed").fileid == client.Stat("a/b/second").fileid);
  CHECK(client.MakeSymlink("../a/renamed", "a/link") == NFS4_OK);
  CHECK(client.ReadSymlink("a/link").second == "../a/renamed");
  CHECK(client.ReadSymlink("a/renamed").first != NFS4_OK);

  CHECK(client.Remove("a/b") == NFS4ERR_NOTEMPTY);
  CHECK(client.Remove("a/b/second") == NFS4_OK);
  CHECK(client.Remove("a/b") == NFS4_OK);
  CHECK(client.Remove("a/renamed") == NFS4_OK);
  // Open, it is still there.
  CHECK(client.Read(file, 0, 100).bytes == "hello");
  CHECK(client.Close(file) == NFS4_OK);
  CHECK(client.Read(file, 0, 100).status != NFS4_OK);
  CHECK(client.List("a", 4096).names == std::vector<std::string>{"link"});
}

// Overlapping writes of every size read back as written.
void OverwriteEverywhere(LocalCluster& cluster) {
  FileClient client(cluster.port(), "writer");
  const OpenedFile file = client.Open("data");
  std::string expected;
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const size_t sizes[] = {1, 4096, 16384, 16385, 100'000, 1 << 20};
    const std::string bytes = RandomBytes(sizes[random() % 6], random());
    const size_t offset = random() % (2 << 20);
    INFO("round " << round << ": " << bytes.size() << " at " << offset);
    REQUIRE(client.Write(file, offset, bytes) == NFS4_OK);
    expected.resize(std::max(expected.size(), offset + bytes.size()));
    expected.replace(offset, bytes.size(), bytes);
  }
  CHECK((ReadAll(client, file, 1 << 20) == expected));
  CHECK((ReadAll(client, file, 70'001) == expected));

  REQUIRE(client.Truncate("data", 1'000'003) == NFS4_OK);
  REQUIRE(client.Truncate("data", 1'200'000) == NFS4_OK);
  expected.resize(1'000'003);
  expected.resize(1'200'000);
  CHECK((ReadAll(client, file, 1 << 20) == expected));
}

// A sparse file past 4 GiB.
void WritePast4GiB(LocalCluster& cluster) {
  FileClient client(cluster.port(), "sparse");
  const OpenedFile file = client.Open("big");
  const uint64_t far = (uint64_t{5} << 30) + 17;
  REQUIRE(client.Write(file, far, "end") == NFS4_OK);
  CHECK(client.Stat("big").size == far + 3);
  const ReadBytes hole = client.Read(file, far - 100, 200);
  CHECK(hole.bytes == std::string(100, '\0') + "end");
  CHECK(hole.end);
  CHECK(client.Write(file, uint64_t{1} << 62, "x") == NFS4ERR_FBIG);
}

// A directory is listed whole, whatever the size of the pages.
void ListByPages(LocalCluster& cluster) {
  FileClient client(cluster.port(), "lister");
  REQUIRE(client.MakeDirectory("list") == NFS4_OK);
  std::set<std::string> expected;
  for (int i = 0; i < 150; ++i) {
    const std::string name = "d" + std::to_string(i) + std::string(static_cast<size_t>(i), 'x');
    REQUIRE(client.MakeDirectory("list/" + name) == NFS4_OK);
    expected.insert(name);
  }
  for (uint32_t page : {300u, 1000u, 4096u, 1u << 20}) {
    const Listing listing = client.List("list", page);
    INFO(page);
    REQUIRE(listing.status == NFS4_OK);
    CHECK(listing.names.size() == expected.size());
    CHECK(std::set<std::string>(listing.names.begin(), listing.names.end()) == expected);
    CHECK((page > 100'000) == (listing.pages == 1));
  }
  CHECK(client.List("list", 60).status == NFS4ERR_TOOSMALL);
}

// An exclusive create is found again by its verifier alone.
void CreateExclusively(LocalCluster& cluster) {
  FileClient client(cluster.port(), "exclusive");
  CHECK(client.OpenExclusive("once", 42).status == NFS4_OK);
  CHECK(client.OpenExclusive("once", 42).status == NFS4_OK);
  CHECK(client.OpenExclusive("once", 43).status == NFS4ERR_EXIST);
  CHECK(client.Stat("once").mode == 0600);
}

// Two clients through two front-ends see one file and its locks.
void ShareAFile(LocalCluster& cluster) {
  FileClient one(cluster.port(0), "one");
  FileClient two(cluster.port(1), "two");
  const OpenedFile first = one.Open("shared");
  const OpenedFile second = two.Open("shared");
  REQUIRE(one.Write(first, 0, RandomBytes(200'000, 1)) == NFS4_OK);
  CHECK((two.Read(second, 0, 200'000).bytes == RandomBytes(200'000, 1)));

  const auto held = one.Lock(first, "process", 10, 20);
  REQUIRE(held.first == NFS4_OK);
  CHECK(two.Lock(second, "process", 29, 1).first == NFS4ERR_DENIED);
  CHECK(two.Lock(second, "process", 30, 1).first == NFS4_OK);
  CHECK(one.Unlock(first, held.second, 0, NFS4_UINT64_MAX) == NFS4_OK);
  CHECK(two.Lock(second, "other process", 10, 20).first == NFS4_OK);
}

// A session goes on through another front-end.
void ChangeFrontEnds(LocalCluster& cluster) {
  FileClient client(cluster.port(0), "wanderer");
  const OpenedFile file = client.Open("file");
  REQUIRE(client.Write(file, 0, "before") == NFS4_OK);
  client.nfs().Reconnect(cluster.port(1));
  CHECK(client.Read(file, 0, 10).bytes == "before");
  CHECK(client.Write(file, 0, "after!") == NFS4_OK);
  cluster.ReplaceFrontEnd(0);
  client.nfs().Reconnect(cluster.port(0));
  CHECK(client.Read(file, 0, 10).bytes == "after!");
  CHECK(client.Close(file) == NFS4_OK);
}

// Everything is there again after a restart, opens and sessions too.
void RestartEverything(LocalCluster& cluster) {
  FileClient client(cluster.port(), "survivor");
  const std::string large = RandomBytes(700'000, 3);
  REQUIRE(client.MakeDirectory("d") == NFS4_OK);
  const OpenedFile file = client.Open("d/file");
  REQUIRE(client.Write(file, 0, large) == NFS4_OK);
  REQUIRE(client.Write(file, 100, "inline") == NFS4_OK);
  cluster.Restart();
  client.nfs().Reconnect(cluster.port());
  std::string expected = large;
  expected.replace(100, 6, "inline");
  CHECK((client.Read(file, 0, 1 << 20).bytes == expected));
  CHECK(client.Write(file, 0, "more") == NFS4_OK);
  CHECK(client.Close(file) == NFS4_OK);
}

// Reads go on with any three data nodes away.
void ReadWithNodesAway(LocalCluster& cluster) {
  FileClient client(cluster.port(), "reader");
  const OpenedFile file = client.Open("away");
  const std::string bytes = RandomBytes(1 << 20, 5);
  REQUIRE(client.Write(file, 0, bytes) == NFS4_OK);
  for (const std::array<NodeId, 3>& away : {std::array<NodeId, 3>{1, 2, 3}, {4, 5, 6}, {1, 3, 5}}) {
    for (NodeId node : away) cluster.SetUnreachable(node, true);
    INFO(away[0] << away[1] << away[2]);
    const ReadBytes read = client.Read(file, 0, 1 << 20);
    CHECK(read.status == NFS4_OK);
    CHECK((read.bytes == bytes));
    for (NodeId node : away) cluster.SetUnreachable(node, false);
  }
}

// One cluster for several walks, because starting it takes most of the time.
TEST_CASE("integration: names, directories and exclusive creates") {
  LocalCluster cluster;
  WorkOnNames(cluster);
  ListByPages(cluster);
  CreateExclusively(cluster);
}

TEST_CASE("integration: data, with all data nodes and with half of them") {
  LocalCluster cluster;
  OverwriteEverywhere(cluster);
  WritePast4GiB(cluster);
  ReadWithNodesAway(cluster);
}

TEST_CASE("integration: two front-ends, and a restart of everything") {
  LocalCluster cluster(2);
  ShareAFile(cluster);
  ChangeFrontEnds(cluster);
  RestartEverything(cluster);
}

TEST_CASE("integration: several file systems are directories of a root that nobody can change") {
  LocalCluster cluster(1, {"fs-one", "fs-two"});
  FileClient client(cluster.port(), "several");
  Listing root = client.List("", 4096);
  REQUIRE(root.status == NFS4_OK);
  CHECK(std::set<std::string>(root.names.begin(), root.names.end()) ==
        std::set<std::string>{"fs-one", "fs-two"});
  CHECK(client.Stat("").type == NF4DIR);
  CHECK(client.Stat("fs-one").type == NF4DIR);
  CHECK(client.MakeDirectory("new") == NFS4ERR_ROFS);
  CHECK(client.Remove("fs-one") == NFS4ERR_ROFS);
  REQUIRE(client.MakeDirectory("fs-one/d") == NFS4_OK);
  CHECK(client.Stat("fs-two/d").status == NFS4ERR_NOENT);
  CHECK(client.Rename("fs-one/d", "fs-two/d") == NFS4ERR_XDEV);
  CHECK(client.Rename("fs-one", "fs-three") == NFS4ERR_ROFS);
  // Up, out of a file system and no further.
  const auto up = [&](const std::string& path, int steps) {
    Compound compound = client.At(path);
    for (int i = 0; i < steps; ++i) compound.Op(OP_LOOKUPP);
    return client.nfs().Run(compound.Lookup("fs-two")).status;
  };
  CHECK(up("fs-one/d", 1) == NFS4ERR_NOENT);
  CHECK(up("fs-one/d", 2) == NFS4_OK);
  CHECK(up("fs-one", 1) == NFS4_OK);
  CHECK(up("fs-one", 2) == NFS4ERR_NOENT);
}

}  // namespace
}  // namespace openefs::testing
