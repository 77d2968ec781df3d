// Operations that make, find and end clients and sessions, over TCP.
#include <catch2/catch.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "tests/server/support/local_server.h"
#include "tests/server/support/nfs_client.h"

namespace openefs::testing {
namespace {

using namespace nfs4;

struct Exchange {
  uint64_t verifier = 1;
  std::string owner = "somebody";
  uint32_t flags = 0;
  uint32_t protection = SP4_NONE;
  bool implementation = false;
};

Compound ExchangeOf(const Exchange& exchange) {
  Compound compound;
  compound.Op(OP_EXCHANGE_ID, [&](xdr::Writer& writer) {
    writer.U64(exchange.verifier);
    writer.Opaque(exchange.owner);
    writer.U32(exchange.flags);
    writer.U32(exchange.protection);
    if (exchange.protection == SP4_MACH_CRED || exchange.protection == SP4_SSV) {
      writer.U32(1);
      writer.U32(0xff);
      writer.U32(0);
    }
    if (exchange.protection == SP4_SSV) {
      writer.U32(1);
      writer.Opaque("an oid");
      writer.U32(0);
      writer.U32(4);
      writer.U32(1);
    }
    writer.U32(exchange.implementation ? 1 : 0);
    if (exchange.implementation) {
      writer.Opaque("kernel.org");
      writer.Opaque("Linux \x01\xff");
      writer.I64(0);
      writer.U32(0);
    }
  });
  return compound;
}

struct Fixture {
  Fixture() : client(server.port()) {}
  nfsstat4 Status(const Compound& compound) { return client.Run(compound).status; }

  LocalServer server{2};
  NfsClient client;
};

TEST_CASE("EXCHANGE_ID: every front-end is the same server") {
  Fixture f;
  const auto identity = [&](size_t front_end) {
    f.client.Reconnect(f.server.port(front_end));
    CompoundReply reply = f.client.Run(ExchangeOf({.implementation = true}));
    REQUIRE(reply.Next(OP_EXCHANGE_ID) == NFS4_OK);
    reply.results.U64();
    reply.results.U32();
    CHECK(reply.results.U32() == EXCHGID4_FLAG_USE_NON_PNFS);
    CHECK(reply.results.U32() == SP4_NONE);
    const uint64_t minor = reply.results.U64();
    const std::string major(reply.results.Opaque(1024));
    const std::string scope(reply.results.Opaque(1024));
    CHECK(reply.results.U32() == 1);
    CHECK(reply.results.Opaque(1024) == "openefs");
    reply.results.Opaque(1024);
    reply.results.U64();
    reply.results.U32();
    CHECK(reply.results.ok());
    CHECK(reply.results.remaining() == 0);
    CHECK(!scope.empty());
    return std::make_tuple(minor, major, scope);
  };
  CHECK(identity(0) == identity(1));
}

TEST_CASE("EXCHANGE_ID: a confirmed client is told so") {
  Fixture f;
  f.client.Mount("owner");
  CompoundReply reply = f.client.Run(f.client.ExchangeId("owner", 1));
  REQUIRE(reply.Next(OP_EXCHANGE_ID) == NFS4_OK);
  CHECK(reply.results.U64() == f.client.client_id);
  reply.results.U32();
  CHECK((reply.results.U32() & EXCHGID4_FLAG_CONFIRMED_R) != 0);
}

TEST_CASE("EXCHANGE_ID: what it refuses") {
  Fixture f;
  CHECK(f.Status(ExchangeOf({.flags = EXCHGID4_FLAG_CONFIRMED_R})) == NFS4ERR_INVAL);
  CHECK(f.Status(ExchangeOf({.flags = 4})) == NFS4ERR_INVAL);
  CHECK(f.Status(ExchangeOf({.protection = SP4_MACH_CRED})) == NFS4ERR_INVAL);
  CHECK(f.Status(ExchangeOf({.protection = SP4_SSV})) == NFS4ERR_INVAL);
  CHECK(f.Status(ExchangeOf({.protection = 3})) == NFS4ERR_BADXDR);
  CHECK(f.Status(ExchangeOf({.owner = std::string(1025, 'x')})) == NFS4ERR_BADXDR);
  CHECK(f.Status(ExchangeOf({.flags = EXCHGID4_FLAG_UPD_CONFIRMED_REC_A})) == NFS4ERR_NOENT);
  CHECK(f.Status(ExchangeOf({.flags = EXCHGID4_FLAG_BIND_PRINC_STATEID |
                                      EXCHGID4_FLAG_SUPP_MOVED_REFER})) == NFS4_OK);
}

struct Channels {
  uint32_t flags = 0;
  uint32_t max_request = 1 << 20;
  uint32_t max_response = 1 << 20;
  uint32_t max_cached = 4096;
  uint32_t max_operations = 16;
  uint32_t slots = 8;
  uint32_t callback_flavor = 0;
};

Compound SessionOf(const NfsClient& client, const Channels& channels) {
  Compound compound;
  compound.Op(OP_CREATE_SESSION, [&](xdr::Writer& writer) {
    writer.U64(client.client_id);
    writer.U32(client.create_sequence_id);
    writer.U32(channels.flags);
    for (int channel = 0; channel < 2; ++channel) {
      for (const uint32_t value : {8u, channels.max_request, channels.max_response,
                                   channels.max_cached, channels.max_operations, channels.slots}) {
        writer.U32(value);
      }
      writer.U32(1);
      writer.U32(5);  // ca_rdma_ird
    }
    writer.U32(0x40000000);
    writer.U32(1);
    writer.U32(channels.callback_flavor);
    if (channels.callback_flavor == 1) {
      writer.U32(1);
      writer.Opaque("machine");
      writer.U32(0);
      writer.U32(0);
      writer.U32(1);
      writer.U32(10);
    }
  });
  return compound;
}

TEST_CASE("CREATE_SESSION: grants no more than asked for, and no more than there is") {
  Fixture f;
  f.client.Mount();
  const Channels huge = {
      .flags = CREATE_SESSION4_FLAG_PERSIST | CREATE_SESSION4_FLAG_CONN_BACK_CHAN,
      .max_request = 0xffffffff,
      .max_response = 0xffffffff,
      .max_cached = 0xffffffff,
      .max_operations = 0xffffffff,
      .slots = 0xffffffff,
      .callback_flavor = 1};
  const auto granted = [&](const Channels& channels) {
    CompoundReply reply = f.client.Run(SessionOf(f.client, channels));
    REQUIRE(reply.Next(OP_CREATE_SESSION) == NFS4_OK);
    CHECK(reply.results.FixedOpaque(16) != f.client.session_id);
    CHECK(reply.results.U32() == f.client.create_sequence_id++);
    CHECK(reply.results.U32() == 0);  // neither PERSIST nor CONN_BACK_CHAN
    std::vector<uint32_t> fore;
    for (int i = 0; i < 7; ++i) fore.push_back(reply.results.U32());
    for (int i = 0; i < 7; ++i) reply.results.U32();
    CHECK(reply.results.remaining() == 0);
    return fore;
  };
  using Words = std::vector<uint32_t>;
  CHECK(granted(huge) == Words{0, 0x110000, 0x110000, 0x10000, 64, 64, 0});
  CHECK(granted({}) == Words{0, 1 << 20, 1 << 20, 4096, 16, 8, 0});
  CHECK(granted({.slots = 0}) == Words{0, 1 << 20, 1 << 20, 4096, 16, 1, 0});
}

TEST_CASE("CREATE_SESSION: what it refuses") {
  Fixture f;
  f.client.Mount();
  CHECK(f.Status(SessionOf(f.client, {.flags = 8})) == NFS4ERR_INVAL);
  CHECK(f.Status(SessionOf(f.client, {.max_request = 100})) == NFS4ERR_TOOSMALL);
  CHECK(f.Status(SessionOf(f.client, {.max_response = 100})) == NFS4ERR_TOOSMALL);
  CHECK(f.Status(SessionOf(f.client, {.callback_flavor = 17})) == NFS4ERR_BADXDR);
  f.client.create_sequence_id += 5;
  CHECK(f.Status(SessionOf(f.client, {})) == NFS4ERR_SEQ_MISORDERED);
  f.client.client_id += 1;
  CHECK(f.Status(SessionOf(f.client, {})) == NFS4ERR_STALE_CLIENTID);
}

TEST_CASE("CREATE_SESSION: a retry finds the same session") {
  Fixture f;
  f.client.Mount();
  const Compound compound = SessionOf(f.client, {});
  const auto session = [&] {
    CompoundReply reply = f.client.Run(compound);
    REQUIRE(reply.Next(OP_CREATE_SESSION) == NFS4_OK);
    return std::string(reply.results.FixedOpaque(16));
  };
  const std::string first = session();
  f.client.Reconnect(f.server.port(1));
  CHECK(session() == first);
}

TEST_CASE("BIND_CONN_TO_SESSION") {
  Fixture f;
  f.client.Mount();
  const auto bind = [&](const std::string& session, uint32_t direction) {
    Compound compound;
    compound.Op(OP_BIND_CONN_TO_SESSION, [&](xdr::Writer& writer) {
      writer.FixedOpaque(session);
      writer.U32(direction);
      writer.Bool(false);
    });
    return f.client.Run(compound);
  };
  f.client.Reconnect(f.server.port(1));
  CompoundReply reply = bind(f.client.session_id, CDFC4_FORE_OR_BOTH);
  REQUIRE(reply.Next(OP_BIND_CONN_TO_SESSION) == NFS4_OK);
  CHECK(reply.results.FixedOpaque(16) == f.client.session_id);
  CHECK(reply.results.U32() == CDFS4_FORE);
  CHECK_FALSE(reply.results.Bool());
  CHECK(bind(f.client.session_id, 4).status == NFS4ERR_BADXDR);
  CHECK(bind(std::string(16, 'x'), CDFC4_FORE).status == NFS4ERR_BADSESSION);
}

TEST_CASE("a client goes: DESTROY_SESSION, then DESTROY_CLIENTID") {
  Fixture f;
  f.client.Mount();
  const auto destroy_client = [&] {
    Compound compound;
    compound.Op(OP_DESTROY_CLIENTID, [&](xdr::Writer& writer) { writer.U64(f.client.client_id); });
    return f.Status(compound);
  };
  const auto destroy_session = [&] {
    Compound compound;
    compound.Op(OP_DESTROY_SESSION,
                [&](xdr::Writer& writer) { writer.FixedOpaque(f.client.session_id); });
    return f.Status(compound);
  };
  CHECK(destroy_client() == NFS4ERR_CLIENTID_BUSY);
  CHECK(destroy_session() == NFS4_OK);
  CHECK(f.Status(f.client.InSession()) == NFS4ERR_BADSESSION);
  CHECK(destroy_session() == NFS4ERR_BADSESSION);
  CHECK(destroy_client() == NFS4_OK);
  CHECK(destroy_client() == NFS4ERR_STALE_CLIENTID);
}

TEST_CASE("RECLAIM_COMPLETE comes once") {
  Fixture f;
  f.client.Mount();  // sends one
  const auto complete = [](xdr::Writer& writer) { writer.Bool(false); };
  CHECK(f.Status(f.client.InSession().Op(OP_RECLAIM_COMPLETE, complete)) ==
        NFS4ERR_COMPLETE_ALREADY);
}

TEST_CASE("TEST_STATEID and FREE_STATEID") {
  Fixture f;
  f.client.Mount();
  CompoundReply opened =
      f.client.Run(f.client.InSession().PutRootFh().OpenCreate(f.client.client_id, "o", "f"));
  opened.SkipTo(OP_OPEN);
  const std::string open(opened.results.FixedOpaque(16));
  const std::string unknown(16, '\5');
  CompoundReply tested =
      f.client.Run(f.client.InSession().Op(OP_TEST_STATEID, [&](xdr::Writer& writer) {
        writer.U32(2);
        writer.FixedOpaque(open);
        writer.FixedOpaque(unknown);
      }));
  REQUIRE(tested.status == NFS4_OK);
  tested.SkipTo(OP_TEST_STATEID);
  CHECK(tested.results.U32() == 2);
  CHECK(tested.results.U32() == NFS4_OK);
  CHECK(tested.results.U32() == NFS4ERR_BAD_STATEID);

  const auto free = [&](const std::string& stateid) {
    return f.Status(f.client.InSession().Op(
        OP_FREE_STATEID, [&](xdr::Writer& writer) { writer.FixedOpaque(stateid); }));
  };
  CHECK(free(unknown) == NFS4ERR_BAD_STATEID);
  CHECK(free(open) == NFS4ERR_LOCKS_HELD);

  CHECK(f.Status(f.client.InSession().Op(OP_TEST_STATEID, [&](xdr::Writer& writer) {
    writer.U32(2000);
    for (int i = 0; i < 2000; ++i) writer.FixedOpaque(unknown);
  })) == NFS4ERR_REQ_TOO_BIG);
}

TEST_CASE("SECINFO and SECINFO_NO_NAME name the flavors and use up the current file") {
  Fixture f;
  f.client.Mount();
  REQUIRE(f.Status(f.client.InSession().PutRootFh().MakeDirectory("d")) == NFS4_OK);
  const auto by_name = [](const std::string& name) {
    return [name](xdr::Writer& writer) { writer.Opaque(name); };
  };
  const auto by_style = [](uint32_t style) {
    return [style](xdr::Writer& writer) { writer.U32(style); };
  };
  const auto flavors = [](CompoundReply reply, uint32_t opcode) {
    REQUIRE(reply.status == NFS4_OK);
    reply.SkipTo(opcode);
    CHECK(reply.results.U32() == 2);
    CHECK(reply.results.U32() == 1);
    CHECK(reply.results.U32() == 0);
  };
  NfsClient& c = f.client;
  flavors(c.Run(c.InSession().PutRootFh().Op(OP_SECINFO, by_name("d"))), OP_SECINFO);
  flavors(c.Run(c.InSession().PutRootFh().Op(OP_SECINFO_NO_NAME, by_style(0))), OP_SECINFO_NO_NAME);
  flavors(c.Run(c.InSession().PutRootFh().Lookup("d").Op(OP_SECINFO_NO_NAME, by_style(1))),
          OP_SECINFO_NO_NAME);
  CHECK(f.Status(c.InSession().PutRootFh().Op(OP_SECINFO, by_name("e"))) == NFS4ERR_NOENT);
  CHECK(f.Status(c.InSession().PutRootFh().Op(OP_SECINFO, by_name(""))) == NFS4ERR_INVAL);
  CHECK(f.Status(c.InSession().Op(OP_SECINFO_NO_NAME, by_style(0))) == NFS4ERR_NOFILEHANDLE);
  CHECK(f.Status(c.InSession().PutRootFh().Op(OP_SECINFO_NO_NAME, by_style(2))) == NFS4ERR_BADXDR);
  CHECK(f.Status(c.InSession().PutRootFh().Op(OP_SECINFO_NO_NAME, by_style(0)).GetFh()) ==
        NFS4ERR_NOFILEHANDLE);
  CHECK(f.Status(c.InSession().PutRootFh().Op(OP_SECINFO, by_name("d")).GetFh()) ==
        NFS4ERR_NOFILEHANDLE);
}

}  // namespace
}  // namespace openefs::testing
