"""Servers under test: started on 127.0.0.1 with free ports, found ready by their log, stopped by pid."""
import atexit
import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "rig"))

import ports
from suite import Failure

_running = set()
_lock = threading.Lock()

READY = "Server is ready"
LISTENING = re.compile(r"Listening for client connections on \S+?:(\d+)\s*$", re.MULTILINE)
# Machines that run these tests may be busy with other things.
START_SECONDS = 20
STOP_SECONDS = 10


@atexit.register
def stop_everything():
    for server in list(_running):
        server.kill()


PORTS = range(10000, 17000)
_ports = itertools.cycle(ports.shuffled(PORTS))


def free_port():
    """A port that nothing listens on, and that no other test of this run has got for long."""
    for _ in PORTS:
        with _lock:
            port = next(_ports)
        if ports.is_free(port):
            return port
    raise Failure(f"no free port from {PORTS.start} to {PORTS.stop - 1}")


class Server:
    """One running server. `config` is text; it keeps its client port when it is started again. -1: it chooses one."""

    def __init__(self, binary, folder, config="", arguments=(), port=None, environment=None):
        self.binary = binary
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.config_path = self.folder / "server.conf"
        self.log_path = self.folder / "server.log"
        self.arguments = list(arguments)
        self.environment = environment
        self.port = free_port() if port is None else port
        self.process = None
        self.ignores_term = False
        self.before_start = None  # runs in the new process before the server does
        self.write_config(config)

    def write_config(self, text):
        self.config_path.write_text(text)

    def command(self):
        command = [self.binary, "-a", "127.0.0.1", "-p", str(self.port), *self.arguments]
        if self.config_path.stat().st_size:
            command += ["-c", str(self.config_path)]
        return command

    def start(self):
        with open(self.log_path, "ab") as log:
            offset = log.tell()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**os.environ, **(self.environment or {})}, preexec_fn=self.before_start)
        with _lock:
            _running.add(self)
        self.wait_for_log(READY, START_SECONDS, offset)
        if self.port == -1:
            found = LISTENING.search(self.log(offset))
            if not found:
                raise Failure(f"no 'Listening for client connections on' in the log:\n{self.log(offset)}")
            self.port = int(found.group(1))
        return self

    def log(self, offset=0):
        with open(self.log_path, "rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")

    def last_words(self, offset=0):
        """The log's last line, then the end of the log."""
        log = self.log(offset)
        return f"{(log.splitlines() or ['nothing in the log'])[-1]}\n{log[-2000:]}"

    def log_size(self):
        return self.log_path.stat().st_size

    def wait_for_log(self, pattern, seconds=5, offset=0):
        """Waits for a line that matches; returns the match."""
        deadline = time.monotonic() + seconds
        while True:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.log(offset))
            if found:
                return found
            if ended:
                raise Failure(f"the server ended with {self.process.returncode}: {self.last_words(offset)}")
            if time.monotonic() > deadline:
                raise Failure(f"no log line {pattern!r} within {seconds} s:\n{self.log(offset)[-2000:]}")
            time.sleep(0.005)

    def signal(self, number):
        os.kill(self.process.pid, number)

    def reload(self, config=None):
        """Replaces the configuration, sends HUP, and returns the log line that ends the reload."""
        if config is not None:
            self.write_config(config)
        offset = self.log_size()
        self.signal(signal.SIGHUP)
        return self.wait_for_log(r"Reloaded server configuration|Failed to reload.*", 10, offset).group(0)

    def wait(self, seconds=STOP_SECONDS):
        """The exit code once the server has ended by itself."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"the server still runs after {seconds} s") from None
        with _lock:
            _running.discard(self)
        return code

    def stop(self):
        if self.ignores_term:
            self.kill()
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        with _lock:
            _running.discard(self)
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with _lock:
            _running.discard(self)

    def is_alive(self):
        return self.process.poll() is None

    def url(self, scheme="nats", login=""):
        return f"{scheme}://{login + '@' if login else ''}127.0.0.1:{self.port}"

    def resident_kilobytes(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@contextlib.contextmanager
def running(binary, folder, config="", arguments=(), port=None, environment=None):
    """A server for the length of a `with` block. It must live until the block ends."""
    server = Server(binary, folder, config, arguments, port, environment)
    try:
        server.start()
        yield server
        if not server.is_alive():
            raise Failure(f"the server ended with {server.process.returncode}: {server.last_words()}")
    finally:
        server.stop()
