"""Streams whose records the journal has to keep must not stop the others, however much is written."""
import time

import servers
import suite

# Eight segments of 16 MiB is the smallest journal (an eighth of `max_file`), with eight in reserve.
CONFIG = 'http: "127.0.0.1:-1"\njetstream {{ store_dir: {}, max_mem: 64MB, max_file: 1GB }}\n'
JOURNAL_BYTES = (8 + 8) * (16 << 20)
FLOW_MESSAGES, FLOW_SIZE = 4000, 100_000
SECONDS = 60


class Holders:
    """A server with a small journal, and streams that hold records in it."""

    def __init__(self, tools, context):
        self.tools, self.context = tools, context
        self.server = servers.Server(context.server, context.folder, "")
        self.store = self.server.folder / "js"
        self.server.write_config(CONFIG.format(self.store))

    def create(self, name, **more):
        self.tools.must(self.server, f"STREAM.CREATE.{name}", {
            "name": name, "subjects": [f"{name.lower()}.>"], "allow_direct": True, **more})

    def publish(self, name, count, size=200, window=500):
        """The file that says what was acknowledged."""
        kept = self.context.folder / f"held-{name}-{time.monotonic_ns()}"
        told = self.tools.run(
            self.context, "publish", self.server.port, name.lower(), 100, count, size, window, kept, seconds=SECONDS)
        suite.expect(told["acknowledged"], count, f"acknowledged by {name}")
        return kept

    def verify(self, name, *files):
        for file in files:
            self.tools.run(self.context, "verify", self.server.port, name, file)

    def folder(self, name):
        return next(self.store.glob(f"jetstream/accounts/*/streams/{name}.*"))

    def flow(self):
        """Far more than the journal can hold."""
        if not self.tools.request(self.server, "STREAM.INFO.F").get("config"):
            self.create("F", max_bytes=32 << 20)
        self.publish("F", FLOW_MESSAGES, FLOW_SIZE, 100)
        size = sum(file.stat().st_size for file in (self.store / "jetstream/journal").iterdir())
        suite.check(size <= JOURNAL_BYTES + (2 << 20), f"the journal takes {size >> 20} MiB")

    def hold(self, name):
        """A stream with messages in a checkpoint and others in the journal only; what was acknowledged of each."""
        self.server.start()
        self.create(name)
        before = self.publish(name, 1000)
        self.server.stop()  # with a checkpoint
        self.server.start()
        return [before, self.publish(name, 1000)]

    def restart(self):
        self.server.kill()
        self.server.start()


def idle(tools, context):
    """Records of streams that nobody writes to any more, of streams that are gone, after a crash."""
    holders = Holders(tools, context)
    server = holders.server
    try:
        server.start()
        for name in ("I", "G"):
            holders.create(name)
        kept = holders.publish("I", 1000)
        holders.publish("G", 1000)
        tools.must(server, "STREAM.DELETE.G")
        time.sleep(3)  # the table of streams is saved without it
        holders.restart()
        holders.flow()
        holders.restart()
        holders.verify("I", kept)
    finally:
        server.stop()


def break_checkpoints(folder):
    """A folder cannot be read as a file: as if the disk refused to."""
    for name in ("checkpoint", "checkpoint.copy"):
        (folder / name).rename(folder.parent / f"{folder.name}.{name}.away")
        (folder / name).mkdir()


def repair_checkpoints(folder):
    for name in ("checkpoint", "checkpoint.copy"):
        (folder / name).rmdir()
        (folder.parent / f"{folder.name}.{name}.away").rename(folder / name)


def damaged(tools, context):
    """Records of a stream that cannot be opened: set aside, and applied once it can be."""
    holders = Holders(tools, context)
    server = holders.server
    try:
        kept = holders.hold("D")
        server.kill()
        break_checkpoints(holders.folder("D"))
        for _ in range(2):
            server.start()
            status, problems = tools.health(server)
            suite.expect((status, [p.get("stream") for p in problems]), (503, ["D"]), "health")
            holders.flow()
            server.kill()
        suite.check(list(holders.store.glob("jetstream/aside/*")), "nothing was set aside")
        repair_checkpoints(holders.folder("D"))
        server.start()
        holders.verify("D", *kept)
        suite.expect(tools.health(server), (200, []), "health once it can be opened")
        kept.append(holders.publish("D", 1000))
        holders.flow()
        holders.restart()
        holders.verify("D", *kept)
        suite.check(not list(holders.store.glob("jetstream/aside/*")), "what was set aside is still there")
    finally:
        server.stop()


def failed(tools, context):
    """Records of a stream that has stopped while the server ran: its checkpoints cannot be written."""
    holders = Holders(tools, context)
    server = holders.server
    try:
        kept = holders.hold("B")
        place = holders.folder("B")
        away = place.parent.parent / "away"
        place.rename(away)
        holders.flow()
        server.wait_for_log(r"stream '\$G > B' stopped", 1)
        holders.flow()
        suite.wait_until(lambda: list(holders.store.glob("jetstream/aside/*")), 5, "records are set aside")
        server.kill()
        away.rename(place)
        for _ in range(2):
            server.start()
            holders.verify("B", *kept)
            suite.expect(tools.health(server), (200, []), "health of the restarted server")
            kept.append(holders.publish("B", 1000))
            holders.flow()
            server.kill()
        suite.check(not list(holders.store.glob("jetstream/aside/*")), "what was set aside is still there")
    finally:
        server.stop()
