// An NFSv4.1 server of a few lines that misbehaves when told to: sessions with a reply cache, and
// COMPOUNDs whose only effect is to be counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "common/mutex.h"
#include "server/xdr/xdr.h"

namespace openefs::bench {

enum class Fault {
  kNone,
  kDropUnexecuted,  // the connection ends before the request is executed
  kDropUnanswered,  // the connection ends after that: only the reply is lost
  kDelaySequence,   // SEQUENCE answers NFS4ERR_DELAY: the sequence id is not used up
  kDelayOperation,  // the operation does: it is
  kGraceOperation,
  kForgetSession,     // NFS4ERR_BADSESSION from now on for the present session
  kForgetClient,      // that, and CREATE_SESSION answers NFS4ERR_STALE_CLIENTID
  kForgetConnection,  // NFS4ERR_CONN_NOT_BOUND_TO_SESSION until it is bound
  kForgetReply,       // a retry of this request will find NFS4ERR_RETRY_UNCACHED_REP; and the drop
  kGarbage,           // a reply that is none
};

class ScriptedServer {
 public:
  ScriptedServer();
  ~ScriptedServer();

  uint16_t port() const { return port_; }

  // What happens to the next requests behind SEQUENCE, RECLAIM_COMPLETE aside, one each.
  void Script(std::deque<Fault> faults);

  struct Counts {
    int executed = 0;
    int replayed = 0;  // answered from the reply cache
    int sessions = 0;
    int clients = 0;
    int connections = 0;
    int bound = 0;
    int misordered = 0;  // wrong sequence ids seen: a broken client
    bool script_over = false;
  };
  Counts counts();

 private:
  struct Slot {
    uint32_t sequence_id = 0;
    std::string reply;  // empty: not cached
  };

  void Serve();
  void ServeConnection(int socket);
  // The whole reply; empty: close the connection.
  std::string Answer(const std::string& record);
  std::string InSession(xdr::Reader& arguments, uint32_t operations);
  std::string Execute(Fault fault, Slot& slot, const std::string& sequence_result, uint32_t opcode);
  std::string ExchangeId();
  std::string CreateSession(xdr::Reader& arguments);
  static std::string Result(uint32_t status, uint32_t opcode, const std::string& before = "");
  Fault NextFault(uint32_t opcode);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};

  Mutex mu_;
  std::deque<Fault> faults_ ABSL_GUARDED_BY(mu_);
  Counts counts_ ABSL_GUARDED_BY(mu_);

  // The serving thread only.
  uint64_t client_id_ = 100;
  uint32_t create_sequence_id_ = 1;
  bool client_forgotten_ = false;
  bool connection_forgotten_ = false;
  std::string session_;
  std::map<uint32_t, Slot> slots_;

  std::thread thread_;
};

}  // namespace openefs::bench
