"""04_custom_tracker: a table from rank 0's tracker, and a count from every rank's own."""

N_STEPS = 12


def n_visits(rank):
    return len(range(0, N_STEPS, rank + 1))


def test_the_summary_holds_the_reduced_values(mpirun, n_ranks, tmp_path):
    mpirun(n_ranks, "04_custom_tracker", "--project-dir", "runs", "--run-name", "a")
    last = N_STEPS - 1
    visitors_at_last = sum(last % (rank + 1) == 0 for rank in range(n_ranks))
    mean = 0.5 * last + (n_ranks - 1) / 2
    visits = sum(map(n_visits, range(n_ranks)))
    assert (tmp_path / "runs" / "custom" / "a" / "summary.csv").read_text(encoding="utf-8") == (
        "# n_steps = 12\n"
        "# wave/height = 0.5\n"
        "# status = completed\n"
        "key,rows,values,min,max,last\n"
        f"height,12,{12 * n_ranks},0,{0.5 * last + n_ranks - 1:g},{mean:g}\n"
        f"visits,12,{visits},1,1,{visitors_at_last}\n")


def test_each_rank_counts_its_own_values(mpirun, n_ranks, tmp_path):
    stdout = mpirun(n_ranks, "04_custom_tracker", "--project-dir", "runs", "--run-name", "a").stdout
    expected = ["summary of 2 keys"]
    expected += [f"rank {rank} logged {N_STEPS + n_visits(rank)} values" for rank in range(n_ranks)]
    expected += [f"run directory: {tmp_path}/runs/custom/a"]
    assert stdout.splitlines() == expected
