"""Workers that answer on stdin/stdout, so that peers in their own processes take turns.

A worker loads one peer, says so, and then runs one timed call per request. While one runs, the
others wait, so all peers meet the same machine. Needs numpy only, because the Keras peer lives in
an environment of its own.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SETTLE_S = 0.02
"""Threads of the peer before go on spinning for some milliseconds, and would take our cores."""

NETWORK_TESTS = HERE.parent / "network"


def patches(count):
    """Balls of soft tissue in noisy lung, (count, 32, 32, 32) in network units."""
    generator = np.random.default_rng(0)
    distance = np.sqrt(((np.indices((32, 32, 32)) - 15.5) ** 2).sum(0))
    balls = [np.clip(radius + 0.5 - distance, 0, 1) for radius in generator.uniform(3, 10, count)]
    noise = generator.normal(0, 20, (count, 32, 32, 32))
    grey = np.rint((174 + 850 * np.stack(balls) + noise) / 1424 * 255)
    return (grey / 128 - 1).astype(np.float32)


def serve(call, answer, started):
    """Be a worker: `call(batch)` is timed, `answer(patches)` gives what is compared."""
    say = sys.stdout
    sys.stdout = sys.stderr  # libraries may print; the channel is ours
    ready = time.perf_counter() - started
    print(json.dumps({"start_s": ready, "rss_mb": peak_memory()}), file=say, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "answer" in request:
            np.savez(request["answer"], **answer(patches(4)))
            reply = {}
        else:
            time.sleep(SETTLE_S)
            wall, processor = time.perf_counter(), time.process_time()
            call(request["batch"])
            reply = {
                "wall_ms": 1e3 * (time.perf_counter() - wall),
                "cpu_ms": 1e3 * (time.process_time() - processor),
                "rss_mb": peak_memory(),
            }
        print(json.dumps(reply), file=say, flush=True)


def peak_memory():
    """Largest resident memory of this process so far, MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory before the start, too
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


class Worker:
    """The parent's end of one worker."""

    def __init__(self, script, peer, threads, python=sys.executable, arguments=()):
        caps = dict.fromkeys(
            ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
        )
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [str(python), str(HERE / script), peer, str(threads), *map(str, arguments)]
        self.peer = peer
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **caps, **quiet},
        )
        self.start = self._reply()

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer '{self.peer}' ended; see its message above")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


def take_turns(workers, batch, rounds, warm=2):
    """Time all workers in alternation; per peer the summary of `rounds` calls."""
    samples = {worker.peer: [] for worker in workers}
    for turn in range(warm + rounds):
        for worker in workers:
            sample = worker.ask(batch=batch)
            if turn >= warm:
                samples[worker.peer].append(sample)
    return {peer: summary(taken, batch) for peer, taken in samples.items()}


def summary(samples, batch=1):
    """Minimum, median and quartiles of wall and processor time, per patch."""
    result = {"calls": len(samples)}
    for name in ("wall_ms", "cpu_ms"):
        values = sorted(sample[name] / batch for sample in samples)
        quartiles = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
        result[name] = {
            "min": round(values[0], 2),
            "median": round(statistics.median(values), 2),
            "quartiles": [round(quartiles[0], 2), round(quartiles[2], 2)],
        }
    result["rss_mb"] = round(max(sample["rss_mb"] for sample in samples))
    return result
