"""JetStream in monitoring: the state both servers are brought into, and what they are asked there."""
import contextlib
import json
import subprocess
import tempfile

import suite

CONFIG = """
http: "127.0.0.1:-1"
server_name: fixed
jetstream {
  store_dir: "%s", max_mem: 64MB, max_file: 512MB, domain: here, unique_tag: "az:"
  limits { max_request_batch: 100, max_ack_pending: 5000, duplicate_window: "10m", max_ha_assets: 7 }
}
accounts {
  A { jetstream: enabled, users [{user: a, password: a}] }
  B {
    jetstream { max_mem: 16MB, max_file: 64MB, max_streams: 5, max_consumers: 10, max_bytes_required: true }
    users [{user: b, password: b}]
  }
  C { jetstream: enabled, users [{user: c, password: c}] }
  OFF { users [{user: "off", password: "off"}] }
  SYS { users [{user: sys, password: sys}] }
}
system_account: SYS
"""

STREAMS = [
    ("a", {"name": "ORDERS", "subjects": ["orders.>"], "max_bytes": 1000000, "max_msgs_per_subject": 3,
           "metadata": {"team": "core"}, "description": "all of them"}),
    ("a", {"name": "EVENTS", "subjects": ["events.*"], "storage": "memory", "max_bytes": 200000, "retention": "interest"}),
    ("a", {"name": "EMPTY", "subjects": ["empty"], "max_age": 3600000000000, "allow_direct": True}),
    ("b", {"name": "WORK", "subjects": ["work"], "retention": "workqueue", "max_bytes": 100000}),
]

CONSUMERS = [
    ("a", "ORDERS", {"durable_name": "pull", "ack_policy": "explicit", "metadata": {"team": "core"}}),
    ("a", "ORDERS", {"durable_name": "filtered", "ack_policy": "all", "filter_subjects": ["orders.new", "orders.old"]}),
    ("a", "ORDERS", {"durable_name": "push", "ack_policy": "none", "deliver_subject": "pushed.here"}),
    ("a", "ORDERS", {"durable_name": "unbound", "ack_policy": "explicit", "deliver_subject": "nobody.listens"}),
    ("a", "ORDERS", {"name": "paused", "ack_policy": "explicit", "pause_until": "2099-01-01T00:00:00Z",
                     "inactive_threshold": 3600000000000}),
    ("a", "ORDERS", {"durable_name": "pinned", "ack_policy": "explicit", "priority_groups": ["p"],
                     "priority_policy": "pinned_client", "priority_timeout": 60000000000}),
    ("a", "ORDERS", {"durable_name": "memory", "ack_policy": "explicit", "mem_storage": True, "max_deliver": 2}),
    ("a", "EVENTS", {"durable_name": "listener", "ack_policy": "explicit"}),
    ("b", "WORK", {"durable_name": "worker", "ack_policy": "explicit", "max_ack_pending": 50}),
]

# Who is asked here tells how many subscriptions an account has.
COUNTED = {f"{question}{name}{rest}" for name in ("A", "B", "C", "OFF") for question, rest in (
    ("/accountz?acc=", ""), ("$SYS.REQ.ACCOUNT.", ".INFO"))}

DEEP = "accounts=1&streams=1&consumers=1&direct-consumers=1&config=1&raft=1"

PATHS = [
    "/jsz", "/jsz?accounts=1", "/jsz?streams=1", "/jsz?consumers=1", "/jsz?consumers=1&config=1", "/jsz?config=1",
    "/jsz?direct-consumers=1", "/jsz?consumers=1&direct-consumers=1", "/jsz?raft=1", f"/jsz?{DEEP}",
    "/jsz?acc=A", "/jsz?acc=A&streams=1", "/jsz?acc=B&consumers=1&config=1", "/jsz?acc=C&streams=1", "/jsz?acc=OFF",
    "/jsz?acc=OFF&accounts=1", "/jsz?acc=nobody", "/jsz?acc=nobody&streams=1", "/jsz?acc=SYS",
    "/jsz?accounts=1&limit=1", "/jsz?accounts=1&offset=1&limit=1", "/jsz?accounts=1&offset=2", "/jsz?accounts=1&offset=50",
    "/jsz?accounts=1&limit=-1", "/jsz?accounts=1&offset=-5", "/jsz?accounts=1&limit=0", "/jsz?streams=1&offset=1&limit=1",
    "/jsz?leader-only=1", f"/jsz?{DEEP}&leader-only=1&stream-leader-only=1", "/jsz?stream-leader-only=1&streams=1",
    "/jsz?accounts=x", "/jsz?offset=x", "/jsz?raft=x",
    "/varz", "/accountz?acc=A", "/accountz?acc=B", "/accountz?acc=OFF", "/accountz?acc=SYS",
    "/healthz", "/healthz?details=1", "/healthz?js-enabled=1", "/healthz?js-enabled-only=1", "/healthz?js-server-only=1",
    "/healthz?js-meta-only=1", "/healthz?js-meta-only=1&details=1",
    *[f"/healthz?{query}{details}" for details in ("", "&details=1") for query in (
        "account=A", "account=C", "account=OFF", "account=nobody", "account=SYS", "account=A&stream=ORDERS",
        "account=A&stream=EMPTY", "account=A&stream=nothing", "account=nobody&stream=ORDERS", "account=B&stream=ORDERS",
        "account=A&stream=ORDERS&consumer=pull", "account=A&stream=ORDERS&consumer=memory",
        "account=A&stream=ORDERS&consumer=nothing", "account=A&stream=nothing&consumer=pull", "stream=ORDERS",
        "consumer=pull", "account=A&consumer=pull", "account=A&stream=nothing&js-enabled-only=1",
        "account=nobody&js-server-only=1", "stream=ORDERS&js-server-only=1")],
]

JSZ_BODIES = ["", '{"accounts":true}', '{"streams":true}', '{"consumer":true}', '{"consumer":true,"config":true,"raft":true}',
              '{"account":"B","streams":true}', '{"accounts":true,"offset":1,"limit":1}', '{"leader_only":true}',
              '{"direct_consumer":true,"consumer":true}', '{"domain":"here"}', '{"streams":1}', '{"limit":"x"}']

REQUESTS = [
    *[("sys", f"$SYS.REQ.SERVER.{to}.JSZ", body) for to in ("ID", "PING") for body in JSZ_BODIES],
    *[("sys", f"$SYS.REQ.ACCOUNT.{account}.JSZ", body) for account in ("A", "B", "C", "OFF", "SYS", "nobody")
      for body in ("", '{"streams":true}', '{"consumer":true}', '{"streams":true,"consumer":true,"config":true,"raft":true}')],
    *[("sys", f"$SYS.REQ.ACCOUNT.{account}.INFO", "") for account in ("A", "B", "OFF")],
    *[("sys", "$SYS.REQ.SERVER.PING.HEALTHZ", body) for body in (
        "", '{"details":true}', '{"js-enabled":true}', '{"js-enabled-only":true}', '{"js-server-only":true}',
        '{"account":"A","stream":"ORDERS","consumer":"pull"}', '{"account":"A","stream":"nothing"}',
        '{"account":"nobody","details":true}', '{"account":"A","stream":"ORDERS","consumer":"nothing","details":true}')],
    *[("sys", subject, "") for subject in ("$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.ID.STATSZ", "$SYS.REQ.SERVER.PING.VARZ",
                                           "$SYS.REQ.SERVER.PING.IDZ")],
]
SILENT = [("sys", "$SYS.REQ.SERVER.PING.JSZ", '{"domain":"elsewhere"}')]


def configuration(folder):
    """For a server of its own; the directory lies below `folder`."""
    return CONFIG % tempfile.mkdtemp(dir=folder, prefix="store-")


def play(scene):
    """Streams with messages and consumers of all kinds, in three accounts."""
    clients = {name: scene.connect(name) for name in ("a", "b", "c", "off", "sys")}
    first = clients["a"]
    first.send("SUB pushed.here 2", "SUB pinned.reply 3", "SUB waiting.reply 4")
    for who, stream in STREAMS:
        api(clients[who], f"STREAM.CREATE.{stream['name']}", stream)
    for who, stream, consumer in CONSUMERS:
        name = consumer.get("durable_name") or consumer["name"]
        api(clients[who], f"CONSUMER.CREATE.{stream}.{name}", {"stream_name": stream, "config": consumer})
    for number in range(12):
        publish(first, f"orders.{('new', 'old', 'other')[number % 3]}", f"order {number}")
        publish(first, f"events.{number}", "x" * number)
        publish(clients["b"], "work", "to do")
    first.messages()
    api(first, "STREAM.MSG.DELETE.ORDERS", {"seq": 8})
    # Four are delivered, two of them acknowledged.
    delivered = pull(first, "ORDERS", "pull", 4)
    for reply in delivered[:2]:
        suite.check(first.request(reply, "+ACK"), "acknowledged")
    pull(first, "ORDERS", "filtered", 2)
    # Delivered twice: redelivered.
    for reply in pull(first, "ORDERS", "memory", 2):
        suite.check(first.request(reply, "-NAK"), "refused")
    pull(first, "ORDERS", "memory", 2)
    pull(clients["b"], "WORK", "worker", 3)
    first.publish("$JS.API.CONSUMER.MSG.NEXT.ORDERS.pinned", b'{"batch":1,"group":"p","expires":60000000000}', "pinned.reply")
    # One waits.
    first.publish("$JS.API.CONSUMER.MSG.NEXT.EVENTS.listener", b'{"batch":20,"expires":60000000000}', "waiting.reply")
    api(first, "STREAM.INFO.nothing", {}, fails=True)
    first.ping()
    first.messages()
    return scene


@contextlib.contextmanager
def small_disk(folder):
    """A directory on a file system of 40 MB."""
    place = tempfile.mkdtemp(dir=folder, prefix="small-")
    command = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", place]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise suite.Missing("mount") from None
    if done.returncode:
        raise suite.Missing(f"the right to mount a file system: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=False)


def fill(client):
    """Publishes until that is refused; returns the refusal."""
    api(client, "STREAM.CREATE.FULL", {"name": "FULL", "subjects": ["full"]})
    api(client, "STREAM.CREATE.WELL", {"name": "WELL", "subjects": ["well"], "storage": "memory"})
    for _ in range(1000):
        answer = client.request("full", b"x" * 100_000)
        suite.check(answer, "no answer to a publish")
        if b'"error"' in answer[1]:
            return json.loads(answer[1])["error"]
    raise suite.Failure("the disk does not get full")


def api(client, request, body, fails=False):
    answer = client.request(f"$JS.API.{request}", json.dumps(body))
    suite.check(answer is not None, f"no answer to {request}")
    suite.check(fails or b'"error"' not in answer[1], f"{request}: {answer[1]}")


def publish(client, subject, body):
    answer = client.request(subject, body)
    suite.check(answer and b'"seq"' in answer[1], f"publish to {subject}: {answer}")


def pull(client, stream, consumer, count):
    """The reply subjects of messages that are delivered now."""
    client.requests += 1
    inbox = f"_INBOX.reply.{client.requests}"
    body = json.dumps({"batch": count, "expires": 5000000000})
    client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", body.encode(), inbox)
    replies = []
    while len(replies) < count:
        frame = client.wait_for(lambda frame: isinstance(frame, tuple) and f".{stream}.{consumer}." in client.reply)
        suite.check(frame, f"{consumer}: {len(replies)} of {count} messages")
        replies.append(client.reply)
    return replies

