"""Mirrors and sources as nats-py makes and reads them."""
import asyncio

import nats.js.errors
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy, StreamConfig, StreamSource, SubjectTransform

import suite
from jetstream_clients_base import api_error, fails, fill, nothing_more, take, test
from suite import expect


async def has(stream, name, last, seconds=8):
    """Waits until a stream's last sequence is that."""
    for _ in range(seconds * 20):
        if (await stream.stream_info(name)).state.last_seq >= last:
            break
        await asyncio.sleep(0.05)
    expect((await stream.stream_info(name)).state.last_seq, last, f"last sequence of {name}")


@test("a mirror is read like its origin")
async def mirror(_, client, stream):
    await stream.add_stream(name="O", subjects=["a.*"])
    await fill(stream, 300)
    await stream.delete_msg("O", 7)
    await stream.add_stream(StreamConfig(name="M", mirror=StreamSource(name="O")))
    await has(stream, "M", 300)
    subscription = await stream.subscribe("a.*", stream="M", ordered_consumer=True)
    messages = await take(subscription, 299)
    expect([message.metadata.sequence.stream for message in messages],
           [number for number in range(1, 301) if number != 7], "sequences")
    expect(messages[0].subject, "a.1", "subject")
    original = await stream.get_msg("O", 9)
    copied = await stream.get_msg("M", 9)
    expect((copied.subject, copied.data), (original.subject, original.data), "a message")
    await fails(stream.get_msg("M", 7), nats.js.errors.NotFoundError, 10037)
    await stream.publish("a.new", b"later")
    expect((await subscription.next_msg(5)).data, b"later", "what is published later")
    await nothing_more(subscription)
    info = await stream.stream_info("M")
    expect((info.mirror.name, info.mirror.lag), ("O", 0), "how far the mirror is")
    await fails(stream.update_stream(StreamConfig(name="M", mirror=StreamSource(name="P"))), api_error, 10055)


@test("many streams flow into one")
async def sources(_, client, stream):
    for name in ("A", "B", "C"):
        await stream.add_stream(name=name, subjects=[f"{name.lower()}.*"])
        await fill(stream, 100, subject=name.lower() + ".{}")
    transform = SubjectTransform(src="c.*", dest="all.c.{{wildcard(1)}}")
    config = StreamConfig(name="ALL", sources=[
        StreamSource(name="A"), StreamSource(name="B", filter_subject="b.5"),
        StreamSource(name="C", subject_transforms=[transform])])
    await stream.add_stream(config)
    await has(stream, "ALL", 201)
    subjects = (await stream.stream_info("ALL", subjects_filter=">")).state.subjects
    expect(len(subjects), 201, "subjects")
    suite.check("all.c.100" in subjects and "b.5" in subjects and "b.6" not in subjects, f"{subjects}")
    subscription = await stream.pull_subscribe("", "reader", stream="ALL")
    seen = {}
    for _ in range(3):
        for message in await subscription.fetch(67, timeout=5):
            origin, sequence = message.headers["Nats-Stream-Source"].split(" ")[:2]
            suite.check(int(sequence) > seen.get(origin, 0), f"{origin}: {sequence} after {seen.get(origin)}")
            seen[origin] = int(sequence)
            await message.ack()
    expect(seen, {"A": 100, "B": 5, "C": 100}, "the last of each")
    config.sources = config.sources[:1]
    await stream.update_stream(config)
    await fill(stream, 5, subject="c.{}")
    await fill(stream, 5, subject="a.{}")
    await has(stream, "ALL", 206)


@test("a work queue is emptied into another stream, and waits while that is away")
async def queue(_, client, stream):
    await stream.add_stream(name="JOBS", subjects=["jobs.*"], retention=RetentionPolicy.WORK_QUEUE)
    await fill(stream, 500, subject="jobs.{}")
    await stream.add_stream(StreamConfig(name="DONE", sources=[StreamSource(name="JOBS")]))
    await has(stream, "DONE", 500)
    for _ in range(100):
        if not (await stream.stream_info("JOBS")).state.messages:
            break
        await asyncio.sleep(0.05)
    expect((await stream.stream_info("JOBS")).state.messages, 0, "messages in the queue")
    await stream.delete_stream("DONE")
    await fill(stream, 10, subject="jobs.{}")
    expect((await stream.stream_info("JOBS")).state.messages, 10, "messages that nobody took")
    await stream.add_consumer("JOBS", ConsumerConfig(durable_name="own", ack_policy="explicit",
                                                     deliver_policy=DeliverPolicy.ALL))
