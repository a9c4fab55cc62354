"""Random JetStream histories, played to a real nats-server and to natsd; the answers must be the same.

Every test is a kind of history with a range of seeds. What differs is played again, more slowly and with less going on,
and then cut down to a script for jetstream/*.scripts."""
import concurrent.futures
import itertools
from dataclasses import dataclass
from typing import Callable

import jetstream_random_consumers as consuming
import jetstream_random_histories as configuring
import jetstream_random_messages as publishing
import jetstream_random_oddities as asking
import jetstream_random_player as playing
import jetstream_random_shrink as shrinking
import suite

# Seconds of silence that end an answer of the real server: with others at the same time, for a second look, and while a
# history is cut down.
QUIET, SLOW_QUIET, SHRINKING_QUIET = 0.03, 0.15, 0.06
# A difference counts when it is there each time; the real server is not always of one mind.
LOOKS = 3
# So many kinds of differences are cut down.
SHRUNK = 8


@dataclass
class Kind:
    name: str
    make: Callable
    histories: int
    kills: bool = False  # natsd is killed where nats-server is stopped


KINDS = [
    Kind("configurations of streams", configuring.stream_configurations, 160),
    Kind("configurations of consumers", configuring.consumer_configurations, 160),
    Kind("messages", publishing.messages, 160),
    Kind("messages and restarts", publishing.messages_and_restarts, 80, kills=True),
    Kind("consumers", consuming.consumers, 160),
    Kind("consumers and restarts", consuming.consumers_and_restarts, 80),
    Kind("oddities", asking.oddities, 160),
    Kind("push consumers", consuming.pushes, 80),
]


@dataclass
class Finding:
    history: playing.History
    expected: playing.Play
    actual: playing.Play

    @property
    def differences(self):
        return shrinking.differences(self.expected, self.actual)

    @property
    def kind(self):
        return shrinking.first_kind(self.expected, self.differences)


def tests(context):
    return [suite.Test(f"random {kind.name}", lambda kind=kind: test(context, kind), timed=True) for kind in KINDS]


def test(context, kind):
    context.needs_peer()
    first = 1 if context.chosen_seed is None else context.chosen_seed
    count = kind.histories * (10 if context.full else 1)
    exchanges, found = explore(context, kind, first, count)
    suite.check(not found, f"{len(found)} histories from seed {first} on differ from nats-server\n"
                + "\n".join(reports(context, kind, found)))
    return f"{exchanges} exchanges in {count} histories"


def explore(context, kind, first, count):
    """Plays the histories of so many seeds; how many exchanges they had, and what differs."""
    exchanges, found = 0, []
    for start in range(first, first + count, playing.ACCOUNTS):
        seeds = range(start, min(start + playing.ACCOUNTS, first + count))
        histories = [playing.History(f"{kind.name} {seed}", kind.make(f"{kind.name} {seed}")) for seed in seeds]
        exchanges += sum(history.exchanges() for history in histories)
        found += confirmed(context, kind, [finding.history for finding in compare(context, kind, histories, QUIET)])
    return exchanges, found


def compare(context, kind, histories, quiet, at_a_time=48):
    """The histories that are answered differently."""
    findings = []
    by_restarts = sorted(histories, key=playing.History.restarts)
    for _, group in itertools.groupby(by_restarts, playing.History.restarts):
        group = list(group)
        plays = playing.compare(group, context.peer, context.server, context.folder, quiet, kind.kills, at_a_time)
        findings += [Finding(*found) for found in zip(group, *plays)]
    return [finding for finding in findings if finding.differences]


def confirmed(context, kind, histories):
    """Those that differ each time."""
    findings = []
    for _ in range(LOOKS if histories else 0):
        findings = compare(context, kind, histories, SLOW_QUIET, at_a_time=24)
        histories = [finding.history for finding in findings]
        if not histories:
            break
    return findings


def reports(context, kind, findings):
    """One history of each kind of difference, cut down."""
    groups = {}
    for finding in findings:
        groups.setdefault(finding.kind, []).append(finding)
    chosen = sorted(groups.items(), key=lambda group: -len(group[1]))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        shrunk = pool.map(lambda group: shrink(context, kind, *group), chosen[:SHRUNK])
        for (name, group), lines in zip(chosen, shrunk):
            yield "\n".join(["", f"=== {len(group)} times: {name} ({group[0].history.name})", *lines])
    for name, group in chosen[SHRUNK:]:
        yield f"=== {len(group)} times: {name} ({group[0].history.name})"


def shrink(context, kind, name, group):
    def differs(candidates):
        histories = [playing.History(str(number), lines) for number, lines in enumerate(candidates)]
        still = {finding.history.name for finding in compare(context, kind, histories, SHRINKING_QUIET, at_a_time=24)
                 if name in {shrinking.kind_of(finding.expected, key, *pair)
                             for key, pair in finding.differences.items()}}
        return [history.name in still for history in histories]

    start = min(group, key=lambda finding: len(finding.history.lines)).history.lines
    lines = shrinking.smallest(start, differs)
    found = compare(context, kind, [playing.History("smallest", lines)], SLOW_QUIET)
    return lines + (shrinking.description(found[0].expected, found[0].differences) if found else [])
