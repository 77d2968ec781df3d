// What the parts of a check share: the report, and the pace.
#pragma once

#include "absl/strings/str_cat.h"
#include "common/ids.h"
#include "metadata/store/check.h"
#include "proto/records.pb.h"

namespace openefs::metadata {

class Reporter {
 public:
  explicit Reporter(const CheckOptions& options) : options_(options) {}

  template <typename... Parts>
  void Problem(const Parts&... parts) {
    ++report.problem_count;
    if (report.problems.size() < kMaxProblems) report.problems.push_back(absl::StrCat(parts...));
  }
  template <typename... Parts>
  void FileProblem(FileSystemId fs, InodeId inode, const Parts&... parts) {
    Problem("fs ", absl::Hex(fs), " inode ", inode, ": ", parts...);
  }

  // Counts a row that was read. False: the check is to end.
  bool Row() {
    if (++report.rows % kRowsPerPace == 0 && options_.pace && !options_.pace(report.rows)) {
      ended_ = true;
    }
    return !ended_;
  }
  bool ended() const { return ended_; }

  CheckReport report;

 private:
  const CheckOptions& options_;
  bool ended_ = false;
};

}  // namespace openefs::metadata
