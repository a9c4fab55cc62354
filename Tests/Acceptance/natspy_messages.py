"""Messages and connections: what nats-py does all day."""
import asyncio
import signal

import nats.errors

import suite
from natspy_base import SECONDS, closes, connect, connect_in_time, refused, round_trip, settle, test
from suite import check, expect

@test("publish and subscribe: 10,000 messages in order")
async def publish_subscribe(server, folder):
    publisher, subscriber = await connect(server), await connect(server)
    received, done = [], asyncio.Event()

    async def take(message):
        received.append(int(message.data))
        if len(received) == 10_000:
            done.set()
    await subscriber.subscribe("numbers.*", cb=take)
    await settle(subscriber)
    for number in range(10_000):
        await publisher.publish(f"numbers.{number % 7}", str(number).encode())
    await settle(publisher)
    await asyncio.wait_for(done.wait(), 20)
    expect(received, list(range(10_000)), "order")
    await publisher.close()
    await subscriber.close()


@test("payloads of many sizes arrive as they are")
async def sizes(server, folder):
    client = await connect(server)
    subscription = await client.subscribe("sizes")
    for size in (0, 1, 2, 15, 16, 17, 4095, 4096, 4097, 65535, 65536, 131072, 131073, 1_000_000, 1_048_576):
        payload = bytes(index * 31 % 251 for index in range(min(size, 4096))) * (size // 4096 + 1)
        await client.publish("sizes", payload[:size])
        message = await subscription.next_msg(SECONDS)
        expect(message.data == payload[:size], True, f"payload of {size} bytes")
    await client.close()


@test("subscriptions: wildcards, unsubscribe, maximum")
async def subscriptions(server, folder):
    client = await connect(server)
    star, tail = await client.subscribe("a.*"), await client.subscribe("a.>")
    limited = await client.subscribe("a.b")
    await limited.unsubscribe(limit=2)
    for subject in ("a.b", "a.b", "a.b", "a.b.c", "b"):
        await client.publish(subject, subject.encode())
    await settle(client)
    expect((star.pending_msgs, tail.pending_msgs, limited.pending_msgs), (3, 4, 2), "messages per subscription")
    await star.unsubscribe()
    await client.publish("a.b", b"")
    await settle(client)
    expect((await tail.next_msg(SECONDS)).subject, "a.b", "subject")
    await client.close()


@test("a queue group shares 3,000 messages fairly")
async def queue_group(server, folder):
    publisher = await connect(server)
    members = [await connect(server) for _ in range(3)]
    subscriptions = [await member.subscribe("jobs", queue="workers") for member in members]
    bystander = await publisher.subscribe("jobs")
    for member in members:
        await settle(member)
    for number in range(3000):
        await publisher.publish("jobs", str(number).encode())
    await settle(publisher)
    counts = [0, 0, 0]

    async def arrived():
        while sum(subscription.pending_msgs for subscription in subscriptions) < 3000:
            await asyncio.sleep(0.01)
    await asyncio.wait_for(arrived(), 10)
    counts = [subscription.pending_msgs for subscription in subscriptions]
    expect(sum(counts), 3000, "messages in the group")
    check(min(counts) > 700, f"unfair: {counts}")
    expect(bystander.pending_msgs, 3000, "messages of the plain subscription")
    for client in (publisher, *members):
        await client.close()


@test("a queue group over several subjects gets one copy")
async def queue_over_subjects(server, folder):
    client = await connect(server)
    group = [await client.subscribe(subject, queue="q") for subject in ("a.b", "a.*", ">")]
    for _ in range(300):
        await client.publish("a.b", b"")
    await settle(client)
    expect(sum(member.pending_msgs for member in group), 300, "copies")
    await client.close()


@test("request and reply, 200 at a time")
async def requests(server, folder):
    asker, answerer = await connect(server), await connect(server)

    async def answer(message):
        await message.respond(message.data + b"!")
    await answerer.subscribe("echo", cb=answer)
    await settle(answerer)
    answers = await asyncio.gather(*(asker.request("echo", str(n).encode(), timeout=10) for n in range(200)))
    expect([a.data for a in answers], [f"{n}!".encode() for n in range(200)], "answers")
    await asker.close()
    await answerer.close()


@test("a request that nobody answers fails at once")
async def no_responders(server, folder):
    client = await connect(server)
    try:
        await client.request("nobody", b"", timeout=SECONDS)
    except nats.errors.NoRespondersError:
        pass
    else:
        raise suite.Failure("no NoRespondersError")
    await client.close()


@test("headers, also over request and reply")
async def headers(server, folder):
    asker, answerer = await connect(server), await connect(server)

    async def answer(message):
        await answerer.publish(message.reply, b"yes", headers={"Seen": message.headers["Question"]})
    await answerer.subscribe("ask", cb=answer)
    await settle(answerer)
    reply = await asker.request("ask", b"?", headers={"Question": "life"}, timeout=SECONDS)
    expect((reply.data, reply.headers), (b"yes", {"Seen": "life"}), "answer")
    await asker.close()
    await answerer.close()


@test("no echo")
async def no_echo(server, folder):
    quiet, other = await connect(server, no_echo=True), await connect(server)
    own, others = await quiet.subscribe("x"), await other.subscribe("x")
    await settle(other)
    await quiet.publish("x", b"")
    await settle(quiet)
    await others.next_msg(SECONDS)
    expect(own.pending_msgs, 0, "own messages")
    await quiet.close()
    await other.close()


@test("drain delivers what is on the way and then closes")
async def drain(server, folder):
    publisher, subscriber = await connect(server), await connect(server)
    received = []

    async def take(message):
        received.append(message.data)
    await subscriber.subscribe("work", cb=take)
    await settle(subscriber)
    for number in range(1000):
        await publisher.publish("work", str(number).encode())
    await settle(publisher)
    await subscriber.drain()
    expect(len(received), 1000, "messages before the end")
    check(subscriber.is_closed, "still open after drain")
    await publisher.drain()


@test("verbose and pedantic")
async def verbose(server, folder):
    client = await connect(server, verbose=True, pedantic=True)
    await round_trip(client)
    await client.close()


# Connections


@test("reconnect: subscriptions live on after the server was gone")
async def reconnect(server, folder):
    lost, again = asyncio.Event(), asyncio.Event()

    async def on_lost():
        lost.set()

    async def on_again():
        again.set()
    client = await connect(server, again=True, reconnect_time_wait=0.05, max_reconnect_attempts=-1,
                           disconnected_cb=on_lost, reconnected_cb=on_again)
    subscription = await client.subscribe("still.here")
    await settle(client)
    await asyncio.to_thread(server.stop)
    await asyncio.wait_for(lost.wait(), SECONDS)
    await asyncio.to_thread(server.start)
    await asyncio.wait_for(again.wait(), 10)
    await client.publish("still.here", b"yes")
    expect((await subscription.next_msg(SECONDS)).data, b"yes", "message after reconnecting")
    await client.close()


@test("reconnect: a killed server")
async def reconnect_killed(server, folder):
    again = asyncio.Event()

    async def on_again():
        again.set()
    client = await connect(
        server, again=True, reconnect_time_wait=0.05, max_reconnect_attempts=-1, reconnected_cb=on_again)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await asyncio.wait_for(again.wait(), 10)
    await round_trip(client)
    await client.close()


@test("lame duck: the client is told, and is closed before the server ends",
      'lame_duck_duration: "30s", lame_duck_grace_period: "500ms"')
async def lame_duck(server, folder):
    told, lost = asyncio.Event(), asyncio.Event()

    async def on_told():
        told.set()

    async def on_lost():
        lost.set()
    client = await connect(server, lame_duck_mode_cb=on_told, disconnected_cb=on_lost, closed_cb=on_lost)
    await settle(client)
    server.signal(signal.SIGUSR2)
    await asyncio.wait_for(told.wait(), SECONDS)
    await asyncio.wait_for(lost.wait(), SECONDS)
    expect(await asyncio.to_thread(server.wait), 0, "exit code")
    await asyncio.to_thread(server.start)


@test("max_payload: the client is told and refuses; one who insists is closed", "max_payload: 1024")
async def max_payload(server, folder):
    client = await connect(server)
    expect(client.max_payload, 1024, "max_payload")
    try:
        await client.publish("x", b"x" * 1025)
    except nats.errors.MaxPayloadError:
        pass
    else:
        raise suite.Failure("no MaxPayloadError")
    client._max_payload = 1 << 20
    await client.publish("x", b"x" * 1025)
    await closes(client)


@test("max_connections: the next one is refused until one leaves", "max_connections: 2")
async def max_connections(server, folder):
    first, second = await connect(server), await connect(server)
    await refused(connect(server), "a third connection")
    await first.close()
    third = await connect_in_time(server)
    await round_trip(third)
    await second.close()
    await third.close()


@test("a slow consumer is dropped, the publisher and others go on", "max_pending: 4MB, max_payload: 512KB")
async def slow_consumer(server, folder):
    publisher, healthy = await connect(server), await connect(server)
    subscription = await healthy.subscribe("data", pending_bytes_limit=1 << 30)
    await settle(healthy)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"verbose":false}\r\nSUB data 1\r\nPING\r\n')
    await reader.readuntil(b"PONG\r\n")
    writer.transport.pause_reading()
    offset = server.log_size()
    # More than the socket buffers of both sides and max_pending take.
    for _ in range(60):
        for _ in range(10):
            await publisher.publish("data", b"d" * 100_000)
        await settle(publisher)
        for _ in range(10):
            expect(len((await subscription.next_msg(10)).data), 100_000, "payload for the healthy one")
    await asyncio.to_thread(server.wait_for_log, "Slow Consumer Detected", 10, offset)
    writer.transport.abort()
    await publisher.close()
    await healthy.close()


@test("stale connections are closed, those who answer stay", 'ping_interval: "300ms", ping_max: 2')
async def stale(server, folder):
    healthy = await connect(server)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
    rest = await asyncio.wait_for(reader.read(-1), 10)
    check(rest.endswith(b"-ERR 'Stale Connection'\r\n"), f"ended with {rest[-60:]!r}")
    await round_trip(healthy)
    await healthy.close()
    writer.close()


@test("1,000 connections at the same time")
async def many_connections(server, folder):
    async def one(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f'CONNECT {{"verbose":false}}\r\nSUB all 1\r\nSUB one.{number} 2\r\nPING\r\n'.encode())
        await reader.readuntil(b"PONG\r\n")
        return reader, writer
    connections = [await one(number) for number in range(1000)]
    client = await connect(server)
    await client.publish("all", b"everybody")
    await client.publish("one.500", b"you")
    for number, (reader, writer) in enumerate(connections):
        await asyncio.wait_for(reader.readuntil(b"everybody\r\n"), SECONDS)
        if number == 500:
            await asyncio.wait_for(reader.readuntil(b"you\r\n"), SECONDS)
        writer.transport.abort()
    await round_trip(client)
    await client.close()
