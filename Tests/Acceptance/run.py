"""Runs the acceptance suites against a built natsd.

Every server listens on 127.0.0.1 on a free port, is stopped by its pid, and leaves nothing behind. The last line is
"N passed, N failed, N skipped"; the exit code is 1 when anything failed. With CI=true what is missing on this machine
counts as a failure.
"""
import argparse
import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import suite

HERE = Path(__file__).resolve().parent
SUITES = [
    "commandline", "operations", "configurations", "differential", "monitoring", "natspy", "libnats", "jetstream",
    "jetstream_random", "jetstream_clients", "backup", "durability", "robustness", "image", "compose", "exporter",
    "controller", "charts", "kubernetes", "cluster",
]
# Only when they are named.
LONG_SUITES = ["soak"]


def arguments():
    parser = argparse.ArgumentParser(prog="Tests/Acceptance/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", metavar="SUITE",
                        help=f"some of: {', '.join(SUITES)} (default: all), {', '.join(LONG_SUITES)}")
    parser.add_argument("--server", default=os.environ.get("NATSD", str(HERE.parent.parent / "dist/natsd")),
                        help="the server under test (default: $NATSD or dist/natsd)")
    parser.add_argument("--peer", help="the real nats-server to compare with (default: the newest that Debian has)")
    parser.add_argument("--match", default="", metavar="REGEX", help="only tests whose name matches")
    parser.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1), help="tests at a time")
    parser.add_argument("--frames", type=int, default=10_000_000, help="frames of the fuzzer (default: 10,000,000)")
    parser.add_argument("--seed", type=int, help="of the fuzzer (default: a random one), and of the random JetStream "
                        "histories (default: always the same)")
    parser.add_argument("--show", action="store_true", help="print what the real server answers to the byte scripts")
    parser.add_argument("--full", action="store_true", help="a million subjects and 4 GiB in the memory tests")
    parser.add_argument("--minutes", type=float, default=15, help="length of the soak (default: 15)")
    parser.add_argument("--results", metavar="FILE", help="write the counts there as JSON")
    options = parser.parse_args()
    for name in options.suites:
        if name not in SUITES + LONG_SUITES:
            parser.error(f"no suite '{name}'; there are: {', '.join(SUITES + LONG_SUITES)}")
    return options


def find_peer(options):
    """The peer's path, or "" with a line that says why there is none."""
    if options.peer:
        return options.peer
    found = subprocess.run([HERE.parent / "rig/peers", "newest"], capture_output=True, text=True)
    if found.returncode:
        print(f"no real nats-server: {found.stderr.strip()}", flush=True)
        return ""
    return found.stdout.strip()


def main():
    options = arguments()
    server = Path(options.server).resolve()
    if not os.access(server, os.X_OK):
        print(f"no server to test at {server}; `make release` builds it", flush=True)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="natsd-acceptance-"))
    results = suite.Results()
    try:
        context = suite.Context(
            str(server), find_peer(options), folder, options.frames,
            random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed, options.show,
            options.full, options.seed, options.minutes)
        print(f"server {server}\npeer   {context.peer or 'none'}", flush=True)
        for name in options.suites or SUITES:
            started = time.monotonic()
            tests = importlib.import_module(f"suite_{name}").tests(context)
            suite.run_all(name, tests, results, options.jobs, options.match, os.environ.get("CI") == "true")
            print(f"---- {name}: {time.monotonic() - started:.1f} s", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for failure in results.failures:
        print(f"FAILED {failure}")
    print(results.line(), flush=True)
    if options.results:
        Path(options.results).write_text(json.dumps({
            "passed": results.passed, "failed": len(results.failures), "skipped": results.skipped,
            "failures": results.failures}))
    return 1 if results.failures or not results.passed else 0


if __name__ == "__main__":
    sys.exit(main())
