"""Mirrors and sources of a server that is killed under load: every message is copied once and in its order."""
import asyncio
import random
import time

import natspy_base
import servers
import suite
import suite_durability as durability

KILLS = 6
STREAMS = [
    {"name": "O", "subjects": ["o.>"], "allow_direct": True},
    {"name": "P", "subjects": ["p.>"]},
    {"name": "W", "subjects": ["w.>"], "retention": "workqueue"},
    {"name": "M", "mirror": {"name": "O"}, "allow_direct": True},
    {"name": "S", "sources": [{"name": "O"}, {"name": "P", "subject_transforms": [{"src": "p.*", "dest": "copy.$1"}]},
                              {"name": "W"}]},
    {"name": "N", "mirror": {"name": "S"}},
]
ORIGINS = ("O", "P", "W")


def killed(context):
    chance, kept, notes = random.Random(context.seed), [], []
    server = servers.Server(context.server, context.folder, "")
    server.write_config(durability.config(server.folder / "js"))
    try:
        server.start()
        for stream in STREAMS:
            durability.must(server, f"STREAM.CREATE.{stream['name']}", stream)
        for number in range(KILLS):
            processes, before = [], {name: state(server, name)["last_seq"] for name in ORIGINS}
            for name in ORIGINS:
                file = context.folder / f"copied-{name}-{number}"
                processes.append(durability.start(
                    context, "publish", server.port, name.lower(), 100, 100_000_000, durability.SIZE, 50, file))
                if name == "O":
                    kept.append(file)
            # Long enough for copies to be under way, which ask for a consumer every two seconds at most.
            suite.check(durability.wait_for(
                lambda: all(state(server, name)["last_seq"] > before[name] for name in ORIGINS), 20), "no load")
            time.sleep(chance.uniform(0, 2))
            suite.check(server.is_alive(), f"the server has ended: {server.log()[-1000:]}")
            server.kill()
            notes += [durability.finish(process)["acknowledged"] for process in processes]
            server.start()
        last = settle(server)
        for file in kept:
            durability.run(context, "verify", server.port, "M", file)
        asyncio.run(asyncio.wait_for(compare(server, last), 300))
        suite.expect(state(server, "W")["messages"], 0, "messages left in the work queue")
    finally:
        server.stop()
    return f"seed {context.seed}: {sum(notes)} acknowledged in {KILLS} rounds, all copied once"


def state(server, name):
    return durability.must(server, f"STREAM.INFO.{name}")["state"]


def settle(server):
    """Waits until all copies have everything; the origins' last sequences."""
    last = {name: state(server, name)["last_seq"] for name in ORIGINS}
    wanted = {"M": last["O"], "S": sum(last.values()), "N": sum(last.values())}
    done = durability.wait_for(
        lambda: all(state(server, name)["last_seq"] == count for name, count in wanted.items())
        and state(server, "W")["messages"] == 0, 60)
    have = {name: state(server, name)["last_seq"] for name in wanted}
    suite.check(done, f"copies have {have}, not {wanted}; {state(server, 'W')}: {server.log()[-1000:]}")
    return last


async def compare(server, last):
    """Every source's messages are in the stream, in their order, each once."""
    client = await natspy_base.connect(server)
    try:
        for name in ("S", "N"):
            seen = await sequences(client, name, sum(last.values()))
            suite.expect(seen, last, f"messages in {name}")
    finally:
        await client.close()


async def sequences(client, name, count):
    seen = dict.fromkeys(ORIGINS, 0)
    done = asyncio.Event()
    problems = []

    async def take(message):
        nonlocal count
        origin, sequence = message.headers["Nats-Stream-Source"].split(" ")[:2]
        if int(sequence) != seen[origin] + 1:
            problems.append(f"{name}: after {seen[origin]} of {origin} comes {sequence}")
            done.set()
        seen[origin] = int(sequence)
        count -= 1
        if count == 0:
            done.set()

    stream = client.jetstream(timeout=natspy_base.SECONDS)
    subscription = await stream.subscribe("", stream=name, ordered_consumer=True, cb=take,
                                          pending_msgs_limit=-1, pending_bytes_limit=-1)
    await done.wait()
    await subscription.unsubscribe()
    suite.check(not problems, "; ".join(problems))
    return seen
