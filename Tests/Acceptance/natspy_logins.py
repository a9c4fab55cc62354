"""Who comes in and what they may do: every way to log in, permissions, accounts, TLS."""
import asyncio

import nkeys

from natspy_base import SECONDS, client_context, closes, connect, refused, round_trip, settle, test
from suite import check, expect

USER_SEED = "SUAKEYVGFWNV7AXJI4YCQPC4CT54ICTJPLQAXXRGNS27LQF422TCRMDLXQ"
USER_KEY = "UBGH7L7377JHD5TKDPJPQ2OR4QPQK5AIJ3VCG7JOOHQNVOMJ3WFLUHVA"
# Of "s3cret".
BCRYPT = "$2b$04$ze7hbZ2YPSqr5rPnLMBU..BX5BSQlwY7WXZjlfcl3ESjIZsT3xQSC"


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
