"""Thousands of configurations read by natsd and by nats-server: the same words, exit code and digest."""
import sys
from pathlib import Path

import programs
import suite

SCRIPT = Path(__file__).resolve().parent / "configuration_differential.py"
SECONDS = 900


def tests(context):
    return [suite.Test("every option, right and wrong, as nats-server takes it", lambda: compare(context), alone=True)]


def compare(context):
    output = programs.run([sys.executable, SCRIPT, context.server, context.needs_peer()], SECONDS)
    return output.strip().splitlines()[-1]
