"""JetStream, key-value and object stores as nats-py uses them. The tests are in jetstream_clients_*.py."""
import asyncio

import jetstream_clients_base
import jetstream_clients_consumers  # noqa: F401  declares its tests
import jetstream_clients_copies  # noqa: F401
import jetstream_clients_objects  # noqa: F401
import jetstream_clients_streams  # noqa: F401
import jetstream_clients_values  # noqa: F401
import servers
import suite


def tests(context):
    return [suite.Test(name, lambda c=config, o=options, f=function: run(context, c, o, f))
            for name, config, options, function in jetstream_clients_base.REGISTERED]


def run(context, config, options, function):
    with servers.running(context.server, context.folder, config) as server:
        asyncio.run(asyncio.wait_for(jetstream_clients_base.run(server, function), options.get("seconds", 40)))
