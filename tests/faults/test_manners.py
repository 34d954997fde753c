"""A guest in the host's MPI, with Open MPI and MPICH: thread levels, a forgotten end, exceptions."""

import unittest

from job import Job

LEVELS = ["single", "funneled", "serialized", "multiple"]


class Manners(unittest.TestCase):
    """Each test is a job, or a few."""

    def run_job(self, n_ranks, program, *args, status=0):
        """Runs to the end; the lines on stdout and stderr."""
        with Job(n_ranks, program, *args) as job:
            ended_with = job.wait(60)
            self.assertEqual(ended_with == 0, status == 0, job.transcript())
            return job.matching("", "out"), job.matching("", "err")

    def test_any_thread_level_of_the_host_will_do(self):
        for level, name in enumerate(LEVELS):
            with self.subTest(level=name):
                out, _ = self.run_job(2, "faults_thread_level", level)
                self.assertEqual(out, ["rows=50 sum=2 finalized=0"])

    def test_a_run_that_nobody_ended_is_ended_inside_finalize(self):
        for n_ranks in (1, 3):
            for who in ("host", "ours"):
                with self.subTest(n_ranks=n_ranks, who=who):
                    out, _ = self.run_job(n_ranks, "faults_forgotten_end", who)
                    self.assertEqual(sorted(out),
                                     ["end of main", "finished rows=50 status=completed"])
                    if who == "host":
                        self.assertEqual(out[-1], "end of main")

    def test_a_disagreement_inside_finalize_is_reported_and_harms_nobody(self):
        out, err = self.run_job(3, "faults_forgotten_end", "conflict")
        self.assertIn("finished rows=51 status=completed", out)
        self.assertIn("end of main", out)
        text = "the ranks disagree: metric 'b': rank 0 logs integer, rank 1 logs real; "
        self.assertTrue(any(text in line for line in err), err)

    def test_a_rank_that_leaves_by_an_exception_keeps_nobody_waiting(self):
        for rank in (0, 1, 3):
            with self.subTest(rank=rank):
                out, _ = self.run_job(4, "faults_exception", rank)
                self.assertIn(f"rank {rank} left: diverged", out)
                (rows,) = [line for line in out if line.startswith("rows")]
                self.assertEqual(rows, "rows=40 with all=10 status=failed "
                                       f"reason=rank {rank}: it left by an exception")

    def test_the_host_goes_on_after_our_errors(self):
        for n_ranks in (1, 3):
            with self.subTest(n_ranks=n_ranks):
                out, _ = self.run_job(n_ranks, "faults_left_alone")
                self.assertEqual(out[:2], ["refused", f"host sum={n_ranks * (n_ranks - 1) // 2}"])
                self.assertTrue(out[2].startswith("MPI was finalised already"), out)

    def test_a_program_runs_as_one_rank_without_a_launcher(self):
        with Job(1, "faults_forgotten_end", "ours", has_launcher=False) as job:
            self.assertEqual(job.wait(60), 0)
            self.assertEqual(sorted(job.matching("", "out")),
                             ["end of main", "finished rows=50 status=completed"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
