"""natsd as a program: flags, configuration check, log lines, files, signals, exit codes, size, start-up and memory."""
import difflib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import certificates
import player
import scripts
import servers
import suite
from suite import check, expect

HERE = Path(__file__).resolve().parent / "commandline"
LOG_LINE = re.compile(r"^\[(\d+)\] (\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6}) \[(INF|WRN|ERR|FTL|DBG|TRC)\] (.*)$")

# The bounds of the issue this stands for; nats-server is about 16.9 MB, 14.5 MB idle and 15 to 22 ms on one machine.
MOST_BYTES = 16 << 20
MOST_IDLE_KILOBYTES = 12 * 1024
MOST_START_MILLISECONDS = 15

PEER_ATTEMPTS = 16

LAME_DUCK = 'lame_duck_duration: "30s", lame_duck_grace_period: "10s"'

# Compared with nats-server to the letter, with the exit code.
SAME_AS_PEER = [
    "-t", "-c /nonexistent", "-t -c /nonexistent", "-x", "--nosuch", "-p", "-p abc", "-sl", "-sl reload=/nonexistent",
    "-sl reload=999999", "-sl nonsense=999999", "extra", "-D extra", "--tls", "--tlscert x", "--tlskey x",
    "--tlsverify", "--routes nats://127.0.0.1:1", "--cluster nats://x", "--max_traced_msg_len x", "-T=maybe",
    "--log_size_limit x", "--ports_file_dir", "--user",
]

# Blocks whose feature is not there yet: read, and refused at start-up with one line that names them.
REFUSED = {
    "encryption of jetstream": "jetstream { store_dir: '/tmp/natsd-acceptance-none', key: 'secret' }",
    "cluster": "cluster { name: c, listen: '127.0.0.1:-1' }",
    "gateway": "gateway { name: g, listen: '127.0.0.1:-1' }",
    "leafnodes": "leafnodes { listen: '127.0.0.1:-1' }",
    "websocket": "websocket { listen: '127.0.0.1:-1', no_tls: true }",
    "mqtt": "server_name: m\nmqtt { listen: '127.0.0.1:-1' }",
    "auth_callout": "authorization { users: [ { user: a, password: b } ], auth_callout { "
                    "issuer: AA5CKNDFYIQLCEGWLNFI776GH2NOOH2KCDIGAHPCCN2RAHFKZWYHSO56, auth_users: [ a ] } }",
}


def tests(context):
    folder = context.folder / "certificates-commandline"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    made = [suite.Test(name, lambda f=function: f(context)) for name, function in FUNCTIONS]
    made += [suite.Test(f"flags: {arguments}", lambda a=arguments: same_as_peer(context, a))
             for arguments in SAME_AS_PEER]
    made += [suite.Test(f"-t: {script.name}", lambda s=script: same_check(context, folder, s))
             for path in sorted(HERE.glob("*.configurations")) for script in scripts.read(path)]
    made += [suite.Test(f"refused at start-up: {name}", lambda n=name, c=config: refused(context, n, c))
             for name, config in REFUSED.items()]
    made += [suite.Test(name, lambda f=function: f(context), alone=True) for name, function in ALONE]
    return made


def execute(binary, arguments, cwd, environment=None):
    """Exit code and everything printed."""
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=10, cwd=cwd, errors="replace",
                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout + done.stderr


def temporary(context):
    return Path(tempfile.mkdtemp(dir=context.folder))


def accepted(name):
    return suite.read_accepted(HERE / "accepted").get(name)


def comparable(result):
    """Exit code and lines. nats-server lists several errors, or ciphers, in any order: so lines are sorted."""
    code, output = result
    output = output.split("\nUsage:")[0]  # each has its own help
    prefix = "nats-server: "
    first = f"exit {code}, output with {prefix!r}" if output.startswith(prefix) else f"exit {code}"
    return [first, *sorted(line for line in output.removeprefix(prefix).splitlines() if line)]


def compare(context, name, arguments, cwd, environment=None):
    """Compares exit code and output of both programs; the differences come as a diff.

    nats-server walks its maps in any order, so for some faults it says one of several things: any of them will do."""
    peer = context.needs_peer()
    reason = accepted(name) if peer != context.server else None
    actual = comparable(execute(context.server, arguments, cwd, environment))
    for _ in range(1 if reason else PEER_ATTEMPTS):
        expected = comparable(execute(peer, arguments, cwd, environment))
        if expected == actual:
            break
    if reason:
        check(expected != actual, f"listed as an accepted difference, but there is none ({reason})")
        return f"differs, accepted: {reason}"
    check(expected == actual, "differs from nats-server (- expected, + got)\n" +
          "\n".join(line for line in difflib.ndiff(expected, actual) if not line.startswith("? ")))
    return None


def same_as_peer(context, arguments):
    return compare(context, f"flags: {arguments}", arguments.split(), temporary(context))


def same_check(context, certificates_folder, script):
    cwd = temporary(context)
    (cwd / "server.conf").write_text(player.substitute(script.config, certificates_folder))
    environment = {"RIG_TEST_NAME": "from-the-environment"}
    return compare(context, f"-t: {script.name}", ["-t", "-c", "server.conf"], cwd, environment)


def is_real_nats_server(context):
    return "natsd" not in execute(context.server, ["-v"], "/")[1]


def refused(context, name, config):
    if is_real_nats_server(context):
        return "nats-server has it"
    cwd = temporary(context)
    (cwd / "server.conf").write_text(config)
    try:
        code, output = execute(context.server, ["-a", "127.0.0.1", "-p", "-1", "-c", "server.conf"], cwd)
    except subprocess.TimeoutExpired:
        raise suite.Failure("it was not refused") from None
    expect(code, 1, "exit code")
    lines = [line for line in output.splitlines() if name in line.lower()]
    expect(len(lines), 1, f"lines that name it in {output!r}")
    return lines[0]


# Output


def version(context):
    for arguments in (["-v"], ["--version"], ["-version"], ["version"], ["--v"]):
        code, output = execute(context.server, arguments, "/")
        expect((code, output.splitlines()[0]), (0, "nats-server: v2.15.1"), f"exit code and first line of {arguments}")


def help_text(context):
    flags = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
    wanted = set(flags.findall(execute(context.needs_peer(), ["-h"], "/")[1]))
    for arguments in (["-h"], ["--help"], ["help"]):
        code, output = execute(context.server, arguments, "/")
        expect(code, 0, f"exit code of {arguments}")
        missing = wanted - set(flags.findall(output))
        check(not missing, f"{arguments} does not mention {sorted(missing)}")
    expect(execute(context.server, ["--help_tls"], "/")[0], 0, "exit code of --help_tls")


def start_lines(context):
    with servers.running(context.server, context.folder, "debug: false\n") as server:
        lines = [LOG_LINE.match(line) for line in server.log().splitlines()]
        check(all(lines), f"a line in another format:\n{server.log()}")
        expect({int(line.group(1)) for line in lines}, {server.process.pid}, "pid in the log lines")
        texts = [line.group(4) for line in lines]
    for pattern in (r"^Starting nats-server$", r"^  Version:  2\.15\.1$", r"^  Git:      ", r"^  Name:     ",
                    r"^  ID:       N[A-Z2-7]{55}$",
                    r"^Using configuration file: .*server\.conf \(sha256:[0-9a-f]{64}\)$",
                    r"^Listening for client connections on 127\.0\.0\.1:\d+$", r"^Server is ready$"):
        check(any(re.search(pattern, text) for text in texts), f"no line {pattern}:\n" + "\n".join(texts))
    expect(texts[-1], "Server is ready", "last line")


def log_file(context):
    with servers.running(context.server, context.folder) as first:
        file = first.folder / "out.log"
        first.stop()
        first.arguments = ["-l", str(file), "-D"]
        offset = first.log_size()
        first.process = subprocess.Popen(first.command(), cwd=first.folder, stderr=open(first.log_path, "ab"))
        servers._running.add(first)
        suite.wait_until(lambda: file.exists() and servers.READY in file.read_text(), 10, "being ready in the log file")
        expect(first.log(offset), "", "output beside the log file")
        moved = file.rename(first.folder / "old.log")
        first.signal(signal.SIGUSR1)
        suite.wait_until(file.exists, 5, "the log file again after USR1")
        suite.wait_until(lambda: "File log re-opened" in file.read_text() + moved.read_text(), 5, "the line about it")


def log_without_time(context):
    with servers.running(context.server, context.folder, arguments=["-T=false"]) as server:
        line = server.log().splitlines()[0]
        expect(re.sub(r"\d+", "1", line, count=1), "[1] [INF] Starting nats-server", "first line")


def log_utc(context):
    with servers.running(context.server, context.folder, arguments=["--logtime_utc"],
                         environment={"TZ": "Asia/Tokyo"}) as server:
        logged = LOG_LINE.match(server.log().splitlines()[0]).group(2)[:13]
        expect(logged, time.strftime("%Y/%m/%d %H", time.gmtime()), "hour of the first line")


def rotation(context):
    with servers.running(context.server, context.folder) as server:
        server.stop()
        folder = server.folder / "logs"
        folder.mkdir()
        file = folder / "n.log"
        server.arguments = ["-l", str(file), "--log_size_limit", "4096", "-V"]
        server.process = subprocess.Popen(server.command(), cwd=server.folder, stderr=subprocess.DEVNULL)
        servers._running.add(server)
        found = suite.wait_until(lambda: file.exists() and servers.LISTENING.search(file.read_text()), 10, "ready")
        suite.wait_until(lambda: servers.READY in file.read_text(), 10, "ready")
        with socket.create_connection(("127.0.0.1", int(found.group(1)))) as client:
            client.sendall(b'CONNECT {"verbose":false}\r\n' + b"PUB some.subject 5\r\nhello\r\n" * 100 + b"PING\r\n")
            while b"PONG" not in client.recv(4096):
                pass
        rotated = suite.wait_until(lambda: [path for path in folder.iterdir() if path != file], 5, "a rotated file")
        check(re.fullmatch(r"n\.log\.\d{4}(\.\d\d){5}\.\d{9}", rotated[0].name), f"name: {rotated[0].name}")


# Files


def pid_file(context):
    with servers.running(context.server, context.folder, arguments=["-P", "server.pid"]) as server:
        file = server.folder / "server.pid"
        expect(file.read_text(), str(server.process.pid), "content")
        expect(oct(file.stat().st_mode & 0o777), "0o600", "mode")
        server.stop()
        check(file.exists(), "the pid file stays")
        server.start()


def ports_file(context):
    with servers.running(context.server, context.folder) as server:
        server.stop()
        server.arguments = ["--ports_file_dir", str(server.folder)]
        server.port = -1
        server.start()
        name = f"{Path(context.server).name}_{server.process.pid}.ports"
        file = server.folder / name
        suite.wait_until(file.exists, 5, name)
        check(f'"nats":["nats://127.0.0.1:{server.port}"]' in file.read_text().replace(" ", "").replace("\n", ""),
              f"content: {file.read_text()}")
        server.stop()
        check(not file.exists(), "the ports file goes")
        server.start()


def includes(context):
    with servers.running(context.server, context.folder) as server:
        (server.folder / "users.conf").write_text("users: [ { user: u, password: p } ]")
        server.stop()
        server.write_config('authorization { include "users.conf" }')
        server.start()
        expect(greeting(server.port, b'CONNECT {"verbose":false,"user":"u","pass":"p"}'), b"PONG", "answer")
        expect(greeting(server.port, b'CONNECT {"verbose":false}'), b"-ERR", "answer to a stranger")


def greeting(port, connect):
    """The first four bytes after INFO."""
    with socket.create_connection(("127.0.0.1", port), 5) as client, client.makefile("rb") as lines:
        lines.readline()
        client.sendall(connect + b"\r\nPING\r\n")
        return lines.readline()[:4]


def flags_win(context):
    config = f"port: {servers.free_port()}\nserver_name: from_file\ndebug: true\n"
    with servers.running(context.server, context.folder, config, ["-n", "from_flag", "-D=false"]) as server:
        check("Name:     from_flag" in server.log(), server.log())
        check("[DBG]" not in server.log(), server.log())
        with socket.create_connection(("127.0.0.1", server.port), 5) as client:
            check(b'"server_name":"from_flag"' in client.recv(4096), "name in INFO")


# Signals


def ends_with(number, code):
    def run(context):
        with servers.running(context.server, context.folder) as server:
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                client.recv(4096)
                offset = server.log_size()
                started = time.monotonic()
                server.signal(number)
                expect(server.wait(5), code, "exit code")
                check(time.monotonic() - started < 2, "it takes too long")
                client.settimeout(5)
                while client.recv(4096):
                    pass
            for text in ("Initiating Shutdown...", "Server Exiting.."):
                check(text in server.log(offset), f"no '{text}' in:\n{server.log(offset)}")
            server.start()
    return run


def hup_without_config(context):
    with servers.running(context.server, context.folder) as server:
        offset = server.log_size()
        server.signal(signal.SIGHUP)
        server.wait_for_log("eload", 5, offset)
        expect(greeting(server.port, b'CONNECT {"verbose":false}'), b"PONG", "answer after HUP")


def signal_flag(context):
    with servers.running(context.server, context.folder, "debug: false", ["-P", "server.pid"]) as server:
        pid, file = str(server.process.pid), str(server.folder / "server.pid")
        for target in (pid, file):
            offset = server.log_size()
            outcome = execute(context.server, ["-sl", f"reload={target}"], "/")
            expect(outcome, (0, ""), f"exit code and output for {target}")
            server.wait_for_log("Reloaded server configuration", 5, offset)
        expect(execute(context.server, ["--signal", f"quit={file}"], "/"), (0, ""), "exit code and output of quit")
        expect(server.wait(5), 0, "exit code of the server")
        server.start()


def lame_duck_term(context):
    with servers.running(context.server, context.folder, LAME_DUCK) as server:
        server.ignores_term = True
        with socket.create_connection(("127.0.0.1", server.port), 5) as client, client.makefile("rb") as lines:
            lines.readline()
            client.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
            expect((lines.readline()[:4], lines.readline()[:4]), (b"PONG", b"INFO"), "answers")
            server.signal(signal.SIGUSR2)
            check(b'"ldm":true' in lines.readline(), "INFO says ldm")
            server.wait_for_log("Entering lame duck mode, stop accepting new clients", 5)
            server.signal(signal.SIGTERM)
            time.sleep(0.3)
            check(server.is_alive(), "TERM ended it in lame duck mode")
            try:
                socket.create_connection(("127.0.0.1", server.port), 5).close()
            except ConnectionRefusedError:
                return
            raise suite.Failure("it still accepts connections")


def lame_duck_empty(context):
    with servers.running(context.server, context.folder, LAME_DUCK) as server:
        server.signal(signal.SIGUSR2)
        expect(server.wait(5), 0, "exit code without clients")
        server.start()


def port_in_use(context):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        arguments = ["-a", "127.0.0.1", "-p", str(taken.getsockname()[1])]
        code, output = execute(context.server, arguments, "/")
    expect(code, 1, "exit code")
    check(re.search(r"\[FTL\] Error listening on port: 127\.0\.0\.1:\d+, .*address already in use", output), output)


def unknown_host(context):
    code, output = execute(context.server, ["-a", "no.such.host.invalid", "-p", "-1"], "/")
    expect(code, 1, "exit code")
    check("[FTL] Error listening on port: no.such.host.invalid" in output, output)


# An empty root directory


def in_chroot(context, folder, arguments, seconds=10):
    """The log of natsd run in `folder` as its root, up to being ready, and its port."""
    if os.geteuid():
        raise suite.Missing("the right to change the root directory (root)")
    if is_real_nats_server(context):
        return "is not static"
    shutil.copy(context.server, folder / "natsd")
    log = open(context.folder / f"{folder.name}.log", "w+b")
    chroot = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin:/bin")
    process = subprocess.Popen([chroot, folder, "/natsd", *arguments], stdout=log, stderr=log, env={})
    try:
        def ready():
            log.seek(0)
            text = log.read().decode(errors="replace")
            return text if servers.READY in text or process.poll() is not None else None
        text = suite.wait_until(ready, seconds, "ready")
        check(servers.READY in text, f"ended with {process.poll()}:\n{text}")
        expect(greeting(int(servers.LISTENING.search(text).group(1)), b'CONNECT {"verbose":false}'), b"PONG", "answer")
        return text
    finally:
        process.terminate()
        process.wait(10)


def empty_root(context):
    in_chroot(context, temporary(context), ["-a", "127.0.0.1", "-p", "-1"])


def hosts_name(context):
    folder = temporary(context)
    (folder / "etc").mkdir()
    (folder / "etc/hosts").write_text("127.0.0.1 nats.hosts.example\n")
    in_chroot(context, folder, ["-a", "nats.hosts.example", "-p", "-1"])


def dns_name(context):
    if os.geteuid():
        raise suite.Missing("the right to serve names on port 53 (root)")
    folder = temporary(context)
    (folder / "etc").mkdir()
    (folder / "etc/resolv.conf").write_text("nameserver 127.53.53.53\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        names.bind(("127.53.53.53", 53))
        answering = threading.Thread(target=answer_names, args=(names,), daemon=True)
        answering.start()
        in_chroot(context, folder, ["-a", "nats.dns.example", "-p", "-1"])
        names.sendto(b"", ("127.53.53.53", 53))
        answering.join(5)


def answer_names(names):
    """A name server that answers every A question with 127.0.0.1, and ends with an empty datagram."""
    while True:
        question, client = names.recvfrom(2048)
        if not question:
            return
        end = question.index(b"\0", 12) + 5
        is_a = question[end - 4:end - 2] == b"\0\1"
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1" if is_a else b""
        header = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
        names.sendto(header + question[12:end] + record, client)


# Size, memory, start


def is_static(context):
    kind = subprocess.run(["file", "-b", context.server], capture_output=True, text=True).stdout
    check(is_real_nats_server(context) or "statically linked" in kind, kind)
    size = os.path.getsize(context.server)
    check(is_real_nats_server(context) or size <= MOST_BYTES, f"{size} bytes, at most {MOST_BYTES}")
    return f"{size / 1e6:.1f} MB (at most {MOST_BYTES / 1e6:.1f})"


def as_after_a_boot(binary, folder):
    """A copy that is not in the page cache: a file that was just written lies there in pieces of up to 2 MiB, and every
    touched line of code would count as one of those."""
    copy = os.path.join(folder, f"copy-of-{os.path.basename(binary)}")
    shutil.copy2(binary, copy)
    descriptor = os.open(copy, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    return copy


def idle_memory(context):
    notes = []
    for binary in filter(None, (context.server, context.peer)):
        with servers.running(as_after_a_boot(binary, context.folder), context.folder) as server:
            time.sleep(0.5)
            notes.append(server.resident_kilobytes())
    check(is_real_nats_server(context) or notes[0] <= MOST_IDLE_KILOBYTES,
          f"{notes[0]} KB idle, at most {MOST_IDLE_KILOBYTES}")
    return f"{notes[0] / 1024:.1f} MB (at most {MOST_IDLE_KILOBYTES / 1024:.1f})" + (
        f"; nats-server {notes[1] / 1024:.1f} MB" if notes[1:] else "")


def milliseconds_to_ready(binary, folder):
    """From the start of the process until a client has read INFO."""
    port = servers.free_port()
    with open(folder / "start.log", "ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen([binary, "-a", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        try:
            while time.perf_counter() - started < 10:
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as client:
                        if client.recv(5) == b"INFO ":
                            return (time.perf_counter() - started) * 1000
                except ConnectionRefusedError:
                    time.sleep(0.0002)
        finally:
            process.kill()
            process.wait()
    raise suite.Failure("not ready within 10 s")


def start_time(context):
    binaries = list(filter(None, (context.server, context.peer)))
    for _ in range(3):  # again on a busy machine
        samples = [[milliseconds_to_ready(binary, context.folder) for _ in range(11)] for binary in binaries]
        medians = [statistics.median(times) for times in samples]
        if medians[0] < MOST_START_MILLISECONDS:
            break
    check(is_real_nats_server(context) or medians[0] < MOST_START_MILLISECONDS,
          f"{medians[0]:.1f} ms, less than {MOST_START_MILLISECONDS} wanted")
    return f"{medians[0]:.1f} ms (less than {MOST_START_MILLISECONDS})" + (
        f"; nats-server {medians[1]:.1f} ms" if medians[1:] else "")


FUNCTIONS = [
    ("3.022 -v says the nats-server version first", version),
    ("3.022 help names every flag of nats-server", help_text),
    ("3.030 3.031 the lines of a start", start_lines),
    ("3.018 -l writes to a file, USR1 opens it again", log_file),
    ("3.018 -T=false leaves the time out", log_without_time),
    ("3.018 --logtime_utc", log_utc),
    ("3.029 --log_size_limit rotates the file", rotation),
    ("3.027 -P writes the pid", pid_file),
    ("3.028 --ports_file_dir", ports_file),
    ("3.011 include", includes),
    ("3.016 flags win over the file", flags_win),
    ("3.025 INT ends it with 0", ends_with(signal.SIGINT, 0)),
    ("3.025 TERM ends it with 0", ends_with(signal.SIGTERM, 0)),
    ("3.025 HUP without a configuration file changes nothing", hup_without_config),
    ("3.026 -sl with a pid and with a pid file", signal_flag),
    ("1.056 lame duck: no new clients, TERM is ignored", lame_duck_term),
    ("1.056 lame duck without clients ends at once", lame_duck_empty),
    ("3.024 a port in use", port_in_use),
    ("3.024 a host that does not exist", unknown_host),
]
# One at a time: the three copy the program, and a copy that another test's new process still holds cannot be run.
ALONE = [
    ("an empty root directory is enough", empty_root),
    ("an empty root directory with /etc/hosts", hosts_name),
    ("an empty root directory with a name server", dns_name),
    ("static, and its size", is_static),
    ("memory while idle", idle_memory),
    ("time until a client is greeted", start_time),
]
