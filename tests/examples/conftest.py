"""Fixtures of the example tests: those of tests/interop, and a reader of run files."""

import importlib.util
import pathlib

import h5py
import pytest

_path = pathlib.Path(__file__).parents[1] / "interop" / "conftest.py"
_spec = importlib.util.spec_from_file_location("ranklog_interop_conftest", _path)
_interop = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_interop)

bin_dir = _interop.bin_dir
mpirun = _interop.mpirun
pytest_sessionfinish = _interop.pytest_sessionfinish

RANK_COUNTS = (1, 2, 3, 4, 8)


@pytest.fixture(params=RANK_COUNTS)
def n_ranks(request):
    """Every number of ranks at which the examples are run."""
    return request.param


@pytest.fixture
def run_of(tmp_path):
    """run_of(project, run_name): the columns of each metric, {key: {column: array}}.

    The run is looked for in tmp_path/runs, which is where the examples put it.
    """

    def read(project, run_name):
        columns = {}
        with h5py.File(tmp_path / "runs" / project / run_name / "run.h5", "r") as file:

            def visit(name, item):
                if isinstance(item, h5py.Group) and "value" in item:
                    columns[name] = {k: d[:] for k, d in item.items() if isinstance(d, h5py.Dataset)}

            file["metrics"].visititems(visit)
        return columns

    return read
