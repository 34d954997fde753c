"""Checks that every row of the tracking contract stands in docs/tracking_contract.md and has a test.

A test belongs to a row if its name begins with the row's id ("L8: ..." or "X2, X3: ..."), or, in
tests/interop, its docstring. A row may say instead, in its last column, "not in C++: <why>" or "with
the tracker".
"""

import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "docs" / "tracking_contract.md"
N_ROWS = {"S": 20, "L": 22, "X": 8, "T": 9, "P": 13}
IDS = [f"{letter}{n}" for letter, n_rows in N_ROWS.items() for n in range(1, n_rows + 1)]

CASE = re.compile(r'^TEST_CASE\(\s*"((?:[SLXTP]\d+(?:, )?)+): ', re.MULTILINE)
PYTHON_CASE = re.compile(r'^def test_[^"]*?:\n    """((?:[SLXTP]\d+(?:, )?)+): ', re.MULTILINE)
ANY_CASE = re.compile(r"^TEST_CASE\(", re.MULTILINE)
ROW = re.compile(r"^\| ([A-Z]\d+) \| .+ \| ([^|]+) \|$", re.MULTILINE)


def tested_ids():
    """The files in which each id has a test, and what is wrong with the names of tests."""
    files, faults = {}, []
    for path in sorted(HERE.glob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        names = CASE.findall(text)
        if len(names) != len(ANY_CASE.findall(text)):
            faults.append(f"{path.name}: a test whose name does not begin with the id of a row")
        for name in names:
            for row_id in name.split(", "):
                files.setdefault(row_id, set()).add(path.name)
    for path in sorted((ROOT / "tests" / "interop").glob("test_*.py")):
        for name in PYTHON_CASE.findall(path.read_text(encoding="utf-8")):
            for row_id in name.split(", "):
                files.setdefault(row_id, set()).add(str(path.relative_to(ROOT)))
    return files, faults


def main():
    files, faults = tested_ids()
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    where = dict(rows)
    if [row_id for row_id, _ in rows] != IDS:
        missing = sorted(set(IDS) - set(where)) or "none is missing"
        faults.append(f"{DOCUMENT.name}: the rows are not S1 to P13, once each, in order; missing: {missing}")
    for row_id in sorted(set(files) - set(IDS)):
        faults.append(f"{', '.join(sorted(files[row_id]))}: there is no row {row_id}")
    for row_id in IDS:
        said = where.get(row_id, "")
        if said.startswith("not in C++: ") or said == "with the tracker":
            continue
        if said not in files.get(row_id, set()):
            faults.append(f"{row_id}: the document says '{said}', tests are in {sorted(files.get(row_id, []))}")
    for fault in faults:
        print(fault)
    print(f"{len(IDS)} rows, {len(files)} of them with tests")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
