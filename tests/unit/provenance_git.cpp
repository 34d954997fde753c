#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "provenance/git.hpp"
#include "support/scratch_directory.hpp"

using ranklog::provenance::find_git_commit;
using ranklog::test_support::ScratchDirectory;
namespace fs = std::filesystem;

namespace {

const std::string hash_a(40, 'a');
const std::string hash_b(40, 'b');
const std::string sha256(64, 'c');

}  // namespace

TEST_CASE("the commit of a branch is found from a folder deep inside") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", "ref: refs/heads/main\n");
  scratch.write(".git/refs/heads/main", hash_a + "\n");
  fs::create_directories(scratch.path() / "a/b/c");
  CHECK(find_git_commit(scratch.path() / "a/b/c") == hash_a);
  CHECK(find_git_commit(scratch.path()) == hash_a);
}

TEST_CASE("a detached HEAD is the commit itself, in both hash sizes") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", hash_b + "\n");
  CHECK(find_git_commit(scratch.path()) == hash_b);
  scratch.write(".git/HEAD", sha256 + "\n");
  CHECK(find_git_commit(scratch.path()) == sha256);
}

TEST_CASE("packed refs are read, and a loose ref wins over them") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", "ref: refs/heads/topic/x\n");
  scratch.write(".git/packed-refs", "# pack-refs with: peeled fully-peeled sorted \n" + hash_b +
                                        " refs/heads/topic/xy\n" + hash_a +
                                        " refs/heads/topic/x\n^" + hash_b + "\n");
  CHECK(find_git_commit(scratch.path()) == hash_a);
  scratch.write(".git/refs/heads/topic/x", hash_b + "\n");
  CHECK(find_git_commit(scratch.path()) == hash_b);
}

TEST_CASE("a torn last line of packed refs is not taken for a shorter name") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", "ref: refs/heads/ma\n");
  scratch.write(".git/packed-refs", hash_a + " refs/heads/ma");
  CHECK_FALSE(find_git_commit(scratch.path()).has_value());
}

TEST_CASE("a linked worktree has its own HEAD and shares the branches") {
  const ScratchDirectory scratch;
  scratch.write("main/.git/HEAD", "ref: refs/heads/main\n");
  scratch.write("main/.git/refs/heads/main", hash_a + "\n");
  scratch.write("main/.git/refs/heads/topic", hash_b + "\n");
  scratch.write("main/.git/worktrees/w/HEAD", "ref: refs/heads/topic\n");
  scratch.write("main/.git/worktrees/w/commondir", "../..\n");
  scratch.write("w/.git", "gitdir: " + (scratch.path() / "main/.git/worktrees/w").string() + "\n");
  CHECK(find_git_commit(scratch.path() / "w") == hash_b);
  scratch.write("w/.git", "gitdir: ../main/.git/worktrees/w\n");
  CHECK(find_git_commit(scratch.path() / "w") == hash_b);
}

TEST_CASE("a HEAD may point to a symbolic ref, but not for ever") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", "ref: refs/heads/alias\n");
  scratch.write(".git/refs/heads/alias", "ref: refs/heads/main\n");
  scratch.write(".git/refs/heads/main", hash_a + "\n");
  CHECK(find_git_commit(scratch.path()) == hash_a);
  scratch.write(".git/refs/heads/alias", "ref: refs/heads/alias\n");
  CHECK_FALSE(find_git_commit(scratch.path()).has_value());
}

TEST_CASE("a repository without a commit, and a folder without a repository, have none") {
  const ScratchDirectory scratch;
  CHECK_FALSE(find_git_commit(scratch.path() / "missing").has_value());
  scratch.write(".git/HEAD", "ref: refs/heads/main\n");
  CHECK_FALSE(find_git_commit(scratch.path()).has_value());
}

TEST_CASE("hostile git files leave the commit out") {
  const ScratchDirectory scratch;
  using std::string_literals::operator""s;
  scratch.write("secret", hash_a + "\n");
  scratch.write(".git/refs/heads/main", hash_a + "\n");
  for (const std::string& head :
       {"ref: ../secret\n"s, "ref: refs/../../secret\n"s, "ref: /etc/passwd\n"s,
        "ref: refs/heads/a\x01\n"s, "zzzz"s, ""s, "\n"s, std::string(40, 'g'), std::string(39, 'a'),
        std::string(41, 'a'), std::string(100000, 'a'), "ref: refs/heads/\0x\n"s,
        "ref: " + std::string(5000, 'r'), std::string(40, '\0')}) {
    scratch.write(".git/HEAD", head);
    CAPTURE(head);
    CHECK_FALSE(find_git_commit(scratch.path()).has_value());
  }
  fs::remove_all(scratch.path() / ".git");
  for (const std::string& pointer :
       {"gitdir: "s, "gitdir: \n"s, "nonsense"s, "gitdir: ./.git"s, "gitdir: /dev/zero"s}) {
    scratch.write(".git", pointer);
    CAPTURE(pointer);
    CHECK_FALSE(find_git_commit(scratch.path()).has_value());
  }
}

TEST_CASE("a FIFO in the place of HEAD does not make the job wait") {
  const ScratchDirectory scratch;
  fs::create_directories(scratch.path() / ".git");
  REQUIRE(::mkfifo((scratch.path() / ".git/HEAD").c_str(), 0600) == 0);
  CHECK_FALSE(find_git_commit(scratch.path()).has_value());
}

TEST_CASE("a broken repository does not make the one around it answer") {
  const ScratchDirectory scratch;
  scratch.write(".git/HEAD", hash_a + "\n");
  scratch.write("inner/.git", "nonsense");
  CHECK_FALSE(find_git_commit(scratch.path() / "inner").has_value());
}
