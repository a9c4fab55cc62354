"""What the JetStream tests with nats-py share: how they are declared, and how errors are expected."""
import nats.errors
import nats.js.errors

import natspy_base
import suite

SECONDS = 5
CONFIG = "jetstream { store_dir: js, max_mem: 128MB, max_file: 1GB }\n"
REGISTERED = []


def test(name, config=CONFIG, **options):
    """Declares a coroutine as a test that gets a running server, a client and its JetStream context."""
    def register(function):
        REGISTERED.append((name, config, options, function))
        return function
    return register


async def run(server, function):
    client = await natspy_base.connect(server)
    try:
        await function(server, client, client.jetstream(timeout=SECONDS))
    finally:
        await client.close()


async def fails(awaitable, kind, code=None):
    """The error that must come, of that kind and with that code."""
    try:
        result = await awaitable
    except kind as error:
        if code is not None:
            suite.expect(error.err_code, code, "error code")
        return error
    raise suite.Failure(f"no {kind.__name__}, but {result!r}")


async def fill(stream, count, subject="a.{}", size=0):
    """Publishes numbered messages and waits for their acknowledgements; the last sequence."""
    last = 0
    for start in range(1, count + 1, 200):
        futures = [await stream.publish_async(subject.format(number), str(number).encode() + bytes(size))
                   for number in range(start, min(start + 200, count + 1))]
        for future in futures:
            last = max(last, (await future).seq)
    return last


async def take(subscription, count, timeout=SECONDS):
    return [await subscription.next_msg(timeout) for _ in range(count)]


async def nothing_more(subscription, seconds=0.3):
    await fails(subscription.next_msg(seconds), nats.errors.TimeoutError)


api_error = nats.js.errors.APIError
