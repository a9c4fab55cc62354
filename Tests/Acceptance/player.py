"""Plays one byte script to one server and returns what came back."""
import base64
import re
import select
import signal
import socket
import ssl
import time
from dataclasses import dataclass, field

import nkeys

import certificates
import servers
import transcript

ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
LOG_PREFIX = re.compile(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} ")
LOG_VOLATILE = [(re.compile(r"127\.0\.0\.1:\d+"), "<address>"), (re.compile(r"cid:\d+"), "cid:<n>")]

# How long a server may take for what must come; far more than it needs, as the machine may be busy.
ANSWER_SECONDS = 5
# How long the server under test may take for an answer that the reference gave at once.
MISSING_SECONDS = 2


class Connection:
    """One raw connection and everything received on it."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.received = bytearray()
        self.pings_sent = 0
        self.closed = False  # by the server
        self.finished = False  # by us
        self.problem = ""

    @property
    def is_open(self):
        return not self.closed and not self.finished

    def pongs(self):
        return self.received.count(b"PONG\r\n")

    def read(self):
        """Takes what is there; true when there was something, or the end."""
        try:
            data = self.socket.recv(1 << 20)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (ConnectionError, ssl.SSLError, OSError):
            data = b""
        if not data:
            self.closed = True
        self.received += data
        return True

    def send(self, data):
        """Writes everything, unless the server closes first. What arrives meanwhile is read, so nobody waits."""
        view, deadline = memoryview(data), time.monotonic() + ANSWER_SECONDS
        while view and self.is_open and time.monotonic() < deadline:
            try:
                sent = self.socket.send(view)
                view = view[sent:]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                pass
            except (ConnectionError, ssl.SSLError):
                self.drain()
                return
            readable, _, _ = select.select([self.socket], [self.socket], [], 0.2)
            if readable:
                self.read()

    def drain(self):
        """After a failed write: what the server said before it closed."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.closed and time.monotonic() < deadline:
            if not self.read():
                select.select([self.socket], [], [], 0.2)

    def start_tls(self, options, folder):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(folder / "ca.pem")
        context.check_hostname = False
        if "client" in options:
            context.load_cert_chain(folder / f"{options['client']}.pem", folder / f"{options['client']}.key")
        if "max" in options:
            context.maximum_version = getattr(ssl.TLSVersion, options["max"])
        self.socket.settimeout(ANSWER_SECONDS)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=options.get("sni", "localhost"))
            names = dict(pair[0] for pair in self.socket.getpeercert()["subject"])
            self.received += f"+TLS {self.socket.version()} {names['commonName']}\r\n".encode()
        except (ssl.SSLError, ConnectionError, TimeoutError) as problem:
            self.problem = f"TLS handshake failed ({type(problem).__name__})"
            self.closed = True
        if not self.closed:
            self.socket.setblocking(False)


@dataclass
class Progress:
    """How an answer came along: what was there after each step, and how many log lines at the end."""

    states: list = field(default_factory=list)
    log_lines: dict = field(default_factory=dict)


class Player:
    """One script on one server.

    The reference server is played with `quiet` seconds of silence as the sign that it has said everything. The server
    under test is then played with the reference's `progress`: every step waits for as many frames as the reference had
    sent by then, so nothing is guessed, and only what is missing costs time."""

    def __init__(self, script, server, certificates_folder, quiet, progress=None):
        self.script, self.server, self.certificates = script, server, certificates_folder
        self.quiet, self.expected = quiet, progress
        self.progress = Progress()
        self.behind = False
        self.connections = {}

    def play(self):
        log_start = self.server.log_size()
        for step in self.script.steps:
            getattr(self, "do_" + step.verb)(step)
        self.settle()
        result = {name: self.outcome(connection) for name, connection in self.connections.items()}
        for pattern in self.script.logs:
            result[f"log {pattern}"] = self.log_lines(pattern, log_start)
        for connection in self.connections.values():
            connection.socket.close()
        return result

    def outcome(self, connection):
        frames = self.frames(connection)
        frames = sorted(frames) if self.script.unordered else transcript.with_copies_sorted(frames)
        if connection.problem:
            frames.append(connection.problem)
        return frames + ["(closed by the server)" if connection.closed else "(open)"]

    def frames(self, connection):
        frames = transcript.frames(bytes(connection.received).replace(b"+TLS", b"+OK TLS"))
        return frames if self.script.pings else [frame for frame in frames if frame != "PING"]

    def log_lines(self, pattern, start):
        def matching():
            lines = []
            for line in self.server.log(start).splitlines():
                text = LOG_PREFIX.sub("", line)
                text = text.replace(str(self.server.folder), "<folder>")
                for expression, replacement in LOG_VOLATILE:
                    text = expression.sub(replacement, text)
                if re.search(pattern, text):
                    lines.append(transcript.mask(text.encode()).decode())
            return lines
        if self.expected:
            self.pump_until(lambda: len(matching()) >= self.expected.log_lines[pattern], MISSING_SECONDS)
        else:
            self.pump_until(lambda: bool(matching()), 1)
            time.sleep(self.quiet)
        self.progress.log_lines[pattern] = len(matching())
        return matching()

    # Waiting

    def pump(self, seconds):
        """Reads whatever arrives within the time; true when something did."""
        waiting = {c.socket: c for c in self.connections.values() if c.is_open}
        if not waiting:
            time.sleep(min(seconds, 0.01))
            return False
        # TLS may hold bytes that select does not see.
        if any(c.read() for c in waiting.values() if isinstance(c.socket, ssl.SSLSocket)):
            return True
        readable, _, _ = select.select([s for s, c in waiting.items() if c.is_open], [], [], seconds)
        return any([waiting[s].read() for s in readable])

    def pump_until(self, condition, seconds):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.pump(0.01)

    def pump_until_quiet(self, seconds):
        while self.pump(seconds):
            pass

    def settle(self):
        if self.expected is None:
            answered = lambda: all(c.pongs() >= c.pings_sent for c in self.connections.values() if c.is_open)
            self.pump_until(answered, 1)
            self.pump_until_quiet(self.quiet)
        elif len(self.progress.states) < len(self.expected.states):
            target = self.expected.states[len(self.progress.states)]
            # Once something is missing it stays missing: later steps do not wait for it again.
            self.pump_until(lambda: self.reached(target), 0.1 if self.behind else MISSING_SECONDS)
            self.behind = not self.reached(target)
            self.pump_until_quiet(0.01)
        else:
            self.pump_until_quiet(self.quiet)
        self.progress.states.append(self.state())

    def state(self):
        return {name: (len(self.frames(c)), c.closed) for name, c in self.connections.items()}

    def reached(self, target):
        state = self.state()
        return all(state[name][0] >= count and (state[name][1] or not closed)
                   for name, (count, closed) in target.items())

    # Steps

    def connection(self, name):
        if name not in self.connections:
            self.settle_if_open()
            connection = self.connections[name] = Connection(self.server.port)
            self.pump_until(lambda: b"\r\n" in connection.received or connection.closed, ANSWER_SECONDS)
        return self.connections[name]

    def settle_if_open(self):
        if self.connections:
            self.settle()

    def do_send(self, step):
        connection = self.connection(step.connection)
        data = self.expand(step.text, connection)
        connection.pings_sent += len(re.findall(rb"(?im)^PING\r?$", data))
        connection.send(data)
        self.settle()

    def do_settle(self, step):
        self.settle()

    def do_closed(self, step):
        connection = self.connection(step.connection)
        self.pump_until(lambda: connection.closed, float(step.text or ANSWER_SECONDS))

    def do_open(self, step):
        self.settle_if_open()
        connection = self.connections[step.connection] = Connection(self.server.port)
        words = step.text.split()
        if "tls" in words:
            connection.start_tls(options(words), self.certificates)
        self.settle()

    def do_tls(self, step):
        connection = self.connection(step.connection)
        connection.start_tls(options(step.text.split()), self.certificates)
        self.settle()

    def do_close(self, step):
        connection = self.connection(step.connection)
        connection.finished = True
        connection.socket.close()
        self.settle()

    def do_shutdown(self, step):
        self.connection(step.connection).socket.shutdown(socket.SHUT_WR)
        self.settle()

    def do_pause(self, step):
        deadline = time.monotonic() + float(step.text)
        self.pump_until(lambda: False, float(step.text))
        time.sleep(max(0, deadline - time.monotonic()))
        self.settle()

    def do_reload(self, step):
        self.server.reload(substitute(step.text, self.certificates))
        self.settle()

    def do_signal(self, step):
        self.server.signal(getattr(signal, "SIG" + step.text))
        self.server.ignores_term = True  # lame duck mode does
        self.settle()

    # Text

    def expand(self, text, connection):
        data = text.encode()
        data = re.sub(rb"\{sig:(\w+)\}", lambda m: sign(m.group(1), connection.received), data)
        data = re.sub(rb"\{reply\}", lambda m: last_reply(connection.received), data)
        data = ESCAPE.sub(lambda m: escape(m.group(1)), data)
        return re.sub(rb"(?s)\{(.)\*(\d+)\}", lambda m: m.group(1) * int(m.group(2)), data)


def last_reply(received):
    """The reply subject of the last message that had one."""
    found = re.findall(rb"(?m)^MSG \S+ \S+ (\S+) \d+\r$|^HMSG \S+ \S+ (\S+) \d+ \d+\r$", received)
    return (found[-1][0] or found[-1][1]) if found else b"no.reply.seen"


def options(words):
    return dict(word.split("=", 1) for word in words if "=" in word)


def escape(code):
    return bytes([int(code[1:], 16)]) if code[:1] == b"x" and len(code) == 3 else ESCAPES.get(code, code)


def sign(seed, received):
    nonce = re.search(rb'"nonce":"([^"]*)"', received)
    signature = nkeys.from_seed(bytearray(seed)).sign(nonce.group(1) if nonce else b"")
    return base64.urlsafe_b64encode(signature).rstrip(b"=")


def substitute(config, folder):
    config = config.replace("%CERTS%", str(folder))
    return re.sub(r"%PIN:([\w-]+)%", lambda m: certificates.pin(folder, m.group(1)), config)


def play(script, binary, folder, certificates_folder, quiet, progress=None):
    """Plays the script to a fresh server; returns what came back and how it came along."""
    config = substitute(script.config, certificates_folder)
    arguments = [substitute(argument, certificates_folder) for argument in script.arguments]
    with servers.running(binary, folder, config, arguments) as server:
        player = Player(script, server, certificates_folder, quiet, progress)
        return player.play(), player.progress
