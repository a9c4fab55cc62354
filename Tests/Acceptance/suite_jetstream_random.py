"""Random JetStream histories, played to a real nats-server and to natsd; the answers must be the same.

Every test is a kind of history with a range of seeds. What differs is played again, slowly and by itself, and then cut
down to a script for jetstream/*.scripts."""
import os
import random
import re

import jetstream_random_histories as making
import jetstream_random_player as playing
import jetstream_random_shrink as shrinking
import suite

# Seconds of silence that end an answer of the real server, with others at the same time and for a second look.
QUIET, SLOW_QUIET = 0.03, 0.2
KINDS = {
    "stream configurations": making.stream_configurations,
    "consumer configurations": making.consumer_configurations,
}
HISTORIES = int(os.environ.get("JETSTREAM_HISTORIES", playing.ACCOUNTS))


def tests(context):
    return [suite.Test(f"{kind}", lambda kind=kind: test(context, kind), timed=False) for kind in KINDS]


def test(context, kind):
    peer = context.needs_peer()
    first = context.seed if context.seed_given else 1
    exchanges, found = 0, []
    for start in range(first, first + HISTORIES, playing.ACCOUNTS):
        histories = [playing.History(f"{kind} {seed}", KINDS[kind](f"{kind} {seed}"))
                     for seed in range(start, min(start + playing.ACCOUNTS, first + HISTORIES))]
        exchanges += sum(history.exchanges() for history in histories)
        expected, actual = playing.compare(histories, peer, context.server, context.folder, QUIET)
        differing = [history for history, one, other in zip(histories, expected, actual)
                     if shrinking.differences(one, other)]
        found += confirmed(context, differing)
    reports = reports_of(context, found)
    suite.check(not found, f"{len(found)} of {HISTORIES} histories differ\n" + "\n".join(reports))
    return f"{exchanges} exchanges"


def confirmed(context, histories):
    """Those that differ with little else going on, too."""
    if not histories:
        return []
    expected, actual = playing.compare(histories, context.peer, context.server, context.folder, SLOW_QUIET,
                                       at_a_time=8)
    return [(history, shrinking.differences(one, other)) for history, one, other in zip(histories, expected, actual)
            if shrinking.differences(one, other)]


def reports_of(context, found):
    return [f"{history.name}\n" + "\n".join(history.lines) + "\n" + str(differences)
            for history, differences in found]
