"""The JetStream table of Benchmarks/run: natsd beside nats-server with its default and with sync_interval always.

All three keep their stores on one disk and take turns, workload by workload and round by round."""
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVERS = ["natsd", "nats-server", "nats-server synced"]
CPU, RATE, P50 = "cpu_per_million", "rate", "p50_us"
# A small write and a loopback round trip beside the disk's own time, in microseconds.
BESIDE_DISK = 50


@dataclass
class Workload:
    """One row. Targets: measure -> (relation, factor to nats-server, factor to nats-server synced)."""

    name: str
    load: str
    targets: dict = field(default_factory=dict)


PUBLISH = {RATE: (">=", 1.2, 5), CPU: ("<=", 0.5, None)}
WORKLOADS = [
    Workload("async publish, 1 stream, 128 B", "jspublish size=128", PUBLISH),
    Workload("async publish, 1 stream, 1 KB", "jspublish size=1024", PUBLISH),
    Workload("async publish, 100 streams at once, 128 B", "jspublish streams=100 publishers=4 size=128",
             {RATE: (">=", 1.5, None), CPU: ("<=", 0.5, None)}),
    Workload("async publish, message identifiers, 128 B", "jspublish size=128 ids=1",
             {RATE: (">=", 1.2, None), CPU: ("<=", 0.5, None)}),
    Workload("async publish, 1,000 consumers, a subject each, 128 B", "jsfollowed consumers=1000 subjects=1000 size=128",
             {RATE: (">=", 1.2, None), CPU: ("<=", 0.5, None)}),
    Workload("async publish, full stream, 3 consumers behind, 128 B",
             "jsfollowed consumers=3 subjects=200000 limit=200000 wild=1 size=128",
             {RATE: (">=", 1.2, None), CPU: ("<=", 0.5, None)}),
    Workload("one publish at a time, 128 B", "jssingle size=128", {P50: ("disk", 1.5, None)}),
    Workload("pull consume, batches of 500, explicit ack, 128 B", "jspull size=128 count=200000",
             {RATE: (">=", 2, None), CPU: ("<=", 0.5, None)}),
    Workload("ordered consumer replay, 128 B", "jsreplay size=128 count=500000",
             {RATE: (">=", 2, None), CPU: ("<=", 0.5, None)}),
    Workload("KV put, 1,000 under way, 128 B", "kvput window=1000", {RATE: (">=", 1.2, None), CPU: ("<=", 0.5, None)}),
    Workload("KV get, 64 under way, 128 B", "kvget window=64", {RATE: (">=", 1.5, None), CPU: ("<=", 0.5, None)}),
]
RESTART = "restart with {} messages of 128 B on disk"
MEASURES = {
    RATE: ("messages/s", lambda value: f"{value:,.0f}"),
    CPU: ("CPU s/million", lambda value: f"{value:.3f}"),
    P50: ("p50 us", lambda value: f"{value:,.0f}"),
    "p99_us": ("p99 us", lambda value: f"{value:,.0f}"),
    "restart_seconds": ("s until it answers", lambda value: f"{value:.2f}"),
    "resident_bytes": ("memory MB", lambda value: f"{value / 1e6:.1f}"),
}
COLUMNS = ["workload", "measure", *SERVERS, "ratio", "to synced", "target", "met"]


def prepare(programs, folder, disk, server_type):
    """One server of each kind, not started, with its store in a folder of its own on `disk`."""
    made = []
    for name, program, more in (("natsd", programs["natsd"], ""), ("nats-server", programs["nats-server"], ""),
                                ("nats-server synced", programs["nats-server"], "sync_interval: always")):
        short = name.replace(" ", "-")
        config = folder / f"{short}.conf"
        config.write_text(f'jetstream {{ store_dir: "{disk / short}", max_mem: 256MB, max_file: 50GB, {more} }}\n')
        made.append(server_type(short, f"{program} -a 127.0.0.1 -p {{port}} -c {config}", folder))
        made[-1].title = name
    return made


def measure(load, words, server):
    command = [load, *words.split(), f"port={server.port}", f"pid={server.process.pid}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if done.returncode:
        print(f"   {server.title}: {done.stderr.strip()}", file=sys.stderr, flush=True)
        return None
    return json.loads(done.stdout)


def medians(samples):
    return {name: {key: statistics.median(sample[key] for sample in found) for key in found[0]}
            for name, found in samples.items() if found}


def run_workload(load, workload, servers, options, disk):
    samples = {server.title: [] for server in servers}
    raw = []
    for _ in range(options.rounds):
        if any(relation == "disk" for relation, *_ in workload.targets.values()):
            done = subprocess.run([load, "fdatasync", f"path={disk}", "seconds=1"], capture_output=True, text=True)
            raw.append(json.loads(done.stdout)[P50])
        for server in servers:
            values = measure(load, f"{workload.load} seconds={max(1, round(options.seconds))}", server)
            if values:
                samples[server.title].append(values)
    return medians(samples), statistics.median(raw) if raw else None


def answers(port):
    """Whether JetStream answers there: account information that counts the stream."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.settimeout(5)
            client.sendall(b"CONNECT {\"verbose\":false}\r\nSUB r 1\r\nPUB $JS.API.STREAM.INFO.LOAD0 r 0\r\n\r\nPING\r\n")
            received = b""
            while b'"messages":' not in received and b'"error"' not in received:
                data = client.recv(65536)
                if not data:
                    return False
                received += data
            return b'"messages":' in received
    except OSError:
        return False


def run_restart(load, servers, count):
    """Fills a stream, stops, and starts until the stream is there again; once for each server."""
    results = {}
    for server in servers:
        # Publishing each message synced would take nats-server an hour; its restart is the same.
        if server.title == "nats-server synced":
            continue
        if not measure(load, f"jsfill count={count} size=128 subjects=100", server):
            continue
        server.stop()
        begun = time.monotonic()
        server.start()
        while not answers(server.port):
            if time.monotonic() - begun > 600:
                raise RuntimeError(f"{server.title} does not serve its stream again")
            time.sleep(0.005)
        seconds = time.monotonic() - begun
        resident = int(re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{server.process.pid}/status").read_text()).group(1))
        results[server.title] = {"restart_seconds": seconds, "resident_bytes": resident * 1024}
    return results


def ratio(results, measure_name, other):
    mine, theirs = (results.get(name, {}).get(measure_name) for name in ("natsd", other))
    return mine / theirs if mine and theirs else None


def judge(target, results, name, disk):
    """The target in words, and whether it is met (None where that cannot be said)."""
    if not target:
        return "", None
    relation, plain, synced = target
    value, plain_ratio, synced_ratio = (results["natsd"][name], ratio(results, name, "nats-server"),
                                        ratio(results, name, "nats-server synced"))
    if relation == "disk":
        bound = plain * disk + BESIDE_DISK
        return f"<= {bound:,.0f} ({plain} x disk {disk:,.0f} + {BESIDE_DISK})", value <= bound
    if relation == "value":
        return f"<= {plain / 1e6:.0f} MB", value <= plain
    text = f"{relation} {plain} x" + (f", {relation} {synced} x synced" if synced else "")
    if plain_ratio is None or (synced and synced_ratio is None):
        return text, None
    compare = (lambda one, other: one >= other) if relation == ">=" else (lambda one, other: one <= other)
    return text, compare(plain_ratio, plain) and (not synced or compare(synced_ratio, synced))


def rows(name, targets, results, disk=None):
    for measure_name, (heading, write) in MEASURES.items():
        if measure_name not in results.get("natsd", {}):
            continue
        target, met = judge(targets.get(measure_name), results, measure_name, disk)
        row = {"workload": name, "measure": heading, "target": target, "met": {True: "yes", False: "NO", None: ""}[met]}
        for server in SERVERS:
            value = results.get(server, {}).get(measure_name)
            row[server] = write(value) if value is not None else "-"
        for column, other in (("ratio", "nats-server"), ("to synced", "nats-server synced")):
            found = ratio(results, measure_name, other)
            row[column] = f"{found:.2f}" if found else "-"
        yield row


def run(load, servers, options, disk, print_rows):
    """All chosen workloads; the rows of the table."""
    chosen = [workload for workload in WORKLOADS if re.search(options.only, workload.name)]
    widths = [max(len(workload.name) for workload in WORKLOADS), 18, 12, 12, 18, 6, 9, 32, 3]
    print_rows([dict(zip(COLUMNS, COLUMNS))], COLUMNS, widths)
    found = []
    for workload in chosen:
        results, raw = run_workload(load, workload, servers, options, disk)
        added = list(rows(workload.name, workload.targets, results, raw))
        print_rows(added, COLUMNS, widths)
        found += added
    name = RESTART.format(f"{options.messages:,}")
    if options.messages and re.search(options.only, name):
        results = run_restart(load, servers, options.messages)
        added = list(rows(name, {"restart_seconds": ("<=", 0.2, None), "resident_bytes": ("value", 64 << 20, None)},
                          results))
        print_rows(added, COLUMNS, widths)
        found += added
    return found


def folder_on_disk(place):
    """A folder for the stores: the given place, or beside this repository (a tmpfs would flatter everybody)."""
    disk = Path(place or os.environ.get("TMPDIR", "/var/tmp")) / f"natsd-bench-{os.getpid()}"
    disk.mkdir(parents=True)
    return disk


def remove(disk):
    shutil.rmtree(disk, ignore_errors=True)
