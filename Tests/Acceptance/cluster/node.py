"""The rig's Kubernetes with a node that runs pods: started once, removed at the end of the program."""
import atexit
import fcntl
import json
import os
import subprocess
import time
import urllib.request
from pathlib import Path

from suite import Failure, Missing, check

ROOT = Path(__file__).resolve().parents[3]
KUBE = ROOT / "Tests/rig/kube"
HELM = ROOT / "Tests/rig/helm"
BUILD_SECONDS = 5400
UP_SECONDS = 300
HELM_SECONDS = 400


class Node:
    """The cluster; `start` may be called by every test."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = None
        self.problem = None

    def start(self):
        if self.problem:
            raise self.problem
        if self.environment:
            return
        try:
            self.bring_up()
        except (Missing, Failure) as problem:
            self.problem = problem
            raise

    def bring_up(self):
        if os.geteuid():
            raise Missing("the right to run containers (root)")
        self.build()
        # There is one node a machine: another run waits here.
        self.lock = open(self.rig_folder() / "node.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        atexit.register(self.down)
        self.tool("up", "--nodes", seconds=UP_SECONDS)
        exports = (line.removeprefix("export ").partition("=") for line in self.tool("env").splitlines())
        self.environment = {**os.environ, **{name: value for name, _, value in exports}}

    @staticmethod
    def rig_folder():
        cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
        folder = Path(os.environ.get("RIG_DIR", cache + "/natsd-rig")) / "kube"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def build(self):
        names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
        if all((self.rig_folder() / "bin" / name).exists() for name in names):
            return
        if os.environ.get("CI") != "true":
            raise Missing("a compiled Kubernetes: Tests/rig/kube build makes one in 10 to 20 minutes")
        self.tool("build", seconds=BUILD_SECONDS)

    def down(self):
        subprocess.run([KUBE, "down"], capture_output=True)
        self.lock.close()

    def tool(self, *arguments, seconds=120):
        # What it starts inherits what it writes to: a pipe would never end.
        log = self.folder / "kube.log"
        with open(log, "w", encoding="utf-8") as output:
            done = subprocess.run([KUBE, *map(str, arguments)], stdout=output, stderr=output, timeout=seconds)
        check(done.returncode == 0, f"kube {arguments[0]}: {log.read_text()[-2000:]}")
        return log.read_text()

    def kubectl(self, *arguments, text=None, seconds=120, fails=False):
        """What it prints; with `fails` an error is expected."""
        self.start()
        done = subprocess.run(["kubectl", *map(str, arguments)], env=self.environment, input=text,
                              capture_output=True, text=True, timeout=seconds)
        check((done.returncode != 0) == fails,
              f"kubectl {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stderr if fails else done.stdout

    def helm(self, *arguments):
        self.start()
        done = subprocess.run([HELM, *map(str, arguments)], env=self.environment, capture_output=True, text=True,
                              timeout=HELM_SECONDS)
        if done.returncode and "needs Python 3.12" in done.stderr:
            raise Missing("Python 3.12, for Helm (Tests/rig/helm)")
        check(done.returncode == 0, f"helm {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
        return done.stdout


class Release:
    """A chart installed in a namespace of its own."""

    def __init__(self, node, chart, name, namespace, values):
        self.node, self.chart, self.name, self.namespace, self.values = node, chart, name, namespace, values
        # Of the StatefulSet, and before the number of its pods.
        self.full_name = name if chart in name else f"{name}-{chart}"

    def helm(self, command, *arguments):
        """install or upgrade, with this release's values before `arguments`."""
        return self.node.helm(
            command, ROOT / "deploy/helm" / self.chart, "--release", self.name, "-n", self.namespace, "-f",
            self.values, *arguments)

    def install(self, *arguments):
        return self.helm("install", "--create-namespace", "--wait", "--timeout", "240", *arguments)

    def upgrade(self, *arguments):
        return self.helm("upgrade", "--timeout", "240", *arguments)

    def rollback(self):
        return self.node.helm("rollback", self.name, "-n", self.namespace)

    def kubectl(self, *arguments, **options):
        return self.node.kubectl("-n", self.namespace, *arguments, **options)

    def get(self, kind, name):
        """An object, or None."""
        text = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def pod(self, index=0):
        return self.get("pod", f"{self.full_name}-{index}")

    def pods(self, count):
        return [self.pod(index) for index in range(count)]

    def address(self, index=0):
        return self.pod(index)["status"]["podIP"]

    def logs(self, index=0, container="nats", *arguments):
        return self.kubectl("logs", f"{self.full_name}-{index}", "-c", container, *arguments)

    def http(self, path, index=0, port=8222):
        with urllib.request.urlopen(f"http://{self.address(index)}:{port}{path}", timeout=5) as answer:
            return answer.read().decode()

    def monitor(self, path, index=0):
        return json.loads(self.http(path, index))

    def wait_ready(self, count, seconds=180, unlike=()):
        """Until pods 0 to count-1 are ready and none of them has one of the uids `unlike`."""
        def all_ready():
            pods = self.pods(count)
            return all(pod and pod["metadata"]["uid"] not in unlike and is_ready(pod) for pod in pods) and pods
        return patiently(all_ready, seconds, lambda: f"ready pods of {self.name}:\n{self.describe()}")

    def describe(self):
        return (self.kubectl("get", "pods,pvc", "-o", "wide")
                + self.kubectl("get", "events", "--sort-by=.lastTimestamp")[-1500:])

    def has_settled(self):
        """Whether a rollout is through."""
        found = self.get("statefulset", self.full_name)
        status = found["status"]
        return (status.get("observedGeneration") == found["metadata"]["generation"]
                and status.get("updateRevision") == status.get("currentRevision")
                and status.get("readyReplicas") == found["spec"]["replicas"])

    def nudge(self):
        """Has the kubelet look at the pods' ConfigMap now; by itself it does so every minute or so."""
        self.kubectl("annotate", "pods", "--all", "--overwrite", f"nudge={time.time_ns()}")


def is_ready(pod):
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and not pod["metadata"].get("deletionTimestamp")


def restarts(pod):
    return sum(container["restartCount"] for container in pod["status"]["containerStatuses"])


def patiently(condition, seconds, what):
    """Polls a condition that costs something; its value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what()}")
        time.sleep(0.3)
