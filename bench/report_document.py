"""The document that a benchmark in Python prints: the same as bench/support/report.hpp's."""

import json
import os
import statistics
import time


class ReportDocument:
    """Results of one program; a check that fails has ended the program before it is printed."""

    def __init__(self, program, n_ranks, **context):
        self._document = {
            "format": 1,
            "program": program,
            "context": {
                "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "n_cores": os.cpu_count(),
                "load_average": os.getloadavg()[0],
                "n_ranks": n_ranks,
                "is_oversubscribed": n_ranks > os.cpu_count(),
                "commit": os.environ.get("RANKLOG_BENCH_COMMIT", "unknown"),
                **context,
            },
            "results": [],
            "is_correct": True,
        }

    def add(self, name, unit, repetitions):
        self._document["results"].append({"name": name, "unit": unit,
                                          "value": statistics.median(repetitions),
                                          "repetitions": repetitions})

    def print(self):
        print(json.dumps(self._document, indent=2))
