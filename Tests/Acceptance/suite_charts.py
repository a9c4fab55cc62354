"""The charts of deploy/helm, rendered by Helm (Tests/rig/helm) with the values files of Tests/charts.

Every rendering is compared with its golden files; wrong values must be refused by words that name the key; every
rendered configuration is given to the server under test and to a real nats-server with `-t`."""
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import certificates
import suite
from suite import check

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 600
# natsd's own keys, which nats-server refuses.
OWN_LINES = re.compile(r'^ *"config_watch": .*\n', re.M)
# What an upgrade cannot change in a StatefulSet, with the names that releases of the official chart have
# (FEATURES 14.007, 14.014, 14.021, 14.028).
IMMUTABLE = {
    "defaults": ["volumeClaimTemplates: []"],
    "resolver-without-volume": ["volumeClaimTemplates: []"],
    "single-jetstream": ["name: nats-js"],
    "names": ["name: live-broker-js", "name: live-broker-resolver"],
}
ALWAYS_IMMUTABLE = ["podManagementPolicy: Parallel", "serviceName: {full}-headless", """selector:
    matchLabels:
      app.kubernetes.io/component: nats
      app.kubernetes.io/instance: {release}
      app.kubernetes.io/name: {name}
  serviceName"""]


def tests(context):
    folder = context.folder / "charts"
    try:
        results = render(folder)
    except (suite.Missing, suite.Failure) as problem:
        return [suite.Test("the charts render", lambda problem=problem: failing(problem))]
    found = [suite.Test(name, lambda problems=problems: check(not problems, "\n".join(problems)))
             for name, problems in results.items()]
    configurations = Configurations(context, folder)
    found += [suite.Test(f"{path.parent.parent.name}: {path.parent.name}: nats.conf is valid",
                         lambda path=path: configurations.check(path.parent))
              for path in sorted(folder.glob("*/*/nats.conf"))]
    found += [suite.Test(f"nack: {path.parent.name}: the controller may have its Lease",
                         lambda path=path: lease(path.read_text()))
              for path in sorted(folder.glob("nack/*/manifest.yaml"))]
    found += [suite.Test(f"nats: {name}: an upgrade changes nothing that cannot be changed",
                         lambda name=name: immutable(folder / "nats" / name)) for name in IMMUTABLE]
    return found


def render(folder):
    """Name -> problems, by Tests/charts/run."""
    folder.mkdir()
    done = subprocess.run([ROOT / "Tests/charts/run", "render", folder], capture_output=True, text=True,
                          timeout=SECONDS)
    if done.returncode and "needs Python 3.12" in done.stderr:
        raise suite.Missing("Python 3.12, for Helm (Tests/rig/helm)")
    check(done.returncode == 0, done.stdout + done.stderr)
    return json.loads((folder / "results.json").read_text())


def failing(problem):
    raise problem


class Configurations:
    """Rendered configurations with real certificates in the place of those of the cluster."""

    def __init__(self, context, folder):
        self.context = context
        self.certificates = folder / "certificates"
        self.certificates.mkdir()
        certificates.make(self.certificates)

    def check(self, rendered):
        folder = self.context.folder / f"configuration-{rendered.name}"
        shutil.copytree(rendered, folder)
        for path in folder.iterdir():
            path.write_text(self.local(path.read_text(), folder))
        text = (folder / "nats.conf").read_text()
        for name in re.findall(r"include (\S+);", text):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
        variables = {name: "x1" for name in re.findall(r"\$([A-Z_]+)", text)}
        self.try_one(self.context.server, folder / "nats.conf", variables)
        (folder / "nats.conf").write_text(OWN_LINES.sub("", text))
        self.try_one(self.context.needs_peer(), folder / "nats.conf", variables)

    def local(self, text, folder):
        """Paths of the pod become paths of this machine."""
        files = {"cert_file": "server.pem", "key_file": "server.key", "ca_file": "ca.pem"}
        for key, file in files.items():
            text = re.sub(f'"{key}": ".*?"', f'"{key}": "{self.certificates / file}"', text)
        return text.replace("/etc/nats-config/", f"{folder}/")

    def try_one(self, program, path, variables):
        done = subprocess.run([program, "-t", "-c", path], capture_output=True, text=True, timeout=30,
                              env={**os.environ, **variables})
        check(done.returncode == 0 and "is valid" in done.stdout + done.stderr,
              f"{program} -t: exit {done.returncode}\n{done.stdout}{done.stderr}{path.read_text()}")


def lease(manifest):
    """With --namespace the usual Lease has the namespace behind its name (docs/kubernetes.md)."""
    flags = dict(re.findall(r'- "?--(namespace|leader-election-id)=([^"\s]+)', manifest))
    scope = f".{flags['namespace']}" if "namespace" in flags else ""
    wanted = flags.get("leader-election-id", f"nack-controller{scope}")
    named = re.findall(r"resources: \[leases\]\n *resourceNames: \[\"(.*?)\"\]", manifest)
    check(named == [wanted], f"the controller's Lease is {wanted}, the Role names {named}")


def immutable(folder):
    text = (folder / "manifest.yaml").read_text()
    release, name, full = ("live", "broker", "live-broker") if folder.name == "names" else ("nats", "nats", "nats")
    start = text.index("kind: StatefulSet")
    stateful_set = text[start:text.find("\n---", start) % len(text)]
    for words in [*IMMUTABLE[folder.name], *ALWAYS_IMMUTABLE]:
        words = words.format(release=release, name=name, full=full)
        check(words in stateful_set, f"not in the StatefulSet: {words}\n{stateful_set}")
