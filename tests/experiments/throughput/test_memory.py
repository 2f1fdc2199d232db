"""Memory of long streams: bounded by what is returned about each job."""

import json
import subprocess
import sys


def test_memory_grows_by_the_records_of_the_jobs_alone() -> None:
    command = [sys.executable, "-m", "chipgym.experiments.throughput.memory", "2000", "42000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    short, long = json.loads(done.stdout)
    assert short["jobs"] == 2000
    # Workload, arrivals, finishes, latencies and copies: some 8-byte numbers a job, none a task.
    assert 0 <= long["peak_mib"] - short["peak_mib"] < 40_000 * 8 * 40 / 2**20
