// What a session makes of a server that misbehaves. One request at a time, or several at once.
#include "bench/generator/session.h"

#include <catch2/catch.hpp>
#include <vector>

#include "bench/generator/fleet.h"
#include "tests/bench/scripted_server.h"

namespace openefs::bench {
namespace {

struct Setup {
  explicit Setup(int64_t patience_ms = 20'000)
      : fleet({.servers = {{"127.0.0.1", server.port()}},
               .sessions = 1,
               .slots = 64,
               .max_io_bytes = 4096,
               .patience_ms = patience_ms},
              &window, 1) {
    window.begin_ns = 0;
  }

  // `count` requests, all begun at once; the first failure.
  absl::Status Run(uint32_t count) {
    return fleet.RunAll(count, [this](uint32_t) -> Task<absl::Status> {
      Request request(CallKind::kGetattr);
      request.PutRootFh();
      const Reply reply = co_await fleet.client(0).session().Run(std::move(request));
      repeated += reply.maybe_repeated();
      co_return reply.Status("PUTROOTFH");
    });
  }

  ScriptedServer server;
  Window window;
  int repeated = 0;  // the loop's thread only
  Fleet fleet;
};

}  // namespace

TEST_CASE("more requests than slots are all answered, each once") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  CHECK(setup.fleet.client(0).session().slots() == 4);
  CHECK(setup.Run(50).ok());
  const ScriptedServer::Counts counts = setup.server.counts();
  CHECK(counts.executed == 50);
  CHECK(counts.replayed == 0);
  CHECK(counts.misordered == 0);
  CHECK(counts.connections == 1);
  CHECK(setup.fleet.TotalTally().calls[static_cast<size_t>(CallKind::kGetattr)].latency.count() ==
        50);
}

TEST_CASE("a request the server wants later is answered in the end") {
  for (const Fault fault :
       {Fault::kDelaySequence, Fault::kDelayOperation, Fault::kGraceOperation}) {
    Setup setup;
    REQUIRE(setup.fleet.Open().ok());
    setup.server.Script({fault, fault, fault});
    CHECK(setup.Run(1).ok());
    CHECK(setup.server.counts().executed == 1);
    CHECK(setup.server.counts().misordered == 0);
    CHECK(setup.server.counts().script_over);
    CHECK(setup.fleet.TotalTally().delays == 3);
    CHECK(setup.repeated == 0);
  }
}

TEST_CASE("a request on a connection that breaks is executed once") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  setup.server.Script({Fault::kDropUnexecuted});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().executed == 1);
  CHECK(setup.server.counts().replayed == 0);

  setup.server.Script({Fault::kDropUnanswered});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().executed == 2);
  CHECK(setup.server.counts().replayed == 1);
  CHECK(setup.server.counts().connections == 3);
  CHECK(setup.fleet.Reconnects() == 2);
  CHECK(setup.fleet.TotalTally().resends == 2);
  CHECK(setup.repeated == 0);
}

TEST_CASE("a request whose reply was not kept is run again, and says so") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  setup.server.Script({Fault::kForgetReply});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().executed == 2);
  CHECK(setup.repeated == 1);
}

TEST_CASE("a lost session is made anew, a lost client too") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  Session& session = setup.fleet.client(0).session();
  const uint64_t incarnation = session.incarnation();
  setup.server.Script({Fault::kForgetSession});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().sessions == 2);
  CHECK(setup.server.counts().clients == 1);
  CHECK(session.incarnation() == incarnation);  // the client's opens are still there

  setup.server.Script({Fault::kForgetClient});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().sessions == 3);
  CHECK(setup.server.counts().clients == 2);
  CHECK(session.incarnation() != incarnation);
  CHECK(setup.fleet.TotalTally().session_losses == 2);
  CHECK(setup.server.counts().executed == 2);
}

TEST_CASE("requests that find the session lost all at once make one new one") {
  for (const Fault fault : {Fault::kForgetSession, Fault::kForgetClient}) {
    Setup setup;
    REQUIRE(setup.fleet.Open().ok());
    setup.server.Script({Fault::kNone, Fault::kNone, fault});
    CHECK(setup.Run(40).ok());
    CHECK(setup.server.counts().sessions == 2);
    CHECK(setup.server.counts().executed == 40);
  }
}

TEST_CASE("a connection the server does not know the session by is bound") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  setup.server.Script({Fault::kForgetConnection});
  CHECK(setup.Run(1).ok());
  CHECK(setup.server.counts().bound >= 1);
  CHECK(setup.server.counts().executed == 1);
}

TEST_CASE("everything at once ends with every request answered") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  std::deque<Fault> faults;
  for (int round = 0; round < 6; ++round) {
    for (const Fault fault :
         {Fault::kDelayOperation, Fault::kDropUnanswered, Fault::kNone, Fault::kForgetSession,
          Fault::kDropUnexecuted, Fault::kDelaySequence, Fault::kForgetReply, Fault::kForgetClient,
          Fault::kForgetConnection}) {
      faults.push_back(fault);
    }
  }
  setup.server.Script(faults);
  CHECK(setup.Run(100).ok());
  CHECK(setup.server.counts().script_over);
  CHECK(setup.server.counts().executed >= 100);
  // What was executed twice is what the client knows may have been.
  CHECK(setup.server.counts().executed <= 100 + setup.repeated);
}

TEST_CASE("a reply that is none fails the request with a clear error, and only it") {
  Setup setup;
  REQUIRE(setup.fleet.Open().ok());
  setup.server.Script({Fault::kGarbage});
  const absl::Status failed = setup.Run(1);
  CHECK(absl::IsDataLoss(failed));
  CHECK(setup.Run(1).code() != absl::StatusCode::kDataLoss);
}

TEST_CASE("nobody listens: a clear error when the patience is over") {
  uint16_t port = 0;
  {
    ScriptedServer gone;
    port = gone.port();
  }
  Window window;
  Fleet fleet({.servers = {{"127.0.0.1", port}}, .sessions = 3, .patience_ms = 50}, &window, 1);
  const absl::Status status = fleet.Open();
  CHECK(absl::IsUnavailable(status));
  CHECK(status.message().find("cannot connect to 127.0.0.1:") != absl::string_view::npos);
}

}  // namespace openefs::bench
