"""nack-controller under test, and a JetStream server to ask what it did."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import servers
from suite import Failure


class Controller:
    """One running controller. Flags are given as the original's users give them."""

    def __init__(self, program, folder, cluster, arguments=(), environment=None, kubeconfig=None):
        self.program = program
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.log_path = self.folder / "controller.log"
        self.port = servers.free_port()
        self.environment = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        self.environment.update(environment or {})
        self.arguments = [f"--health-probe-bind-address=127.0.0.1:{self.port}", f"--metrics-bind-address=127.0.0.1:{self.port}",
                          "--sync-interval=2s", *arguments]
        if kubeconfig is None:
            kubeconfig = cluster.kubeconfig
        if kubeconfig:
            self.arguments += ["-kubeconfig", str(kubeconfig)]
        self.process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.program, *self.arguments], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder, env=self.environment)
        with servers._lock:
            servers._running.add(self)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, _):
        if kind is not None and issubclass(kind, Failure):
            self.kill()
            raise Failure(f"{error}\n--- the controller's log\n{self.log()[-3000:]}") from None
        if self.process.poll() is not None:
            raise Failure(f"the controller ended with {self.process.returncode}:\n{self.log()[-2000:]}")
        self.stop()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_for_log(self, text, seconds=20):
        deadline = time.monotonic() + seconds
        while text not in self.log():
            if self.process.poll() is not None:
                raise Failure(f"the controller ended with {self.process.returncode}:\n{self.log()[-2000:]}")
            if time.monotonic() > deadline:
                raise Failure(f"no {text!r} in the log within {seconds} s:\n{self.log()[-2000:]}")
            time.sleep(0.02)

    def get(self, path):
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"the controller does not stop:\n{self.log()[-2000:]}") from None
        with servers._lock:
            servers._running.discard(self)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with servers._lock:
            servers._running.discard(self)

    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


class JetStream:
    """Asks a server's JetStream API, one connection a request."""

    def __init__(self, port, login=None):
        self.port = port
        self.login = login or {}

    def ask(self, subject, body=b""):
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            lines = connection.makefile("rb")
            lines.readline()
            connect = json.dumps({"verbose": False, "pedantic": False, **self.login})
            connection.sendall(f"CONNECT {connect}\r\nSUB reply 1\r\n".encode())
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.sendall(f"PUB $JS.API.{subject} reply {len(payload)}\r\n".encode() + payload + b"\r\n")
            while line := lines.readline():
                if line.startswith(b"MSG "):
                    return json.loads(lines.read(int(line.split()[-1])))
                if line.startswith(b"-ERR"):
                    raise Failure(f"{subject}: {line.decode().strip()}")
                if line.startswith(b"PING"):
                    connection.sendall(b"PONG\r\n")
        raise Failure(f"{subject}: no answer")

    def streams(self):
        return set(self.ask("STREAM.NAMES").get("streams") or [])

    def stream(self, name):
        """Its configuration, or None."""
        return self.ask(f"STREAM.INFO.{name}").get("config")

    def consumers(self, stream):
        return set(self.ask(f"CONSUMER.NAMES.{stream}").get("consumers") or [])
