"""nack-controller on manifests in files, beside a real nats-server and beside natsd."""
import re
import sys
import time
from pathlib import Path

import suite
from suite import check, expect, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent / "controller"))
import assets  # noqa: E402
import commands  # noqa: E402
import process  # noqa: E402
import scene  # noqa: E402
from scene import Admin, Folder, start  # noqa: E402

# What is promised.
CONVERGE_SECONDS = 5
IDLE_KILOBYTES = 16 * 1024


def tests(context):
    with_server = [
        ("created in the order of their dependencies, and nothing is sent a second time", assets.create),
        ("an edited file is brought about within moments", assets.update),
        ("every update that cannot be: told with its field, once, and not sent", assets.refused),
        ("what the server refuses: told with its field, once, tried again with backoff", assets.refused_by_server),
        ("deletion: without -prune nothing goes; with it, what is owned and not described", assets.delete),
        ("nothing is pruned while a manifest cannot be read, or all are gone", assets.prune_safety),
        ("drift is repaired, deleted assets come back", assets.drift),
        ("mirrors and sources, whatever the names of files", assets.copies),
        ("bad manifests are told with file, line and field; others are not affected", assets.bad_manifests),
        ("accounts, users, NKeys: each connection by its own resources", commands.connections),
        ("plan, apply, export, validate: output and exit codes", commands.commands),
        ("read-only", commands.read_only),
        ("a server that comes late, goes and comes back", commands.restart),
        ("a mounted ConfigMap", commands.config_map),
    ]
    shared = [
        ("every flag in both forms, usage, version, refusals", process.command_line),
        ("TLS with a client certificate", process.tls),
        ("no JetStream, wrong password: told once, brought about when it comes", process.without_jetstream),
        ("nats-server 2.10 and 2.9", process.older_servers),
        ("JSON log, SIGHUP, SIGUSR1, addresses in use", process.process),
        ("metrics: alerts and the dashboard ask only for families that exist", process.metrics),
        ("an empty root directory", process.empty_root),
        ("make up: three programs and a demo, stopped by one Ctrl-C, or when one ends", process.make_up),
    ]
    alone = [
        (f"500 manifests within {CONVERGE_SECONDS} s, then silence, in 16 MiB", many),
    ]
    binaries = [("", context.peer), ("natsd: ", context.server)]
    declared = [suite.Test(name, lambda f=f: f(context)) for name, f in shared]
    for prefix, binary in binaries:
        for names, is_alone in ((with_server, False), (alone, True)):
            declared += [
                suite.Test(prefix + name, lambda f=f, binary=binary: on_server(context, binary, f), alone=is_alone)
                for name, f in names]
    return declared


def on_server(context, binary, function):
    if not binary:
        context.needs_peer()
    with scene.jetstream(binary, context.folder) as server, Admin(server) as admin:
        return function(context, server, admin)


def many(context, server, admin):
    folder = Folder(context)
    count = 500
    for index in range(250):
        folder.put("Stream", f"s{index}", name=f"S{index}", subjects=[f"s{index}.>"], storage="file",
                   description=f"The stream number {index}", maxMsgs=1000 + index)
        folder.put("Consumer", f"c{index}", streamName=f"S{index}", durableName="worker", ackPolicy="explicit",
                   ackWait="30s", maxDeliver=5, filterSubject=f"s{index}.>")
    began = time.monotonic()
    with start(context, server, folder) as controller:
        controller.wait_all(count, seconds=30)
        took = time.monotonic() - began
        check(took < CONVERGE_SECONDS, f"{took:.1f} s")
        # Lists, and one request for each asset.
        requests = controller.metric("nack_api_requests_total")
        check(requests <= count + 10, f"{requests} requests for {count} assets")
        heard = admin.listen()
        time.sleep(20)
        expect(heard, [], "requests while nothing changes")
        idle = controller.memory()
        check(idle < IDLE_KILOBYTES, f"{idle} KB")
    with start(context, server, folder, "-sync-interval=3s") as controller:
        controller.wait_all(count, seconds=30)
        del heard[:]
        wait_until(lambda: controller.metric("nack_round_seconds_count") >= 5, 30, "four more looks at everything")
        changes = [subject for subject in heard if not re.search(r"\.(INFO|LIST)\b", subject)]
        expect(changes, [], "changes while nothing drifts")
        rounds = controller.metric("nack_round_seconds_count")
        # Between two looks.
        synced = wait_until(lambda: min(controller.memory(), IDLE_KILOBYTES) % IDLE_KILOBYTES, 15,
                            f"less than {IDLE_KILOBYTES} KB after {rounds:.0f} looks")
    return f"{took:.2f} s, {requests:.0f} requests, {idle} KB idle, {synced} KB after {rounds:.0f} looks"
