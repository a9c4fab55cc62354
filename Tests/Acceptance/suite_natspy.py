"""The Python client of NATS (nats-py) uses natsd as it uses nats-server."""
import asyncio
import logging
import signal
import ssl

import nats
import nats.errors
import nkeys

import certificates
import servers
import suite
from suite import check, expect

SECONDS = 5
USER_SEED = "SUAKEYVGFWNV7AXJI4YCQPC4CT54ICTJPLQAXXRGNS27LQF422TCRMDLXQ"
USER_KEY = "UBGH7L7377JHD5TKDPJPQ2OR4QPQK5AIJ3VCG7JOOHQNVOMJ3WFLUHVA"
# "s3cret"
BCRYPT = "$2b$04$ze7hbZ2YPSqr5rPnLMBU..BX5BSQlwY7WXZjlfcl3ESjIZsT3xQSC"

TLS_FILES = 'cert_file: "{0}/server.pem", key_file: "{0}/server.key", ca_file: "{0}/ca.pem"'

REGISTERED = []

# asyncio warns about a detail of nats-py's TLS connections.
logging.getLogger("asyncio").setLevel(logging.ERROR)


def test(name, config="", **options):
    """Declares a coroutine as a test that gets a running server and the certificates' folder."""
    def register(function):
        REGISTERED.append((name, config, options, function))
        return function
    return register


def tests(context):
    folder = context.folder / "certificates-natspy"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    return [suite.Test(name, lambda c=config, o=options, f=function: run(context, folder, c, o, f))
            for name, config, options, function in REGISTERED]


def run(context, folder, config, options, function):
    config = config.replace("%TLS%", TLS_FILES.format(folder)).replace("%PIN%", certificates.pin(folder, "client"))
    port = servers.free_port() if options.get("fixed_port") else -1
    with servers.running(context.server, context.folder, config, options.get("arguments", ()), port) as server:
        asyncio.run(asyncio.wait_for(function(server, folder), options.get("seconds", 30)))


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


# Messages


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


@test("reconnect: subscriptions live on after the server was gone", fixed_port=True)
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


@test("reconnect: a killed server", fixed_port=True)
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


async def closes(client):
    async def closed():
        while not client.is_closed:
            await asyncio.sleep(0.01)
    await asyncio.wait_for(closed(), SECONDS)


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


# Who comes in


@test("token", "authorization { token: s3cret }")
async def token(server, folder):
    client = await connect(server, token="s3cret")
    await round_trip(client)
    await client.close()
    await (await connect(server, "s3cret")).close()
    error = await refused(connect(server, token="wrong"), "a wrong token")
    check("authorization" in error.lower(), f"the error's text: {error}")
    await refused(connect(server), "no token")


@test("token as bcrypt hash", f'authorization {{ token: "{BCRYPT}" }}')
async def bcrypt_token(server, folder):
    await (await connect(server, token="s3cret")).close()
    await refused(connect(server, token="S3cret"), "a wrong token")


@test("user and password", "authorization { user: u, password: p }")
async def user_password(server, folder):
    client = await connect(server, user="u", password="p")
    await round_trip(client)
    await client.close()
    await (await connect(server, "u:p")).close()
    await refused(connect(server, user="u", password="q"), "a wrong password")
    await refused(connect(server), "nobody")


@test("user and bcrypt password", f'authorization {{ users: [ {{ user: u, password: "{BCRYPT}" }} ] }}')
async def bcrypt_password(server, folder):
    client = await connect(server, user="u", password="s3cret")
    await round_trip(client)
    await client.close()
    await refused(connect(server, user="u", password="secret"), "a wrong password")


@test("nkey", f"authorization {{ users: [ {{ nkey: {USER_KEY} }} ] }}")
async def nkey(server, folder):
    seed = server.folder / "user.nk"
    seed.write_text(USER_SEED)
    client = await connect(server, nkeys_seed=str(seed))
    await round_trip(client)
    await client.close()
    other = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    seed.write_text(other.decode())
    await refused(connect(server, nkeys_seed=str(seed)), "an unknown nkey")


@test("no_auth_user", "accounts { A { users: [ { user: u, password: p } ] } }\nno_auth_user: u")
async def no_auth_user(server, folder):
    anonymous, named = await connect(server), await connect(server, user="u", password="p")
    subscription = await named.subscribe("shared")
    await settle(named)
    await anonymous.publish("shared", b"same account")
    await subscription.next_msg(SECONDS)
    await refused(connect(server, user="u", password="x"), "a wrong password")
    await anonymous.close()
    await named.close()


@test("permissions: errors are told, the connection stays",
      'authorization { users: [ { user: u, password: p, permissions: {'
      ' publish: "ok.>", subscribe: ["ok.>", "_INBOX.>"] } } ] }')
async def permissions(server, folder):
    errors = []

    async def on_error(error):
        errors.append(str(error))
    client = await connect(server, user="u", password="p", error_cb=on_error)
    await client.subscribe("no.way")
    await client.publish("no.way", b"")
    await settle(client)
    await round_trip(client, "ok.then")
    # nats-py gives errors as it likes; both texts must have come.
    text = " ".join(errors).lower()
    check("permissions violation for subscription to" in text and "permissions violation for publish to" in text,
          f"errors: {errors}")
    await client.close()


@test("allow_responses: an answerer without the right to publish",
      "authorization { users: [ { user: s, password: s, permissions: { subscribe: svc, allow_responses: true } },"
      " { user: c, password: c } ] }")
async def allow_responses(server, folder):
    service, client = await connect(server, "s:s"), await connect(server, "c:c")

    async def answer(message):
        await service.publish(message.reply, b"first")
        await service.publish(message.reply, b"second")
    await service.subscribe("svc", cb=answer)
    await settle(service)
    inbox = await client.subscribe("my.inbox")
    await client.publish("svc", b"", reply="my.inbox")
    expect((await inbox.next_msg(SECONDS)).data, b"first", "the first answer")
    await settle(client)
    expect((await client.request("svc", b"", timeout=SECONDS)).data, b"first", "the answer of a request")
    expect(inbox.pending_msgs, 0, "further answers")
    await service.close()
    await client.close()


ACCOUNTS = """accounts {
  EXP { users: [ { user: e, password: e } ]
        exports: [ { stream: "news.>" }, { service: "ask" }, { service: "secret", accounts: [ IMP ] } ] }
  IMP { users: [ { user: i, password: i } ]
        imports: [ { stream: { account: EXP, subject: "news.>" }, prefix: "from" }
                   { service: { account: EXP, subject: "ask" }, to: "please" }
                   { service: { account: EXP, subject: "secret" } } ] }
  OTHER { users: [ { user: o, password: o } ] }
}"""


@test("accounts: isolated, with imported streams and services", ACCOUNTS)
async def accounts(server, folder):
    exporter, importer, other = [await connect(server, f"{name}:{name}") for name in "eio"]
    outside = await other.subscribe(">")
    stream = await importer.subscribe("from.news.>")
    for client in (other, importer):
        await settle(client)

    async def answer(message):
        await message.respond(message.data.upper())
    await exporter.subscribe("ask", cb=answer)
    await exporter.subscribe("secret", cb=answer)
    await exporter.publish("news.today", b"sun")
    await settle(exporter)
    message = await stream.next_msg(SECONDS)
    expect((message.subject, message.data), ("from.news.today", b"sun"), "the imported message")
    answers = await asyncio.gather(*(importer.request("please", f"r{n}".encode(), timeout=10) for n in range(100)))
    expect([a.data for a in answers], [f"R{n}".encode() for n in range(100)], "answers")
    expect((await importer.request("secret", b"s", timeout=SECONDS)).data, b"S", "the private service")
    await other.publish("please", b"")
    await settle(other)
    expect(outside.pending_msgs, 1, "what an outsider hears: its own message")
    for client in (exporter, importer, other):
        await client.close()


@test("reload: new users come in, old ones are closed", "authorization { user: u, password: p }")
async def reload(server, folder):
    client = await connect(server, "u:p")
    line = await asyncio.to_thread(server.reload, "authorization { user: v, password: q }")
    check("Reloaded server configuration" in line, line)
    await closes(client)
    await refused(connect(server, "u:p"), "the old user")
    await (await connect(server, "v:q")).close()


# TLS


@test("TLS", "tls { %TLS% }")
async def tls(server, folder):
    client = await connect(server, scheme="tls", tls=client_context(folder))
    await round_trip(client)
    await publish_many(client)
    await client.close()


async def publish_many(client):
    subscription = await client.subscribe("many", pending_bytes_limit=1 << 30)
    for number in range(2000):
        await client.publish("many", bytes([number % 256]) * (number % 5000))
    for number in range(2000):
        message = await subscription.next_msg(SECONDS)
        expect(message.data == bytes([number % 256]) * (number % 5000), True, f"message {number}")


@test("TLS between two clients, 16 KB messages", "tls { %TLS% }")
async def tls_two(server, folder):
    publisher = await connect(server, scheme="tls", tls=client_context(folder))
    subscriber = await connect(server, scheme="tls", tls=client_context(folder))
    subscription = await subscriber.subscribe("big", pending_bytes_limit=1 << 30)
    await settle(subscriber)
    for number in range(500):
        await publisher.publish("big", bytes([number % 256]) * 16384)
    for number in range(500):
        expect((await subscription.next_msg(SECONDS)).data[:1], bytes([number % 256]), f"message {number}")
    await publisher.close()
    await subscriber.close()


@test("TLS verify: only with a certificate of our authority", "tls { %TLS%, verify: true, timeout: 5 }")
async def tls_verify(server, folder):
    client = await connect(server, scheme="tls", tls=client_context(folder, "client"))
    await round_trip(client)
    await client.close()
    await refused(connect(server, scheme="tls", tls=client_context(folder)), "no certificate")
    await refused(connect(server, scheme="tls", tls=client_context(folder, "stranger")), "another authority")
    await refused(connect(server, scheme="tls", tls=client_context(folder, "wrong-usage")), "a server's certificate")


@test("TLS verify_and_map", """tls { %TLS%, verify_and_map: true, timeout: 5 }
accounts { A { users: [ { user: "derek@nats.example" } ] }, B { users: [ { user: "app.nats.example" } ] } }""")
async def tls_map(server, folder):
    one = await connect(server, scheme="tls", tls=client_context(folder, "client"))
    two = await connect(server, scheme="tls", tls=client_context(folder, "client-dns"))
    await round_trip(one)
    hears = await two.subscribe(">")
    await settle(two)
    await one.publish("x", b"")
    await settle(one)
    await settle(two)
    expect(hears.pending_msgs, 0, "messages across accounts")
    await refused(connect(server, scheme="tls", tls=client_context(folder, "client-dn")), "an unknown name")
    await one.close()
    await two.close()


@test("TLS pinned certificate", 'tls { %TLS%, verify: true, pinned_certs: ["%PIN%"], timeout: 5 }')
async def tls_pinned(server, folder):
    client = await connect(server, scheme="tls", tls=client_context(folder, "client"))
    await round_trip(client)
    await client.close()
    await refused(connect(server, scheme="tls", tls=client_context(folder, "client-dns")), "another certificate")


@test("TLS handshake first", "tls { %TLS%, handshake_first: true }")
async def tls_first(server, folder):
    client = await connect(server, scheme="tls", tls=client_context(folder), tls_handshake_first=True)
    await round_trip(client)
    await client.close()


@test("TLS handshake first, or INFO after a moment", 'tls { %TLS%, handshake_first: "50ms" }')
async def tls_first_auto(server, folder):
    for first in (True, False):
        client = await connect(server, scheme="tls", tls=client_context(folder), tls_handshake_first=first)
        await round_trip(client)
        await client.close()


@test("TLS with user and password", "tls { %TLS% }\nauthorization { user: u, password: p }")
async def tls_user(server, folder):
    client = await connect(server, "u:p", scheme="tls", tls=client_context(folder))
    await round_trip(client)
    await client.close()
    await refused(connect(server, "u:x", scheme="tls", tls=client_context(folder)), "a wrong password")


@test("TLS and plain on one port", "tls { %TLS% }\nallow_non_tls: true")
async def tls_or_not(server, folder):
    plain = await connect(server)
    secure = await connect(server, scheme="tls", tls=client_context(folder))
    subscription = await plain.subscribe("across")
    await settle(plain)
    await secure.publish("across", b"hello")
    await subscription.next_msg(SECONDS)
    await plain.close()
    await secure.close()


@test("TLS: 60 handshakes at a time", "tls { %TLS%, timeout: 10 }")
async def tls_many(server, folder):
    context = client_context(folder)
    clients = await asyncio.gather(*(connect(server, scheme="tls", tls=context) for _ in range(60)))
    await asyncio.gather(*(round_trip(client, f"own.{number}") for number, client in enumerate(clients)))
    for client in clients:
        await client.close()
