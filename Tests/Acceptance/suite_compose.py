"""compose.yaml and compose.single.yaml, run by podman-compose (Tests/rig) with images of what was built here.

Three real nats-servers in the layout of our image stand in for natsd in the cluster, and Debian's Prometheus for the
official image. Health checks are run by the test: their timers are systemd's, which not every machine has.
"""
import asyncio
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import nats
import nats.errors
import nats.js.errors

import containers
import suite
from suite import check, expect, wait_until

ROOT = containers.ROOT
COMPOSE_SECONDS = 120
START_SECONDS = 60
ELECTION_SECONDS = 40
NATSD, PEER, EXPORTER, CONTROLLER, PROMETHEUS = (
    f"localhost/natsd-compose-{name}:test" for name in ("natsd", "peer", "exporter", "controller", "prometheus"))
NODES = ("nats-1", "nats-2", "nats-3")


def tests(context):
    images = Images(context)
    single = Stack(images, "compose.single.yaml", "nats-single-test", NATS_IMAGE=NATSD)
    stored = Stack(images, "compose.single.yaml", "nats-stored-test", NATS_IMAGE=NATSD)
    cluster = Stack(images, "compose.yaml", "nats-cluster-test", NATS_IMAGE=PEER, EXPORTER_IMAGE=EXPORTER,
                    CONTROLLER_IMAGE=CONTROLLER, PROMETHEUS_IMAGE=PROMETHEUS)
    return [suite.Test(name, lambda f=function, s=stack: f(s), alone=True) for name, stack, function in [
        ("both files say what the documentation says, and what they mount is there", cluster, files),
        ("Prometheus takes its configuration and the alerts", cluster, prometheus_configuration),
        ("one natsd comes up healthy and passes messages", single, single_serves),
        ("one natsd that is killed is started again", single, single_restarts),
        ("compose down leaves nothing of the single server", single, Stack.down),
        ("one server with JetStream keeps its stream in the volume", stored, single_keeps),
        ("compose down -v leaves nothing of the server with JetStream", stored, Stack.down),
        ("three nodes come up healthy as one cluster", cluster, cluster_forms),
        ("what one node is given another one delivers", cluster, cluster_delivers),
        ("one node is killed: two serve, and a stream of three replicas acknowledges", cluster, cluster_loses_one),
        ("the killed node returns and catches up", cluster, cluster_recovers),
        ("a stopped node sends its clients away first", cluster, cluster_lame_duck),
        ("Prometheus reaches the exporter, and the exporter the servers", cluster, cluster_is_watched),
        *([("the controller brings about deploy/examples", cluster, cluster_is_reconciled)] * has_controller()),
        ("compose down -v leaves nothing of the cluster", cluster, Stack.down),
        ("no image is left behind", cluster, lambda stack: images.remove()),
    ]]


def has_controller():
    return "nack-controller" in containers.PROGRAMS


class Images:
    """The images, each built at its first use."""

    def __init__(self, context):
        self.context = context
        self.podman = containers.Podman(context.folder)
        self.built = set()

    def need(self, name):
        if name in self.built:
            return
        natsd, podman = self.context.server, self.podman
        dist = Path(natsd).parent
        builders = {
            NATSD: lambda: podman.build("natsd", name, natsd),
            PEER: lambda: podman.build("natsd", name, self.context.needs_peer(), health=natsd),
            EXPORTER: lambda: podman.build("exporter", name, dist / "exporter"),
            CONTROLLER: lambda: podman.build("nack-controller", name, dist / "nack-controller"),
            PROMETHEUS: lambda: podman.build_foreign(name, prometheus(), natsd),
        }
        builders[name]()
        self.built.add(name)

    def remove(self):
        for name in self.built:
            self.podman.remove(name)
        names = self.podman.run("images", "--format", "{{.Repository}}").split()
        expect([name for name in names if "natsd-compose" in name], [], "images that are left")


def prometheus():
    program = shutil.which("prometheus")
    if not program:
        raise suite.Missing("the Debian package prometheus")
    return program


class Stack:
    """One compose file as a project of its own."""

    def __init__(self, images, file, project, **variables):
        self.images = images
        self.podman = images.podman
        self.file = file
        self.project = project
        # An address of its own, so that the ports of the files are free.
        self.address = f"127.{random.randint(64, 126)}.{random.randint(1, 250)}.1"
        self.variables = {**variables, "BIND": self.address}
        self.services = []
        self.killed = None  # the node that is away

    def compose(self, *arguments):
        """Runs podman-compose; returns what it printed."""
        done = subprocess.run(
            [containers.RIG, "compose", "-f", self.file, "-p", self.project, *arguments], cwd=ROOT, text=True,
            capture_output=True, errors="replace", timeout=COMPOSE_SECONDS,
            env={**self.podman.environment, **self.variables})
        output = done.stdout + done.stderr
        check(done.returncode == 0, f"compose {' '.join(arguments)}: exit {done.returncode}\n{output[-3000:]}")
        return done.stdout

    def up(self, *services):
        for service, image in zip(services, self.images_of(services)):
            self.images.need(image)
            self.services.append(service)
        self.compose("up", "-d", "--no-build", *services)

    def images_of(self, services):
        known = {"exporter": EXPORTER, "prometheus": PROMETHEUS, "nack-controller": CONTROLLER}
        return [known.get(service, self.variables["NATS_IMAGE"]) for service in services]

    def needs_up(self):
        if not self.services:
            raise suite.Failure("it did not come up")

    def container(self, service):
        return f"{self.project}_{service}_1"

    def inspect(self, service, template):
        return self.podman.run("inspect", "--format", template, self.container(service)).strip()

    def is_healthy(self, service):
        return self.podman.attempt("healthcheck", "run", self.container(service)).returncode == 0

    def wait_healthy(self, *services):
        for service in services:
            wait_until(lambda name=service: self.is_healthy(name), START_SECONDS, f"{service} is healthy")

    def url(self, node):
        return f"nats://{self.address}:{4221 + int(node[-1])}" if "-" in node else f"nats://{self.address}:4222"

    def ask(self, port, path):
        with urllib.request.urlopen(f"http://{self.address}:{port}{path}", timeout=10) as answer:
            return json.load(answer)

    def down(self):
        """Removes everything, volumes too; nothing of the project may be left."""
        self.compose("down", "-v", "-t", "1")
        kinds = {
            "containers": ("ps", "-a", "--format", "{{.Names}}"), "volumes": ("volume", "ls", "--format", "{{.Name}}"),
            "networks": ("network", "ls", "--format", "{{.Name}}"), "pods": ("pod", "ps", "--format", "{{.Name}}")}
        for what, command in kinds.items():
            left = [name for name in self.podman.run(*command).split() if self.project in name]
            expect(left, [], f"{what} that are left")


def play(coroutine, seconds=60):
    return asyncio.run(asyncio.wait_for(coroutine, seconds))


async def connect(*urls, **options):
    async def ignore(_):
        pass
    return await nats.connect(list(urls), connect_timeout=5, error_cb=ignore,
                              allow_reconnect=options.pop("again", False), **options)


async def published(stream, subject, body):
    """Publishes until it is acknowledged: a stream that elects a leader answers late, or not at all."""
    deadline = time.monotonic() + ELECTION_SECONDS
    while time.monotonic() < deadline:
        try:
            return await stream.publish(subject, body, timeout=2, headers={"Nats-Msg-Id": body.decode()})
        except (nats.errors.TimeoutError, nats.errors.NoRespondersError, nats.js.errors.NoStreamResponseError,
                nats.js.errors.ServiceUnavailableError):
            await asyncio.sleep(0.1)
    raise suite.Failure(f"{body} was never acknowledged")


# The files themselves


def files(stack):
    stack.podman.environment  # noqa: B018  is there a podman at all?
    for file in ("compose.yaml", "compose.single.yaml"):
        text = (ROOT / file).read_text()
        for path in re.findall(r"(\./[\w./-]+):/", text):
            check((ROOT / path).exists(), f"{file} mounts {path}, which is not there")
        for variable in re.findall(r"\$\{(\w+)", text):
            check(re.search(rf"^#.*\b{variable}\b", text, re.MULTILINE), f"{file} does not explain {variable}")
    services = stack.compose("config", "--services").split()
    check("grafana" not in services, f"without its profile Grafana is there: {services}")
    check({*NODES, "exporter", "prometheus", "nack-controller"} <= set(services), f"services: {services}")
    services = stack.compose("--profile", "grafana", "config", "--services").split()
    check("grafana" in services, f"with its profile Grafana is not there: {services}")
    json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())


def prometheus_configuration(stack):
    tool = shutil.which("promtool")
    if not tool:
        raise suite.Missing("the Debian package prometheus")
    folder = stack.images.context.folder
    for file in ("deploy/compose/prometheus.yaml", "deploy/monitoring/alerts.yaml"):
        shutil.copy(ROOT / file, folder)
    done = subprocess.run([tool, "check", "config", folder / "prometheus.yaml"], capture_output=True, text=True)
    check(done.returncode == 0, done.stdout + done.stderr)


# One server


def single_serves(stack):
    stack.up("nats")
    stack.wait_healthy("nats")
    varz = stack.ask(8222, "/varz")
    expect((varz["server_name"], varz["gomemlimit"]), ("nats", 1 << 30), "name, and the memory limit that it has seen")
    play(passes(stack.url("nats"), stack.url("nats")))


async def passes(source, target):
    sender, receiver = await connect(source), await connect(target)
    subscription = await receiver.subscribe("compose.>")
    await receiver.flush()
    for _ in range(50):  # interest travels between servers by itself
        await sender.publish("compose.test", b"hello")
        try:
            message = await subscription.next_msg(0.2)
            break
        except nats.errors.TimeoutError:
            continue
    else:
        raise suite.Failure("nothing was delivered")
    expect((message.subject, message.data), ("compose.test", b"hello"), "message")
    await sender.close()
    await receiver.close()


def single_restarts(stack):
    stack.needs_up()
    started = stack.inspect("nats", "{{.State.StartedAt}}")
    os.kill(int(stack.inspect("nats", "{{.State.Pid}}")), signal.SIGKILL)
    wait_until(lambda: stack.inspect("nats", "{{.State.StartedAt}} {{.State.Running}}") not in (
        f"{started} true", f"{started} false"), START_SECONDS, "another start")
    stack.wait_healthy("nats")
    play(passes(stack.url("nats"), stack.url("nats")))


def single_keeps(stack):
    stack.up("nats")
    stack.wait_healthy("nats")

    async def store():
        client = await connect(stack.url("nats"))
        stream = client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept.>"])
        for number in range(100):
            await stream.publish("kept.x", str(number).encode())
        await client.close()
    play(store())
    stack.compose("down", "-t", "10")
    stack.up("nats")
    stack.wait_healthy("nats")

    async def count():
        client = await connect(stack.url("nats"))
        state = (await client.jetstream().stream_info("KEPT")).state
        await client.close()
        return state.messages
    expect(play(count()), 100, "messages after down and up")


# The cluster


def cluster_forms(stack):
    services = [*NODES, "exporter", "prometheus", *(["nack-controller"] if has_controller() else [])]
    started = time.monotonic()
    stack.up(*services)
    stack.wait_healthy(*NODES)
    wait_until(lambda: all(meta(stack, node)[0] == 3 and meta(stack, node)[1] for node in NODES), START_SECONDS,
               "a meta leader of three servers")
    for node in NODES:
        expect(stack.ask(port(node), "/varz")["server_name"], node, "name")
        expect(stack.inspect(node, "{{.HostConfig.RestartPolicy.Name}}"), "unless-stopped", "restart policy")
    return f"after {time.monotonic() - started:.1f} s"


def port(node):
    return 8221 + int(node[-1])


def meta(stack, node):
    """Size and leader of the cluster as a node sees it."""
    cluster = stack.ask(port(node), "/jsz").get("meta_cluster") or {}
    return cluster.get("cluster_size"), cluster.get("leader")


def cluster_delivers(stack):
    stack.needs_up()
    play(passes(stack.url("nats-1"), stack.url("nats-3")))
    play(passes(stack.url("nats-2"), stack.url("nats-1")))


def cluster_loses_one(stack):
    """The worst one: the leader of the stream."""
    stack.needs_up()

    async def run():
        client = await connect(stack.url("nats-1"))
        stream = client.jetstream(timeout=10)
        await stream.add_stream(name="THREE", subjects=["three.>"], num_replicas=3)
        for number in range(100):
            await published(stream, "three.x", f"before {number}".encode())
        stack.killed = (await stream.stream_info("THREE")).cluster.leader
        await client.close()
        rest = [node for node in NODES if node != stack.killed]
        client, other = await connect(stack.url(rest[0])), await connect(stack.url(rest[1]))
        stream = client.jetstream(timeout=10)
        stack.podman.run("kill", "-s", "KILL", stack.container(stack.killed))
        started = time.monotonic()
        await published(stream, "three.x", b"after 0")
        pause = time.monotonic() - started
        for number in range(1, 100):
            await published(stream, "three.x", f"after {number}".encode())
        info = await other.jetstream(timeout=10).stream_info("THREE")
        expect(info.state.messages, 200, "messages by another node")
        await client.close()
        await other.close()
        return pause
    pause = play(run(), 100)
    rest = [node for node in NODES if node != stack.killed]
    play(passes(stack.url(rest[0]), stack.url(rest[1])))
    expect(stack.inspect(stack.killed, "{{.State.Running}}"), "false", "the killed node runs")
    return f"{stack.killed} led; the first acknowledgement after the kill took {pause:.2f} s"


def cluster_recovers(stack):
    stack.needs_up()
    check(stack.killed, "none was killed")
    stack.podman.run("start", stack.container(stack.killed))
    stack.wait_healthy(stack.killed)

    def current():
        for account in stack.ask(port(stack.killed), "/jsz?streams=1&accounts=1").get("account_details", []):
            for stream in account.get("stream_detail", []):
                if stream["name"] == "THREE" and stream["state"]["messages"] == 200:
                    return True
        return False
    wait_until(current, START_SECONDS, "200 messages on the node that was away")
    other = next(node for node in NODES if node != stack.killed)
    play(passes(stack.url(stack.killed), stack.url(other)))


def cluster_lame_duck(stack):
    stack.needs_up()

    async def run():
        client = await connect(stack.url("nats-3"), stack.url("nats-1"), again=True, dont_randomize=True)
        expect(client.connected_url.netloc, stack.url("nats-3").removeprefix("nats://"), "connected to")
        await asyncio.to_thread(stack.compose, "stop", "nats-3")
        await client.publish("still", b"there")
        await client.flush(10)
        expect(client.connected_url.netloc, stack.url("nats-1").removeprefix("nats://"), "connected to")
        await client.close()
    started = time.monotonic()
    play(run(), 100)
    log = stack.podman.run("logs", stack.container("nats-3"))
    check("Entering lame duck mode" in log, f"log:\n{log[-2000:]}")
    expect(stack.inspect("nats-3", "{{.State.ExitCode}}"), "0", "exit code")
    seconds = time.monotonic() - started
    stack.podman.run("start", stack.container("nats-3"))
    stack.wait_healthy("nats-3")
    return f"the stop took {seconds:.1f} s"


def query(stack, expression):
    path = "/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    return {tuple(sorted(row["metric"].items())): float(row["value"][1])
            for row in stack.ask(9090, path)["data"]["result"]}


def cluster_is_watched(stack):
    stack.needs_up()
    check(stack.is_healthy("prometheus"), "Prometheus is not healthy")
    check(stack.is_healthy("exporter"), "the exporter is not healthy")

    def up():
        targets = stack.ask(9090, "/api/v1/targets")["data"]["activeTargets"]
        states = {target["labels"]["job"]: target["health"] for target in targets}
        wanted = ["nats", *(["nack-controller"] if has_controller() else [])]
        return all(states.get(job) == "up" for job in wanted)
    wait_until(up, START_SECONDS, "all targets are up")
    wait_until(lambda: list(query(stack, "nats_exporter_server_up == 1").values()) == [1, 1, 1], START_SECONDS,
               "three servers behind the exporter")
    replicas = 'count(jetstream_stream_total_messages{stream_name="THREE"})'
    wait_until(lambda: list(query(stack, replicas).values()) == [3], START_SECONDS,
               "three replicas of the stream in Prometheus")
    rules = stack.ask(9090, "/api/v1/rules")["data"]["groups"]
    check(len(rules) >= 3, f"groups of alerts: {[group['name'] for group in rules]}")


def cluster_is_reconciled(stack):
    stack.needs_up()
    wanted = {"ORDERS", "ORDERS_AUDIT", "ORDERS_COPY", "KV_settings", "KV_sessions", "OBJ_invoices"}

    async def names():
        client = await connect(stack.url("nats-1"))
        found = {info.config.name for info in await client.jetstream(timeout=10).streams_info()}
        await client.close()
        return found
    wait_until(lambda: wanted <= play(names()), START_SECONDS, f"the streams {sorted(wanted)}")
    check(stack.is_healthy("nack-controller"), "the controller is not healthy")
