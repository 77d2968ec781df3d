#include "metadata/client/metadata_client.h"

#include <algorithm>
#include <iterator>
#include <list>
#include <map>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "metadata/client/repeatable.h"

namespace openefs::metadata {
namespace {

// How often the scheduler looks for attempts that take too long and calls whose patience is over,
// and asks one more node about a leader in doubt.
constexpr int64_t kScanMs = 100;

// The wait between attempts grows to this many times the first one.
constexpr int64_t kMaxWaitFactor = 10;

using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

// One Execute until its callback has run. All but the constant members are guarded by the client's
// mutex.
struct Call {
  // Constant.
  std::unique_ptr<const pb::SegmentRequest> request;
  bool may_repeat = false;
  int64_t give_up_ms = 0;

  SegmentCallback done;  // null: has run, or is about to
  uint32_t attempt = 0;
  NodeId target = 0;            // of the attempt under way
  int64_t attempt_ends_ms = 0;  // 0: none under way, it waits for its next one
  int64_t wait_ms = 0;
  int hops = 0;  // attempts since the last wait
  absl::Status last_error;
  std::list<std::shared_ptr<Call>>::iterator place;  // among the outstanding
};
using CallPtr = std::shared_ptr<Call>;

// A question to a node: does it lead, or who?
struct Inquiry {
  GroupId group = 0;
  NodeId node = 0;
  MetadataEndpoint* endpoint = nullptr;
};

// A callback with what it shall get; run without any lock held.
struct Completion {
  SegmentCallback done;
  Response response{absl::UnknownError("")};
  void Run() && {
    if (done) std::move(done)(std::move(response));
  }
};

class RoutingClient;

// Answers of endpoints that come after the client has gone stop here.
class Gate {
 public:
  explicit Gate(RoutingClient* client) : client_(client) {}

  // Null: closed. Otherwise Leave must follow.
  RoutingClient* Enter() {
    MutexLock lock(mu_);
    if (client_ != nullptr) ++inside_;
    return client_;
  }
  void Leave() {
    MutexLock lock(mu_);
    if (--inside_ == 0) empty_.SignalAll();
  }
  void Close() {
    MutexLock lock(mu_);
    client_ = nullptr;
    while (inside_ > 0) empty_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar empty_;
  RoutingClient* client_ ABSL_GUARDED_BY(mu_);
  int inside_ ABSL_GUARDED_BY(mu_) = 0;
};

class RoutingClient final : public GrowingMetadataClient {
 public:
  RoutingClient(std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints,
                MetadataClientOptions options)
      : options_(options),
        gate_(std::make_shared<Gate>(this)),
        endpoints_(std::make_move_iterator(endpoints.begin()),
                   std::make_move_iterator(endpoints.end())),
        scheduler_([this] { RunScheduler(); }) {
    OPENEFS_CHECK(!endpoints.empty());
  }

  ~RoutingClient() override {
    std::list<CallPtr> left;
    {
      MutexLock lock(mu_);
      stopping_ = true;
      wake_.SignalAll();
    }
    scheduler_.join();
    gate_->Close();
    {
      MutexLock lock(mu_);
      left.swap(outstanding_);
    }
    for (const CallPtr& call : left) {
      std::exchange(call->done, nullptr)(absl::CancelledError("the metadata client goes away"));
    }
  }

  void Execute(std::unique_ptr<pb::SegmentRequest> request, SegmentCallback done) override {
    auto call = std::make_shared<Call>();
    call->may_repeat = MayRepeat(*request);
    call->request = std::move(request);
    call->give_up_ms = NowMs() + options_.patience_ms;
    call->wait_ms = options_.retry_wait_ms;
    {
      MutexLock lock(mu_);
      if (!stopping_) {
        call->done = std::move(done);
        call->place = outstanding_.insert(outstanding_.end(), call);
      }
    }
    if (done) return done(absl::CancelledError("the metadata client goes away"));
    Attempt(call);
  }

  std::unique_ptr<pb::SegmentResponse> TryRead(const pb::SegmentRequest& request) override {
    MetadataEndpoint* endpoint = nullptr;  // once there, an endpoint stays
    {
      MutexLock lock(mu_);
      if (stopping_) return nullptr;
      endpoint = endpoints_.find(Leader(request.group()))->second.get();
    }
    return endpoint->TryRead(request);
  }

  void AddEndpoint(NodeId node, std::unique_ptr<MetadataEndpoint> endpoint) override {
    MutexLock lock(mu_);
    endpoints_.try_emplace(node, std::move(endpoint));
  }

 private:
  static int64_t NowMs() { return SystemClock::Get()->MonotonicMs(); }

  // Sends the request to the node that should lead. Without mu_: an endpoint may answer at once.
  void Attempt(const CallPtr& call) ABSL_LOCKS_EXCLUDED(mu_) {
    uint32_t attempt = 0;
    MetadataEndpoint* endpoint = nullptr;  // once there, an endpoint stays
    {
      MutexLock lock(mu_);
      if (!call->done) return;
      attempt = ++call->attempt;
      call->target = Leader(call->request->group());
      endpoint = endpoints_.find(call->target)->second.get();
      call->attempt_ends_ms = NowMs() + options_.attempt_timeout_ms;
    }
    endpoint->Execute(std::make_unique<pb::SegmentRequest>(*call->request),
                      [gate = gate_, call, attempt](Response response) {
                        RoutingClient* client = gate->Enter();
                        if (client == nullptr) return;
                        Completion completion =
                            client->OnAnswer(call, attempt, std::move(response));
                        gate->Leave();
                        std::move(completion).Run();
                      });
  }

  Completion OnAnswer(const CallPtr& call, uint32_t attempt, Response response)
      ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(mu_);
      if (!call->done) return Completion();
      if (response.ok()) return Finish(call, std::move(response));
      if (attempt != call->attempt || call->attempt_ends_ms == 0)
        return Completion();  // given up on before
      if (!Reroute(call, response.status())) return Finish(call, response.status());
      if (call->attempt_ends_ms == 0) return Completion();  // waits
    }
    Attempt(call);
    return Completion();
  }

  // After a failed attempt: where to go next, and whether at once or after a wait. False: nowhere,
  // the caller has to hear of it.
  bool Reroute(const CallPtr& call, const absl::Status& failure)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    call->last_error = failure;
    const GroupId group = call->request->group();
    switch (failure.code()) {
      case absl::StatusCode::kFailedPrecondition:
        FollowHint(group, call->target, failure.message());
        break;
      case absl::StatusCode::kUnavailable:
        TryNext(group, call->target);
        break;
      case absl::StatusCode::kUnknown:
        if (!call->may_repeat) return false;
        TryNext(group, call->target);
        break;
      default:
        return false;
    }
    const bool busy = failure.code() == absl::StatusCode::kUnavailable;
    const bool at_once = !busy && ++call->hops <= static_cast<int>(endpoints_.size());
    if (!at_once) Delay(call);
    return true;
  }

  void Delay(const CallPtr& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    call->hops = 0;
    call->attempt_ends_ms = 0;
    retries_.emplace(NowMs() + call->wait_ms, call);
    call->wait_ms = std::min(call->wait_ms * 2, options_.retry_wait_ms * kMaxWaitFactor);
    wake_.Signal();
  }

  Completion Finish(const CallPtr& call, Response response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    outstanding_.erase(call->place);
    Completion completion;
    completion.done = std::exchange(call->done, nullptr);
    completion.response = std::move(response);
    return completion;
  }

  // The node a request for `group` goes to: the last one that was said to lead it.
  NodeId Leader(GroupId group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return leaders_.try_emplace(group, endpoints_.begin()->first).first->second;
  }

  void FollowHint(GroupId group, NodeId from, absl::string_view hint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    NodeId leader = 0;
    if (absl::SimpleAtoi(hint, &leader) && endpoints_.contains(leader)) {
      leaders_[group] = leader;
    } else {
      TryNext(group, from);
    }
  }

  // Another call may have learnt better meanwhile: only a group still at `from` moves on.
  void TryNext(GroupId group, NodeId from) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (Leader(group) != from) return;
    auto next = endpoints_.upper_bound(from);
    leaders_[group] = next == endpoints_.end() ? endpoints_.begin()->first : next->first;
  }

  // The lightest thing that only a leader does.
  static std::unique_ptr<pb::SegmentRequest> NothingToRenew(GroupId group) {
    auto request = std::make_unique<pb::SegmentRequest>();
    request->set_group(group);
    request->add_operations()->mutable_renew_leases();
    return request;
  }

  void Inquire(const Inquiry& inquiry) ABSL_LOCKS_EXCLUDED(mu_) {
    inquiry.endpoint->Execute(
        NothingToRenew(inquiry.group),
        [gate = gate_, group = inquiry.group, node = inquiry.node](Response response) {
          RoutingClient* client = gate->Enter();
          if (client == nullptr) return;
          client->OnInquiry(group, node, response.status());
          gate->Leave();
        });
  }

  void OnInquiry(GroupId group, NodeId node, const absl::Status& answer) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    NodeId leader = answer.ok() ? node : 0;
    if (absl::IsFailedPrecondition(answer)) (void)absl::SimpleAtoi(answer.message(), &leader);
    if (!endpoints_.contains(leader)) return;
    bool moved = false;
    for (const CallPtr& call : outstanding_) {
      if (call->request->group() != group || call->target == leader || !InDoubt(*call)) continue;
      call->attempt_ends_ms = NowMs();  // the next scan sends it where the leader is
      moved = true;
    }
    if (moved) leaders_[group] = leader;
  }

  // Its attempt's answer is overdue, and another attempt does no harm.
  bool InDoubt(const Call& call) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (call.attempt_ends_ms == 0 || !call.may_repeat) return false;
    const int64_t began_ms = call.attempt_ends_ms - options_.attempt_timeout_ms;
    return NowMs() >= began_ms + options_.doubt_after_ms;
  }

  // One inquiry for each group with a call in doubt, to another node each time.
  std::vector<Inquiry> Doubts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::map<GroupId, Inquiry> inquiries;
    for (const CallPtr& call : outstanding_) {
      const GroupId group = call->request->group();
      if (inquiries.contains(group) || !InDoubt(*call)) continue;
      auto asked = endpoints_.upper_bound(last_asked_[group]);
      if (asked == endpoints_.end()) asked = endpoints_.begin();
      last_asked_[group] = asked->first;
      if (asked->first == call->target) continue;
      inquiries[group] = {group, asked->first, asked->second.get()};
    }
    std::vector<Inquiry> list;
    for (const auto& [group, inquiry] : inquiries) list.push_back(inquiry);
    return list;
  }

  void RunScheduler() {
    while (true) {
      std::vector<CallPtr> due;
      std::vector<Completion> over;
      std::vector<Inquiry> doubts;
      {
        MutexLock lock(mu_);
        if (stopping_) return;
        wake_.WaitForMs(mu_, std::max<int64_t>(NextWakeMs() - NowMs(), 0));
        if (stopping_) return;
        due = TakeDue();
        if (NowMs() >= next_scan_ms_) {
          Scan(&due, &over);
          doubts = Doubts();
        }
      }
      for (Completion& completion : over) std::move(completion).Run();
      for (const CallPtr& call : due) Attempt(call);
      for (const Inquiry& inquiry : doubts) Inquire(inquiry);
    }
  }

  int64_t NextWakeMs() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return retries_.empty() ? next_scan_ms_ : std::min(next_scan_ms_, retries_.begin()->first);
  }

  std::vector<CallPtr> TakeDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<CallPtr> due;
    const int64_t now_ms = NowMs();
    while (!retries_.empty() && retries_.begin()->first <= now_ms) {
      due.push_back(std::move(retries_.begin()->second));
      retries_.erase(retries_.begin());
    }
    return due;
  }

  // Attempts without an answer, and calls that have waited long enough.
  void Scan(std::vector<CallPtr>* due, std::vector<Completion>* over)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const int64_t now_ms = NowMs();
    next_scan_ms_ = now_ms + kScanMs;
    for (auto it = outstanding_.begin(); it != outstanding_.end();) {
      CallPtr call = *it++;  // Finish takes it out
      const bool silent = call->attempt_ends_ms != 0 && now_ms >= call->attempt_ends_ms;
      const absl::Status silence = absl::UnknownError("no answer in time");
      if (silent && !Reroute(call, silence)) {
        over->push_back(Finish(call, silence));
      } else if (now_ms >= call->give_up_ms) {
        over->push_back(Finish(call, OutOfPatience(*call)));
      } else if (silent && call->attempt_ends_ms != 0) {
        due->push_back(std::move(call));
      }
    }
  }

  static absl::Status OutOfPatience(const Call& call) {
    return absl::UnavailableError(
        absl::StrCat("no leader of group ", call.request->group(), ": ",
                     call.last_error.ok() ? "no answer" : call.last_error.ToString()));
  }

  // Constant.
  const MetadataClientOptions options_;
  const std::shared_ptr<Gate> gate_;

  Mutex mu_;
  CondVar wake_;
  std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::list<CallPtr> outstanding_ ABSL_GUARDED_BY(mu_);
  std::multimap<int64_t, CallPtr> retries_ ABSL_GUARDED_BY(mu_);  // by when
  absl::flat_hash_map<GroupId, NodeId> leaders_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<GroupId, NodeId> last_asked_ ABSL_GUARDED_BY(mu_);
  int64_t next_scan_ms_ ABSL_GUARDED_BY(mu_) = 0;

  std::thread scheduler_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<GrowingMetadataClient> MakeMetadataClient(
    std::map<NodeId, std::unique_ptr<MetadataEndpoint>> endpoints, MetadataClientOptions options) {
  return std::make_unique<RoutingClient>(std::move(endpoints), options);
}

}  // namespace openefs::metadata
