"""nack-controller on manifests in files, beside a real nats-server, and beside natsd once that has JetStream."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import certificates
import servers
import suite
from suite import check, expect, wait_until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE / "controller"))
import scene  # noqa: E402
from scene import Admin, Controller, Folder, run  # noqa: E402

# What the issue asks for.
CONVERGE_SECONDS = 5
IDLE_KILOBYTES = 16 * 1024


def tests(context):
    with_server = [
        ("created in the order of their dependencies, and nothing is sent a second time", create),
        ("an edited file is brought about within moments", update),
        ("every update that cannot be: told with its field, once, and not sent", refused),
        ("what the server refuses: told with its field, once, tried again with backoff", refused_by_server),
        ("deletion: without -prune nothing goes; with it, what is owned and not described", delete),
        ("nothing is pruned while a manifest cannot be read, or all are gone", prune_safety),
        ("drift is repaired, deleted assets come back", drift),
        ("mirrors and sources, whatever the names of files", copies),
        ("bad manifests are told with file, line and field; others are not affected", bad_manifests),
        ("accounts, users, NKeys: each connection by its own resources", connections),
        ("plan, apply, export, validate: output and exit codes", commands),
        ("read-only", read_only),
        ("a server that comes late, goes and comes back", restart),
        ("a mounted ConfigMap", config_map),
    ]
    shared = [
        ("every flag in both forms, usage, version, refusals", command_line),
        ("TLS with a client certificate", tls),
        ("no JetStream, wrong password: told once, brought about when it comes", without_jetstream),
        ("nats-server 2.10 and 2.9", older_servers),
        ("JSON log, SIGHUP, SIGUSR1, addresses in use", process),
        ("metrics: alerts and the dashboard ask only for families that exist", metrics),
        ("an empty root directory", empty_root),
        ("make up: three programs and a demo, stopped by one Ctrl-C, or when one ends", make_up),
    ]
    alone = [
        (f"500 manifests within {CONVERGE_SECONDS} s, then silence, in 16 MiB", many),
    ]
    binaries = [("", context.peer)]
    if scene.has_jetstream(context.server, context.folder):
        binaries.append(("natsd: ", context.server))
    declared = [suite.Test(name, lambda f=f: f(context)) for name, f in shared]
    for prefix, binary in binaries:
        # natsd has neither mirrors nor sources yet: with it they are refused, and what needs them runs with the peer only.
        mirrors = (create, copies)
        for names, is_alone in ((with_server, False), (alone, True)):
            declared += [
                suite.Test(prefix + name, lambda f=f, binary=binary: on_server(context, binary, f), alone=is_alone)
                for name, f in names if not prefix or f not in mirrors]
        if prefix:
            declared.append(suite.Test(
                prefix + "mirrors are refused, and said to be", lambda binary=binary: on_server(context, binary, no_mirrors)))
    return declared


def on_server(context, binary, function):
    if not binary:
        context.needs_peer()
    with scene.jetstream(binary, context.folder) as server, Admin(server) as admin:
        return function(context, server, admin)


def start(context, server, folder, *arguments):
    return Controller(context, "-s", server.url(), "--manifests", folder, *arguments)


# Assets


def no_mirrors(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "copy", name="COPY", mirror={"name": "ORDERS"}, storage="file")
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file")
    with start(context, server, folder) as controller:
        wait_until(lambda: controller.lines("spec.mirror: mirrors and sources are not supported"), 10, "the refusal")
        wait_until(lambda: admin.streams() == ["ORDERS"], 10, "the stream that is no mirror")


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


def connections(context, server, admin):
    """Three accounts on one server, another server, and who is at which."""
    keys = context.folder / "keys"
    keys.mkdir(exist_ok=True)
    import nkeys
    pair = nkeys.from_seed(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    (keys / "user.nk").write_bytes(bytes(pair.seed))
    public = pair.public_key.decode()
    extra = f"""
accounts {{
  ONE {{ jetstream: enabled, users: [{{user: one, password: "password-one"}}] }}
  TWO {{ jetstream: enabled, users: [{{nkey: "{public}"}}] }}
  THREE {{ jetstream: enabled, users: [{{user: three, password: "password-three"}}] }}
}}
"""
    with scene.jetstream(server.binary, context.folder, extra) as many:
        folder = Folder(context)
        folder.put("Account", "one", name="one", servers=[many.url()], user={"user": "one", "password": "password-one"})
        folder.put("Account", "two", name="two", servers=[many.url()], nkey={"seed": str(keys / "user.nk")})
        folder.put("Account", "wrong", name="wrong", servers=[many.url()], user={"user": "one", "password": "no"})
        folder.put("Account", "secret", name="secret", servers=[many.url()],
                   token={"secret": {"name": "s"}, "token": "t"})
        folder.put("Stream", "default", name="S", description="default")
        folder.put("Stream", "one", name="S", description="one", account="one")
        folder.put("Consumer", "one", streamName="S", durableName="c", ackPolicy="explicit", ackWait="1s",
                   account="one")
        folder.put("Stream", "two", name="S", description="two", account="two")
        folder.put("Stream", "two-again", name="S2", account="two")
        folder.put("Stream", "three", name="S", description="three", servers=[many.url(login="three:password-three")])
        folder.put("Stream", "wrong", name="S", account="wrong")
        folder.put("Stream", "secret", name="S", account="secret")
        folder.put("Stream", "nobody", name="S", account="nobody")
        folder.put("Stream", "away", name="S", servers=["nats://127.0.0.1:1"])
        with start(context, server, folder) as controller:
            for name in ("Stream default", "Stream one", "Consumer one", "Stream two", "Stream three", "Account one"):
                controller.wait(name)
            controller.wait("Stream two-again")
            controller.wait("Stream wrong", "Errored", "Authorization Violation")
            controller.wait("Stream secret", "Errored", "Secrets need Kubernetes")
            controller.wait("Stream nobody", "Errored", "spec.account: there is no Account default/nobody")
            controller.wait("Stream away", "Errored", "no connection to nats://127.0.0.1:1: ")
            expect(admin.stream("S")["description"], "default", "by flags")
            for options, description in [({"user": "one", "password": "password-one"}, "one"),
                                         ({"user": "three", "password": "password-three"}, "three"),
                                         ({"nkeys_seed": str(keys / "user.nk")}, "two")]:
                with Admin(many, **options) as other:
                    expect(other.stream("S")["description"], description, "the account's stream")
            for password in ("password-one", "password-three"):
                check(password not in controller.log(), f"{password} is in the log")
            with open(f"/proc/{controller.process.pid}/cmdline", "rb") as line:
                check(b"password-three" not in line.read(), "a password on the command line")
            # Two of account two share a connection: default, one, two, three, wrong, away.
            expect(controller.metric("nack_connections_configured"), 6, "connections")
            # The right password comes.
            folder.put("Account", "wrong", name="wrong", servers=[many.url()],
                       user={"user": "three", "password": "password-three"})
            controller.wait("Stream wrong", "Ready")


# Commands


def commands(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file")
    folder.put("Consumer", "mailer", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="30s")
    at = ["-s", server.url()]
    code, out, _ = run(context, "plan", *at, folder)
    expect(code, 2, "plan with differences")
    check("+ stream ORDERS (Stream default/orders): create" in out, out)
    check(out.endswith("Plan: 2 to create, 0 to update, 0 to delete, 0 unchanged, 0 refused.\n"), out)
    expect(admin.streams(), [], "a plan changes nothing")
    code, out, _ = run(context, "plan", *at, "--output", "json", folder)
    document = json.loads(out)
    expect((code, document["hasDifferences"]), (2, True), "plan as JSON")
    expect([step["action"] for step in document["sites"][0]["steps"]], ["create", "create"], "steps")
    expect(run(context, "apply", "--once", *at, folder)[:2], (0, "2 of 2 resources are ready\n"), "apply")
    code, out, _ = run(context, "plan", *at, folder)
    expect((code, out), (0, "Plan: 0 to create, 0 to update, 0 to delete, 2 unchanged, 0 refused.\n"), "nothing to do")
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file", maxAge="1h")
    code, out, _ = run(context, "plan", *at, folder)
    check(code == 2 and "max_age: (none) -> 3600000000000" in out, out)
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="memory")
    code, out, errors = run(context, "apply", *at, "-o", "json", folder)
    expect(code, 1, "apply of what cannot be")
    rows = {row["name"]: row for row in json.loads(out)["resources"]}
    check("spec.storage" in rows["orders"]["message"] and rows["mailer"]["ready"] == "True", out)
    folder.remove("Consumer", "mailer")
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file")
    code, out, _ = run(context, "plan", *at, "-prune", folder)
    check(code == 2 and "- consumer ORDERS/mailer: delete" in out, out)
    expect(run(context, "apply", *at, "-prune", folder)[0], 0, "apply -prune")
    expect(admin.consumer("ORDERS", "mailer"), None, "the pruned consumer")

    # What a server has, as manifests, is what it has.
    exported = Folder(context)
    admin.must("STREAM.CREATE.X", {"name": "X", "subjects": ["x"], "max_age": 10**10, "retention": "interest",
                                   "republish": {"src": "x", "dest": "y"}, "metadata": {"k": "yes"}})
    admin.must("CONSUMER.CREATE.X.d", {"stream_name": "X", "config": {
        "name": "d", "durable_name": "d", "ack_policy": "all", "deliver_subject": "d", "idle_heartbeat": 10**9,
        "flow_control": True, "filter_subject": "x", "max_deliver": 3}})
    js = admin.client.jetstream()
    admin.do(js.create_key_value(bucket="settings", history=5, ttl=60))
    admin.do(js.create_object_store("files"))
    for extension, flags in (("yaml", []), ("json", ["--output=json"])):
        code, out, errors = run(context, "export", *at, *flags)
        expect((code, errors), (0, ""), "export")
        for old in exported.path.iterdir():
            old.unlink()
        exported.write(f"all.{extension}", out)
        expect(run(context, "validate", exported)[0], 0, f"validate of the export: {out}")
        code, out, _ = run(context, "plan", *at, "-owner=", exported)
        check(code == 0 and "5 unchanged" in out, out)

    # Errors: 1, whatever the command.
    bad = Folder(context)
    bad.write("bad.yaml", scene.manifest("Stream", "s", {"name": "a.b", "discard": "newest"}).replace(', "', ',\n"'))
    for command in (["validate"], ["plan", *at], ["apply", *at]):
        code, _, errors = run(context, *command, bad)
        expect(code, 1, f"exit code of {command[0]}")
        check(re.search(r"bad\.yaml:\d+:\d+: error: spec\.name: must not contain", errors), errors)
        discard = r'bad\.yaml:\d+:\d+: error: spec\.discard: must be one of old, new, is "newest"'
        check(re.search(discard, errors), errors)
    code, out, _ = run(context, "validate", "-o=json", bad)
    expect((code, len(json.loads(out)["diagnostics"])), (1, 2), "validate as JSON")
    for command in (["plan", folder], ["apply", folder], ["export"]):
        code, _, errors = run(context, command[0], "-s", "nats://127.0.0.1:1", "-timeout=1s", *command[1:])
        check(code == 1 and "127.0.0.1:1" in errors, f"{command[0]}: {code} {errors}")
    expect(run(context, "validate", folder, bad.path / "nowhere")[0], 1, "a path that is not there")


def read_only(context, server, admin):
    admin.must("STREAM.CREATE.OLD", {"name": "OLD", "subjects": ["old"]})
    folder = Folder(context)
    folder.put("Stream", "old", name="OLD", subjects=["old", "older"], storage="file")
    folder.put("Stream", "new", name="NEW")
    with start(context, server, folder, "-read-only", "-sync-interval=1s") as controller:
        controller.wait("Stream old", "Errored", "read-only: .*subjects")
        controller.wait("Stream new", "Errored", "would be created, but the controller is read-only")
        time.sleep(2.5)
        expect(admin.streams(), ["OLD"], "streams")
        expect(admin.stream("OLD")["subjects"], ["old"], "subjects")
        expect(len(controller.lines("Stream default/new: ")), 1, "lines")


def restart(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    config = scene.jetstream_config(context.folder)
    other = servers.Server(server.binary, context.folder, config, port=servers.free_port())
    try:
        with Controller(context, "-s", other.url(), "--manifests", folder) as controller:
            controller.wait("Stream s", "Errored", "no connection to nats://127.0.0.1")
            expect(controller.get("/healthz")[0], 200, "healthz without a server")
            expect(controller.get("/readyz")[0], 200, "readyz without a server: the manifests are read")
            other.start()
            controller.wait("Stream s", seconds=15)
            other.stop()
            controller.wait_for_log("No connection to ")
            folder.put("Stream", "s", name="S", maxMsgs=5)
            folder.put("Stream", "t", name="T")
            time.sleep(1)
            other.start()
            controller.wait_all(2, seconds=20)
            with Admin(other) as there:
                expect(there.stream("S")["max_msgs"], 5, "what changed meanwhile")
            expect(len(controller.lines("Stream default/s: no connection")), 1, "lines about the loss")
    finally:
        other.stop()


def config_map(context, server, admin):
    """`orders.yaml -> ..data/orders.yaml`, `..data -> ..1`: another version comes by a rename of `..data`."""
    folder = Folder(context)
    for version in ("1", "2"):
        folder.write(f"..{version}/orders.yaml", scene.manifest("Stream", "s", {"name": "S", "maxMsgs": int(version)}))
    (folder.path / "..data").symlink_to("..1")
    (folder.path / "orders.yaml").symlink_to("..data/orders.yaml")
    with start(context, server, folder) as controller:
        controller.wait_all(1)
        expect(admin.stream("S")["max_msgs"], 1, "the first version")
        (folder.path / "..data.new").symlink_to("..2")
        (folder.path / "..data.new").rename(folder.path / "..data")
        wait_until(lambda: admin.stream("S")["max_msgs"] == 2, 5, "the second version")


# The program


def command_line(context):
    code, out, _ = run(context, "--version")
    check(code == 0 and re.fullmatch(r"nack-controller version v\d+\.\d+\.\d+\n", out), out)
    for flag in ("-h", "--help"):
        code, out, _ = run(context, flag)
        check(code == 0 and "-health-probe-bind-address" in out and "-sync-interval" in out, out)
    for arguments, expected, text in [
            ([], 1, "NATS Server URL is required"),
            (["-nope"], 2, "flag provided but not defined: -nope"),
            (["-s", "nats://x", "-sync-interval=soon"], 2, "invalid value"),
            (["destroy"], 2, "unknown command"),
            (["plan"], 1, "plan needs manifests"),
            (["-manifests", "/tmp", "-metrics-bind-address", "nowhere"], 1, "invalid address")]:
        code, _, errors = run(context, *arguments)
        check(code == expected and text in errors, f"{arguments}: {code} {errors}")
    folder = Folder(context)
    for dashes in ("-", "--"):
        flags = ["s=nats://127.0.0.1:1", "creds=/nowhere", "tlsfirst=false", "namespace=team", "read-only",
                 "sync-interval=5s", f"cache-dir={folder.path}/cache", "control-loop", "cleanup-period=1m",
                 "crd-connect", "kubeconfig=/nowhere", "logtostderr=true", "v=1", "stderrthreshold=INFO", f"manifests={folder}"]
        with Controller(context, *[dashes + flag for flag in flags]) as controller:
            controller.wait_for_log("Running in read-only mode: JetStream state in server will not be changed")


def tls(context):
    context.needs_peer()
    folder = context.folder / "controller-certificates"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    extra = f"""
tls {{
  cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", ca_file: "{folder}/ca.pem", verify: true
}}
"""
    with scene.jetstream(context.peer, context.folder, extra) as server:
        manifests = Folder(context)
        manifests.put("Stream", "s", name="S")
        manifests.put("Stream", "own", name="OWN", tls={
            "rootCas": [str(folder / "other-ca.pem"), str(folder / "ca.pem")], "clientCert": str(folder / "client.pem"),
            "clientKey": str(folder / "client.key")})
        at = ["-s", server.url(), "--manifests", manifests]
        with Controller(context, *at, "-tlsca", folder / "ca.pem", "-tlscert", folder / "client.pem", "-tlskey",
                        folder / "client.key") as controller:
            controller.wait_all(2)
        with Controller(context, *at, "-tlsca", folder / "other-ca.pem", "-tlscert", folder / "client.pem", "-tlskey",
                        folder / "client.key") as controller:
            controller.wait("Stream s", "Errored", "TLS: ")
            controller.wait("Stream own")


def without_jetstream(context):
    peer = context.needs_peer()
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    with servers.running(peer, context.folder, "", port=servers.free_port()) as server:
        with Controller(context, "-s", server.url(), "--manifests", folder, "-sync-interval=1s") as controller:
            controller.wait("Stream s", "Errored", "no JetStream at nats://127.0.0.1")
            time.sleep(3)
            expect(len(controller.lines("Stream default/s: ")), 1, "lines")
            check(controller.metric("nack_api_requests_total") < 8, controller.metrics())
            server.stop()
            server.write_config(scene.jetstream_config(context.folder))
            server.start()
            controller.wait("Stream s", seconds=20)
    config = 'authorization { user: u, password: "p" }'
    with servers.running(peer, context.folder, scene.jetstream_config(context.folder, config)) as server:
        with Controller(context, "-s", server.url(login="u:wrong"), "--manifests", folder) as controller:
            controller.wait("Stream s", "Errored", "Authorization Violation")
            server.reload(server.config_path.read_text().replace('"p"', '"wrong"'))
            controller.wait("Stream s", seconds=20)


def older_servers(context):
    notes = []
    for version in ("2.10", "2.9"):
        done = subprocess.run([ROOT / "Tests/rig/peers", "path", version], capture_output=True, text=True)
        if done.returncode:
            raise suite.Missing(f"nats-server {version}: {done.stderr.strip()}")
        with scene.jetstream(done.stdout.strip(), context.folder) as server, Admin(server) as admin:
            folder = Folder(context)
            folder.put("Stream", "s", name="S", subjects=["s.>"], storage="file", maxAge="1h")
            folder.put("Consumer", "c", streamName="S", durableName="c", ackPolicy="explicit", ackWait="30s")
            folder.put("KeyValue", "k", bucket="k")
            folder.put("Stream", "new", name="NEW", allowMsgTtl=True)
            with start(context, server, folder, "-sync-interval=1s") as controller:
                for name in ("Stream s", "Consumer c", "KeyValue k"):
                    controller.wait(name)
                # It takes the request and forgets what it does not know.
                controller.wait("Stream new", "Errored", "^spec.allowMsgTtl: ")
                heard = admin.listen()
                time.sleep(3)
                changes = [subject for subject in heard if re.search(r"\.(CREATE|UPDATE)\.(?!NEW)", subject)]
                expect(changes, [], f"changes on {version}")
                notes.append(version)
    return ", ".join(notes)


def process(context):
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    log = folder.path / "controller.log"
    done = subprocess.Popen([scene.program(context), "-s=nats://127.0.0.1:1", "-manifests", str(folder), "-log_file",
                             str(log), "-log-format=json", "-health-probe-bind-address=127.0.0.1:0",
                             "-metrics-bind-address=0"], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: log.exists() and "no connection" in log.read_text(), 10, "lines in the log file")
        records = [json.loads(line) for line in log.read_text().splitlines()]
        check(all({"time", "level", "message"} <= set(record) for record in records), records)
        log.rename(f"{log}.1")
        done.send_signal(signal.SIGUSR1)
        wait_until(log.exists, 5, "a new log file")
        done.send_signal(signal.SIGHUP)
        done.send_signal(signal.SIGINT)
        expect(done.wait(10), 0, "exit code after SIGINT")
    finally:
        if done.poll() is None:
            done.kill()
            done.wait()
    with Controller(context, "-s=nats://127.0.0.1:1", "-manifests", folder) as controller:
        code, _, errors = run(context, "-s=nats://127.0.0.1:1", "-manifests", folder,
                              f"-health-probe-bind-address=127.0.0.1:{controller.port}")
        check(code == 1 and "Error: " in errors, f"{code} {errors}")


def metrics(context):
    context.needs_peer()
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    folder.put("Stream", "bad", name="")
    with scene.jetstream(context.peer, context.folder) as server:
        with start(context, server, folder) as controller:
            controller.wait("Stream s")
            text = controller.metrics()
    given = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    asked = set()
    for name in ("dashboard.json", "alerts.yaml"):
        source = (ROOT / "deploy/monitoring" / name).read_text()
        asked |= set(re.findall(r"\b(?:controller_runtime|workqueue|nack|leader_election)_\w+", source))
    check(len(asked) >= 3, f"{asked}")
    check(asked <= given, f"families that nobody gives: {sorted(asked - given)}")
    for row in ('controller_runtime_reconcile_total{controller="stream",result="success"} 1',
                'nack_resources{kind="stream",reason="Ready"} 1', 'nack_resources{kind="stream",reason="Errored"} 1',
                "nack_connections 1", "nack_leader 1", "process_resident_memory_bytes "):
        check(row in text, f"{row}\n{text}")


def empty_root(context):
    if os.geteuid():
        raise suite.Missing("the right to change the root directory (root)")
    context.needs_peer()
    root = Path(tempfile.mkdtemp(dir=context.folder))
    shutil.copy(scene.program(context), root / "nack-controller")
    (root / "manifests").mkdir()
    (root / "manifests/s.yaml").write_text(scene.manifest("Stream", "s", {"name": "S"}))
    chroot = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
    with scene.jetstream(context.peer, context.folder) as server:
        with Controller(context, "-s", server.url(), "--manifests", "/manifests",
                        command=[chroot, str(root), "/nack-controller"]) as controller:
            controller.wait_all(1)


def make_up(context):
    context.needs_peer()
    needed = [ROOT / "dist" / name for name in ("natsd", "exporter", "nack-controller")]
    if not all(os.access(path, os.X_OK) for path in needed):
        raise suite.Missing("the programs in dist (make release)")
    for ends_by in ("Ctrl-C", "exporter"):
        data = Path(tempfile.mkdtemp(dir=context.folder))
        ports = {name: servers.free_port() for name in ("UP_EXPORTER_PORT", "UP_HEALTH_PORT", "UP_METRICS_PORT")}
        environment = {**os.environ, "UP_DATA": str(data), **{name: str(port) for name, port in ports.items()}}
        log = data / "up.log"
        with open(log, "wb") as output:
            # A group of its own, as a terminal's foreground job is: Ctrl-C goes to all of it.
            up = subprocess.Popen([ROOT / "deploy/up", "--demo", "-p", str(servers.free_port()), "-m",
                                   str(servers.free_port())], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                  env=environment, start_new_session=True)
        try:
            wait_until(lambda: "shipped {" in log.read_text() or up.poll() is not None, 40, "an order is shipped")
            text = log.read_text()
            check("Everything runs: " in text and "shipped {" in text, text)
            check("real nats-server" in text or "Everything runs: natsd," in text, text)
            pids = re.findall(r"^\w+ +\| \[(\d+)\]", text, re.MULTILINE)
            check(len(set(pids)) >= 3, text)
            scrape = urllib.request.urlopen(f"http://127.0.0.1:{ports['UP_EXPORTER_PORT']}/metrics", timeout=10).read()
            families = b"jetstream_stream_total_messages", b'stream_name="ORDERS"'
            check(all(name in scrape for name in families), "the exporter's page")
            rows = json.loads(urllib.request.urlopen(
                f"http://127.0.0.1:{ports['UP_HEALTH_PORT']}/resources", timeout=10).read())["resources"]
            # natsd has neither mirrors nor sources yet, and deploy/up says which manifests it refuses.
            refused = 2 if "Everything runs: natsd," in text else 0
            expect(sorted(row["reason"] for row in rows), ["Errored"] * refused + ["Ready"] * (8 - refused),
                   "resources of the examples")
            check(not refused or "natsd has neither mirrors nor sources yet" in text, text)
            if ends_by == "Ctrl-C":
                os.killpg(up.pid, signal.SIGINT)
            else:
                line = next(line for line in text.splitlines() if line.startswith("exporter"))
                os.kill(int(re.search(r"\[(\d+)\]", line)[1]), signal.SIGKILL)
            expect(up.wait(15), 0 if ends_by == "Ctrl-C" else 1, f"exit code after {ends_by}")
        finally:
            if up.poll() is None:
                up.terminate()
                up.wait(15)
        left = [pid for pid in set(pids) if Path(f"/proc/{pid}").exists()]
        expect(left, [], f"processes left after {ends_by}")


# Many


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
