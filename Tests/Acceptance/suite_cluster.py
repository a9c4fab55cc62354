"""The charts in a real Kubernetes (Tests/rig/kube): one natsd, and three nats-servers with volumes.

Runs where Kubernetes has been compiled (`Tests/rig/kube build`), and in CI, which compiles it on first use."""
import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import nats

import suite
from cluster import images
from cluster.node import Node, Release, is_ready, patiently, restarts
from suite import check, expect

ROOT = Path(__file__).resolve().parent.parent.parent
VALUES = Path(__file__).resolve().parent / "cluster"
PATIENCE = 60
MESSAGES = 1000


def tests(context):
    folder = context.folder / "cluster"
    folder.mkdir()
    single = Single(context, Node(folder))
    three = Three(context, single.node)
    nack = Nack(context, three)
    steps = [
        ("one natsd: installed, its three probes are green", single.installed),
        ("one natsd: clients get through the service and the pod", single.serves),
        ("one natsd: Prometheus scrapes /metrics and :7777", single.scraped),
        ("one natsd: a changed configuration is taken over without a restart", single.reloads),
        ("one natsd: an upgrade rolls the pod, a rollback rolls it back", single.rolls),
        ("one natsd: a deleted pod says lame duck to its clients and is replaced", single.lame_duck),
        ("one natsd: it is uninstalled without a rest", single.uninstalled),
        ("three nats-servers: installed, volumes bound, one cluster with a leader", three.installed),
        ("three nats-servers: a configuration change needs a signal and no restart", three.reloads),
        ("three nats-servers: a deleted pod is replaced and has its data", three.replaced),
        ("three nats-servers: an upgrade rolls one after the other and loses nothing", three.rolls),
        ("three nats-servers: a rollback", three.rolls_back),
        ("nack: two controllers, installed with their definitions; one works", nack.installed),
        ("nack: the examples become streams, consumers and buckets", nack.reconciles),
        ("nack: the controller that works is deleted, the other one takes over", nack.takes_over),
        ("nack: what is deleted goes, and nothing waits for a finalizer", nack.deletes),
        ("three nats-servers: uninstalled, the volumes stay", three.uninstalled),
    ]
    return [suite.Test(name, run, alone=True) for name, run in steps]


class Scenario:
    """One release; `steps` that fail to install it make the later ones fail with the same words."""

    def __init__(self, context, node, release, namespace, values, chart="nats"):
        self.context = context
        self.node = node
        self.release = Release(node, chart, release, namespace, VALUES / values)
        self.problem = suite.Failure("not installed")

    def install(self):
        self.node.start()
        try:
            self.load_images()
            self.release.install()
            self.problem = None
        except (suite.Failure, suite.Missing) as problem:
            self.problem = problem
            raise suite.Failure(f"{problem}\n{self.release.describe()}") from None

    def needs_release(self):
        if self.problem:
            raise self.problem
        return self.release

    def load_image(self, archive):
        self.node.tool("load-image", archive)
        archive.unlink()


class Single(Scenario):
    def __init__(self, context, node):
        super().__init__(context, node, "solo", "solo", "natsd.yaml")
        self.exporter = Path(context.server).parent / "exporter"

    def load_images(self):
        folder = self.node.folder
        if not self.exporter.exists():
            raise suite.Missing(f"the exporter beside the server under test ({self.exporter})")
        self.load_image(images.ours(ROOT, folder, "natsd", self.context.server, "localhost/natsd:test"))
        self.load_image(images.ours(ROOT, folder, "exporter", self.exporter, "localhost/exporter:test"))

    def installed(self):
        self.install()
        pod = self.release.pod()
        check(is_ready(pod), "the pod is not ready")
        expect(restarts(pod), 0, "restarts")
        container = next(found for found in pod["status"]["containerStatuses"] if found["name"] == "nats")
        check(container["started"], "the startup probe has not succeeded")
        check("Unhealthy" not in self.release.kubectl("get", "events", "--field-selector", "reason=Unhealthy"),
              "a probe failed")

    def serves(self):
        release = self.needs_release()
        document = greeting(release.address())
        expect(document["server_name"], "solo-nats-0", "server name")
        service = release.get("service", "solo-nats")["spec"]["clusterIP"]
        expect(greeting(service)["server_id"], document["server_id"], "the server behind the service")

    def scraped(self):
        release = self.needs_release()
        address = release.address()
        if not shutil.which("prometheus"):
            raise suite.Missing("the Debian package prometheus")
        done = subprocess.run(
            [ROOT / "Tests/rig/prometheus-scrape", f"http://{address}:8222/metrics", f"http://{address}:7777/metrics",
             "--query", 'gnatsd_varz_connections{job="target-0"}', "--query", 'nats_varz_connections{job="target-1"}'],
            capture_output=True, text=True, timeout=PATIENCE)
        check(done.returncode == 0, done.stdout + done.stderr)
        return done.stdout.splitlines()[0]

    def reloads(self):
        release = self.needs_release()
        before = release.pod()
        client = Client(release.address())
        release.upgrade("--set", "config.merge.max_payload=2000000")
        release.nudge()
        patiently(lambda: greeting(release.address())["max_payload"] == 2000000, 120, lambda: release.logs())
        after = release.pod()
        expect(after["metadata"]["uid"], before["metadata"]["uid"], "the pod")
        expect(restarts(after), 0, "restarts")
        client.ping()
        client.close()
        check("Reloaded server configuration" in release.logs(), release.logs())

    def rolls(self):
        release = self.needs_release()
        first = release.pod()["metadata"]["uid"]
        expect(greeting(release.address())["max_payload"], 2000000, "max_payload before")
        release.upgrade("--set", "podTemplate.merge.metadata.annotations.step=two")
        (second,) = release.wait_ready(1, unlike=[first])
        expect(second["metadata"]["annotations"].get("step"), "two", "the annotation")
        expect(greeting(release.address())["max_payload"], 1000000, "max_payload after the upgrade")
        release.rollback()
        (third,) = release.wait_ready(1, unlike=[first, second["metadata"]["uid"]])
        check("step" not in third["metadata"].get("annotations", {}), "the annotation is still there")
        expect(greeting(release.address())["max_payload"], 2000000, "max_payload after the rollback")

    def lame_duck(self):
        release = self.needs_release()
        before = release.pod()["metadata"]["uid"]
        client = Client(release.address())
        release.kubectl("delete", "pod", "solo-nats-0", "--wait=false")
        started = time.monotonic()
        check(client.wait_for(b'"ldm":true', PATIENCE), "the client was not told of the lame duck")
        told = time.monotonic() - started
        check(client.wait_for_end(PATIENCE), "the connection was not closed")
        closed = time.monotonic() - started
        check(closed - told > 5, f"closed {closed - told:.1f} s after the word: no grace period")
        release.wait_ready(1, unlike=[before])
        return f"told after {told:.1f} s, closed after {closed:.1f} s, replaced after {time.monotonic() - started:.1f} s"

    def uninstalled(self):
        release = self.needs_release()
        self.node.helm("uninstall", release.name, "-n", release.namespace, "--wait")
        kinds = "all,configmaps,secrets,pdb"
        patiently(lambda: not release.kubectl("get", kinds, "-l", "app.kubernetes.io/instance=solo", "-o", "name").strip(),
                  PATIENCE, lambda: "nothing left of the release")
        self.problem = suite.Failure("uninstalled")


class Three(Scenario):
    """The templates for clusters, proven with the server that forms them today."""

    def __init__(self, context, node):
        super().__init__(context, node, "nats", "trio", "three.yaml")
        self.more = 0  # messages that were published during an upgrade

    def load_images(self):
        self.load_image(images.nats_server(self.node.folder, self.context.needs_peer(), "localhost/nats-server:test"))

    def installed(self):
        self.install()
        release = self.release
        for index, pod in enumerate(release.pods(3)):
            check(is_ready(pod), f"pod {index} is not ready")
            claim = release.get("pvc", f"nats-js-nats-{index}")
            expect(claim["status"]["phase"], "Bound", f"claim {index}")
        patiently(lambda: all(release.monitor("/routez", index)["num_routes"] for index in range(3)), PATIENCE,
                  lambda: "routes between all servers")
        patiently(self.leader, PATIENCE, lambda: "a meta leader")
        asyncio.run(self.fill())
        return f"leader {self.leader()}"

    def leader(self):
        try:
            return (self.release.monitor("/jsz").get("meta_cluster") or {}).get("leader")
        except OSError:
            return None

    def url(self):
        """Of the service: pods get new addresses."""
        return f"nats://{self.release.get('service', 'nats')['spec']['clusterIP']}:4222"

    async def fill(self):
        client = await nats.connect(self.url(), connect_timeout=10)
        stream = client.jetstream(timeout=20)
        await stream.add_stream(name="KEPT", subjects=["kept.>"], num_replicas=3)
        for number in range(MESSAGES):
            await stream.publish(f"kept.{number}", b"message")
        await client.close()

    async def count(self):
        client = await nats.connect(self.url(), connect_timeout=10)
        try:
            return (await client.jetstream(timeout=10).stream_info("KEPT")).state.messages
        finally:
            await client.close()

    def reloads(self):
        release = self.needs_release()
        before = [pod["metadata"]["uid"] for pod in release.pods(3)]
        release.upgrade("--set", "config.merge.max_payload=2000000")
        release.nudge()
        for index in range(3):
            patiently(lambda: self.signalled(index), 120, lambda: release.logs(index))
        after = release.pods(3)
        expect([pod["metadata"]["uid"] for pod in after], before, "the pods")
        expect([restarts(pod) for pod in after], [0, 0, 0], "restarts")

    def signalled(self, index):
        """nats-server does not watch its file; the signal is what the reloader would send."""
        self.release.kubectl("exec", f"nats-{index}", "-c", "nats", "--", "nats-server",
                             "-sl=reload=/var/run/nats/nats.pid")
        return greeting(self.release.address(index))["max_payload"] == 2000000

    def replaced(self):
        release = self.needs_release()
        before = release.pod(1)["metadata"]["uid"]
        volume = release.get("pvc", "nats-js-nats-1")["spec"]["volumeName"]
        release.kubectl("delete", "pod", "nats-1", "--wait=false")
        release.wait_ready(3, unlike=[before])
        expect(release.get("pvc", "nats-js-nats-1")["spec"]["volumeName"], volume, "the volume")
        self.has_everything(1)

    def has_everything(self, index):
        """The server itself holds all messages of the stream."""
        def messages():
            try:
                found = self.release.monitor("/jsz?accounts=true&streams=true", index)
            except OSError:
                return None
            streams = [stream for account in found.get("account_details", [])
                       for stream in account.get("stream_detail") or []]
            return [stream["state"]["messages"] for stream in streams] == [MESSAGES + self.more]
        patiently(messages, PATIENCE, lambda: f"{MESSAGES + self.more} messages on nats-{index}")

    def rolls(self):
        release = self.needs_release()
        before = [pod["metadata"]["uid"] for pod in release.pods(3)]
        publisher = Publisher(self.url())
        publisher.start()
        started = time.monotonic()
        least = 3
        release.upgrade("--set", "podTemplate.merge.metadata.annotations.step=two")
        while not (release.has_settled() and not {pod["metadata"]["uid"] for pod in release.pods(3)} & set(before)):
            least = min(least, sum(bool(pod) and is_ready(pod) for pod in release.pods(3)))
            check(time.monotonic() - started < 300, f"the rollout takes too long:\n{release.describe()}")
            time.sleep(0.5)
        self.more = publisher.stop()
        check(least >= 2, f"only {least} servers were ready at a time")
        check(self.more > 0, "nothing could be published meanwhile")
        expect(asyncio.run(self.count()), MESSAGES + self.more, "messages")
        for index in range(3):
            self.has_everything(index)
        return f"{self.more} messages acknowledged meanwhile, {time.monotonic() - started:.0f} s"

    def rolls_back(self):
        release = self.needs_release()
        before = [pod["metadata"]["uid"] for pod in release.pods(3)]
        release.rollback()
        release.wait_ready(3, seconds=300, unlike=before)
        expect([pod["metadata"].get("annotations", {}).get("step") for pod in release.pods(3)], [None] * 3,
               "annotations")
        expect(greeting(release.address())["max_payload"], 2000000, "max_payload")
        for index in range(3):
            self.has_everything(index)

    def uninstalled(self):
        release = self.needs_release()
        self.node.helm("uninstall", release.name, "-n", release.namespace, "--wait")
        claims = release.kubectl("get", "pvc", "-o", "name").split()
        expect(len(claims), 3, "volumes that stay")


class Nack(Scenario):
    """The controller beside the three servers, in their namespace."""

    def __init__(self, context, three):
        super().__init__(context, three.node, "nack", three.release.namespace, "nack.yaml", chart="nack")
        self.three = three
        self.program = Path(context.server).parent / "nack-controller"

    def load_images(self):
        if not self.program.exists():
            raise suite.Missing(f"the controller beside the server under test ({self.program})")
        self.load_image(images.ours(ROOT, self.node.folder, "nack-controller", self.program, "localhost/nack:test"))

    def installed(self):
        self.three.needs_release()
        self.install()
        found = self.release.get("deployment", "nack")
        expect(found["status"].get("readyReplicas"), 2, "ready controllers")
        return f"{self.holder()} works"

    def holder(self):
        lease = self.release.get("lease", "nack-controller")
        return (lease or {}).get("spec", {}).get("holderIdentity", "")

    def apply(self):
        for file in ("orders.yaml", "buckets.yaml"):
            self.release.kubectl("apply", "-f", ROOT / "deploy/examples" / file)

    def ready(self, seconds=PATIENCE):
        kinds = "streams.jetstream.nats.io,consumers.jetstream.nats.io,keyvalues.jetstream.nats.io"
        self.release.kubectl("wait", "--for=condition=Ready", f"--timeout={seconds}s", "--all",
                             kinds + ",objectstores.jetstream.nats.io", seconds=seconds + 30)

    async def streams(self):
        client = await nats.connect(self.three.url(), connect_timeout=10)
        try:
            return {stream.config.name: stream for stream in await client.jetstream(timeout=10).streams_info()}
        finally:
            await client.close()

    def reconciles(self):
        self.needs_release()
        self.apply()
        self.ready()
        found = asyncio.run(self.streams())
        expect(set(found) - {"KEPT"}, {"ORDERS", "ORDERS_AUDIT", "KV_settings", "KV_sessions", "OBJ_invoices"}, "streams")
        expect(found["ORDERS"].state.consumer_count >= 2, True, "consumers")
        return f"{len(found) - 1} streams"

    def takes_over(self):
        release = self.needs_release()
        before = self.holder()
        pods = release.kubectl("get", "pods", "-l", "app=nack", "-o", "name").split()
        (working,) = [pod for pod in pods if pod.removeprefix("pod/") in before]
        release.kubectl("delete", working, "--wait=false")
        patiently(lambda: self.holder() not in ("", before), PATIENCE, lambda: f"another holder than {before}")
        release.kubectl("patch", "stream.jetstream.nats.io", "orders", "--type=merge", "-p",
                        '{"spec":{"description":"changed"}}')
        patiently(lambda: asyncio.run(self.streams())["ORDERS"].config.description == "changed", PATIENCE,
                  lambda: "the change of a manifest")
        self.ready()

    def deletes(self):
        release = self.needs_release()
        for kind in ("consumers", "keyvalues", "objectstores", "streams"):
            release.kubectl("delete", f"{kind}.jetstream.nats.io", "--all", f"--timeout={PATIENCE}s",
                            seconds=PATIENCE + 30)
        expect(set(asyncio.run(self.streams())), {"KEPT"}, "streams")
        self.node.helm("uninstall", "nack", "-n", release.namespace, "--wait")


class Publisher(threading.Thread):
    """Publishes and counts what was acknowledged, until it is stopped. A publish that fails is sent again with the same
    id, so that it counts once."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url, self.acknowledged, self.ends = url, 0, threading.Event()

    def run(self):
        asyncio.run(self.publish())

    async def publish(self):
        async def ignore(_):
            pass
        client = await nats.connect(self.url, connect_timeout=2, max_reconnect_attempts=-1, reconnect_time_wait=0.2,
                                    error_cb=ignore)
        stream = client.jetstream(timeout=2)
        number = 0
        while not self.ends.is_set() or number > self.acknowledged:
            number = self.acknowledged + 1
            try:
                await stream.publish("kept.more", b"message", headers={"Nats-Msg-Id": str(number)})
                self.acknowledged = number
                await asyncio.sleep(0.005)
            except Exception:
                await asyncio.sleep(0.1)
        await client.close()

    def stop(self):
        self.ends.set()
        self.join(PATIENCE)
        check(not self.is_alive(), "the last publish is not acknowledged")
        return self.acknowledged


class Client:
    """A plain connection."""

    def __init__(self, host, port=4222):
        self.socket = socket.create_connection((host, port), 10)
        self.seen = b""
        self.socket.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
        check(self.wait_for(b"PONG", 10), "no PONG")

    def read(self, seconds):
        """Whether the connection is still open."""
        self.socket.settimeout(max(seconds, 0.01))
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            return True
        except OSError:
            return False
        self.seen += more
        # Answers keep the connection from counting as stale.
        if b"PING\r\n" in more:
            self.socket.sendall(b"PONG\r\n")
        return bool(more)

    def wait_for(self, words, seconds):
        deadline = time.monotonic() + seconds
        while words not in self.seen:
            if time.monotonic() > deadline or not self.read(deadline - time.monotonic()):
                return words in self.seen
        return True

    def wait_for_end(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.read(deadline - time.monotonic()):
                return True
        return False

    def ping(self):
        self.seen = b""
        self.socket.sendall(b"PING\r\n")
        check(self.wait_for(b"PONG", 10), "the connection does not answer any more")

    def close(self):
        self.socket.close()


def greeting(host, port=4222):
    with socket.create_connection((host, port), 10) as client, client.makefile("rb") as lines:
        return json.loads(lines.readline().removeprefix(b"INFO "))
