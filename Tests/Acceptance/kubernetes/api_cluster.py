"""A real API server of the rig for one run of the suite, and the few calls that tests need."""
import atexit
import base64
import json
import os
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from servers import ports
from suite import Failure, Missing, wait_until

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "Tests/rig/kube"
GROUP = "/apis/jetstream.nats.io/v1beta2"
BUILD_SECONDS = 3600

_lock = threading.Lock()
_counting = threading.Lock()
_cluster = None


def shared():
    """The cluster of this run, started by the first test that needs it."""
    global _cluster
    with _lock:
        if _cluster is None:
            try:
                _cluster = Cluster()
            except (Failure, Missing) as problem:
                _cluster = problem
        if isinstance(_cluster, Exception):
            raise type(_cluster)(*_cluster.args)
        return _cluster


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, code, body):
        super().__init__(f"{code}: {body[:500]}")
        self.code = code


class Cluster:
    def __init__(self):
        self.build()
        self.environment = {**os.environ, "RIG_KUBE_PORT": os.environ.get("RIG_KUBE_PORT") or str(free_ports(7))}
        atexit.register(self.down)
        self.tool("up", seconds=180)
        for line in self.tool("env").splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            self.environment[name] = value
        self.server = self.environment["RIG_KUBE_SERVER"]
        self.kubeconfig = self.environment["KUBECONFIG"]
        self.tls = ssl.create_default_context(cafile=self.environment["RIG_KUBE_CA"])
        self.namespaces = 0
        self.kubectl("apply", "-f", str(ROOT / "deploy/crds"))
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "deploy/crds"))

    def build(self):
        if subprocess.run([TOOL, "is-built"], capture_output=True).returncode == 0:
            return
        if os.environ.get("CI") != "true":
            raise Missing("a compiled Kubernetes: Tests/rig/kube build makes one in 10 to 20 minutes")
        done = subprocess.run([TOOL, "build", "kube-apiserver", "kube-controller-manager"], capture_output=True,
                              text=True, timeout=BUILD_SECONDS)
        if done.returncode:
            raise Missing(f"a compiled Kubernetes: {done.stderr.strip()[-500:]}")

    def down(self):
        subprocess.run([TOOL, "down"], env=self.environment, capture_output=True)

    def tool(self, *arguments, seconds=60):
        # The servers that it starts inherit what it writes to: a pipe would never end.
        done = subprocess.run([TOOL, *arguments], env=self.environment, capture_output=True, text=True, timeout=seconds)
        if done.returncode:
            raise Failure(f"kube {' '.join(arguments)}: {done.stderr[-1000:]}")
        return done.stdout

    def kubectl(self, *arguments, text=None, seconds=90, fails=False):
        """What it prints; with `fails` an error is expected."""
        done = subprocess.run(["kubectl", *arguments], env=self.environment, input=text, capture_output=True, text=True,
                              timeout=seconds)
        if (done.returncode != 0) != fails:
            raise Failure(f"kubectl {' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stderr if fails else done.stdout

    def call(self, method, path, body=None, kind="application/json", token=None):
        """One request; the answer's document."""
        headers = {"Authorization": "Bearer " + (token or self.environment["RIG_KUBE_TOKEN"]), "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=10) as answer:
                text = answer.read().decode()
                return json.loads(text) if text.startswith("{") else text
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None

    def namespace(self):
        with _counting:
            self.namespaces += 1
            name = f"test-{self.namespaces}"
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return Namespace(self, name)


class Namespace:
    """Custom resources of one namespace."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name

    def path(self, plural, name=""):
        return f"{GROUP}/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")

    def create(self, kind, name, spec, **metadata):
        self.cluster.call("POST", self.path(plural(kind)), {
            "apiVersion": "jetstream.nats.io/v1beta2", "kind": kind, "metadata": {"name": name, **metadata},
            "spec": spec})

    def get(self, kind, name):
        """The object, or None."""
        try:
            return self.cluster.call("GET", self.path(plural(kind), name))
        except Refused as refused:
            if refused.code == 404:
                return None
            raise

    def patch(self, kind, name, change, subresource=""):
        return self.cluster.call("PATCH", self.path(plural(kind), name) + subresource, change,
                                 kind="application/merge-patch+json")

    def edit(self, kind, name, **spec):
        return self.patch(kind, name, {"spec": spec})

    def delete(self, kind, name):
        self.cluster.call("DELETE", self.path(plural(kind), name))

    def ready(self, kind, name):
        """The condition Ready; {} without one."""
        found = self.get(kind, name) or {}
        conditions = (found.get("status") or {}).get("conditions") or []
        return next((condition for condition in conditions if condition["type"] == "Ready"), {})

    def wait_ready(self, kind, name, seconds=20):
        """Until the newest generation is there."""
        def holds():
            found = self.get(kind, name)
            status = (found or {}).get("status") or {}
            return (self.ready(kind, name).get("status") == "True"
                    and status.get("observedGeneration") == found["metadata"]["generation"])
        return self.wait(holds, seconds, lambda: f"{kind} {name} is Ready: {self.ready(kind, name)}")

    def wait_reason(self, kind, name, reason, text="", seconds=20):
        def holds():
            condition = self.ready(kind, name)
            return condition if condition.get("reason") == reason and text in condition.get("message", "") else None
        return self.wait(holds, seconds, lambda: f"{kind} {name}: {reason} {text!r}, is {self.ready(kind, name)}")

    def wait_gone(self, kind, name, seconds=20):
        self.wait(lambda: self.get(kind, name) is None, seconds,
                  lambda: f"{kind} {name} is gone: {self.get(kind, name)}")

    @staticmethod
    def wait(holds, seconds, what):
        deadline = time.monotonic() + seconds
        while True:
            value = holds()
            if value:
                return value
            if time.monotonic() > deadline:
                raise Failure(f"not within {seconds} s: {what()}")
            time.sleep(0.05)

    def events(self, name):
        found = self.cluster.call("GET", f"/api/v1/namespaces/{self.name}/events")["items"]
        return [event for event in found if event["involvedObject"]["name"] == name]

    def secret(self, name, /, **values):
        """Makes or replaces a Secret."""
        body = {"metadata": {"name": name}, "stringData": values}
        path = f"/api/v1/namespaces/{self.name}/secrets"
        try:
            self.cluster.call("POST", path, body)
        except Refused as refused:
            if refused.code != 409:
                raise
            self.cluster.call("DELETE", f"{path}/{name}")
            self.cluster.call("POST", path, body)

    def update_secret(self, name, /, **values):
        self.cluster.call("PATCH", f"/api/v1/namespaces/{self.name}/secrets/{name}", {"stringData": values},
                          kind="application/merge-patch+json")

    def apply(self, text):
        return self.cluster.kubectl("apply", "-n", self.name, "-f", "-", text=text)

    def service_account_token(self, name="jetstream-controller"):
        """The token that the controller manager made for it."""
        def found():
            for secret in self.cluster.call("GET", f"/api/v1/namespaces/{self.name}/secrets")["items"]:
                notes = secret["metadata"].get("annotations") or {}
                if notes.get("kubernetes.io/service-account.name") == name and "token" in secret.get("data", {}):
                    return secret["data"]["token"]
            return None
        return base64.b64decode(wait_until(found, 20, f"a token for {name}")).decode()


def plural(kind):
    return kind.lower() + "s"


def free_ports(count):
    """The first of so many ports in a row that were free a moment ago."""
    for first in range(17440, 30000, 20):
        if all(map(ports.is_free, range(first, first + count))):
            return first
    raise Failure("no free ports")
