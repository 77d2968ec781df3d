// The rules of COMPOUND and SEQUENCE (RFC 8881 2.10.6, 16.2, 18.46), over TCP.
#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/server/support/local_server.h"
#include "tests/server/support/nfs_client.h"

namespace openefs::testing {
namespace {

using namespace nfs4;
using Fate = LocalMetadata::Fate;

struct Mounted {
  Mounted() : client(server.port()) {
    client.Mount();
    server.metadata->ClearRequests();
  }

  size_t Segments() const { return server.metadata->requests().size(); }
  pb::SegmentRequest LastSegment() const { return server.metadata->requests().back(); }

  // The status of the COMPOUND, which must be that of the operation, the last that has a result.
  nfsstat4 FailsAt(const Compound& compound, uint32_t results, uint32_t opcode) {
    CompoundReply reply = client.Run(compound);
    CHECK(reply.count == results);
    for (uint32_t i = 1; i < results; ++i) {
      const uint32_t done = reply.results.U32();
      CHECK(reply.results.U32() == NFS4_OK);
      if (done == OP_SEQUENCE) reply.results.FixedOpaque(36);
    }
    CHECK(reply.Next(opcode) == reply.status);
    CHECK(reply.results.remaining() == 0);
    return reply.status;
  }

  LocalServer server;
  NfsClient client;
};

// Waits for what another thread is about to do. Ends the test if it never does.
template <typename Condition>
void Await(const Condition& condition) {
  bool holds = condition();
  for (int i = 0; i < 10'000 && !holds; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    holds = condition();
  }
  REQUIRE(holds);
}

TEST_CASE("headers of a COMPOUND") {
  Mounted m;
  CompoundReply empty = m.client.Run(Compound("a tag"));
  CHECK(empty.status == NFS4_OK);
  CHECK(empty.tag == "a tag");
  CHECK(empty.count == 0);
  CompoundReply old = m.client.Run(Compound("t", 0).PutRootFh());
  CHECK(old.status == NFS4ERR_MINOR_VERS_MISMATCH);
  CHECK(old.tag == "t");
  CHECK(old.count == 0);
  CHECK(m.client.Run(Compound("t", 2).PutRootFh()).status == NFS4ERR_MINOR_VERS_MISMATCH);
}

TEST_CASE("what may come without a session") {
  Mounted m;
  CHECK(m.FailsAt(Compound().PutRootFh(), 1, OP_PUTROOTFH) == NFS4ERR_OP_NOT_IN_SESSION);
  CHECK(m.FailsAt(Compound().Op(OP_SETCLIENTID), 1, OP_SETCLIENTID) == NFS4ERR_NOTSUPP);
  CHECK(m.FailsAt(Compound().Op(4711), 1, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);
  CHECK(m.FailsAt(Compound().Op(0), 1, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);
  CHECK(m.FailsAt(m.client.ExchangeId("x", 1).PutRootFh(), 1, OP_EXCHANGE_ID) ==
        NFS4ERR_NOT_ONLY_OP);
  CHECK(m.Segments() == 0);
  CHECK(m.FailsAt(Compound().Op(OP_EXCHANGE_ID), 1, OP_EXCHANGE_ID) == NFS4ERR_BADXDR);
}

TEST_CASE("where SEQUENCE and its kind may stand") {
  Mounted m;
  const auto& id = m.client.session_id;
  CHECK(m.FailsAt(m.client.InSession().PutRootFh().Sequence(id, 1, 1), 3, OP_SEQUENCE) ==
        NFS4ERR_SEQUENCE_POS);
  CHECK(m.FailsAt(m.client.InSession().Op(OP_BIND_CONN_TO_SESSION,
                                          [&](xdr::Writer& writer) {
                                            writer.FixedOpaque(id);
                                            writer.U32(CDFC4_FORE);
                                            writer.Bool(false);
                                          }),
                  2, OP_BIND_CONN_TO_SESSION) == NFS4ERR_NOT_ONLY_OP);
  const auto destroy = [&](xdr::Writer& writer) { writer.FixedOpaque(id); };
  CHECK(m.FailsAt(m.client.InSession().Op(OP_DESTROY_SESSION, destroy).PutRootFh(), 2,
                  OP_DESTROY_SESSION) == NFS4ERR_NOT_ONLY_OP);
  CHECK(m.client.Run(m.client.InSession().Op(OP_DESTROY_SESSION, destroy)).status == NFS4_OK);
  CHECK(m.FailsAt(m.client.InSession(), 1, OP_SEQUENCE) == NFS4ERR_BADSESSION);
}

TEST_CASE("operations that cannot be decoded or are not served fail in their place") {
  Mounted m;
  const auto fails = [&](uint32_t opcode, uint32_t shown) {
    // MakeDirectory before it must have happened, what is behind it must not.
    static int next = 0;
    const std::string name = "d" + std::to_string(next++);
    Compound compound = m.client.InSession().PutRootFh();
    CompoundReply reply =
        m.client.Run(compound.MakeDirectory(name).Op(opcode).MakeDirectory(name + "-behind"));
    CHECK(reply.count == 4);
    CHECK(m.client.Run(m.client.InSession().PutRootFh().Lookup(name)).status == NFS4_OK);
    CHECK(m.client.Run(m.client.InSession().PutRootFh().Lookup(name + "-behind")).status ==
          NFS4ERR_NOENT);
    reply.SkipTo(OP_CREATE);
    reply.results.FixedOpaque(20);
    for (uint32_t words = reply.results.U32(); words > 0; --words) reply.results.U32();
    CHECK(reply.Next(shown) == reply.status);
    return reply.status;
  };
  CHECK(fails(4711, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);
  CHECK(fails(2, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);
  CHECK(fails(59, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);  // 4.2's ALLOCATE
  CHECK(fails(OP_LAYOUTGET, OP_LAYOUTGET) == NFS4ERR_NOTSUPP);
  CHECK(fails(OP_OPENATTR, OP_OPENATTR) == NFS4ERR_NOTSUPP);
  CHECK(fails(OP_RENEW, OP_RENEW) == NFS4ERR_NOTSUPP);  // 4.0's
}

TEST_CASE("an operation cut off at the end of the record is bad XDR") {
  Mounted m;
  Compound whole = m.client.InSession().PutRootFh().Lookup("name");
  std::string arguments = whole.Build();
  arguments.resize(arguments.size() - 4);
  const std::string call = m.client.rpc().Call(kNfsProgram, kNfsVersion, kProcCompound, arguments);
  REQUIRE(m.client.rpc().SendRecord(call));
  CompoundReply reply = m.client.Receive();
  CHECK(reply.status == NFS4ERR_BADXDR);
  CHECK(reply.count == 3);
}

// VERIFY ends a run of operations by itself, so that nobody has looked at what follows when it is
// done.
TEST_CASE("what cannot be decoded fails behind an operation that ends a run too") {
  Mounted m;
  const auto nothing = [](xdr::Writer& writer) {
    writer.U32(0);  // no attributes
    writer.Opaque("");
  };
  const auto verified = [&] { return m.client.InSession().PutRootFh().Op(OP_VERIFY, nothing); };
  CHECK(m.FailsAt(verified().Op(4711), 4, OP_ILLEGAL) == NFS4ERR_OP_ILLEGAL);
  CHECK(m.FailsAt(verified().Op(OP_LAYOUTGET), 4, OP_LAYOUTGET) == NFS4ERR_NOTSUPP);
  CHECK(m.FailsAt(verified().DeclareOperations(4), 4, OP_ILLEGAL) == NFS4ERR_BADXDR);
}

TEST_CASE("more operations than there are, or than may be") {
  Mounted m;
  CHECK(m.FailsAt(m.client.InSession().PutRootFh().DeclareOperations(3), 3, OP_ILLEGAL) ==
        NFS4ERR_BADXDR);
  // None of the following use up a sequence id.
  CHECK(m.FailsAt(m.client.InSession().DeclareOperations(17), 1, OP_SEQUENCE) ==
        NFS4ERR_TOO_MANY_OPS);
  CHECK(m.FailsAt(m.client.Again().DeclareOperations(0xffffffff), 1, OP_SEQUENCE) ==
        NFS4ERR_TOO_MANY_OPS);
  CHECK(m.client.Run(m.client.Again().PutRootFh()).status == NFS4_OK);
}

TEST_CASE("slots that the session does not have") {
  Mounted m;
  const auto sequence = [&](uint32_t slot, uint32_t highest) {
    Compound compound;
    compound.Op(OP_SEQUENCE, [&](xdr::Writer& writer) {
      writer.FixedOpaque(m.client.session_id);
      writer.U32(1);
      writer.U32(slot);
      writer.U32(highest);
      writer.Bool(false);
    });
    return m.FailsAt(compound.PutRootFh(), 1, OP_SEQUENCE);
  };
  const uint32_t slots = static_cast<uint32_t>(m.client.sequence_ids.size());
  CHECK(sequence(1, slots) == NFS4ERR_BAD_HIGH_SLOT);
  CHECK(sequence(1, 0xffffffff) == NFS4ERR_BAD_HIGH_SLOT);
  CHECK(sequence(slots, slots) == NFS4ERR_BADSLOT);
  // Nothing of it used the slot.
  CHECK(m.client.Run(m.client.InSession(1).PutRootFh()).status == NFS4_OK);
}

TEST_CASE("a COMPOUND costs one segment") {
  Mounted m;
  const Compound compound = m.client.InSession()
                                .PutRootFh()
                                .SaveFh()
                                .MakeDirectory("d")
                                .GetFh()
                                .GetAttr({FATTR4_TYPE, FATTR4_SIZE})
                                .RestoreFh()
                                .GetAttr({FATTR4_CHANGE});
  CHECK(m.client.Run(compound).status == NFS4_OK);
  REQUIRE(m.Segments() == 1);
  const pb::SegmentRequest segment = m.LastSegment();
  CHECK(segment.operations_size() == 7);
  CHECK(segment.first_operation_index() == 1);
  CHECK(segment.slot().session_id() == m.client.session_id);
  CHECK(segment.slot().sequence_id() == m.client.sequence_ids[0]);
}

TEST_CASE("a SEQUENCE alone costs none") {
  Mounted m;
  CHECK(m.client.Run(m.client.InSession()).status == NFS4_OK);
  CHECK(m.Segments() == 0);
}

TEST_CASE("SEQUENCE answers what it was asked") {
  Mounted m;
  CompoundReply reply = m.client.Run(m.client.InSession(3));
  REQUIRE(reply.Next(OP_SEQUENCE) == NFS4_OK);
  CHECK(reply.results.FixedOpaque(16) == m.client.session_id);
  CHECK(reply.results.U32() == m.client.sequence_ids[3]);
  CHECK(reply.results.U32() == 3);
  CHECK(reply.results.U32() == 7);
  CHECK(reply.results.U32() == 7);
  CHECK(reply.results.U32() == 0);
}

TEST_CASE("a retry is answered without executing again") {
  Mounted m;
  const bool cache_this = GENERATE(false, true);
  REQUIRE(m.client.Run(m.client.InSession(0, cache_this).PutRootFh().MakeDirectory("d")).status ==
          NFS4_OK);
  const size_t before = m.Segments();
  CHECK(m.client.Run(m.client.Again(0, cache_this).PutRootFh().MakeDirectory("d")).status ==
        NFS4_OK);
  CHECK(m.Segments() == before);
}

TEST_CASE("a retry on another connection is answered too") {
  Mounted m;
  REQUIRE(m.client.Run(m.client.InSession().PutRootFh().MakeDirectory("d")).status == NFS4_OK);
  m.client.Reconnect(m.server.port());
  CHECK(m.client.Run(m.client.Again().PutRootFh().MakeDirectory("d")).status == NFS4_OK);
  CHECK(m.client.Run(m.client.InSession().PutRootFh().Lookup("d")).status == NFS4_OK);
}

TEST_CASE("two copies at once end in one execution") {
  Mounted m;
  m.server.metadata->SetFate([](const pb::SegmentRequest&) { return Fate::kHold; });
  const Compound first = m.client.InSession().PutRootFh().MakeDirectory("d");
  m.client.Send(first);
  Await([&] { return m.server.metadata->held() == 1; });
  NfsClient copy(m.server.port());
  copy.Send(first);
  // While the first is held, the copy has nothing to wait for but it: no second segment may come.
  // Something that is answered behind it on the same connection shows that it has been looked at.
  CHECK(copy.Run(Compound("marker")).tag == "marker");
  CHECK(m.server.metadata->held() == 1);
  m.server.metadata->Release();
  CHECK(m.client.Receive().status == NFS4_OK);
  CHECK(copy.Receive().status == NFS4_OK);
  CHECK(m.Segments() == 1);
}

TEST_CASE("a request whose connection broke is answered on the next one") {
  Mounted m;
  m.server.metadata->SetFate([](const pb::SegmentRequest&) { return Fate::kHold; });
  m.client.Send(m.client.InSession().PutRootFh().MakeDirectory("d"));
  Await([&] { return m.server.metadata->held() == 1; });
  m.client.Reconnect(m.server.port());
  m.client.Send(m.client.Again().PutRootFh().MakeDirectory("d"));
  CHECK(m.client.Run(Compound("marker")).tag == "marker");
  m.server.metadata->Release();
  CHECK(m.client.Receive().status == NFS4_OK);
  CHECK(m.Segments() == 1);
}

TEST_CASE("a retry through another front-end takes effect once") {
  LocalServer server(2);
  NfsClient client(server.port(0));
  client.Mount();
  REQUIRE(client.Run(client.InSession().PutRootFh().MakeDirectory("d")).status == NFS4_OK);
  client.Reconnect(server.port(1));
  CHECK(client.Run(client.Again().PutRootFh().MakeDirectory("d")).status == NFS4_OK);
  CHECK(client.Run(client.InSession().PutRootFh().Remove("d")).status == NFS4_OK);
  CHECK(client.Run(client.Again().PutRootFh().Remove("d")).status == NFS4_OK);
  // And back, where the slot was last seen two requests ago.
  client.Reconnect(server.port(0));
  CHECK(client.Run(client.InSession().PutRootFh().Lookup("d")).status == NFS4ERR_NOENT);
}

// The attributes that VERIFY compared are changed by what it let through.
TEST_CASE("a VERIFY that let a mutation through lets its retry through at another front-end") {
  LocalServer server(2);
  NfsClient client(server.port(0));
  client.Mount();
  CompoundReply now = client.Run(client.InSession().PutRootFh().GetAttr({FATTR4_CHANGE}));
  now.SkipTo(OP_GETATTR);
  for (uint32_t words = now.results.U32(); words > 0; --words) now.results.U32();
  const std::string change(now.results.Opaque(8));
  const auto verify = [&change](uint32_t opcode) {
    return [opcode, &change](Compound compound) {
      return compound.PutRootFh().Op(opcode, [&change](xdr::Writer& writer) {
        writer.U32(1);
        writer.U32(1u << FATTR4_CHANGE);
        writer.Opaque(change);
      });
    };
  };
  REQUIRE(client.Run(verify(OP_VERIFY)(client.InSession()).MakeDirectory("d")).status == NFS4_OK);
  client.Reconnect(server.port(1));
  CHECK(client.Run(verify(OP_VERIFY)(client.Again()).MakeDirectory("d")).status == NFS4_OK);
  // A new request is judged anew, and so is a retry of one that went no further.
  CHECK(client.Run(verify(OP_VERIFY)(client.InSession()).MakeDirectory("e")).status ==
        NFS4ERR_NOT_SAME);
  client.Reconnect(server.port(0));
  CHECK(client.Run(verify(OP_VERIFY)(client.Again()).MakeDirectory("e")).status ==
        NFS4ERR_NOT_SAME);
  CHECK(client.Run(verify(OP_NVERIFY)(client.InSession()).Remove("d")).status == NFS4_OK);
}

TEST_CASE("an open outcome makes SEQUENCE wait, and a retry settles it") {
  Mounted m;
  const Fate fate = GENERATE(Fate::kLose, Fate::kRefuse);
  m.server.metadata->SetFate([fate](const pb::SegmentRequest&) { return fate; });
  CHECK(m.FailsAt(m.client.InSession().PutRootFh().MakeDirectory("d"), 1, OP_SEQUENCE) ==
        NFS4ERR_DELAY);
  m.server.metadata->SetFate(nullptr);
  CHECK(m.client.Run(m.client.Again().PutRootFh().MakeDirectory("d")).status == NFS4_OK);
  CHECK(m.client.Run(m.client.InSession().PutRootFh().MakeDirectory("d")).status == NFS4ERR_EXIST);
}

TEST_CASE("a read that finds no leader is delayed, and its slot goes on") {
  Mounted m;
  m.server.metadata->SetFate([](const pb::SegmentRequest&) { return Fate::kRefuse; });
  CHECK(m.FailsAt(m.client.InSession().PutRootFh(), 2, OP_PUTROOTFH) == NFS4ERR_DELAY);
  m.server.metadata->SetFate(nullptr);
  CHECK(m.client.Run(m.client.InSession().PutRootFh()).status == NFS4_OK);
}

TEST_CASE("a large WRITE whose outcome is open keeps its blob") {
  Mounted m;
  CompoundReply opened =
      m.client.Run(m.client.InSession().PutRootFh().OpenCreate(m.client.client_id, "o", "f"));
  opened.SkipTo(OP_OPEN);
  const std::string stateid(opened.results.FixedOpaque(16));
  const std::string data(40'000, 'x');
  const auto write = [&](Compound compound) {
    return m.client.Run(compound.PutRootFh().Lookup("f").Write(stateid, 0, data)).status;
  };
  m.server.metadata->SetFate([](const pb::SegmentRequest&) { return Fate::kLose; });
  CHECK(write(m.client.InSession()) == NFS4ERR_DELAY);
  m.server.metadata->SetFate(nullptr);
  CHECK(write(m.client.Again()) == NFS4_OK);
  CHECK(m.server.blobs.size() == 1);  // the retry dropped its own
  CompoundReply read =
      m.client.Run(m.client.InSession(0, false).PutRootFh().Lookup("f").Read(stateid, 0, 40'000));
  REQUIRE(read.status == NFS4_OK);
  read.SkipTo(OP_READ);
  read.results.Bool();
  CHECK((read.results.Opaque(40'000) == data));
}

TEST_CASE("a large WRITE that fails leaves no blob") {
  Mounted m;
  const std::string stateid(16, '\7');
  const std::string data(40'000, 'x');
  CHECK(m.client.Run(m.client.InSession().PutRootFh().Write(stateid, 0, data)).status != NFS4_OK);
  CHECK(m.server.blobs.size() == 0);
}

TEST_CASE("a session destroyed elsewhere is noticed") {
  LocalServer server(2, {"fs-1"}, 600);
  NfsClient client(server.port(0));
  client.Mount();
  pb::Operation destroy;
  destroy.mutable_destroy_session()->set_session_id(client.session_id);
  REQUIRE(server.metadata->RunOne(1, destroy).error() == pb::FS_OK);

  SECTION("by a mutation, at once") {
    CHECK(client.Run(client.InSession().PutRootFh().MakeDirectory("d")).status ==
          NFS4ERR_BADSESSION);
  }
  SECTION("by a SEQUENCE alone, within a lease") {
    Await([&] { return client.Run(client.InSession()).status == NFS4ERR_BADSESSION; });
  }
  SECTION("by a front-end that did not know it") {
    client.Reconnect(server.port(1));
    CHECK(client.Run(client.InSession()).status == NFS4ERR_BADSESSION);
  }
}

TEST_CASE("clients that send requests have their leases renewed") {
  LocalServer server(1, {"fs-1"}, 300);
  NfsClient client(server.port());
  client.Mount();
  Await([&] {
    for (const pb::SegmentRequest& request : server.metadata->requests()) {
      if (request.operations(0).has_renew_leases()) {
        return request.operations(0).renew_leases().client_ids(0) == client.client_id;
      }
    }
    return false;
  });
}

TEST_CASE("a front-end stops while the metadata holds a request") {
  auto m = std::make_unique<Mounted>();
  m->server.metadata->SetFate([](const pb::SegmentRequest&) { return Fate::kHold; });
  m->client.Send(m->client.InSession().PutRootFh().MakeDirectory("d"));
  Await([&] { return m->server.metadata->held() == 1; });
  m->server.front_ends.front()->Stop();
  CHECK(m->client.rpc().PeerCloses());
  m = nullptr;  // the metadata client first, then the front-end, as its header asks
}

struct SmallSession : Mounted {
  SmallSession(uint32_t max_response_bytes, uint32_t max_cached_bytes) {
    CompoundReply created = client.Run(client.CreateSession(max_response_bytes, max_cached_bytes));
    REQUIRE(created.Next(OP_CREATE_SESSION) == NFS4_OK);
    client.session_id = created.results.FixedOpaque(16);
    client.sequence_ids.assign(8, 0);
    server.metadata->ClearRequests();
  }
};

TEST_CASE("a reply over the session's limit") {
  SmallSession m(300, 300);
  Compound compound = m.client.InSession().PutRootFh();
  for (int i = 0; i < 8; ++i) compound.GetAttr({FATTR4_SUPPORTED_ATTRS, FATTR4_TYPE});
  CompoundReply reply = m.client.Run(compound);
  CHECK(reply.status == NFS4ERR_REP_TOO_BIG);
  CHECK(reply.count > 2);
  CHECK(reply.count < 10);
}

TEST_CASE("a mutation whose reply has no room does not happen") {
  SmallSession m(256, 256);
  const auto fill = [&](int attributes) {
    Compound compound = m.client.InSession().PutRootFh();
    for (int i = 0; i < attributes; ++i) compound.GetAttr({FATTR4_SUPPORTED_ATTRS});
    return m.client.Run(compound.MakeDirectory("d")).status;
  };
  int attributes = 0;
  while (fill(attributes) == NFS4_OK) {
    REQUIRE(m.client.Run(m.client.InSession().PutRootFh().Remove("d")).status == NFS4_OK);
    REQUIRE(++attributes < 10);
  }
  CHECK(attributes > 0);
  CHECK(m.client.Run(m.client.InSession().PutRootFh().Lookup("d")).status == NFS4ERR_NOENT);
}

TEST_CASE("a reply that is to be cached and is too big for that") {
  SmallSession m(4096, 150);
  const std::vector<uint32_t> attributes = {FATTR4_SUPPORTED_ATTRS, FATTR4_TYPE, FATTR4_CHANGE,
                                            FATTR4_SIZE, FATTR4_FSID};
  CHECK(m.client.Run(m.client.InSession(0, true).PutRootFh().GetAttr(attributes)).status ==
        NFS4ERR_REP_TOO_BIG_TO_CACHE);
  CHECK(m.client.Run(m.client.InSession(0, false).PutRootFh().GetAttr(attributes)).status ==
        NFS4_OK);
}

TEST_CASE("a session in which not even SEQUENCE fits to be cached") {
  SmallSession m(4096, 10);
  CHECK(m.FailsAt(m.client.InSession(0, true), 1, OP_SEQUENCE) == NFS4ERR_REP_TOO_BIG_TO_CACHE);
  CHECK(m.client.Run(m.client.Again(0, false)).status == NFS4_OK);
}

TEST_CASE("a request over the session's limit") {
  Mounted m;
  const std::string data((1 << 20) + 4096, 'x');
  CHECK(m.FailsAt(m.client.InSession().Write(std::string(16, '\0'), 0, data), 1, OP_SEQUENCE) ==
        NFS4ERR_REQ_TOO_BIG);
  CHECK(m.client.Run(m.client.Again().PutRootFh()).status == NFS4_OK);
}

TEST_CASE("many slots at once are answered as they end") {
  Mounted m;
  m.server.metadata->SetFate([](const pb::SegmentRequest& request) {
    return request.slot().slot() == 0 ? Fate::kHold : Fate::kServe;
  });
  m.client.Send(m.client.InSession(0).PutRootFh());
  for (uint32_t slot = 1; slot < 8; ++slot) m.client.Send(m.client.InSession(slot).PutRootFh());
  for (uint32_t slot = 1; slot < 8; ++slot) {
    CompoundReply reply = m.client.Receive();
    reply.SkipTo(OP_SEQUENCE);
  }
  m.server.metadata->Release();
  CompoundReply last = m.client.Receive();
  REQUIRE(last.Next(OP_SEQUENCE) == NFS4_OK);
  last.results.FixedOpaque(16);
  last.results.U32();
  CHECK(last.results.U32() == 0);
}

TEST_CASE("several file systems stand in the pseudo root") {
  LocalServer server(1, {"fs-1", "fs-2"});
  NfsClient client(server.port());
  client.Mount();
  CHECK(client.Run(client.InSession().PutRootFh().Lookup("fs-1").MakeDirectory("d")).status ==
        NFS4_OK);
  CHECK(client.Run(client.InSession().PutRootFh().Lookup("fs-1").Lookup("d").GetFh()).status ==
        NFS4_OK);
  CHECK(client.Run(client.InSession().PutRootFh().Lookup("fs-2").Lookup("d")).status ==
        NFS4ERR_NOENT);
  CHECK(client.Run(client.InSession().PutRootFh().Lookup("fs-3")).status == NFS4ERR_NOENT);
  CHECK(client.Run(client.InSession().PutRootFh().MakeDirectory("d")).status == NFS4ERR_ROFS);
}

}  // namespace
}  // namespace openefs::testing
