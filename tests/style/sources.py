"""The C++ files of the repository, for the style tests."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP_DIRECTORIES = ("include", "lib", "tools", "examples", "bench", "tests")
SUFFIXES = (".hpp", ".cpp")


def cpp_files():
    """Paths relative to ROOT of what git tracks or would track; without git, of what is there."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files",
         "--cached", "--others", "--exclude-standard", "--", *TOP_DIRECTORIES],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = map(pathlib.PurePosixPath, listed.stdout.splitlines())
    else:
        paths = (path.relative_to(ROOT) for top in TOP_DIRECTORIES for path in (ROOT / top).rglob("*"))
    return sorted(path for path in paths if path.suffix in SUFFIXES and (ROOT / path).is_file())
