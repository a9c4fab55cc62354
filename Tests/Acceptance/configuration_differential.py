#!/usr/bin/env python3
"""Reads the same configurations with natsd and with nats-server and compares what they say.

    configuration_differential.py <natsd> <nats-server> [--only TEXT] [--verbose]

Every case is a set of files, environment variables and arguments. Compared are the exit code and the lines on
standard error (with them the digest), regardless of their order: nats-server walks its maps in random order, so it
gets several attempts where its answer depends on that. Differences that are meant stand in ACCEPTED with a reason.
"""
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

from configuration_language import FILES, LANGUAGE
from configuration_options import BLOCKS, OPTIONS, VALUES, within
from configuration_starts import ARGUMENTS, ARGUMENT_FILES, RELOAD, START

ATTEMPTS = 12
CERTIFICATE = {}
CERTIFICATE_LOCK = threading.Lock()

# Case name, line of nats-server (regular expressions) -> why natsd may differ.
ACCEPTED = [
    (r"ocsp\.urls = ", r"\[\]string", "nats-server reads no list of URLs at all: it expects a Go type that no file yields"),
    (r"", r"conf\.token=&|[\[:]0x", "nats-server prints its own structures or their addresses in place of the values"),
    (r"environment array", r"unsupported type string", "nats-server reads no list from a variable of the environment"),
]

# A line that nats-server adds when it trips over its own error; the error itself stands in another line.
ARTEFACT = "runtime error: invalid memory address or nil pointer dereference"


def cases():
    """Name, files, environment, arguments."""
    test = ["-t", "-c", "main.conf"]
    for name, text in LANGUAGE.items():
        yield f"language {name}", {"main.conf": text}, {}, test
    for name, (files, environment) in FILES.items():
        yield f"files {name}", files, environment, test
    for path, names in BLOCKS.items():
        for option in names.split():
            for kind, value in VALUES.items():
                yield f"types {path}.{option} = {kind}", {"main.conf": within(path, f"{option}: {value}")}, {}, test
        yield f"types {path} unknown", {"main.conf": within(path, "unknown_x: 1")}, {}, test
        yield f"types {path} unknown variable", {"main.conf": within(path, "unknown_x: 1\nunknown_y: $unknown_x")}, {}, test
    for path, lines in OPTIONS.items():
        for line in lines:
            yield f"option {path} {line}", {"main.conf": within(path, line)}, {}, test
    for name, text in START.items():
        yield f"start {name}", {"main.conf": text}, {}, ["-c", "main.conf", "-p", "-1"]
    for before, after in RELOAD:
        yield f"reload {before!r} -> {after!r}", {"main.conf": before + "\n", "next.conf": after + "\n"}, {}, None
    for arguments in ARGUMENTS:
        yield f"arguments {' '.join(arguments)}", ARGUMENT_FILES, {}, arguments


def run(program, arguments, directory, environment):
    """Exit code and comparable output; 124 for a server that started."""
    base = {"PATH": "/nonexistent", "HOME": "/home/somebody"}
    try:
        done = subprocess.run(
            [program, *arguments], cwd=directory, env={**base, **environment}, capture_output=True, timeout=3)
    except subprocess.TimeoutExpired as late:
        return 124, tuple(normal((late.stderr or b"").decode(errors="replace")))
    lines = normal(done.stderr.decode(errors="replace"))
    if arguments and arguments[0].lower().strip("-") in ("v", "version"):
        lines += done.stdout.decode().splitlines()[:1]
    return done.returncode, tuple(lines)


def reload(program, directory):
    """The log lines of a reload from main.conf to next.conf, in their order."""
    server = subprocess.Popen(
        [program, "-c", "main.conf", "-p", "-1"], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True)
    watchdog = threading.Timer(5, server.kill)
    watchdog.start()
    lines = []
    try:
        for line in server.stderr:
            if "Server is ready" in line:
                with open(os.path.join(directory, "next.conf")) as new, \
                        open(os.path.join(directory, "main.conf"), "w") as file:
                    file.write(new.read())
                server.send_signal(signal.SIGHUP)
            elif "Trapped" in line or lines:
                lines.append(re.sub(r"^\[\d+\] (\S+ \S+ )?", "", line.rstrip()))
                if "Reloaded server configuration" in line or "Failed to reload" in line:
                    break
    finally:
        watchdog.cancel()
        server.kill()
        server.wait()
        server.stderr.close()
    return 0, tuple(lines)


def answer_of(program, arguments, directory, files, environment):
    for path, text in files.items():
        full = os.path.join(directory, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", newline="") as file:
            file.write(text)
    if arguments is None:
        return reload(program, directory)
    return run(program, arguments, directory, environment)


def normal(text):
    """The lines in an order of their own, without what every run has different: times, addresses, types of tokens."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"^nats-server: ", "", line)
        line = re.sub(r"0x[0-9a-f]+", "0x", line)
        line = re.sub(r"^\[\d+\] \S+ \S+ ", "", line)
        if line.strip() and not line.endswith(ARTEFACT):
            lines.append(line)
    return sorted(lines)


def make_certificate(directory):
    """A certificate and its key, the same ones for all cases of a run."""
    with CERTIFICATE_LOCK:
        if not CERTIFICATE:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", "key.pem", "-out", "cert.pem", "-days", "3", "-subj", "/CN=localhost"],
                cwd=directory, check=True, capture_output=True)
            for name in ("key.pem", "cert.pem"):
                with open(os.path.join(directory, name)) as file:
                    CERTIFICATE[name] = file.read()
    for name, text in CERTIFICATE.items():
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)


def compare(case, natsd, reference):
    name, files, environment, arguments = case
    with tempfile.TemporaryDirectory() as directory:
        if arguments is None:
            make_certificate(directory)
        ours = answer_of(natsd, arguments, directory, files, environment)
        theirs = []
        for _ in range(ATTEMPTS):
            answer = answer_of(reference, arguments, directory, files, environment)
            if answer == ours:
                return name, True, ours, []
            if answer not in theirs:
                theirs.append(answer)
    return name, False, ours, theirs


def collected(ours, theirs):
    """The reason if natsd only says more: nats-server stops a block at the first value of a wrong type."""
    for code, lines in theirs:
        more = [line for line in ours[1] if line not in lines]
        if code == ours[0] and set(lines) <= set(ours[1]) and all("interface conversion" in line for line in more):
            return "natsd reports every value of a wrong type, nats-server the first of a block"
    return None


def main():
    plain = [a for a in sys.argv[1:] if not a.startswith("--")]
    only = plain[2] if "--only" in sys.argv and len(plain) > 2 else ""
    natsd, reference = map(os.path.abspath, plain[:2])
    chosen = [case for case in cases() if only in case[0]]
    failures, accepted = 0, 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, same, ours, theirs in pool.map(lambda case: compare(case, natsd, reference), chosen):
            if same:
                if "--verbose" in sys.argv:
                    print(f"same       {name}")
                continue
            reason = collected(ours, theirs) or next((reason for pattern, text, reason in ACCEPTED if re.search(pattern, name) and any(
                re.search(text, line) for _, lines in theirs for line in lines)), None)
            if reason:
                accepted += 1
                print(f"accepted   {name}: {reason}")
                continue
            failures += 1
            print(f"DIFFERENT  {name}")
            print(f"  natsd        {ours[0]}")
            for line in ours[1]:
                print(f"    {line!r}")
            for code, lines in theirs[:3]:
                print(f"  nats-server  {code}")
                for line in lines:
                    print(f"    {line!r}")
    print(f"{len(chosen)} configurations: {len(chosen) - failures - accepted} the same, {accepted} accepted, {failures} different")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
