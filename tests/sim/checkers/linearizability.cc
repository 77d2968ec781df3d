#include "tests/sim/checkers/linearizability.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/checkers/namespace_model.h"
#include "tests/sim/kernel/random.h"

namespace openefs::sim {
namespace {

// A state that some order of operations leads to, and which of those under way it has taken in.
struct Configuration {
  NamespaceModel state;
  uint64_t taken = 0;  // bit per place in Checker::under_way_
};

class Checker {
 public:
  explicit Checker(const History& history) : history_(history) {}

  LinearizabilityResult Run() {
    configurations_.push_back({});
    for (const Moment& moment : Moments()) {
      const bool good = moment.answer ? Answer(moment.operation) : Ask(moment.operation);
      if (!good) return std::move(result_);
    }
    result_.linearizable = true;
    return std::move(result_);
  }

 private:
  struct Moment {
    uint64_t time = 0;
    const Operation* operation = nullptr;
    bool answer = false;
  };

  std::vector<Moment> Moments() const {
    std::vector<Moment> moments;
    for (const Operation& operation : history_) {
      moments.push_back({operation.asked, &operation, false});
      moments.push_back({operation.answered, &operation, true});
    }
    std::sort(moments.begin(), moments.end(),
              [](const Moment& a, const Moment& b) { return a.time < b.time; });
    return moments;
  }

  bool Ask(const Operation* operation) {
    const auto place = static_cast<size_t>(std::countr_one(used_));
    if (place >= kMaxConcurrent) return Fail(*operation, "too many operations at once");
    used_ |= uint64_t{1} << place;
    under_way_[place] = operation;
    return true;
  }

  // By now it has taken effect: only what has it goes on.
  bool Answer(const Operation* operation) {
    const auto place = static_cast<size_t>(
        std::find(under_way_, under_way_ + kMaxConcurrent, operation) - under_way_);
    const uint64_t bit = uint64_t{1} << place;
    if (!Expand(*operation, bit)) return false;
    std::vector<Configuration> left;
    for (Configuration& configuration : configurations_) {
      if ((configuration.taken & bit) == 0) continue;
      configuration.taken &= ~bit;
      left.push_back(std::move(configuration));
    }
    if (left.empty()) return Fail(*operation, "no order of the operations explains this outcome");
    configurations_ = std::move(left);
    used_ &= ~bit;
    under_way_[place] = nullptr;
    return true;
  }

  // Adds all that can follow from the configurations without `bit` by taking in operations under
  // way, until each has it or is stuck.
  bool Expand(const Operation& operation, uint64_t bit) {
    std::unordered_set<uint64_t> seen;
    for (const Configuration& configuration : configurations_) seen.insert(KeyOf(configuration));
    for (size_t i = 0; i < configurations_.size(); ++i) {
      if ((configurations_[i].taken & bit) != 0) continue;
      for (uint64_t rest = used_ & ~configurations_[i].taken; rest != 0; rest &= rest - 1) {
        const auto place = static_cast<size_t>(std::countr_zero(rest));
        const Operation& next = *under_way_[place];
        Configuration configuration = configurations_[i];
        if (!configuration.state.Step(next.op, next.outcome)) continue;
        configuration.taken |= uint64_t{1} << place;
        if (!seen.insert(KeyOf(configuration)).second) continue;
        configurations_.push_back(std::move(configuration));
      }
      if (configurations_.size() > kMaxConfigurations) {
        return Fail(operation, "too many configurations to follow");
      }
    }
    result_.most_configurations = std::max(result_.most_configurations, configurations_.size());
    return true;
  }

  // 64 bits of hash: two states that share one would hide a path, one time in 10^10 runs.
  static uint64_t KeyOf(const Configuration& configuration) {
    return HashBytes(configuration.state.Key(), configuration.taken);
  }

  bool Fail(const Operation& operation, const char* why) {
    result_.why = absl::StrCat(why, ": ", ToString(operation));
    for (const Operation* other : under_way_) {
      if (other != nullptr && other != &operation) {
        absl::StrAppend(&result_.why, "\n  at the same time ", ToString(*other));
      }
    }
    AppendEarlier(operation);
    return false;
  }

  void AppendEarlier(const Operation& operation) {
    constexpr size_t kShown = 12;
    std::vector<const Operation*> earlier;
    for (const Operation& other : history_) {
      if (other.answered < operation.answered) earlier.push_back(&other);
    }
    std::sort(earlier.begin(), earlier.end(),
              [](const Operation* a, const Operation* b) { return a->answered > b->answered; });
    if (earlier.size() > kShown) earlier.resize(kShown);
    for (const Operation* other : earlier) {
      absl::StrAppend(&result_.why, "\n  before ", ToString(*other));
    }
  }

  const History& history_;
  std::vector<Configuration> configurations_;
  const Operation* under_way_[kMaxConcurrent] = {};
  uint64_t used_ = 0;  // places of under_way_
  LinearizabilityResult result_;
};

}  // namespace

LinearizabilityResult CheckLinearizability(const History& history) {
  return Checker(history).Run();
}

}  // namespace openefs::sim
