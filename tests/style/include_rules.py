"""Checks which module includes which, by the table of modules in CONTRIBUTING.md, "Layout".

Run without arguments to check the repository, with --self-test to check the checker.
"""

import re
import sys

from sources import ROOT, cpp_files

# Public headers belong to a module. What only describes data belongs to core.
PUBLIC_HEADERS = {
    "core": "config device distribution error key media provenance record record_block reduction source_location value version watchdog",
    "comm": "communicator mpi testing",
    "reduce": "collectives",
    "tracking": "tracker tracker_handle tracker_options",
    "trackers": "memory_tracker tensorboard_writer",
    "reader": "run_reader run_recovery",
    "accelerator": "accelerator logger progress_bar project_configuration ranklog",
}

ROW = re.compile(r"^\| (\w+) \|[^|]*\|([\w, ]*)\|$", re.MULTILINE)


def modules_of(document):
    """The modules that each module may include, itself among them, from the table in `document`."""
    _, header, rest = document.partition("| module | job | may include |\n")
    table = rest.partition("\n\n")[0]
    rows = {name: set(re.findall(r"\w+", may_include)) | {name} for name, may_include in ROW.findall(table)}
    n_lines = len(table.splitlines()) - 1  # below the rule that Markdown wants
    unknown = set().union(*rows.values()) - set(rows)
    if not header or len(rows) != n_lines or unknown:
        sys.exit(f"the table of modules in CONTRIBUTING.md has {len(rows)} rows that can be read, of {n_lines};"
                 f" names without a row: {', '.join(sorted(unknown)) or 'none'}")
    return rows


ALLOWED = modules_of((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))

# Libraries that only some places may include: pattern of the header, pattern of the place.
LIBRARIES = [
    (r"mpi\.h", r"lib/comm/|include/ranklog/mpi\.hpp|tests/|bench/|examples/", "only comm speaks MPI"),
    (r"(cuda|cuda_\w+|cublas\w*|nccl|hip/.*)\.h(pp)?|cuda/.*", r"lib/device/|tests/gpu/|bench/gpu/|examples/line_fit/", "only device speaks CUDA"),
    (r"H5\w*\.h|hdf5(_hl)?\.h|hdf5/.*", r"lib/(hdf5|reader|trackers/hdf5)/|tests/|bench/",
     "only the reader and the hdf5 tracker speak HDF5"),
    (r"google/protobuf/.*|.*\.pb\.h", r"lib/trackers/(tensorboard|wandb)/|tests/",
     "only trackers whose format it is speak protobuf"),
    (r"png\.h", r"lib/trackers/support/|tests/", "only trackers' support speaks PNG"),
    (r"nlohmann/.*", r"lib/(http|trackers)/|tools/|tests/|bench/", "JSON stays at the edges"),
    (r"zip\.h", r"lib/trackers/support/|tests/", "only trackers' support speaks zip"),
    (r"curl/.*", r"lib/http/|tests/", "only http speaks libcurl"),
    (r"openssl/.*", r"lib/http/", "only http needs OpenSSL"),
    (r"sodium.*", r"lib/trackers/aim/", "only Aim's hashes need libsodium"),
    (r"CLI/.*", r"tools/", "only the tool has a command line"),
    (r"doctest/.*", r"tests/", "only tests include doctest"),
]

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def module_of_header(name):
    """The module of an included header, or None if it is not ours."""
    if name.startswith("ranklog/"):
        stem = name.removeprefix("ranklog/").removesuffix(".hpp")
        return next((m for m, stems in PUBLIC_HEADERS.items() if stem in stems.split()), "unlisted")
    first = name.split("/")[0]
    if first == "tools":
        return "tools"
    return first if "/" in name and first in ALLOWED else None


def module_of_file(path):
    """The module of a file, or None where every module may be included (tests, examples, bench)."""
    parts = path.split("/")
    if parts[0] == "include":
        return module_of_header("/".join(parts[1:]))
    if parts[0] == "lib":
        return parts[1]
    return "tools" if parts[0] == "tools" else None


def is_other_tracker(path, header):
    """True if a tracker's folder includes another tracker's: only `support` is shared."""
    own, other = path.split("/"), header.split("/")
    in_tracker = own[:2] == ["lib", "trackers"] and len(own) > 3
    return (in_tracker and other[0] == "trackers" and len(other) > 2
            and other[1] not in (own[2], "support"))


def violations(path, text):
    """What `text`, the contents of `path`, includes against the rules, one sentence for each."""
    module = module_of_file(path)
    for header in INCLUDE.findall(text):
        target = module_of_header(header)
        if module == "unlisted" or target == "unlisted":
            yield f"{path}: {header}: list this public header in PUBLIC_HEADERS of include_rules.py"
        elif module is not None and target is not None:
            if module not in ALLOWED:
                yield f"{path}: module {module} has no row in the table of modules of CONTRIBUTING.md"
            elif target not in ALLOWED[module]:
                yield f"{path}: {module} must not include {header} of {target}"
            elif is_other_tracker(path, header):
                yield f"{path}: a tracker must not include another's {header}"
        for header_pattern, place_pattern, reason in LIBRARIES:
            if re.fullmatch(header_pattern, header) and not re.match(place_pattern, path):
                yield f"{path}: {header}: {reason}"


def self_test():
    """Made-up files that break one rule each, and some that break none."""
    bad = [
        ("lib/core/a.cpp", '#include "comm/backend.hpp"'),
        ("lib/trackers/hdf5/a.cpp", '#include "ranklog/communicator.hpp"'),
        ("lib/trackers/hdf5/a.cpp", '#include "reduce/wire.hpp"'),
        ("lib/trackers/hdf5/a.cpp", '#include "trackers/jsonl/jsonl_tracker.hpp"'),
        ("lib/trackers/jsonl/a.cpp", '#include "hdf5/handle.hpp"'),
        ("lib/reader/a.cpp", '#include "tracking/dispatch.hpp"'),
        ("lib/reader/a.cpp", "#include <mpi.h>"),
        ("lib/sync/a.cpp", '#include "trackers/mlflow/mlflow_tracker.hpp"'),
        ("lib/reduce/a.cpp", "  #  include <mpi.h>"),
        ("lib/accelerator/a.cpp", "#include <cuda_runtime.h>"),
        ("lib/tracking/a.cpp", "#include <hdf5.h>"),
        ("tools/ranklog/a.cpp", '#include "ranklog/accelerator.hpp"'),
        ("tools/ranklog/a.cpp", '#include "ranklog/mpi.hpp"'),
        ("include/ranklog/tracker.hpp", '#include "ranklog/communicator.hpp"'),
        ("include/ranklog/brand_new.hpp", "#include <vector>\n"),
        ("lib/brand_new/a.cpp", '#include "core/text.hpp"'),
    ]
    good = [
        ("lib/comm/a.cpp", "#include <mpi.h>"),
        ("lib/trackers/hdf5/a.cpp", '#include <hdf5.h>\n#include "trackers/support/record_file.hpp"'),
        ("lib/trackers/builtin.cpp", '#include "trackers/hdf5/hdf5_tracker.hpp"'),
        ("lib/accelerator/a.cpp", '#include "reduce/exchange.hpp"\n// #include <mpi.h>'),
        ("tests/unit/a.cpp", '#include "comm/backend.hpp"\n#include <mpi.h>'),
    ]
    wrong = [f"accepted: {path}: {text}" for path, text in bad if not list(violations(path, text))]
    wrong += [problem for path, text in good for problem in violations(path, text)]
    return wrong


def main():
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        files = cpp_files()
        problems = [problem for path in files
                    for problem in violations(str(path), (ROOT / path).read_text(encoding="utf-8"))]
        if not files:
            problems.append(f"no C++ files found under {ROOT}")
        print(f"{len(files)} files checked")
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
