"""Real processes and real disks: kill -9, full disks, power failure, little memory. Nothing acknowledged may be lost."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import disks
import durability_copies
import durability_holders
import durability_interest
import monitoring_client
import programs
import servers
import suite
import suite_commandline

SIZE = 200
MONITORED = 'http: "127.0.0.1:-1"\n'
STREAM = {"name": "S", "subjects": ["s.>"], "allow_direct": True}
CONSUMER = {"durable_name": "c", "ack_policy": "explicit", "ack_wait": 1_000_000_000, "max_ack_pending": 5000}
# Seconds of load before the server is killed or frozen.
SHORTEST, LONGEST = 0.4, 1.5
KILLS = 6
MANY_SUBJECTS, MANY_SUBJECTS_QUICK = 1_000_000, 200_000
MEMORY_MEGABYTES = 128
DATA_MEGABYTES, DATA_MEGABYTES_QUICK = 4096, 512
RESTART_SECONDS = 1
AFTER_LOAD_KILOBYTES, AFTER_LOAD_SECONDS = 24 << 10, 30


def tests(context):
    return [
        suite.Test("9.005 killed under load again and again", lambda: killed(context), alone=True),
        suite.Test("6.066 consumers of a server that is killed under load", lambda: consumers(context), alone=True),
        suite.Test("5.052 5.053 mirrors and sources of a server that is killed under load",
                   lambda: durability_copies.killed(context), alone=True),
        *durability_interest.tests(sys.modules[__name__], context),
        suite.Test("9.011 9.012 a full disk", lambda: full_disk(context), alone=True),
        suite.Test("an account loses JetStream under load, and gets it again", lambda: suspended(context), alone=True),
        suite.Test("5.092 changed bits in a stream's files", lambda: changed_bits(context), alone=True),
        suite.Test("9.005 changed bits in the journal", lambda: changed_journal(context), alone=True),
        suite.Test("9.005 idle and deleted streams do not stop the journal",
                   lambda: durability_holders.idle(sys.modules[__name__], context), alone=True),
        suite.Test("9.005 a stream that cannot be opened does not stop the journal",
                   lambda: durability_holders.damaged(sys.modules[__name__], context), alone=True),
        suite.Test("9.005 a stream that has stopped does not stop the journal",
                   lambda: durability_holders.failed(sys.modules[__name__], context), alone=True),
        suite.Test("5.020 9.014 compressed blocks: space, kills, erased text", lambda: compressed(context), alone=True),
        suite.Test("power failure: the disk as it was when the server froze", lambda: power(context), alone=True),
        suite.Test("power failure: sync_interval always",
                   lambda: power(context, "sync_interval: always"), alone=True),
        suite.Test("memory after a load goes back", lambda: memory_after_load(context), alone=True),
        suite.Test("128 MiB of memory: as many subjects as messages", lambda: subjects(context), alone=True),
        suite.Test("128 MiB of memory: much data on few subjects", lambda: data(context), alone=True),
    ]


def store(context):
    return programs.build(context.folder, ["durability/store.c", "robustness/common.c"])


def start(context, *words):
    return subprocess.Popen([str(word) for word in (store(context), *words)], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def finish(process, seconds=120, allowed=(0,)):
    """What the program printed at its end, as JSON."""
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise suite.Failure(f"took longer than {seconds} s: {process.args}") from None
    suite.check(process.returncode in allowed, f"{' '.join(process.args[1:])}: {output}")
    return json.loads(output.splitlines()[-1])


def run(context, *words, seconds=300, allowed=(0,)):
    return finish(start(context, *words), seconds, allowed)


def request(server, subject, body=None):
    """The answer to a request to JetStream."""
    client = monitoring_client.Client(server.port)
    answer = client.request("$JS.API." + subject, json.dumps(body).encode() if body else b"")
    client.close()
    suite.check(answer is not None, f"no answer to {subject}")
    return json.loads(answer[1])


def must(server, subject, body=None):
    answer = request(server, subject, body)
    suite.check("error" not in answer, f"{subject}: {answer}")
    return answer


def config(folder, more=""):
    return f"jetstream {{ store_dir: {folder}, max_mem: 64MB, max_file: 20GB, {more} }}\n"


@contextlib.contextmanager
def jetstream(context, more=""):
    """A server on a port and a folder that it keeps when it is stopped and started again."""
    server = servers.Server(context.server, context.folder, "")
    server.write_config(more + config(server.folder / "js"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def needs_files_of_natsd(context):
    if suite_commandline.is_real_nats_server(context):
        raise suite.Missing("files of natsd")


def load(context, server, file, count=100_000_000, window=2000):
    return start(context, "publish", server.port, "s", 100, count, SIZE, window, file)


def killed(context):
    """Rounds of load, kill -9 and restart on the same folder; what was acknowledged in any round stays there."""
    chance, kept, notes = random.Random(context.seed), [], []
    with jetstream(context) as server:
        must(server, "STREAM.CREATE.S", STREAM)
        for number in range(KILLS):
            kept.append(context.folder / f"killed-{number}")
            process = load(context, server, kept[-1])
            time.sleep(chance.uniform(SHORTEST, LONGEST))
            server.kill()
            notes.append(finish(process)["acknowledged"])
            suite.check(notes[-1] > 0, "nothing was acknowledged")
            server.start()
            for file in kept:
                run(context, "verify", server.port, "S", file)
    return f"seed {context.seed}: {sum(notes)} acknowledged in {KILLS} rounds, none lost"


def consumers(context):
    """What was acknowledged and confirmed is not delivered again."""
    chance, notes = random.Random(context.seed), []
    with jetstream(context) as server:
        must(server, "STREAM.CREATE.S", STREAM)
        run(context, "publish", server.port, "s", 100, 200_000, SIZE, 5000, context.folder / "consumed")
        for number in range(3):
            must(server, "CONSUMER.CREATE.S.c%d" % number,
                 {"stream_name": "S", "config": {**CONSUMER, "durable_name": f"c{number}"}})
            file = context.folder / f"confirmed-{number}"
            process = start(context, "consume", server.port, "S", f"c{number}", 100_000_000, 500, file)
            time.sleep(chance.uniform(SHORTEST, LONGEST))
            server.kill()
            seen = finish(process)
            suite.check(seen["confirmed"] > 0, "nothing was confirmed")
            server.start()
            time.sleep(1.5)  # ack_wait: what was under way comes again, what was confirmed does not
            result = run(context, "redelivered", server.port, "S", f"c{number}", file, allowed=(0, 1))
            notes.append(f"{seen['confirmed']} confirmed, {result['again']} of them came again")
            if not suite_commandline.is_real_nats_server(context):
                suite.expect(result["again"], 0, "came again though confirmed")
            # What was acknowledged and not confirmed any more may come or not; all the rest must.
            least = 200_000 - seen["received"]
            suite.check(result["received"] >= least, f"{result['received']} came, not {least}: {notes[-1]}")
    return f"seed {context.seed}: {'; '.join(notes)}"


def suspended(context):
    """Reloads that take JetStream from an account and give it back, under load: nothing that was acknowledged is lost."""
    kept, notes = [], []
    server = servers.Server(context.server, context.folder, "")

    def write(enabled):
        server.write_config(f'''{MONITORED}{config(server.folder / "js")}
accounts {{
  A {{ users: [{{user: a, password: a}}]{", jetstream: enabled" if enabled else ""} }}
  B {{ users: [{{user: b, password: b}}], jetstream: enabled }}
}}
no_auth_user: a
''')

    def reload(enabled):
        write(enabled)
        offset = server.log_size()
        server.signal(signal.SIGHUP)
        suite.check(wait_for(lambda: "Reloaded server configuration" in server.log(offset), 10), "no reload")

    try:
        write(True)
        server.start()
        must(server, "STREAM.CREATE.S", STREAM)
        must(server, "CONSUMER.CREATE.S.c", {"stream_name": "S", "config": CONSUMER})
        for number in range(4):
            kept.append(context.folder / f"suspended-{number}")
            process = load(context, server, kept[-1])
            time.sleep(0.5)
            reload(False)
            suite.expect(request(server, "STREAM.INFO.S")["error"]["err_code"], 10039, "without JetStream")
            process.send_signal(signal.SIGTERM)
            notes.append(finish(process)["acknowledged"])
            suite.check(notes[-1] > 0, "nothing was acknowledged")
            reload(True)
            suite.check(wait_for(lambda: has_stream(server), 10), f"the stream does not come back: {server.log()[-1500:]}")
            must(server, "CONSUMER.INFO.S.c")
            for file in kept:
                run(context, "verify", server.port, "S", file)
        last = must(server, "STREAM.INFO.S")["state"]["last_seq"]
        run(context, "publish", server.port, "s", 10, 100, SIZE, 10, context.folder / "more")
        suite.expect(must(server, "STREAM.INFO.S")["state"]["last_seq"], last + 100, "sequences go on")
        server.kill()
        server.start()
        for file in (*kept, context.folder / "more"):
            run(context, "verify", server.port, "S", file)
        must(server, "CONSUMER.INFO.S.c")
        # A start without JetStream for the account, and then a reload.
        server.stop()
        write(False)
        server.start()
        reload(True)
        suite.check(wait_for(lambda: has_stream(server), 10), f"the stream does not come back: {server.log()[-1500:]}")
        for file in (*kept, context.folder / "more"):
            run(context, "verify", server.port, "S", file)
        must(server, "CONSUMER.INFO.S.c")
    finally:
        server.stop()
    return f"{sum(notes)} acknowledged in {len(notes)} rounds, none lost"


def full_disk(context):
    """A full disk: the server says so and stops to acknowledge; with space again it goes on by itself, and all is there."""
    disks.needs_root()
    with disks.mounted(disks.image(context.folder, 160)) as folder:
        ballast = folder / "ballast"
        with open(ballast, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 30 << 20)
        server = servers.Server(
            context.server, context.folder, MONITORED + config(folder / "js"))
        real = suite_commandline.is_real_nats_server(context)
        try:
            server.start()
            must(server, "STREAM.CREATE.S", STREAM)
            acknowledged, after = context.folder / "full", context.folder / "after"
            process = start(context, "publish", server.port, "s", 100, 2_000_000, 1000, 500, acknowledged)
            said = wait_for(lambda: re.search(
                r"(?im)^.*(no space|out of (resources|space|storage)|disk full|ENOSPC|write error).*$", server.log()))
            suite.check(said is not None, f"the log does not tell: {server.log()[-1500:]}")
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            result = finish(process)
            suite.check(server.is_alive(), f"the server died: {server.log()[-1500:]}")
            if not real:
                # What the server gave back when it could not go on.
                fill_up(folder / "rest")
                run(context, "publish", server.port, "s", 100, 2_000_000, 1000, 1, context.folder / "more")
                suite.check(not is_healthy(server), f"the server is well with a full disk: {server.log()[-1500:]}")
                refused = run(context, "publish", server.port, "s", 100, 1, SIZE, 1, context.folder / "refused")
                suite.check("no space left" in refused["refusal"], f"{refused}")
            for file in (ballast, folder / "rest"):
                file.unlink(missing_ok=True)
            if real:
                server.stop()
                server.start()
            else:
                suite.check(wait_for(lambda: is_healthy(server), 20), f"not well again: {server.log()[-1500:]}")
            run(context, "verify", server.port, "S", acknowledged)
            more = run(context, "publish", server.port, "s", 100, 1000, SIZE, 100, after)
            suite.expect(more["acknowledged"], 1000, "acknowledged after there is space again")
            server.kill()
            server.start()
            run(context, "verify", server.port, "S", acknowledged)
            run(context, "verify", server.port, "S", after)
            return f"{result['acknowledged']} acknowledged before ({said.group(0)[:120]}), all there; then 1000 more"
        finally:
            server.stop()


def fill_up(path):
    """Takes the rest of a disk."""
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def wait_for(condition, seconds=120):
    """What the condition says as soon as that is something; its last answer when that takes too long."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return answer


def is_healthy(server):
    return monitoring_client.get(monitoring_client.monitor_url(server) + "/healthz")[0] == 200


def flip(chance, path, count=1, low=0, high=None):
    """Changes bits of a file."""
    with open(path, "r+b") as file:
        size = high or os.path.getsize(path)
        for _ in range(count):
            place = chance.randrange(low, size)
            file.seek(place)
            byte = file.read(1)[0] ^ (1 << chance.randrange(8))
            file.seek(place)
            file.write(bytes([byte]))


def health(server):
    status, _, body = monitoring_client.get(monitoring_client.monitor_url(server) + "/healthz?details=1")
    return status, json.loads(body).get("errors", [])


def state(server):
    found = must(server, "STREAM.INFO.S")["state"]
    found.pop("consumer_count")
    return found


def changed_bits(context):
    """The checkpoint has a copy; messages that changed are lost and told, other ones are as they were."""
    needs_files_of_natsd(context)
    chance = random.Random(context.seed)
    file = context.folder / "changed"
    with jetstream(context, MONITORED) as server:
        must(server, "STREAM.CREATE.S", STREAM)
        must(server, "CONSUMER.CREATE.S.c", {"stream_name": "S", "config": CONSUMER})
        run(context, "publish", server.port, "s", 100, 30_000, 1000, 1000, file)
        # 30 messages more, which go again.
        run(context, "publish", server.port, "s", 1, 30, SIZE, 30, context.folder / "removed")
        removed = list(range(30_001, 30_031))
        for sequence in removed:
            must(server, "STREAM.MSG.DELETE.S", {"seq": sequence, "no_erase": True})
        before = state(server)
        server.stop()
        place = next((server.folder / "js").glob("jetstream/accounts/*/streams/S.*"))
        for name in chance.sample(["checkpoint", "checkpoint.copy"], 2):
            flip(chance, place / name, 3)
            server.start()
            suite.expect(state(server), before, f"state after changes in {name}")
            suite.expect(must(server, "CONSUMER.INFO.S.c")["name"], "c", "consumer")
            suite.expect(health(server), (200, []), "health")
            # A change makes the next checkpoint, with its copy.
            must(server, "CONSUMER.CREATE.S.again", {"stream_name": "S", "config": {**CONSUMER, "durable_name": "again"}})
            server.stop()
        for block in place.glob("*.blk"):
            flip(chance, block, 2, low=4096)
        server.start()
        found = run(context, "verify", server.port, "S", file, allowed=(0, 1))
        after = state(server)
        lost = after.get("lost", {}).get("msgs", [])
        suite.check(0 < found["lost"] <= 2 * len(list(place.glob("*.blk"))) and found["wrong"] == 0, f"{found}")
        suite.expect(len(lost), found["lost"], "lost as told")
        suite.expect(after["messages"] + len(lost), before["messages"], "messages and lost ones")
        suite.check("cannot be read and are lost" in server.log(), "the log does not tell")
        suite.expect(run(context, "consume", server.port, "S", "c", 100_000, 500, context.folder / "eaten")["received"],
                     after["messages"], "a consumer gets all others")
        server.stop()
        for name in ("checkpoint", "checkpoint.copy"):
            flip(chance, place / name)
        server.start()
        status, problems = health(server)
        suite.expect((status, [(p["type"], p["stream"]) for p in problems]), (503, [("STREAM", "S")]), "health")
        suite.check("could not be recovered" in problems[0]["error"], f"{problems}")
        found = run(context, "verify", server.port, "S", file, allowed=(0, 1))
        suite.expect((found["lost"], found["wrong"]), (len(lost), 0), "without checkpoint and copy")
        return f"seed {context.seed}: {len(lost)} lost of 30000, and told"


def compressed(context):
    """A stream with compression takes less than a third of the disk, whatever happens to the server."""
    needs_files_of_natsd(context)
    chance = random.Random(context.seed)
    secret = "".join(chance.choice("!#$%&()*+-;<=>?@^_`{|}~XYZ") for _ in range(48))
    packed, plain = {**STREAM, "compression": "s2"}, {**STREAM, "name": "P", "subjects": ["p.>"]}
    kept, files = [], {name: context.folder / f"stored-{name}" for name in "sp"}

    def place(name):
        return next((server.folder / "js").glob(f"jetstream/accounts/*/streams/{name}.*"))

    def usage(name):
        return sum(file.stat().st_blocks * 512 for file in place(name).iterdir())

    def tells():
        return [file.name for file in place("S").iterdir() if secret[:16].encode() in file.read_bytes()]

    def is_small(name, of):
        return usage(name) * 3 < of and (usage(name), of)

    with jetstream(context) as server:
        for stream in (packed, plain):
            must(server, f"STREAM.CREATE.{stream['name']}", stream)
        client = monitoring_client.Client(server.port)
        suite.expect(json.loads(client.request("s.secret", secret.encode())[1])["seq"], 1, "sequence of the secret")
        client.close()
        for prefix, file in files.items():
            run(context, "publish", server.port, prefix, 100, 60_000, 1000, 2000, file)
        of = usage("P")
        small, _ = suite.wait_until(lambda: is_small("S", of), 60, "the compressed stream takes a third")
        suite.check(tells(), "the secret is not on the disk: the test finds nothing")
        must(server, "STREAM.MSG.DELETE.S", {"seq": 1})
        server.kill()
        server.start()
        run(context, "verify", server.port, "S", files["s"])
        server.stop()
        suite.expect(tells(), [], "files with erased text")
        server.start()
        for number in range(3):
            kept.append(context.folder / f"packed-{number}")
            process = load(context, server, kept[-1])
            time.sleep(chance.uniform(SHORTEST, LONGEST))
            server.kill()
            finish(process)
            server.start()
        # Neither needs messages to arrive: one is compressed now, the other one no more.
        must(server, "STREAM.UPDATE.S", {**packed, "compression": "none"})
        must(server, "STREAM.UPDATE.P", {**plain, "compression": "s2"})
        suite.wait_until(lambda: is_small("P", of), 30, "the updated stream takes a third")
        for round in range(2):
            for name, stored in (("S", [files["s"], *kept]), ("P", [files["p"]])):
                for file in stored:
                    run(context, "verify", server.port, name, file)
            server.stop()
            server.start()
        suite.check("lost" not in must(server, "STREAM.INFO.S")["state"], "lost messages")
    return f"seed {context.seed}: {small >> 20} of {of >> 20} MiB"


def changed_journal(context):
    """What the journal has lost is told: by /healthz, the log and the stream's state."""
    needs_files_of_natsd(context)
    chance = random.Random(context.seed)
    file = context.folder / "journaled"
    with jetstream(context, MONITORED) as server:
        must(server, "STREAM.CREATE.S", STREAM)
        run(context, "publish", server.port, "s", 100, 3000, 1000, 10, file)
        server.kill()
        place = next((server.folder / "js").glob("jetstream/accounts/*/streams/S.*"))
        for block in place.glob("*.blk"):
            block.unlink()  # what the system's cache had when the power failed
        segment = max((server.folder / "js/jetstream/journal").glob("segment-*"), key=os.path.getmtime)
        flip(chance, segment, 3, low=300_000, high=600_000)
        server.start()
        status, problems = health(server)
        suite.expect((status, [p["type"] for p in problems][:1]), (503, ["JETSTREAM"]), "health")
        suite.check(problems[0]["error"].startswith("JetStream journal read error: records "), f"{problems}")
        suite.check("JetStream journal is damaged" in server.log(), "the log does not tell")
        found = run(context, "verify", server.port, "S", file, allowed=(0, 1))
        after = state(server)
        lost = after.get("lost", {}).get("msgs", [])
        suite.check(found["wrong"] == 0 and 0 < found["lost"] < 100, f"{found}")
        suite.expect(len(lost), found["lost"], "lost as told")
        suite.expect((after["messages"] + len(lost), after["last_seq"]), (3000, 3000), "messages and lost ones")
        server.stop()
        server.start()
        suite.expect(health(server), (200, []), "health after another start")
        return f"seed {context.seed}: {len(lost)} lost of 3000, and told"


def power(context, more=""):
    """The disk is copied while the server is frozen under load; a server on the copy has what was acknowledged."""
    disks.needs_root()
    disk, copy = disks.image(context.folder, 2048, "power"), context.folder / "power-copy"
    file = context.folder / "power-acknowledged"
    try:
        with disks.mounted(disk) as folder:
            server = servers.Server(context.server, context.folder, config(folder / "js", more))
            try:
                server.start()
                must(server, "STREAM.CREATE.S", STREAM)
                process = load(context, server, file, window=4000)
                time.sleep(3)
                server.signal(signal.SIGSTOP)
                disks.command("cp", "--sparse=always", disk, copy)
            finally:
                server.kill()
            result = finish(process)
        suite.check(result["acknowledged"] > 0, "nothing was acknowledged")
        with disks.mounted(copy) as folder:
            after = servers.Server(context.server, context.folder, config(folder / "js", more))
            try:
                after.start()
                found = run(context, "verify", after.port, "S", file, allowed=(0, 1)) if has_stream(after) else {
                    "lost": result["acknowledged"], "wrong": 0}
            finally:
                after.stop()
    finally:
        for path in (disk, copy):
            path.unlink(missing_ok=True)
    note = f"{result['acknowledged']} acknowledged at {result['rate']:.0f}/s, {found['lost']} lost, {found['wrong']} wrong"
    if suite_commandline.is_real_nats_server(context) and not more:
        return note + " (nats-server's default: expected)"
    suite.check(found["lost"] == 0 and found["wrong"] == 0, note)
    return note


def has_stream(server):
    return "error" not in request(server, "STREAM.INFO.S")


def peak_megabytes(server):
    """The most resident memory that the server ever had."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1)) >> 10


def in_little_memory(context, fill):
    """`fill(server, file)` publishes; then restart, verification and consuming, all in 128 MiB."""
    if suite_commandline.is_real_nats_server(context):
        raise suite.Missing("a server that lives in 128 MiB (nats-server is killed there)")
    group = disks.MemoryGroup(MEMORY_MEGABYTES)
    folder = context.folder / "little-memory"
    server = servers.Server(context.server, context.folder, config(folder),
                            environment={"GOMEMLIMIT": f"{MEMORY_MEGABYTES * 3 // 4}MiB"})
    file = context.folder / "little-memory-acknowledged"
    try:
        # Joins the group before it runs, so that all of its memory is counted.
        server.before_start = lambda: group.add(os.getpid())
        server.start()
        must(server, "STREAM.CREATE.S", STREAM)
        result = fill(server, file)
        resident = peak_megabytes(server)
        server.stop()
        started = time.monotonic()
        server.start()
        suite.expect(must(server, "STREAM.INFO.S")["state"]["messages"], result["acknowledged"], "after a restart")
        seconds = time.monotonic() - started
        suite.check(seconds < RESTART_SECONDS, f"ready after {seconds:.2f} s")
        after = peak_megabytes(server)
        run(context, "verify", server.port, "S", file, seconds=600)
        must(server, "CONSUMER.CREATE.S.c", {"stream_name": "S", "config": {**CONSUMER, "ack_wait": 60_000_000_000}})
        eaten = run(context, "consume", server.port, "S", "c", result["acknowledged"], 500, context.folder / "eaten",
                    seconds=900)
        suite.expect(eaten["confirmed"], result["acknowledged"], "consumed and confirmed")
        suite.check(server.is_alive() and group.killed() == 0, "killed for want of memory")
        return (f"{result['acknowledged']} at {result['rate']:.0f}/s, {resident} MiB resident at most;"
                f" restart {seconds:.2f} s, {after} MiB; consumed at {eaten['rate']:.0f}/s,"
                f" {peak_megabytes(server)} MiB; the group's peak {group.peak_megabytes()} MiB with the page cache")
    finally:
        if group.killed():
            print(f"     killed in the memory group: {server.log()[-500:]}", flush=True)
        server.stop()
        group.remove()
        shutil.rmtree(folder, ignore_errors=True)


def subjects(context):
    count = MANY_SUBJECTS if context.full else MANY_SUBJECTS_QUICK

    def fill(server, file):
        result = run(context, "publish", server.port, "s", count, count, 1024, 2000, file, seconds=900)
        suite.expect(result["acknowledged"], count, f"acknowledged ({result})")
        return result
    return in_little_memory(context, fill)


def data(context):
    count = (DATA_MEGABYTES if context.full else DATA_MEGABYTES_QUICK) << 10

    def fill(server, file):
        result = run(context, "publish", server.port, "s", 5, count, 1024, 2000, file, seconds=1800)
        suite.expect(result["acknowledged"], count, f"acknowledged ({result})")
        return result
    return in_little_memory(context, fill)


def memory_after_load(context):
    """Caches and free memory of the heap are given back when nothing happens any more."""
    if suite_commandline.is_real_nats_server(context):
        raise suite.Missing("memory of natsd")
    server = servers.Server(context.server, context.folder, "")
    server.write_config(config(server.folder / "js"))
    try:
        server.start()
        must(server, "STREAM.CREATE.S", STREAM)
        must(server, "CONSUMER.CREATE.S.c", {"stream_name": "S", "config": CONSUMER})
        idle = server.resident_kilobytes()
        run(context, "publish", server.port, "s", 100, 200_000, 1000, 2000, context.folder / "loaded")
        eaten = run(context, "consume", server.port, "S", "c", 190_000, 500, context.folder / "loaded-eaten")
        suite.check(eaten["confirmed"] >= 190_000, f"{eaten}")
        loaded = server.resident_kilobytes()
        bound = idle + AFTER_LOAD_KILOBYTES
        after = suite.wait_until(
            lambda: (found := server.resident_kilobytes()) < bound and found, AFTER_LOAD_SECONDS,
            f"less than {bound} KB resident; {idle} KB before the load, {loaded} KB after it")
        return f"{idle} KB idle, {loaded} KB after the load, {after} KB later"
    finally:
        server.stop()
