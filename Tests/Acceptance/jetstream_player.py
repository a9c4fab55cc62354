"""Plays one JetStream script to one server (see jetstream_scripts.py)."""
import datetime
import re
import urllib.error
import urllib.request

import jetstream_transcript
import player
import servers
from player import ANSWER_SECONDS

CONNECT = ('CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"test","version":"1",'
           '"name":"script","protocol":1%s}')
ACK_REPLY = re.compile(rb"(?m)^H?MSG \S+ \S+ (\$JS\.ACK\.\S+) ")
MONITOR = re.compile(r"Starting http monitor on \S+?:(\d+)")
# How long the real server may take for an answer to a request before it counts as silence.
SILENCE_SECONDS = 1.5


class JetStreamPlayer(player.Player):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.sent = bytearray()
        self.marks = {}  # connection name -> [(bytes received before, what was sent then)]
        self.requests = {}
        self.subscriptions = {}
        self.pages = {}  # what the monitoring port answered
        self.restarts = 0

    def play(self):
        result = super().play()
        return result | {f"{name} (monitoring)": lines for name, lines in self.pages.items()}

    def frames(self, connection):
        frames = self.cut(bytes(connection.received))
        return [frame for frame in frames if frame not in ("PING", "PONG") and not frame.startswith("INFO ")]

    def cut(self, data):
        received = b"".join(bytes(connection.received) for connection in self.connections.values())
        return jetstream_transcript.frames(data, jetstream_transcript.made_up(received, bytes(self.sent)))

    def outcome(self, connection):
        """Frames with the requests between them, so that a difference shows what was asked."""
        name = next(name for name, known in self.connections.items() if known is connection)
        frames, lines, taken = self.frames(connection), [], 0
        for received, text in self.marks.get(name, []):
            count = self.frame_count(connection, received)
            lines += self.ordered(frames[taken:count]) + [f">> {text}"]
            taken = max(taken, count)
        return lines + self.ordered(frames[taken:]) + ["(closed by the server)" if connection.closed else "(open)"]

    def ordered(self, frames):
        return sorted(frames) if self.script.unordered else frames

    def frame_count(self, connection, received):
        return len([frame for frame in self.cut(bytes(connection.received[:received]))
                    if frame not in ("PING", "PONG") and not frame.startswith("INFO ")])

    # Connections

    def named(self, name, login=""):
        """The connection, which has said CONNECT."""
        if name not in self.requests:
            self.requests[name] = self.subscriptions[name] = 0
            fresh = super().connection(name)
            self.write(fresh, CONNECT % login)
            self.subscribe(name, fresh, f"_INBOX.{name}.>")
        return self.connections[name]

    def write(self, connection, text, round_trip=True):
        data = text.encode() if isinstance(text, str) else text
        self.sent += data
        connection.send(data + b"\r\n" + (b"PING\r\n" if round_trip else b""))
        connection.pings_sent += round_trip

    def subscribe(self, name, connection, arguments):
        self.subscriptions[name] += 1
        self.write(connection, f"SUB {arguments} {self.subscriptions[name]}")
        self.answered()

    def answered(self):
        self.pump_until(lambda: all(c.pongs() >= c.pings_sent for c in self.connections.values() if c.is_open),
                        ANSWER_SECONDS)

    def mark(self, name, text):
        self.marks.setdefault(name, []).append((len(self.connections[name].received), text))

    # Steps

    def do_login(self, step):
        user, password = step.text.split()
        self.named(step.connection, f',"user":"{user}","pass":"{password}"')

    def do_send(self, step):
        if step.connection in self.requests:
            self.mark(step.connection, step.text.replace("\\r\\n", " ")[:200])
        super().do_send(step)

    def do_sub(self, step):
        # Marked first: what the subscription sets off may come at once.
        connection = self.named(step.connection)
        self.mark(step.connection, f"SUB {step.text}")
        self.subscribe(step.connection, connection, step.text)

    def do_unsub(self, step):
        connection = self.named(step.connection)
        self.mark(step.connection, f"UNSUB {step.text}")
        self.write(connection, f"UNSUB {step.text}")
        self.settle()

    def do_request(self, step):
        self.ask(step, True)
        self.settle_with(step.connection, step.count)

    def do_later(self, step):
        self.ask(step, True)
        self.settle()

    def do_publish(self, step):
        self.ask(step, False)
        self.settle()

    def ask(self, step, with_reply):
        connection, frames = self.named(step.connection), []
        for number in range(1, (step.count if step.repeated else 1) + 1):
            subject, body = (self.expand(text.replace("{n}", str(number)), connection)
                             for text in (step.subject, step.text))
            reply = b""
            if with_reply:
                self.requests[step.connection] += 1
                reply = b" _INBOX.%s.%d" % (step.connection.encode(), self.requests[step.connection])
            header = self.header(step, number, connection)
            if header:
                frames.append(b"HPUB %s%s %d %d\r\n%s%s" % (
                    subject, reply, len(header), len(header) + len(body), header, body))
            else:
                frames.append(b"PUB %s%s %d\r\n%s" % (subject, reply, len(body), body))
        self.mark(step.connection, self.label(step))
        self.before = len(self.frames(connection))
        self.write(connection, b"\r\n".join(frames))

    def label(self, step):
        headers = f" [{step.headers}]" if step.headers is not None else ""
        times = f" x{step.count}" if step.repeated and step.count > 1 else ""
        return f"{step.subject}{times}{headers} {step.text}"[:400]

    def header(self, step, number, connection):
        if step.headers is None:
            return b""
        lines = [line.strip() for line in step.headers.split(";") if line.strip()]
        text = "NATS/1.0\\r\\n" + "".join(line + "\\r\\n" for line in lines) + "\\r\\n"
        return self.expand(text.replace("{n}", str(number)), connection)

    def settle_with(self, name, count):
        """The reference: so many answers, then silence."""
        connection = self.connections[name]
        if self.expected is None:
            self.pump_until(lambda: len(self.frames(connection)) >= self.before + count or connection.closed,
                            SILENCE_SECONDS)
        self.settle()

    def do_get(self, step):
        port = MONITOR.findall(self.server.log())[-1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{step.text}", timeout=ANSWER_SECONDS) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        body = jetstream_transcript.monitoring(body)
        self.pages.setdefault(step.connection, []).extend([f">> {step.text}", str(status), *body.splitlines()])

    def do_restart(self, step):
        self.settle()
        self.restarts += 1
        if step.text == "KILL":
            self.server.kill()
        else:
            self.server.stop()
        self.pump_until(lambda: all(not c.is_open for c in self.connections.values()), ANSWER_SECONDS)
        for name in [name for name in self.connections if " " not in name]:
            past = f"{name} {self.restarts}"
            self.connections[past] = self.connections.pop(name)
            self.marks[past] = self.marks.pop(name, [])
            self.requests.pop(name, None)
        self.server.start()

    # Text

    def expand(self, text, connection):
        text = re.sub(r"\{reply:(\d+)\}", lambda m: self.ack_reply(connection, int(m.group(1))), text)
        text = re.sub(r"\{seen:(.*?)\}", lambda m: self.seen(connection, m.group(1)), text)
        text = re.sub(r"\{in:(-?[\d.]+)\}", lambda m: in_seconds(float(m.group(1))), text)
        return super().expand(text, connection)

    def ack_reply(self, connection, number):
        found = ACK_REPLY.findall(bytes(connection.received))
        return found[number - 1].decode() if len(found) >= number else "no.reply.seen"

    def seen(self, connection, pattern):
        found = re.findall(pattern.encode(), bytes(connection.received))
        return found[-1].decode() if found else "nothing-seen"


def in_seconds(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def play(script, binary, folder, quiet, progress=None):
    """Plays the script to a fresh server; returns what came back and how it came along."""
    with servers.running(binary, folder, script.config, script.arguments) as server:
        played = JetStreamPlayer(script, server, folder, quiet, progress)
        return played.play(), played.progress
