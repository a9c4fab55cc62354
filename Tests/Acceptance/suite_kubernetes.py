"""nack-controller against a real Kubernetes API server and a real nats-server with JetStream."""
import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import certificates
import servers
import suite
from suite import Failure, Missing, check, expect, wait_until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE / "kubernetes"))
from api_cluster import Namespace, Refused, shared  # noqa: E402
from controller import Controller, JetStream  # noqa: E402

# What the issue asks for.
IDLE_KILOBYTES = 16 * 1024
MANY = 500


def tests(context):
    together = [
        ("examples by kubectl: Ready, columns, finalizers, state; again is no change", examples),
        ("an edit reaches the server, with generation, state and Events", edit),
        ("what the server refuses is told once, with the field", refused),
        ("drift is repaired", drift),
        ("deletions: the asset goes, preventDelete stays, gone already, by another hand", deletions),
        ("a deletion waits for a server that is away, and hangs on nothing that never was", unreachable),
        ("a bad manifest: one condition and one Event with the field; others go on", bad_manifest),
        ("Account with a Secret: user and password, rotated", account_password),
        ("Account with Secrets: token, NKey, TLS", account_kinds),
        ("an Account goes after those who name it", account_deletion),
        ("a namespace is deleted with all that is in it", whole_namespace),
        ("a namespace of its own: others are left alone", other_namespaces),
        ("no permission: told, not ready; given, it works", denied),
        ("deploy/rbac/namespace.yaml is enough", least_rights),
        ("the original's rights, which know no Leases: it works and says so", original_rights),
        ("killed and started again: what happened meanwhile is done", killed),
        ("two replicas: one works, a killed leader is followed", leader_killed),
        ("two replicas: a leader that stood still steps down", leader_paused),
        ("two replicas: a leader that is stopped hands over at once", leader_stopped),
        ("through kubectl proxy", through_proxy),
        ("an exec plugin and its tokens", exec_plugin),
        ("as in a pod: the service account, its token read again", in_pod),
        ("no way to an API server: told, exit code 1", no_cluster),
        ("conditions and finalizers of others stay", others),
    ]
    alone = [
        ("the API server goes away and comes back", api_restart),
        ("a version that the API server has forgotten", expired),
        ("deploy/rbac/cluster.yaml is enough for all namespaces", cluster_rights),
        ("500 resources in all namespaces: Ready, silent, small", many),
    ]
    return ([suite.Test(name, lambda f=f: f(context)) for name, f in together]
            + [suite.Test(name, lambda f=f: f(context), alone=True) for name, f in alone])


# What tests stand on

def program():
    path = Path(os.environ.get("NACK_CONTROLLER", ROOT / "dist/nack-controller"))
    if not os.access(path, os.X_OK):
        raise Missing(f"nack-controller at {path}; `make release` builds it")
    return str(path)


@contextlib.contextmanager
def jetstream(context, config="", arguments=()):
    """A server with JetStream of its own."""
    peer = context.needs_peer()
    folder = tempfile.mkdtemp(dir=context.folder)
    with servers.running(peer, context.folder, config, ["-js", "-sd", folder, *arguments]) as server:
        yield server


def controller(context, server, namespace, *arguments, **options):
    """For one namespace; `namespace` None for all of them."""
    flags = ["-s", server.url()] if server else ["-crd-connect"]
    if namespace:
        flags += ["-namespace", namespace.name]
    return Controller(program(), context.folder, shared(), [*flags, *arguments], **options)


def stream(name, **more):
    return {"name": name, "subjects": [name.lower() + ".>"], "storage": "file", **more}


# Life of a resource

def examples(context):
    cluster = shared()
    namespace = cluster.namespace()
    files = sorted((ROOT / "deploy/examples").glob("*.*"))
    with jetstream(context) as server, controller(context, server, namespace):
        arguments = [word for file in files for word in ("-f", str(file))]
        cluster.kubectl("apply", "-n", namespace.name, *arguments)
        cluster.kubectl("wait", "-n", namespace.name, "--for=condition=Ready", "--timeout=30s", *arguments)
        nats = JetStream(server.port)
        check({"ORDERS", "ORDERS_COPY", "ORDERS_AUDIT", "KV_settings", "OBJ_invoices"} <= nats.streams(),
              f"streams: {nats.streams()}")
        check({"shipping", "dashboard"} <= nats.consumers("ORDERS"), f"consumers: {nats.consumers('ORDERS')}")
        columns = cluster.kubectl("get", "streams", "-n", namespace.name).splitlines()
        expect(columns[0].split(), ["NAME", "STATE", "STREAM", "NAME", "SUBJECTS"], "columns")
        check(all(line.split()[1] == "Ready" for line in columns[1:]), f"states: {columns}")
        for kind, name, prefix in [("Stream", "orders", "stream"), ("Consumer", "orders-shipping", "consumer"),
                                   ("KeyValue", "settings", "kv"), ("ObjectStore", "invoices", "objectstore")]:
            metadata = namespace.get(kind, name)["metadata"]
            expect(metadata["finalizers"], [f"{prefix}.nats.io/finalizer"], f"finalizers of {name}")
            check(json.loads(metadata["annotations"][f"{prefix}.nats.io/state"]), f"no state in {name}")
        # The same once more: nothing changes, nothing is written.
        before = namespace.get("Stream", "orders")
        cluster.kubectl("apply", "-n", namespace.name, *arguments)
        time.sleep(3)
        unchanged(before, namespace.get("Stream", "orders"))
        cluster.kubectl("delete", "-n", namespace.name, "--timeout=30s", *arguments)
        expect(nats.streams(), {"ORDERS_COPY"}, "left after the deletion (preventDelete)")


def edit(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.wait_ready("Stream", "orders")
        namespace.edit("Stream", "orders", maxAge="1h", description="edited")
        namespace.wait_ready("Stream", "orders")
        found = namespace.get("Stream", "orders")
        expect(found["status"]["observedGeneration"], 2, "observedGeneration")
        expect(nats.stream("ORDERS")["max_age"], 3600 * 10**9, "max_age")
        state = json.loads(found["metadata"]["annotations"]["stream.nats.io/state"])
        expect(state["description"], "edited", "description in the state")
        namespace.create("Consumer", "mailer", {"streamName": "ORDERS", "durableName": "mailer", "ackPolicy": "explicit",
                                                "ackWait": "30s"})
        namespace.wait_ready("Consumer", "mailer")
        expect(nats.consumers("ORDERS"), {"mailer"}, "consumers")

        def reasons():
            found = {event["reason"]: event for event in namespace.events("orders")}
            return found if {"Created", "Updated"} <= set(found) else None
        events = wait_until(reasons, 5, "Events Created and Updated")
        expect(events["Created"]["source"]["component"], "jetstream-controller", "who reports")
        expect(events["Created"]["type"], "Normal", "type")
        described = shared().kubectl("describe", "stream", "orders", "-n", namespace.name)
        check("Updated" in described, f"kubectl describe shows no Event:\n{described}")


def refused(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace) as running:
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.create("Stream", "other", stream("OTHER"))
        namespace.wait_ready("Stream", "orders")
        namespace.edit("Stream", "orders", storage="memory")
        condition = namespace.wait_reason("Stream", "orders", "Errored", "storage")
        namespace.edit("Stream", "other", description="goes on")
        namespace.wait_ready("Stream", "other")
        time.sleep(3)
        expect(namespace.ready("Stream", "orders"), condition, "the condition some rounds later")
        expect(namespace.get("Stream", "orders")["status"]["observedGeneration"], 1, "observedGeneration")
        warnings = [event for event in namespace.events("orders") if event["type"] == "Warning"]
        expect(len(warnings), 1, f"warnings: {[event['message'] for event in warnings]}")
        expect(warnings[0]["count"], 1, "how often it was said")
        namespace.edit("Stream", "orders", storage="file")
        namespace.wait_ready("Stream", "orders")
        check(running.log().count(condition["message"]) <= 2, "the log repeats it")


def drift(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "orders", stream("ORDERS", maxMsgs=100))
        namespace.wait_ready("Stream", "orders")
        nats.ask("STREAM.UPDATE.ORDERS", {**nats.stream("ORDERS"), "max_msgs": 7})
        expect(nats.stream("ORDERS")["max_msgs"], 7, "drift")
        wait_until(lambda: nats.stream("ORDERS")["max_msgs"] == 100, 10, "the drift is repaired")
        nats.ask("STREAM.DELETE.ORDERS")
        wait_until(lambda: "ORDERS" in nats.streams(), 10, "the stream is made again")


def deletions(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        nats = JetStream(server.port)
        namespace.create("Stream", "plain", stream("PLAIN"))
        namespace.create("Stream", "kept", stream("KEPT", preventDelete=True))
        namespace.create("Stream", "lost", stream("LOST"))
        namespace.create("Consumer", "lost-reader", {"streamName": "LOST", "durableName": "reader", "ackPolicy": "explicit",
                                                     "ackWait": "30s"})
        namespace.create("Stream", "twin-a", stream("TWIN"))
        namespace.create("Stream", "forced", stream("FORCED"))
        for name in ("plain", "kept", "lost", "twin-a", "forced"):
            namespace.wait_ready("Stream", name)
        namespace.wait_ready("Consumer", "lost-reader")
        namespace.create("Stream", "twin-b", stream("TWIN"))
        namespace.wait_reason("Stream", "twin-b", "Errored", "twin-a")
        # A stream takes its consumers with it; both manifests go.
        for kind, name in [("Stream", "plain"), ("Stream", "kept"), ("Stream", "lost"), ("Consumer", "lost-reader")]:
            namespace.delete(kind, name)
        for kind, name in [("Stream", "plain"), ("Stream", "kept"), ("Stream", "lost"), ("Consumer", "lost-reader")]:
            namespace.wait_gone(kind, name)
        expect(nats.streams(), {"KEPT", "TWIN", "FORCED"}, "streams")
        # What a live manifest names stays.
        namespace.delete("Stream", "twin-a")
        namespace.wait_gone("Stream", "twin-a")
        namespace.wait_ready("Stream", "twin-b")
        check("TWIN" in nats.streams(), "a stream that a live manifest names was deleted")
        # Somebody takes the finalizer away: the asset stays, nothing hangs.
        namespace.patch("Stream", "forced", {"metadata": {"finalizers": []}})
        namespace.wait(lambda: namespace.get("Stream", "forced")["metadata"].get("finalizers"), 10,
                       lambda: "the finalizer comes back")
        # Gone from the server before.
        nats.ask("STREAM.DELETE.FORCED")
        namespace.delete("Stream", "forced")
        namespace.wait_gone("Stream", "forced")


def unreachable(context):
    namespace = shared().namespace()
    folder = tempfile.mkdtemp(dir=context.folder)
    port = servers.free_port()
    server = servers.Server(context.needs_peer(), context.folder, "", ["-js", "-sd", folder], port)
    try:
        with controller(context, server, namespace):
            namespace.create("Stream", "never", stream("NEVER"))
            namespace.wait_reason("Stream", "never", "Errored")
            namespace.delete("Stream", "never")
            namespace.wait_gone("Stream", "never")
            server.start()
            namespace.create("Stream", "orders", stream("ORDERS"))
            namespace.wait_ready("Stream", "orders")
            server.stop()
            namespace.delete("Stream", "orders")
            namespace.wait_reason("Stream", "orders", "Finalizing")
            time.sleep(2)
            check(namespace.get("Stream", "orders"), "gone before its stream")
            server.start()
            namespace.wait_gone("Stream", "orders")
            expect(JetStream(port).streams(), set(), "streams")
    finally:
        server.stop()


def bad_manifest(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        namespace.create("Stream", "bad", stream("BAD", maxAge="soon"))
        namespace.create("Stream", "good", stream("GOOD"))
        namespace.create("Consumer", "orphan", {"streamName": "NOWHERE", "durableName": "x", "ackPolicy": "explicit",
                                                "ackWait": "30s"})
        namespace.wait_ready("Stream", "good")
        namespace.wait_reason("Stream", "bad", "Errored", "spec.maxAge")
        namespace.wait_reason("Consumer", "orphan", "Errored", "NOWHERE")
        conditions = namespace.get("Stream", "bad")["status"]["conditions"]
        expect(len(conditions), 1, "conditions")
        time.sleep(3)
        warnings = [event for event in namespace.events("bad") if event["type"] == "Warning"]
        expect(len(warnings), 1, f"warnings: {[event['message'] for event in warnings]}")
        check("spec.maxAge" in warnings[0]["message"], warnings[0]["message"])
        # What the definition refuses never comes as far as the controller.
        try:
            namespace.create("Stream", "worse", stream("WORSE", retention="forever"))
            raise Failure("the definition takes any retention")
        except Refused as refusal:
            expect(refusal.code, 422, "status")
        namespace.edit("Stream", "bad", maxAge="1h")
        namespace.wait_ready("Stream", "bad")
        # A manifest that was never right is released.
        namespace.create("Stream", "hopeless", stream("HOPELESS", duplicateWindow="long"))
        namespace.wait_reason("Stream", "hopeless", "Errored", "spec.duplicateWindow")
        namespace.delete("Stream", "hopeless")
        namespace.wait_gone("Stream", "hopeless")


# Accounts and Secrets

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


# Rights

def other_namespaces(context):
    ours, theirs = shared().namespace(), shared().namespace()
    with jetstream(context) as server, controller(context, server, ours):
        theirs.create("Stream", "orders", stream("THEIRS"))
        ours.create("Stream", "orders", stream("OURS"))
        ours.wait_ready("Stream", "orders")
        time.sleep(2)
        check("status" not in theirs.get("Stream", "orders"), "a resource of another namespace has a status")
        expect(JetStream(server.port).streams(), {"OURS"}, "streams")


def kubeconfig(context, token, namespace="default", **user):
    """A file that logs in with a token, or otherwise."""
    cluster = shared()
    path = Path(tempfile.mkdtemp(dir=context.folder)) / "config"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": cluster.server, "certificate-authority": cluster.environment["RIG_KUBE_CA"]}}],
        "contexts": [{"name": "test", "context": {
            "cluster": "test", "user": "test", "namespace": namespace}}],
        "users": [{"name": "test", "user": user or {"token": token}}]}))
    return path


def denied(context):
    cluster = shared()
    namespace = cluster.namespace()
    login = kubeconfig(context, cluster.environment["RIG_KUBE_NOBODY_TOKEN"])
    with jetstream(context) as server, controller(context, server, namespace, kubeconfig=login) as running:
        running.wait_for_log("forbidden")
        check(running.get("/healthz")[0] == 200, "not healthy")
        check(running.get("/readyz")[0] != 200, "ready without a single resource read")
        namespace.create("Stream", "orders", stream("ORDERS"))
        cluster.kubectl("apply", "-n", namespace.name, "-f", str(ROOT / "deploy/rbac/namespace.yaml"))
        cluster.kubectl("create", "rolebinding", "nobody", "-n", namespace.name, "--role=jetstream-controller",
                        "--user=nobody-by-token")
        namespace.wait_ready("Stream", "orders", 60)
        wait_until(lambda: running.get("/readyz")[0] == 200, 10, "ready")


def lifecycle(namespace):
    """All that a controller has to do with the API server."""
    namespace.secret("login", token="anything")
    for kind, name, spec in [
            ("Account", "shop", {"token": {"secret": {"name": "login"}, "token": "token"}}),
            ("Stream", "orders", stream("ORDERS")), ("Stream", "shop", stream("SHOP", account="shop")),
            ("KeyValue", "settings", {"bucket": "settings"}), ("ObjectStore", "files", {"bucket": "files"}),
            ("Consumer", "reader", {"streamName": "ORDERS", "durableName": "reader", "ackPolicy": "explicit",
                                    "ackWait": "30s"})]:
        namespace.create(kind, name, spec)
    everything = [("Consumer", "reader"), ("Stream", "orders"), ("Stream", "shop"), ("KeyValue", "settings"),
                  ("ObjectStore", "files"), ("Account", "shop")]
    for kind, name in everything:
        namespace.wait_ready(kind, name)
    wait_until(lambda: namespace.events("orders"), 5, "an Event")
    for kind, name in everything:
        namespace.delete(kind, name)
    for kind, name in everything:
        namespace.wait_gone(kind, name)


def least_rights(context):
    cluster = shared()
    namespace = cluster.namespace()
    cluster.kubectl("apply", "-n", namespace.name, "-f", str(ROOT / "deploy/rbac/namespace.yaml"))
    login = kubeconfig(context, namespace.service_account_token())
    with jetstream(context) as server, controller(context, server, namespace, kubeconfig=login) as running:
        lifecycle(namespace)
        check("orbidden" not in running.log(), "something is forbidden")
        leases = cluster.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace.name}/leases")["items"]
        expect([lease["metadata"]["name"] for lease in leases], [f"nack-controller.{namespace.name}"], "Leases")


def cluster_rights(context):
    cluster = shared()
    clear(cluster)
    home, elsewhere = cluster.namespace(), cluster.namespace()
    text = (ROOT / "deploy/rbac/cluster.yaml").read_text().replace("namespace: nats", f"namespace: {home.name}")
    cluster.kubectl("apply", "-f", "-", text=text)
    login = kubeconfig(context, home.service_account_token(), namespace=home.name)
    with jetstream(context) as server, controller(context, server, None, kubeconfig=login) as running:
        lifecycle(elsewhere)
        check("orbidden" not in running.log(), "something is forbidden")
        leases = cluster.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{home.name}/leases")["items"]
        expect([lease["metadata"]["name"] for lease in leases], ["nack-controller"], "Leases")


def clear(cluster):
    """What other tests left: it would be in the way of a controller for all namespaces."""
    for kind in ("streams", "consumers", "keyvalues", "objectstores", "accounts"):
        for item in cluster.call("GET", f"/apis/jetstream.nats.io/v1beta2/{kind}")["items"]:
            namespace = Namespace(cluster, item["metadata"]["namespace"])
            with contextlib.suppress(Refused):
                namespace.patch(item["kind"], item["metadata"]["name"], {"metadata": {"finalizers": []}})
                namespace.delete(item["kind"], item["metadata"]["name"])


def original_rights(context):
    cluster = shared()
    namespace = cluster.namespace()
    kinds = ["streams", "consumers", "keyvalues", "objectstores", "accounts"]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "original"},
        "rules": [
            {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "update", "patch"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "watch", "list"]},
            {"apiGroups": ["jetstream.nats.io"], "resources": kinds + [f"{kind}/status" for kind in kinds],
             "verbs": ["create", "get", "list", "watch", "patch", "update", "delete"]},
            {"apiGroups": ["jetstream.nats.io"], "resources": [f"{kind}/finalizers" for kind in kinds],
             "verbs": ["update"]}]}
    namespace.apply(json.dumps(role))
    cluster.kubectl("create", "serviceaccount", "original", "-n", namespace.name)
    cluster.kubectl("create", "rolebinding", "original", "-n", namespace.name, "--role=original",
                    f"--serviceaccount={namespace.name}:original")
    login = kubeconfig(context, namespace.service_account_token("original"))
    with jetstream(context) as server, controller(context, server, namespace, kubeconfig=login) as running:
        running.wait_for_log("without leader election", 40)
        lifecycle(namespace)


# Restarts and replicas

def killed(context):
    namespace = shared().namespace()
    with jetstream(context) as server:
        nats = JetStream(server.port)
        running = controller(context, server, namespace).start()
        try:
            for name in ("deleted", "edited", "left", "still"):
                namespace.create("Stream", name, stream(name.upper()))
            for name in ("deleted", "edited", "left", "still"):
                namespace.wait_ready("Stream", name)
            # Some rounds: the server's answer to a look may differ from that to a creation.
            time.sleep(5)
            before = namespace.get("Stream", "still")
        finally:
            running.kill()
        namespace.delete("Stream", "deleted")
        namespace.edit("Stream", "edited", description="meanwhile")
        namespace.create("Stream", "created", stream("CREATED"))
        nats.ask("STREAM.UPDATE.LEFT", {**nats.stream("LEFT"), "max_msgs": 7})
        # The Lease of the killed one must end first.
        with controller(context, server, namespace):
            namespace.wait_ready("Stream", "created", 40)
            namespace.wait_ready("Stream", "edited")
            namespace.wait_gone("Stream", "deleted")
            wait_until(lambda: nats.stream("LEFT")["max_msgs"] == -1, 10, "drift of meanwhile is repaired")
            expect(nats.streams(), {"EDITED", "LEFT", "CREATED", "STILL"}, "streams")
            time.sleep(3)
            unchanged(before, namespace.get("Stream", "still"))


def unchanged(before, now):
    """Nothing was written into an object that nothing happened to."""
    for place in ("annotations", "finalizers", "resourceVersion"):
        expect(now["metadata"].get(place), before["metadata"].get(place), place)
    expect(now["status"], before["status"], "status")


def holder(namespace):
    try:
        lease = namespace.cluster.call(
            "GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace.name}/leases/nack-controller."
            + namespace.name)
    except Refused:
        return ""
    return lease["spec"].get("holderIdentity", "")


def leads(replica):
    return "leads now" in replica.log()


@contextlib.contextmanager
def two_replicas(context, namespace):
    """The one that leads and the one that waits, with a stream that is Ready."""
    with jetstream(context) as server:
        replicas = [controller(context, server, namespace).start() for _ in range(2)]
        try:
            first = wait_until(lambda: next((one for one in replicas if leads(one)), None), 20, "a leader")
            second = next(one for one in replicas if one is not first)
            wait_until(lambda: "is held by" in second.log(), 10, "the other follows")
            namespace.create("Stream", "orders", stream("ORDERS"))
            namespace.wait_ready("Stream", "orders")
            yield first, second
        finally:
            for replica in replicas:
                replica.process.send_signal(signal.SIGCONT)
                replica.kill()


def leader_killed(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        wait_until(lambda: second.get("/readyz")[0] == 200, 10, "the replica that waits is ready")
        expect(leads(second), False, "both lead")
        before = holder(namespace)
        first.kill()
        namespace.edit("Stream", "orders", description="by the second")
        namespace.create("Stream", "more", stream("MORE"))
        started = time.monotonic()
        namespace.wait_ready("Stream", "orders", 40)
        namespace.wait_ready("Stream", "more")
        check(holder(namespace) not in ("", before), "the Lease has not changed hands")
        return f"taken over after {time.monotonic() - started:.1f} s"


def leader_paused(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        first.process.send_signal(signal.SIGSTOP)
        namespace.edit("Stream", "orders", description="by the second")
        namespace.wait_ready("Stream", "orders", 40)
        first.process.send_signal(signal.SIGCONT)
        first.wait_for_log("does not lead any more")
        namespace.edit("Stream", "orders", description="by the second again")
        namespace.wait_ready("Stream", "orders")
        expect(first.log().count("leads now"), 1, "how often the first one led")
        check("by the second" not in first.log() and "updated stream" not in first.log(), "the first one worked on")


def leader_stopped(context):
    namespace = shared().namespace()
    with two_replicas(context, namespace) as (first, second):
        started = time.monotonic()
        first.stop()
        expect(first.process.returncode, 0, "exit code")
        wait_until(lambda: leads(second), 5, "the other leads")
        seconds = time.monotonic() - started
        namespace.delete("Stream", "orders")
        namespace.wait_gone("Stream", "orders")
        return f"handed over after {seconds:.1f} s"


# Ways to the API server

def through_proxy(context):
    cluster = shared()
    namespace = cluster.namespace()
    port = servers.free_port()
    proxy = subprocess.Popen(["kubectl", "proxy", f"--port={port}"], env=cluster.environment,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with jetstream(context) as server, controller(
                context, server, namespace, "--kube-api", f"http://127.0.0.1:{port}", kubeconfig=""):
            namespace.create("Stream", "orders", stream("ORDERS"))
            namespace.wait_ready("Stream", "orders")
            namespace.delete("Stream", "orders")
            namespace.wait_gone("Stream", "orders")
    finally:
        proxy.kill()
        proxy.wait()


def exec_plugin(context):
    cluster = shared()
    namespace = cluster.namespace()
    folder = Path(tempfile.mkdtemp(dir=context.folder))
    # A token that no longer holds, until the file says otherwise.
    (folder / "token").write_text("wrong")
    (folder / "plugin").write_text("""#!/usr/bin/env python3
import json, os, sys
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
with open(folder + "/runs", "a") as runs:
    runs.write(info["spec"]["cluster"]["server"] + " " + sys.argv[1] + "\\n")
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential",
                  "status": {"token": open(folder + "/token").read()}}))
""")
    (folder / "plugin").chmod(0o755)
    login = kubeconfig(context, None, exec={
        "apiVersion": "client.authentication.k8s.io/v1", "command": str(folder / "plugin"), "args": ["login"],
        "interactiveMode": "Never", "provideClusterInfo": True})
    with jetstream(context) as server, controller(context, server, namespace, kubeconfig=login) as running:
        running.wait_for_log("Unauthorized")
        (folder / "token").write_text(cluster.environment["RIG_KUBE_TOKEN"])
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.wait_ready("Stream", "orders", 60)
        runs = (folder / "runs").read_text().splitlines()
        check(set(runs) == {f"{cluster.server} login"}, f"the plugin was run with {set(runs)}")
        check(len(runs) < 30, f"the plugin was run {len(runs)} times")


def in_pod(context):
    if os.geteuid() != 0:
        raise Missing("root, to give the controller a /run of its own")
    cluster = shared()
    namespace = cluster.namespace()
    cluster.kubectl("apply", "-n", namespace.name, "-f", str(ROOT / "deploy/rbac/namespace.yaml"))
    account = Path(tempfile.mkdtemp(dir=context.folder))
    (account / "token").write_text("expired")
    (account / "namespace").write_text(namespace.name)
    (account / "ca.crt").write_text(Path(cluster.environment["RIG_KUBE_CA"]).read_text())
    host, port = cluster.server.removeprefix("https://").split(":")
    wrapper = Path(tempfile.mkdtemp(dir=context.folder)) / "pod"
    wrapper.write_text(f"""#!/bin/sh
exec unshare --mount sh -c 'mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io &&
  ln -s {account} /run/secrets/kubernetes.io/serviceaccount && exec {program()} "$@"' pod "$@"
""")
    wrapper.chmod(0o755)
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    with jetstream(context) as server, Controller(
            str(wrapper), context.folder, cluster, ["-s", server.url(), "-namespace", namespace.name],
            environment=environment, kubeconfig="") as running:
        running.wait_for_log("Unauthorized")
        (account / "token").write_text(namespace.service_account_token() + "\n")
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.wait_ready("Stream", "orders", 60)


def no_cluster(context):
    folder = Path(tempfile.mkdtemp(dir=context.folder))
    (folder / "broken").write_text("current-context: nowhere\n")
    cases = [
        ([], "this is no pod"),
        (["-kubeconfig", str(folder / "missing")], "missing: no such file"),
        (["-kubeconfig", str(folder / "broken")], "context nowhere does not exist"),
        (["--kube-api", "ftp://x"], "must be http://HOST"),
    ]
    environment = {**{name: value for name, value in os.environ.items() if name != "KUBECONFIG"}, "HOME": str(folder)}
    for flags, text in cases:
        done = subprocess.run([program(), "-s", "nats://127.0.0.1:1", *flags], env=environment, capture_output=True,
                              text=True, timeout=20)
        expect(done.returncode, 1, f"exit code with {flags}")
        check("get kubernetes rest config" in done.stderr and text in done.stderr, done.stderr)


def others(context):
    namespace = shared().namespace()
    with jetstream(context) as server, controller(context, server, namespace):
        namespace.create("Stream", "orders", stream("ORDERS"), finalizers=["example.com/hold"],
                         annotations={"example.com/note": "mine"})
        namespace.wait_ready("Stream", "orders")
        condition = {"type": "Audited", "status": "True", "reason": "ByHand", "message": "seen",
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}
        found = namespace.get("Stream", "orders")
        expect(found["metadata"]["finalizers"], ["example.com/hold", "stream.nats.io/finalizer"], "finalizers")
        namespace.patch("Stream", "orders", {"status": {"conditions": found["status"]["conditions"] + [condition]}},
                        "/status")
        namespace.edit("Stream", "orders", description="again", maxAge="nonsense")
        namespace.wait_reason("Stream", "orders", "Errored", "spec.maxAge")
        found = namespace.get("Stream", "orders")
        check(condition in found["status"]["conditions"], f"lost: {found['status']['conditions']}")
        expect(found["metadata"]["annotations"]["example.com/note"], "mine", "annotation")
        namespace.edit("Stream", "orders", maxAge="1h")
        namespace.wait_ready("Stream", "orders")
        namespace.delete("Stream", "orders")

        def is_released():
            return namespace.get("Stream", "orders")["metadata"]["finalizers"] == ["example.com/hold"]
        namespace.wait(is_released, 10, lambda: "only the other finalizer is left")
        expect(JetStream(server.port).streams(), set(), "streams")
        namespace.patch("Stream", "orders", {"metadata": {"finalizers": []}})
        namespace.wait_gone("Stream", "orders")


# The API server

def api_restart(context):
    cluster = shared()
    namespace = cluster.namespace()
    with jetstream(context) as server, controller(context, server, namespace) as running:
        nats = JetStream(server.port)
        namespace.create("Stream", "orders", stream("ORDERS"))
        namespace.create("Stream", "other", stream("OTHER"))
        namespace.wait_ready("Stream", "orders")
        namespace.wait_ready("Stream", "other")
        cluster.tool("stop-api")
        time.sleep(3)
        expect(nats.streams(), {"ORDERS", "OTHER"}, "streams while the API server is away")
        cluster.tool("start-api", seconds=90)
        namespace.edit("Stream", "orders", description="after")
        namespace.delete("Stream", "other")
        started = time.monotonic()
        namespace.wait_ready("Stream", "orders", 60)
        namespace.wait_gone("Stream", "other", 60)
        expect(nats.streams(), {"ORDERS"}, "streams")
        check(running.log().count("cannot be watched") < 40, "the log is flooded")
        return f"at work again after {time.monotonic() - started:.1f} s"


def expired(context):
    cluster = shared()
    namespace = cluster.namespace()
    with jetstream(context) as server, controller(context, server, namespace, "--leader-elect=false") as running:
        nats = JetStream(server.port)
        for name in ("edited", "deleted", "forced", "left"):
            namespace.create("Stream", name, stream(name.upper()))
        for name in ("edited", "deleted", "forced", "left"):
            namespace.wait_ready("Stream", name)
        lists = dict(own_lists(running))
        running.process.send_signal(signal.SIGSTOP)
        try:
            # What happened on a connection that is still there would wait in it.
            cluster.tool("stop-api")
            cluster.tool("start-api", seconds=90)
            namespace.edit("Stream", "edited", description="unseen")
            namespace.delete("Stream", "deleted")
            # Gone without the controller ever hearing of it.
            namespace.patch("Stream", "forced", {"metadata": {"finalizers": []}})
            namespace.delete("Stream", "forced")
            namespace.create("Stream", "created", stream("CREATED"))
            for number in range(20):
                namespace.edit("Stream", "created", description=str(number))
            cluster.tool("stop-api")
            cluster.tool("compact")
            cluster.tool("start-api", seconds=90)
        finally:
            running.process.send_signal(signal.SIGCONT)
        namespace.wait_ready("Stream", "created", 60)
        namespace.wait_ready("Stream", "edited")
        namespace.wait_gone("Stream", "deleted")
        expect(nats.stream("CREATED")["description"], "19", "description")
        check({"EDITED", "LEFT", "CREATED"} <= nats.streams() and "DELETED" not in nats.streams(), nats.streams())
        namespace.wait_ready("Stream", "left")
        now = dict(own_lists(running))
        check(int(now["stream"]) > int(lists["stream"]), f"no new list: the version was still known ({lists}, {now})")


def many(context):
    cluster = shared()
    with jetstream(context) as server:
        spaces = [cluster.namespace() for _ in range(5)]
        clear(cluster)
        forget_pages(program())
        with controller(context, server, None, "--sync-interval=60s") as running:
            threads = [threading.Thread(target=fill, args=(space, index)) for index, space in enumerate(spaces)]
            started = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            made = time.monotonic() - started

            def states():
                return [item for space in spaces for item in cluster.call("GET", space.path("streams"))["items"]]

            def all_ready():
                found = states()
                return len(found) == MANY and all(
                    item.get("status", {}).get("conditions", [{}])[0].get("status") == "True" for item in found)
            wait_until(all_ready, 60, f"{MANY} streams are Ready")
            ready = time.monotonic() - started
            expect(len(JetStream(server.port).ask("STREAM.NAMES")["streams"]), MANY, "streams")
            time.sleep(12)
            before, lists = requests(cluster), own_lists(running)
            time.sleep(10)
            news = requests(cluster) - before
            expect(own_lists(running), lists, "lists in idle time")
            count = sum(news.values())
            # A Lease is renewed every two seconds; nothing else is to be said.
            check(count <= 6, f"requests to the API server in 10 idle seconds: {dict(news)}")
            memory = running.resident_kilobytes()
            check(memory < IDLE_KILOBYTES, f"{memory} KiB with {MANY} resources")
            return f"made in {made:.1f} s, Ready after {ready:.1f} s, {memory} KiB, {count} requests in 10 s"


def forget_pages(path):
    """A file that was written a moment ago lies in the page cache in large pieces, which count as a whole; one that was
    read as programs are read, in small ones."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def fill(space, index):
    for number in range(MANY // 5):
        space.create("Stream", f"stream-{number}", stream(f"S_{index}_{number}"))


def requests(cluster):
    """What was asked about our kinds, Events and Leases, but for what Kubernetes' own controllers do: they list and watch
    every kind there is."""
    counts = collections.Counter()
    for line in cluster.call("GET", "/metrics").splitlines():
        if line.startswith("apiserver_request_total{") and not re.search('verb="(WATCH|LIST)"', line):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["group"] == "jetstream.nats.io" or labels["resource"] in ("leases", "events"):
                counts[f"{labels['verb']} {labels['resource']}"] += int(float(line.rsplit(" ", 1)[1]))
    return counts


def own_lists(running):
    """By kind."""
    return re.findall(r'nack_kubernetes_lists_total\{kind="(\w+)"\} (\d+)', running.get("/metrics")[1])
