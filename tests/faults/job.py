"""Starts an MPI job, reads what it prints as it comes, and ends it whatever happens."""

import os
import pathlib
import queue
import shlex
import signal
import subprocess
import tempfile
import threading
import time


def launcher():
    """The command before a number of ranks."""
    return os.environ.get("RANKLOG_MPIEXEC", "mpiexec -n").split()


class Job:
    """A running job. Lines are (seconds since the start, stream, text)."""

    def __init__(self, n_ranks, program, *args, has_launcher=True):
        start = [*launcher(), str(n_ranks)] if has_launcher else []
        binary = pathlib.Path(os.environ["RANKLOG_BIN_DIR"]) / program
        self.command = [*start, str(binary), *map(str, args)]
        self.directory = tempfile.TemporaryDirectory()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
            cwd=self.directory.name)
        self.lines = []
        self._queue = queue.Queue()
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in (("out", self.process.stdout), ("err", self.process.stderr))]
        for reader in self._readers:
            reader.start()
        self.pids = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Stopped ranks do not die of the launcher's end.
        for pid in self.pids.values():
            self.signal_pid(pid, signal.SIGKILL)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        self.directory.cleanup()

    def _read(self, stream, file):
        for line in file:
            self._queue.put((time.monotonic() - self.started, stream, line.rstrip("\n")))

    @staticmethod
    def signal_pid(pid, number):
        """Sends a signal; a process that is gone is no matter."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def create(self, name):
        """A file in the working directory of the ranks."""
        (pathlib.Path(self.directory.name) / name).touch()

    def _take(self, timeout):
        try:
            line = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        self.lines.append(line)
        words = line[2].split()
        if len(words) == 3 and words[0] == "pid":
            self.pids[int(words[1])] = int(words[2])
        return line

    def wait_for(self, text, timeout, stream=None):
        """When a line with `text` came, in seconds since the start. Fails after `timeout`."""
        for at, where, line in self.lines:
            if text in line and stream in (None, where):
                return at
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            taken = self._take(left)
            if taken and text in taken[2] and stream in (None, taken[1]):
                return taken[0]
        raise AssertionError(f"no {text!r} within {timeout} s\n{self.transcript()}")

    def wait(self, timeout):
        """The exit status of the launcher. Fails after `timeout`."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            while self._take(0.1):
                pass
            raise AssertionError(
                f"still running after {timeout} s\n{self.transcript()}") from None
        for reader in self._readers:
            reader.join(10)
        while self._take(0.05):
            pass
        return status

    def matching(self, text, stream=None):
        """All lines so far that contain `text`."""
        return [line for _, where, line in self.lines if text in line and stream in (None, where)]

    def transcript(self):
        """The command and what it printed."""
        lines = [f"{at:7.2f} {stream} {line}" for at, stream, line in self.lines]
        return "\n".join([shlex.join(self.command), *lines])
