"""What the controller may do, and what becomes of it where it may not."""
import contextlib
import json
import time
from pathlib import Path

from api_cluster import Namespace, Refused, shared
from controller import JetStream
from setting import controller, jetstream, kubeconfig, stream
from suite import check, expect, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def other_namespaces(context):
    ours, theirs = shared().namespace(), shared().namespace()
    with jetstream(context) as server, controller(context, server, ours):
        theirs.create("Stream", "orders", stream("THEIRS"))
        ours.create("Stream", "orders", stream("OURS"))
        ours.wait_ready("Stream", "orders")
        time.sleep(2)
        check("status" not in theirs.get("Stream", "orders"), "a resource of another namespace has a status")
        expect(JetStream(server.port).streams(), {"OURS"}, "streams")


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
