"""JetStream scripts (jetstream/*.scripts) played to a real nats-server and to natsd; the answers must be the same.

Accepted differences stand in jetstream/accepted, each with its reason; one that no longer differs is a failure."""
import difflib
from pathlib import Path

import jetstream_player
import jetstream_scripts
import scripts
import suite
import suite_differential

HERE = Path(__file__).resolve().parent / "jetstream"
# Seconds of silence that end an answer of the real server; see suite_differential.py.
QUIET = 0.06
# Two lines that begin alike for so long are shown from a little before where they part.
SAME_COLUMNS, SHOWN_BEFORE = 80, 30
SLOW_QUIET = 0.3


def tests(context):
    found = [script for path in sorted(HERE.glob("*.scripts")) for script in jetstream_scripts.read(path)]
    names = [script.name for script in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise scripts.ScriptError(f"scripts with the same name: {sorted(twice)}")
    accepted = suite.read_accepted(HERE / "accepted")
    if unknown := set(accepted) - set(names):
        raise scripts.ScriptError(f"accepted differences of scripts that do not exist: {sorted(unknown)}")
    count = sum(jetstream_scripts.exchanges(script) for script in found)
    return [suite.Test("at least 400 exchanges are compared", lambda: enough(count))] + [
        suite.Test(script.name, lambda s=script: compare(context, s, accepted.get(s.name)), timed=True)
        for script in found]


def enough(count):
    suite.check(count >= 400, f"{count} exchanges")
    return f"{count} exchanges"


def compare(context, script, accepted):
    peer = context.needs_peer()
    for quiet in (QUIET, SLOW_QUIET):
        expected, progress = jetstream_player.play(script, peer, context.folder, quiet)
        actual, _ = jetstream_player.play(script, context.server, context.folder, quiet, progress)
        if expected == actual:
            break
    if accepted is not None and peer != context.server:
        suite.check(expected != actual, f"listed as an accepted difference, but there is none ({accepted})")
        return f"differs, accepted: {accepted}"
    suite.check(expected == actual, describe(script, expected, actual))
    return suite_differential.transcript(expected) if context.show else None


def describe(script, expected, actual):
    """The lines that differ, each with the request that led to it."""
    lines = [f"differs from nats-server ({script.where}; - expected, + got)"]
    for name in expected:
        if expected[name] != actual.get(name):
            lines.append(f"[{name}]")
            lines += changes(expected[name], actual.get(name, []))
    return "\n".join(lines)


def changes(expected, actual):
    """What differs, and before each difference the last request. Of two long lines, the part that differs."""
    lines, request = [], ""
    found = [line for line in difflib.ndiff(expected, actual) if not line.startswith("? ")]
    for line, following in zip(found, [*found[1:], ""]):
        if line.startswith("  >> "):
            request = line
        elif line.startswith(("- ", "+ ")):
            if request:
                lines.append(request[:300])
            request = ""
            if line.startswith("- ") and following.startswith("+ ") and same_start(line, following) > SAME_COLUMNS:
                start = same_start(line, following) - SHOWN_BEFORE
                lines += [f"{text[:40]} ... {text[start:start + 400]}" for text in (line, following)]
            elif not covered(line, lines):
                lines.append(line[:1200])
    return lines


def same_start(one, other):
    """How many characters after the sign are the same."""
    return next((place for place, (a, b) in enumerate(zip(one[2:], other[2:])) if a != b),
                min(len(one), len(other)) - 2) + 2


def covered(line, lines):
    """Whether the line was shown as the second of a pair."""
    return bool(lines) and lines[-1].startswith(f"{line[:40]} ... ")
