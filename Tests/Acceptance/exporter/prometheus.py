"""Debian's Prometheus and promtool."""
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import servers
from suite import Failure, Missing, check

# Findings of promtool that the inherited names and types bring with them.
INHERITED = {
    "gnatsd_connz_in_bytes": '"_total" suffix', "gnatsd_connz_in_msgs": '"_total" suffix',
    "gnatsd_connz_out_bytes": '"_total" suffix', "gnatsd_connz_out_msgs": '"_total" suffix',
    "gnatsd_connz_total": '"_total" suffix', "gnatsd_subsz_total": '"_total" suffix',
    "gnatsd_leafz_conn_nodes_total": '"_total" suffix', "gnatsd_leafz_conn_subscriptions_total": '"_total" suffix',
    "gnatsd_varz_jetstream_stats_api_total": '"_total" suffix',
    "jetstream_stream_mirror_active_duration_ns": "abbreviated units",
    "jetstream_stream_source_active_duration_ns": "abbreviated units",
    "jetstream_stream_consumer_count": '"_count" suffix', "jetstream_stream_subject_count": '"_count" suffix',
}


def program(name):
    path = shutil.which(name)
    if not path:
        raise Missing("the Debian package prometheus")
    return path


def tool(*arguments):
    done = subprocess.run([program("promtool"), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, f"promtool {' '.join(map(str, arguments[:2]))}:\n{done.stdout}{done.stderr}")


def lint(text):
    """Checks a text; returns how many findings there were, all of them inherited."""
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    check(done.returncode in (0, 3), f"promtool cannot read it: {done.stdout}{done.stderr}")
    findings = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    for line in findings:
        name, _, finding = line.partition(" ")
        check(INHERITED.get(name, "\0") in finding, f"promtool: {line}")
    return len(findings)


def parse(folder, query):
    """A query must be PromQL."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".yaml") as file:
        for variable, value in (("$__rate_interval", "1m"), ("$__interval", "1m"), ("$__range", "1h"),
                                ("$server", "x"), ("$account", "x"), ("$stream", "x"), ("$cluster", "x"), ("$job", "x")):
            query = query.replace(variable, value)
        json.dump({"groups": [{"name": "g", "rules": [{"record": "r", "expr": query}]}]}, file)
        file.flush()
        tool("check", "rules", file.name)


class Prometheus:
    """A Prometheus that scrapes one port of 127.0.0.1 every second."""

    def __init__(self, folder, port):
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        config = self.folder / "prometheus.yaml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "nats", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]}))
        self.url = f"http://127.0.0.1:{servers.free_port()}"
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address={self.url[7:]}"], stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, "GOMAXPROCS": "2"})

    def query(self, text):
        """The values of the result."""
        try:
            url = f"{self.url}/api/v1/query?" + urllib.parse.urlencode({"query": text})
            with urllib.request.urlopen(url, timeout=5) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # not ready yet
                return None
            raise Failure(f"{text}: {error.read().decode()}") from None
        except OSError:
            return None
        return [float(row["value"][1]) for row in result]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
