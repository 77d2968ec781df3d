#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "tests/metadata/engines.h"
#include "tests/metadata/ops/model.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

constexpr uint64_t kMaxSize = 200'000;  // small enough that writes meet

// The same random step for the file system and the model.
class Walk {
 public:
  Walk(Shell& shell, uint32_t seed) : shell_(shell), random_(seed) {}

  void Step() {
    switch (random_() % 14) {
      case 0:
      case 1:
        return Make();
      case 2:
        return Remove();
      case 3:
      case 4:
        return Rename();
      case 5:
        return Link();
      case 6:
        return Truncate();
      case 7:
        return Chmod();
      case 8:
        return WriteBlob();
      case 9:
      case 10:
        return WriteInline();
      case 11:
        return OpenOrClose();
      case 12:
        return WriteOpen();
      default:
        return ReadRange();
    }
  }

  // The whole tree, and that the store agrees with itself.
  void Compare() {
    std::map<const ModelNode*, uint64_t> inodes;
    CompareNode("", *model_.root(), &inodes);
    for (const OpenFile& open : opens_) CompareOpen(open, &inodes);
    const CheckReport report = shell_.Check();
    INFO(absl::StrJoin(report.problems, "\n"));
    REQUIRE(report.Clean());
    REQUIRE(report.inodes == inodes.size());
  }

 private:
  struct OpenFile {
    std::shared_ptr<ModelNode> node;
    pb::FileRef file;
    pb::Stateid stateid;
  };

  // Few names and levels, so that steps meet.
  std::string Path() {
    std::string path;
    for (uint32_t depth = random_() % 3;; --depth) {
      absl::StrAppend(&path, path.empty() ? "" : "/", std::string(1, 'a' + random_() % 5));
      if (depth == 0) return path;
    }
  }
  void Same(absl::string_view what, pb::FsError real, pb::FsError model) {
    INFO(std::string(what));
    REQUIRE(pb::FsError_Name(real) == pb::FsError_Name(model));
  }

  void Make();
  void Remove();
  void Rename();
  void Link();
  void Truncate();
  void Chmod();
  void WriteBlob();
  void WriteInline();
  void ReadRange();
  void OpenOrClose();
  void WriteOpen();
  pb::SegmentRequest OnOpen(const OpenFile& open);
  void CompareOpen(const OpenFile& open, std::map<const ModelNode*, uint64_t>* inodes);
  void CompareNode(const std::string& path, const ModelNode& node,
                   std::map<const ModelNode*, uint64_t>* inodes);
  void CompareDirectory(const std::string& path, const ModelNode& node,
                        std::map<const ModelNode*, uint64_t>* inodes);

  Shell& shell_;
  Model model_;
  std::vector<OpenFile> opens_;  // one per file; many of them lose their names
  std::mt19937 random_;
};

void Walk::Make() {
  const std::string path = Path();
  const uint32_t mode = random_() % 01000;
  switch (random_() % 6) {
    case 0:
      return Same("symlink", shell_.Symlink("to/" + path, path),
                  model_.Symlink("to/" + path, path));
    case 1:
      return Same("fifo", shell_.MakeNode(pb::FIFO, path, mode), model_.Make(pb::FIFO, path, mode));
    case 2:
    case 3:
      return Same("mkdir", shell_.Mkdir(path, mode), model_.Make(pb::DIRECTORY, path, mode));
    default:
      return Same("create", shell_.MakeFile(path, mode), model_.Make(pb::REGULAR, path, mode));
  }
}

void Walk::Remove() {
  const std::string path = Path();
  Same("remove", shell_.Remove(path), model_.Remove(path));
}

void Walk::Rename() {
  const std::string from = Path(), to = Path();
  Same(absl::StrCat("rename ", from, " ", to), shell_.Rename(from, to), model_.Rename(from, to));
}

void Walk::Link() {
  const std::string from = Path(), to = Path();
  Same(absl::StrCat("link ", from, " ", to), shell_.Link(from, to), model_.Link(from, to));
}

void Walk::Truncate() {
  const std::string path = Path();
  const uint64_t size = random_() % 3 == 0 ? 0 : random_() % kMaxSize;
  Same("truncate", shell_.Truncate(path, size), model_.Truncate(path, size));
}

void Walk::Chmod() {
  const std::string path = Path();
  const uint32_t mode = random_() % 010000;
  Same("chmod", shell_.Chmod(path, mode), model_.Chmod(path, mode));
}

void Walk::WriteBlob() {
  const std::string path = Path();
  const uint64_t offset = random_() % kMaxSize;
  std::string bytes;
  const pb::FsError real =
      shell_.WriteBlob(path, offset, 1 + random_() % 60'000, &bytes, random_() % 4);
  Same("write blob", real, model_.Write(path, offset, bytes));
}

void Walk::WriteInline() {
  const std::string path = Path();
  const uint64_t offset = random_() % kMaxSize;
  const uint32_t length = 1 + random_() % (random_() % 2 == 0 ? 100 : kInlineBytes);
  const std::string bytes(length, static_cast<char>('A' + random_() % 26));
  Same("write inline", shell_.WriteInline(path, offset, bytes), model_.Write(path, offset, bytes));
}

void Walk::ReadRange() {
  const std::string path = Path();
  std::string bytes;
  const uint64_t offset = random_() % kMaxSize;
  const uint32_t count = random_() % 50'000;
  const pb::FsError real = shell_.ReadFile(path, offset, count, &bytes);
  const pb::FsError expected = model_.Write(path, 0, "");  // changes nothing
  Same("read", real, expected);
}

void Walk::OpenOrClose() {
  if (!opens_.empty() && random_() % 2 == 0) {
    std::swap(opens_[random_() % opens_.size()], opens_.back());
    Same("close", shell_.CloseFile(opens_.back().file, opens_.back().stateid), pb::FS_OK);
    opens_.pop_back();
    return;
  }
  const std::string path = Path();
  OpenFile open{model_.File(path), {}, {}};
  if (open.node == nullptr) return;
  for (const OpenFile& other : opens_)
    if (other.node == open.node) return;
  Same("open", shell_.OpenFile(path, 3, &open.stateid, &open.file), pb::FS_OK);
  opens_.push_back(open);
}

pb::SegmentRequest Walk::OnOpen(const OpenFile& open) {
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  request.mutable_slot()->set_session_id(shell_.SessionId());
  request.mutable_slot()->set_slot(7);
  request.mutable_slot()->set_sequence_id(static_cast<uint32_t>(shell_.next_index));
  *request.add_operations()->mutable_put_file()->mutable_file() = open.file;
  return request;
}

// A descriptor writes whether or not the file still has a name.
void Walk::WriteOpen() {
  if (opens_.empty()) return;
  const OpenFile& open = opens_[random_() % opens_.size()];
  const uint64_t offset = random_() % kMaxSize;
  const std::string bytes(1 + random_() % 5'000, static_cast<char>('0' + random_() % 10));
  pb::SegmentRequest request = OnOpen(open);
  pb::WriteCommit* write = request.add_operations()->mutable_write_commit();
  *write->mutable_stateid() = open.stateid;
  write->set_offset(offset);
  write->set_length(static_cast<uint32_t>(bytes.size()));
  write->set_inline_data(bytes);
  Same("write open", Shell::ErrorOf(shell_.Apply(request)), pb::FS_OK);
  std::string& data = open.node->data;
  if (data.size() < offset + bytes.size()) data.resize(offset + bytes.size(), '\0');
  data.replace(offset, bytes.size(), bytes);
}

void Walk::CompareOpen(const OpenFile& open, std::map<const ModelNode*, uint64_t>* inodes) {
  pb::SegmentRequest request = OnOpen(open);
  *request.add_operations()->mutable_read_plan()->mutable_stateid() = open.stateid;
  request.mutable_operations(1)->mutable_read_plan()->set_count(kMaxIoBytes);
  request.add_operations()->mutable_get_attr();
  const pb::SegmentResponse response = shell_.Read(request);
  REQUIRE(Shell::ErrorOf(response) == pb::FS_OK);
  REQUIRE(response.results(2).attributes().nlink() == open.node->nlink);
  const bool same = shell_.Bytes(response.results(1).read_plan()) == open.node->data;
  REQUIRE(same);
  inodes->try_emplace(open.node.get(), open.file.inode());
}

void Walk::CompareNode(const std::string& path, const ModelNode& node,
                       std::map<const ModelNode*, uint64_t>* inodes) {
  INFO(path);
  const pb::Attributes attributes = shell_.MustStat(path);
  REQUIRE(attributes.type() == node.type);
  REQUIRE(attributes.mode() == node.mode);
  REQUIRE(attributes.nlink() == node.nlink);
  const uint64_t inode = attributes.file().inode();
  REQUIRE(inodes->try_emplace(&node, inode).first->second == inode);
  if (node.type == pb::DIRECTORY) return CompareDirectory(path, node, inodes);
  REQUIRE(attributes.size() == node.data.size());
  std::string bytes;
  if (node.type == pb::SYMLINK) {
    REQUIRE(shell_.ReadLink(path, &bytes) == pb::FS_OK);
  } else if (node.type == pb::REGULAR) {
    REQUIRE(shell_.ReadFile(path, 0, kMaxIoBytes, &bytes) == pb::FS_OK);
  }
  const bool same = bytes == node.data;  // not for a failure message of 200 KB
  REQUIRE(same);
}

void Walk::CompareDirectory(const std::string& path, const ModelNode& node,
                            std::map<const ModelNode*, uint64_t>* inodes) {
  std::set<std::string> real, expected;
  for (const auto& entry : shell_.List(path, 3).entries) REQUIRE(real.insert(entry.name()).second);
  for (const auto& [name, child] : node.children) expected.insert(name);
  REQUIRE(real == expected);
  for (const auto& [name, child] : node.children)
    CompareNode(absl::StrCat(path, path.empty() ? "" : "/", name), *child, inodes);
}

TEMPLATE_LIST_TEST_CASE("random steps do what POSIX says", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  const uint32_t seed = GENERATE(1u, 2u, 3u);
  INFO("seed " << seed);
  Walk walk(shell, seed);
  for (int round = 0; round < 8; ++round) {
    for (int step = 0; step < 70; ++step) walk.Step();
    walk.Compare();
  }
}

}  // namespace
}  // namespace openefs::metadata
