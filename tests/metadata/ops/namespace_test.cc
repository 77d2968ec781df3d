#include <catch2/catch.hpp>
#include <set>

#include "common/limits.h"
#include "metadata/store/keys.h"
#include "metadata/store/transaction.h"
#include "proto/records.pb.h"
#include "tests/metadata/engines.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

#define EXPECT_OK(expression) REQUIRE((expression) == pb::FS_OK)

std::set<std::string> Names(Shell& shell, const std::string& path) {
  DirectoryListing listing = shell.List(path);
  EXPECT_OK(listing.error);
  std::set<std::string> names;
  for (const auto& entry : listing.entries) REQUIRE(names.insert(entry.name()).second);
  return names;
}

TEMPLATE_LIST_TEST_CASE("a new file system has an empty root", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  const pb::Attributes root = shell.MustStat("/");
  CHECK(root.type() == pb::DIRECTORY);
  CHECK(root.mode() == 0755);
  CHECK(root.uid() == 0);
  CHECK(root.nlink() == 2);
  CHECK(root.file().inode() == kRootInode);
  CHECK(root.space_used() == 4096);
  CHECK(root.fs_bytes_used() == 6144);  // as EFS meters an empty one
  pb::SegmentRequest again;
  again.set_group(kTestGroup);
  again.add_operations()->mutable_format_file_system()->set_fs_id(kTestFs);
  CHECK(Shell::ErrorOf(shell.Apply(again)) == pb::FS_EXIST);
  CHECK(shell.Check().Clean());
}

TEMPLATE_LIST_TEST_CASE("names, kinds and link counts", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.Mkdir("d", 0750));
  EXPECT_OK(shell.Mkdir("d/e"));
  EXPECT_OK(shell.MakeFile("d/f", 0640));
  EXPECT_OK(shell.MakeNode(pb::FIFO, "d/p"));
  EXPECT_OK(shell.MakeNode(pb::SOCKET, "d/s"));
  EXPECT_OK(shell.Symlink("../target", "d/l"));
  CHECK(shell.MustStat("d").nlink() == 3);
  CHECK(shell.MustStat("/").nlink() == 3);
  CHECK(shell.MustStat("d/f").type() == pb::REGULAR);
  CHECK(shell.MustStat("d/p").type() == pb::FIFO);
  CHECK(shell.MustStat("d/l").size() == 9);
  CHECK(Names(shell, "d") == std::set<std::string>{"e", "f", "l", "p", "s"});
  std::string target;
  EXPECT_OK(shell.ReadLink("d/l", &target));
  CHECK(target == "../target");
  CHECK(shell.ReadLink("d/f", &target) == pb::FS_WRONG_TYPE);

  CHECK(shell.Mkdir("d/f") == pb::FS_EXIST);
  CHECK(shell.Mkdir("d/f/x") == pb::FS_NOTDIR);
  CHECK(shell.Mkdir("d/l/x") == pb::FS_SYMLINK);
  CHECK(shell.Mkdir("nowhere/x") == pb::FS_NOENT);
  CHECK(shell.MakeNode(pb::REGULAR, "d/r") == pb::FS_BADTYPE);
  CHECK(shell.Symlink("", "d/empty") == pb::FS_INVAL);
  CHECK(shell.Symlink(std::string(kMaxSymlinkBytes + 1, 'x'), "d/long") == pb::FS_NAMETOOLONG);
  EXPECT_OK(shell.Symlink(std::string(kMaxSymlinkBytes, 'x'), "d/longest"));
  CHECK(shell.Mkdir(std::string(kMaxNameBytes + 1, 'n')) == pb::FS_NAMETOOLONG);
  EXPECT_OK(shell.Mkdir(std::string(kMaxNameBytes, 'n')));
  CHECK(shell.Mkdir("..") == pb::FS_BADNAME);
  CHECK(shell.Mkdir(".") == pb::FS_BADNAME);
  CHECK(shell.Mkdir(std::string("a\0b", 3)) == pb::FS_BADNAME);
  EXPECT_OK(shell.Mkdir("\xff\x01 any bytes"));

  CHECK(shell.Remove("d") == pb::FS_NOTEMPTY);
  CHECK(shell.Remove("d/none") == pb::FS_NOENT);
  for (const std::string& name : Names(shell, "d")) EXPECT_OK(shell.Remove("d/" + name));
  EXPECT_OK(shell.Remove("d"));
  CHECK(shell.MustStat("/").nlink() == 4);
}

TEMPLATE_LIST_TEST_CASE("hard links share one file", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("a"));
  EXPECT_OK(shell.Mkdir("d"));
  const pb::Attributes before = shell.MustStat("a");
  EXPECT_OK(shell.Link("a", "d/b"));
  const pb::Attributes after = shell.MustStat("a");
  CHECK(after.nlink() == 2);
  CHECK(after.change() > before.change());
  CHECK(after.ctime().nanoseconds() > before.ctime().nanoseconds());
  CHECK(after.mtime().nanoseconds() == before.mtime().nanoseconds());
  CHECK(shell.MustStat("d/b").file().inode() == after.file().inode());
  CHECK(shell.Link("a", "d/b") == pb::FS_EXIST);
  CHECK(shell.Link("d", "e") == pb::FS_ISDIR);
  EXPECT_OK(shell.WriteInline("a", 0, "shared"));
  EXPECT_OK(shell.Remove("a"));
  std::string bytes;
  EXPECT_OK(shell.ReadFile("d/b", 0, 100, &bytes));
  CHECK(bytes == "shared");
  // Renaming one name of a file over another of it does nothing (POSIX rename).
  EXPECT_OK(shell.Link("d/b", "c"));
  EXPECT_OK(shell.Rename("c", "d/b"));
  CHECK(shell.MustStat("c").nlink() == 2);
}

TEST_CASE("a file has kMaxLinks names at most") {
  auto made = MakeMemoryKv();
  KvEngine* engine = made.get();
  Shell shell(std::move(made));
  EXPECT_OK(shell.MakeFile("f"));
  // As if it had almost all of them.
  const std::string key = keys::Inode(kTestFs, shell.MustStat("f").file().inode());
  pb::InodeRecord record;
  REQUIRE(Transaction(engine->Snapshot()).GetRecord(key, &record));
  record.set_nlink(kMaxLinks - 1);
  REQUIRE(engine->Write({{key, record.SerializeAsString()}}).ok());
  shell.machine().OnForeignWrite();
  EXPECT_OK(shell.Link("f", "last"));
  CHECK(shell.Link("f", "one too many") == pb::FS_MLINK);
}

TEMPLATE_LIST_TEST_CASE("rename moves, replaces and refuses", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.Mkdir("a"));
  EXPECT_OK(shell.Mkdir("a/b"));
  EXPECT_OK(shell.Mkdir("a/b/c"));
  EXPECT_OK(shell.Mkdir("empty"));
  EXPECT_OK(shell.MakeFile("f"));
  EXPECT_OK(shell.MakeFile("g"));

  CHECK(shell.Rename("a", "a/b/c/d") == pb::FS_INVAL);
  CHECK(shell.Rename("a", "a/x") == pb::FS_INVAL);
  CHECK(shell.Rename("a/b", "a") == pb::FS_NOTEMPTY);
  CHECK(shell.Rename("empty", "a") == pb::FS_NOTEMPTY);
  CHECK(shell.Rename("a", "f") == pb::FS_NOTDIR);
  CHECK(shell.Rename("f", "empty") == pb::FS_EXIST);
  CHECK(shell.Rename("none", "x") == pb::FS_NOENT);
  EXPECT_OK(shell.Rename("a", "a"));

  const uint64_t g = shell.MustStat("g").file().inode();
  EXPECT_OK(shell.Rename("g", "f"));
  CHECK(shell.MustStat("f").file().inode() == g);
  CHECK(Names(shell, "/") == std::set<std::string>{"a", "empty", "f"});

  EXPECT_OK(shell.Rename("a/b", "empty"));
  CHECK(shell.MustStat("/").nlink() == 4);
  CHECK(shell.MustStat("a").nlink() == 2);
  CHECK(Names(shell, "empty") == std::set<std::string>{"c"});
  // ".." follows.
  pb::SegmentRequest up = shell.At("empty/c");
  up.add_operations()->mutable_lookup_parent();
  up.add_operations()->mutable_lookup_parent();
  up.add_operations()->mutable_get_file();
  CHECK(Shell::ErrorOf(shell.Read(up)) == pb::FS_OK);
  up.add_operations()->mutable_lookup_parent();
  CHECK(Shell::ErrorOf(shell.Read(up)) == pb::FS_NOENT);
  CHECK(shell.Rename("empty", "empty/c/x") == pb::FS_INVAL);
}

TEMPLATE_LIST_TEST_CASE("change info comes from inside the operation", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  EXPECT_OK(shell.MakeFile("d/f"));
  const uint64_t before_d = shell.MustStat("d").change();
  const uint64_t before_root = shell.MustStat("/").change();
  pb::SegmentRequest request = shell.At("d");
  request.add_operations()->mutable_save_file();
  request.add_operations()->mutable_put_root()->set_fs_id(kTestFs);
  request.add_operations()->mutable_rename()->set_old_name("f");
  request.mutable_operations(request.operations_size() - 1)->mutable_rename()->set_new_name("g");
  const pb::SegmentResponse response = shell.Apply(request);
  EXPECT_OK(Shell::ErrorOf(response));
  const pb::RenameResult& result = response.results(response.results_size() - 1).rename();
  CHECK(result.source().before() == before_d);
  CHECK(result.source().after() == shell.MustStat("d").change());
  CHECK(result.source().after() > before_d);
  CHECK(result.target().before() == before_root);
  CHECK(result.target().after() == shell.MustStat("/").change());
}

TEMPLATE_LIST_TEST_CASE("cookies stay while the directory changes", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  for (int i = 0; i < 40; ++i) EXPECT_OK(shell.MakeNode(pb::FIFO, "d/n" + std::to_string(i)));
  const DirectoryListing all = shell.List("d", 1000);
  REQUIRE(all.entries.size() == 40);
  CHECK(all.entries.front().cookie() == 3);
  // Behind an entry that has gone since, the rest follows.
  const uint64_t cookie = all.entries[9].cookie();
  EXPECT_OK(shell.Remove("d/" + all.entries[9].name()));
  EXPECT_OK(shell.Remove("d/" + all.entries[10].name()));
  // What takes the place of a name keeps the name's cookie.
  EXPECT_OK(shell.Rename("d/" + all.entries[0].name(), "d/" + all.entries[20].name()));
  pb::SegmentRequest request = shell.At("d");
  pb::ReadDir* read = request.add_operations()->mutable_read_dir();
  read->set_cookie(cookie);
  read->set_max_entries(1000);
  read->set_max_bytes(1 << 20);
  pb::SegmentResponse response = shell.Read(request);
  EXPECT_OK(Shell::ErrorOf(response));
  const pb::ReadDirResult& page = response.results(response.results_size() - 1).read_dir();
  REQUIRE(page.entries_size() == 29);
  CHECK(page.end());
  for (int i = 0; i < 29; ++i) CHECK(page.entries(i).name() == all.entries[i + 11].name());

  for (uint64_t bad : {uint64_t{1}, uint64_t{2}, UINT64_MAX}) {
    read->set_cookie(bad);
    CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_BAD_COOKIE);
  }
  read->set_cookie(UINT64_MAX - 1);
  response = shell.Read(request);
  EXPECT_OK(Shell::ErrorOf(response));
  // One entry at least, however little room there is.
  read->set_cookie(0);
  read->set_max_bytes(0);
  response = shell.Read(request);
  CHECK(response.results(response.results_size() - 1).read_dir().entries_size() == 1);
  CHECK(shell.Check().Clean());
}

TEMPLATE_LIST_TEST_CASE("an unlinked file lives while it is open", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  shell.check_every_entry = true;
  EXPECT_OK(shell.MakeFile("f"));
  EXPECT_OK(shell.WriteInline("f", 0, "still here"));
  pb::Stateid stateid;
  pb::FileRef file;
  EXPECT_OK(shell.OpenFile("f", 3, &stateid, &file));
  EXPECT_OK(shell.Remove("f"));
  pb::SegmentRequest read;
  read.set_group(kTestGroup);
  *read.add_operations()->mutable_put_file()->mutable_file() = file;
  read.add_operations()->mutable_get_attr();
  pb::SegmentResponse response = shell.Read(read);
  EXPECT_OK(Shell::ErrorOf(response));
  CHECK(response.results(1).attributes().nlink() == 0);
  CHECK(response.results(1).attributes().size() == 10);
  EXPECT_OK(shell.CloseFile(file, stateid));
  CHECK(Shell::ErrorOf(shell.Read(read)) == pb::FS_STALE);
  CHECK(shell.MustStat("/").fs_bytes_used() == 6144);
}

TEMPLATE_LIST_TEST_CASE("handles of what is gone or another's are stale", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  pb::FileRef file = shell.MustStat("d").file();
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  pb::FileRef* put = request.add_operations()->mutable_put_file()->mutable_file();
  *put = file;
  EXPECT_OK(Shell::ErrorOf(shell.Read(request)));
  put->set_generation(file.generation() + 1);
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_STALE);
  *put = file;
  put->set_fs_id(kTestFs + 1);
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_STALE);
  put->set_fs_id(0);
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_STALE);
  EXPECT_OK(shell.Remove("d"));
  *put = file;
  CHECK(Shell::ErrorOf(shell.Read(request)) == pb::FS_STALE);
  // A directory removed between the front-end's look-up and its operation.
  pb::SegmentRequest create;
  create.set_group(kTestGroup);
  *create.mutable_registers()->mutable_current() = file;
  create.add_operations()->mutable_create()->set_type(pb::DIRECTORY);
  create.mutable_operations(0)->mutable_create()->set_name("x");
  CHECK(Shell::ErrorOf(shell.Apply(create)) == pb::FS_STALE);
  create.mutable_registers()->clear_current();
  CHECK(Shell::ErrorOf(shell.Apply(create)) == pb::FS_NO_CURRENT_FILE);
}

TEMPLATE_LIST_TEST_CASE("registers save and restore", "", AllEngines) {
  TestType maker;
  Shell shell(maker.Open());
  EXPECT_OK(shell.Mkdir("d"));
  pb::SegmentRequest request = shell.At("d");
  request.add_operations()->mutable_save_file();
  request.add_operations()->mutable_put_root()->set_fs_id(kTestFs);
  request.add_operations()->mutable_restore_file();
  request.add_operations()->mutable_get_file();
  const pb::SegmentResponse response = shell.Read(request);
  EXPECT_OK(Shell::ErrorOf(response));
  CHECK(response.registers().current().inode() == shell.MustStat("d").file().inode());
  pb::SegmentRequest nothing;
  nothing.set_group(kTestGroup);
  nothing.add_operations()->mutable_restore_file();
  CHECK(Shell::ErrorOf(shell.Read(nothing)) == pb::FS_NO_SAVED_FILE);
  nothing.mutable_operations(0)->mutable_save_file();
  CHECK(Shell::ErrorOf(shell.Read(nothing)) == pb::FS_NO_CURRENT_FILE);
}

TEST_CASE("a path of 1,500 directories works and moves") {
  Shell shell(MakeMemoryKv());
  EXPECT_OK(shell.Mkdir("d"));
  pb::FileRef at = shell.MustStat("d").file();
  pb::SegmentRequest request;
  request.set_group(kTestGroup);
  pb::Create* create = request.add_operations()->mutable_create();
  create->set_type(pb::DIRECTORY);
  create->set_name("d");
  create->mutable_attributes()->set_mode(0755);
  for (int depth = 0; depth < 1500; ++depth) {
    *request.mutable_registers()->mutable_current() = at;
    const pb::SegmentResponse response = shell.Apply(request);
    EXPECT_OK(Shell::ErrorOf(response));
    at = response.registers().current();
  }
  request.clear_operations();
  pb::Rename* rename = request.add_operations()->mutable_rename();
  *request.mutable_registers()->mutable_saved() = shell.MustStat("/").file();
  *request.mutable_registers()->mutable_current() = at;
  rename->set_old_name("d");
  rename->set_new_name("x");
  CHECK(Shell::ErrorOf(shell.Apply(request)) == pb::FS_INVAL);
  EXPECT_OK(shell.Mkdir("other"));
  rename->set_old_name("other");
  EXPECT_OK(Shell::ErrorOf(shell.Apply(request)));
  CHECK(shell.Check().Clean());
}

}  // namespace
}  // namespace openefs::metadata
