"""nack-controller against a real Kubernetes API server and a real nats-server with JetStream."""
import collections
import os
import re
import sys
import threading
import time
from pathlib import Path

import suite
from suite import check, expect, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent / "kubernetes"))
import access  # noqa: E402
import accounts  # noqa: E402
import replicas  # noqa: E402
import resources  # noqa: E402
import rights  # noqa: E402
from api_cluster import shared  # noqa: E402
from controller import JetStream  # noqa: E402
from setting import controller, jetstream, program, stream  # noqa: E402

# What is promised.
IDLE_KILOBYTES = 16 * 1024
MANY = 500


def tests(context):
    together = [
        ("examples by kubectl: Ready, columns, finalizers, state; again is no change", resources.examples),
        ("an edit reaches the server, with generation, state and Events", resources.edit),
        ("what the server refuses is told once, with the field", resources.refused),
        ("drift is repaired", resources.drift),
        ("deletions: the asset goes, preventDelete stays, gone already, by another hand", resources.deletions),
        ("a deletion waits for a server that is away, and hangs on nothing that never was", resources.unreachable),
        ("a bad manifest: one condition and one Event with the field; others go on", resources.bad_manifest),
        ("Account with a Secret: user and password, rotated", accounts.account_password),
        ("Account with Secrets: token, NKey, TLS", accounts.account_kinds),
        ("an Account goes after those who name it", accounts.account_deletion),
        ("a namespace is deleted with all that is in it", accounts.whole_namespace),
        ("a namespace of its own: others are left alone", rights.other_namespaces),
        ("no permission: told, not ready; given, it works", rights.denied),
        ("deploy/rbac/namespace.yaml is enough", rights.least_rights),
        ("the original's rights, which know no Leases: it works and says so", rights.original_rights),
        ("killed and started again: what happened meanwhile is done", replicas.killed),
        ("two replicas: one works, a killed leader is followed", replicas.leader_killed),
        ("two replicas: a leader that stood still steps down", replicas.leader_paused),
        ("two replicas: a leader that is stopped hands over at once", replicas.leader_stopped),
        ("through kubectl proxy", access.through_proxy),
        ("an exec plugin and its tokens", access.exec_plugin),
        ("as in a pod: the service account, its token read again", access.in_pod),
        ("no way to an API server: told, exit code 1", access.no_cluster),
        ("conditions and finalizers of others stay", resources.others),
    ]
    alone = [
        ("the API server goes away and comes back", access.api_restart),
        ("a version that the API server has forgotten", access.expired),
        ("deploy/rbac/cluster.yaml is enough for all namespaces", rights.cluster_rights),
        ("500 resources in all namespaces: Ready, silent, small", many),
    ]
    return ([suite.Test(name, lambda f=f: f(context)) for name, f in together]
            + [suite.Test(name, lambda f=f: f(context), alone=True) for name, f in alone])


def many(context):
    cluster = shared()
    with jetstream(context) as server:
        spaces = [cluster.namespace() for _ in range(5)]
        rights.clear(cluster)
        forget_pages(program())
        with controller(context, server, None, "--sync-interval=60s") as running:
            threads = [threading.Thread(target=fill, args=(space, index)) for index, space in enumerate(spaces)]
            started = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            made = time.monotonic() - started

            def states():
                return [item for space in spaces for item in cluster.call("GET", space.path("streams"))["items"]]

            def all_ready():
                found = states()
                return len(found) == MANY and all(
                    item.get("status", {}).get("conditions", [{}])[0].get("status") == "True" for item in found)
            wait_until(all_ready, 60, f"{MANY} streams are Ready")
            ready = time.monotonic() - started
            expect(len(JetStream(server.port).ask("STREAM.NAMES")["streams"]), MANY, "streams")
            time.sleep(12)
            before, lists = requests(cluster), access.own_lists(running)
            time.sleep(10)
            news = requests(cluster) - before
            expect(access.own_lists(running), lists, "lists in idle time")
            count = sum(news.values())
            # A Lease is renewed every two seconds; nothing else is to be said.
            check(count <= 6, f"requests to the API server in 10 idle seconds: {dict(news)}")
            memory = running.resident_kilobytes()
            check(memory < IDLE_KILOBYTES, f"{memory} KiB with {MANY} resources")
            return f"made in {made:.1f} s, Ready after {ready:.1f} s, {memory} KiB, {count} requests in 10 s"


def forget_pages(path):
    """A file that was written a moment ago lies in the page cache in large pieces, which count as a whole; one that was
    read as programs are read, in small ones."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def fill(space, index):
    for number in range(MANY // 5):
        space.create("Stream", f"stream-{number}", stream(f"S_{index}_{number}"))


def requests(cluster):
    """What was asked about our kinds, Events and Leases, but for what Kubernetes' own controllers do: they list and watch
    every kind there is."""
    counts = collections.Counter()
    for line in cluster.call("GET", "/metrics").splitlines():
        if line.startswith("apiserver_request_total{") and not re.search('verb="(WATCH|LIST)"', line):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["group"] == "jetstream.nats.io" or labels["resource"] in ("leases", "events"):
                counts[f"{labels['verb']} {labels['resource']}"] += int(float(line.rsplit(" ", 1)[1]))
    return counts
