"""The ways to an API server, and one that goes, forgets and comes back."""
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import servers
from api_cluster import shared
from controller import Controller, JetStream
from setting import controller, jetstream, kubeconfig, program, stream
from suite import Missing, check, expect

ROOT = Path(__file__).resolve().parent.parent.parent.parent


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


def own_lists(running):
    """By kind."""
    return re.findall(r'nack_kubernetes_lists_total\{kind="(\w+)"\} (\d+)', running.get("/metrics")[1])
