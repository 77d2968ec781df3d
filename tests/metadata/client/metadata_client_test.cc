// Routing and retrying, over endpoints that answer by script.
#include "metadata/client/metadata_client.h"

#include <catch2/catch.hpp>
#include <deque>
#include <functional>
#include <future>
#include <thread>

#include "common/mutex.h"
#include "common/timers.h"

namespace openefs::metadata {
namespace {

using Answer = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;
using Behaviour = std::function<void(const pb::SegmentRequest&, SegmentCallback)>;

// Answers each call with the next behaviour of its script, the last one for ever.
class Script {
 public:
  explicit Script(std::deque<Behaviour> steps) : steps_(std::move(steps)) {}
  void Execute(const pb::SegmentRequest& request, SegmentCallback done) {
    Behaviour step;
    {
      MutexLock lock(mu_);
      ++calls_;
      step = steps_.front();
      if (steps_.size() > 1) steps_.pop_front();
    }
    step(request, std::move(done));
  }
  int calls() {
    MutexLock lock(mu_);
    return calls_;
  }

 private:
  Mutex mu_;
  std::deque<Behaviour> steps_ ABSL_GUARDED_BY(mu_);
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
};

class ScriptEndpoint final : public MetadataEndpoint {
 public:
  explicit ScriptEndpoint(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    script_->Execute(*request, std::move(done));
  }

 private:
  const std::shared_ptr<Script> script_;
};

Behaviour Ok() {
  return [](const pb::SegmentRequest& request, SegmentCallback done) {
    auto response = std::make_unique<pb::SegmentResponse>();
    for (int i = 0; i < request.operations_size(); ++i) response->add_results();
    done(std::move(response));
  };
}
Behaviour Fail(absl::Status status) {
  return [status](const pb::SegmentRequest&, SegmentCallback done) { done(status); };
}
Behaviour FailLater(absl::Status status) {
  return [status](const pb::SegmentRequest&, SegmentCallback done) {
    Timers::Get().RunAfter(0, [status, done = std::move(done)]() mutable { done(status); });
  };
}
// Keeps the callbacks.
struct Silence {
  Mutex mu;
  std::vector<SegmentCallback> kept;
  Behaviour Behave() {
    return [this](const pb::SegmentRequest&, SegmentCallback done) {
      MutexLock lock(mu);
      kept.push_back(std::move(done));
    };
  }
  size_t size() {
    MutexLock lock(mu);
    return kept.size();
  }
};

struct Harness {
  explicit Harness(std::vector<std::deque<Behaviour>> nodes, MetadataClientOptions options = {}) {
    std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints;
    NodeId id = 0;
    for (auto& steps : nodes) {
      scripts.push_back(std::make_shared<Script>(std::move(steps)));
      endpoints.emplace(++id, std::make_unique<ScriptEndpoint>(scripts.back()));
    }
    client = MakeMetadataClient(std::move(endpoints), options);
  }
  std::future<Answer> Start(pb::SegmentRequest request) {
    auto promise = std::make_shared<std::promise<Answer>>();
    client->Execute(std::make_unique<pb::SegmentRequest>(std::move(request)),
                    [promise](Answer answer) { promise->set_value(std::move(answer)); });
    return promise->get_future();
  }
  Answer Run(pb::SegmentRequest request) { return Start(std::move(request)).get(); }

  std::vector<std::shared_ptr<Script>> scripts;
  std::unique_ptr<MetadataClient> client;
};

pb::SegmentRequest Read() {
  pb::SegmentRequest request;
  request.set_group(1);
  request.add_operations()->mutable_get_session();
  return request;
}
pb::SegmentRequest Mutation(bool slot) {
  pb::SegmentRequest request;
  request.set_group(1);
  request.add_operations()->mutable_destroy_session();
  if (slot) request.mutable_slot()->set_sequence_id(1);
  return request;
}

absl::Status Hint(const std::string& leader) { return absl::FailedPreconditionError(leader); }

TEST_CASE("a hint is followed at once and remembered") {
  Harness h({{Fail(Hint("3"))}, {Fail(Hint("3"))}, {Ok()}});
  CHECK(h.Run(Read()).ok());
  CHECK(h.Run(Read()).ok());
  CHECK(h.scripts[0]->calls() == 1);
  CHECK(h.scripts[1]->calls() == 0);
  CHECK(h.scripts[2]->calls() == 2);
}

TEST_CASE("groups have leaders of their own") {
  Harness h({{Ok()}, {Ok()}, {Ok()}});
  CHECK(h.Run(Read()).ok());
  pb::SegmentRequest other = Read();
  other.set_group(7);
  CHECK(h.Run(other).ok());
  CHECK(h.scripts[0]->calls() == 2);
}

TEST_CASE("an election is waited out") {
  Harness h({{Fail(Hint("")), Fail(Hint("")), Fail(Hint("2"))},
             {Fail(Hint("")), Fail(absl::UnavailableError("starting")), Ok()},
             {Fail(Hint("")), Fail(Hint("99"))}},
            {.retry_wait_ms = 1});
  CHECK(h.Run(Read()).ok());
}

TEST_CASE("an unknown outcome is retried where a retry is safe") {
  Harness h({{Fail(absl::UnknownError("broke"))}, {Ok()}, {Ok()}}, {.retry_wait_ms = 1});
  CHECK(h.Run(Mutation(true)).ok());

  Harness read({{FailLater(absl::UnknownError("broke"))}, {Ok()}, {Ok()}}, {.retry_wait_ms = 1});
  CHECK(read.Run(Read()).ok());

  Harness blind({{Fail(absl::UnknownError("broke"))}, {Ok()}, {Ok()}});
  CHECK(absl::IsUnknown(blind.Run(Mutation(false)).status()));
  CHECK(blind.scripts[0]->calls() + blind.scripts[1]->calls() + blind.scripts[2]->calls() == 1);

  Harness repeatable({{Fail(absl::UnknownError("broke"))}, {Ok()}, {Ok()}});
  pb::SegmentRequest exchange;
  exchange.set_group(1);
  exchange.add_operations()->mutable_exchange_id();
  CHECK(repeatable.Run(exchange).ok());

  // Without a name every repeat would make one more.
  Harness nameless({{Fail(absl::UnknownError("broke"))}, {Ok()}, {Ok()}});
  pb::SegmentRequest create;
  create.add_operations()->mutable_create_file_system();
  CHECK(absl::IsUnknown(nameless.Run(create).status()));
}

TEST_CASE("what was certainly not done is always retried") {
  Harness h({{Fail(absl::UnavailableError("full")), Fail(absl::UnavailableError("full")), Ok()},
             {Fail(Hint("1"))},
             {Fail(Hint("1"))}},
            {.retry_wait_ms = 1});
  CHECK(h.Run(Mutation(false)).ok());
}

TEST_CASE("a malformed request is not retried") {
  Harness h({{Fail(absl::InvalidArgumentError("bad"))}, {Ok()}, {Ok()}});
  CHECK(absl::IsInvalidArgument(h.Run(Read()).status()));
  CHECK(h.scripts[0]->calls() == 1);
}

TEST_CASE("patience ends, and then the caller hears of it") {
  Harness h({{Fail(Hint(""))}, {Fail(Hint(""))}},
            {.patience_ms = 1, .attempt_timeout_ms = 1000, .retry_wait_ms = 1});
  CHECK(absl::IsUnavailable(h.Run(Mutation(true)).status()));
}

TEST_CASE("a silent node is left for another, and its late answer does no harm") {
  Silence silence;
  Harness h({{silence.Behave()}, {Ok()}}, {.attempt_timeout_ms = 1});
  CHECK(h.Run(Mutation(true)).ok());
  REQUIRE(silence.size() == 1);
  silence.kept[0](absl::UnknownError("late"));

  Silence mute;
  Harness blind({{mute.Behave()}, {Ok()}}, {.attempt_timeout_ms = 1});
  CHECK(absl::IsUnknown(blind.Run(Mutation(false)).status()));
  mute.kept[0](std::make_unique<pb::SegmentResponse>());
}

TEST_CASE("a late answer of a slow node is an answer") {
  Silence first;
  Silence second;
  Harness h({{first.Behave()}, {second.Behave()}}, {.attempt_timeout_ms = 1});
  auto answer = h.Start(Mutation(true));
  while (second.size() == 0) std::this_thread::yield();
  first.kept[0](std::make_unique<pb::SegmentResponse>());
  CHECK(answer.get().ok());
}

// Stopped, or cut off with its connections left open: the attempt itself would wait for long.
TEST_CASE("a leader that falls silent is left as soon as another is known") {
  Silence silence;
  Harness h({{silence.Behave()}, {Fail(Hint("3"))}, {Ok()}},
            {.attempt_timeout_ms = 3'600'000, .doubt_after_ms = 1});
  CHECK(h.Run(Mutation(true)).ok());
  CHECK(h.scripts[0]->calls() == 1);
  silence.kept[0](absl::UnknownError("late"));
  // What must not be sent twice waits for its own answer.
  Harness blind({{silence.Behave()}, {Fail(Hint("3"))}, {Ok()}},
                {.attempt_timeout_ms = 3'600'000, .doubt_after_ms = 1});
  auto once = blind.Start(Mutation(false));
  auto repeats = blind.Start(Read());
  CHECK(repeats.get().ok());
  CHECK(blind.scripts[2]->calls() >= 1);
  silence.kept[1](std::make_unique<pb::SegmentResponse>());
  CHECK(once.get().ok());
}

TEST_CASE("a slow leader that still leads keeps its calls") {
  Silence silence;
  Harness h({{silence.Behave()}, {Fail(Hint("1"))}, {Fail(Hint(""))}},
            {.attempt_timeout_ms = 3'600'000, .doubt_after_ms = 1});
  auto answer = h.Start(Mutation(true));
  while (h.scripts[1]->calls() < 2 || h.scripts[2]->calls() < 2) std::this_thread::yield();
  CHECK(h.scripts[0]->calls() == 1);
  silence.kept[0](std::make_unique<pb::SegmentResponse>());
  CHECK(answer.get().ok());
}

TEST_CASE("a client that goes away ends its calls first") {
  auto silence = std::make_unique<Silence>();
  auto h = std::make_unique<Harness>(std::vector<std::deque<Behaviour>>{{silence->Behave()}});
  auto first = h->Start(Read());
  auto second = h->Start(Mutation(true));
  h->client.reset();
  CHECK(absl::IsCancelled(first.get().status()));
  CHECK(absl::IsCancelled(second.get().status()));
  for (SegmentCallback& done : silence->kept) done(std::make_unique<pb::SegmentResponse>());
}

TEST_CASE("many callers at once, while nodes answer from threads of their own and fail at times") {
  auto flaky = [](int one_in) -> Behaviour {
    return [one_in, n = std::make_shared<std::atomic<int>>(0)](const pb::SegmentRequest& request,
                                                               SegmentCallback done) {
      Timers::Get().RunAfter(
          0, [fail = n->fetch_add(1) % one_in == 0, count = request.operations_size(),
              done = std::move(done)]() mutable {
            if (fail) return done(absl::UnknownError("broke"));
            auto response = std::make_unique<pb::SegmentResponse>();
            for (int i = 0; i < count; ++i) response->add_results();
            done(std::move(response));
          });
    };
  };
  Harness h({{flaky(2)}, {flaky(3)}, {flaky(4)}}, {.retry_wait_ms = 1});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) wrong += h.Run(Mutation(true)).ok() ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace openefs::metadata
