"""Byte scripts (differential/*.scripts) played to a real nats-server and to natsd; the answers must be the same.

Accepted differences stand in differential/accepted, each with its reason; one that no longer differs is a failure."""
import difflib
from pathlib import Path

import certificates
import player
import scripts
import suite

HERE = Path(__file__).resolve().parent / "differential"
# Seconds of silence that end an answer of the real server. A difference is played again, more slowly, before it counts:
# on a busy machine silence can be a pause.
QUIET = 0.04
SLOW_QUIET = 0.4
# Columns of a line that `--show` prints.
MOST_SHOWN = 1000


def tests(context):
    folder = context.folder / "certificates"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    found = [script for path in sorted(HERE.glob("*.scripts")) for script in scripts.read(path)]
    names = [script.name for script in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise scripts.ScriptError(f"scripts with the same name: {sorted(twice)}")
    accepted = suite.read_accepted(HERE / "accepted")
    if unknown := set(accepted) - set(names):
        raise scripts.ScriptError(f"accepted differences of scripts that do not exist: {sorted(unknown)}")
    return [suite.Test(script.name, lambda s=script: compare(context, folder, s, accepted.get(s.name)), timed=True)
            for script in found]


def compare(context, folder, script, accepted):
    peer = context.needs_peer()
    for quiet in (QUIET, SLOW_QUIET):
        expected, progress = player.play(script, peer, context.folder, folder, quiet)
        actual, _ = player.play(script, context.server, context.folder, folder, quiet, progress)
        if expected == actual:
            break
    if accepted is not None and peer != context.server:
        suite.check(expected != actual, f"listed as an accepted difference, but there is none ({accepted})")
        return f"differs, accepted: {accepted}"
    suite.check(expected == actual, describe(script, expected, actual))
    return transcript(expected) if context.show else None


def transcript(result):
    """What a server answered, for reading; INFO in short."""
    lines = [(name, line[:40] if line.startswith("INFO") else line[:MOST_SHOWN]) for name in result for line in result[name]]
    return "\n" + "\n".join(f"[{name}] {line}" for name, line in lines)


def describe(script, expected, actual):
    lines = [f"differs from nats-server ({script.where}; - expected, + got)"]
    for name in expected:
        if expected[name] != actual[name]:
            lines.append(f"[{name}]")
            lines += [line[:600] for line in difflib.ndiff(expected[name], actual[name]) if not line.startswith("? ")]
    return "\n".join(lines)
