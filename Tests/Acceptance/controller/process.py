"""The program: flags, TLS, servers of all kinds, logs, signals, metrics, where it runs."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import certificates
import scene
import servers
import suite
from scene import Admin, Controller, Folder, run, start
from suite import check, expect, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent.parent


def command_line(context):
    code, out, _ = run(context, "--version")
    check(code == 0 and re.fullmatch(r"nack-controller version v\d+\.\d+\.\d+\n", out), out)
    for flag in ("-h", "--help"):
        code, out, _ = run(context, flag)
        check(code == 0 and "-health-probe-bind-address" in out and "-sync-interval" in out, out)
    for arguments, expected, text in [
            ([], 1, "NATS Server URL is required"),
            (["-nope"], 2, "flag provided but not defined: -nope"),
            (["-s", "nats://x", "-sync-interval=soon"], 2, "invalid value"),
            (["destroy"], 2, "unknown command"),
            (["plan"], 1, "plan needs manifests"),
            (["-manifests", "/tmp", "-metrics-bind-address", "nowhere"], 1, "invalid address")]:
        code, _, errors = run(context, *arguments)
        check(code == expected and text in errors, f"{arguments}: {code} {errors}")
    folder = Folder(context)
    for dashes in ("-", "--"):
        flags = ["s=nats://127.0.0.1:1", "creds=/nowhere", "tlsfirst=false", "namespace=team", "read-only",
                 "sync-interval=5s", f"cache-dir={folder.path}/cache", "control-loop", "cleanup-period=1m",
                 "crd-connect", "kubeconfig=/nowhere", "logtostderr=true", "v=1", "stderrthreshold=INFO", f"manifests={folder}"]
        with Controller(context, *[dashes + flag for flag in flags]) as controller:
            controller.wait_for_log("Running in read-only mode: JetStream state in server will not be changed")


def tls(context):
    context.needs_peer()
    folder = context.folder / "controller-certificates"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    extra = f"""
tls {{
  cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", ca_file: "{folder}/ca.pem", verify: true
}}
"""
    with scene.jetstream(context.peer, context.folder, extra) as server:
        manifests = Folder(context)
        manifests.put("Stream", "s", name="S")
        manifests.put("Stream", "own", name="OWN", tls={
            "rootCas": [str(folder / "other-ca.pem"), str(folder / "ca.pem")], "clientCert": str(folder / "client.pem"),
            "clientKey": str(folder / "client.key")})
        at = ["-s", server.url(), "--manifests", manifests]
        with Controller(context, *at, "-tlsca", folder / "ca.pem", "-tlscert", folder / "client.pem", "-tlskey",
                        folder / "client.key") as controller:
            controller.wait_all(2)
        with Controller(context, *at, "-tlsca", folder / "other-ca.pem", "-tlscert", folder / "client.pem", "-tlskey",
                        folder / "client.key") as controller:
            controller.wait("Stream s", "Errored", "TLS: ")
            controller.wait("Stream own")


def without_jetstream(context):
    peer = context.needs_peer()
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    with servers.running(peer, context.folder, "") as server:
        with Controller(context, "-s", server.url(), "--manifests", folder, "-sync-interval=1s") as controller:
            controller.wait("Stream s", "Errored", "no JetStream at nats://127.0.0.1")
            time.sleep(3)
            expect(len(controller.lines("Stream default/s: ")), 1, "lines")
            check(controller.metric("nack_api_requests_total") < 8, controller.metrics())
            server.stop()
            server.write_config(scene.jetstream_config(context.folder))
            server.start()
            controller.wait("Stream s", seconds=20)
    config = 'authorization { user: u, password: "p" }'
    with servers.running(peer, context.folder, scene.jetstream_config(context.folder, config)) as server:
        with Controller(context, "-s", server.url(login="u:wrong"), "--manifests", folder) as controller:
            controller.wait("Stream s", "Errored", "Authorization Violation")
            server.reload(server.config_path.read_text().replace('"p"', '"wrong"'))
            controller.wait("Stream s", seconds=20)


def older_servers(context):
    notes = []
    for version in ("2.10", "2.9"):
        done = subprocess.run([ROOT / "Tests/rig/peers", "path", version], capture_output=True, text=True)
        if done.returncode:
            raise suite.Missing(f"nats-server {version}: {done.stderr.strip()}")
        with scene.jetstream(done.stdout.strip(), context.folder) as server, Admin(server) as admin:
            folder = Folder(context)
            folder.put("Stream", "s", name="S", subjects=["s.>"], storage="file", maxAge="1h")
            folder.put("Consumer", "c", streamName="S", durableName="c", ackPolicy="explicit", ackWait="30s")
            folder.put("KeyValue", "k", bucket="k")
            folder.put("Stream", "new", name="NEW", allowMsgTtl=True)
            with start(context, server, folder, "-sync-interval=1s") as controller:
                for name in ("Stream s", "Consumer c", "KeyValue k"):
                    controller.wait(name)
                # It takes the request and forgets what it does not know.
                controller.wait("Stream new", "Errored", "^spec.allowMsgTtl: ")
                heard = admin.listen()
                time.sleep(3)
                changes = [subject for subject in heard if re.search(r"\.(CREATE|UPDATE)\.(?!NEW)", subject)]
                expect(changes, [], f"changes on {version}")
                notes.append(version)
    return ", ".join(notes)


def process(context):
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    log = folder.path / "controller.log"
    done = subprocess.Popen([scene.program(context), "-s=nats://127.0.0.1:1", "-manifests", str(folder), "-log_file",
                             str(log), "-log-format=json", "-health-probe-bind-address=127.0.0.1:0",
                             "-metrics-bind-address=0"], stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: log.exists() and "no connection" in log.read_text(), 10, "lines in the log file")
        records = [json.loads(line) for line in log.read_text().splitlines()]
        check(all({"time", "level", "message"} <= set(record) for record in records), records)
        log.rename(f"{log}.1")
        done.send_signal(signal.SIGUSR1)
        wait_until(log.exists, 5, "a new log file")
        done.send_signal(signal.SIGHUP)
        done.send_signal(signal.SIGINT)
        expect(done.wait(10), 0, "exit code after SIGINT")
    finally:
        if done.poll() is None:
            done.kill()
            done.wait()
    with Controller(context, "-s=nats://127.0.0.1:1", "-manifests", folder) as controller:
        code, _, errors = run(context, "-s=nats://127.0.0.1:1", "-manifests", folder,
                              f"-health-probe-bind-address=127.0.0.1:{controller.port}")
        check(code == 1 and "Error: " in errors, f"{code} {errors}")


def metrics(context):
    context.needs_peer()
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    folder.put("Stream", "bad", name="")
    with scene.jetstream(context.peer, context.folder) as server:
        with start(context, server, folder) as controller:
            controller.wait("Stream s")
            text = controller.metrics()
    given = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    asked = set()
    for name in ("dashboard.json", "alerts.yaml"):
        source = (ROOT / "deploy/monitoring" / name).read_text()
        asked |= set(re.findall(r"\b(?:controller_runtime|workqueue|nack|leader_election)_\w+", source))
    check(len(asked) >= 3, f"{asked}")
    check(asked <= given, f"families that nobody gives: {sorted(asked - given)}")
    for row in ('controller_runtime_reconcile_total{controller="stream",result="success"} 1',
                'nack_resources{kind="stream",reason="Ready"} 1', 'nack_resources{kind="stream",reason="Errored"} 1',
                "nack_connections 1", "nack_leader 1", "process_resident_memory_bytes "):
        check(row in text, f"{row}\n{text}")


def empty_root(context):
    if os.geteuid():
        raise suite.Missing("the right to change the root directory (root)")
    context.needs_peer()
    root = Path(tempfile.mkdtemp(dir=context.folder))
    shutil.copy(scene.program(context), root / "nack-controller")
    (root / "manifests").mkdir()
    (root / "manifests/s.yaml").write_text(scene.manifest("Stream", "s", {"name": "S"}))
    chroot = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
    with scene.jetstream(context.peer, context.folder) as server:
        with Controller(context, "-s", server.url(), "--manifests", "/manifests",
                        command=[chroot, str(root), "/nack-controller"]) as controller:
            controller.wait_all(1)


def make_up(context):
    needed = [ROOT / "dist" / name for name in ("natsd", "exporter", "nack-controller")]
    if not all(os.access(path, os.X_OK) for path in needed):
        raise suite.Missing("the programs in dist (make release)")
    for ends_by in ("Ctrl-C", "exporter"):
        data = Path(tempfile.mkdtemp(dir=context.folder))
        ports = {name: servers.free_port() for name in ("UP_EXPORTER_PORT", "UP_HEALTH_PORT", "UP_METRICS_PORT")}
        environment = {**os.environ, "UP_DATA": str(data), **{name: str(port) for name, port in ports.items()}}
        log = data / "up.log"
        with open(log, "wb") as output:
            # A group of its own, as a terminal's foreground job is: Ctrl-C goes to all of it.
            up = subprocess.Popen([ROOT / "deploy/up", "--demo", "-p", str(servers.free_port()), "-m",
                                   str(servers.free_port())], stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                  env=environment, start_new_session=True)
        try:
            wait_until(lambda: "shipped {" in log.read_text() or up.poll() is not None, 40, "an order is shipped")
            text = log.read_text()
            check("Everything runs: " in text and "shipped {" in text, text)
            pids = re.findall(r"^\w+ +\| \[(\d+)\]", text, re.MULTILINE)
            check(len(set(pids)) >= 3, text)
            scrape = urllib.request.urlopen(f"http://127.0.0.1:{ports['UP_EXPORTER_PORT']}/metrics", timeout=10).read()
            families = b"jetstream_stream_total_messages", b'stream_name="ORDERS"'
            check(all(name in scrape for name in families), "the exporter's page")
            rows = json.loads(urllib.request.urlopen(
                f"http://127.0.0.1:{ports['UP_HEALTH_PORT']}/resources", timeout=10).read())["resources"]
            expect([row["reason"] for row in rows], ["Ready"] * 8, "resources of the examples")
            if ends_by == "Ctrl-C":
                os.killpg(up.pid, signal.SIGINT)
            else:
                line = next(line for line in text.splitlines() if line.startswith("exporter"))
                os.kill(int(re.search(r"\[(\d+)\]", line)[1]), signal.SIGKILL)
            expect(up.wait(15), 0 if ends_by == "Ctrl-C" else 1, f"exit code after {ends_by}")
        finally:
            if up.poll() is None:
                up.terminate()
                up.wait(15)
        left = [pid for pid in set(pids) if Path(f"/proc/{pid}").exists()]
        expect(left, [], f"processes left after {ends_by}")
