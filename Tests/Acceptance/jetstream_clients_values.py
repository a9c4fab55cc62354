"""Key-value stores with nats-py: FEATURES 8.010 to 8.018."""
import asyncio

import nats.js.api as api
import nats.js.errors as errors

import natspy_base
from jetstream_clients_base import api_error, fails, test
from suite import check, expect


async def updates(watcher, count, timeout=5):
    return [await watcher.updates(timeout) for _ in range(count)]


def words(entries):
    return [entry and (entry.key, entry.value, entry.operation) for entry in entries]


@test("8.010 8.018 a bucket's life")
async def life(server, client, stream):
    bucket = await stream.create_key_value(bucket="B", history=5, ttl=3600, description="d", max_value_size=100,
                                           storage=api.StorageType.MEMORY)
    status = await bucket.status()
    expect((status.bucket, status.values, status.history, status.ttl), ("B", 0, 5, 3600), "status")
    await bucket.put("k", b"v")
    expect((await bucket.status()).values, 1, "values")
    await fails(bucket.put("k", b"v" * 101), api_error, 10054)
    await stream.key_value("B")
    await fails(stream.key_value("C"), errors.BucketNotFoundError)
    expect(await stream.delete_key_value("B"), True, "deleted")
    await fails(stream.key_value("B"), errors.BucketNotFoundError)


@test("8.011 8.012 put, get, create, update, delete, purge")
async def values(server, client, stream):
    bucket = await stream.create_key_value(bucket="B", history=3)
    expect(await bucket.put("a", b"1"), 1, "revision")
    expect(await bucket.put("a", b"2"), 2, "revision")
    entry = await bucket.get("a")
    expect((entry.key, entry.value, entry.revision), ("a", b"2", 2), "entry")
    expect((await bucket.get("a", revision=1)).value, b"1", "an old revision")
    await fails(bucket.get("a", revision=9), errors.KeyNotFoundError)
    await fails(bucket.create("a", b"x"), errors.KeyWrongLastSequenceError)
    expect(await bucket.create("b", b"x"), 3, "created")
    expect(await bucket.update("a", b"3", last=2), 4, "updated")
    await fails(bucket.update("a", b"4", last=2), errors.KeyWrongLastSequenceError)
    await bucket.delete("a")
    await fails(bucket.get("a"), errors.KeyNotFoundError)
    expect(await bucket.create("a", b"again"), 6, "created after a delete")
    expect([entry.operation for entry in await bucket.history("a")], [None, "DEL", None], "history")
    await bucket.purge("a")
    expect([entry.operation for entry in await bucket.history("a")], ["PURGE"], "history after a purge")
    await fails(bucket.get("nothing"), errors.KeyNotFoundError)
    expect(await bucket.keys(), ["b"], "keys")


@test("8.013 history keeps as many as it should")
async def history(server, client, stream):
    bucket = await stream.create_key_value(bucket="B", history=4)
    for number in range(10):
        await bucket.put("a", str(number).encode())
    await bucket.delete("a")
    found = await bucket.history("a")
    expect(words(found), [("a", b"7", None), ("a", b"8", None), ("a", b"9", None), ("a", b"", "DEL")], "history")
    await fails(bucket.history("nothing"), errors.NoKeysError)


@test("8.013 keys of 2,000")
async def keys(server, client, stream):
    bucket = await stream.create_key_value(bucket="B")
    await fails(bucket.keys(), errors.NoKeysError)
    for start in range(0, 2000, 200):
        await asyncio.gather(*(bucket.put(f"k.{number}", b"v") for number in range(start, start + 200)))
    for number in range(0, 2000, 4):
        await bucket.delete(f"k.{number}")
    expect(sorted(await bucket.keys()), sorted(f"k.{number}" for number in range(2000) if number % 4), "keys")
    await bucket.purge_deletes(olderthan=0)
    expect((await bucket.status()).values, 1500, "values after purging markers")


@test("8.013 watching: first what is there, then None, then changes")
async def watching(server, client, stream):
    bucket = await stream.create_key_value(bucket="B", history=5)
    empty = await bucket.watchall()
    expect(await empty.updates(), None, "an empty bucket")
    await bucket.put("a.1", b"1")
    await bucket.put("a.1", b"2")
    await bucket.put("b.1", b"1")
    await bucket.delete("b.1")
    expect(words(await updates(empty, 4)), [("a.1", b"1", None), ("a.1", b"2", None), ("b.1", b"1", None),
                                            ("b.1", b"", "DEL")], "changes")
    watcher = await bucket.watch("a.*")
    expect(words(await updates(watcher, 2)), [("a.1", b"2", None), None], "of one kind")
    await bucket.put("a.2", b"new")
    await bucket.put("b.2", b"not seen")
    expect(words(await updates(watcher, 1)), [("a.2", b"new", None)], "a change")
    with_history = await bucket.watch("a.1", include_history=True)
    expect(words(await updates(with_history, 3)), [("a.1", b"1", None), ("a.1", b"2", None), None], "with history")
    without = await bucket.watch(">", ignore_deletes=True)
    expect([entry and entry.key for entry in await updates(without, 4)], ["a.1", "a.2", "b.2", None], "no deletes")
    for one in (empty, watcher, with_history, without):
        await one.stop()


@test("8.013 a watcher of 1,000 keys sees all of them before None", seconds=60)
async def watching_many(server, client, stream):
    bucket = await stream.create_key_value(bucket="B")
    for start in range(0, 1000, 200):
        await asyncio.gather(*(bucket.put(f"k.{number}", b"v") for number in range(start, start + 200)))
    for _ in range(10):
        watcher = await bucket.watchall()
        seen = []
        while (entry := await watcher.updates()) is not None:
            seen.append(entry.key)
        expect(len(set(seen)), 1000, "keys before None")
        await watcher.stop()


@test("8.017 of many that create a key one wins")
async def race(server, client, stream):
    await stream.create_key_value(bucket="B")
    clients = [await natspy_base.connect(server) for _ in range(8)]
    buckets = [await one.jetstream().key_value("B") for one in clients]
    for number in range(30):
        results = await asyncio.gather(*(bucket.create(f"k{number}", str(index).encode())
                                         for index, bucket in enumerate(buckets)), return_exceptions=True)
        won = [index for index, result in enumerate(results) if isinstance(result, int)]
        expect(len(won), 1, f"winners of round {number}: {results}")
        expect((await buckets[0].get(f"k{number}")).value, str(won[0]).encode(), "value")
    for one in clients:
        await one.close()


@test("8.017 a counter by compare and set loses nothing")
async def compare_and_set(server, client, stream):
    first = await stream.create_key_value(bucket="B")
    await first.put("n", b"0")
    clients = [await natspy_base.connect(server) for _ in range(4)]

    async def add(one):
        bucket = await one.jetstream().key_value("B")
        for _ in range(25):
            while True:
                entry = await bucket.get("n")
                try:
                    await bucket.update("n", str(int(entry.value) + 1).encode(), last=entry.revision)
                    break
                except errors.KeyWrongLastSequenceError:
                    pass
    await asyncio.gather(*(add(one) for one in clients))
    expect((await first.get("n")).value, b"100", "sum")
    for one in clients:
        await one.close()


@test("8.015 keys with a time to live")
async def times(server, client, stream):
    bucket = await stream.create_key_value(bucket="B", limit_marker_ttl=30)
    await bucket.create("a", b"1", msg_ttl=1)
    watcher = await bucket.watchall()
    await updates(watcher, 2)
    gone = await watcher.updates(10)
    check(gone.operation in ("DEL", "PURGE"), f"operation {gone.operation}")
    expect(((await bucket.get("a")).value, gone.revision), (None, 2), "the marker")
    await bucket.purge("a", msg_ttl=1)
    expect((await watcher.updates()).operation, "PURGE", "operation")
    await watcher.stop()


@test("8.010 values of all sizes", seconds=30)
async def sizes(server, client, stream):
    bucket = await stream.create_key_value(bucket="B")
    for size in (0, 1, 127, 128, 4095, 4096, 65535, 65536, 1_000_000):
        payload = bytes(index * 31 % 251 for index in range(min(size, 4096))) * (size // 4096 + 1)
        await bucket.put("k", payload[:size])
        check(((await bucket.get("k")).value or b"") == payload[:size], f"value of {size} bytes")
