"""What the backup tests talk with: a NATS client on a bare socket that takes and restores backups of streams, and
enough of S2 and of the archive inside to make backups that no server would write."""
import collections
import json
import socket
import struct
import time

import suite

SECONDS = 10
API = "$JS.API."
Message = collections.namedtuple("Message", "subject reply header payload")
Snapshot = collections.namedtuple("Snapshot", "answer chunks ends")


class Client:
    """Subscriptions are numbers; messages wait in `queues` until they are asked for."""

    def __init__(self, port, user="", password=""):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.buffer = bytearray()
        self.queues = {}
        self.subscriptions = self.requests = self.pongs = self.pings = 0
        self.line(SECONDS)
        options = dict(verbose=False, headers=True, no_responders=True, name="backup", lang="python", version="1",
                       protocol=1)
        if user:
            options.update({"user": user, "pass": password})
        self.send(f"CONNECT {json.dumps(options)}")
        self.inbox = f"_INBOX.{time.time_ns()}"
        self.answers = self.subscribe(f"{self.inbox}.>")
        self.flush()

    def send(self, line, *parts):
        self.socket.sendall(b"".join([line.encode(), b"\r\n", *parts]))

    def receive(self, seconds):
        self.socket.settimeout(max(seconds, 0.001))
        data = self.socket.recv(1 << 18)
        if not data:
            raise EOFError("the server closed the connection")
        self.buffer += data

    def line(self, seconds):
        while (end := self.buffer.find(b"\r\n")) < 0:
            self.receive(seconds)
        line = bytes(self.buffer[:end]).decode()
        del self.buffer[:end + 2]
        return line

    def frame(self, seconds):
        words = self.line(seconds).split()
        if words[0] == "PING":
            self.send("PONG")
        elif words[0] == "PONG":
            self.pongs += 1
        elif words[0] in ("MSG", "HMSG"):
            counts = 2 if words[0] == "HMSG" else 1
            size, head = int(words[-1]), int(words[-2]) if counts == 2 else 0
            while len(self.buffer) < size + 2:
                self.receive(SECONDS)
            body = bytes(self.buffer[:size])
            del self.buffer[:size + 2]
            reply = words[3] if len(words) - counts == 4 else ""
            if int(words[2]) in self.queues:
                self.queues[int(words[2])].append(Message(words[1], reply, body[:head], body[head:]))

    def flush(self):
        self.pings += 1
        self.send("PING")
        while self.pongs < self.pings:
            self.frame(SECONDS)

    def subscribe(self, subject):
        self.subscriptions += 1
        self.queues[self.subscriptions] = collections.deque()
        self.send(f"SUB {subject} {self.subscriptions}")
        return self.subscriptions

    def unsubscribe(self, subscription):
        self.send(f"UNSUB {subscription}")
        del self.queues[subscription]

    def publish(self, subject, payload=b"", reply="", header=b""):
        if header:
            self.send(f"HPUB {subject} {reply} {len(header)} {len(header) + len(payload)}", header, payload, b"\r\n")
        else:
            self.send(f"PUB {subject} {reply} {len(payload)}", payload, b"\r\n")

    def next(self, subscription, seconds=SECONDS):
        """The next message; None when none comes in time."""
        deadline = time.monotonic() + seconds
        while not self.queues[subscription]:
            if (left := deadline - time.monotonic()) <= 0:
                return None
            try:
                self.frame(left)
            except TimeoutError:
                return None
        return self.queues[subscription].popleft()

    def request(self, subject, payload=b"", header=b"", seconds=SECONDS):
        self.requests += 1
        reply = f"{self.inbox}.{self.requests}"
        self.publish(subject, payload, reply, header)
        while (message := self.next(self.answers, seconds)) and message.subject != reply:
            pass
        if message is None:
            raise suite.Failure(f"no answer to {subject} within {seconds} s")
        return message

    def api(self, operation, body=None, seconds=SECONDS):
        payload = b"" if body is None else json.dumps(body).encode()
        return json.loads(self.request(API + operation, payload, seconds=seconds).payload)

    def must(self, operation, body=None, seconds=SECONDS):
        answer = self.api(operation, body, seconds)
        suite.check("error" not in answer, f"{operation}: {answer.get('error')}")
        return answer

    # Backups

    def begin_snapshot(self, stream, **options):
        """The answer and the subscription on which chunks arrive."""
        subject = f"deliver.{time.time_ns()}"
        subscription = self.subscribe(subject)
        return self.must(f"STREAM.SNAPSHOT.{stream}", {"deliver_subject": subject, **options}), subscription

    def snapshot(self, stream, **options):
        answer, subscription = self.begin_snapshot(stream, **options)
        chunks = []
        while True:
            message = self.next(subscription)
            suite.check(message is not None, "the snapshot does not go on")
            if not message.payload:
                return Snapshot(answer, chunks, message.header)
            chunks.append(message.payload)
            if message.reply:
                self.publish(message.reply)

    def begin_restore(self, configuration, state=None):
        """Where chunks are expected."""
        name = configuration["name"]
        return self.must(f"STREAM.RESTORE.{name}", {"config": configuration, "state": state or {}})["deliver_subject"]

    def restore(self, configuration, data, state=None, size=100_000):
        """The last answer."""
        subject = self.begin_restore(configuration, state)
        for place in range(0, len(data), size):
            answer = self.request(subject, data[place:place + size])
            suite.check(not answer.payload and not answer.header, f"a chunk was answered {answer}")
        return json.loads(self.request(subject, seconds=30).payload)

    def close(self):
        self.socket.close()


# Archives


def checksum(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def table():
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        yield number


TABLE = list(table())
IDENTIFIER = b"\xff\x06\x00\x00S2sTwO"


def chunk(kind, plain, body):
    return bytes([kind]) + (len(body) + 4).to_bytes(3, "little") + struct.pack("<I", checksum(plain)) + body


def stored(data):
    """An S2 stream that does not compress."""
    parts = [data[place:place + 65536] for place in range(0, len(data), 65536)]
    return IDENTIFIER + b"".join(chunk(1, part, part) for part in parts)


def varint(number):
    result = b""
    while number > 127:
        result += bytes([number & 127 | 128])
        number >>= 7
    return result + bytes([number])


def entry(name, body, sequence=0, timestamp=0):
    name = name.encode()
    return (varint(len(name)) + varint(timestamp << 1) + varint(sequence) + varint(0) + varint(len(body)) + name + body)


def archive(state, *entries):
    return b"NATSARC1" + entry("state.json", json.dumps(state).encode(), timestamp=1) + b"".join(entries)


END = b"\0" * 5
