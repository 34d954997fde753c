"""Reports C++ files over 400 lines and fails over 500: such a file has more than one job."""

import sys

from sources import ROOT, cpp_files

REPORTED = 400
LIMIT = 500


def main():
    lengths = [(len((ROOT / path).read_text(encoding="utf-8").splitlines()), path)
               for path in cpp_files()]
    for n_lines, path in sorted(lengths, reverse=True):
        if n_lines > REPORTED:
            print(f"{n_lines:6} {path}{' (over the limit)' if n_lines > LIMIT else ''}")
    print(f"{len(lengths)} files, {sum(n for n, _ in lengths)} lines")
    return 1 if not lengths or any(n > LIMIT for n, _ in lengths) else 0


if __name__ == "__main__":
    sys.exit(main())
