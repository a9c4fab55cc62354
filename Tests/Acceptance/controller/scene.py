"""A controller on a folder of manifests, beside a server with JetStream; and a client that looks at the server."""
import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from pathlib import Path

import nats
import servers
import suite
from suite import check, wait_until

LISTENING = re.compile(r"Listening for HTTP on 127\.0\.0\.1:(\d+)")
# What a change may take until it has been brought about, on a busy machine.
SECONDS = 10


def program(context):
    path = Path(os.environ.get("NACK_CONTROLLER", Path(context.server).parent / "nack-controller"))
    if not os.access(path, os.X_OK):
        raise suite.Missing(f"a controller at {path} (Tests/release nack-controller)")
    return str(path)


def jetstream_config(folder, extra=""):
    return f'http: "127.0.0.1:-1"\njetstream {{ store_dir: "{folder}/{servers.free_port()}" }}\n{extra}\n'


@contextlib.contextmanager
def jetstream(binary, folder, extra="", port=None):
    with servers.running(binary, folder, jetstream_config(folder, extra), port=port) as server:
        found = re.search(r"Starting http monitor on \S+?:(\d+)", server.log())
        server.monitor = f"http://127.0.0.1:{found[1]}" if found else None
        yield server


def manifest(kind, name, spec, namespace=None):
    """A manifest as JSON, which is YAML."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return json.dumps({"apiVersion": "jetstream.nats.io/v1beta2", "kind": kind, "metadata": metadata, "spec": spec})


class Folder:
    """Manifests on disk, one file each, replaced at once as editors do."""

    def __init__(self, context):
        self.path = Path(tempfile.mkdtemp(dir=context.folder))

    def put(self, kind, title, /, **spec):
        self.write(f"{kind.lower()}-{title}.yaml", manifest(kind, title, spec))

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f".{path.name}.new"
        temporary.write_text(text)
        temporary.rename(path)

    def remove(self, kind, name):
        (self.path / f"{kind.lower()}-{name}.yaml").unlink()

    def __str__(self):
        return str(self.path)


def run(context, *arguments, seconds=40, environment=None):
    """A command that ends by itself: exit code, standard output, standard error."""
    done = subprocess.run([program(context), *map(str, arguments)], capture_output=True, text=True, timeout=seconds,
                          env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Controller:
    """A running controller; probes and metrics share a free port."""

    def __init__(self, context, *arguments, command=None):
        self.folder = Path(tempfile.mkdtemp(dir=context.folder))
        self.log_path = self.folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*(command or [program(context)]), "-health-probe-bind-address=127.0.0.1:0",
                 "--metrics-bind-address", "127.0.0.1:0", *map(str, arguments)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            self.port = wait_until(self._port, 10, "the controller listens")
        except suite.Failure as failure:
            self.kill()
            raise suite.Failure(f"{failure}\n{self.log()}") from None

    def _port(self):
        found = LISTENING.search(self.log())
        if not found and self.process.poll() is not None:
            raise suite.Failure(f"it ended with {self.process.returncode}")
        return int(found[1]) if found else None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def resources(self):
        """`Kind name` -> its row."""
        status, body = self.get("/resources")
        suite.expect(status, 200, "status of /resources")
        return {f"{row['kind']} {row['name']}": row for row in json.loads(body)["resources"]}

    def metrics(self):
        status, body = self.get("/metrics")
        suite.expect(status, 200, "status of /metrics")
        return body

    def metric(self, name):
        """The sum over all rows of a family."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.metrics().splitlines()
                   if re.match(rf"{name}[{{ ]", line))

    def wait(self, name, reason="Ready", message="", seconds=SECONDS):
        """Waits for a resource to be so; its row."""
        def matches():
            row = self.resources().get(name)
            return row if row and row["reason"] == reason and re.search(message, row["message"]) else None
        try:
            return wait_until(matches, seconds, f"{name} is {reason} {message}")
        except suite.Failure as failure:
            raise suite.Failure(f"{failure}; it is {self.resources().get(name)}\n{self.log()[-2000:]}") from None

    def wait_all(self, count, seconds=SECONDS):
        def ready():
            rows = self.resources().values()
            return len(rows) == count and all(row["reason"] == "Ready" for row in rows)
        try:
            wait_until(ready, seconds, f"{count} resources are ready")
        except suite.Failure as failure:
            rows = [row for row in self.resources().values() if row["reason"] != "Ready"]
            raise suite.Failure(f"{failure}: {rows}\n{self.log()[-2000:]}") from None

    def wait_for_log(self, pattern, seconds=SECONDS):
        return wait_until(lambda: self.lines(pattern), seconds, f"log line {pattern!r}")

    def signal(self, number):
        self.process.send_signal(number)

    def memory(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])

    def stop(self):
        """The exit code after SIGTERM."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise suite.Failure(f"still runs 10 s after SIGTERM\n{self.log()[-2000:]}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            suite.expect(self.stop(), 0, "exit code after SIGTERM")
        else:
            self.kill()


def start(context, server, folder, *arguments):
    """A controller on a folder, for this server."""
    return Controller(context, "-s", server.url(), "--manifests", folder, *arguments)


class Admin:
    """A client of the server, on a thread of its own: its calls block."""

    def __init__(self, server, **options):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.client = self.do(nats.connect(server.url(), **options))
        self.heard = []

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def api(self, subject, body=None):
        payload = b"" if body is None else json.dumps(body).encode()
        return json.loads(self.do(self.client.request(f"$JS.API.{subject}", payload, timeout=10)).data)

    def stream(self, name):
        """A stream's configuration; nothing for one that does not exist."""
        return self.api(f"STREAM.INFO.{name}").get("config")

    def streams(self):
        names, total = [], 1
        while len(names) < total:
            page = self.api("STREAM.NAMES", {"offset": len(names)})
            total = page["total"]
            if not page["streams"]:
                break
            names += page["streams"]
        return names

    def consumer(self, stream, name):
        return self.api(f"CONSUMER.INFO.{stream}.{name}").get("config")

    def must(self, subject, body=None):
        answer = self.api(subject, body)
        check("error" not in answer, f"{subject}: {answer.get('error')}")
        return answer

    def change(self, name, **members):
        """What somebody else does to a stream."""
        self.must(f"STREAM.UPDATE.{name}", {**self.stream(name), **members})

    def listen(self):
        """From here on every API request of the account is heard."""
        async def hear(message):
            self.heard.append(message.subject)

        async def begin():
            await self.client.subscribe("$JS.API.>", cb=hear)
            await self.client.flush()
        self.do(begin())
        return self.heard

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.do(self.client.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
