"""A reading process that answers on its own and is killed at random moments.

Run as a program it does what the reliability page of the docs reports:

    python Testing/study/conduct/automatic_reader.py --kills 500
"""

import argparse
import functools
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path

from study_simulation import ball_mask, make_study, plain_answer

from densesharp.study.conduct.reading_session import Reading
from densesharp.study.conduct.store import open_store
from densesharp.study.conduct.study_folder import Study, open_study
from densesharp.study.conduct.verify import verify

READER = "S1"
CASES = 60


@functools.cache
def fork_server() -> multiprocessing.context.BaseContext:
    """Processes that are forked from one with everything imported, so that they start at once."""
    context = multiprocessing.get_context("forkserver")
    # The server does not take over this process's module path.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), before or ""])
    context.set_forkserver_preload(["automatic_reader"])
    forkserver.ensure_running()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
    return context


def read_until_killed(folder: Path, address: str, acknowledge: Connection) -> None:
    """Read and tell, after each submission has returned, which answer it was."""
    study = open_study(folder)
    store = open_store(address, study.design.study, study.design.sha256)
    reading = Reading(study, store, READER)
    mask = ball_mask()
    acknowledge.send("reading")
    if reading.sessions()[0].status == "ready":
        reading.start_session(1)
    while reading.sessions()[0].status == "running":
        opened = reading.open_case()
        while opened is not None:
            answer = plain_answer(opened)
            reading.save_draft(answer)
            name = (opened.item.item, opened.number)
            # Every other answer has an outline, so that kills also fall into larger writes.
            opened = reading.submit(answer, mask if opened.item.position % 2 else None)
            acknowledge.send(name)
    acknowledge.send("finished")


def submitted(study: Study, address: str) -> list[tuple[str, int]]:
    """The answers in the store; a record that is not whole raises."""
    store = open_store(address, study.design.study, study.design.sha256)
    found = verify(study, store)
    answers = [e for e in store.events(READER) if e.kind == "answer"]
    store.close()
    if not found.clean:
        raise AssertionError(found.problems)
    return [(event.body["item"], event.body["step"]) for event in answers]


def kill_once(
    study: Study, address: str, wait_for: int, delay: float
) -> tuple[list[tuple[str, int]], bool]:
    """Start the reader, wait for some answers and then some seconds, kill it.

    Gives what it had been told was saved, and whether it had finished.
    """
    context = fork_server()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=read_until_killed, args=(study.folder, address, theirs))
    process.start()
    theirs.close()
    told = []
    # The first message says that it reads; a slow machine kills later, not less far on.
    while len(told) <= wait_for and (not told or told[-1] != "finished"):
        told.append(ours.recv())
    time.sleep(delay)
    process.kill()
    process.join()
    try:
        while True:
            told.append(ours.recv())
    except EOFError:
        ours.close()
    names = [name for name in told if not isinstance(name, str)]
    return names, told[-1] == "finished"


def kill_many(kills: int, folder: Path, seed: int, address: str | None = None) -> Counter[str]:
    """Kill a reader again and again and check the record after each kill.

    Gives counts: kills, answers, unacknowledged (saved, but killed before the reader was told).

    Raises:
        AssertionError: an acknowledged answer is missing, an answer is there twice, or the record
            is not whole.
    """
    generator = random.Random(seed)
    counts: Counter[str] = Counter()
    while counts["kills"] < kills:
        study = make_study(folder / f"study{counts['studies']}", "sequential", count=CASES)
        store = address or str(study.default_store)
        expected: list[tuple[str, int]] = []
        finished = False
        while not finished and counts["kills"] < kills:
            wait_for, delay = generator.randrange(5), generator.uniform(0, 0.05)
            told, finished = kill_once(study, store, wait_for, delay)
            saved = submitted(study, store)
            check(saved, expected + told)
            counts["kills"] += not finished
            counts["unacknowledged"] += len(saved) - len(expected) - len(told)
            expected = saved
        counts["answers"] += len(expected)
        counts["studies"] += 1
        if address:
            break
    return counts


def check(saved: list[tuple[str, int]], told: list[tuple[str, int]]) -> None:
    """Everything told is saved, in order and once; at most the last was saved but not yet told."""
    if len(set(saved)) != len(saved):
        raise AssertionError(f"answers saved twice: {saved}")
    if saved[: len(told)] != told or len(saved) > len(told) + 1:
        raise AssertionError(f"told {told}, saved {saved}")


def main() -> None:
    """Run the kills and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = kill_many(args.kills, Path(folder), args.seed)
    sys.stdout.write(
        f"{counts['kills']} kills, {counts['answers']} answers saved, none lost, none twice, "
        f"record whole after each kill; {counts['unacknowledged']} answers were saved and the "
        f"process killed before it was told; {time.monotonic() - begin:.0f} s\n"
    )


if __name__ == "__main__":
    main()
