"""Monitoring endpoints, system requests and events: a real nats-server and natsd are brought into the same state and
asked the same; names, types and whatever can be equal must be equal.

Values that differ from run to run are compared by type only (VOLATILE); `accepted` explains what else may differ."""
import json
import re
import ssl
import threading
import time

import browser
import certificates
import monitoring_jetstream
import servers
import suite
from monitoring_client import Client, get, monitor_url

# By the name of the member: times, sizes and counts of this run.
VOLATILE = {
    "server_id", "now", "start", "uptime", "mem", "cpu", "port", "http_port", "https_port", "cid", "last_activity",
    "rtt", "idle", "stop", "config_load_time", "config_digest", "update_time", "id", "seq", "time", "timestamp", "go",
    "git_commit", "sid", "num_cache", "num_inserts", "num_removes", "num_matches", "cache_hit_rate", "max_fanout",
    "avg_fanout", "spki_sha256", "cert_sha256", "tls_cert_not_after", "pending_bytes", "/connz",
    "created", "first_ts", "last_ts", "last_active", "ts", "store_dir", "pause_remaining", "pinned_client_id", "pinned_ts",
}

CONFIG = """
http: "127.0.0.1:-1"
server_name: fixed
server_tags: [one, "two:2"]
server_metadata { region: here }
ping_interval: "1m"
max_closed_clients: 3
accounts {
  A {
    users [{user: a, password: a}]
    exports [{stream: "news.>"}, {service: "help", accounts: [B]}, {service: "chat", response_type: stream}]
  }
  B {
    users [
      {user: b, password: b, permissions: {publish: {allow: ["ok", "$SYS.>"], deny: "no"}, subscribe: ["in.*", "work q", "_INBOX.>"], allow_responses: true}}
    ]
    imports [{stream: {account: A, subject: "news.>"}, prefix: from}, {service: {account: A, subject: help}, to: ask}]
    mappings { m1: m2, m3: [{destination: m4, weight: 50%}, {destination: m5, weight: 50%}] }
  }
  EMPTY {}
  SYS { users [{user: sys, password: sys}] }
}
system_account: SYS
"""

TLS_CONFIG = """
https: "127.0.0.1:-1"
server_name: fixed
tls { cert_file: "%s/server.pem", key_file: "%s/server.key", ca_file: "%s/ca.pem", verify: true }
accounts { A { users [{user: a, password: a}] }, SYS { users [{user: sys, password: sys}] } }
system_account: SYS
"""

PATHS = [
    "/varz", "/connz", "/connz?subs=1", "/connz?subs=detail", "/connz?auth=1", "/connz?auth=1&subs=detail",
    "/connz?state=closed", "/connz?state=closed&auth=1&subs=detail", "/connz?state=all&sort=cid", "/connz?state=ANY",
    "/connz?acc=A", "/connz?acc=B&auth=true", "/connz?acc=nobody", "/connz?user=a", "/connz?auth=1&user=a",
    "/connz?limit=1", "/connz?limit=1&offset=1", "/connz?offset=100", "/connz?limit=-1", "/connz?offset=-3",
    "/connz?cid=99999", "/connz?mqtt_client=x", "/connz?state=closed&acc=A",
    *[f"/connz?sort={name}" for name in ("cid", "start", "subs", "pending", "msgs_to", "msgs_from", "bytes_to",
                                        "bytes_from", "last", "idle", "uptime", "rtt", "stop", "reason", "nonsense")],
    "/connz?state=closed&sort=stop", "/connz?state=closed&sort=reason", "/connz?state=open&sort=stop",
    "/subsz", "/subscriptionsz", "/subsz?subs=1&acc=A", "/subsz?subs=1&acc=B&limit=2", "/subsz?subs=1&test=x.y&acc=A",
    "/subsz?subs=1&acc=A&offset=2&limit=1", "/subsz?subs=1&test=x.*", "/subsz?acc=nobody", "/subsz?subs=1&acc=A&offset=50",
    "/routez", "/routez?subs=1", "/routez?subs=detail", "/gatewayz", "/gatewayz?accs=1", "/gatewayz?gw_name=x",
    "/leafz", "/leafz?subs=1", "/leafz?acc=A", "/accountz", "/accountz?acc=A", "/accountz?acc=B", "/accountz?acc=SYS",
    "/accountz?acc=$G", "/accountz?acc=EMPTY", "/accountz?acc=nobody", "/accstatz", "/accstatz?unused=1",
    "/jsz", "/jsz?accounts=1&streams=1&consumers=1&config=1&raft=1", "/jsz?leader-only=1", "/jsz?acc=A", "/jsz?limit=3&offset=1",
    "/healthz", "/healthz?details=1", "/healthz?js-enabled=1", "/healthz?js-enabled-only=true", "/healthz?js-server-only=1",
    "/healthz?js-meta-only=1", "/healthz?stream=S", "/healthz?stream=S&details=1", "/healthz?consumer=C",
    "/healthz?account=A&consumer=C&details=true", "/healthz?account=A&stream=S",
    "/ipqueuesz", "/ipqueuesz?all=1", "/ipqueuesz?all=1&queues=System", "/raftz", "/raftz?acc=A", "/debug/vars",
    "/connz?auth=maybe", "/connz?subs=maybe", "/connz?offset=x", "/connz?limit=1.5", "/connz?cid=-1", "/connz?cid=x",
    "/connz?limit=99999999999999999999", "/connz?state=half", "/subsz?subs=x", "/subsz?limit=x", "/routez?subs=x",
    "/gatewayz?accs=x", "/gatewayz?subs=x", "/leafz?subs=x", "/accstatz?unused=x", "/jsz?accounts=x", "/jsz?limit=x",
    "/jsz?stream-leader-only=x", "/jsz?direct-consumers=x", "/healthz?details=x", "/healthz?js-enabled=x",
    "/healthz?js-meta-only=x", "/ipqueuesz?all=x", "/nothing", "/varz/", "/connz?auth=%zz", "//varz", "/connz?auth=1;subs=1",
]

# (who asks, subject, body); ID is the server's.
REQUESTS = [
    *[("sys", f"$SYS.REQ.SERVER.{to}.{name}", "") for to in ("ID", "PING")
      for name in ("IDZ", "STATSZ", "VARZ", "SUBSZ", "CONNZ", "ROUTEZ", "GATEWAYZ", "LEAFZ", "ACCOUNTZ", "JSZ", "HEALTHZ",
                   "PROFILEZ", "EXPVARZ", "RAFTZ")],
    ("sys", "$SYS.REQ.SERVER.PING", ""),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"A","auth":true,"subscriptions_detail":true}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"subscriptions":true,"limit":1,"offset":1}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"state":1,"auth":true,"sort":"stop"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"state":2}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"A","filter_subject":"x.>"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"acc":"A","filter_subject":"nobody.listens"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"filter_subject":"x"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"sort":"nonsense"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"sort":5}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"state":"open"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"limit":"x"}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"auth":1}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"cid":-1}'),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", "nonsense"),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", "{"),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", "[]"),
    ("sys", "$SYS.REQ.SERVER.PING.CONNZ", '{"server_name":1}'),
    ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"tags":"x"}'),
    ("sys", "$SYS.REQ.SERVER.PING.SUBSZ", '{"subscriptions":true,"account":"A"}'),
    ("sys", "$SYS.REQ.SERVER.PING.SUBSZ", '{"subscriptions":true,"test":"x.*"}'),
    ("sys", "$SYS.REQ.SERVER.PING.ACCOUNTZ", '{"account":"B"}'),
    ("sys", "$SYS.REQ.SERVER.PING.ACCOUNTZ", '{"account":"nobody"}'),
    ("sys", "$SYS.REQ.SERVER.PING.HEALTHZ", '{"stream":"S"}'),
    ("sys", "$SYS.REQ.SERVER.PING.HEALTHZ", '{"details":true,"consumer":"C"}'),
    ("sys", "$SYS.REQ.SERVER.PING.HEALTHZ", '{"js-server-only":true}'),
    ("sys", "$SYS.REQ.SERVER.PING.JSZ", '{"accounts":true,"limit":2}'),
    ("sys", "$SYS.REQ.SERVER.PING.PROFILEZ", '{"name":"nonsense"}'),
    ("sys", "$SYS.REQ.SERVER.PING.PROFILEZ", '{"name":"cpu"}'),
    ("sys", "$SYS.REQ.SERVER.PING.PROFILEZ", '{"name":"cpu","duration":16000000000}'),
    ("sys", "$SYS.REQ.SERVER.PING.IPQUEUESZ", '{"all":true,"filter":"SendQ"}'),
    ("sys", "$SYS.REQ.SERVER.PING.IDZ", '{"server_name":"other"}'),
    ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"server_name":"ixe"}'),
    ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"server_name":"fixed","exact_match":true,"host":"127.0.0.1","tags":["one"]}'),
    ("sys", "$SYS.REQ.SERVER.ID.KICK", '{"cid":99999}'),
    ("sys", "$SYS.REQ.SERVER.ID.LDM", '{"cid":99999}'),
    ("sys", "$SYS.REQ.SERVER.ID.RELOAD", ""),
    *[("sys", f"$SYS.REQ.ACCOUNT.{account}.{name}", "") for account in ("A", "B", "SYS", "nobody")
      for name in ("SUBSZ", "CONNZ", "LEAFZ", "JSZ", "INFO")],
    ("sys", "$SYS.REQ.ACCOUNT.A.STATZ", ""), ("sys", "$SYS.REQ.ACCOUNT.A.CONNS", ""),
    ("sys", "$SYS.REQ.ACCOUNT.EMPTY.STATZ", '{"include_unused":true}'),
    ("sys", "$SYS.REQ.ACCOUNT.PING.STATZ", ""), ("sys", "$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":["A"]}'),
    ("sys", "$SYS.REQ.ACCOUNT.PING.STATZ", '{"include_unused":true}'),
    ("sys", "$SYS.REQ.ACCOUNT.PING.STATZ", '{"accounts":"A"}'),
    ("sys", "$SYS.REQ.ACCOUNT.NSUBS", '{"acc":"A","subject":"x.y"}'),
    ("sys", "$SYS.REQ.ACCOUNT.NSUBS", '{"acc":"A","subject":"x.>"}'),
    ("sys", "$SYS.REQ.ACCOUNT.NSUBS", '{"acc":"A","subject":"work","queue":"cQ=="}'),
    ("sys", "$SYS.DEBUG.SUBSCRIBERS", "nobody.listens"),
    ("sys", "$SYS.DEBUG.SUBSCRIBERS", "_INBOX.reply.7"),
    ("sys", "$SYS.REQ.USER.INFO", ""), ("a", "$SYS.REQ.USER.INFO", ""), ("b", "$SYS.REQ.USER.INFO", ""),
    ("a", "$SYS.REQ.ACCOUNT.PING.CONNZ", ""), ("a", "$SYS.REQ.SERVER.PING.CONNZ", '{"auth":true,"acc":"B"}'),
    ("a", "$SYS.REQ.ACCOUNT.PING.STATZ", ""), ("b", "$SYS.REQ.ACCOUNT.PING.CONNZ", '{"subscriptions":true}'),
    ("a", "$SYS.REQ.SERVER.PING", ""), ("a", "$SYS.REQ.SERVER.PING.VARZ", ""), ("a", "$SYS.DEBUG.SUBSCRIBERS", "x.y"),
]
# Nothing answers these.
SILENT = [
    ("sys", "$SYS.REQ.SERVER.PING.JSZ", '{"leader_only":true}'), ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"server_name":"other"}'),
    ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"tags":["three"]}'), ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"domain":"d"}'),
    ("sys", "$SYS.REQ.SERVER.PING.VARZ", '{"server_name":"fix","exact_match":true}'),
    ("sys", "$SYS.REQ.SERVER.PING.STATSZ", '{"cluster":"c"}'),
    ("sys", "$SYS.REQ.ACCOUNT.EMPTY.STATZ", ""), ("sys", "$SYS.REQ.ACCOUNT.EMPTY.CONNS", ""),
    ("sys", "$SYS.REQ.SERVER.ID.KICK", "nonsense"),
]


class Scene:
    """A server in a certain state, with the clients that brought it there."""

    def __init__(self, server, tls=None):
        self.server = server
        self.tls = tls
        self.clients = {}
        self.id = None

    def connect(self, name, **options):
        client = Client(self.server.port, name, name, name=f"client {name}", tls=self.tls, **options)
        self.clients[name] = client
        self.id = client.info["server_id"]
        return client

    def play(self):
        """Accounts A and B at work; three clients have gone, one of them refused."""
        first, second = self.connect("a"), self.connect("b")
        self.connect("sys")
        first.send("SUB x.> 2", "SUB x.y 3", "SUB help 4", "SUB work q 5", "SUB limited 6", "UNSUB 6 10")
        second.send("SUB in.* 2", "SUB work q 3")
        for client in (first, second):
            client.ping()
        for number in range(5):
            first.publish("x.y", b"12345")
            first.publish("limited", b"1")
        second.publish("ok", b"123")
        for client in (first, second):
            client.ping()
        gone = Client(self.server.port, "a", "a", name="gone")
        gone.send("SUB gone.> 7", "SUB gone q 8")
        gone.ping()
        gone.close()
        self.wait_for_closed(1)
        for login in (("a", "wrong"), ("b", "b")):
            try:
                Client(self.server.port, *login, name="other").close()
            except (EOFError, ConnectionResetError):
                pass
            self.wait_for_closed(2 if login[1] == "wrong" else 3)
        return self

    def wait_for_closed(self, count):
        url = monitor_url(self.server) + "/connz?state=closed"
        suite.wait_until(lambda: json.loads(get(url)[2])["total"] >= count, 5, f"{count} closed connections")

    def ask(self, who, subject, body, seconds=5):
        return self.clients[who].request(subject.replace(".ID.", f".{self.id}."), body, seconds=seconds)

    def close(self):
        for client in self.clients.values():
            client.close()


class Pair:
    """Both servers' answers to all questions, asked once."""

    def __init__(self, context, collect):
        self.context = context
        self.collect = collect
        self.lock = threading.Lock()
        self.answers = None
        self.failure = None

    def __getitem__(self, question):
        with self.lock:
            if self.failure:
                raise suite.Failure(f"as before: {self.failure}")
            if self.answers is None:
                try:
                    self.answers = [self.collect(binary) for binary in (self.context.needs_peer(), self.context.server)]
                except Exception as failure:
                    self.failure = failure
                    raise
        return [answers[question] for answers in self.answers]


def tests(context):
    def collect(binary):
        with servers.running(binary, context.folder, CONFIG) as server:
            scene = Scene(server).play()
            url = monitor_url(server)
            answers = {path: get(url + path) for path in PATHS}
            answers.update({request: scene.ask(*request) for request in REQUESTS})
            answers.update({request: scene.ask(*request, seconds=0.3) for request in SILENT})
            scene.close()
            return answers

    def collect_jetstream(binary):
        with servers.running(binary, context.folder, monitoring_jetstream.configuration(context.folder)) as server:
            scene = monitoring_jetstream.play(Scene(server))
            url = monitor_url(server)
            answers = {path: get(url + path) for path in monitoring_jetstream.PATHS}
            answers.update({request: scene.ask(*request) for request in monitoring_jetstream.REQUESTS})
            answers.update({request: scene.ask(*request, seconds=0.3) for request in monitoring_jetstream.SILENT})
            scene.close()
            return answers

    pair = Pair(context, collect)
    busy = Pair(context, collect_jetstream)
    found = [suite.Test(f"GET {path}", lambda p=path: compare_http(pair[p], p)) for path in PATHS]
    found += [suite.Test(f"{who} asks {subject} {body}".strip(), lambda r=(who, subject, body): compare_request(pair[r], r))
              for who, subject, body in REQUESTS]
    found += [suite.Test(f"silent: {subject} {body}".strip(), lambda r=(who, subject, body): compare_silence(pair[r]))
              for who, subject, body in SILENT]
    found += [suite.Test(f"JetStream: GET {path}", lambda p=path: compare_http(busy[p], p))
              for path in monitoring_jetstream.PATHS]
    found += [suite.Test(f"JetStream: asked {subject} {body}".strip(), lambda r=(who, subject, body): compare_request(busy[r], r))
              for who, subject, body in monitoring_jetstream.REQUESTS]
    found += [suite.Test(f"JetStream: silent: {subject} {body}".strip(),
                         lambda r=(who, subject, body): compare_silence(busy[r]))
              for who, subject, body in monitoring_jetstream.SILENT]
    found += [suite.Test(name, lambda t=test: t(context)) for name, test in OTHERS.items()]
    return found


def compare_http(answers, path):
    (status, headers, body), (our_status, our_headers, our_body) = answers
    suite.expect(our_status, status, "status")
    suite.expect(our_headers, headers, "headers")
    if headers.get("Content-Type", "").startswith("application/json"):
        return compare_json(json.loads(body), json.loads(our_body), path)
    suite.expect(our_body, body, "body")
    return None


def compare_request(answers, request):
    theirs, ours = answers
    suite.check(theirs is not None, "the real server does not answer: the test is wrong")
    suite.check(ours is not None, f"no answer; the real server answers {theirs[1][:200]}")
    suite.expect(ours[0], theirs[0], "header")
    if theirs[1][:1] in (b"{", b"["):
        return compare_json(json.loads(theirs[1]), json.loads(ours[1]), request[1])
    suite.expect(ours[1], theirs[1], "body")
    return None


def compare_silence(answers):
    suite.check(answers[0] is None, f"the real server answers {answers[0]}")
    suite.check(answers[1] is None, f"natsd answers {answers[1]}")


def compare_json(theirs, ours, question):
    differences = list(compare(normal(theirs), normal(ours), "$"))
    left = [text for path, text in differences if not accepted(question, path)]
    suite.check(not left, "\n".join(left[:30]))
    return f"{len(differences)} accepted differences" if differences else None


def accepted(question, path):
    """Whether a difference is one of those that are explained here."""
    # Go's runtime is not there.
    if "memstats" in path and path.split(".")[-1] not in ("memstats",):
        return True
    if "cmdline" in path:
        return True
    # The server's own subscriptions are counted; natsd needs fewer, and caches and their hits are not told by account.
    if path.split(".")[-1] in ("subscriptions", "num_subscriptions", "total") and counts_own(question):
        return True
    if "ACCOUNT.SYS.SUBSZ" in question and "subscriptions_list" in path:
        return True
    # nats-server hears every consumer and every part of the API by itself, in accounts without JetStream too.
    if path.endswith("subscriptions") and question in monitoring_jetstream.COUNTED:
        return True
    # Of messages that left the stream before they were delivered: nats-server's filtered consumers do not say so.
    if path.endswith("ack_floor.stream_seq"):
        return True
    # Pages of a list without an order.
    if "subsz" in question and "limit=" in question and "subscriptions_list[" in path:
        return True
    # A client's first SUB comes before or after the event.
    if question == "event" and path.endswith("num_subscriptions"):
        return True
    # nats-server's own queues by other names and at work while asked.
    if "IPQUEUESZ" in question and "in_progress" in path:
        return True
    # Statistics of the asking account move with every answer's size, in which identifiers and numbers are printed.
    if path.endswith((".bytes", "in_bytes", "out_bytes", "in_client_bytes", "out_client_bytes", ".msgs", "_msgs")):
        return True
    return False


def counts_own(question):
    return any(word in question for word in ("varz", "VARZ", "subsz", "SUBSZ", "subscriptionsz", "STATSZ", "SERVER.PING",
                                             "acc=SYS", "ACCOUNT.SYS", "unused", "include_unused", "PING.STATZ", "accstatz"))


def normal(value, name=""):
    """The value with what differs from run to run replaced by its type; lists in a fixed order."""
    if isinstance(value, dict):
        return {key: normal(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return sorted((normal(item, name) for item in value), key=order)
    if name in VOLATILE:
        return f"<{kind(value)}>"
    return value


def order(item):
    """What has a name stands where its name does: one difference moves nothing else."""
    name = item.get("name") if isinstance(item, dict) else None
    return (str(name or ""), json.dumps(item, sort_keys=True))


def kind(value):
    names = {bool: "bool", int: "number", float: "number", str: "string", type(None): "null", dict: "object", list: "array"}
    return names[type(value)]


def compare(theirs, ours, path):
    """(path, text) of every difference."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(set(theirs) | set(ours)):
            where = f"{path}.{name}"
            if name not in ours:
                yield where, f"{where} is missing; the real server has {json.dumps(theirs[name])[:100]}"
            elif name not in theirs:
                yield where, f"{where} is too much: {json.dumps(ours[name])[:100]}"
            else:
                yield from compare(theirs[name], ours[name], where)
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield path, f"{path}: {len(theirs)} elements expected, got {len(ours)}: {json.dumps(ours)[:200]}"
        for number, (one, other) in enumerate(zip(theirs, ours)):
            yield from compare(one, other, f"{path}[{number}]")
    elif kind(theirs) != kind(ours):
        yield path + " type", f"{path}: a {kind(theirs)} expected, got a {kind(ours)}: {ours!r}"
    elif theirs != ours:
        yield path, f"{path}: {theirs!r} expected, got {ours!r}"


# ---- events


def events(binary, folder, script, config=CONFIG):
    """What `$SYS.>` hears while `script(scene, sys)` happens: subject -> payloads."""
    with servers.running(binary, folder, config) as server:
        scene = Scene(server)
        watcher = scene.connect("sys")
        # The first figures come at once and would only be noise.
        watcher.send("SUB $SYS.ACCOUNT.> 2", "SUB $SYS.SERVER.> 3")
        watcher.ping()
        ended = script(scene, watcher) == "ended"
        heard = {}
        for subject, _, body in watcher.messages(0.5):
            name = subject.replace(scene.id, "ID")
            if name.endswith(".STATSZ"):
                continue
            heard.setdefault(name, []).append(normal(json.loads(body)))
        scene.close()
        if ended:
            server.wait()
            server.is_alive = lambda: True
        return heard


def compare_events(context, script):
    theirs, ours = (events(binary, context.folder, script) for binary in (context.needs_peer(), context.server))
    suite.expect(sorted(ours), sorted(theirs), "subjects")
    for subject, payloads in theirs.items():
        differences = list(compare(payloads, ours[subject], subject))
        left = [text for path, text in differences if not accepted("event", path)]
        suite.check(not left, "\n".join(left[:20]))
    return ", ".join(sorted(theirs))


def come_and_go(scene, watcher):
    client = scene.connect("a")
    client.ping()
    time.sleep(0.1)
    client.close()
    time.sleep(0.1)


def refused(scene, _):
    scene.connect("a").send("SUB $SYS.ACCOUNT.CLIENT.AUTH.ERR 2")
    try:
        Client(scene.server.port, "a", "wrong", name="refused")
    except EOFError:
        pass
    time.sleep(0.1)


def kicked(scene, watcher):
    client = scene.connect("a")
    answer = watcher.request(f"$SYS.REQ.SERVER.{scene.id}.KICK", json.dumps({"cid": client.info["client_id"]}))
    suite.check(b'"error"' not in answer[1], f"KICK: {answer}")
    try:
        suite.check(client.wait_for(lambda _: False, 2) is None, "still connected")
        raise suite.Failure("still connected")
    except EOFError:
        pass


def shut_down(scene, _):
    import signal
    scene.connect("a")
    time.sleep(0.1)
    scene.server.signal(signal.SIGTERM)
    return "ended"


def lame_duck(scene, _):
    import signal
    scene.connect("a")
    time.sleep(0.1)
    scene.server.signal(signal.SIGUSR2)
    scene.server.ignores_term = True
    time.sleep(0.3)


def asked_to_leave(context):
    """LDM tells one client in an INFO that its server goes."""
    for binary in (context.needs_peer(), context.server):
        with servers.running(binary, context.folder, CONFIG) as server:
            scene = Scene(server)
            watcher, client = scene.connect("sys"), scene.connect("a")
            answer = watcher.request(f"$SYS.REQ.SERVER.{scene.id}.LDM", json.dumps({"cid": client.info["client_id"]}))
            suite.check(b'"error"' not in answer[1], f"LDM: {answer}")
            line = client.wait_for(lambda frame: isinstance(frame, str) and '"ldm":true' in frame, 2)
            suite.check(line, f"{binary}: no INFO with ldm")
            scene.close()


def figures(context):
    """STATSZ comes by itself, sooner at the start."""
    shapes = []
    for binary in (context.needs_peer(), context.server):
        with servers.running(binary, context.folder, CONFIG) as server:
            scene = Scene(server)
            watcher = scene.connect("sys")
            watcher.send(f"SUB $SYS.SERVER.{scene.id}.STATSZ 2")
            frame = watcher.wait_for(lambda frame: isinstance(frame, tuple), 5)
            suite.check(frame, f"{binary}: no STATSZ within 5 s")
            shapes.append(json.loads(frame[2]))
            scene.close()
    compare_json(*shapes, "STATSZ")


def compressed(context):
    """gzip and snappy where a request asks for them."""
    import gzip
    with servers.running(context.server, context.folder, CONFIG) as server:
        watcher = Scene(server).connect("sys")
        def ask(encoding):
            return watcher.request("$SYS.REQ.SERVER.PING.VARZ", b"", f"NATS/1.0\r\nAccept-Encoding: {encoding}\r\n\r\n".encode())
        header, body = ask("gzip")
        suite.expect(header, b"NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n", "header")
        suite.check("server_id" in json.loads(gzip.decompress(body))["data"], "gzip")
        header, body = ask("snappy")
        suite.expect(header, b"NATS/1.0\r\nContent-Encoding: snappy\r\n\r\n", "header")
        suite.check(body.startswith(b"\xff\x06\x00\x00sNaPpY"), f"snappy: {body[:20]}")
        suite.expect(ask("br")[0], b"NATS/1.0\r\nContent-Encoding: identity\r\n\r\n", "header")
        watcher.close()


def tls(context):
    """Over HTTPS, with clients that have certificates."""
    folder = context.folder / "certificates-monitoring"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    store = ssl.create_default_context(cafile=folder / "ca.pem")
    store.check_hostname = False
    store.load_cert_chain(folder / "client.pem", folder / "client.key")
    found = []
    for binary in (context.needs_peer(), context.server):
        with servers.running(binary, context.folder, TLS_CONFIG % (folder, folder, folder)) as server:
            scene = Scene(server, store)
            scene.connect("a")
            url = monitor_url(server)
            found.append([json.loads(get(url + path)[2]) for path in ("/varz", "/connz", "/connz?auth=1")])
            scene.close()
    for theirs, ours in zip(*found):
        compare_json(theirs, ours, "varz")


def base_path(context):
    config = 'http: "127.0.0.1:-1"\nhttp_base_path: "/nats"\n'
    found = []
    for binary in (context.needs_peer(), context.server):
        with servers.running(binary, context.folder, config) as server:
            url = monitor_url(server)
            found.append([get(url + path)[0] for path in ("/nats/varz", "/varz", "/", "/nats/connz", "/nats")])
            links = re.findall(r"href=\"?\.?(/[a-z/]+)", get(url + "/nats")[2])
            suite.check("/nats/varz" in links, f"{binary}: links {links}")
    suite.expect(found[1], found[0], "statuses")


def taken_port(context):
    """A monitoring port that is taken ends the start."""
    import socket
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        lines = []
        for binary in (context.needs_peer(), context.server):
            server = servers.Server(binary, context.folder, f'http: "127.0.0.1:{port}"\n')
            try:
                server.start()
                raise suite.Failure(f"{binary} starts although the port is taken")
            except suite.Failure as failure:
                found = re.search(r"Can't start monitoring.*", str(failure))
                suite.check(found, str(failure))
                lines.append(found.group(0))
            finally:
                server.stop()
        suite.expect(lines[1], lines[0], "log line")


def dashboard(context):
    """The page at `/` in a real browser: figures move, names stay text, keys work, a phone's width is enough."""
    with servers.running(context.server, context.folder, 'http: "127.0.0.1:-1"\nserver_name: "looked-at"\n') as server:
        client = Client(server.port, name="<img src=x onerror=alert(1)>")
        client.send("SUB x 2")
        url = monitor_url(server)
        with browser.Page(context.folder) as page:
            page.open(url + "/")
            page.until("document.getElementById('status').textContent === 'Healthy'", "the page says that all is well")
            suite.expect(page.value("document.getElementById('name').textContent"), "looked-at", "name")
            rows = "document.getElementById('connections').tBodies[0].innerText"
            suite.check("<img src=x onerror=alert(1)>" in page.value(rows), page.value(rows))
            suite.expect(page.value("document.querySelectorAll('#connections img').length"), 0, "images from names")
            page.value("document.getElementById('interval').value = '1', "
                       "document.getElementById('interval').dispatchEvent(new Event('change'))")
            stop = threading.Event()
            def publish():
                while not stop.wait(0.01):
                    client.publish("x", b"payload")
                    client.messages(0.001)
            thread = threading.Thread(target=publish)
            thread.start()
            page.until("parseFloat(document.getElementById('in-rate').textContent) > 1", "a rate is shown")
            page.until("document.querySelectorAll('#messages path').length === 2", "lines are drawn")
            stop.set()
            thread.join()
            # Keys: p pauses and goes on; everything is reached with Tab and shows that it is.
            page.press("p")
            suite.expect(page.value("document.getElementById('pause').textContent"), "Go on", "button")
            page.press("p")
            suite.expect(page.value("document.getElementById('pause').getAttribute('aria-pressed')"), "false", "button")
            reached = []
            for _ in range(8):
                page.press("Tab")
                reached.append(page.value("document.activeElement.id || document.activeElement.className || document.activeElement.tagName"))
            suite.check({"interval", "pause", "sort", "scroll"} <= set(reached), f"reached with Tab: {reached}")
            # Widths from a phone's up, light and dark: nothing sticks out.
            for width in (320, 390, 768, 1280):
                page.resize(width, 800, dark=width == 768)
                suite.check(page.value("document.documentElement.scrollWidth") <= width, f"too wide at {width}")
            links = page.value("[...document.querySelectorAll('nav a')].map(link => link.href)")
            suite.check(all(get(link)[0] in (200, 404) for link in links), f"links {links}")
            suite.check({url + path for path in ("/varz", "/connz", "/jsz", "/healthz", "/raftz")} <= set(links), f"{links}")
            suite.expect([address for address in page.requested() if not address.startswith((url, "data:"))], [], "foreign requests")
            suite.expect(page.complaints(), [], "complaints")
        client.close()


def jetstream_metrics(context):
    """/metrics has what the exporter makes of /jsz."""
    with servers.running(context.server, context.folder, monitoring_jetstream.configuration(context.folder)) as server:
        scene = monitoring_jetstream.play(Scene(server))
        page = get(monitor_url(server) + "/metrics")[2]
        def value(name, **labels):
            found = [line for line in page.splitlines() if line.startswith(name + "{")
                     and all(f'{label}="{text}"' in line for label, text in labels.items())]
            suite.expect(len(found), 1, f"lines of {name} {labels}")
            return float(found[0].rsplit(" ", 1)[1])
        suite.expect(value("jetstream_server_total_streams"), 4, "streams")
        suite.expect(value("jetstream_stream_total_messages", stream_name="ORDERS"), 8, "messages")
        suite.expect(value("jetstream_consumer_num_ack_pending", consumer_name="pull"), 2, "unacknowledged")
        suite.expect(value("jetstream_account_max_storage", account="B"), 64 << 20, "limit")
        status, _, body = get(monitor_url(server) + "/healthz?account=A&stream=EVENTS&consumer=listener")
        suite.expect((status, body), (200, '{"status":"ok"}'), "health of a stream in memory, which nats-server does not find")
        scene.close()


def full_disk(context):
    """A stream that cannot write stops, says so, and the server is not healthy."""
    with monitoring_jetstream.small_disk(context.folder) as place:
        config = f'http: "127.0.0.1:-1"\njetstream {{ store_dir: "{place}", max_mem: 64MB, max_file: 512MB }}'
        with servers.running(context.server, context.folder, config) as server:
            client, url = Client(server.port), monitor_url(server)
            refusal = monitoring_jetstream.fill(client)
            suite.expect((refusal["code"], refusal["err_code"]), (503, 10077), "refusal")
            suite.check("no space left on device" in refusal["description"], f"{refusal}")
            start = "JetStream stream '$G > FULL' write error: "
            status, _, body = get(url + "/healthz")
            health = json.loads(body)
            suite.expect((status, health["status"]), (503, "unavailable"), "health")
            suite.check(health["error"].startswith(start) and "no space" in health["error"], body)
            status, _, body = get(url + "/healthz?details=1")
            problems = json.loads(body)["errors"]
            suite.expect([(p["type"], p["account"], p["stream"]) for p in problems], [("STREAM", "$G", "FULL")], "problems")
            suite.expect([get(url + f"/healthz?{query}")[0] for query in (
                "account=$G&stream=FULL", "account=$G&stream=WELL", "account=$G&stream=NONE", "js-enabled-only=1",
                "js-server-only=1")], [503, 200, 404, 200, 200], "health of one stream, and of the server alone")
            client.close()


def metrics(context):
    """/metrics has the exporter's families for natsd's own endpoints."""
    with servers.running(context.server, context.folder, CONFIG) as server:
        scene = Scene(server).play()
        status, headers, body = get(monitor_url(server) + "/metrics")
        suite.expect(status, 200, "status")
        suite.expect(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
        names = set(re.findall(r"^([a-z_]+)[{ ]", body, re.MULTILINE))
        for name in ("gnatsd_varz_in_msgs", "gnatsd_varz_mem", "gnatsd_connz_total", "gnatsd_subsz_num_subscriptions",
                     "gnatsd_routez_num_routes", "gnatsd_healthz_status"):
            suite.check(name in names, f"no {name} among {len(names)} families")
        suite.check(f'server_id="{scene.id}"' in body, "server_id")
        renamed = get(monitor_url(server) + "/metrics?prefix=nats")[2]
        suite.check("nats_varz_in_msgs{" in renamed and "gnatsd" not in renamed, "prefix")
        for bad in ("a%20b", "1a", "a%0Afalse_metric"):
            suite.expect(get(monitor_url(server) + f"/metrics?prefix={bad}")[0], 400, f"status with the prefix {bad}")
        scene.close()


OTHERS = {
    "events: a client comes and goes": lambda context: compare_events(context, come_and_go),
    "events: a client is refused": lambda context: compare_events(context, refused),
    "events: a client is kicked": lambda context: compare_events(context, kicked),
    "events: the server ends": lambda context: compare_events(context, shut_down),
    "events: lame duck mode": lambda context: compare_events(context, lame_duck),
    "one client is asked to leave": asked_to_leave,
    "figures come by themselves": figures,
    "compressed answers": compressed,
    "TLS": tls,
    "base path": base_path,
    "page in a browser": dashboard,
    "metrics": metrics,
    "metrics of JetStream": jetstream_metrics,
    "JetStream: a full disk": full_disk,
    "taken port": taken_port,
}
