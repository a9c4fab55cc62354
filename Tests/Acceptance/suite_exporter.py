"""The exporter beside real servers, a real Prometheus, and monitoring ports that misbehave."""
import base64
import gzip
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import certificates
import servers
import suite
from suite import check, expect, wait_until

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE / "exporter"))
import families  # noqa: E402
import monitor  # noqa: E402
import prometheus  # noqa: E402
import topology  # noqa: E402

EVERYTHING = ["-varz", "-connz", "-subz", "-routez", "-gatewayz", "-leafz", "-accstatz", "-accountz", "-healthz",
              "-jsz=all"]
BCRYPT = "$2b$04$ze7hbZ2YPSqr5rPnLMBU..BX5BSQlwY7WXZjlfcl3ESjIZsT3xQSC"  # of "s3cret"
# What is promised.
SCRAPE_SECONDS = 1.0
SCRAPE_KILOBYTES = 64 * 1024
IDLE_KILOBYTES = 8 * 1024
SCRAPES = 10_000


def tests(context):
    shared = [
        ("every flag in both forms, usage, version, refusals", command_line),
        ("nats-server in a supercluster: the families, types and labels of the original", cluster),
        ("nats-server with JetStream: rows, sources, mirrors, metadata, connections in detail", jetstream),
        ("nats-server without JetStream", without_jetstream),
        ("nats-server 2.10 with and without JetStream", older_server),
        ("natsd gives the families that nats-server gives", natsd),
        ("Prometheus scrapes it, queries answer; promtool finds only what is inherited", prometheus_scrape),
        ("OpenMetrics and gzip for those who ask, with the same names", open_metrics),
        ("a server that comes late, goes and comes back", restart),
        ("server_id from the server itself, also when it comes late", identity),
        ("several servers, each labelled; one of them down", several),
        ("servers that are slow, drip, hang up, send garbage, 500s or too much: the truth within the deadline", faults),
        ("HTTP to an HTTPS port, HTTPS to an HTTP port, HTTPS with and without its authority", wrong_scheme),
        ("the scraper's own timeout counts", scraper_timeout),
        ("scrapers at the same time share one round of requests", together),
        ("cardinality is bounded and what is left out is told", cardinality),
        ("TLS and client certificates on the scrape port", scrape_tls),
        ("Basic authentication, plain and bcrypt", authentication),
        ("paths: prefix, other path, index, healthz, 404, 405", paths),
        ("syslog and log file", logs),
        ("alert rules, their tests and the scrape configuration", rules),
        ("the dashboard and the rules ask only for families that exist", dashboard),
    ]
    alone = [
        ("1,000 streams and 10,000 consumers: under 1 s and 64 MiB", large),
        ("memory when idle: under 8 MiB", idle),
        ("memory stays flat over 10,000 scrapes", flat),
        ("CPU of a scrape", cost),
    ]
    return ([suite.Test(name, lambda f=f: f(context)) for name, f in shared]
            + [suite.Test(name, lambda f=f: f(context), alone=True) for name, f in alone])


# The program


def program(context):
    path = Path(os.environ.get("EXPORTER", Path(context.server).parent / "exporter"))
    if not os.access(path, os.X_OK):
        raise suite.Missing(f"an exporter at {path} (Tests/release exporter)")
    return str(path)


class Exporter:
    """A running exporter on a free port of 127.0.0.1."""

    def __init__(self, context, *arguments, binary=None):
        self.folder = Path(tempfile.mkdtemp(dir=context.folder))
        self.log_path = self.folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([binary or program(context), "-a", "127.0.0.1", "-p", "0", *arguments],
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            found = wait_until(lambda: self.address(), 10, "the exporter listens")
        except suite.Failure as failure:
            self.stop()
            raise suite.Failure(f"{failure}\n{self.log()}") from None
        self.scheme, self.port, self.path = found
        self.url = f"{self.scheme}://127.0.0.1:{self.port}{self.path}"

    def address(self):
        found = re.search(r"listening at (https?)://127\.0\.0\.1:(\d+)(/\S*)", self.log())
        if not found and self.process.poll() is not None:
            raise suite.Failure(f"it ended with {self.process.returncode}")
        return (found[1], int(found[2]), found[3]) if found else None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def get(self, path=None, headers=None, context=None, seconds=20):
        """Status, headers and body."""
        url = f"{self.scheme}://127.0.0.1:{self.port}{path or self.path}"
        request = urllib.request.Request(url, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=seconds, context=context) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def scrape(self, headers=None):
        status, _, body = self.get(headers=headers)
        expect(status, 200, "status of a scrape")
        return families.Scrape(body.decode())

    def memory(self, key="VmRSS"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise suite.Failure(f"no {key}")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def command_line(context):
    def run(*arguments):
        done = subprocess.run([program(context), *arguments], capture_output=True, text=True, timeout=10)
        return done.returncode, done.stdout, done.stderr
    for arguments in (["-version"], ["--version"], ["--version=true"]):
        code, output, _ = run(*arguments)
        expect(code, 0, "exit code")
        check(re.fullmatch(r"prometheus-nats-exporter version \d+\.\d+\.\d+\n", output), output)
    for arguments in ([], ["-varz"], ["-h"], ["--help"]):
        code, output, _ = run(*arguments)
        expect(code, 0, f"exit code of {arguments}")
        check("Usage:" in output and "-healthz_js_enabled_only" in output, output)
    for arguments, code, text in [
        (["http://127.0.0.1:1"], 1, "no Collectors specified"), (["-nope", "http://a"], 2, "not defined: -nope"),
        (["-varz", "x"], 1, "Unable to parse URL"), (["-jsz=x", "http://a"], 1, 'invalid jsz filter "x"'),
        (["-varz", "-tlscert", "/nope", "-tlskey", "/nope", "http://a"], 1, "/nope"),
        (["-varz", "-a", "203.0.113.1", "http://a"], 1, "error starting the exporter"),
    ]:
        found, output, error = run(*arguments)
        expect(found, code, f"exit code of {arguments}")
        check(text in error, f"{arguments}: {error}")
    with Exporter(context, "-jsz=all", "http://127.0.0.1:1") as exporter:
        check("No metrics specified.  Defaulting to varz." in exporter.log(), exporter.log())
    expect(exporter.stop(), 0, "exit code after SIGTERM")


# Real servers


def cluster(context):
    with topology.supercluster(context.needs_peer(), context.folder) as url, Exporter(
            context, *EVERYTHING, url) as exporter:
        exporter.scrape()
        found = exporter.scrape()
        families.compare(found, "cluster")
        compare_with_original(found, url, *EVERYTHING)
        orders = found.one("jetstream_consumer_num_ack_pending", consumer_name="C1", stream_name="ORDERS")
        expect(orders.value, 5, "messages that wait for an ack")
        expect(found.one("jetstream_server_total_streams").labels["is_meta_leader"] in ("true", "false"), True, "label")
        leaders = {s.labels["stream_leader"] for s in found["jetstream_stream_total_messages"]}
        check(leaders <= {"a1", "a2", "a3"} and leaders, f"stream leaders {leaders}")
        check(found.one("gnatsd_leafz_conn_nodes_total").value == 1, "leaf nodes")
        text = exporter.get()[2].decode()
    prometheus.lint(text)


def jetstream(context):
    with topology.single(context.needs_peer(), context.folder) as server:
        topology.fill(server)
        client = topology.Connection(server, "named")
        try:
            flags = ["-connz_detailed", *EVERYTHING, "-healthz_js_enabled_only", "-healthz_js_server_only"]
            with Exporter(context, *flags, server.url) as exporter:
                exporter.scrape()
                compare_with_original(exporter.scrape(), server.url, *flags)
            # The original dies of metadata keys where a stream has a mirror or sources.
            with Exporter(context, *flags, "-jsz_stream_meta_keys=team", "-jsz_consumer_meta_keys=team,none",
                          server.url) as exporter:
                found = exporter.scrape()
        finally:
            client.close()
    families.compare(found, "single", {"jetstream_stream": ["stream_meta_team"],
                                       "jetstream_consumer": ["stream_meta_team", "consumer_meta_team", "consumer_meta_none"]})
    families.compare(found, "detailed")
    families.compare(found, "copies", {"jetstream_stream": ["stream_meta_team"]})
    expect(found.one("jetstream_stream_total_messages", stream_name="ORDERS").value, 10, "messages")
    expect(found.one("jetstream_stream_total_messages", stream_name="ORDERS").labels["stream_meta_team"], "core", "label")
    expect(found.one("jetstream_consumer_num_pending", consumer_name="C1").value, 7, "pending")
    expect(found.one("jetstream_consumer_num_pending", consumer_name="C1").labels["consumer_desc"], "the first", "label")
    expect(found.one("jetstream_stream_mirror_lag").labels["mirror_name"], "ORDERS", "mirror")
    expect({s.labels["source_name"] for s in found["jetstream_stream_source_lag"]}, {"ORDERS"}, "sources")
    expect(found.one("jetstream_stream_limit_messages", stream_name="ORDERS").value, 1000, "limit")
    connection = found.one("gnatsd_connz_in_msgs", name="named")
    expect((connection.labels["lang"], connection.labels["type"], connection.value), ("test", "nats", 1), "the client")
    for name in ("healthz", "healthz_js_enabled_only", "healthz_js_server_only"):
        expect(found.one(f"gnatsd_{name}_status").value, 0, name)
        expect(found.one(f"gnatsd_{name}_status_value").labels["value"], "ok", name)
    check(abs(found.one("gnatsd_varz_start").value / 1000 - time.time()) < 600, "start in milliseconds")


def without_jetstream(context):
    with topology.single(context.needs_peer(), context.folder, jetstream=False) as server, Exporter(
            context, *EVERYTHING, server.url) as exporter:
        found = exporter.scrape()
    expect(found.one("jetstream_server_jetstream_disabled").value, 1, "JetStream is off")
    check("gnatsd_varz_connections" in found and "jetstream_stream_total_messages" not in found, "families")


def older_server(context):
    done = subprocess.run([ROOT / "Tests/rig/peers", "path", "2.10"], capture_output=True, text=True)
    if done.returncode:
        raise suite.Missing(f"nats-server 2.10: {done.stderr.strip()}")
    for jetstream in (True, False):
        with topology.single(done.stdout.strip(), context.folder, jetstream=jetstream) as server:
            if jetstream:
                topology.fill(server)
            with Exporter(context, *EVERYTHING, server.url) as exporter:
                exporter.scrape()
                found = exporter.scrape()
        for sample in found["nats_exporter_endpoint_up"]:
            expect(sample.value, 1, f"{sample.labels['endpoint']} of 2.10")
        check(found.one("gnatsd_varz_version").labels["value"].startswith("2.10"), "version")
        if jetstream:
            # Fields that came after 2.10 are not there.
            families.compare(found, "single", newer_fields=True)


def natsd(context):
    for jetstream in (False, True):
        compare_natsd(context, jetstream)


def compare_natsd(context, jetstream):
    scrapes = []
    for binary in (context.needs_peer(), context.server):
        try:
            with topology.single(binary, context.folder, jetstream=jetstream) as server:
                if jetstream:
                    topology.fill(server, copies=False)
                with Exporter(context, *EVERYTHING, server.url) as exporter:
                    exporter.scrape()
                    scrapes.append(exporter.scrape())
        except topology.NoMonitoring:
            raise suite.Missing("a natsd with a monitoring port") from None
    theirs, ours = scrapes
    missing = sorted(theirs.shapes() - ours.shapes())
    check(not missing, f"natsd does not give {missing}")
    for sample in ours["nats_exporter_endpoint_up"]:
        expect(sample.value, 1, f"{sample.labels['endpoint']} of natsd")
    if jetstream:
        for name in ("jetstream_stream_total_messages", "jetstream_consumer_num_ack_pending", "jetstream_consumer_num_pending"):
            expect([s.value for s in ours[name]], [s.value for s in theirs[name]], name)


def compare_with_original(ours, url, *flags):
    """Where $EXPORTER_ORIGINAL names a prometheus-nats-exporter: the same series with the same values."""
    original = os.environ.get("EXPORTER_ORIGINAL")
    if not original:
        return
    port = servers.free_port()
    process = subprocess.Popen([original, "-a", "127.0.0.1", "-p", str(port), *flags, url],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: reachable(port), 10, "the original listens")

        def read():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    return families.Scrape(answer.read().decode())
            except urllib.error.HTTPError as error:
                raise suite.Failure(f"the original answers {error.code}: {error.read().decode()}") from None
        read()
        theirs = read()
    finally:
        process.kill()
        process.wait()
    families.equal(ours, theirs)


# Prometheus


def prometheus_scrape(context):
    with topology.single(context.needs_peer(), context.folder) as server:
        topology.fill(server)
        with Exporter(context, *EVERYTHING, server.url) as exporter:
            exporter.scrape()
            findings = prometheus.lint(exporter.get()[2].decode())
            with prometheus.Prometheus(context.folder, exporter.port) as scraper:
                wait_until(lambda: scraper.query("up") == [1.0], 20, "Prometheus has scraped")
                for query, expected in [
                    ('gnatsd_varz_connections', [0.0]),
                    ('sum(jetstream_server_total_streams)', [3.0]),
                    ('jetstream_consumer_num_pending{consumer_name="C1"}', [7.0]),
                    ('sum by (server_id) (rate(gnatsd_varz_in_msgs[1m]) >= bool 0)', [1.0]),
                    ('gnatsd_connz_in_bytes >= bool 0', [1.0]),
                    ('count(gnatsd_accstatz_subscriptions)', [2.0]),
                    ('gnatsd_healthz_status', [0.0]),
                    ('min(nats_exporter_endpoint_up)', [1.0]),
                ]:
                    wait_until(lambda: scraper.query(query) == expected, 10, f"{query} is {expected}")
                text = exporter.log()
    check("does not answer" not in text, text)
    return f"{findings} findings, all inherited"


def open_metrics(context):
    with topology.single(context.needs_peer(), context.folder) as server:
        topology.fill(server)
        with Exporter(context, "-connz_detailed", *EVERYTHING, server.url) as exporter:
            exporter.scrape()
            accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}
            status, headers, body = exporter.get(headers=accept)
            expect(headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8", "type")
            check(body.endswith(b"\n# EOF\n") and body.count(b"# EOF") == 1, "end")
            plain = exporter.get(headers={"Accept-Encoding": "gzip"})
            expect(plain[1]["Content-Encoding"], "gzip", "encoding")
            expect(plain[1]["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "type")
            names = families.Scrape(gzip.decompress(plain[2]).decode()).names()
    # The names of the samples are the same in both: queries do not care what the scraper asked for.
    expect(families.Scrape(body.decode()).names() ^ names, set(), "names in only one of the two")


# Trouble


def reasons(found):
    return {s.labels["endpoint"]: s.labels["reason"] for s in found["nats_exporter_endpoint_failure"]}


def restart(context):
    port = servers.free_port()
    with Exporter(context, *EVERYTHING, f"http://127.0.0.1:{port}") as exporter:
        found = exporter.scrape()
        expect(set(reasons(found).values()), {"unreachable"}, "reasons before the start")
        expect(found.one("nats_exporter_server_up").value, 0, "up")
        expect(found.one("gnatsd_healthz_status").value, 1, "health")
        expect(found.one("gnatsd_healthz_status_value").labels["value"], "unreachable", "health")
        check("gnatsd_varz_connections" not in found, "no stale or invented series")
        for _ in range(2):
            with topology.single(context.needs_peer(), context.folder, monitor_port=port):
                found = exporter.scrape()
                expect(reasons(found), {}, "failures while it runs")
                expect(found.one("gnatsd_healthz_status").value, 0, "health")
                check("gnatsd_varz_connections" in found, "series are there at once")
            found = exporter.scrape()
            expect(set(reasons(found).values()), {"unreachable"}, "reasons after it stopped")
            check("gnatsd_varz_connections" not in found and "jetstream_server_max_memory" not in found, "stale series")
        log = exporter.log()
        expect((log.count("does not answer"), log.count("answers again")), (3, 2), f"log lines of\n{log}")


def identity(context):
    port = servers.free_port()
    for flag, expected in (("-use_internal_server_id", "NID"), ("--use_internal_server_name", "fake")):
        with Exporter(context, "-varz", "-subz", flag, "-ri", "1", f"http://127.0.0.1:{port}") as exporter:
            expect(exporter.scrape().one("nats_exporter_server_up").labels["server_id"], f"http://127.0.0.1:{port}", "id")
            fake = monitor.Monitor({"/varz": monitor.VARZ, "/subsz": b'{"num_cache": 1}'}, port=port)
            try:
                found = exporter.scrape()
                for name in ("gnatsd_varz_connections", "gnatsd_subsz_num_cache", "nats_exporter_server_up"):
                    expect(found.one(name).labels["server_id"], expected, f"server_id of {name}")
            finally:
                fake.stop()
            expect(exporter.scrape().one("nats_exporter_server_up").labels["server_id"], expected, "id of a known server")
    # The original asks in the background, too: the first scrape has the id even where /varz is not collected.
    fake = monitor.Monitor({"/varz": monitor.VARZ, "/subsz": b'{"num_cache": 1}'})
    try:
        with Exporter(context, "-subz", "-use_internal_server_name", fake.url) as exporter:
            expect(exporter.scrape().one("gnatsd_subsz_num_cache").labels["server_id"], "fake", "server_id")
    finally:
        fake.stop()


def several(context):
    fake = monitor.Monitor({"/varz": monitor.VARZ})
    try:
        with Exporter(context, "-varz", f"one,{fake.url}", f"two,{fake.url}/", "http://127.0.0.1:1") as exporter:
            found = exporter.scrape()
            log = exporter.log()
    finally:
        fake.stop()
    expect({s.labels["server_id"] for s in found["gnatsd_varz_connections"]}, {"one", "two"}, "servers with series")
    expect({s.labels["server_id"]: s.value for s in found["nats_exporter_server_up"]},
           {"one": 1, "two": 1, "http://127.0.0.1:1": 0}, "up")
    check("[WRN] 3 servers in one exporter" in log, log)
    # Declared once, however many servers.
    expect(found.text.count("# TYPE gnatsd_varz_connections "), 1, "declarations")


def faults(context):
    fake = monitor.Monitor({
        "/varz": monitor.VARZ, "/connz": monitor.silence(3), "/subsz": b"<html>nothing here</html>",
        "/routez": (500, b'{"num_routes": 1}'), "/gatewayz": monitor.hang_up, "/leafz": monitor.drip(b" ", 100, 0.1),
        "/accstatz": b'{"account_statz": [{"acc": "A", "conns": 1}', "/accountz": b" " * 70_000,
        "/healthz": (503, b'{"status":"unavailable","error":"JetStream is not current"}'), "/jsz": b"\x00\xff" * 1000})
    try:
        with Exporter(context, *EVERYTHING, "-scrape_timeout", "1s", "-max_response_bytes", "65536", fake.url) as exporter:
            started = time.monotonic()
            found = exporter.scrape()
            seconds = time.monotonic() - started
            check(seconds < 1.5, f"the scrape took {seconds:.2f} s")
            expect(reasons(found), {
                "connz": "timeout", "subsz": "garbage", "routez": "status", "gatewayz": "disconnected", "leafz": "timeout",
                "accstatz": "garbage", "accountz": "too_large", "jsz": "garbage"}, "reasons")
            expect({s.labels["endpoint"]: s.value for s in found["nats_exporter_endpoint_up"]}["varz"], 1, "varz is up")
            expect(found.one("gnatsd_varz_connections").value, 3, "what came is given")
            # An unhealthy server is an answer.
            expect(found.one("gnatsd_healthz_status").value, 1, "health")
            expect(found.one("gnatsd_healthz_status_value").labels["value"], "unavailable", "health")
            for name in ("gnatsd_connz_total", "gnatsd_subsz_num_cache", "gnatsd_routez_num_routes",
                         "gnatsd_accstatz_current_connections", "jetstream_server_total_streams"):
                check(name not in found, f"{name} was given")
            duration = {s.labels["endpoint"]: s.value for s in found["nats_exporter_endpoint_duration_seconds"]}
            check(0.9 < duration["connz"] < 1.5 and duration["varz"] < 0.5, f"durations {duration}")
            fake.answers["/varz"] = monitor.silence(3)
            found = exporter.scrape()
            expect(found.one("nats_exporter_endpoint_failure", endpoint="varz").labels["reason"], "timeout", "varz")
            # Another scrape works as ever.
            fake.answers = {"/varz": monitor.VARZ}
            expect(exporter.scrape().one("gnatsd_varz_connections").value, 3, "after all that")
    finally:
        fake.stop()


def wrong_scheme(context):
    files = certificates.make(Path(tempfile.mkdtemp(dir=context.folder)))
    tls = f'tls {{ cert_file: "{files}/server.pem", key_file: "{files}/server.key" }}'
    with topology.single(context.needs_peer(), context.folder, extra=tls, https=True) as secure, topology.single(
            context.needs_peer(), context.folder, jetstream=False) as plain:
        port = secure.url.rpartition(":")[2]
        for url, arguments, expected in [
            (f"http://127.0.0.1:{port}", [], {"varz": "status"}),
            (plain.url.replace("http:", "https:"), [], {"varz": "tls"}),
            (f"https://127.0.0.1:{port}", [], {"varz": "tls"}),
            (f"https://127.0.0.1:{port}", ["-server_tlscacert", f"{files}/ca.pem"], {}),
        ]:
            with Exporter(context, "-varz", *arguments, url) as exporter:
                expect(reasons(exporter.scrape()), expected, f"reasons for {url} {arguments}")


def scraper_timeout(context):
    fake = monitor.Monitor({"/varz": monitor.VARZ, "/subsz": monitor.silence(4)})
    try:
        with Exporter(context, "-varz", "-subz", fake.url) as exporter:
            started = time.monotonic()
            found = exporter.scrape({"X-Prometheus-Scrape-Timeout-Seconds": "1"})
            seconds = time.monotonic() - started
    finally:
        fake.stop()
    check(seconds < 1, f"the scrape took {seconds:.2f} s")
    expect(reasons(found), {"subsz": "timeout"}, "reasons")


def together(context):
    def slow(handler):
        time.sleep(0.3)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(monitor.VARZ)))
        handler.end_headers()
        handler.wfile.write(monitor.VARZ)
    fake = monitor.Monitor({"/varz": slow})
    found = []
    try:
        with Exporter(context, "-varz", fake.url) as exporter:
            threads = [threading.Thread(target=lambda: found.append(exporter.scrape())) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        fake.stop()
    expect(len(found), 20, "answers")
    check(all(f.one("gnatsd_varz_connections").value == 3 for f in found), "all of them complete")
    check(len(fake.requests) <= 4, f"{len(fake.requests)} requests to the server")


def cardinality(context):
    fake = monitor.Monitor({"/varz": monitor.VARZ, "/jsz": monitor.large_jsz(20, 5)})
    try:
        with Exporter(context, "-varz", "-jsz=all", "-max_series", "300", fake.url) as exporter:
            found = exporter.scrape()
    finally:
        fake.stop()
    given = sum(1 for s in found.samples if s.name.startswith("jetstream_"))
    check(250 < given <= 300, f"{given} series")
    dropped = found.one("nats_exporter_endpoint_dropped_series", endpoint="jsz").value
    expect(given + dropped, 7 + 4 + 20 * 8 + 100 * 10, "given and left out together")


# The scrape port


def scrape_tls(context):
    files = certificates.make(Path(tempfile.mkdtemp(dir=context.folder)))
    arguments = ["-varz", "-tlscert", f"{files}/server.pem", "-tlskey", f"{files}/server.key"]
    trusting = ssl.create_default_context(cafile=f"{files}/ca.pem")
    with Exporter(context, *arguments, "http://127.0.0.1:1") as exporter:
        expect(exporter.scheme, "https", "scheme")
        expect(exporter.get(context=trusting)[0], 200, "status")
        # Renewed: half of it is no certificate, and the old one stays.
        old = (files / "server.pem").read_bytes()
        certificates.make(files)
        renewed = ssl.create_default_context(cafile=f"{files}/ca.pem")
        check((files / "server.pem").read_bytes() != old, "the certificate is the old one")
        suite.wait_until(lambda: status_of(exporter, renewed) == 200, 10, "the new certificate is served")
        (files / "server.key").write_text("not yet")
        suite.wait_until(lambda: "cannot be used" in exporter.log(), 10, "what is wrong is told")
        expect(exporter.get(context=renewed)[0], 200, "status while the key is being written")
        certificates.make(files)
        trusting = ssl.create_default_context(cafile=f"{files}/ca.pem")
        suite.wait_until(lambda: status_of(exporter, trusting) == 200, 10, "the newest certificate is served")
    with Exporter(context, *arguments, "-tlscacert", f"{files}/ca.pem", "http://127.0.0.1:1") as exporter:
        try:
            exporter.get(context=trusting)
            raise suite.Failure("answered a scraper without a certificate")
        except (OSError, ssl.SSLError):
            pass
        trusting.load_cert_chain(f"{files}/client.pem", f"{files}/client.key")
        expect(exporter.get(context=trusting)[0], 200, "status with a certificate")


def status_of(exporter, trusting):
    """0 for a certificate that is not trusted."""
    try:
        return exporter.get(context=trusting)[0]
    except OSError:
        return 0


def authentication(context):
    def header(text):
        return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
    for password in ("s3cret", BCRYPT):
        with Exporter(context, "-varz", "-http_user", "u", "-http_pass", password, "http://127.0.0.1:1") as exporter:
            for headers in ({}, header("u:wrong"), header("x:s3cret"), header("u"), {"Authorization": "Bearer s3cret"},
                            {"Authorization": "Basic !!"}):
                status, found, body = exporter.get(headers=headers)
                expect((status, body), (401, b"authorization failed\n"), f"answer to {headers}")
                check("Basic" in found["WWW-Authenticate"], "WWW-Authenticate")
            for _ in range(3):
                expect(exporter.get(headers=header("u:s3cret"))[0], 200, "status with the password")
            expect(exporter.get("/")[0], 401, "status of the index")
            expect(exporter.get("/healthz")[0], 200, "status of healthz, for probes")
            command = Path(f"/proc/{exporter.process.pid}/cmdline").read_bytes().decode()
            check(password not in command, "the password stands in the process list")


def paths(context):
    fake = monitor.Monitor({"/base/varz": monitor.VARZ})
    try:
        with Exporter(context, "--varz", "--path=stats", "--prefix", "acme", fake.url + "/base/") as exporter:
            found = exporter.scrape()
            expect(found.one("acme_varz_in_msgs").value, 42, "a value under the prefix")
            check(not any(n.startswith("gnatsd_") for n in found.names()), "no other prefix")
            expect(exporter.path, "/stats", "path")
            for path, status in (("/metrics", 404), ("/stats", 200), ("/", 200), ("/healthz", 200), ("/x", 404)):
                expect(exporter.get(path)[0], status, f"status of {path}")
            check(b'href="/stats"' in exporter.get("/")[2], "the index names the path")
            expect(exporter.get("/healthz")[2], b'{"status":"ok"}\n', "healthz")
            request = urllib.request.Request(exporter.url, data=b"x", method="POST")
            try:
                urllib.request.urlopen(request, timeout=5)
                raise suite.Failure("POST was accepted")
            except urllib.error.HTTPError as error:
                expect(error.code, 405, "status of a POST")
            check("process_resident_memory_bytes" in found and "process_open_fds" in found, "process families")
            found = exporter.scrape()
            check(found.one("promhttp_metric_handler_requests_total", code="200").value >= 2, "scrapes are counted")
    finally:
        fake.stop()


def logs(context):
    path = context.folder / "exporter.log"
    process = subprocess.Popen([program(context), "-a", "127.0.0.1", "-p", "0", "-varz", "-l", path, "http://127.0.0.1:1"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: path.exists() and "listening at" in path.read_text(), 10, "the log file has a line")
    finally:
        process.terminate()
        output = process.communicate(timeout=10)[0]
    expect(output, b"", "output beside the file")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        process = subprocess.Popen([program(context), "-a", "127.0.0.1", "-p", "0", "-varz", "-remote_syslog", url,
                                    "http://127.0.0.1:1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            check(b"listening at" in receiver.recv(4096), "the first syslog line")
        finally:
            process.terminate()
            process.wait(10)


# What is deployed


def rules(context):
    prometheus.tool("check", "rules", ROOT / "deploy/monitoring/alerts.yaml")
    prometheus.tool("test", "rules", ROOT / "deploy/monitoring/alerts.test.yaml")
    prometheus.tool("check", "config", ROOT / "deploy/monitoring/prometheus.yaml")


def dashboard(context):
    known = families.known()
    text = (ROOT / "deploy/monitoring/dashboard.json").read_text()
    queries = re.findall(r'"expr":\s*"((?:[^"\\]|\\.)*)"', text)
    json.loads(text)
    check(len(queries) > 20, f"{len(queries)} queries")
    alerts = (ROOT / "deploy/monitoring/alerts.yaml").read_text()
    asked = set()
    for source in [*queries, *re.findall(r"expr:(.*(?:\n {10,}.*)*)", alerts)]:
        asked |= set(re.findall(r"\b(?:gnatsd|jetstream|nats_exporter)_\w+", source))
    check(len(asked) > 25, f"{len(asked)} families are asked for")
    unknown = sorted(asked - known)
    check(not unknown, f"families that nobody gives: {unknown}")
    for query in queries:
        prometheus.parse(context.folder, query.replace('\\"', '"'))


# Numbers


def large(context):
    document = monitor.large_jsz(1000, 10)
    fake = monitor.Monitor({"/varz": monitor.VARZ, "/jsz": document})
    notes = []
    try:
        for encoding in ("identity", "gzip"):
            with Exporter(context, "-varz", "-jsz=all", fake.url) as exporter:
                started = time.monotonic()
                _, headers, body = exporter.get(headers={"Accept-Encoding": encoding})
                seconds = time.monotonic() - started
                kilobytes = exporter.memory("VmHWM")
            if headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            expect(body.count(b"\njetstream_consumer_num_pending{"), 10_000, "consumers")
            notes.append(f"{encoding} {seconds:.2f} s, {kilobytes // 1024} MiB")
            check(seconds < SCRAPE_SECONDS, notes[-1])
            check(kilobytes < SCRAPE_KILOBYTES, notes[-1])
    finally:
        fake.stop()
    return f"{len(document) / 1e6:.0f} MB in, {len(body) / 1e6:.0f} MB out; " + "; ".join(notes)


def idle(context):
    fake = monitor.Monitor({"/varz": monitor.VARZ})
    try:
        with Exporter(context, "-varz", fake.url) as exporter:
            def settled():
                return wait_until(lambda: exporter.memory() < IDLE_KILOBYTES and exporter.memory(), 5, "under 8 MiB")
            before = settled()
            for _ in range(100):
                exporter.scrape()
            after = settled()
    finally:
        fake.stop()
    return f"{before} KB after the start, {after} KB after 100 scrapes"


def flat(context):
    """One kept connection, as Prometheus has; the server restarts its connections now and then."""
    with topology.single(context.needs_peer(), context.folder) as server:
        topology.fill(server)
        with Exporter(context, "-connz_detailed", *EVERYTHING, server.url) as exporter:
            def scrapes(count):
                with socket.create_connection(("127.0.0.1", exporter.port), timeout=20) as connection:
                    file = connection.makefile("rb")
                    for number in range(count):
                        gzipped = b"Accept-Encoding: gzip\r\n" if number % 2 else b""
                        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + gzipped + b"\r\n")
                        length = 0
                        while (line := file.readline().strip()):
                            if line.lower().startswith(b"content-length:"):
                                length = int(line.split(b":")[1])
                        check(length > 1000, "a short answer")
                        file.read(length)
            scrapes(1000)
            first = exporter.memory("RssAnon")
            descriptors = len(os.listdir(f"/proc/{exporter.process.pid}/fd"))
            started = time.monotonic()
            scrapes(SCRAPES)
            seconds = time.monotonic() - started
            last = exporter.memory("RssAnon")
            check(last <= first + 512, f"private memory grew from {first} KB to {last} KB")
            check(len(os.listdir(f"/proc/{exporter.process.pid}/fd")) <= descriptors + 2, "descriptors")
            failed = exporter.scrape()["nats_exporter_endpoint_failure"]
            check(not failed, "failures")
    return f"{SCRAPES / seconds:.0f} scrapes/s, {first} KB then {last} KB of private memory"


def cost(context):
    """CPU time of a scrape with everything on; $EXPORTER_ORIGINAL, a prometheus-nats-exporter, is measured beside it."""
    original = os.environ.get("EXPORTER_ORIGINAL")
    notes, seconds = [], []
    with topology.single(context.needs_peer(), context.folder) as server:
        topology.fill(server)
        for name, binary in [("exporter", None), *([("original", original)] if original else [])]:
            if binary:
                port = servers.free_port()
                process = subprocess.Popen([binary, "-a", "127.0.0.1", "-p", str(port), *EVERYTHING, server.url],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            else:
                exporter = Exporter(context, *EVERYTHING, server.url)
                port, process = exporter.port, exporter.process
            try:
                def scrape():
                    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read()
                wait_until(lambda: reachable(port), 10, "it listens")
                for _ in range(20):
                    scrape()

                def used():
                    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
                    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
                before = used()
                for _ in range(500):
                    scrape()
                seconds.append((used() - before) / 500)
                notes.append(f"{name} {seconds[-1] * 1000:.2f} ms a scrape")
            finally:
                process.terminate()
                process.wait(10)
    check(seconds[0] < 0.02, notes[0])
    if original:
        check(seconds[0] <= seconds[1] / 3, "; ".join(notes))
    return "; ".join(notes)


def reachable(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
