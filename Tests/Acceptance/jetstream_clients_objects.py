"""Object stores with nats-py: FEATURES 8.019 to 8.023."""
import io
import random

import nats.js.api as api
import nats.js.errors as errors

from jetstream_clients_base import api_error, fails, test
from suite import check, expect


@test("8.019 a store's life")
async def life(server, client, stream):
    store = await stream.create_object_store("B", config=api.ObjectStoreConfig(description="d", ttl=3600))
    status = await store.status()
    expect((status.bucket, status.description, status.sealed), ("B", "d", False), "status")
    await stream.object_store("B")
    await fails(stream.object_store("C"), errors.NotFoundError)
    expect(await stream.delete_object_store("B"), True, "deleted")
    await fails(stream.object_store("B"), errors.NotFoundError)


@test("8.020 objects of many sizes", seconds=60)
async def sizes(server, client, stream):
    store = await stream.create_object_store("B")
    generator = random.Random(1)
    for size in (0, 1, 1000, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 1_000_000, 10_000_000):
        data = generator.randbytes(size)
        information = await store.put(f"o{size}", data)
        expect((information.size, information.chunks), (size, -(-size // (128 * 1024))), "size and chunks")
        result = await store.get(f"o{size}")
        check((result.data or b"") == data, f"object of {size} bytes")


@test("8.020 8.023 replacing and deleting takes the old chunks away")
async def replacing(server, client, stream):
    store = await stream.create_object_store("B")
    await store.put("o", b"x" * 500_000)
    await store.put("o", b"y" * 300_000)
    expect((await store.get("o")).data, b"y" * 300_000, "the new one")
    expect((await stream.stream_info("OBJ_B")).state.messages, 4, "three chunks and the description")
    await store.delete("o")
    expect((await stream.stream_info("OBJ_B")).state.messages, 1, "only the description")
    await fails(store.get_info("o"), errors.ObjectNotFoundError)
    expect((await store.get_info("o", show_deleted=True)).deleted, True, "deleted")
    await fails(store.get("nothing"), errors.ObjectNotFoundError)


@test("8.020 from and into files, with descriptions")
async def files(server, client, stream):
    store = await stream.create_object_store("B")
    data = bytes(range(256)) * 2000
    meta = api.ObjectMeta(description="d", headers={"a": "b"}, options=api.ObjectMetaOptions(max_chunk_size=1000))
    information = await store.put("o", io.BytesIO(data), meta=meta)
    expect((information.chunks, information.description), (512, "d"), "information")
    into = io.BytesIO()
    await store.get("o", writeinto=into)
    check(into.getvalue() == data, "content")
    await store.update_meta("o", api.ObjectMeta(name="o", description="e"))
    expect((await store.get_info("o")).description, "e", "description")
    check((await store.get("o")).data == data, "content after the update")


@test("8.022 lists and watchers")
async def watching(server, client, stream):
    store = await stream.create_object_store("B")
    await fails(store.list(), errors.NotFoundError)
    watcher = await store.watch()
    expect(await watcher.updates(), None, "an empty store")
    for name in ("a", "b", "c"):
        await store.put(name, name.encode() * 10)
    expect([(await watcher.updates()).name for _ in range(3)], ["a", "b", "c"], "changes")
    await store.delete("b")
    expect((await watcher.updates()).deleted, True, "a deletion")
    expect([info.name for info in await store.list(ignore_deletes=True)], ["a", "c"], "list")
    expect([info.name for info in await store.list()], ["a", "c", "b"], "list with the deleted")
    await watcher.stop()


@test("8.021 a sealed store")
async def sealing(server, client, stream):
    store = await stream.create_object_store("B")
    await store.put("o", b"x")
    await store.seal()
    expect((await store.status()).sealed, True, "sealed")
    await fails(store.put("p", b"x"), api_error, 10109)
    expect((await store.get("o")).data, b"x", "still readable")
