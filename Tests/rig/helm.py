"""Helm's commands for Tests/rig/helm. See its --help and that of each command."""
import argparse
import asyncio
import base64
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import helm_sdkpy
import helm_values
from helm_pretend import PretendedServer

NEWEST_KUBERNETES = "1.34"
PLACEHOLDER_RELEASE = "release-name"
AT_A_TIME = 8


def chart_folder(path):
    if not os.path.exists(path):
        raise SystemExit(f"no chart at {path}")
    return os.path.abspath(path)


class Renderer:
    """Renders charts for one Kubernetes version."""

    def __init__(self, kube_version):
        match = re.fullmatch(r"v?1\.(\d+)(\..*)?", kube_version)
        if not match:
            raise SystemExit(f"--kube-version {kube_version}: expected 1.MINOR")
        self.kubeconfig = tempfile.NamedTemporaryFile("w", suffix=".conf")
        self.kubeconfig.write(PretendedServer(int(match[1])).kubeconfig())
        self.kubeconfig.flush()

    async def render(self, chart, values, release=PLACEHOLDER_RELEASE, namespace="default"):
        """The manifest, hooks at its end. Raises HelmError."""
        configuration = helm_sdkpy.Configuration(namespace=namespace, kubeconfig=self.kubeconfig.name)
        result = await helm_sdkpy.Install(configuration).run(
            release, chart_folder(chart), values=values or None, wait=False, timeout=30)
        text = result.get("manifest") or ""
        for hook in result.get("hooks") or []:
            text += f"---\n# Source: {hook['path']}\n{hook['manifest'].rstrip()}\n"
        return text


def problems_of(manifest):
    """What is wrong with a rendered manifest: documents that are no named objects, objects that are there twice."""
    seen = set()
    for document in helm_values.documents(manifest):
        if document is None:
            continue
        metadata = document.get("metadata") if isinstance(document, dict) else None
        key = metadata and (document.get("apiVersion"), document.get("kind"), metadata.get("namespace"),
                            metadata.get("name"))
        if not key or not (key[0] and key[1] and key[3]):
            yield f"not a named Kubernetes object: {json.dumps(document)[:200]}"
        elif key in seen:
            yield f"{key[1]} {key[3]} is rendered twice"
        else:
            seen.add(key)


def lint_findings(chart):
    """Findings of `helm lint` as (severity, file). Their texts do not come through the library."""
    result = asyncio.run(helm_sdkpy.Lint(helm_sdkpy.Configuration()).run(chart_folder(chart)))
    names = {1: "info", 2: "warning", 3: "error"}
    return [(names.get(found.get("Severity"), "?"), found.get("Path") or chart)
            for found in result.get("Messages") or []]


def command_render(options):
    values = helm_values.read(options.values, options.set)
    renderer = Renderer(options.kube_version)
    sys.stdout.write(asyncio.run(renderer.render(options.chart, values, options.release, options.namespace)))


def command_lint(options):
    values = helm_values.read(options.values, options.set)
    findings = [f"{severity}: {file}" for severity, file in lint_findings(options.chart)]
    failed = any(finding.startswith("error") for finding in findings)
    try:
        renderer = Renderer(options.kube_version)
        manifest = asyncio.run(renderer.render(options.chart, values, options.release, options.namespace))
        problems = list(problems_of(manifest))
    except helm_sdkpy.HelmError as error:
        problems = [str(error)]
    print("\n".join([*findings, *(f"error: {problem}" for problem in problems),
                     f"{options.chart}: {'failed' if failed or problems else 'ok'}"]))
    return 1 if failed or problems else 0


def command_batch(_):
    """One request a line: {"chart", "values", "release", "namespace", "kube_version"}; one answer a line, in order:
    {"manifest"} or {"error"}."""
    renderers = {}

    async def answer(request):
        version = request.get("kube_version", NEWEST_KUBERNETES)
        if version not in renderers:
            renderers[version] = Renderer(version)
        try:
            return {"manifest": await renderers[version].render(
                request["chart"], request.get("values"), request.get("release", PLACEHOLDER_RELEASE),
                request.get("namespace", "default"))}
        except helm_sdkpy.HelmError as error:
            return {"error": str(error)}

    async def answer_all(requests):
        turns = asyncio.Semaphore(AT_A_TIME)

        async def in_turn(request):
            async with turns:
                return await answer(request)

        for task in [asyncio.create_task(in_turn(request)) for request in requests]:
            print(json.dumps(await task), flush=True)

    asyncio.run(answer_all([json.loads(line) for line in sys.stdin]))


def cluster(options):
    kubeconfig = os.environ.get("KUBECONFIG")
    if not kubeconfig or not os.path.exists(kubeconfig):
        raise SystemExit("KUBECONFIG names no file")
    return helm_sdkpy.Configuration(namespace=options.namespace, kubeconfig=kubeconfig)


def report(verb, release, started):
    print(f"{release['name']}: {verb}, revision {release['version']}, {release['info']['status']}"
          f" ({time.monotonic() - started:.1f} s)")


def command_install(options):
    started = time.monotonic()
    report("installed", asyncio.run(helm_sdkpy.Install(cluster(options)).run(
        options.release, chart_folder(options.chart), values=helm_values.read(options.values, options.set) or None,
        wait=options.wait, timeout=options.timeout, create_namespace=options.create_namespace)), started)


def command_upgrade(options):
    started = time.monotonic()
    report("upgraded", asyncio.run(helm_sdkpy.Upgrade(cluster(options)).run(
        options.release, chart_folder(options.chart), values=helm_values.read(options.values, options.set) or None,
        wait=options.wait, timeout=options.timeout, install=options.install,
        create_namespace=options.create_namespace, reuse_values=options.reuse_values)), started)


def recorded(options, revision):
    """What Helm has recorded of a revision: its chart and its values."""
    name = f"sh.helm.release.v1.{options.release}.v{revision}"
    done = subprocess.run(["kubectl", "-n", options.namespace, "get", "secret", name, "-o", "jsonpath={.data.release}"],
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"helm rollback: {done.stderr.strip()}")
    return json.loads(gzip.decompress(base64.b64decode(base64.b64decode(done.stdout))))


def write_chart(chart, folder):
    """A recorded chart as files."""
    files = {file["name"]: base64.b64decode(file["data"])
             for file in [*(chart.get("templates") or []), *(chart.get("files") or [])]}
    files["Chart.yaml"] = json.dumps(chart["metadata"]).encode()
    files["values.yaml"] = json.dumps(chart.get("values") or {}).encode()
    if chart.get("schema"):
        files["values.schema.json"] = base64.b64decode(chart["schema"])
    for name, content in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def command_rollback(options):
    """What `helm rollback` does, which the library cannot: an upgrade to the chart and the values of a revision."""
    started = time.monotonic()
    revision = options.revision
    if not revision:
        history = asyncio.run(helm_sdkpy.History(cluster(options)).run(options.release))
        revision = max(release["version"] for release in history) - 1
    release = recorded(options, revision)
    with tempfile.TemporaryDirectory() as folder:
        write_chart(release["chart"], folder)
        report(f"rolled back to revision {revision}", asyncio.run(helm_sdkpy.Upgrade(cluster(options)).run(
            options.release, folder, values=release.get("config") or None, wait=False, reset_values=True)), started)


def command_uninstall(options):
    started = time.monotonic()
    asyncio.run(helm_sdkpy.Uninstall(cluster(options)).run(options.release, wait=options.wait,
                                                           timeout=options.timeout))
    print(f"{options.release}: uninstalled ({time.monotonic() - started:.1f} s)")


def command_status(options):
    for release in asyncio.run(helm_sdkpy.History(cluster(options)).run(options.release)):
        print(json.dumps(release))


def parse():
    parser = argparse.ArgumentParser(prog="helm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, text):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--namespace", "-n", default="default")
        return command

    def takes_values(command, release):
        command.add_argument("chart", metavar="CHART", help="a chart's folder or archive")
        command.add_argument("--values", "-f", metavar="FILE", action="append", default=[], help="repeatable")
        command.add_argument("--set", metavar="KEY=VALUE", action="append", default=[],
                             help="one value, KEY.KEY=VALUE; repeatable")
        command.add_argument("--release", default=release)

    def takes_time(command):
        command.add_argument("--wait", action="store_true", help="until everything is ready, or gone")
        command.add_argument("--timeout", type=int, metavar="SECONDS", default=120, help="default %(default)s")

    for name, text in (("render", "what `helm template` prints"), ("lint", "lint rules, then a rendering")):
        command = add(name, text)
        takes_values(command, PLACEHOLDER_RELEASE)
        command.add_argument("--kube-version", metavar="1.MINOR", default=NEWEST_KUBERNETES,
                             help="what .Capabilities shows (default %(default)s)")
    add("batch", command_batch.__doc__)
    for name in ("install", "upgrade"):
        command = add(name, f"helm {name}")
        takes_values(command, "nats")
        takes_time(command)
        command.add_argument("--create-namespace", action="store_true")
        if name == "upgrade":
            command.add_argument("--install", action="store_true", help="install where there is no such release")
            command.add_argument("--reuse-values", action="store_true")
    command = add("rollback", command_rollback.__doc__)
    command.add_argument("release", metavar="RELEASE")
    command.add_argument("revision", metavar="REVISION", type=int, nargs="?", default=0)
    command = add("uninstall", "helm uninstall")
    command.add_argument("release", metavar="RELEASE")
    takes_time(command)
    command = add("status", "the revisions of a release")
    command.add_argument("release", metavar="RELEASE")
    return parser.parse_args()


def main():
    options = parse()
    try:
        return globals()["command_" + options.command](options)
    except (helm_sdkpy.HelmError, helm_values.BadValues) as error:
        raise SystemExit(f"helm {options.command}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
