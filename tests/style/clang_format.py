"""Checks that clang-format would change nothing; `--fix` lets it. Exits 77 (skipped) where the
version that the project has agreed on is missing, since another formats differently."""

import re
import shutil
import subprocess
import sys

from sources import ROOT, cpp_files

VERSION = "14"
SKIPPED = 77


def find_clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            if re.search(rf"version {VERSION}\.", said.stdout):
                return path
    return None


def main():
    tool = find_clang_format()
    if tool is None:
        print(f"skipped: no clang-format {VERSION} (Debian: apt-get install clang-format-{VERSION})")
        return SKIPPED
    files = [str(path) for path in cpp_files()]
    mode = ["-i"] if sys.argv[1:] == ["--fix"] else ["--dry-run", "--Werror"]
    done = subprocess.run([tool, "--style=file", *mode, *files], cwd=ROOT, check=False)
    print(f"{len(files)} files; to format them all: python3 tests/style/clang_format.py --fix")
    return 0 if files and done.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
