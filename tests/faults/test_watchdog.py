"""A rank stops calling ranklog in the middle of a job: who says what, when, and what comes of it."""

import concurrent.futures
import re
import signal
import socket
import unittest

from job import Job

N_RANKS = 4
WATCHDOG_S = 2
# Long enough to be logging when the rank is found missing, or so short as to wait at the end.
LOGGING, ENDING = 150, 40
SILENT_AT = 20  # the program's step
PLACES = [0, 1, N_RANKS - 1]
WAYS = [("sleeps", ENDING), ("computes", LOGGING), ("stops", LOGGING)]
POLICIES = ["wait", "carry_on", "abort"]


def rows_of(job):
    """Rows by the number of ranks that they hold, and the status of the run."""
    (line,) = job.matching("rows ", "out")
    counts = {int(c): int(n) for c, n in re.findall(r"(\d+):(\d+)", line.split(" status ")[0])}
    return counts, line.split(" status ")[1]


def check_report(job, rank, silent_at):
    """It is said once, in time, and says who, where and since when."""
    said_at = job.wait_for("has made no call to ranklog", WATCHDOG_S + 15, "err")
    assert said_at - silent_at <= WATCHDOG_S + 2, f"said after {said_at - silent_at:.2f} s"
    assert said_at - silent_at >= WATCHDOG_S - 0.5, f"said after {said_at - silent_at:.2f} s"
    (line,) = job.matching("has made no call to ranklog", "err")
    assert f"rank {rank} on {socket.gethostname()} has made no call" in line, line
    seen = re.search(r"last seen at step (\d+), in log\(\) at \S*silent_rank\.cpp:\d+", line)
    assert seen, line
    assert SILENT_AT - 15 <= int(seen[1]) <= SILENT_AT, line
    return said_at - silent_at


def check_wait(job, n_steps):
    """It is waited for, and said to be back; nothing is lost."""
    status = job.wait(60)
    assert status == 0, status
    assert len(job.matching("has made no call")) == 1
    assert len(job.matching("is back after", "err")) == 1
    counts, run_status = rows_of(job)
    assert counts[N_RANKS] == n_steps, counts
    assert run_status.startswith("completed"), run_status
    for r in range(N_RANKS):
        assert job.matching(f"ended {r}", "out")


def check_carry_on(job, rank):
    """The others end without it."""
    for r in range(N_RANKS):
        if r != rank:
            job.wait_for(f"ended {r}", 30, "out")
    assert not job.matching("awake")


def check_carried_on(job, rank, n_steps):
    """It comes back when the others have ended, and ends at once."""
    assert job.wait(60) == 0
    assert job.matching(f"ended {rank}", "out")
    assert len(job.matching("has made no call")) == 1
    counts, run_status = rows_of(job)
    assert run_status.startswith("failed"), run_status
    assert sum(counts.values()) >= SILENT_AT - 15, counts
    if rank == 0:
        # What the others had handed over before is there; the rest they dropped, and said so.
        assert job.matching("the run went on without this rank, or rank 0 did not come back")
        return
    assert counts[N_RANKS] <= SILENT_AT + 1, counts
    # The rows of the end hold the three others.
    assert counts[N_RANKS - 1] >= n_steps - SILENT_AT - 1, counts
    assert job.matching(f"rows may lack the values of rank {rank} on", "err")
    assert f"rank {rank}: it stopped calling ranklog" in run_status, run_status


def check_abort(job):
    """The launcher ends with a failure, soon."""
    assert job.wait(20) != 0
    assert "Aborting the job." in job.matching("has made no call")[0]
    assert not job.matching("ended")


def wake(job, rank, how):
    """Lets the silent rank go on."""
    if how == "stops":
        job.signal_pid(job.pids[rank], signal.SIGCONT)
    else:
        job.create("awake")


def start(rank, way, policy):
    """A job whose rank `rank` falls silent."""
    how, n_steps = way
    return Job(N_RANKS, "faults_silent_rank", rank, how, policy, WATCHDOG_S * 1000, n_steps)


def run(rank, way, policy):
    """One job; its detection time in seconds."""
    how, n_steps = way
    with start(rank, way, policy) as job:
        try:
            silent_at = job.wait_for(f"silent {rank}", 60, "out")
            said_after = check_report(job, rank, silent_at)
            if policy == "abort":
                check_abort(job)
                return said_after
            if policy == "carry_on":
                check_carry_on(job, rank)
            wake(job, rank, how)
            if policy == "wait":
                check_wait(job, n_steps)
            else:
                check_carried_on(job, rank, n_steps)
            return said_after
        except AssertionError as error:
            raise AssertionError(f"{rank} {way} {policy}: {error}\n{job.transcript()}") from error


class Watchdog(unittest.TestCase):
    """Each way of falling silent, each policy, each place in the tree."""

    def check_policy(self, policy):
        """All ways and places, some at a time: they mostly sleep."""
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            jobs = {(rank, way[0]): pool.submit(run, rank, way, policy)
                    for way in WAYS for rank in PLACES}
            for (rank, how), job in jobs.items():
                with self.subTest(rank=rank, how=how):
                    print(f"{policy}: rank {rank} {how}: said after {job.result():.2f} s")

    def test_a_silent_rank_is_named_and_waited_for(self):
        self.check_policy("wait")

    def test_a_silent_rank_is_named_and_left_out(self):
        self.check_policy("carry_on")

    def test_a_silent_rank_is_named_and_the_job_aborted(self):
        self.check_policy("abort")

    def test_a_rank_that_comes_back_before_the_end_is_counted_again(self):
        rank, way = 1, ("sleeps", 300)
        with start(rank, way, "carry_on") as job:
            check_report(job, rank, job.wait_for(f"silent {rank}", 60, "out"))
            wake(job, rank, way[0])
            self.assertEqual(job.wait(60), 0, job.transcript())
            self.assertEqual(len(job.matching("is back after", "err")), 1, job.transcript())
            self.assertTrue(job.matching("until it came back at step", "err"), job.transcript())
            counts, run_status = rows_of(job)
            self.assertTrue(run_status.startswith("completed"), job.transcript())
            # No value is lost: what came late has rows of its own.
            self.assertEqual(sum(c * n for c, n in counts.items()), N_RANKS * way[1], counts)


if __name__ == "__main__":
    unittest.main(verbosity=2)
