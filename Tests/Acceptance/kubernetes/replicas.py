"""Restarts, and several replicas of which one works."""
import contextlib
import signal
import time

from api_cluster import Refused, shared
from controller import JetStream
from resources import unchanged
from setting import controller, jetstream, stream
from suite import check, expect, wait_until


def killed(context):
    namespace = shared().namespace()
    with jetstream(context) as server:
        nats = JetStream(server.port)
        running = controller(context, server, namespace).start()
        try:
            for name in ("deleted", "edited", "left", "still"):
                namespace.create("Stream", name, stream(name.upper()))
            for name in ("deleted", "edited", "left", "still"):
                namespace.wait_ready("Stream", name)
            # Some rounds: the server's answer to a look may differ from that to a creation.
            time.sleep(5)
            before = namespace.get("Stream", "still")
        finally:
            running.kill()
        namespace.delete("Stream", "deleted")
        namespace.edit("Stream", "edited", description="meanwhile")
        namespace.create("Stream", "created", stream("CREATED"))
        nats.ask("STREAM.UPDATE.LEFT", {**nats.stream("LEFT"), "max_msgs": 7})
        # The Lease of the killed one must end first.
        with controller(context, server, namespace):
            namespace.wait_ready("Stream", "created", 40)
            namespace.wait_ready("Stream", "edited")
            namespace.wait_gone("Stream", "deleted")
            wait_until(lambda: nats.stream("LEFT")["max_msgs"] == -1, 10, "drift of meanwhile is repaired")
            expect(nats.streams(), {"EDITED", "LEFT", "CREATED", "STILL"}, "streams")
            time.sleep(3)
            unchanged(before, namespace.get("Stream", "still"))


def holder(namespace):
    try:
        lease = namespace.cluster.call(
            "GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace.name}/leases/nack-controller."
            + namespace.name)
    except Refused:
        return ""
    return lease["spec"].get("holderIdentity", "")


def leads(replica):
    return "leads now" in replica.log()


@contextlib.contextmanager
def two_replicas(context, namespace):
    """The one that leads and the one that waits, with a stream that is Ready."""
    with jetstream(context) as server:
        replicas = [controller(context, server, namespace).start() for _ in range(2)]
        try:
            first = wait_until(lambda: next((one for one in replicas if leads(one)), None), 20, "a leader")
            second = next(one for one in replicas if one is not first)
            wait_until(lambda: "is held by" in second.log(), 10, "the other follows")
            namespace.create("Stream", "orders", stream("ORDERS"))
            namespace.wait_ready("Stream", "orders")
            yield first, second
        finally:
            for replica in replicas:
                replica.process.send_signal(signal.SIGCONT)
                replica.kill()


def leader_killed(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        wait_until(lambda: second.get("/readyz")[0] == 200, 10, "the replica that waits is ready")
        expect(leads(second), False, "both lead")
        before = holder(namespace)
        first.kill()
        namespace.edit("Stream", "orders", description="by the second")
        namespace.create("Stream", "more", stream("MORE"))
        started = time.monotonic()
        namespace.wait_ready("Stream", "orders", 40)
        namespace.wait_ready("Stream", "more")
        check(holder(namespace) not in ("", before), "the Lease has not changed hands")
        return f"taken over after {time.monotonic() - started:.1f} s"


def leader_paused(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        first.process.send_signal(signal.SIGSTOP)
        namespace.edit("Stream", "orders", description="by the second")
        namespace.wait_ready("Stream", "orders", 40)
        first.process.send_signal(signal.SIGCONT)
        first.wait_for_log("does not lead any more")
        namespace.edit("Stream", "orders", description="by the second again")
        namespace.wait_ready("Stream", "orders")
        expect(first.log().count("leads now"), 1, "how often the first one led")
        check("by the second" not in first.log() and "updated stream" not in first.log(), "the first one worked on")


def leader_stopped(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        started = time.monotonic()
        first.stop()
        expect(first.process.returncode, 0, "exit code")
        wait_until(lambda: leads(second), 5, "the other leads")
        seconds = time.monotonic() - started
        namespace.delete("Stream", "orders")
        namespace.wait_gone("Stream", "orders")
        return f"handed over after {seconds:.1f} s"
