"""Streams and publishing with nats-py: FEATURES 5, 7."""
import asyncio

import nats.js.api as api
import nats.js.errors

import natspy_base
from jetstream_clients_base import api_error, fails, fill, test
from suite import check, expect


@test("7.001 account information")
async def account(server, client, stream):
    information = await stream.account_info()
    expect((information.streams, information.consumers, information.storage), (0, 0, 0), "empty account")
    await stream.add_stream(name="S", subjects=["a.>"])
    await stream.add_consumer("S", durable_name="c")
    await fill(stream, 10)
    information = await stream.account_info()
    expect((information.streams, information.consumers), (1, 1), "streams and consumers")
    check(information.storage > 0, "no storage")
    check(information.api.total > 0 and information.api.level >= 1, f"api: {information.api}")


@test("7.002 to 7.007 a stream's life")
async def life(server, client, stream):
    made = await stream.add_stream(name="S", subjects=["a.>"], description="first", metadata={"k": "v"})
    expect((made.did_create, made.config.description, made.config.metadata["k"]), (True, "first", "v"), "created")
    await fill(stream, 20)
    expect(await stream.find_stream_name_by_subject("a.b"), "S", "stream of a subject")
    await fails(stream.find_stream_name_by_subject("b"), nats.js.errors.NotFoundError)
    state = (await stream.stream_info("S", subjects_filter=">")).state
    expect((state.messages, state.first_seq, state.last_seq, len(state.subjects)), (20, 1, 20, 20), "state")
    changed = await stream.update_stream(made.config.evolve(max_msgs=5))
    expect(changed.config.max_msgs, 5, "max_msgs")
    expect((await stream.stream_info("S")).state.messages, 5, "messages")
    expect([info.config.name for info in await stream.streams_info()], ["S"], "streams")
    expect(await stream.delete_stream("S"), True, "deleted")
    await fails(stream.stream_info("S"), nats.js.errors.NotFoundError, 10059)
    await fails(stream.delete_stream("S"), nats.js.errors.NotFoundError, 10059)


@test("5.099 10058 a stream that is there with another configuration")
async def there(server, client, stream):
    await stream.add_stream(name="S", subjects=["a"])
    await stream.add_stream(name="S", subjects=["a"])
    await fails(stream.add_stream(name="S", subjects=["b"]), nats.js.errors.BadRequestError, 10058)
    await fails(stream.add_stream(name="T", subjects=["a"]), nats.js.errors.BadRequestError, 10065)


@test("7.005 lists of 300 streams in pages")
async def pages(server, client, stream):
    for number in range(300):
        await stream.add_stream(name=f"S{number:03}", subjects=[f"s.{number}"], storage=api.StorageType.MEMORY)
    first, second = await stream.streams_info(), await stream.streams_info(offset=256)
    expect((len(first), len(second)), (256, 44), "page sizes")
    names = [info.config.name for info in first + second]
    expect(names, [f"S{number:03}" for number in range(300)], "names")
    iterator = await stream.streams_info_iterator()
    expect(len(list(iterator)), 256, "with an iterator")


@test("5.058 5.060 5.061 publishing")
async def publishing(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"], allow_direct=True)
    ack = await stream.publish("a.1", b"one", headers={"Nats-Msg-Id": "1"})
    expect((ack.stream, ack.seq, ack.duplicate), ("S", 1, None), "first")
    ack = await stream.publish("a.1", b"one", headers={"Nats-Msg-Id": "1"})
    expect((ack.seq, ack.duplicate), (1, True), "duplicate")
    await fails(stream.publish("a.1", b"", stream="T"), api_error, 10060)
    await fails(stream.publish("b", b""), nats.js.errors.NoStreamResponseError)
    await fails(stream.publish("a.1", headers={"Nats-Expected-Last-Sequence": "9"}), api_error, 10071)
    await fails(stream.publish("a.1", headers={"Nats-Expected-Last-Msg-Id": "9"}), api_error, 10070)
    await fails(stream.publish("a.1", headers={"Nats-Rollup": "all"}), api_error, 10111)
    await fails(stream.publish("a.1", msg_ttl=5), api_error, 10166)
    message = await stream.get_msg("S", 1)
    expect((message.subject, message.data, message.headers["Nats-Msg-Id"]), ("a.1", b"one", "1"), "message")


@test("5.058 20,000 publishes at once are in order")
async def flood(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"])
    futures = []
    for number in range(20_000):
        futures.append(await stream.publish_async("a.x", str(number).encode(), wait_stall=20))
    await asyncio.wait_for(stream.publish_async_completed(), 30)
    expect([future.result().seq for future in futures], list(range(1, 20_001)), "sequences")
    expect(stream.publish_async_pending(), 0, "pending")
    expect((await stream.get_msg("S", 12_346)).data, b"12345", "a message in the middle")


@test("5.098 8.001 getting messages, direct and not")
async def getting(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"], allow_direct=True)
    await fill(stream, 5)
    for direct in (False, True):
        expect((await stream.get_msg("S", 3, direct=direct)).data, b"3", "by sequence")
        expect((await stream.get_msg("S", subject="a.4", direct=direct)).seq, 4, "last of a subject")
        expect((await stream.get_msg("S", 2, subject="a.5", next=True, direct=direct)).seq, 5, "next of a subject")
        await fails(stream.get_msg("S", 99, direct=direct), nats.js.errors.NotFoundError)
    expect((await stream.get_last_msg("S", "a.*")).seq, 5, "last")
    expect(await stream.delete_msg("S", 3), True, "deleted")
    await fails(stream.get_msg("S", 3), nats.js.errors.NotFoundError, 10037)
    await fails(stream.delete_msg("S", 3), api_error, 10043)


@test("5.096 purging")
async def purging(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"])
    for _ in range(3):
        await fill(stream, 5)
    await stream.purge_stream("S", subject="a.1")
    expect((await stream.stream_info("S")).state.messages, 12, "after a filter")
    await stream.purge_stream("S", seq=6)
    expect((await stream.stream_info("S")).state.first_seq, 7, "after a sequence")
    await stream.purge_stream("S", keep=3)
    expect((await stream.stream_info("S")).state.messages, 3, "after keep")
    await stream.purge_stream("S")
    state = (await stream.stream_info("S")).state
    expect((state.messages, state.first_seq, state.last_seq), (0, 16, 15), "at the end")


@test("5.067 messages with a time to live")
async def times(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"], allow_msg_ttl=True)
    await stream.publish("a.1", b"x", msg_ttl=1)
    await stream.publish("a.2", b"x")

    async def gone():
        while (await stream.stream_info("S")).state.messages > 1:
            await asyncio.sleep(0.1)
    await asyncio.wait_for(gone(), 10)
    await fails(stream.get_msg("S", 1), nats.js.errors.NotFoundError, 10037)


@test("5.069 counters add up under concurrency")
async def counters(server, client, stream):
    await stream.add_stream(name="S", subjects=["c.>"], allow_msg_counter=True, allow_direct=True)
    clients = [await natspy_base.connect(server) for _ in range(4)]

    async def add(one):
        context = one.jetstream(timeout=20)
        for _ in range(50):
            await context.publish("c.x", headers={"Nats-Incr": "+2"})
    await asyncio.gather(*(add(one) for one in clients))
    ack = await stream.publish("c.x", headers={"Nats-Incr": "-1"})
    expect(ack.val, "399", "value")
    expect((await stream.get_last_msg("S", "c.x")).data, b'{"val":"399"}', "stored value")
    for one in clients:
        await one.close()


@test("5.023 republishing", seconds=20)
async def republishing(server, client, stream):
    await stream.add_stream(name="S", subjects=["a.>"], republish=api.RePublish(src="a.>", dest="r.>"))
    subscription = await client.subscribe("r.>")
    await stream.publish("a.1", b"x")
    message = await subscription.next_msg(5)
    expect((message.subject, message.data, message.headers["Nats-Sequence"]), ("r.1", b"x", "1"), "copy")
