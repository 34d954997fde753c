"""Fixtures of the kill tests: those of tests/interop."""

import importlib.util
import pathlib

_path = pathlib.Path(__file__).parents[1] / "interop" / "conftest.py"
_spec = importlib.util.spec_from_file_location("ranklog_interop_conftest", _path)
_interop = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_interop)

bin_dir = _interop.bin_dir
ranklog_tool = _interop.ranklog_tool
pytest_sessionfinish = _interop.pytest_sessionfinish
