"""The life of a resource, from kubectl apply to the last finalizer."""
import json
import tempfile
import time
from pathlib import Path

import servers
from api_cluster import Refused, shared
from controller import JetStream
from setting import controller, jetstream, stream
from suite import Failure, check, expect, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def examples(context):
    cluster = shared()
    namespace = cluster.namespace()
    files = sorted((ROOT / "deploy/examples").glob("*.*"))
    with jetstream(context) as server, controller(context, server, namespace):
        arguments = [word for file in files for word in ("-f", str(file))]
        cluster.kubectl("apply", "-n", namespace.name, *arguments)
        cluster.kubectl("wait", "-n", namespace.name, "--for=condition=Ready", "--timeout=30s", *arguments)
        nats = JetStream(server.port)
        check({"ORDERS", "ORDERS_COPY", "ORDERS_AUDIT", "KV_settings", "OBJ_invoices"} <= nats.streams(),
              f"streams: {nats.streams()}")
        check({"shipping", "dashboard"} <= nats.consumers("ORDERS"), f"consumers: {nats.consumers('ORDERS')}")
        columns = cluster.kubectl("get", "streams", "-n", namespace.name).splitlines()
        expect(columns[0].split(), ["NAME", "STATE", "STREAM", "NAME", "SUBJECTS"], "columns")
        check(all(line.split()[1] == "Ready" for line in columns[1:]), f"states: {columns}")
        for kind, name, prefix in [("Stream", "orders", "stream"), ("Consumer", "orders-shipping", "consumer"),
                                   ("KeyValue", "settings", "kv"), ("ObjectStore", "invoices", "objectstore")]:
            metadata = namespace.get(kind, name)["metadata"]
            expect(metadata["finalizers"], [f"{prefix}.nats.io/finalizer"], f"finalizers of {name}")
            check(json.loads(metadata["annotations"][f"{prefix}.nats.io/state"]), f"no state in {name}")
        # The same once more: nothing changes, nothing is written.
        before = namespace.get("Stream", "orders")
        cluster.kubectl("apply", "-n", namespace.name, *arguments)
        time.sleep(3)
        unchanged(before, namespace.get("Stream", "orders"))
        cluster.kubectl("delete", "-n", namespace.name, "--timeout=30s", *arguments)
        expect(nats.streams(), {"ORDERS_COPY"}, "left after the deletion (preventDelete)")


def edit(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.wait_ready("Stream", "orders")
        namespace.edit("Stream", "orders", maxAge="1h", description="edited")
        namespace.wait_ready("Stream", "orders")
        found = namespace.get("Stream", "orders")
        expect(found["status"]["observedGeneration"], 2, "observedGeneration")
        expect(nats.stream("ORDERS")["max_age"], 3600 * 10**9, "max_age")
        state = json.loads(found["metadata"]["annotations"]["stream.nats.io/state"])
        expect(state["description"], "edited", "description in the state")
        namespace.create("Consumer", "mailer", {"streamName": "ORDERS", "durableName": "mailer", "ackPolicy": "explicit",
                                                "ackWait": "30s"})
        namespace.wait_ready("Consumer", "mailer")
        expect(nats.consumers("ORDERS"), {"mailer"}, "consumers")

        def reasons():
            found = {event["reason"]: event for event in namespace.events("orders")}
            return found if {"Created", "Updated"} <= set(found) else None
        events = wait_until(reasons, 5, "Events Created and Updated")
        expect(events["Created"]["source"]["component"], "jetstream-controller", "who reports")
        expect(events["Created"]["type"], "Normal", "type")
        described = shared().kubectl("describe", "stream", "orders", "-n", namespace.name)
        check("Updated" in described, f"kubectl describe shows no Event:\n{described}")


def refused(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace) as running:
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.create("Stream", "other", stream("OTHER"))
        namespace.wait_ready("Stream", "orders")
        namespace.edit("Stream", "orders", storage="memory")
        condition = namespace.wait_reason("Stream", "orders", "Errored", "storage")
        namespace.edit("Stream", "other", description="goes on")
        namespace.wait_ready("Stream", "other")
        time.sleep(3)
        expect(namespace.ready("Stream", "orders"), condition, "the condition some rounds later")
        expect(namespace.get("Stream", "orders")["status"]["observedGeneration"], 1, "observedGeneration")
        warnings = [event for event in namespace.events("orders") if event["type"] == "Warning"]
        expect(len(warnings), 1, f"warnings: {[event['message'] for event in warnings]}")
        expect(warnings[0]["count"], 1, "how often it was said")
        namespace.edit("Stream", "orders", storage="file")
        namespace.wait_ready("Stream", "orders")
        check(running.log().count(condition["message"]) <= 2, "the log repeats it")


def drift(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "orders", stream("ORDERS", maxMsgs=100))
        namespace.wait_ready("Stream", "orders")
        nats.ask("STREAM.UPDATE.ORDERS", {**nats.stream("ORDERS"), "max_msgs": 7})
        expect(nats.stream("ORDERS")["max_msgs"], 7, "drift")
        wait_until(lambda: nats.stream("ORDERS")["max_msgs"] == 100, 10, "the drift is repaired")
        nats.ask("STREAM.DELETE.ORDERS")
        wait_until(lambda: "ORDERS" in nats.streams(), 10, "the stream is made again")


def deletions(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "plain", stream("PLAIN"))
        namespace.create("Stream", "kept", stream("KEPT", preventDelete=True))
        namespace.create("Stream", "lost", stream("LOST"))
        namespace.create("Consumer", "lost-reader", {"streamName": "LOST", "durableName": "reader", "ackPolicy": "explicit",
                                                     "ackWait": "30s"})
        namespace.create("Stream", "twin-a", stream("TWIN"))
        namespace.create("Stream", "forced", stream("FORCED"))
        for name in ("plain", "kept", "lost", "twin-a", "forced"):
            namespace.wait_ready("Stream", name)
        namespace.wait_ready("Consumer", "lost-reader")
        namespace.create("Stream", "twin-b", stream("TWIN"))
        namespace.wait_reason("Stream", "twin-b", "Errored", "twin-a")
        # A stream takes its consumers with it; both manifests go.
        for kind, name in [("Stream", "plain"), ("Stream", "kept"), ("Stream", "lost"), ("Consumer", "lost-reader")]:
            namespace.delete(kind, name)
        for kind, name in [("Stream", "plain"), ("Stream", "kept"), ("Stream", "lost"), ("Consumer", "lost-reader")]:
            namespace.wait_gone(kind, name)
        expect(nats.streams(), {"KEPT", "TWIN", "FORCED"}, "streams")
        # What a live manifest names stays.
        namespace.delete("Stream", "twin-a")
        namespace.wait_gone("Stream", "twin-a")
        namespace.wait_ready("Stream", "twin-b")
        check("TWIN" in nats.streams(), "a stream that a live manifest names was deleted")
        # Somebody takes the finalizer away: the asset stays, nothing hangs.
        namespace.patch("Stream", "forced", {"metadata": {"finalizers": []}})
        namespace.wait(lambda: namespace.get("Stream", "forced")["metadata"].get("finalizers"), 10,
                       lambda: "the finalizer comes back")
        # Gone from the server before.
        nats.ask("STREAM.DELETE.FORCED")
        namespace.delete("Stream", "forced")
        namespace.wait_gone("Stream", "forced")


def unreachable(context):
    namespace = shared().namespace()
    folder = tempfile.mkdtemp(dir=context.folder)
    port = servers.free_port()
    server = servers.Server(context.needs_peer(), context.folder, "", ["-js", "-sd", folder], port)
    try:
        with controller(context, server, namespace):
            namespace.create("Stream", "never", stream("NEVER"))
            namespace.wait_reason("Stream", "never", "Errored")
            namespace.delete("Stream", "never")
            namespace.wait_gone("Stream", "never")
            server.start()
            namespace.create("Stream", "orders", stream("ORDERS"))
            namespace.wait_ready("Stream", "orders")
            server.stop()
            namespace.delete("Stream", "orders")
            namespace.wait_reason("Stream", "orders", "Finalizing")
            time.sleep(2)
            check(namespace.get("Stream", "orders"), "gone before its stream")
            server.start()
            namespace.wait_gone("Stream", "orders")
            expect(JetStream(port).streams(), set(), "streams")
    finally:
        server.stop()


def bad_manifest(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        namespace.create("Stream", "bad", stream("BAD", maxAge="soon"))
        namespace.create("Stream", "good", stream("GOOD"))
        namespace.create("Consumer", "orphan", {"streamName": "NOWHERE", "durableName": "x", "ackPolicy": "explicit",
                                                "ackWait": "30s"})
        namespace.wait_ready("Stream", "good")
        namespace.wait_reason("Stream", "bad", "Errored", "spec.maxAge")
        namespace.wait_reason("Consumer", "orphan", "Errored", "NOWHERE")
        conditions = namespace.get("Stream", "bad")["status"]["conditions"]
        expect(len(conditions), 1, "conditions")
        time.sleep(3)
        warnings = [event for event in namespace.events("bad") if event["type"] == "Warning"]
        expect(len(warnings), 1, f"warnings: {[event['message'] for event in warnings]}")
        check("spec.maxAge" in warnings[0]["message"], warnings[0]["message"])
        # What the definition refuses never comes as far as the controller.
        try:
            namespace.create("Stream", "worse", stream("WORSE", retention="forever"))
            raise Failure("the definition takes any retention")
        except Refused as refusal:
            expect(refusal.code, 422, "status")
        namespace.edit("Stream", "bad", maxAge="1h")
        namespace.wait_ready("Stream", "bad")
        # A manifest that was never right is released.
        namespace.create("Stream", "hopeless", stream("HOPELESS", duplicateWindow="long"))
        namespace.wait_reason("Stream", "hopeless", "Errored", "spec.duplicateWindow")
        namespace.delete("Stream", "hopeless")
        namespace.wait_gone("Stream", "hopeless")


def others(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        namespace.create("Stream", "orders", stream("ORDERS"), finalizers=["example.com/hold"],
                         annotations={"example.com/note": "mine"})
        namespace.wait_ready("Stream", "orders")
        condition = {"type": "Audited", "status": "True", "reason": "ByHand", "message": "seen",
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}
        found = namespace.get("Stream", "orders")
        expect(found["metadata"]["finalizers"], ["example.com/hold", "stream.nats.io/finalizer"], "finalizers")
        namespace.patch("Stream", "orders", {"status": {"conditions": found["status"]["conditions"] + [condition]}},
                        "/status")
        namespace.edit("Stream", "orders", description="again", maxAge="nonsense")
        namespace.wait_reason("Stream", "orders", "Errored", "spec.maxAge")
        found = namespace.get("Stream", "orders")
        check(condition in found["status"]["conditions"], f"lost: {found['status']['conditions']}")
        expect(found["metadata"]["annotations"]["example.com/note"], "mine", "annotation")
        namespace.edit("Stream", "orders", maxAge="1h")
        namespace.wait_ready("Stream", "orders")
        namespace.delete("Stream", "orders")

        def is_released():
            return namespace.get("Stream", "orders")["metadata"]["finalizers"] == ["example.com/hold"]
        namespace.wait(is_released, 10, lambda: "only the other finalizer is left")
        expect(JetStream(server.port).streams(), set(), "streams")
        namespace.patch("Stream", "orders", {"metadata": {"finalizers": []}})
        namespace.wait_gone("Stream", "orders")


def unchanged(before, now):
    """Nothing was written into an object that nothing happened to."""
    for place in ("annotations", "finalizers", "resourceVersion"):
        expect(now["metadata"].get(place), before["metadata"].get(place), place)
    expect(now["status"], before["status"], "status")
