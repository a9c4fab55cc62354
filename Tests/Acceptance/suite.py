"""How tests are declared, run and counted. A suite is a module whose function `tests(context)` returns `Test`s."""
import concurrent.futures
import re
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable


class Missing(Exception):
    """What a test needs and this machine does not have; the test counts as skipped."""


class Failure(Exception):
    """A test's finding in words; printed without a stack trace."""


@dataclass
class Context:
    """What every test gets."""

    server: str  # path of the natsd under test
    peer: str  # path of the real nats-server, "" where there is none
    folder: Path  # scratch folder of this run, removed at its end
    frames: int  # how many frames the fuzzer sends
    seed: int
    show: bool  # print the transcripts of byte scripts
    full: bool = False  # memory tests at their full size
    chosen_seed: int | None = None  # the seed, when it was given
    minutes: float = 15  # length of the soak

    def needs_peer(self):
        if not self.peer:
            raise Missing("a real nats-server (Tests/rig/peers)")
        return self.peer


@dataclass
class Test:
    name: str
    run: Callable[[], str | None]  # returns a note to print behind the name, or nothing
    alone: bool = False  # measures time or memory: nothing else runs meanwhile
    # Compares what two servers do at moments of the clock. With the machine busy with other tests, a difference can be
    # the machine's: it counts when it is there without them, too.
    timed: bool = False


@dataclass
class Results:
    passed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def line(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {self.skipped} skipped"


def check(condition, text):
    if not condition:
        raise Failure(text)


def expect(actual, expected, what):
    check(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def wait_until(condition, seconds, what):
    """Polls until `condition()` is true; its value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.005)


def read_accepted(path):
    """Name -> reason, from lines "NAME :: REASON"."""
    accepted = {}
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition(" :: ")
            accepted[name.strip()] = reason.strip()
    return accepted


def run_all(suite, tests, results, jobs, pattern, missing_fails):
    """Runs the tests of one suite, those that are `alone` last and one by one; prints one line for each."""
    chosen = [test for test in tests if re.search(pattern, test.name)]
    together = [test for test in chosen if not test.alone]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        again = [test for test in pool.map(
            lambda test: run_one(suite, test, results, missing_fails, final=not test.timed), together) if test]
    for test in [*again, *(test for test in chosen if test.alone)]:
        run_one(suite, test, results, missing_fails)


def brief_trace():
    """The exception and the lines of our own files that led to it."""
    kind, value, trace = sys.exc_info()
    here = Path(__file__).parent
    frames = [frame for frame in traceback.extract_tb(trace) if Path(frame.filename).parent == here]
    lines = [f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}" for frame in frames]
    return "\n".join([f"{kind.__name__}: {value}", *lines])


def run_one(suite, test, results, missing_fails, final=True):
    """Runs one test, counts it and prints its line. What fails and is not `final` is not counted, but returned."""
    started = time.monotonic()
    word, note = "ok", ""
    try:
        note = test.run() or ""
    except Missing as missing:
        word, note = ("FAIL" if missing_fails else "skip"), f"missing: {missing}"
    except Failure as failure:
        word, note = "FAIL", str(failure)
    except Exception:
        word, note = "FAIL", brief_trace()
    seconds = time.monotonic() - started
    with results.lock:
        if word == "ok":
            results.passed += 1
        elif word == "skip":
            results.skipped += 1
        elif not final:
            word = "again"
        else:
            results.failures.append(f"{suite}: {test.name}")
        lines = note.splitlines() or [""]
        note = (f"  {lines[0]}" if len(lines) == 1 else "\n" + "\n".join("     " + line for line in lines))
        print(f"{word:4} {suite}: {test.name} ({seconds:.1f} s){note}".rstrip(), flush=True)
    return test if word == "again" else None
