"""Backups of streams: from natsd and from nats-servers of several versions to natsd and to nats-server; under load, to
slow receivers, cut off, killed."""
import asyncio
import datetime
import hashlib
import json
import random
import struct
import subprocess
import threading
import time
from pathlib import Path

import nats
import nats.js.api

import backup_client
import disks
import servers
import suite

HERE = Path(__file__).resolve().parent
CONFIG = "jetstream { store_dir: js, max_mem: 256MB, max_file: 4GB }\n"
ADVISORIES = "$JS.EVENT.ADVISORY.STREAM."


def tests(context):
    routes = [("natsd", "natsd"), ("natsd", "2.15"), ("2.15", "natsd"), ("2.10", "natsd"), ("2.9", "natsd")]
    kinds = [("a stream with consumers", stream), ("key-value and object stores", stores)]
    found = [suite.Test(f"9.025-9.027 {kind} from {source} to {target}",
                        lambda f=function, s=source, t=target: f(context, s, t))
             for source, target in routes for kind, function in kinds]
    plain = [
        ("9.027 memory streams too", memory), ("9.028 into another account", accounts),
        ("9.028 a smaller stream than before", smaller), ("9.024 a snapshot under load", load),
        ("9.024 the window is kept", window), ("9.024 a receiver that takes nothing", deaf),
        ("9.024 a receiver that leaves", leaving), ("9.024 nobody listens", nobody),
        ("9.024 the stream is deleted meanwhile", deleted), ("9.027 killed during a restore", killed),
        ("9.027 killed after a restore", killed_after),
        ("9.027 killed at any moment", killed_anywhere), ("9.026 large messages that compress well", large),
        ("9.027 stopped during both", stopped),
        ("9.027 a client that leaves", abandoned),
        ("9.027 a client that does not wait for answers", impatient), ("9.027 two restores of one name", twice),
        ("9.027 a restore onto a full disk", full_disk), ("9.027 a million times larger when decompressed", bomb),
        ("9.025 compressed streams of nats-server", compressed),
        ("7.056 7.057 advisories", advisories), ("5.062 message identifiers are known again", identifiers),
        ("5.067 5.080 times to live and schedules go on", times),
        ("5.052 5.053 mirrors and sources go on", copies),
    ]
    return found + [suite.Test(name, lambda f=function: f(context)) for name, function in plain]


def binary(context, name):
    if name == "natsd":
        return context.server
    if name == "2.15":
        return context.needs_peer()
    found = subprocess.run([HERE.parent / "rig/peers", "path", name], capture_output=True, text=True)
    if found.returncode:
        raise suite.Missing(f"nats-server {name}: {found.stderr.strip()}")
    return found.stdout.strip()


def natsd(context, config=CONFIG):
    return servers.running(context.server, context.folder, config)


def fill(client, count=10, name="S", **options):
    """Numbered messages; every fourth has a header."""
    client.must(f"STREAM.CREATE.{name}", {"name": name, "subjects": ["a.>"], **options})
    for number in range(count):
        header = b"NATS/1.0\r\nA: b\r\n\r\n" if number % 4 == 0 else b""
        answer = client.request(f"a.{number % 3}", b"hello %d" % number, header)
        suite.check(b'"seq"' in answer.payload, f"message {number}: {answer}")


def flood(client, count, size, name="S", subject="a", seed=1, **options):
    """Many messages, partly random; the digest of all."""
    client.must(f"STREAM.CREATE.{name}", {"name": name, "subjects": [f"{subject}.>"], **options})
    source, digest = random.Random(seed), hashlib.sha256()
    for start in range(0, count, 500):
        frames = []
        for number in range(start, min(start + 500, count)):
            body = (b"%d " % number + source.randbytes(size // 2)).ljust(size, b"x")
            digest.update(body)
            frames.append(b"PUB %s.%d %d\r\n%s\r\n" % (subject.encode(), number % 50, len(body), body))
        client.socket.sendall(b"".join(frames))
        client.flush()
    suite.wait_until(lambda: client.must(f"STREAM.INFO.{name}")["state"]["last_seq"] >= count, 30, "all stored")
    return digest.hexdigest()


def digest(client, name="S"):
    """Of all messages, read by a consumer."""
    state = client.must(f"STREAM.INFO.{name}")["state"]
    subject = f"digest.{time.time_ns()}"
    subscription, found = client.subscribe(subject), hashlib.sha256()
    config = {"deliver_subject": subject, "ack_policy": "none"}
    client.must(f"CONSUMER.CREATE.{name}", {"stream_name": name, "config": config})
    for _ in range(state["messages"]):
        message = client.next(subscription)
        suite.check(message is not None, "a message is missing")
        found.update(message.payload)
    client.unsubscribe(subscription)
    return found.hexdigest()


def content(client, name="S"):
    """Everything that can be asked, in a form to compare."""
    info = client.must(f"STREAM.INFO.{name}", {"deleted_details": True})
    state = info["state"]
    state.pop("last_ts")  # of a message that was deleted it is not kept
    messages = []
    for sequence in range(1, state["last_seq"] + 1):
        answer = client.api(f"STREAM.MSG.GET.{name}", {"seq": sequence})
        messages.append(answer.get("message"))
    consumers = []
    for consumer in client.must(f"CONSUMER.LIST.{name}")["consumers"] or []:
        config = {key: value for key, value in consumer["config"].items() if key not in ("metadata", "name")}
        positions = {f"{key} {part}": consumer[key][part] for key in ("delivered", "ack_floor")
                     for part in ("consumer_seq", "stream_seq")}
        if not consumer["delivered"]["consumer_seq"]:  # servers differ about what was removed before the first delivery
            positions.pop("ack_floor stream_seq")
        counts = {key: value for key, value in consumer.items() if key.startswith("num_")}
        consumers.append((consumer["name"], config, positions, counts))
    return state, messages, sorted(consumers, key=lambda found: found[0])


def same(actual, expected):
    for one, other, what in zip(actual, expected, ("state", "messages", "consumers")):
        suite.expect(one, other, what)


def configuration(snapshot):
    return snapshot.answer["config"]


def transfer(source, target, name="S", **changes):
    snapshot = source.snapshot(name)
    answer = target.restore({**configuration(snapshot), **changes}, b"".join(snapshot.chunks), snapshot.answer["state"])
    suite.check("error" not in answer, f"restore: {answer.get('error')}")
    return answer


# Between servers


def stream(context, source, target):
    with servers.running(binary(context, source), context.folder, CONFIG) as left, \
            servers.running(binary(context, target), context.folder, CONFIG) as right:
        one, other = backup_client.Client(left.port), backup_client.Client(right.port)
        fill(one, 12)
        for number in (3, 1, 12):
            one.must("STREAM.MSG.DELETE.S", {"seq": number})
        one.must("STREAM.MSG.DELETE.S", {"seq": 8, "no_erase": True})
        durable = {"durable_name": "C", "ack_policy": "explicit", "filter_subject": "a.>", "ack_wait": 60_000_000_000}
        one.must("CONSUMER.DURABLE.CREATE.S.C", {"stream_name": "S", "config": durable})
        one.must("CONSUMER.CREATE.S", {"stream_name": "S", "config": {
            "ack_policy": "all", "inactive_threshold": 600_000_000_000}})
        pulls = one.subscribe("pulls")
        one.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", b'{"batch":5}', "pulls")
        delivered = [one.next(pulls) for _ in range(5)]
        for place, answer in ((0, b"+ACK"), (2, b"+ACK"), (3, b"-NAK")):
            one.publish(delivered[place].reply, answer)
        one.flush()
        one.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", b'{"batch":1}', "pulls")
        suite.check(one.next(pulls) is not None, "no redelivery")
        before = content(one)
        transfer(one, other)
        after = content(other)
        if source == "2.9":  # counts the last delivery of what is pending, not the first
            for found in (before, after):
                for consumer in found[2]:
                    consumer[2].clear()
        same(after, before)
        taken = other.subscribe("taken")
        other.publish("$JS.API.CONSUMER.MSG.NEXT.S.C", b'{"batch":1}', "taken")
        message = other.next(taken)
        suite.expect(message.payload, b"hello 8", "the next message of the consumer")
        if target == "natsd":
            right.kill()
            right.start()
            other = backup_client.Client(right.port)
            suite.expect(content(other)[:2], after[:2], "after a kill")


def stores(context, source, target):
    with servers.running(binary(context, source), context.folder, CONFIG) as left, \
            servers.running(binary(context, target), context.folder, CONFIG) as right:
        asyncio.run(fill_stores(left))
        one, other = backup_client.Client(left.port), backup_client.Client(right.port)
        for name in ("KV_k", "OBJ_o"):
            transfer(one, other, name)
        asyncio.run(check_stores(right))


OBJECT = random.Random(7).randbytes(700_000)


async def fill_stores(server):
    client = await nats.connect(server.url())
    stream_context = client.jetstream()
    bucket = await stream_context.create_key_value(bucket="k", history=3)
    for round_number in range(5):
        for key in range(20):
            await bucket.put(f"key.{key}", b"value %d of %d" % (round_number, key))
    await bucket.delete("key.3")
    await bucket.purge("key.4")
    objects = await stream_context.create_object_store("o")
    await objects.put("large", OBJECT)
    await objects.put("gone", b"x" * 1000)
    await objects.delete("gone")
    await client.close()


async def check_stores(server):
    client = await nats.connect(server.url())
    stream_context = client.jetstream()
    bucket = await stream_context.key_value("k")
    suite.expect(sorted(await bucket.keys()), sorted(f"key.{key}" for key in range(20) if key not in (3, 4)), "keys")
    for key in (0, 7, 19):
        history = [found.value for found in await bucket.history(f"key.{key}")]
        suite.expect(history, [b"value %d of %d" % (number, key) for number in (2, 3, 4)], "history")
    suite.expect(await bucket.put("key.0", b"new"), 103, "the next revision")
    objects = await stream_context.object_store("o")
    suite.check((await objects.get("large")).data == OBJECT, "the object is another one")
    suite.expect([found.name for found in await objects.list() if not found.deleted], ["large"], "objects")
    await client.close()


def compressed(context):
    """Blocks that lie compressed on nats-server's disk, and some that were compacted."""
    with servers.running(binary(context, "2.10"), context.folder, CONFIG) as left, natsd(context) as right:
        one, other = backup_client.Client(left.port), backup_client.Client(right.port)
        flood(one, 20_000, 1200, compression="s2", max_msgs_per_subject=300)
        for sequence in range(6000, 7000, 3):  # erasing in compressed blocks damages them in 2.10
            one.must("STREAM.MSG.DELETE.S", {"seq": sequence, "no_erase": True})
        before = one.must("STREAM.INFO.S", {"deleted_details": True})["state"]
        transfer(one, other)
        after = other.must("STREAM.INFO.S", {"deleted_details": True})["state"]
        suite.expect(after, before, "state")
        suite.expect(digest(other), digest(one), "messages")


def memory(context):
    with natsd(context) as left, servers.running(context.needs_peer(), context.folder, CONFIG) as right:
        one, other = backup_client.Client(left.port), backup_client.Client(right.port)
        fill(one, storage="memory")
        transfer(one, other)
        same(content(other), content(one))
        one.must("STREAM.DELETE.S")
        transfer(other, one, storage="memory")
        same(content(one), content(other))


# Changed on the way


ACCOUNTS = CONFIG + """
accounts {
  A { jetstream: enabled, users: [{user: a, password: a}] }
  B { jetstream: {max_file: 1MB}, users: [{user: b, password: b}] }
}
"""


def accounts(context):
    with natsd(context, ACCOUNTS) as server:
        one, other = (backup_client.Client(server.port, user, user) for user in "ab")
        fill(one)
        transfer(one, other)
        same(content(other), content(one))
        other.must("STREAM.DELETE.S")
        one.must("STREAM.DELETE.S")
        flood(one, 3000, 1000)
        snapshot = one.snapshot("S")
        answer = other.restore(configuration(snapshot), b"".join(snapshot.chunks))
        suite.expect(answer["error"]["err_code"], 10047, "more than the account may store")
        suite.expect(other.must("STREAM.NAMES")["total"], 0, "streams")
        suite.expect(other.must("INFO")["storage"], 0, "bytes used")


def smaller(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        flood(client, 2000, 500)
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        changed = {**configuration(snapshot), "max_msgs": 100, "description": "restored", "subjects": ["b.>"]}
        answer = client.restore(changed, b"".join(snapshot.chunks))
        suite.expect(answer["state"]["messages"], 100, "messages")
        suite.expect(answer["state"]["first_seq"], 1901, "first sequence")
        suite.expect(answer["config"]["description"], "restored", "description")
        suite.expect(json.loads(client.request("b.1", b"x").payload)["seq"], 2001, "the next sequence")


def identifiers(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        client.must("STREAM.CREATE.S", {"name": "S", "subjects": ["a"]})
        for number in range(3):
            client.request("a", b"x", b"NATS/1.0\r\nNats-Msg-Id: %d\r\n\r\n" % number)
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        client.restore(configuration(snapshot), b"".join(snapshot.chunks))
        answer = json.loads(client.request("a", b"x", b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n").payload)
        suite.expect(answer, {"stream": "S", "seq": 2, "duplicate": True}, "the same message again")


def times(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        client.must("STREAM.CREATE.S", {"name": "S", "subjects": ["a.>"], "allow_msg_ttl": True,
                                        "allow_msg_schedules": True})
        due = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        for subject, header in (("a.short", "Nats-TTL: 2s"), ("a.long", "Nats-TTL: 1h"),
                                ("a.later", f"Nats-Schedule: @at {due.strftime('%Y-%m-%dT%H:%M:%SZ')}\r\n"
                                            "Nats-Schedule-Target: a.target")):
            answer = json.loads(client.request(subject, b"x", f"NATS/1.0\r\n{header}\r\n\r\n".encode()).payload)
            suite.check("error" not in answer, f"{subject}: {answer}")
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        client.restore(configuration(snapshot), b"".join(snapshot.chunks))
        subjects = lambda: client.must("STREAM.INFO.S", {"subjects_filter": ">"})["state"]["subjects"]  # noqa: E731
        suite.expect(sorted(subjects()), ["a.later", "a.long", "a.short"], "subjects after the restore")
        suite.wait_until(lambda: sorted(subjects()) == ["a.long", "a.target"], 6, "what was due has happened")


def copies(context):
    """A restored copy takes what its origin got meanwhile, and nothing again."""
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        count = lambda name: client.must(f"STREAM.INFO.{name}")["state"]["last_seq"]  # noqa: E731
        publish = lambda subject: [client.request(subject, b"x") for _ in range(20)]  # noqa: E731
        for name, copied in (("M", {"mirror": {"name": "OM"}}), ("S", {"sources": [{"name": "OS"}, {"name": "P"}]})):
            origin = f"O{name}"
            client.must(f"STREAM.CREATE.{origin}", {"name": origin, "subjects": [origin]})
            client.must(f"STREAM.CREATE.{name}", {"name": name, **copied})
            publish(origin)
            suite.wait_until(lambda: count(name) == 20, 6, f"{name} has what its origin has")
            snapshot = client.snapshot(name)
            client.must(f"STREAM.DELETE.{name}")
            publish(origin)
            client.restore(configuration(snapshot), b"".join(snapshot.chunks))
            suite.wait_until(lambda: count(name) >= 40, 6, f"the restored {name} has what its origin has")
            time.sleep(0.3)
            suite.expect(count(name), 40, f"messages in {name}")


# Snapshots


def load(context):
    """A consistent beginning of the stream; publishers are not held up, and nothing of theirs is lost."""
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        flood(client, 30_000, 1000)
        acknowledged, slowest, stop = [], [0.0], threading.Event()

        def publish():
            publisher = backup_client.Client(server.port)
            while not stop.is_set():
                started = time.monotonic()
                acknowledged.append(json.loads(publisher.request("a.9", b"more").payload)["seq"])
                slowest[0] = max(slowest[0], time.monotonic() - started)

        thread = threading.Thread(target=publish)
        thread.start()
        begun = time.monotonic()
        snapshot = client.snapshot("S")
        seconds = time.monotonic() - begun
        stop.set()
        thread.join()
        last = snapshot.answer["state"]["last_seq"]
        suite.check(len(acknowledged) > max(3, seconds * 5),
                    f"only {len(acknowledged)} messages were published in {seconds:.2f} s")
        suite.check(slowest[0] < 2, f"a publisher waited {slowest[0]:.1f} s")
        suite.expect(client.must("STREAM.INFO.S")["state"]["last_seq"], acknowledged[-1], "the last sequence")
        client.must("STREAM.DELETE.S")
        state = client.restore(configuration(snapshot), b"".join(snapshot.chunks))["state"]
        suite.expect((state["messages"], state["first_seq"], state["last_seq"]), (last, 1, last), "restored")
        return f"{len(acknowledged)} messages meanwhile, the slowest in {slowest[0] * 1000:.0f} ms"


def window(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        flood(client, 5000, 1000)
        _, subscription = client.begin_snapshot("S", chunk_size=64 << 10, window_size=256 << 10)
        time.sleep(0.5)
        client.flush()
        waiting = client.queues[subscription]
        suite.expect([len(found.payload) for found in waiting], [64 << 10] * 4, "chunks before an answer")
        numbers = [found.reply.split(".")[-2:] for found in waiting]
        suite.expect(numbers, [["65536", str(number)] for number in range(1, 5)], "names of chunks")
        for expected in range(5, 12):
            client.publish(waiting[0].reply)
            waiting.popleft()
            suite.wait_until(lambda: client.flush() or len(waiting) == 4, 5, "another chunk")
            suite.expect(waiting[-1].reply.split(".")[-1], str(expected), "the chunk after an answer")


def ended(client, seconds=10):
    """What SNAPSHOT_COMPLETE says."""
    message = client.next(client.watching, seconds)
    suite.check(message is not None, "no advisory about the end")
    return json.loads(message.payload).get("error")


def watcher(server):
    client = backup_client.Client(server.port)
    client.watching = client.subscribe(f"{ADVISORIES}SNAPSHOT_COMPLETE.>")
    client.flush()
    return client


def deaf(context):
    with natsd(context) as server:
        client = watcher(server)
        flood(client, 2000, 1000)
        _, subscription = client.begin_snapshot("S", chunk_size=1024, window_size=4096)
        suite.expect(ended(client), "no flow response", "the end")
        found = list(client.queues[subscription])
        suite.expect(len(found), 5, "messages")
        suite.expect(found[-1].header, b"NATS/1.0 408 No Flow Response\r\n\r\n", "the last status")


def leaving(context):
    with natsd(context) as server:
        client = watcher(server)
        flood(client, 2000, 1000)
        _, subscription = client.begin_snapshot("S", chunk_size=1024, window_size=4096)
        suite.check(client.next(subscription) is not None, "no chunk")
        client.unsubscribe(subscription)
        suite.expect(ended(client), "no interest", "after unsubscribing")
        other = backup_client.Client(server.port)
        _, subscription = other.begin_snapshot("S", chunk_size=1024, window_size=4096)
        other.next(subscription)
        other.close()
        suite.expect(ended(client), "no interest", "after closing")


def nobody(context):
    with natsd(context) as server:
        client = watcher(server)
        fill(client)
        started = time.monotonic()
        client.must("STREAM.SNAPSHOT.S", {"deliver_subject": "nobody"})
        suite.expect(ended(client), None, "of a small stream")
        suite.check(1.8 < time.monotonic() - started < 5, "two seconds were given to begin listening")
        client.must("STREAM.SNAPSHOT.S", {"deliver_subject": "late"})
        time.sleep(0.5)
        subscription = client.subscribe("late")
        suite.check(len(client.next(subscription).payload) > 100, "not sent to who came late")
        suite.expect(ended(client), None, "late")


def deleted(context):
    with natsd(context) as server:
        client = watcher(server)
        flood(client, 2000, 1000)
        _, subscription = client.begin_snapshot("S", chunk_size=1024, window_size=4096)
        client.next(subscription)
        client.must("STREAM.DELETE.S")
        suite.check("store is closed" in ended(client), "the snapshot of a stream that is gone goes on")
        suite.check(client.queues[subscription][-1].header.startswith(b"NATS/1.0 500 "), "no status")


def advisories(context):
    """The same as nats-server's, but for names and times."""
    def told(server):
        client = backup_client.Client(server.port)
        fill(client)
        subscription = client.subscribe(f"{ADVISORIES}>")
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        client.restore(configuration(snapshot), b"".join(snapshot.chunks))
        found = []
        while message := client.next(subscription, 1):
            document = json.loads(message.payload)
            for member in ("id", "timestamp", "start", "end", "bytes"):
                if member in document:
                    document[member] = type(document[member]).__name__
            document.get("client", {}).clear()
            for member in ("first_ts", "last_ts"):
                document.get("state", {}).pop(member, None)
            found.append((message.subject, list(document), document))
        return sorted(found, key=lambda told: told[0])  # in no order at the end

    with natsd(context) as one, servers.running(context.needs_peer(), context.folder, CONFIG) as other:
        suite.expect(told(one), told(other), "advisories")


# Restores


def left_behind(server):
    """Directories of streams on the server's disk."""
    return sorted(path.name for path in (server.folder / "js/jetstream/accounts").glob("*/streams/*"))


def half_restored(server, client):
    """A restore of which one half has come; the subject and the other half."""
    flood(client, 5000, 1000)
    snapshot = client.snapshot("S")
    client.must("STREAM.DELETE.S")
    subject = client.begin_restore(configuration(snapshot), snapshot.answer["state"])
    half = len(snapshot.chunks) // 2
    for chunk in snapshot.chunks[:half]:
        client.request(subject, chunk)
    suite.wait_until(lambda: len(left_behind(server)) == 1, 5, "the stream is being built")
    suite.expect(client.must("STREAM.NAMES")["total"], 0, "streams that can be seen")
    return snapshot, subject, snapshot.chunks[half:]


def killed(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        snapshot, _, _ = half_restored(server, client)
        server.kill()
        server.start()
        client = backup_client.Client(server.port)
        suite.expect(left_behind(server), [], "on disk after the start")
        suite.expect(client.must("STREAM.NAMES")["total"], 0, "streams")
        suite.expect(client.must("INFO")["storage"], 0, "bytes used")
        answer = client.restore(configuration(snapshot), b"".join(snapshot.chunks))
        suite.expect(answer["state"]["messages"], 5000, "messages of a second try")


def killed_anywhere(context):
    """Either all of the stream is there or nothing; all, if the last answer has come."""
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        expected = flood(client, 3000, 1000)
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        source, outcomes = random.Random(context.seed), []
        for _ in range(12):
            threading.Timer(source.random() * 0.02, server.kill).start()
            try:
                answer = client.restore(configuration(snapshot), b"".join(snapshot.chunks), size=300_000)
            except (suite.Failure, OSError, EOFError):
                answer = {}
            suite.wait_until(lambda: not server.is_alive(), 5, "the kill")
            server.start()
            client = backup_client.Client(server.port)
            names = client.must("STREAM.NAMES")["streams"] or []
            suite.check(names or "state" not in answer, "an answered restore is gone")
            suite.expect([name.split(".")[0] for name in left_behind(server)], names, "streams on disk")
            if names:
                suite.expect(digest(client), expected, "messages")
                client.must("STREAM.DELETE.S")
            outcomes.append("answered" if answer else "there" if names else "gone")
        return f"seed {context.seed}: " + ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))


def large(context):
    """Long copies and repeats, as both encoders write them; in both directions."""
    source = random.Random(3)
    words = [source.randbytes(source.randrange(3, 40)).hex() for _ in range(200)]
    with servers.running(context.needs_peer(), context.folder, CONFIG) as left, natsd(context) as right:
        one, other = backup_client.Client(left.port), backup_client.Client(right.port)
        one.must("STREAM.CREATE.S", {"name": "S", "subjects": ["a"]})
        for number in range(24):
            text = " ".join(source.choices(words[:8 << number % 5], k=20_000))
            body = text.encode()[:900_000] if number % 3 else text[:1000].encode() * 900
            one.request("a", body[:1 << 20])
        expected = digest(one)
        transfer(one, other)
        suite.expect(digest(other), expected, "messages that natsd has restored")
        one.must("STREAM.DELETE.S")
        transfer(other, one)
        suite.expect(digest(one), expected, "messages that nats-server has restored")


def stopped(context):
    """A server that is told to stop does not wait for backups."""
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        half_restored(server, client)
        flood(client, 3000, 1000, name="T", subject="b")
        client.begin_snapshot("T", chunk_size=1024, window_size=4096)
        started = time.monotonic()
        suite.expect(server.stop(), 0, "exit code")
        suite.check(time.monotonic() - started < 3, "stopping takes long")
        server.start()
        suite.expect([name.split(".")[0] for name in left_behind(server)], ["T"], "streams on disk")


def killed_after(context):
    """What the last answer says is durable, whatever follows."""
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        expected = flood(client, 5000, 1000)
        client.must("CONSUMER.DURABLE.CREATE.S.C", {"stream_name": "S", "config": {
            "durable_name": "C", "ack_policy": "explicit", "deliver_policy": "by_start_sequence",
            "opt_start_seq": 77}})
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        client.restore(configuration(snapshot), b"".join(snapshot.chunks))
        server.kill()
        server.start()
        client = backup_client.Client(server.port)
        suite.expect(client.must("CONSUMER.INFO.S.C")["num_pending"], 4924, "pending of the consumer")
        suite.expect(digest(client), expected, "messages")
        suite.expect(json.loads(client.request("a.1", b"x").payload)["seq"], 5001, "the next sequence")


def abandoned(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        _, subject, _ = half_restored(server, client)
        client.close()
        client = backup_client.Client(server.port)
        suite.wait_until(lambda: not left_behind(server), 12, "nothing is left of it")
        suite.check(b" 503" in client.request(subject, b"x").header, "somebody still listens")
        suite.expect(client.must("INFO")["storage"], 0, "bytes used")


def impatient(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        expected = flood(client, 20_000, 1000)
        snapshot = client.snapshot("S", chunk_size=8192)
        client.must("STREAM.DELETE.S")
        subject = client.begin_restore(configuration(snapshot))
        replies = client.subscribe("replies")
        for part in snapshot.chunks:
            client.publish(subject, part, "replies")
        client.publish(subject, b"", "replies")
        for _ in snapshot.chunks:
            suite.expect(client.next(replies, 30).payload, b"", "an answer")
        suite.expect(json.loads(client.next(replies, 30).payload)["state"]["messages"], 20_000, "messages")
        suite.expect(digest(client), expected, "messages")


def twice(context):
    with natsd(context) as server:
        client = backup_client.Client(server.port)
        fill(client)
        snapshot = client.snapshot("S")
        client.must("STREAM.DELETE.S")
        subjects = [client.begin_restore(configuration(snapshot)) for _ in range(2)]
        for subject in subjects:
            client.request(subject, b"".join(snapshot.chunks))
        answers = [json.loads(client.request(subject).payload) for subject in subjects]
        suite.check("error" not in answers[0], f"the first: {answers[0]}")
        suite.expect(answers[1]["error"]["err_code"], 10130, "the second")
        suite.expect(client.must("STREAM.INFO.S")["state"]["messages"], 10, "messages")
        suite.wait_until(lambda: len(left_behind(server)) == 1, 5, "one stream on disk")


def full_disk(context):
    """The restore is refused; the server and its other streams go on."""
    disks.needs_root()
    with natsd(context) as source, disks.mounted(disks.image(context.folder, 96, "small")) as folder:
        client = backup_client.Client(source.port)
        flood(client, 80_000, 1000)
        snapshot = client.snapshot("S")
        with natsd(context, CONFIG.replace("js,", f"{folder}/js,")) as server:
            other = backup_client.Client(server.port)
            fill(other, name="T")
            answer = other.restore({**configuration(snapshot), "subjects": ["b.>"]}, b"".join(snapshot.chunks))
            suite.expect(answer["error"]["err_code"], 10062, "the restore")
            streams = "js/jetstream/accounts/*/streams/*"
            suite.wait_until(lambda: len(list(folder.glob(streams))) == 1, 5, "it is removed")
            suite.expect(json.loads(other.request("a.1", b"x").payload)["seq"], 11, "the other stream goes on")
            return answer["error"]["description"]


def bomb(context):
    """4 MiB of zeros in 20 bytes, thousands of them in a chunk, where they are not wanted: neither is memory taken nor
    are others kept waiting."""
    with natsd(context) as server:
        client, other = backup_client.Client(server.port), backup_client.Client(server.port)
        other.must("STREAM.CREATE.T", {"name": "T", "subjects": ["t"]})
        # A zero, a copy of it, a repeat of all that is left.
        left = (4 << 20) - 5 - 65540
        block = backup_client.varint(4 << 20) + b"\x00\x00\x01\x01\x1d\x00" + left.to_bytes(3, "little")
        frame = bytes([0]) + (len(block) + 4).to_bytes(3, "little") + struct.pack("<I", ZEROS_CHECKSUM) + block
        state = {"messages": 1, "bytes": 1, "first_seq": 1, "last_seq": 1, "consumer_count": 0}
        folder = tar("meta.inf", b'{"name":"S"}') + tar("obs/x/y", b"", 1 << 40)
        before, slowest = server.resident_kilobytes(), 0.0
        for beginning in (backup_client.archive(state, backup_client.END), b"NATSARC1", folder,
                          backup_client.archive(state, backup_client.varint(3) + b"\2\1\0" + b"\xff" * 4 + b"\x0fa.b")):
            subject = client.begin_restore({"name": "S", "subjects": ["a"]})
            client.request(subject, backup_client.stored(beginning))
            client.publish(subject, frame * 5000, "nobody.waits")
            for _ in range(20):
                started = time.monotonic()
                suite.check(b'"seq"' in other.request("t", b"x").payload, "the other stream goes on")
                slowest = max(slowest, time.monotonic() - started)
            answer = json.loads(client.request(subject, seconds=30).payload)
            if "error" not in answer:
                client.must("STREAM.DELETE.S")
        grown = (server.resident_kilobytes() - before) >> 10
        suite.check(grown < 100, f"memory grew by {grown} MiB")
        suite.check(slowest < 1, f"another stream had to wait {slowest:.1f} s")
        return f"memory grew by {grown} MiB, another stream waited {slowest * 1000:.0f} ms at most"


def tar(name, content, size=None):
    """A file of a tar archive, or the beginning of a larger one."""
    header = bytearray(512)
    size = len(content) if size is None else size
    header[:len(name)] = name.encode()
    header[124:136] = b"\x80" + size.to_bytes(11, "big") if size >= 8 << 30 else b"%011o\0" % size
    header[156:157], header[148:156] = b"0", b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content.ljust(-(-len(content) // 512) * 512, b"\0")


# Of 4 MiB of zeros, masked; Python would take seconds to compute it.
ZEROS_CHECKSUM = 0x69C8632B
