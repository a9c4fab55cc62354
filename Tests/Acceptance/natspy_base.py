"""What the tests with nats-py share: how they are declared, and a client's first steps."""
import asyncio
import logging
import ssl

import nats
import nats.errors

import suite
from suite import expect

SECONDS = 5

REGISTERED = []

# asyncio warns about a detail of nats-py's TLS connections.
logging.getLogger("asyncio").setLevel(logging.ERROR)


def test(name, config="", **options):
    """Declares a coroutine as a test that gets a running server and the certificates' folder."""
    def register(function):
        REGISTERED.append((name, config, options, function))
        return function
    return register


async def connect(server, login="", scheme="nats", **options):
    async def ignore(_):
        pass
    return await nats.connect(
        server.url(scheme, login), connect_timeout=SECONDS, allow_reconnect=options.pop("again", False),
        error_cb=options.pop("error_cb", ignore), **options)


async def refused(connecting, what):
    """The connection attempt must fail for want of rights."""
    try:
        client = await connecting
    except (nats.errors.Error, ssl.SSLError, OSError) as error:
        return str(error)
    try:
        # A connection that is closed without a word does not make nats-py's connect fail; nothing works on it.
        await client.flush(timeout=2)
    except (nats.errors.Error, ssl.SSLError, OSError, AttributeError) as error:
        return str(error)
    finally:
        await client.close()
    raise suite.Failure(f"{what}: was let in")


async def connect_in_time(server):
    """Connects once the server has noticed that somebody left."""
    for _ in range(100):
        try:
            return await connect(server)
        except (nats.errors.Error, OSError):
            await asyncio.sleep(0.05)
    raise suite.Failure("no place becomes free")


async def round_trip(client, subject="round.trip"):
    """Publishes to itself: proves that the connection works."""
    subscription = await client.subscribe(subject)
    await client.publish(subject, b"ping")
    message = await subscription.next_msg(SECONDS)
    expect(message.data, b"ping", "payload")
    await subscription.unsubscribe()


async def settle(client):
    """Everything published has come back. (A single flush of nats-py may overtake what is not written yet.)"""
    await client.flush(20)
    await client.flush(20)


def client_context(folder, certificate=None):
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if certificate:
        context.load_cert_chain(folder / f"{certificate}.pem", folder / f"{certificate}.key")
    return context


async def closes(client):
    async def closed():
        while not client.is_closed:
            await asyncio.sleep(0.01)
    await asyncio.wait_for(closed(), SECONDS)
