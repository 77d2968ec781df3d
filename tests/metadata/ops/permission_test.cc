#include <catch2/catch.hpp>

#include "tests/metadata/engines.h"
#include "tests/metadata/ops/shell.h"

namespace openefs::metadata {
namespace {

#define EXPECT_OK(expression) REQUIRE((expression) == pb::FS_OK)

constexpr uint32_t kAlice = 1000, kBob = 1001, kStaff = 50, kGuests = 60;

void BecomeAlice(Shell& shell) { shell.Become(kAlice, kAlice, {kStaff}); }
void BecomeBob(Shell& shell) { shell.Become(kBob, kBob, {kGuests}); }
void BecomeRoot(Shell& shell) { shell.Become(0, 0); }

Shell MakeShell() {
  Shell shell(MakeMemoryKv());
  EXPECT_OK(shell.Chmod("/", 0777));
  return shell;
}

TEST_CASE("the most specific class of the mode decides") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0607));
  EXPECT_OK(shell.Chown("f", -1, kStaff));
  std::string bytes;
  EXPECT_OK(shell.ReadFile("f", 0, 1, &bytes));
  shell.Become(kBob, kBob, {kStaff});  // the group has nothing, although all others have
  CHECK(shell.ReadFile("f", 0, 1, &bytes) == pb::FS_ACCESS);
  CHECK(shell.WriteInline("f", 0, "x") == pb::FS_ACCESS);
  CHECK(shell.Truncate("f", 0) == pb::FS_ACCESS);
  BecomeBob(shell);
  EXPECT_OK(shell.ReadFile("f", 0, 1, &bytes));
  EXPECT_OK(shell.WriteInline("f", 0, "x"));
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("f", 0));
  CHECK(shell.ReadFile("f", 0, 1, &bytes) == pb::FS_ACCESS);
  EXPECT_OK(shell.Chmod("f", 0111));
  EXPECT_OK(shell.ReadFile("f", 0, 1, &bytes));  // to run it
  BecomeRoot(shell);
  EXPECT_OK(shell.Chmod("f", 0));
  EXPECT_OK(shell.ReadFile("f", 0, 1, &bytes));
}

TEST_CASE("ACCESS tells what the operations would say") {
  Shell shell = MakeShell();
  EXPECT_OK(shell.Mkdir("d", 0751));
  EXPECT_OK(shell.MakeFile("f", 0654));
  constexpr uint32_t kAll = 0x3f;
  CHECK(shell.AccessOf("d", kAll) == 0x1f);
  CHECK(shell.AccessOf("f", kAll) == 0x2d);  // root executes: somebody may
  BecomeBob(shell);
  CHECK(shell.AccessOf("d", kAll) == 0x02);
  CHECK(shell.AccessOf("f", kAll) == 0x01);
  CHECK(shell.AccessOf("f", 0x20) == 0);
  BecomeRoot(shell);
  EXPECT_OK(shell.Chmod("f", 0644));
  CHECK(shell.AccessOf("f", 0x20) == 0);
}

TEST_CASE("directories want search to pass and write to change") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.Mkdir("d", 0700));
  EXPECT_OK(shell.MakeFile("d/f"));
  BecomeBob(shell);
  pb::Attributes attributes;
  CHECK(shell.Stat("d/f", &attributes) == pb::FS_ACCESS);
  CHECK(shell.Stat("d/none", &attributes) == pb::FS_ACCESS);
  CHECK(shell.List("d").error == pb::FS_ACCESS);
  CHECK(shell.Mkdir("d/x") == pb::FS_ACCESS);
  CHECK(shell.Remove("d/f") == pb::FS_ACCESS);
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("d", 0755));
  BecomeBob(shell);
  EXPECT_OK(shell.Stat("d/f", &attributes));
  EXPECT_OK(shell.List("d").error);
  CHECK(shell.Mkdir("d/x") == pb::FS_ACCESS);
  CHECK(shell.Mkdir("d/f") == pb::FS_EXIST);  // as Linux orders it
  CHECK(shell.Remove("d/f") == pb::FS_ACCESS);
  CHECK(shell.Rename("d/f", "g") == pb::FS_ACCESS);
  CHECK(shell.Link("d/f", "d/g") == pb::FS_ACCESS);
  EXPECT_OK(shell.Link("d/f", "mine"));
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("d", 0744));  // readable but not searchable
  BecomeBob(shell);
  EXPECT_OK(shell.List("d").error);
  CHECK(shell.Stat("d/f", &attributes) == pb::FS_ACCESS);
}

TEST_CASE("in a sticky directory only owners take names away") {
  Shell shell = MakeShell();
  EXPECT_OK(shell.Mkdir("tmp", 01777));
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("tmp/alice", 0666));
  EXPECT_OK(shell.Mkdir("tmp/dir", 01777));
  BecomeBob(shell);
  EXPECT_OK(shell.MakeFile("tmp/bob"));
  EXPECT_OK(shell.MakeFile("tmp/dir/bob"));
  CHECK(shell.Remove("tmp/alice") == pb::FS_PERM);
  CHECK(shell.Rename("tmp/alice", "tmp/x") == pb::FS_PERM);
  CHECK(shell.Rename("tmp/bob", "tmp/alice") == pb::FS_PERM);
  EXPECT_OK(shell.Rename("tmp/bob", "tmp/bob2"));
  BecomeAlice(shell);
  EXPECT_OK(shell.Remove("tmp/dir/bob"));  // she owns the directory
  CHECK(shell.Remove("tmp/bob2") == pb::FS_PERM);
  BecomeRoot(shell);
  EXPECT_OK(shell.Remove("tmp/bob2"));
}

TEST_CASE("moving a directory to another parent writes its dot-dot") {
  Shell shell = MakeShell();
  EXPECT_OK(shell.Mkdir("roots", 0755));
  EXPECT_OK(shell.Mkdir("shared", 0777));
  BecomeBob(shell);
  CHECK(shell.Rename("roots", "shared/roots") == pb::FS_ACCESS);
  EXPECT_OK(shell.Rename("roots", "renamed"));
  EXPECT_OK(shell.Mkdir("own", 0500));
  CHECK(shell.Rename("own", "shared/own") == pb::FS_ACCESS);
  EXPECT_OK(shell.Chmod("own", 0700));
  EXPECT_OK(shell.Rename("own", "shared/own"));
}

TEST_CASE("chmod is the owner's, and set-group-id needs the group") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0644));
  BecomeBob(shell);
  CHECK(shell.Chmod("f", 0600) == pb::FS_PERM);
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("f", 06755));
  CHECK(shell.MustStat("f").mode() == 06755);
  BecomeRoot(shell);
  EXPECT_OK(shell.Chown("f", -1, kGuests));
  CHECK(shell.MustStat("f").mode() == 0755);  // a new group takes the bits
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("f", 06755));
  CHECK(shell.MustStat("f").mode() == 04755);
}

TEST_CASE("chown is restricted") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0755));
  CHECK(shell.Chown("f", kBob, -1) == pb::FS_PERM);
  EXPECT_OK(shell.Chown("f", kAlice, kStaff));
  CHECK(shell.Chown("f", -1, kGuests) == pb::FS_PERM);
  EXPECT_OK(shell.Chmod("f", 06755));
  EXPECT_OK(shell.Chown("f", -1, kAlice));
  CHECK(shell.MustStat("f").mode() == 0755);
  BecomeBob(shell);
  CHECK(shell.Chown("f", kAlice, -1) == pb::FS_PERM);
  CHECK(shell.Chown("f", -1, kAlice) == pb::FS_PERM);
  BecomeRoot(shell);
  EXPECT_OK(shell.Chown("f", kBob, kGuests));
  CHECK(shell.MustStat("f").uid() == kBob);
  CHECK(shell.MustStat("f").gid() == kGuests);
}

TEST_CASE("writing and truncating take the set-id bits, but not from root") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0777));
  EXPECT_OK(shell.Chmod("f", 06777));
  BecomeRoot(shell);
  EXPECT_OK(shell.WriteInline("f", 0, "x"));
  CHECK(shell.MustStat("f").mode() == 06777);
  BecomeBob(shell);
  EXPECT_OK(shell.WriteInline("f", 0, "x"));
  CHECK(shell.MustStat("f").mode() == 0777);
  BecomeAlice(shell);
  EXPECT_OK(shell.Chmod("f", 06767));
  BecomeBob(shell);
  EXPECT_OK(shell.Truncate("f", 0));
  CHECK(shell.MustStat("f").mode() == 02767);  // without group execution it means locking
}

TEST_CASE("times: a given one needs the owner, now needs write permission") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0664));
  pb::AttributeChange given, now;
  given.mutable_mtime()->mutable_time()->set_seconds(-5);
  given.mutable_atime()->mutable_time()->set_seconds(77);
  given.mutable_atime()->mutable_time()->set_nanoseconds(999'999'999);
  now.mutable_mtime()->set_server_time(true);
  now.mutable_atime()->set_server_time(true);
  EXPECT_OK(shell.SetAttr("f", given));
  CHECK(shell.MustStat("f").mtime().seconds() == -5);
  CHECK(shell.MustStat("f").atime().nanoseconds() == 999'999'999);
  CHECK(shell.MustStat("f").ctime().seconds() > 0);
  BecomeBob(shell);
  CHECK(shell.SetAttr("f", given) == pb::FS_PERM);
  CHECK(shell.SetAttr("f", now) == pb::FS_ACCESS);
  shell.Become(kBob, kAlice);
  CHECK(shell.SetAttr("f", given) == pb::FS_PERM);
  EXPECT_OK(shell.SetAttr("f", now));
  CHECK(shell.MustStat("f").mtime().seconds() > 0);
  BecomeAlice(shell);
  given.mutable_mtime()->mutable_time()->set_nanoseconds(1'000'000'000);
  CHECK(shell.SetAttr("f", given) == pb::FS_INVAL);
  CHECK(shell.MustStat("f").atime().seconds() > 77);  // nothing of it took effect
}

TEST_CASE("a set-group-id directory hands its group down") {
  Shell shell = MakeShell();
  EXPECT_OK(shell.Mkdir("d", 0777));
  EXPECT_OK(shell.Chown("d", -1, kStaff));
  EXPECT_OK(shell.Chmod("d", 02777));
  BecomeBob(shell);
  EXPECT_OK(shell.MakeFile("d/f", 0644));
  EXPECT_OK(shell.Mkdir("d/e", 0755));
  CHECK(shell.MustStat("d/f").gid() == kStaff);
  CHECK(shell.MustStat("d/f").uid() == kBob);
  CHECK(shell.MustStat("d/f").mode() == 0644);
  CHECK(shell.MustStat("d/e").gid() == kStaff);
  CHECK(shell.MustStat("d/e").mode() == 02755);
  EXPECT_OK(shell.MakeFile("d/g", 02755));
  CHECK(shell.MustStat("d/g").mode() == 0755);  // he is not of that group
  EXPECT_OK(shell.MakeFile("top"));
  CHECK(shell.MustStat("top").gid() == kBob);
}

TEST_CASE("attributes change all together or not at all") {
  Shell shell = MakeShell();
  BecomeAlice(shell);
  EXPECT_OK(shell.MakeFile("f", 0644));
  EXPECT_OK(shell.WriteInline("f", 0, "content"));
  const pb::Attributes before = shell.MustStat("f");
  pb::AttributeChange change;
  change.set_size(0);
  change.set_mode(0600);
  change.set_uid(kBob);
  CHECK(shell.SetAttr("f", change) == pb::FS_PERM);
  CHECK(shell.MustStat("f").SerializeAsString() == before.SerializeAsString());
  std::string bytes;
  EXPECT_OK(shell.ReadFile("f", 0, 100, &bytes));
  CHECK(bytes == "content");
  CHECK(shell.Check().Clean());
  // Nothing to change is no change.
  EXPECT_OK(shell.SetAttr("f", pb::AttributeChange()));
  CHECK(shell.MustStat("f").change() == before.change());
}

}  // namespace
}  // namespace openefs::metadata
