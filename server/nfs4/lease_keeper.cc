#include "server/nfs4/lease_keeper.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "metadata/client/metadata_client.h"
#include "server/nfs4/session_table.h"
#include "server/rpc/await.h"

namespace openefs::nfs4 {
namespace {

using boost::asio::awaitable;
using Sessions = std::vector<std::shared_ptr<Session>>;
using Response = absl::StatusOr<std::unique_ptr<pb::SegmentResponse>>;

// In one segment: large enough to be cheap, small enough not to hold up others.
constexpr size_t kClientsPerReport = 1000;
constexpr size_t kSessionsPerQuestion = 64;

awaitable<Response> Execute(Services& services, std::unique_ptr<pb::SegmentRequest> request) {
  request->set_group(kFirstNamespaceGroup);
  co_return co_await rpc::Await<Response>(
      [&](auto done) { services.metadata().Execute(std::move(request), std::move(done)); });
}

awaitable<void> RenewLeases(Services& services, const Sessions& used) {
  std::vector<uint64_t> clients;
  for (const auto& session : used) clients.push_back(session->client_id);
  std::sort(clients.begin(), clients.end());
  clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
  for (size_t begin = 0; begin < clients.size(); begin += kClientsPerReport) {
    const size_t end = std::min(clients.size(), begin + kClientsPerReport);
    auto request = std::make_unique<pb::SegmentRequest>();
    auto& ids = *request->add_operations()->mutable_renew_leases()->mutable_client_ids();
    ids.Assign(clients.begin() + static_cast<ptrdiff_t>(begin),
               clients.begin() + static_cast<ptrdiff_t>(end));
    // A report that fails is made up for by the next one.
    (void)co_await Execute(services, std::move(request));
  }
}

// Asks about sessions[begin] and on. Returns how many were answered for: the metadata stops at the
// first that is gone.
awaitable<size_t> AskAboutSessions(Services& services, const Sessions& sessions, size_t begin) {
  const size_t end = std::min(sessions.size(), begin + kSessionsPerQuestion);
  auto request = std::make_unique<pb::SegmentRequest>();
  for (size_t i = begin; i < end; ++i) {
    request->add_operations()->mutable_get_session()->set_session_id(sessions[i]->id);
  }
  const Response response = co_await Execute(services, std::move(request));
  if (!response.ok()) co_return 0;
  const auto& results = (*response)->results();
  const size_t answered = std::min(end - begin, static_cast<size_t>(results.size()));
  for (size_t i = 0; i < answered; ++i) {
    if (results[static_cast<int>(i)].error() == pb::FS_BADSESSION) {
      services.sessions().Erase(sessions[begin + i]->id);
    }
  }
  co_return answered;
}

awaitable<void> DropGoneSessions(Services& services, const Sessions& used) {
  for (size_t begin = 0; begin < used.size();) {
    const size_t answered = co_await AskAboutSessions(services, used, begin);
    if (answered == 0) co_return;  // no quorum now: the next round asks again
    begin += answered;
  }
}

}  // namespace

struct LeaseKeeper::Impl {
  Impl(Services* s, boost::asio::io_context& io) : services(s), timer(io) {}

  awaitable<void> Run() {
    const auto interval =
        std::chrono::milliseconds(std::max<int64_t>(1, services->lease_ms() / kRoundsPerLease));
    while (!stopping) {
      timer.expires_after(interval);
      co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      if (stopping) break;
      const Sessions used = services->sessions().TakeUsed();
      co_await RenewLeases(*services, used);
      if (!stopping) co_await DropGoneSessions(*services, used);
      services->sessions().EvictIdle(services->lease_ms());
    }
  }

  Services* const services;

  // On the io thread only.
  boost::asio::steady_timer timer;
  bool stopping = false;

  Mutex mu;
  CondVar changed;
  bool ended ABSL_GUARDED_BY(mu) = false;
};

LeaseKeeper::LeaseKeeper(Services* services, rpc::IoPool* io)
    : impl_(std::make_shared<Impl>(services, io->at(0))) {
  boost::asio::co_spawn(
      io->at(0), [impl = impl_] { return impl->Run(); },
      [impl = impl_](std::exception_ptr) {
        MutexLock lock(impl->mu);
        impl->ended = true;
        impl->changed.SignalAll();
      });
}

LeaseKeeper::~LeaseKeeper() {
  Stop();
  MutexLock lock(impl_->mu);
  while (!impl_->ended) impl_->changed.Wait(impl_->mu);
}

void LeaseKeeper::Stop() {
  boost::asio::post(impl_->timer.get_executor(), [impl = impl_] {
    impl->stopping = true;
    impl->timer.cancel();
  });
}

}  // namespace openefs::nfs4
