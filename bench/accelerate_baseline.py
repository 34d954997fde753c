"""What the same dictionaries cost in Python: Accelerate 0.27.2, and mpi4py by hand.

Started by mpirun like the other benchmarks. Each step handles 64 metrics of one number each:
  accelerate reduce   Accelerator.reduce of the dictionary, reduction="mean"
  accelerate gather   Accelerator.gather of the dictionary; the caller still has to reduce it
  mpi4py gather       Comm.gather of the dictionary, mean, minimum and maximum on rank 0
  mpi4py allreduce    Comm.allreduce of each number, as people write it
Accelerate reaches the ranks through torch.distributed; Debian's torch has no MPI backend, so that is
gloo over loopback, and mpi4py tells the ranks where to meet. Arguments: [steps] [repetitions].
"""

import os
import socket
import sys
import time

from mpi4py import MPI
from report_document import ReportDocument

N_METRICS = 64
COMM = MPI.COMM_WORLD


def meet():
    """Tells torch.distributed who takes part and where; rank 0 has found a free port."""
    port = None
    if COMM.rank == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(COMM.bcast(port)),
                      RANK=str(COMM.rank), WORLD_SIZE=str(COMM.size), LOCAL_RANK=str(COMM.rank),
                      OMP_NUM_THREADS="1")


def value_of(metric, step, rank):
    return float(metric + step % 1024 + rank)


def expected_mean(metric, step):
    return metric + step % 1024 + (COMM.size - 1) / 2


def time_steps(n_steps, n_repetitions, run_step):
    """Nanoseconds per step, the slowest rank's, by repetition; the first one warms up."""
    times = []
    for repetition in range(n_repetitions + 1):
        COMM.barrier()
        start = time.perf_counter()
        for step in range(n_steps):
            run_step(step)
        slowest = COMM.allreduce(time.perf_counter() - start, MPI.MAX)
        if repetition > 0:
            times.append(1e9 * slowest / n_steps)
    return times


def check(value, wanted):
    if abs(value - wanted) > 1e-3:  # torch reduces floats of 32 bits unless told otherwise
        print(f"rank {COMM.rank}: got {value}, expected {wanted}", file=sys.stderr)
        COMM.Abort(1)


def accelerate_steps():
    import torch
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)

    def tensors(step):
        return {f"metric/{i}": torch.tensor(value_of(i, step, COMM.rank), dtype=torch.float64)
                for i in range(N_METRICS)}

    def reduce(step):
        check(accelerator.reduce(tensors(step), reduction="mean")["metric/7"].item(),
              expected_mean(7, step))

    def gather(step):
        check(accelerator.gather(tensors(step))["metric/7"].mean().item(), expected_mean(7, step))

    return {"accelerate reduce": reduce, "accelerate gather": gather}


def numbers(step):
    return {f"metric/{i}": value_of(i, step, COMM.rank) for i in range(N_METRICS)}


def mpi4py_gather(step):
    parts = COMM.gather(numbers(step))
    if parts is None:
        return
    for key in parts[0]:
        column = [part[key] for part in parts]
        mean, _, _ = sum(column) / len(column), min(column), max(column)
        if key == "metric/7":
            check(mean, expected_mean(7, step))


def mpi4py_allreduce(step):
    means = {key: COMM.allreduce(value) / COMM.size for key, value in numbers(step).items()}
    check(means["metric/7"], expected_mean(7, step))


def main():
    n_steps, n_repetitions = (int(text) for text in (sys.argv[1:] + ["100", "5"][len(sys.argv) - 1:]))
    meet()
    import accelerate
    import torch

    steps = {**accelerate_steps(), "mpi4py gather": mpi4py_gather,
             "mpi4py allreduce": mpi4py_allreduce}
    report = ReportDocument(
        "accelerate_baseline", COMM.size,
        mpi=MPI.Get_library_version().splitlines()[0].rstrip("\0"),
        accelerate=accelerate.__version__, torch=torch.__version__,
        torch_backend=torch.distributed.get_backend(), n_repetitions=n_repetitions, n_steps=n_steps)
    for name, run_step in steps.items():
        report.add(f"{name}, 64 metrics", "ns/step", time_steps(n_steps, n_repetitions, run_step))
    if COMM.rank == 0:
        report.print()


if __name__ == "__main__":
    main()
