"""Plays many JetStream scripts at a time to one server, each in an account of its own.

A script is what jetstream_scripts.py reads, without logins; what comes back is sorted by subject, so that only what
belongs together has an order. The reference is played first: silence ends a step of its. The server under test is given
the time until as much has come for every subject."""
import asyncio
import re

import jetstream_player
import jetstream_scripts
import jetstream_transcript
import player
import scripts
import servers

ACCOUNTS = 160
CONFIG = ("jetstream { store_dir: js, max_mem: 64MB, max_file: 1GB }\naccounts {\n"
          + "".join(f"  H{n} {{ jetstream: enabled, users: [ {{ user: h{n}, password: p }} ] }}\n"
                    for n in range(ACCOUNTS)) + "}\n")
PAYLOAD = re.compile(rb"(?:H?MSG) (\S+) (?:.* )?(\d+)\r\n")
# How long a server may take for the first answer, and the one under test for what the reference has sent.
ANSWER_SECONDS, MISSING_SECONDS, MISSING_AGAIN_SECONDS = 1, 1.5, 0.1


class History:
    """A script by its lines. Steps are separated by restarts of the server."""

    def __init__(self, name, lines):
        self.name, self.lines = name, list(lines)
        script = scripts.Script(name, name, plain=True)
        for line in lines:
            if line.startswith("restart"):
                script.steps.append(scripts.Step("restart", "", line[8:]))
            elif match := jetstream_scripts.ACTION.match(line):
                script.steps.append(scripts.Step(match.group(2), match.group(1), match.group(3)))
            elif line.startswith("pause ") or line == "settle":
                script.steps.append(scripts.Step(line.split()[0], "", line[6:]))
            elif match := scripts.SEND.match(line):
                scripts.add_send(script, match.group(1), match.group(3) + "\\r\\n")
            elif match := scripts.ACTION.match(line):
                script.steps.append(scripts.Step(match.group(2), match.group(1), match.group(3)))
            else:
                jetstream_scripts.add_request(script, line, name)
        self.steps = script.steps

    def exchanges(self):
        return sum((step.count if step.repeated else 1)
                   for step in self.steps if step.verb in ("request", "later", "publish"))

    def restarts(self):
        return sum(step.verb == "restart" for step in self.steps)


class Wire(asyncio.Protocol):
    """One connection: counts what has come for each subject."""

    def __init__(self, wake):
        self.wake, self.received, self.position = wake, bytearray(), 0
        self.frames = {}  # subject -> bytes of its frames
        self.counts = {}
        self.pongs = self.pings = self.requests = self.subscriptions = 0
        self.closed = self.finished = False
        self.errors = []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        while self.cut():
            pass
        self.wake()

    def connection_lost(self, _):
        self.closed = True
        self.wake()

    def cut(self):
        end = self.received.find(b"\r\n", self.position)
        if end < 0:
            return False
        line = bytes(self.received[self.position:end])
        if line.startswith((b"MSG ", b"HMSG ")):
            words = line.split(b" ")
            after = end + 4 + int(words[-1])
            if len(self.received) < after:
                return False
            # Of what several subscriptions get, each has an order of its own, and of what several consumers send.
            key = words[1] if words[2] == b"1" else words[1] + b" " + words[2]
            if words[3].startswith(b"$JS.ACK."):
                key += b" of " + words[3].split(b".")[3 if words[3].count(b".") == 8 else 5]
            self.frames.setdefault(key, bytearray()).extend(self.received[self.position:after])
            self.counts[words[1]] = self.counts.get(words[1], 0) + 1
            self.position = after
            return True
        self.position = end + 2
        if line == b"PONG":
            self.pongs += 1
        elif line == b"PING":
            self.transport.write(b"PONG\r\n")
        elif line.startswith(b"-ERR"):
            self.errors.append(line.decode())
        return True


class Play:
    """One history on one server. `expected` is the play of the reference."""

    def __init__(self, history, account, server, quiet, expected=None):
        self.history, self.account, self.server = history, account, server
        self.quiet, self.expected, self.behind = quiet, expected, False
        self.step = self.life = 0
        self.wires, self.past, self.asked = {}, {}, {}
        self.states = []
        self.sent = bytearray()
        self.news = asyncio.Event()
        self.expander = Expander()

    async def advance(self):
        """Until the next restart, or the end."""
        steps = self.history.steps
        while self.step < len(steps):
            step = steps[self.step]
            self.step += 1
            if step.verb == "restart":
                return
            await getattr(self, "do_" + step.verb)(step)
            self.states.append(self.state())
        await self.silence(self.quiet)

    def restarted(self):
        for name, wire in self.wires.items():
            self.past[f"{name}{self.life}"] = wire
        self.wires, self.life = {}, self.life + 1

    def end(self):
        for wire in self.wires.values():
            wire.transport.abort()
        self.restarted()

    def outcome(self):
        """(connection, subject) -> frames as text, and what else there is to say of a connection."""
        received = b"".join(bytes(wire.received) for wire in self.past.values())
        names = jetstream_transcript.made_up(received, bytes(self.sent))
        found = {}
        for name, wire in self.past.items():
            for subject, data in wire.frames.items():
                subject = jetstream_transcript.mask(subject).decode()
                for number, made in enumerate(names, 1):
                    subject = subject.replace(made.decode(), f"<name_{number}>")
                frames = jetstream_transcript.frames(bytes(data), names)
                if self.history.restarts():
                    # A server that is killed says nothing.
                    frames = [frame for frame in frames if "409 Server Shutdown" not in frame]
                if frames:
                    found.setdefault((name, subject), []).extend(frames)
            if wire.errors:
                found[name, "errors"] = wire.errors
            if wire.ended_early:
                found[name, "end"] = ["closed by the server"]
        return found

    # Waiting

    def state(self):
        return {(name, subject): count for name, wire in self.wires.items() for subject, count in wire.counts.items()
                if subject.startswith((b"_INBOX.", b"$JS.EVENT"))}

    async def wait_for(self, condition, seconds):
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), left)
            except TimeoutError:
                pass
        return True

    async def silence(self, seconds):
        while True:
            self.news.clear()
            try:
                await asyncio.wait_for(self.news.wait(), seconds)
            except TimeoutError:
                return

    async def settle(self, answered):
        await self.wait_for(lambda: all(w.pongs >= w.pings or w.closed for w in self.wires.values()), ANSWER_SECONDS)
        if self.expected is None:
            await self.wait_for(answered, ANSWER_SECONDS)
            await self.silence(self.quiet)
            return
        target = self.expected.states[len(self.states)]
        reached = lambda: all(self.count(key) >= count for key, count in target.items())
        self.behind = not await self.wait_for(reached, MISSING_AGAIN_SECONDS if self.behind else MISSING_SECONDS)
        await self.silence(self.quiet / 4)

    def count(self, key):
        name, subject = key
        return self.wires[name].counts.get(subject, 0) if name in self.wires else 0

    # Steps

    async def named(self, name):
        if name not in self.wires:
            loop = asyncio.get_running_loop()
            _, wire = await loop.create_connection(lambda: Wire(self.news.set), "127.0.0.1", self.server.port)
            wire.ended_early = False
            self.wires[name] = wire
            self.write(wire, (jetstream_player.CONNECT % f',"user":"h{self.account}","pass":"p"').encode())
            await self.subscribe(wire, f"_INBOX.{name}.>")
        return self.wires[name]

    def write(self, wire, data):
        self.sent += data
        wire.pings += 1
        wire.transport.write(data + b"\r\nPING\r\n")

    async def subscribe(self, wire, arguments):
        wire.subscriptions += 1
        self.write(wire, f"SUB {arguments} {wire.subscriptions}".encode())
        await self.settle_nothing()

    async def settle_nothing(self):
        await self.wait_for(lambda: all(w.pongs >= w.pings or w.closed for w in self.wires.values()), ANSWER_SECONDS)

    async def do_sub(self, step):
        await self.subscribe(await self.named(step.connection), step.text)
        await self.settle(lambda: True)

    async def do_unsub(self, step):
        wire = await self.named(step.connection)
        self.write(wire, f"UNSUB {step.text}".encode())
        await self.settle(lambda: True)

    async def do_send(self, step):
        wire = await self.named(step.connection)
        data = self.expander.expand(step.text, wire)
        wire.pings += len(re.findall(rb"(?m)^PING\r$", data))
        self.sent += data
        wire.transport.write(data)
        await self.settle(lambda: True)

    async def do_close(self, step):
        wire = await self.named(step.connection)
        wire.transport.close()
        self.past[f"{step.connection}{self.life}-{len(self.past)}"] = self.wires.pop(step.connection)
        await self.settle(lambda: True)

    async def do_pause(self, step):
        await asyncio.sleep(float(step.text))
        await self.settle(lambda: True)

    async def do_settle(self, step):
        await self.settle(lambda: True)

    async def do_request(self, step):
        wire = await self.named(step.connection)
        before = wire.requests
        self.ask(step, wire, True)
        inboxes = [f"_INBOX.{step.connection}.{number}".encode() for number in range(before + 1, wire.requests + 1)]
        count = step.count
        await self.settle(lambda: wire.closed or sum(wire.counts.get(inbox, 0) for inbox in inboxes) >= count)

    async def do_later(self, step):
        self.ask(step, await self.named(step.connection), True)
        await self.settle(lambda: True)

    async def do_publish(self, step):
        self.ask(step, await self.named(step.connection), False)
        await self.settle(lambda: True)

    def ask(self, step, wire, with_reply):
        frames = []
        for number in range(1, (step.count if step.repeated else 1) + 1):
            subject, body = (self.expander.expand(text.replace("{n}", str(number)), wire)
                             for text in (step.subject, step.text))
            reply = b""
            if with_reply:
                wire.requests += 1
                inbox = f"_INBOX.{step.connection}.{wire.requests}"
                reply = b" " + inbox.encode()
                self.asked[f"{step.connection}{self.life}", inbox] = self.history.lines[self.step - 1]
            header = self.expander.header(step, number, wire)
            if header:
                frames.append(b"HPUB %s%s %d %d\r\n%s%s" % (
                    subject, reply, len(header), len(header) + len(body), header, body))
            else:
                frames.append(b"PUB %s%s %d\r\n%s" % (subject, reply, len(body), body))
        self.write(wire, b"\r\n".join(frames))


class Expander(jetstream_player.JetStreamPlayer):
    """The texts of a player without connections of its own."""

    def __init__(self):
        pass


async def play_all(histories, server, quiet, expected=None, at_a_time=48, kills=False):
    """Plays histories (of the same number of restarts) to a server that was started for them."""
    gate = asyncio.Semaphore(at_a_time)
    plays = [Play(history, number, server, quiet, expected and expected[number])
             for number, history in enumerate(histories)]

    async def advance(play):
        async with gate:
            await play.advance()

    for restart in range(histories[0].restarts() + 1):
        if restart:
            for play in plays:
                for wire in play.wires.values():
                    wire.ended_early = wire.closed
            server.kill() if kills else server.stop()
            await asyncio.sleep(0.05)
            for play in plays:
                play.restarted()
            server.start()
        await asyncio.gather(*(advance(play) for play in plays))
    for play in plays:
        for wire in play.wires.values():
            wire.ended_early = wire.closed
        play.end()
    return plays


def compare(histories, peer, server, folder, quiet, kills=False, at_a_time=48):
    """The plays of the reference and those of the server under test."""
    with servers.running(peer, folder, CONFIG) as reference:
        expected = asyncio.run(play_all(histories, reference, quiet, None, at_a_time))
    with servers.running(server, folder, CONFIG) as tested:
        return expected, asyncio.run(play_all(histories, tested, quiet, expected, at_a_time, kills))
