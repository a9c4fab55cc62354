"""Renders the charts of deploy/helm with every values file beside this one. Run by Tests/charts/run.

    CHART/NAME.yaml           values; "# release: NAME" in the first line names the release (otherwise the chart's name)
    CHART/golden/NAME.diff    what they change, compared with the chart's defaults
    CHART/golden/defaults.yaml    the defaults, as a whole
    CHART/golden/NAME-1.20.diff   what is different on the oldest Kubernetes; absent where it is the same as with the
                              defaults
    CHART/wrong.yaml          values that must be refused, with words of the refusal

`charts.py render FOLDER` writes all renderings to FOLDER/CHART/NAME/, and FOLDER/results.json with what is wrong;
`charts.py golden` writes the golden files anew.
"""
import asyncio
import difflib
import json
import re
import subprocess
import sys
from pathlib import Path

import helm
import helm_values

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHARTS = [folder.name for folder in sorted(HERE.iterdir()) if (folder / "defaults.yaml").exists()]
NEWEST, OLDEST = helm.NEWEST_KUBERNETES, "1.20"
NAMESPACE = "messaging"
AT_A_TIME = 8


def chart_folder(chart):
    return ROOT / "deploy/helm" / chart


def cases(chart):
    """Name -> (release, values) of every values file."""
    found = {}
    for path in sorted((HERE / chart).glob("*.yaml")):
        if path.name != "wrong.yaml":
            release = re.match(r"# release: (\S+)\n", path.read_text())
            found[path.stem] = (release[1] if release else chart, helm_values.read_file(path))
    return found


async def render_all(requests):
    """Manifests, or the error as an exception, of (chart, release, values, kube version) in order."""
    renderers = {version: helm.Renderer(version) for version in (NEWEST, OLDEST)}
    turns = asyncio.Semaphore(AT_A_TIME)

    async def one(chart, release, values, version):
        async with turns:
            return await renderers[version].render(chart_folder(chart), values, release, NAMESPACE)

    return await asyncio.gather(*(one(*request) for request in requests), return_exceptions=True)


def ordered(manifest):
    """The documents by kind and name, without the comments in which Helm names templates."""
    parts = []
    for part in re.split(r"^---\n", manifest, flags=re.M):
        text = re.sub(r"^# Source: .*\n", "", part, flags=re.M).strip("\n")
        (document,) = helm_values.documents(text) or [None]
        if document:
            parts.append((document["kind"], document["metadata"]["name"], text))
    return "".join(f"---\n{text}\n" for _, _, text in sorted(parts))


def difference(before, after):
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), n=2)
    # Positions would change with every line of the defaults.
    return "".join("@@\n" if line.startswith("@@") else line for line in list(lines)[2:])


def goldens(name, newest, oldest, defaults, default_aging):
    """File name -> text of the golden files of a case. Differences to the oldest Kubernetes are `aging`."""
    aging = difference(newest, oldest)
    if name == "defaults":
        return {"defaults.yaml": newest, f"defaults-{OLDEST}.diff": aging}
    files = {f"{name}.diff": difference(defaults, newest)}
    if changed_lines(aging) != changed_lines(default_aging):
        files[f"{name}-{OLDEST}.diff"] = aging
    return files


def changed_lines(text):
    return [line for line in text.splitlines() if line[:1] in "+-"]


def configuration_files(manifest):
    """The data of the ConfigMap that holds nats.conf."""
    for document in helm_values.documents(manifest):
        if document and document["kind"] == "ConfigMap" and "nats.conf" in (document.get("data") or {}):
            return document["data"]
    return {}


# --- what every values file together must use


def leaves(values, path=()):
    """Paths of all values that have none inside; empty maps and lists are values."""
    if isinstance(values, dict) and values:
        for key, value in values.items():
            yield from leaves(value, (*path, key))
    else:
        yield path


def is_used(path, values):
    for key in path:
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


def each_context(path):
    """A context of any name stands for the example in the defaults."""
    return path[:2] == ("natsBox", "contexts")


def unused_keys(chart, all_values):
    defaults = helm_values.read_file(chart_folder(chart) / "values.yaml")
    for path in leaves(defaults):
        if each_context(path):
            used = any(is_used(path[3:], context or {}) for values in all_values
                       for context in ((values.get("natsBox") or {}).get("contexts") or {}).values())
        else:
            used = any(is_used(path, values) for values in all_values)
        if not used:
            yield ".".join(path)


# --- commands


class Rendered:
    def __init__(self):
        self.cases = {chart: cases(chart) for chart in CHARTS}
        self.wrong = {chart: helm_values.documents((HERE / chart / "wrong.yaml").read_text())[0] for chart in CHARTS}
        keys, requests = [], []
        for chart in CHARTS:
            for name, (release, values) in self.cases[chart].items():
                for version in (NEWEST, OLDEST):
                    keys.append((chart, name, version))
                    requests.append((chart, release, values, version))
            for index, row in enumerate(self.wrong[chart]):
                keys.append((chart, index, NEWEST))
                requests.append((chart, chart, row["values"], NEWEST))
        self.answers = dict(zip(keys, asyncio.run(render_all(requests))))

    def manifest(self, chart, name, version):
        answer = self.answers[chart, name, version]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def goldens(self, chart, name):
        newest, oldest, defaults, old_defaults = (
            ordered(self.manifest(chart, case, version)) for case in (name, "defaults") for version in (NEWEST, OLDEST))
        return goldens(name, newest, oldest, defaults, difference(defaults, old_defaults))


def check_case(rendered, chart, name, folder):
    """Problems of one values file; leaves its manifest and its configuration in `folder`."""
    try:
        manifest = rendered.manifest(chart, name, NEWEST)
        expected = rendered.goldens(chart, name)
    except Exception as error:
        return [str(error)]
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(manifest)
    for file, text in configuration_files(manifest).items():
        (folder / file).write_text(text)
    problems = [problem for version in (NEWEST, OLDEST)
                for problem in helm.problems_of(rendered.manifest(chart, name, version))]
    recorded = {path.name: path.read_text() for path in (HERE / chart / "golden").glob(f"{name}*")
                if path.stem in (name, f"{name}-{OLDEST}")}
    for file in sorted(expected.keys() | recorded.keys()):
        if expected.get(file) != recorded.get(file):
            changes = difference(recorded.get(file, ""), expected.get(file, ""))
            problems.append(f"golden/{file} (Tests/charts/run golden writes it anew):\n{changes[:2000]}")
    return problems


def check_wrong(rendered, chart, index):
    answer = rendered.answers[chart, index, NEWEST]
    row = rendered.wrong[chart][index]
    if not isinstance(answer, Exception):
        return ["rendered all the same"]
    return [f"says nothing of {words!r}: {answer}" for words in [row["says"]] if words not in str(answer)]


def permissions(rules):
    """Rules of access as single permissions."""
    return {(group, resource, verb, name) for rule in rules for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"] for name in rule.get("resourceNames", [""])}


def rules_of(documents, kinds, lease):
    return {found for document in documents if document and document["kind"] in kinds
            for found in permissions(document["rules"]) if (found[1] == "leases") == lease}


def check_rights(rendered):
    """The nack chart gives the controller what deploy/rbac gives it."""
    plain = {name: helm_values.documents((ROOT / f"deploy/rbac/{name}.yaml").read_text())
             for name in ("cluster", "namespace")}
    kinds, problems = ("ClusterRole", "Role"), []
    for case, name, lease in (("defaults", "cluster", False), ("defaults", "cluster", True),
                              ("namespaced", "namespace", False)):
        ours = rules_of(helm_values.documents(rendered.manifest("nack", case, NEWEST)), kinds, lease)
        theirs = rules_of(plain[name], kinds, lease)
        problems += [f"{case}: the chart has {found} too much" for found in sorted(ours - theirs)]
        problems += [f"{case}: the chart lacks {found}" for found in sorted(theirs - ours)]
    return problems


def check_generated():
    done = subprocess.run([sys.executable, "-B", ROOT / "deploy/helm/generate", "--check"], capture_output=True,
                          text=True)
    if done.returncode == 0:
        return []
    return [f"Tests/rig/helm python deploy/helm/generate writes anew:\n{done.stdout}{done.stderr}"]


def command_render(folder):
    rendered, results = Rendered(), {}
    for chart in CHARTS:
        for name in rendered.cases[chart]:
            results[f"{chart}: {name}"] = check_case(rendered, chart, name, folder / chart / name)
        for index, row in enumerate(rendered.wrong[chart]):
            results[f"{chart}: refused: {json.dumps(row['values'])}"] = check_wrong(rendered, chart, index)
        results[f"{chart}: helm lint"] = [f"{severity}: {file}" for severity, file in
                                          helm.lint_findings(chart_folder(chart)) if severity == "error"]
        results[f"{chart}: every value is used by a values file"] = list(
            unused_keys(chart, [values for _, values in rendered.cases[chart].values()]))
    results["nack: the controller's rights are those of deploy/rbac"] = check_rights(rendered)
    results["schemas, tables of values and copies are made from their sources"] = check_generated()
    (folder / "results.json").write_text(json.dumps(results))


def command_golden():
    rendered = Rendered()
    for chart in CHARTS:
        golden = HERE / chart / "golden"
        golden.mkdir(exist_ok=True)
        wanted = {}
        for name in rendered.cases[chart]:
            wanted.update(rendered.goldens(chart, name))
        for path in golden.iterdir():
            if path.name not in wanted:
                path.unlink()
        for file, text in wanted.items():
            (golden / file).write_text(text)
        print(f"{chart}: {len(wanted)} golden files")


def main(arguments):
    if arguments[:1] == ["golden"]:
        command_golden()
    elif arguments[:1] == ["render"] and len(arguments) == 2:
        command_render(Path(arguments[1]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
