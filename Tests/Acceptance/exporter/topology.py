"""Servers with a monitoring port, alone or as two clusters with gateways and a leaf node, and something in them."""
import asyncio
import contextlib
import json
import re
import socket
import threading

import nats
import servers
from nats.js.api import ConsumerConfig, KeyValueConfig, StreamConfig, StreamSource
from suite import Failure, wait_until

MONITOR = re.compile(r"Starting https? monitor on \S+?:(\d+)")


class NoMonitoring(Exception):
    """The server has no monitoring port."""


@contextlib.contextmanager
def running(binary, folder, config):
    server = servers.Server(binary, folder, config)
    try:
        try:
            server.start()
        except Failure as failure:
            if "is not supported" in str(failure):
                raise NoMonitoring() from None
            raise
        found = MONITOR.search(server.log())
        if not found:
            raise NoMonitoring()
        server.monitor_port = int(found[1])
        scheme = "https" if "https monitor" in found[0] else "http"
        # Not `server.url`, which is the client port.
        yield server, f"{scheme}://127.0.0.1:{server.monitor_port}"
    finally:
        server.stop()


class Single:
    def __init__(self, server, url):
        self.server, self.url, self.client_url = server, url, server.url()


@contextlib.contextmanager
def single(binary, folder, jetstream=True, monitor_port=-1, extra="", https=False):
    config = f'{"https" if https else "http"}: "127.0.0.1:{monitor_port}"\nserver_name: ref1\n{extra}\n'
    if jetstream:
        config += f'jetstream {{ store_dir: "{folder}/{servers.free_port()}" }}\n'
    with running(binary, folder, config) as (server, url):
        yield Single(server, url)


def fill(server, copies=True):
    """Streams, messages and a consumer; with `copies` a mirror and a stream with a source."""
    asyncio.run(fill_single(server.client_url, copies))


async def fill_single(url, copies):
    client = await nats.connect(url)
    stream = client.jetstream()
    metadata = {"team": "core"}
    await stream.add_stream(StreamConfig("ORDERS", subjects=["orders.>"], max_msgs=1000, metadata=metadata))
    for number in range(10):
        await stream.publish(f"orders.{number}", b"x")
    if copies:
        await stream.add_stream(StreamConfig("COPY", mirror=StreamSource("ORDERS")))
        await stream.add_stream(StreamConfig("SUM", sources=[StreamSource("ORDERS")]))
    await stream.add_consumer("ORDERS", ConsumerConfig(durable_name="C1", ack_policy="explicit", description="the first",
                                                       metadata=metadata))
    subscription = await stream.pull_subscribe_bind("C1", "ORDERS")
    for message in await subscription.fetch(3, timeout=5):
        await message.ack_sync()
    await client.close()


class Connection:
    """A client that stays, on a thread of nobody: plain bytes."""

    def __init__(self, server, name):
        host, _, port = server.client_url.rpartition("//")[2].rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        connect = json.dumps({"verbose": False, "name": name, "lang": "test", "version": "1"})
        self.socket.sendall(f"CONNECT {connect}\r\nPUB x 1\r\nx\r\nPING\r\n".encode())
        wait_until(lambda: b"PONG" in self.socket.recv(65536), 5, "PONG")

    def close(self):
        self.socket.close()


@contextlib.contextmanager
def supercluster(binary, folder):
    """a1, a2, a3 as cluster A, b1 as cluster B, connected by gateways, l1 as leaf node.

    Gives the monitoring URL of the server that has all kinds of connections.
    """
    names = ["a1", "a2", "a3", "b1"]
    ports = {(kind, name): servers.free_port() for kind in ("route", "gateway", "leaf") for name in names}
    accounts = ("accounts { APP { jetstream: enabled, users: [ { user: app, password: app } ] }\n"
                "SYS { users: [ { user: sys, password: sys } ] } }\nsystem_account: SYS\n")

    def config(name):
        cluster = name[0].upper()
        members = [n for n in names if n[0] == name[0]]
        routes = ", ".join(f'"nats://127.0.0.1:{ports["route", n]}"' for n in members)
        gateways = ", ".join(
            f'{{ name: {n[0].upper()}, urls: ["nats://127.0.0.1:{ports["gateway", n]}"] }}' for n in ("a1", "b1"))
        return (
            f'server_name: {name}\nhttp: "127.0.0.1:-1"\n{accounts}'
            f'cluster {{ name: {cluster}, listen: "127.0.0.1:{ports["route", name]}", routes: [{routes}] }}\n'
            f'gateway {{ name: {cluster}, listen: "127.0.0.1:{ports["gateway", name]}", gateways: [{gateways}] }}\n'
            + (f'jetstream {{ store_dir: "{folder}/{name}" }}\n' if cluster == "A" else "")
            + f'leafnodes {{ listen: "127.0.0.1:{ports["leaf", name]}" }}\n')

    def leaf_config(hub):
        return (f'server_name: l1\naccounts {{ APP {{ users: [ {{ user: app, password: app }} ] }} }}\n'
                f'leafnodes {{ remotes: [ {{ url: "nats://app:app@127.0.0.1:{ports["leaf", hub]}", account: APP }} ] }}\n')

    with contextlib.ExitStack() as stack:
        started = {}
        for name in names:
            server = servers.Server(binary, folder, config(name))
            stack.callback(server.stop)
            started[name] = server
        start_together([started[name] for name in names[:3]])
        started["b1"].start()
        # B has learned of all members of A and connects to one of them.
        chosen = wait_until(
            lambda: [n for n in names[:3] if "Inbound gateway connection from" in started[n].log()
                     and "Outbound gateway connection to" in started[n].log()],
            10, "gateways are connected")[0]
        edge = servers.Server(binary, folder, leaf_config(chosen))
        stack.callback(edge.stop)
        edge.start()
        first = started[chosen]
        asyncio.run(fill_cluster(first.url(login="app:app")))
        wait_until(lambda: "Leafnode connection created" in first.log(), 10, "the leaf node is connected")
        yield f"http://127.0.0.1:{MONITOR.search(first.log())[1]}"


def start_together(members):
    """Clustered servers become ready only with each other."""
    failures = []

    def start(server):
        try:
            server.start()
        except Failure as failure:
            failures.append(failure)
    threads = [threading.Thread(target=start, args=(server,)) for server in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


async def fill_cluster(url):
    client = await nats.connect(url)
    stream = client.jetstream(timeout=10)
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        try:
            await stream.add_stream(StreamConfig("ORDERS", subjects=["orders.>"], num_replicas=3))
            break
        except Exception:
            # The meta group has no leader yet.
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.1)
    await stream.create_key_value(KeyValueConfig("KV1", replicas=3))
    for number in range(20):
        await stream.publish("orders.new", b"x")
    await stream.add_consumer("ORDERS", ConsumerConfig(durable_name="C1", ack_policy="explicit"))
    subscription = await stream.pull_subscribe_bind("C1", "ORDERS")
    messages = await subscription.fetch(15, timeout=5)
    for message in messages[:10]:
        await message.ack_sync()
    await client.close()

