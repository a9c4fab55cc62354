"""Consumers with nats-py: FEATURES 6."""
import asyncio
import datetime

import nats.errors
import nats.js.api as api
import nats.js.errors

import natspy_base
from jetstream_clients_base import SECONDS, api_error, fails, fill, nothing_more, take, test
from suite import check, expect


async def a_stream(stream, count=0, **options):
    await stream.add_stream(name="S", subjects=["a.>"], **options)
    await fill(stream, count)


@test("7.019 to 7.025 a consumer's life")
async def life(server, client, stream):
    await a_stream(stream, 10)
    made = await stream.add_consumer("S", durable_name="c", ack_policy=api.AckPolicy.EXPLICIT)
    expect((made.name, made.num_pending, made.config.ack_wait), ("c", 10, 30), "created")
    named = await stream.add_consumer("S", name="n", filter_subject="a.3", inactive_threshold=60)
    expect(named.num_pending, 1, "pending of a filter")
    several = await stream.add_consumer("S", durable_name="m", filter_subjects=["a.1", "a.2"])
    expect(several.num_pending, 2, "pending of two filters")
    expect([info.name for info in await stream.consumers_info("S")], ["c", "m", "n"], "list")
    expect((await stream.consumer_info("S", "c")).delivered.consumer_seq, 0, "delivered")
    expect(await stream.delete_consumer("S", "c"), True, "deleted")
    await fails(stream.consumer_info("S", "c"), nats.js.errors.NotFoundError, 10014)
    await fails(stream.delete_consumer("S", "c"), nats.js.errors.NotFoundError, 10014)
    await fails(stream.add_consumer("T", durable_name="c"), nats.js.errors.NotFoundError, 10059)


@test("6.067 to 6.069 fetching")
async def fetching(server, client, stream):
    await a_stream(stream, 25)
    subscription = await stream.pull_subscribe("a.>", "c")
    messages = await subscription.fetch(10, timeout=SECONDS)
    expect([message.data for message in messages], [str(n).encode() for n in range(1, 11)], "first ten")
    for message in messages:
        await message.ack_sync(timeout=SECONDS)
    rest = await subscription.fetch(100, timeout=1)
    expect(len(rest), 15, "the rest")
    expect((rest[0].metadata.sequence.stream, rest[0].metadata.num_pending), (11, 14), "metadata")
    for message in rest:
        await message.ack()
    await fails(subscription.fetch(1, timeout=0.3), nats.errors.TimeoutError)
    await client.flush()
    information = await subscription.consumer_info()
    expect((information.num_pending, information.num_ack_pending, information.ack_floor.stream_seq), (0, 0, 25), "end")
    await fails(subscription.fetch(1, timeout=1.2, heartbeat=0.3), nats.errors.TimeoutError)


@test("6.069 a fetch that waits gets what comes")
async def waiting(server, client, stream):
    await a_stream(stream)
    subscription = await stream.pull_subscribe("a.>", "c")
    fetch = asyncio.create_task(subscription.fetch(3, timeout=SECONDS))
    await asyncio.sleep(0.1)
    await fill(stream, 3)
    expect(len(await fetch), 3, "messages")


@test("6.049 to 6.054 every way to acknowledge")
async def verbs(server, client, stream):
    await a_stream(stream, 5)
    subscription = await stream.pull_subscribe("a.>", "c")
    one, two, three, four, five = await subscription.fetch(5, timeout=SECONDS)
    await one.ack()
    await two.nak()
    await three.nak(delay=0.4)
    await four.term()
    await five.in_progress()
    await client.flush()
    again = await subscription.fetch(1, timeout=SECONDS)
    expect((again[0].data, again[0].metadata.num_delivered), (b"2", 2), "refused message")
    later = await subscription.fetch(1, timeout=SECONDS)
    expect(later[0].data, b"3", "refused with a delay")
    for message in (again[0], later[0], five):
        await message.ack_sync(timeout=SECONDS)
    information = await subscription.consumer_info()
    expect((information.num_ack_pending, information.ack_floor.stream_seq), (0, 5), "end")
    await fails(one.ack(), nats.errors.MsgAlreadyAckdError)


@test("6.006 6.007 redelivery until max_deliver")
async def redelivery(server, client, stream):
    await a_stream(stream, 1)
    advisories = await client.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.S.c")
    await stream.add_consumer("S", durable_name="c", ack_policy=api.AckPolicy.EXPLICIT, ack_wait=0.3, max_deliver=3)
    subscription = await stream.pull_subscribe_bind("c", "S")
    for number in (1, 2, 3):
        message, = await subscription.fetch(1, timeout=SECONDS)
        expect(message.metadata.num_delivered, number, "delivery")
    await fails(subscription.fetch(1, timeout=1), nats.errors.TimeoutError)
    check(b'"deliveries":3' in (await advisories.next_msg(SECONDS)).data, "no advisory")


@test("6.008 backoff")
async def backoff(server, client, stream):
    await a_stream(stream, 1)
    await stream.add_consumer("S", durable_name="c", ack_policy=api.AckPolicy.EXPLICIT, max_deliver=4,
                              backoff=[0.2, 0.4, 0.6])
    subscription = await stream.pull_subscribe_bind("c", "S")
    times = []
    for _ in range(4):
        await subscription.fetch(1, timeout=SECONDS)
        times.append(asyncio.get_running_loop().time())
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    check(all(wanted - 0.1 < gap < wanted + 0.8 for gap, wanted in zip(gaps, (0.2, 0.4, 0.6))), f"gaps: {gaps}")


@test("6.018 pushing with a callback and automatic acknowledgement")
async def pushing(server, client, stream):
    await a_stream(stream, 50)
    received, done = [], asyncio.Event()

    async def take_one(message):
        received.append(message.data)
        if len(received) == 60:
            done.set()
    subscription = await stream.subscribe("a.>", durable="d", cb=take_one)
    await fill(stream, 10)
    await asyncio.wait_for(done.wait(), SECONDS)
    expect(received[:50], [str(number).encode() for number in range(1, 51)], "order")

    async def acknowledged():
        while (await subscription.consumer_info()).num_ack_pending:
            await asyncio.sleep(0.02)
    await asyncio.wait_for(acknowledged(), SECONDS)
    await subscription.unsubscribe()


@test("6.019 a queue group of push subscribers")
async def queue(server, client, stream):
    await a_stream(stream)
    others = [await natspy_base.connect(server) for _ in range(2)]
    subscriptions = [await one.jetstream().subscribe("a.>", queue="workers", manual_ack=True) for one in others]
    await fill(stream, 200)
    await asyncio.sleep(0.5)
    counts = [subscription.pending_msgs for subscription in subscriptions]
    expect(sum(counts), 200, "messages in the group")
    check(min(counts) > 20, f"unfair: {counts}")
    for one in others:
        await one.close()


@test("6.063 6.062 an ordered consumer of 5,000 messages with flow control")
async def ordered(server, client, stream):
    await a_stream(stream)
    await fill(stream, 5000, subject="a.x", size=2000)
    subscription = await stream.subscribe("a.>", ordered_consumer=True)
    for number in range(1, 5001):
        message = await subscription.next_msg(SECONDS)
        expect(message.metadata.sequence.stream, number, "sequence")
    await subscription.unsubscribe()


@test("6.063 an ordered consumer starts again when its consumer is gone")
async def again(server, client, stream):
    await a_stream(stream, 10)
    subscription = await stream.subscribe("a.>", ordered_consumer=True, idle_heartbeat=0.3)
    await take(subscription, 10)
    information = await subscription.consumer_info()
    await stream.delete_consumer("S", information.name)
    await fill(stream, 5)
    messages = await take(subscription, 5, 10)
    expect([message.metadata.sequence.stream for message in messages], [11, 12, 13, 14, 15], "after the gap")


@test("6.003 6.004 where consumers start")
async def starts(server, client, stream):
    await a_stream(stream, 5)
    await asyncio.sleep(0.05)
    middle = datetime.datetime.now(datetime.timezone.utc)
    await asyncio.sleep(0.05)
    await fill(stream, 5)
    cases = [
        (dict(deliver_policy=api.DeliverPolicy.ALL), 1), (dict(deliver_policy=api.DeliverPolicy.LAST), 10),
        (dict(deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=4), 4),
        (dict(deliver_policy=api.DeliverPolicy.BY_START_TIME, opt_start_time=middle.isoformat()), 6),
        (dict(deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT, filter_subject="a.*"), 6),
    ]
    for options, first in cases:
        subscription = await stream.subscribe("a.>", config=api.ConsumerConfig(**options))
        message = await subscription.next_msg(SECONDS)
        expect(message.metadata.sequence.stream, first, f"first of {options}")
        await subscription.unsubscribe()
    new = await stream.subscribe("a.>", deliver_policy=api.DeliverPolicy.NEW)
    await nothing_more(new)


@test("6.016 headers only")
async def headers(server, client, stream):
    await a_stream(stream, 1, allow_direct=True)
    subscription = await stream.subscribe("a.>", headers_only=True)
    message = await subscription.next_msg(SECONDS)
    expect((message.data, message.headers["Nats-Msg-Size"]), (b"", "1"), "message")


@test("6.020 heartbeats find a lost consumer")
async def heartbeats(server, client, stream):
    await a_stream(stream, 1)
    subscription = await stream.subscribe("a.>", idle_heartbeat=0.2, flow_control=True)
    await take(subscription, 1)
    await asyncio.sleep(0.7)
    await fill(stream, 1)
    await take(subscription, 1)


@test("6.043 6.045 pausing and resetting")
async def pausing(server, client, stream):
    await a_stream(stream, 5)
    subscription = await stream.pull_subscribe("a.>", "c")
    until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).isoformat()
    expect((await stream.pause_consumer("S", "c", until)).paused, True, "paused")
    await fails(subscription.fetch(1, timeout=0.4), nats.errors.TimeoutError)
    expect((await stream.resume_consumer("S", "c")).paused, False, "resumed")
    await subscription.fetch(3, timeout=SECONDS)
    reset = await stream.reset_consumer("S", "c", seq=2)
    expect(reset.reset_seq, 2, "reset")
    message, = await subscription.fetch(1, timeout=SECONDS)
    expect(message.metadata.sequence.stream, 2, "sequence after the reset")


@test("5.091 a work queue is emptied by several workers, each message once", seconds=60)
async def work(server, client, stream):
    await a_stream(stream, retention=api.RetentionPolicy.WORK_QUEUE)
    await fill(stream, 2000)
    await stream.add_consumer("S", durable_name="w", ack_policy=api.AckPolicy.EXPLICIT)
    seen = []

    async def worker():
        one = await natspy_base.connect(server)
        subscription = await one.jetstream().pull_subscribe_bind("w", "S")
        while True:
            try:
                messages = await subscription.fetch(50, timeout=1)
            except asyncio.TimeoutError:  # the client's own, or what it is made of
                break
            for message in messages:
                seen.append(message.data)
                await message.ack_sync(timeout=SECONDS)
        await one.close()
    await asyncio.gather(*(worker() for _ in range(4)))
    expect(sorted(map(int, seen)), list(range(1, 2001)), "messages")
    expect((await stream.stream_info("S")).state.messages, 0, "left")


@test("5.090 interest: kept until everybody has acknowledged")
async def interest(server, client, stream):
    await a_stream(stream, retention=api.RetentionPolicy.INTEREST)
    one = await stream.pull_subscribe("a.>", "one")
    two = await stream.pull_subscribe("a.>", "two")
    await fill(stream, 10)
    for message in await one.fetch(10, timeout=SECONDS):
        await message.ack_sync(timeout=SECONDS)
    expect((await stream.stream_info("S")).state.messages, 10, "one has acknowledged")
    for message in await two.fetch(10, timeout=SECONDS):
        await message.ack_sync(timeout=SECONDS)
    expect((await stream.stream_info("S")).state.messages, 0, "both have")


@test("10026 10013 limits and mistakes")
async def mistakes(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"], max_consumers=1)
    await stream.add_consumer("S", durable_name="c")
    await fails(stream.add_consumer("S", durable_name="d"), api_error, 10026)
    await fails(stream.add_consumer("S", durable_name="c", deliver_policy=api.DeliverPolicy.NEW), api_error, 10012)
