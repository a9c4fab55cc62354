"""What the tests of the controller in Kubernetes stand on: servers, controllers, manifests, logins."""
import contextlib
import json
import os
import tempfile
from pathlib import Path

import servers
from api_cluster import shared
from controller import Controller
from suite import Missing

ROOT = Path(__file__).resolve().parent.parent.parent.parent


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
