"""Logs to wandb's own Python client in offline mode what log_to_tracker.cpp logs to ours.

Usage: wandb_client.py DIRECTORY STEPS METRICS. Prints nanoseconds per step, of the loop and of the
loop with the end of the run.
"""

import os
import sys
import time


def main():
    directory, n_steps, n_metrics = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_DIR=directory,
                      WANDB_ERROR_REPORTING="false", HOME=directory)
    import wandb
    settings = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True,
                              x_disable_machine_info=True, disable_git=True)
    run = wandb.init(project="bench", config={"n_metrics": n_metrics}, settings=settings)
    keys = [f"metric/{i}" for i in range(n_metrics)]
    start = time.perf_counter()
    for step in range(n_steps):
        run.log({key: i + step % 1024 + 0.25 for i, key in enumerate(keys)}, step=step)
    logged = time.perf_counter()
    run.finish()
    print(1e9 * (logged - start) / n_steps, 1e9 * (time.perf_counter() - start) / n_steps)


if __name__ == "__main__":
    main()
