"""What the run file's rows cost in h5py: appending them, and opening and reading a run.

Writes the columns of 16 metrics, in blocks and row by row, each with resize and assignment as people
write it; then opens the run file that bench_run_file left, and reads all of its columns.
Arguments: rows of that file, the file. Processor time, as in bench_run_file.
"""

import os
import sys
import tempfile
import time

import h5py
import numpy
from report_document import ReportDocument

N_METRICS = 16
ROWS_PER_BLOCK = 1024
ROWS_PER_CHUNK = 4096
N_APPENDED_ROWS = 100
N_REPETITIONS = 3
COLUMNS = (("value", "f8"), ("min", "f8"), ("max", "f8"), ("std", "f8"), ("min_rank", "i4"),
           ("max_rank", "i4"), ("first_nan_rank", "i4"), ("count", "i8"), ("nan_count", "i8"))


def append_all(n_rows, rows_per_block):
    """Nanoseconds per row."""
    with tempfile.TemporaryDirectory(prefix="ranklog-bench-") as directory:
        start = time.process_time()
        with h5py.File(os.path.join(directory, "h5py.h5"), "w") as file:
            datasets = []
            for name, kind in [("step", "i8"), ("time", "f8")] + [
                    (f"metric{i}/{column}", kind) for i in range(N_METRICS)
                    for column, kind in COLUMNS]:
                datasets.append(file.create_dataset(name, (0,), kind, maxshape=(None,),
                                                    chunks=(ROWS_PER_CHUNK,)))
            blocks = [numpy.arange(rows_per_block).astype(dataset.dtype) for dataset in datasets]
            for row in range(0, n_rows, rows_per_block):
                n = min(rows_per_block, n_rows - row)
                for dataset, block in zip(datasets, blocks):
                    dataset.resize(row + n, axis=0)
                    dataset[row:] = block[:n]
        return 1e9 * (time.process_time() - start) / n_rows


def read(path, n_rows):
    """Seconds to open and list, and nanoseconds per row to read all columns."""
    start = time.process_time()
    with h5py.File(path, locking=False) as file:
        keys = [group.attrs["key"] for group in file["metrics"].values()]
        opened = time.process_time()
        for key in keys:
            group = file["metrics"][key]
            columns = {name: group[name][:] for name in ("step", "time", *(c for c, _ in COLUMNS))}
            if len(columns["value"]) != n_rows or columns["value"][-1] < n_rows - 1:
                sys.exit(f"{path}: {key} is not as it was written")
        done = time.process_time()
    return opened - start, 1e9 * (done - opened) / n_rows


def main():
    n_rows, path = int(sys.argv[1]), sys.argv[2]
    blocks = [append_all(n_rows, ROWS_PER_BLOCK) for _ in range(N_REPETITIONS)]
    rows = [append_all(N_APPENDED_ROWS, 1) for _ in range(N_REPETITIONS)]
    reads = [read(path, n_rows) for _ in range(N_REPETITIONS)]
    report = ReportDocument("h5py_run_file", 1, h5py=h5py.__version__,
                            hdf5=h5py.version.hdf5_version, n_repetitions=N_REPETITIONS,
                            n_steps=n_rows)
    report.add("h5py, appends of 1,024 rows", "ns/row", blocks)
    report.add("h5py, one row at a time", "ns/row", rows)
    report.add("h5py, open and list", "s", [opened for opened, _ in reads])
    report.add("h5py, read all columns", "ns/row", [taken for _, taken in reads])
    report.print()


if __name__ == "__main__":
    main()
