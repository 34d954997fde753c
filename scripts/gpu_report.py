"""Makes gpu-check.json of what scripts/gpu-check left in a directory, and prints it.

Exit status: 0 all passed, 1 a step failed, 77 there is no GPU."""

import datetime
import json
import pathlib
import subprocess
import sys

SKIPPED = 77
TOO_LONG = 124


def output_of(*command):
    """The lines that a command prints; none where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return done.stdout.strip().splitlines()


def numbers_in(text):
    """The JSON object that a benchmark printed, or nothing if it did not come to that."""
    try:
        return json.loads(text[text.index("{"):text.rindex("}") + 1])
    except ValueError:
        return {}


def step_of(name, status, text):
    if status == SKIPPED:
        lines = text.strip().splitlines()
        return {"outcome": "skipped", "reason": lines[-1] if lines else "no reason given"}
    if status == 0:
        step = {"outcome": "passed"}
    else:
        step = {"outcome": "failed", "exit_status": status, "log": f"{name}.log"}
        if status == TOO_LONG:
            step["reason"] = "not done in time"
    if name.startswith("device_"):
        step.update(numbers_in(text))
    return step


def report_of(directory):
    steps = {}
    for line in (directory / "steps").read_text().splitlines():
        name, status = line.split()
        text = (directory / f"{name}.log").read_text(errors="replace")
        steps[name] = step_of(name, int(status), text)
    has_failed = any(step["outcome"] == "failed" for step in steps.values())
    has_gpu = steps["gpu_tests"]["outcome"] != "skipped"
    return {
        "outcome": "failed" if has_failed else "passed" if has_gpu else "skipped: no GPU",
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": "".join(output_of("git", "rev-parse", "HEAD")[:1]),
        "gpus": output_of("nvidia-smi", "--query-gpu=name,driver_version,memory.total",
                          "--format=csv,noheader"),
        "nvcc": "".join(output_of("nvcc", "--version")[-1:]),
        "steps": steps,
    }


def main():
    directory = pathlib.Path(sys.argv[1])
    report = report_of(directory)
    path = directory / "gpu-check.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(path.read_text(), end="")
    failed = [name for name, step in report["steps"].items() if step["outcome"] == "failed"]
    if failed:
        print(f"\ngpu-check: failed: {', '.join(failed)}; see {directory}/NAME.log")
        return 1
    if report["outcome"] != "passed":
        print(f"\ngpu-check: {report['steps']['gpu_tests']['reason']}. "
              "Built, but nothing that needs a GPU has run.")
        return SKIPPED
    print("\ngpu-check: passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
