"""Reads Prometheus text and compares it with the families of the original, kept in families/*.families.

A line of those files is `name type labels`; they were taken from scrapes of prometheus-nats-exporter, without its go_*
families, which describe the Go runtime.
"""
import re
from pathlib import Path

from suite import Failure, check

FOLDER = Path(__file__).resolve().parent / "families"
SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Sample:
    def __init__(self, line):
        found = SAMPLE.match(line)
        if not found:
            raise Failure(f"no sample: {line!r}")
        self.name, self.value = found[1], float(found[3])
        self.labels = dict(LABEL.findall(found[2] or ""))


class Scrape:
    """The samples of a text, by family."""

    def __init__(self, text):
        self.text = text
        self.types, self.samples, self.by_name = {}, [], {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                check(name not in self.types, f"{name} is declared twice")
                self.types[name] = kind
            elif line and not line.startswith("#"):
                sample = Sample(line)
                self.samples.append(sample)
                self.by_name.setdefault(sample.name, []).append(sample)
        series = [(s.name, tuple(sorted(s.labels.items()))) for s in self.samples]
        check(len(series) == len(set(series)), "a series stands there twice")

    def __contains__(self, name):
        return name in self.by_name

    def __getitem__(self, name):
        return self.by_name.get(name, [])

    def names(self):
        return set(self.by_name)

    def one(self, name, /, **labels):
        """The first sample with these labels."""
        for sample in self[name]:
            if all(sample.labels.get(key) == value for key, value in labels.items()):
                return sample
        raise Failure(f"no {name} with {labels}")

    def shapes(self):
        """Name, type and label names of everything."""
        return {(s.name, self.types.get(s.name), ",".join(sorted(s.labels))) for s in self.samples}


def load(name):
    lines = (FOLDER / f"{name}.families").read_text().splitlines()
    return {(n, kind, "" if labels == "-" else labels) for n, kind, labels in (line.split() for line in lines)}


def known():
    """Every family name of the reference files, and our own."""
    own = {f"nats_exporter_{n}" for n in (
        "server_up", "endpoint_up", "endpoint_failure", "endpoint_duration_seconds", "endpoint_response_bytes",
        "endpoint_dropped_series", "scrape_duration_seconds", "build_info")}
    return own | {name for file in FOLDER.glob("*.families") for name, _, _ in load(file.stem)}


# Came with a later server than 2.10.
NEWER = re.compile(r"gnatsd_varz_(disk_io_wait|stale_conn|stalled|(in|out)_client|jetstream_(stats_api_level|stats_api_inflight|meta_)|"
                   r"http_req_stats|jetstream_config_sync)|gnatsd_subsz_(limit|offset|server_id|total)$")


def compare(found, name, more_labels=None, newer_fields=False):
    """Everything of the reference must be there, with its type and labels.

    - more_labels: label names that the flags of this scrape add, by the start of the family's name; sources and mirrors
      do not have those of streams.
    """
    expected = set()
    for family, kind, labels in load(name):
        names = [] if not labels else labels.split(",")
        for start, more in (more_labels or {}).items():
            if family.startswith(start + "_") and "_source_" not in family and "_mirror_" not in family:
                names += more
        expected.add((family, kind, ",".join(sorted(names))))
    missing = sorted(expected - found.shapes())
    if newer_fields:
        missing = [shape for shape in missing if not NEWER.match(shape[0])]
    check(not missing, f"missing: {missing}")
