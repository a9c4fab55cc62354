"""Minutes of mixed load on one server: what it holds (memory, descriptors, threads, disk) must level off.

Runs only when it is asked for: `Tests/Acceptance/run soak --minutes 15`.
"""
import asyncio
import json
import multiprocessing
import os
import random
import re
import signal
import ssl
import time

import certificates
import monitoring_client
import servers
import suite

SAMPLE_SECONDS = 5
# Caches and the heap's free memory go back when the load is over.
REST_SECONDS, REST_MEGABYTES = 40, 96
PROCESSES = 3
CONFIG = """
http: "127.0.0.1:-1"
prof_port: {prof}
debug: {debug}
max_payload: 2MB
tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key" }}
allow_non_tls: true
accounts {{
  A {{ jetstream: enabled, users: [ {{ user: a, password: a }} ] }}
  B {{ jetstream: {b}, users: [ {{ user: b, password: b }} ] }}
  $SYS {{ users: [ {{ user: sys, password: sys }} ] }}
}}
jetstream {{ store_dir: "{store}", max_mem: 256MB, max_file: 8GB }}
"""


def tests(context):
    return [suite.Test(f"{context.minutes:g} minutes of everything", lambda: soak(context), alone=True)]


# MARK: the load, in processes of its own


class Worker:
    """One process: many small jobs, chosen by chance, until the time is over."""

    def __init__(self, number, port, folder, seconds, counts):
        self.number, self.port, self.folder = number, port, folder
        self.chance = random.Random(number)
        self.end = time.monotonic() + seconds
        self.counts = counts
        self.names = 0

    def name(self, prefix):
        self.names += 1
        return f"{prefix}{self.number}_{self.names}"

    async def connect(self, user="a", tls=False):
        import nats

        async def ignore(_):
            pass

        context = None
        if tls:
            context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        return await nats.connect(
            f"{'tls' if tls else 'nats'}://{user}:{user}@127.0.0.1:{self.port}", tls=context, error_cb=ignore,
            allow_reconnect=False, connect_timeout=20)

    async def run(self):
        import nats.errors
        import nats.js.errors

        self.client = await self.connect()
        self.js = self.client.jetstream(timeout=20)
        self.kv = await self.js.create_key_value(bucket=f"kv{self.number}", history=5, max_bytes=8 << 20)
        await self.js.add_stream(
            name=f"LONG{self.number}", subjects=[f"long{self.number}.>"], max_bytes=16 << 20, discard="old",
            allow_direct=True)
        jobs = [
            self.core, self.connections, self.streams, self.consumers, self.values, self.pulls, self.vanishing,
            self.direct, self.purges, self.bulk, self.large, self.memory,
        ]

        async def repeat(job):
            while time.monotonic() < self.end:
                try:
                    await job()
                    self.counts[job.__name__] = self.counts.get(job.__name__, 0) + 1
                except (nats.errors.Error, nats.js.errors.Error, TimeoutError, OSError) as error:
                    key = f"{job.__name__}: {type(error).__name__} {getattr(error, 'err_code', '')}".strip()
                    self.counts[key] = self.counts.get(key, 0) + 1
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0)

        await asyncio.gather(*(repeat(job) for job in jobs))
        await self.client.close()

    async def core(self):
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        for _ in range(200):
            await self.client.publish(inbox, b"x" * self.chance.choice([10, 1000, 20_000]))
        for _ in range(200):
            await subscription.next_msg(10)
        await subscription.unsubscribe()

    async def connections(self):
        some = await asyncio.gather(*(
            self.connect(self.chance.choice("ab"), self.chance.random() < 0.5) for _ in range(5)))
        for client in some:
            await client.subscribe(f"many.{self.chance.randrange(1000)}.>")
            await client.publish(f"many.{self.chance.randrange(1000)}.x", b"hello")
            await client.flush(10)
        for client in some:
            if self.chance.random() < 0.5:
                client._transport.close()  # without a word
            await client.close()

    async def streams(self):
        name = self.name("S")
        await self.js.add_stream(name=name, subjects=[f"{name}.>"])
        for number in range(20):
            await self.js.publish(f"{name}.{number}", b"x" * 200)
        await self.js.add_consumer(name, durable_name="c", ack_policy="explicit")
        await self.js.delete_stream(name)

    async def consumers(self):
        name, stream = self.name("C"), f"LONG{self.number}"
        await self.js.add_consumer(
            stream, durable_name=name, ack_policy="explicit", filter_subject=f"long{self.number}.1")
        await self.js.consumer_info(stream, name)
        await self.js.delete_consumer(stream, name)

    async def values(self):
        key = f"key.{self.chance.randrange(200)}"
        await self.kv.put(key, b"v" * self.chance.randrange(2000))
        await self.kv.get(key)
        if self.chance.random() < 0.1:
            await self.kv.delete(key)

    async def pulls(self):
        stream = f"LONG{self.number}"
        subscription = await self.js.pull_subscribe(
            f"long{self.number}.{self.chance.randrange(50)}", stream=stream)
        try:
            for message in await subscription.fetch(10, timeout=0.2):
                await message.ack()
        except TimeoutError:
            pass  # it expired
        info = await subscription.consumer_info()
        await subscription.unsubscribe()
        await self.js.delete_consumer(stream, info.name)

    async def vanishing(self):
        """A push consumer whose subscriber leaves without unsubscribing; it goes by itself."""
        client = await self.connect()
        js = client.jetstream(timeout=20)
        subscription = await js.subscribe(
            f"long{self.number}.>", stream=f"LONG{self.number}", ordered_consumer=self.chance.random() < 0.3,
            inactive_threshold=1)
        try:
            for _ in range(20):
                await subscription.next_msg(0.2)
        except TimeoutError:
            pass
        client._transport.close()
        await client.close()

    async def direct(self):
        for _ in range(20):
            await self.js.get_last_msg(f"LONG{self.number}", f"long{self.number}.0", direct=True)

    async def purges(self):
        stream = f"LONG{self.number}"
        await self.js.purge_stream(stream, subject=f"long{self.number}.{self.chance.randrange(1, 50)}")
        state = (await self.js.stream_info(stream)).state
        if state.messages:
            await self.js.delete_msg(stream, state.last_seq)
        await asyncio.sleep(0.05)

    async def bulk(self):
        await asyncio.gather(*(
            self.js.publish(f"long{self.number}.{self.chance.randrange(50)}", b"m" * self.chance.randrange(4000))
            for _ in range(100)))

    async def large(self):
        await self.js.publish(f"long{self.number}.0", os.urandom(self.chance.randrange(1 << 20)))
        await asyncio.sleep(0.2)

    async def memory(self):
        name = self.name("M")
        await self.js.add_stream(name=name, subjects=[f"{name}.>"], storage="memory")
        await asyncio.gather(*(self.js.publish(f"{name}.{number}", b"x" * 10_000) for number in range(50)))
        await self.js.delete_stream(name)


def work(number, port, folder, seconds, results):
    counts = {}
    asyncio.run(Worker(number, port, folder, seconds, counts).run())
    results.put(counts)


# MARK: the measurement


def folder_bytes(folder):
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def heap(prof):
    """What the C library's heap has in use, has free, and has mapped one by one, in MiB; nothing from other servers."""
    try:
        body = monitoring_client.get(f"http://127.0.0.1:{prof}/debug/pprof/memory")[2]
        body = body if isinstance(body, str) else body.decode()
    except (OSError, AttributeError):
        return {}
    found = {name: int(number) >> 20 for number, name in re.findall(r"^ *(\d+)  (heap.*)$", body, re.MULTILINE)}
    if not found:
        return {}
    return {"used": found["heap in use"], "free": found["heap free, kept for reuse"],
            "mapped": found["heap, mapped one by one"]}


def sample(server, store, url, prof):
    pid = server.process.pid
    status = dict(
        line.split(":", 1) for line in open(f"/proc/{pid}/status", encoding="ascii").read().splitlines() if ":" in line)
    _, _, body = monitoring_client.get(url + "/varz")
    varz = json.loads(body)
    return {
        "rss": int(status["VmRSS"].split()[0]) >> 10,
        "anonymous": int(status["RssAnon"].split()[0]) >> 10,
        "threads": int(status["Threads"]),
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "connections": varz["connections"],
        "subscriptions": varz["subscriptions"],
        "journal": folder_bytes(store / "jetstream/journal") >> 20,
        "stores": folder_bytes(store / "jetstream/accounts") >> 20,
        **heap(prof),
    }


def soak(context):
    seconds = context.minutes * 60
    folder = certificates.make(context.folder)
    server = servers.Server(context.server, context.folder, "")
    store, prof = server.folder / "js", servers.free_port()

    def configuration(b):
        return CONFIG.format(
            folder=folder, store=store, prof=prof, b=b, debug="true" if b == "disabled" else "false")

    server.write_config(configuration("enabled"))
    samples = []
    try:
        server.start()
        url = monitoring_client.monitor_url(server)
        samples.append(sample(server, store, url, prof))
        results = multiprocessing.Queue()
        processes = [
            multiprocessing.Process(target=work, args=(number, server.port, folder, seconds, results))
            for number in range(PROCESSES)
        ]
        for process in processes:
            process.start()
        began, reloads = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            time.sleep(SAMPLE_SECONDS)
            suite.check(server.is_alive(), f"the server ended:\n{server.log()[-2000:]}")
            server.write_config(configuration("enabled" if reloads % 2 else "disabled"))
            server.signal(signal.SIGHUP)
            reloads += 1
            samples.append(sample(server, store, url, prof))
            print(f"     {time.monotonic() - began:5.0f} s  {samples[-1]}", flush=True)
        counts = {}
        for _ in processes:
            for name, count in results.get(timeout=60).items():
                counts[name] = counts.get(name, 0) + count
        for process in processes:
            process.join(60)
        rest = time.monotonic()
        while time.monotonic() - rest < REST_SECONDS and server.resident_kilobytes() >> 10 > REST_MEGABYTES:
            time.sleep(1)
        samples.append(sample(server, store, url, prof))
        print(f"     at rest  {samples[-1]}\n     {counts}", flush=True)
        judge(samples, counts)
        first, peak, last = samples[0], {k: max(s[k] for s in samples if k in s) for k in samples[0]}, samples[-1]
        return "\n".join(f"{key}: {first[key]} -> {peak[key]} -> {last[key]}" for key in first)
    finally:
        server.stop()


def judge(samples, counts):
    """The second half must not be higher than the first one was at its highest, but for noise."""
    running = samples[1:-1]
    middle = len(running) // 2
    for key, slack in (("rss", 24), ("threads", 2), ("descriptors", 80), ("subscriptions", 200), ("journal", 64),
                       ("stores", 64)):
        before, after = (max(s[key] for s in part) for part in (running[:middle], running[middle:]))
        suite.check(after <= before + slack, f"{key} grows: {before} in the first half, {after} in the second")
    end, start = samples[-1], samples[0]
    suite.check(end["connections"] <= 2, f"{end['connections']} connections at rest")
    suite.check(end["rss"] <= REST_MEGABYTES, f"{end['rss']} MiB resident at rest")
    suite.check(end["descriptors"] <= start["descriptors"] + 60, f"descriptors at rest: {end['descriptors']}")
    for job in ("core", "connections", "streams", "consumers", "values", "pulls", "vanishing", "direct", "purges",
                "bulk", "large", "memory"):
        suite.check(counts.get(job, 0) > 0, f"nothing was done: {job} {counts}")
