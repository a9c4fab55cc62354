"""What becomes of assets: created, changed, refused, deleted, repaired."""
import re
import signal
import time

import scene
from scene import Folder, start
from suite import check, expect, wait_until


def create(context, server, admin):
    folder = Folder(context)
    folder.put("Consumer", "a", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="30s")
    folder.put("Stream", "b", name="COPY", mirror={"name": "ORDERS"}, storage="file")
    folder.put("Stream", "c", name="ORDERS", subjects=["orders.>"], storage="file", maxAge="24h")
    folder.write("deep/er/buckets.yaml", "---\n".join([
        "apiVersion: jetstream.nats.io/v1beta2\nkind: KeyValue\nmetadata: {name: s}\nspec: {bucket: settings}\n",
        "apiVersion: jetstream.nats.io/v1beta2\nkind: ObjectStore\nmetadata: {name: f}\nspec: {bucket: files}\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"]))
    with start(context, server, folder) as controller:
        controller.wait_all(5)
        expect(sorted(admin.streams()), ["COPY", "KV_settings", "OBJ_files", "ORDERS"], "streams")
        config = admin.stream("ORDERS")
        found = config["subjects"], config["max_age"], config["storage"]
        expect(found, (["orders.>"], 86400 * 10**9, "file"), "ORDERS")
        expect(config["metadata"]["io.nats.nack.owner"], "nack-controller", "owner")
        expect(admin.consumer("ORDERS", "mailer")["ack_wait"], 30 * 10**9, "ack_wait")
        expect(admin.stream("COPY")["mirror"]["name"], "ORDERS", "mirror")
        expect(controller.get("/healthz")[0], 200, "healthz")
        expect(controller.get("/readyz")[0], 200, "readyz")
        expect(len(controller.lines("created")), 5, "lines about what was created")
    heard = admin.listen()
    with start(context, server, folder) as controller:
        controller.wait_all(5)
        # The mirror makes its consumer without a name, and when it likes.
        own = r"\.(INFO|LIST|NAMES)\b|^\$JS\.API\.CONSUMER\.CREATE\.ORDERS$"
        changes = [subject for subject in heard if not re.search(own, subject)]
        expect(changes, [], "changes by a second controller")
        check(len(heard) <= 3, f"{heard}")


def update(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"])
    folder.put("Consumer", "mailer", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="30s")
    with start(context, server, folder) as controller:
        controller.wait_all(2)
        began = time.monotonic()
        folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>", "returns.>"], maxMsgs=1000, description="x")
        wait_until(lambda: admin.stream("ORDERS")["max_msgs"] == 1000, 3, "the update")
        took = time.monotonic() - began
        folder.put("Consumer", "mailer", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="5s")
        wait_until(lambda: admin.consumer("ORDERS", "mailer")["ack_wait"] == 5 * 10**9, 3, "the consumer's update")
        controller.wait_all(2)
        expect(sorted(admin.stream("ORDERS")["subjects"]), ["orders.>", "returns.>"], "subjects")
        fields = "spec.description, spec.maxMsgs, spec.subjects"
        check(controller.lines(f"updated stream ORDERS: {fields}"), controller.log())
        # A file touched, or rewritten with the same contents, is no change.
        requests = controller.metric("nack_api_requests_total")
        folder.put("Consumer", "mailer", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="5s")
        (folder.path / "stream-orders.yaml").touch()
        time.sleep(1)
        expect(controller.metric("nack_api_requests_total"), requests, "requests")
        return f"{took:.2f} s"


STREAM = {"name": "S", "subjects": ["s.>"], "storage": "file"}
CONSUMER = {"streamName": "S", "durableName": "c", "ackPolicy": "explicit", "ackWait": "30s"}
# Kind, before, what changes, the field that the message must name.
IMMUTABLE = [
    ("Stream", {}, {"storage": "memory"}, "spec.storage"),
    ("Stream", {}, {"retention": "workqueue"}, "spec.retention"),
    ("Stream", {"retention": "workqueue"}, {"retention": "limits"}, "spec.retention"),
    ("Stream", {"denyDelete": True}, {"denyDelete": False}, "spec.denyDelete"),
    ("Stream", {"denyPurge": True}, {"denyPurge": False}, "spec.denyPurge"),
    ("Stream", {"allowMsgTtl": True}, {"allowMsgTtl": False}, "spec.allowMsgTtl"),
    ("Stream", {"allowMsgSchedules": True}, {"allowMsgSchedules": False}, "spec.allowMsgSchedules"),
    ("Stream", {}, {"allowMsgCounter": True}, "spec.allowMsgCounter"),
    ("Stream", {}, {"persistMode": "async"}, "spec.persistMode"),
    ("Stream", {"sealed": True}, {"sealed": False}, "spec.sealed"),
    ("Stream", {}, {"subjects": [], "mirror": {"name": "ORIGIN"}}, "spec.mirror"),
    ("Consumer", {}, {"ackPolicy": "all"}, "spec.ackPolicy"),
    ("Consumer", {}, {"deliverPolicy": "new"}, "spec.deliverPolicy"),
    ("Consumer", {}, {"deliverPolicy": "byStartSequence", "optStartSeq": 5}, "spec.deliverPolicy"),
    ("Consumer", {}, {"deliverPolicy": "byStartTime", "optStartTime": "2026-01-01T00:00:00Z"}, "spec.deliverPolicy"),
    ("Consumer", {}, {"replayPolicy": "original"}, "spec.replayPolicy"),
    ("Consumer", {}, {"memStorage": True}, "spec.memStorage"),
    ("Consumer", {"maxWaiting": 10}, {"maxWaiting": 20}, "spec.maxWaiting"),
    ("Consumer", {}, {"deliverSubject": "d"}, "spec.deliverSubject"),
    ("Consumer", {"deliverSubject": "d"}, {"deliverSubject": ""}, "spec.deliverSubject"),
    ("Consumer", {"deliverSubject": "d", "heartbeatInterval": "5s"},
     {"deliverSubject": "d", "heartbeatInterval": "9s"}, "spec.heartbeatInterval"),
    ("Consumer", {"deliverSubject": "d", "heartbeatInterval": "5s"},
     {"deliverSubject": "d", "heartbeatInterval": "5s", "flowControl": True}, "spec.flowControl"),
]


def refused(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "origin", name="ORIGIN")
    folder.put("Stream", "for-consumers", name="T", subjects=["t.>"])

    def put(index, kind, change):
        if kind == "Stream":
            spec = {**STREAM, "name": f"S{index}", "subjects": [f"s{index}.>"], **change}
        else:
            spec = {**CONSUMER, "streamName": "T", "durableName": f"c{index}", **change}
        folder.put(kind, f"r{index}", **{key: value for key, value in spec.items() if value != ""})

    def asset(index, kind):
        return admin.stream(f"S{index}") if kind == "Stream" else admin.consumer("T", f"c{index}")

    for index, (kind, before, _, _) in enumerate(IMMUTABLE):
        put(index, kind, before)
    with start(context, server, folder, "-sync-interval=1s") as controller:
        controller.wait_all(len(IMMUTABLE) + 2)
        before = [asset(index, kind) for index, (kind, *_) in enumerate(IMMUTABLE)]
        heard = admin.listen()
        for index, (kind, old, change, _) in enumerate(IMMUTABLE):
            put(index, kind, {**old, **change})
        for index, (kind, _, _, field) in enumerate(IMMUTABLE):
            controller.wait(f"{kind} r{index}", "Errored", f"{re.escape(field)}\\b")
        time.sleep(3)
        for index, (kind, _, change, _) in enumerate(IMMUTABLE):
            expect(asset(index, kind), before[index], f"{kind} with {change}")
            lines = controller.lines(f" {kind} default/r{index}: (?!created)")
            expect(len(lines), 1, f"lines about {kind} with {change}")
        changes = [subject for subject in heard if re.search(r"\.(CREATE|UPDATE|DELETE)\b", subject)]
        expect(changes, [], "changes that were tried")
        # Taken back, everything is well again.
        for index, (kind, old, _, _) in enumerate(IMMUTABLE):
            put(index, kind, old)
        controller.wait_all(len(IMMUTABLE) + 2)
    return f"{len(IMMUTABLE)} updates"


def refused_by_server(context, server, admin):
    admin.must("STREAM.CREATE.TAKEN", {"name": "TAKEN", "subjects": ["taken.>"]})
    folder = Folder(context)
    folder.put("Stream", "base", name="BASE", subjects=["base.>"], maxAge="1h", maxConsumers=2)
    folder.put("Stream", "queue", name="QUEUE", subjects=["queue.>"], retention="workqueue")
    folder.put("Consumer", "first", streamName="QUEUE", durableName="first", ackPolicy="explicit", ackWait="30s")
    with start(context, server, folder) as controller:
        controller.wait_all(3)
        folder.put("Stream", "overlap", name="OVERLAP", subjects=["taken.here"])
        folder.put("Stream", "replicas", name="REPLICAS", replicas=3)
        folder.put("Stream", "base", name="BASE", subjects=["base.>", "taken.too"], maxAge="1h", maxConsumers=2)
        folder.put("Consumer", "second", streamName="QUEUE", durableName="second", ackPolicy="explicit", ackWait="30s")
        folder.put("Consumer", "filter", streamName="BASE", durableName="filter", ackPolicy="explicit", ackWait="30s",
                   filterSubject="elsewhere")
        folder.put("Consumer", "orphan", streamName="NOWHERE", durableName="c", ackPolicy="explicit", ackWait="30s")
        for name, message in [
                ("Stream overlap", r"^spec\.subjects: subjects overlap with an existing stream \(10065\)"),
                ("Stream replicas", r"^spec\.replicas: .*\(10074\)"),
                ("Stream base", r"^spec\.subjects: subjects overlap"),
                ("Consumer second", r"^spec\.filterSubject: .*\(10099\)"),
                ("Consumer orphan", r"^spec\.streamName: the stream NOWHERE does not exist")]:
            controller.wait(name, "Errored", message)
        time.sleep(4)
        expect(len(controller.lines("Stream default/overlap: (?!created)")), 1, "lines about a refusal")
        tried = re.search(r'nack_api_requests_total\{operation="STREAM.CREATE",outcome="refused"\} (\d+)',
                          controller.metrics())
        # Two streams, at 0, 1 and 3 seconds, give or take.
        check(4 <= int(tried[1]) <= 10, f"{tried[1]} attempts")
        admin.must("STREAM.DELETE.TAKEN")
        controller.wait("Stream overlap", seconds=20)
        # The same subject is wanted by two: the one that came first has it.
        controller.wait("Stream base", seconds=30)


def delete(context, server, admin):
    admin.must("STREAM.CREATE.FOREIGN", {"name": "FOREIGN"})
    admin.must("STREAM.CREATE.OTHERS", {"name": "OTHERS", "metadata": {"io.nats.nack.owner": "somebody"}})
    folder = Folder(context)
    for name in ("a", "b", "c"):
        folder.put("Stream", name, name=name.upper())
        folder.put("Consumer", name, streamName=name.upper(), durableName="x", ackPolicy="explicit", ackWait="30s")
    folder.put("Stream", "kept", name="KEPT", preventDelete=True)
    folder.put("Consumer", "foreign", streamName="FOREIGN", durableName="x", ackPolicy="explicit", ackWait="30s")
    with start(context, server, folder) as controller:
        controller.wait_all(8)
        folder.remove("Consumer", "a")
        folder.remove("Stream", "a")
        wait_until(lambda: len(controller.resources()) == 6, 5, "the removal is seen")
    expect(len(admin.streams()), 6, "streams without -prune")
    with start(context, server, folder, "-prune") as controller:
        controller.wait_all(6)
        wait_until(lambda: admin.stream("A") is None, 5, "what went while nobody looked")
        # Only the consumer.
        folder.remove("Consumer", "b")
        wait_until(lambda: admin.consumer("B", "x") is None, 5, "the consumer goes")
        # A stream that a manifest's consumer names is not deleted.
        folder.remove("Stream", "c")
        folder.remove("Stream", "kept")
        folder.remove("Consumer", "foreign")
        wait_until(lambda: admin.consumer("FOREIGN", "x") is None, 5, "the consumer of a foreign stream goes")
        time.sleep(1)
        expect(sorted(admin.streams()), ["B", "C", "FOREIGN", "KEPT", "OTHERS"], "streams")
        folder.remove("Consumer", "c")
        wait_until(lambda: admin.stream("C") is None, 5, "the stream goes with the last manifest that names it")
    expect(sorted(admin.streams()), ["B", "FOREIGN", "KEPT", "OTHERS"], "streams")


def prune_safety(context, server, admin):
    folder = Folder(context)
    for name in ("a", "b"):
        folder.put("Stream", name, name=name.upper())
    with start(context, server, folder, "-prune", "-sync-interval=1s") as controller:
        controller.wait_all(2)
        folder.write("broken.yaml", "kind: [")
        controller.wait_for_log(r"broken\.yaml:\d+:\d+: ")
        folder.remove("Stream", "a")
        time.sleep(2.5)
        expect(sorted(admin.streams()), ["A", "B"], "streams while a file is broken")
        folder.write("broken.yaml", scene.manifest("Stream", "c", {"name": "C", "maxAge": "soon"}))
        controller.wait("Stream c", "Errored", "spec.maxAge")
        time.sleep(1.5)
        check("A" in admin.streams(), "pruned while a manifest has an error")
        (folder.path / "broken.yaml").unlink()
        wait_until(lambda: admin.streams() == ["B"], 5, "what is not described goes")
        moved = folder.path.parent / f"{folder.path.name}.away"
        folder.path.rename(moved)
        time.sleep(2.5)
        folder.path.mkdir()
        time.sleep(2.5)
        expect(admin.streams(), ["B"], "streams while the folder is away or empty")
        folder.path.rmdir()
        moved.rename(folder.path)
        controller.signal(signal.SIGHUP)
        controller.wait_all(1)


def drift(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "s", name="S", subjects=["s.>"], maxMsgs=100, storage="file")
    folder.put("Consumer", "c", streamName="S", durableName="c", ackPolicy="explicit", ackWait="30s", maxDeliver=5)
    folder.put("KeyValue", "k", bucket="k", history=4)
    with start(context, server, folder, "-sync-interval", "1s") as controller:
        controller.wait_all(3)
        settled = admin.stream("S"), admin.consumer("S", "c"), admin.stream("KV_k")
        admin.change("S", max_msgs=7, description="by hand")
        admin.change("KV_k", max_msgs_per_subject=1)
        consumer = {**settled[1], "max_deliver": 99}
        admin.must("CONSUMER.CREATE.S.c", {"stream_name": "S", "config": consumer, "action": "update"})

        def repaired():
            return (admin.stream("S"), admin.consumer("S", "c"), admin.stream("KV_k")) == settled
        wait_until(repaired, 5, "everything is as before")
        repair = r"repaired stream S, which was changed: spec\.description, spec\.maxMsgs"
        check(controller.lines(repair), controller.log())
        admin.must("CONSUMER.DELETE.S.c")
        admin.must("STREAM.DELETE.KV_k")
        wait_until(lambda: admin.consumer("S", "c") and admin.stream("KV_k"), 5, "what was deleted comes back")
        admin.must("STREAM.DELETE.S")
        wait_until(lambda: admin.consumer("S", "c"), 5, "the stream comes back with its consumer")
        controller.wait_all(3)
        check(controller.metric("nack_changes_total") >= 6, controller.metrics())


def copies(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "a", name="A", mirror={"name": "M"})
    folder.put("Stream", "b", name="B", sources=[{"name": "A", "filterSubject": "z.1"}])
    folder.put("Stream", "m", name="M", mirror={"name": "Z"})
    folder.put("Stream", "z", name="Z", subjects=["z.*"])
    folder.put("KeyValue", "k1", bucket="k1")
    folder.put("KeyValue", "k0", bucket="k0", mirror={"name": "k1"})
    folder.put("KeyValue", "k2", bucket="k2", sources=[{"name": "k1"}])
    heard = admin.listen()
    with start(context, server, folder) as controller:
        controller.wait_all(7)
        wait_until(lambda: sum(".STREAM.CREATE." in subject for subject in heard) >= 7, 5, "all requests are heard")
        created = [subject.split(".")[-1] for subject in heard if ".STREAM.CREATE." in subject]
        for first, then in [("Z", "M"), ("M", "A"), ("A", "B"), ("KV_k1", "KV_k0"), ("KV_k1", "KV_k2")]:
            check(created.index(first) < created.index(then), f"{created}")
        expect(len([subject for subject in heard if "CREATE" in subject or "UPDATE" in subject]), 7, "changes")
        # Messages flow.
        admin.do(admin.client.jetstream().publish("z.1", b"hello"))
        for name in ("M", "A", "B"):
            wait_until(lambda: admin.api(f"STREAM.INFO.{name}")["state"]["messages"], 10, f"{name} has a message")
        # A mirror becomes a stream of its own.
        folder.put("Stream", "m", name="M", subjects=["m"])
        controller.wait("Stream m")
        wait_until(lambda: "mirror" not in admin.stream("M"), 5, "M is no mirror any more")


def bad_manifests(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "good", name="GOOD")
    folder.write("several.yaml", """apiVersion: jetstream.nats.io/v1beta2
kind: Stream
metadata: {name: fine}
spec: {name: FINE}
---
apiVersion: jetstream.nats.io/v1beta2
kind: Stream
metadata: {name: typo}
spec:
  name: TYPO
  maxage: 1h
  replicas: none
---
apiVersion: jetstream.nats.io/v1beta2
kind: Consumer
metadata: {name: nameless}
spec: {streamName: GOOD}
""")
    folder.write("syntax.yaml", "apiVersion: jetstream.nats.io/v1beta2\nkind: Stream\n  metadata: x\n")
    folder.write("notes.json", "{")
    folder.put("Stream", "twice", name="GOOD")
    with start(context, server, folder) as controller:
        controller.wait("Stream good")
        controller.wait("Stream fine")
        row = controller.wait("Stream typo", "Errored")
        for part in (r"several\.yaml:11:3: spec\.maxage: unknown field; did you mean maxAge\?",
                     r"several\.yaml:12:13: spec\.replicas: must be a whole number, is a string"):
            check(re.search(part, row["message"]), row["message"])
        controller.wait("Consumer nameless", "Errored", r"spec\.durableName: is missing")
        controller.wait("Stream twice", "Errored", "stream GOOD is already described by Stream default/good")
        check(controller.lines(r"\[ERR\] \S*syntax\.yaml:\d+:\d+: "), controller.log())
        check(controller.lines(r"\[ERR\] \S*notes\.json:\d+:\d+: "), controller.log())
        expect(sorted(admin.streams()), ["FINE", "GOOD"], "streams")
        folder.write("several.yaml", scene.manifest("Stream", "typo", {"name": "TYPO", "maxAge": "1h"}))
        controller.wait("Stream typo")
        check("Stream fine" not in controller.resources(), "a manifest that is gone")
        for name in ("twice",):
            expect(len(controller.lines(f"Stream default/{name}: ")), 1, "lines about a bad manifest")
