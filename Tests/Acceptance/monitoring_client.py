"""What the monitoring tests talk with: a NATS client on a bare socket, and HTTP."""
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.request

SECONDS = 5
INBOX = "_INBOX.reply"
MONITOR = re.compile(r"Starting (https?) monitor on 127\.0\.0\.1:(\d+)")


class Client:
    """Sends lines, reads frames. Frames that were not asked for wait in `others`."""

    def __init__(self, port, user="", password="", name="client", tls=None, **options):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.buffer = b""
        self.others = []
        self.requests = 0
        self.reply = ""  # of the message that was read last
        self.info = json.loads(self.line()[5:])
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        connect = dict(verbose=False, pedantic=False, headers=True, no_responders=True, lang="test", version="1.0",
                       protocol=1, name=name, **options)
        if user:
            connect.update({"user": user, "pass": password})
        self.send(f"CONNECT {json.dumps(connect)}")
        self.ping()
        self.send(f"SUB {INBOX}.* 1")

    def send(self, *lines):
        self.socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def publish(self, subject, body=b"", reply="", header=b""):
        if header:
            self.socket.sendall(f"HPUB {subject} {reply} {len(header)} {len(header) + len(body)}\r\n".encode()
                                + header + body + b"\r\n")
        else:
            self.socket.sendall(f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n")

    def ping(self):
        """Returns when everything sent before has been handled."""
        self.send("PING")
        self.wait_for(lambda frame: frame == "PONG")

    def wait_for(self, wanted, seconds=SECONDS):
        """The first frame from now on that is wanted; None when none comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                frame = self.frame(left)
            except TimeoutError:
                return None
            if wanted(frame):
                return frame
            self.others.append(frame)
        return None

    def request(self, subject, body=b"", header=b"", seconds=SECONDS):
        """Header and body of the answer; None when none comes."""
        self.requests += 1
        reply = f"{INBOX}.{self.requests}"
        self.publish(subject, body.encode() if isinstance(body, str) else body, reply, header)
        frame = self.wait_for(lambda frame: isinstance(frame, tuple) and frame[0] == reply, seconds)
        return frame and frame[1:]

    def frame(self, seconds=SECONDS):
        """A line, or (subject, header, body)."""
        self.socket.settimeout(seconds)
        line = self.line()
        if line == "PING":
            self.send("PONG")
            return self.frame(seconds)
        words = line.split()
        if words[0] not in ("MSG", "HMSG"):
            return line
        data = self.take(int(words[-1]) + 2)[:-2]
        counts = 2 if words[0] == "HMSG" else 1
        self.reply = words[3] if len(words) > 3 + counts else ""
        head = int(words[-2]) if words[0] == "HMSG" else 0
        return words[1], data[:head], data[head:]

    def line(self):
        while b"\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode().strip()

    def take(self, count):
        while len(self.buffer) < count:
            self.receive()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        try:
            data = self.socket.recv(1 << 20)
        except ConnectionResetError:  # closed while something of ours was not read yet
            data = b""
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data

    def messages(self, quiet=0.3):
        """All messages that are here or come before it is quiet."""
        try:
            while True:
                self.others.append(self.frame(quiet))
        except (TimeoutError, EOFError):
            pass
        found = [frame for frame in self.others if isinstance(frame, tuple)]
        self.others = []
        return found

    def close(self):
        self.socket.close()


def monitor_url(server):
    # Of the start that was last.
    scheme, port = MONITOR.findall(server.log())[-1]
    return f"{scheme}://127.0.0.1:{port}"


def get(url):
    """Status, headers that matter, and body of an HTTP answer."""
    context = ssl._create_unverified_context() if url.startswith("https") else None
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        status, headers, body = error.code, error.headers, error.read()
    shown = {name: headers[name] for name in ("Content-Type", "Access-Control-Allow-Origin") if headers[name]}
    return status, shown, body.decode(errors="replace")
