"""Accounts and the Secrets that they name."""
import contextlib
import tempfile
from pathlib import Path

import certificates
from api_cluster import shared
from controller import JetStream
from setting import controller, jetstream, stream
from suite import check, expect


def account_password(context):
    namespace = shared().namespace()

    def users(password):
        return f'authorization {{ users: [{{user: "shop", password: "{password}"}}] }}'
    with jetstream(context, users("first")) as server, controller(context, None, namespace) as running:
        namespace.create("Account", "shop", {
            "servers": [server.url()],
            "user": {"secret": {"name": "login"}, "user": "name", "password": "pass"}})
        namespace.create("Stream", "orders", stream("ORDERS", account="shop"))
        namespace.wait_reason("Stream", "orders", "Errored", "login")
        namespace.secret("login", name="shop", **{"pass": "first"})
        namespace.wait_ready("Stream", "orders")
        namespace.wait_ready("Account", "shop")
        # Rotated: the server first, then the Secret.
        server.reload(users("second"))
        namespace.update_secret("login", **{"pass": "second"})
        namespace.edit("Stream", "orders", description="after the rotation")
        namespace.wait_ready("Stream", "orders")
        login = {"user": "shop", "pass": "second"}
        expect(JetStream(server.port, login).stream("ORDERS")["description"], "after the rotation", "description")
        check("first" not in running.log() and "second" not in running.log(), "a password is in the log")
        namespace.delete("Stream", "orders")
        namespace.wait_gone("Stream", "orders")


def account_kinds(context):
    namespace = shared().namespace()
    from suite_libnats import USER_KEY as public, USER_SEED as seed
    with jetstream(context, 'authorization { token: "t0ken" }') as by_token, \
            jetstream(context, f"authorization {{ users: [{{nkey: {public}}}] }}") as by_nkey, \
            tls_server(context) as (by_tls, files), controller(context, None, namespace):
        namespace.secret("secrets", token="t0ken", seed=seed)
        namespace.secret("tls", **{name: Path(path).read_text() for name, path in files.items()})
        namespace.create("Account", "token", {
            "servers": [by_token.url()], "token": {"secret": {"name": "secrets"}, "token": "token"}})
        namespace.create("Account", "nkey", {
            "servers": [by_nkey.url()], "nkey": {"secret": {"name": "secrets"}, "seed": "seed"}})
        namespace.create("Account", "tls", {
            "servers": [by_tls.url()],
            "tls": {"secret": {"name": "tls"}, "ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}})
        for name in ("token", "nkey", "tls"):
            namespace.create("Stream", name, stream(name.upper(), account=name))
        for name in ("token", "nkey", "tls"):
            namespace.wait_ready("Stream", name)


@contextlib.contextmanager
def tls_server(context):
    folder = certificates.make(Path(tempfile.mkdtemp(dir=context.folder)))
    config = (f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", ca_file: "{folder}/ca.pem", '
              f"verify: true }}")
    with jetstream(context, config) as server:
        yield server, {"ca.pem": folder / "ca.pem", "cert.pem": folder / "client.pem", "key.pem": folder / "client.key"}


def account_deletion(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, None, namespace):
        namespace.create("Account", "shop", {"servers": [server.url()]})
        namespace.create("Stream", "orders", stream("ORDERS", account="shop"))
        namespace.wait_ready("Stream", "orders")
        namespace.delete("Account", "shop")
        namespace.wait_reason("Account", "shop", "Finalizing", "dependent")
        namespace.delete("Stream", "orders")
        namespace.wait_gone("Stream", "orders")
        namespace.wait_gone("Account", "shop")
        expect(JetStream(server.port).streams(), set(), "streams")


def whole_namespace(context):
    cluster = shared()
    namespace = cluster.namespace()
    with jetstream(context, 'authorization { token: "t0ken" }') as server, controller(
            context, None, namespace, "--leader-elect=false"):
        namespace.secret("login", token="t0ken")
        namespace.create("Account", "shop", {
            "servers": [server.url()], "token": {"secret": {"name": "login"}, "token": "token"}})
        namespace.create("Stream", "orders", stream("ORDERS", account="shop"))
        namespace.create("Consumer", "reader", {"streamName": "ORDERS", "durableName": "reader", "account": "shop",
                                                "ackPolicy": "explicit", "ackWait": "30s"})
        for kind, name in [("Stream", "orders"), ("Consumer", "reader"), ("Account", "shop")]:
            namespace.wait_ready(kind, name)
        # The Secret goes at once, what it was for a moment later.
        cluster.kubectl("delete", "namespace", namespace.name, "--timeout=60s")
        expect(JetStream(server.port, {"auth_token": "t0ken"}).streams(), set(), "streams")
