"""Operating natsd: start-up failures, logs and where they go, traces, reloads, watched files, profiles, signals."""
import difflib
import gzip
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import certificates
import operations_jetstream
import servers
import suite
from suite import check, expect
from suite_commandline import execute, greeting, is_real_nats_server, temporary

# Compared with nats-server to the letter: TAKEN is a port in use, and the time and the pid of a line do not count.
FAILURES = [
    "-p TAKEN", "-a 8.8.8.8 -p 45222", "-p 99999", "-a no.such.host.invalid", "-l /nonexistent/x", "-r foo://x", "-r x",
    "-r 127.0.0.1:1", "-r tcp://127.0.0.1:TAKEN2", "-r udp://127.0.0.1", "-r unix:///nonexistent", "-P /nonexistent/x",
    "--profile TAKEN", "--profile 99999", "--client_advertise nats.example:x",
]

# FEATURES 3.318 to 3.333: what a reload of one file into another logs. "" stands for a file without options.
RELOADS = {
    "3.318 debug": ("", "debug: true"),
    "3.318 trace": ("", "trace: true"),
    "3.318 trace_verbose": ("", "trace_verbose: true"),
    "3.318 trace_headers": ("", "trace_headers: true"),
    "3.318 logtime": ("", "logtime: false"),
    "3.318 logtime_utc": ("", "logtime_utc: true"),
    "3.318 max_traced_msg_len": ("", "max_traced_msg_len: 10"),
    "3.318 several at once": ("", "debug: true, trace: true, logtime_utc: true, max_traced_msg_len: 5"),
    "3.319 tls timeout": ("TLS }", "TLS, timeout: 5 }"),
    "3.319 tls begins": ("", "TLS }"),
    "3.319 tls ends": ("TLS }", ""),
    "3.319 tls another certificate": ("TLS }", "TLS2 }"),
    "3.319 tls handshake_first": ("TLS }", "TLS, handshake_first: true }"),
    "3.319 tls handshake_first with a delay": ("TLS }", 'TLS, handshake_first: "100ms" }'),
    "3.319 tls verify": ("TLS }", "TLS, ca_file: 'CERTS/ca.pem', verify: true }"),
    "3.319 tls pinned_certs": ("TLS, ca_file: 'CERTS/ca.pem', verify: true }",
                               "TLS, ca_file: 'CERTS/ca.pem', verify: true, pinned_certs: ['" + "ab" * 32 + "'] }"),
    "3.320 a password": ("authorization { user: a, password: b }", "authorization { user: a, password: c }"),
    "3.320 a user name": ("authorization { user: a, password: b }", "authorization { user: c, password: b }"),
    "3.320 a token": ("authorization { token: a }", "authorization { token: b }"),
    "3.320 users": ("authorization { users: [ {user: a, password: b} ] }", "authorization { users: [ {user: c, password: d} ] }"),
    "3.320 nkeys": ("", "authorization { users: [ {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4} ] }"),
    "3.320 timeout": ("authorization { user: a, password: b }", "authorization { user: a, password: b, timeout: 7 }"),
    "3.320 accounts": ("accounts { A { users: [ {user: a, password: b} ] } }",
                       "accounts { A { users: [ {user: a, password: b} ] }, B { users: [ {user: c, password: d} ] } }"),
    "3.320 no_auth_user": ("authorization { users: [ {user: a, password: b} ] }",
                           "authorization { users: [ {user: a, password: b} ] }\nno_auth_user: a"),
    "3.321 max_connections": ("", "max_connections: 7"),
    "3.321 max_control_line": ("", "max_control_line: 2048"),
    "3.321 max_payload": ("", "max_payload: 100000"),
    "3.321 ping_interval": ("", 'ping_interval: "30s"'),
    "3.321 ping_max": ("", "ping_max: 5"),
    "3.321 write_deadline": ("", 'write_deadline: "3s"'),
    "3.321 error reports": ("", "connect_error_reports: 5, reconnect_error_reports: 6"),
    "3.321 no_fast_producer_stall": ("", "no_fast_producer_stall: true"),
    "3.322 pid_file": ("", "pid_file: 'FOLDER/p.pid'"),
    "3.322 ports_file_dir": ("", "ports_file_dir: 'FOLDER'"),
    "3.322 client_advertise": ("", "client_advertise: 'nats.example:4222'"),
    "3.322 a wrong client_advertise": ("", "client_advertise: 'nats.example:x'"),
    "3.322 server_tags": ("", "server_tags: [ a, b ]"),
    "3.322 server_metadata": ("", "server_metadata { a: b }"),
    "3.322 prof_block_rate": ("", "prof_block_rate: 5"),
    "3.329 server_name": ("", "server_name: x"),
    "3.329 max_subscriptions": ("", "max_subscriptions: 3"),
    "3.329 max_sub_tokens": ("", "max_sub_tokens: 3"),
    "3.329 max_pending": ("", "max_pending: 2000000"),
    "3.329 lame_duck_duration": ("", 'lame_duck_duration: "40s"'),
    "3.329 lame_duck_grace_period": ("", 'lame_duck_grace_period: "3s"'),
    "3.329 log_size_limit": ("", "log_size_limit: 1000"),
    "3.329 log_max_num": ("", "log_max_num: 4"),
    "3.329 no_header_support": ("", "no_header_support: true"),
    "3.329 disable_sublist_cache": ("", "disable_sublist_cache: true"),
    "3.329 write_timeout": ("", "write_timeout: close"),
    "3.329 prof_port": ("", "prof_port: 12345"),
    "3.329 max_closed_clients": ("", "max_closed_clients: 3"),
    "3.329 a good option beside a refused one": ("", "debug: true, max_pending: 2000000"),
    "3.331 another system account": ("accounts { S {}, T {} }\nsystem_account: S", "accounts { S {}, T {} }\nsystem_account: T"),
    "3.333 nothing": ("debug: true", "debug: true\n# a comment"),
    "3.329 an unknown option": ("", "debug: true\nno_such_option: 1"),
    "3.329 a value of another type": ("", "debug: 5"),
    "3.329 no configuration at all": ("", "debug: true\nfoo {"),
    "3.329 a missing include": ("", "include 'nofile.conf'"),
}

TRACED = [
    b'CONNECT {"verbose":true,"user":"a","pass":"secret1","name":"my app","lang":"py","version":"1.0","headers":true,'
    b'"protocol":1,"auth_token":"secret2","sig":"secret3","nkey":""}\r\n',
    b"PING\r\n", b"SUB foo 1\r\n", b"SUB foo q 2\r\n", b"PUB foo 5\r\nhello\r\n", b"PUB foo bar 0\r\n\r\n",
    b'PUB   foo   5\r\nhe"l\x00\r\n', b"HPUB foo 23 28\r\nNATS/1.0\r\nA: longer\r\n\r\nworld\r\n",
    b"HPUB foo 23 23\r\nNATS/1.0\r\nA: longer\r\n\r\n\r\n", b"PUB m.in 3\r\nmap\r\n", b"PUB foo 40\r\n" + b"x" * 40 + b"\r\n",
    b"SUB no.x 9\r\n", b"PUB nopub 1\r\nx\r\n", b"UNSUB 2 100\r\n", b"UNSUB 2\r\n", b"UNSUB 77\r\n", b"PONG\r\n",
    b"SUB last 5\r\n", b"UNSUB 5 1\r\n", b"PUB last 1\r\nz\r\n",
]
TRACE_OPTIONS = {
    "3.038 trace": "trace: true", "3.048 max_traced_msg_len": "trace: true, max_traced_msg_len: 6",
    "3.040 trace_headers": "trace_headers: true", "3.037 debug": "trace: true, debug: true",
}
TRACE_ACCOUNTS = """
accounts {
  A { users: [ { user: a, password: secret1, permissions: { subscribe: { deny: "no.>" }, publish: { deny: nopub } } } ]
      mappings: { "m.in": "m.out" } }
  SYS { users: [ { user: s, password: s } ] }
}
system_account: SYS
"""


def tests(context):
    folder = context.folder / "certificates-operations"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    made = [suite.Test(f"3.024 start-up failure: {arguments}", lambda a=arguments: same_failure(context, a)) for arguments in FAILURES]
    # Ports that were free may be taken by the tests beside, when a server comes back to its own.
    made += [suite.Test(f"reload: {name}", lambda n=name: same_reload(context, folder, *RELOADS[n]), timed=True)
             for name in RELOADS]
    made += [suite.Test(f"trace: {name}", lambda o=options: same_trace(context, o)) for name, options in TRACE_OPTIONS.items()]
    made += [suite.Test(name, lambda f=function: f(context)) for name, function in FUNCTIONS]
    made += operations_jetstream.tests(context)
    made += [suite.Test("config_watch: certificates rotate, connections stay", lambda: rotating(context, folder))]
    return made


def ours(context):
    """For what nats-server does not have."""
    if is_real_nats_server(context):
        raise suite.Missing("natsd: nats-server does not have it")


def normalized(log):
    """Lines without pid, time, addresses and numbers of this run."""
    log = re.sub(r"^\[\d+\] (\S+ \S+ )?(?=\[)", "", log, flags=re.MULTILINE)
    log = re.sub(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", log, flags=re.MULTILINE)
    log = re.sub(r"127\.0\.0\.1:\d+ - cid:\d+", "<address> - cid:<n>", log)
    log = re.sub(r" on \d+\.\d+\.\d+\.\d+:53", "", log)
    return re.sub(r"\(sha256:[0-9a-f]+\)", "(sha256)", log)


def same(expected, actual):
    if expected != actual:
        lines = difflib.ndiff(expected, actual)
        raise suite.Failure("differs from nats-server (- expected, + got)\n" +
                            "\n".join(line for line in lines if not line.startswith("? ")))


# Start-up failures


def same_failure(context, arguments):
    peer, cwd = context.needs_peer(), temporary(context)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = arguments.replace("TAKEN2", "1").replace("TAKEN", port).split()
        base = [*([] if "-a" in arguments else ["-a", "127.0.0.1"]), *([] if "-p" in arguments else ["-p", "-1"])]

        def outcome(binary):
            code, output = execute(binary, base + arguments, cwd)
            lines = [line for line in normalized(output).splitlines() if not line.startswith("[INF]")]
            return [f"exit {code}", *lines]

        same(outcome(peer), outcome(context.server))


# Reloads


def same_reload(context, folder, before, after):
    peer, found = context.needs_peer(), []
    for binary in (peer, context.server):
        with servers.running(binary, context.folder) as server:
            def config(text):
                text = text.replace("TLS2", "tls { cert_file: 'CERTS/server-two.pem', key_file: 'CERTS/server-two.key'")
                text = text.replace("TLS", "tls { cert_file: 'CERTS/server.pem', key_file: 'CERTS/server.key'")
                text = text.replace("CERTS", str(folder)).replace("FOLDER", str(server.folder))
                return f"ping_max: 2\n{text}\n" if "ping_max" not in text else text
            server.stop()
            server.write_config(config(before))
            server.start()
            offset = server.log_size()
            server.reload(config(after))
            time.sleep(0.05)
            log = normalized(server.log(offset)).replace(str(server.folder), "<folder>")
            # Settings of nats-server's own machinery.
            found.append(sorted(line for line in log.splitlines() if not OWN_LINE.search(line)))
            if "Reloaded server" in log and "tls" not in after.lower() and "authorization" not in after \
                    and "accounts" not in after and "max_connections" not in after:
                expect(greeting(server.port, b'CONNECT {"verbose":false}'), b"PONG", "answer after it")
            check(server.is_alive(), "the server has ended")
    same(*found)


OWN_LINE = re.compile(r"Nothing was changed, the configuration is wrong at|cleaning up ports file|Block profiling is enabled|^\[(DBG|TRC)\]|^$")


def says_where(context):
    ours(context)
    with servers.running(context.server, context.folder, "debug: false\n") as server:
        (server.folder / "part.conf").write_text("users [\n  { user: a, password: b }\n  { user: ]\n")
        for text, place in (("max_payload: 5\nfoo {\n  bar: [ 1, }\n", r"server\.conf:3:\d+"),
                            ("max_payload: 5\nmax_connections: true\n", r"server\.conf:2:\d+"),
                            ("authorization {\n  include 'part.conf'\n}", r"part\.conf:3:\d+")):
            offset = server.log_size()
            server.reload(text)
            server.wait_for_log(place, 2, offset)
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                check(b'"max_payload":1048576' in client.recv(4096), "something was changed")


# Traces


def same_trace(context, options):
    peer, found = context.needs_peer(), []
    for binary in (peer, context.server):
        with servers.running(binary, context.folder, options + TRACE_ACCOUNTS) as server:
            offset = server.log_size()
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                client.recv(4096)
                for step in TRACED:
                    client.sendall(step)
                    time.sleep(0.01)
                client.sendall(b"PUB the.end 0\r\n\r\n")
                server.wait_for_log(r"PUB the\.end 0", 5, offset)
            time.sleep(0.2)
            lines = normalized(server.log(offset)).splitlines()
        check(not any("secret" in line for line in lines), "a secret is in the log")
        # nats-server has its own internal clients, and its order of lines about one frame is its own too.
        found.append(sorted(line for line in lines if not re.search(r"\] (ACCOUNT|SYSTEM) - |accept loop", line)))
    same(*found)


# Logs


def json_lines(context):
    ours(context)
    with servers.running(context.server, context.folder, "port: -1") as server:
        server.stop()
        file = server.folder / "log.json"
        server.write_config(f"log_format: json, trace: true, debug: true, log_file: '{file}', logtime_utc: true")
        server.process = subprocess.Popen(server.command(), cwd=server.folder, stderr=subprocess.DEVNULL)
        servers._running.add(server)
        port = suite.wait_until(lambda: file.exists() and re.search(r"connections on 127.0.0.1:(\d+)", file.read_text()), 10, "ready").group(1)
        with socket.create_connection(("127.0.0.1", int(port)), 5) as client:
            client.recv(4096)
            client.sendall(b'CONNECT {"name":"x \\"y\\"","lang":"py","verbose":false}\r\nPUB a 2\r\n\xff"\r\nPING\r\n')
            client.recv(4096)
        suite.wait_until(lambda: "connection closed" in file.read_text(), 5, "the end of the connection")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        expect({line["pid"] for line in lines}, {server.process.pid}, "pid")
        check(all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", line["time"]) for line in lines), str(lines[0]))
        expect({line["level"] for line in lines}, {"info", "debug", "trace"}, "levels")
        traced = next(line for line in lines if line["message"].startswith("<<- [PUB a 2]"))
        check(traced["address"].startswith("127.0.0.1:") and isinstance(traced["cid"], int) and "x" in traced["client"], str(traced))
        offset = len(lines)
        server.write_config(f"log_format: text, trace: true, debug: true, log_file: '{file}', logtime_utc: true")
        server.signal(signal.SIGHUP)
        suite.wait_until(lambda: "[INF] Reloaded server configuration" in file.read_text(), 5, "text again")
        check(offset < len(file.read_text().splitlines()), "lines")


def log_kept(context):
    with servers.running(context.server, context.folder) as server:
        server.stop()
        folder = server.folder / "logs"
        folder.mkdir()
        file = folder / "n.log"
        server.write_config(f"log_file: '{file}', log_size_limit: 2000, log_max_num: 3, trace: true")
        server.process = subprocess.Popen(server.command(), cwd=server.folder, stderr=subprocess.DEVNULL)
        servers._running.add(server)
        port = suite.wait_until(lambda: file.exists() and servers.LISTENING.search(file.read_text()), 10, "ready").group(1)
        with socket.create_connection(("127.0.0.1", int(port)), 5) as client:
            client.sendall(b'CONNECT {"verbose":false}\r\n' + b"PUB some.subject 5\r\nhello\r\n" * 300 + b"PING\r\n")
            while b"PONG" not in client.recv(4096):
                pass
        expect(len(list(folder.iterdir())), 3, "files kept")
        text = "".join(path.read_text() for path in folder.iterdir())
        check(re.search(r'\[INF\] Rotated log, backup saved as ".*n\.log\.\d{4}(\.\d\d){5}\.\d{9}"', text), text[-500:])
        check(re.search(r'\[INF\] Purged log file "n\.log\.', text), text[-500:])


def syslog(context):
    peer, found = context.needs_peer(), []
    for binary in (peer, context.server):
        texts = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as stream, \
                socket.socket(socket.AF_UNIX) as local:
            datagrams.bind(("127.0.0.1", 0))
            for listener, address in ((stream, ("127.0.0.1", 0)), (local, str(temporary(context) / "s"))):
                listener.bind(address)
                listener.listen()
            for made in (datagrams, stream, local):
                made.settimeout(5)
            for kind, url in ((datagrams, f"udp://127.0.0.1:{datagrams.getsockname()[1]}"),
                              (stream, f"tcp://127.0.0.1:{stream.getsockname()[1]}"), (local, f"unix://{local.getsockname()}")):
                process = subprocess.Popen([binary, "-a", "127.0.0.1", "-p", "-1", "-r", url], stderr=subprocess.DEVNULL)
                try:
                    data = b""
                    source = kind if kind is datagrams else kind.accept()[0]
                    while b"Server is ready\n" not in data:
                        data += source.recv(65536)
                finally:
                    process.terminate()
                    process.wait(10)
                text = re.sub(r"^<(\d+)>(\S+T\S+ \S+|\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+\[%d\]: " % process.pid,
                              lambda m: f"{m[1]} {'long' if 'T' in m[2] else 'short'} ", data.decode(), flags=re.MULTILINE)
                texts += [line for line in text.splitlines() if re.search("Starting|is ready", line)]
        found.append(texts)
    same(*found)


def full_disk(context):
    with servers.running(context.server, context.folder) as server:
        server.stop()
        port = servers.free_port()
        command = [context.server, "-a", "127.0.0.1", "-p", str(port), "-l", "/dev/full", "-DV"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            serves(port)
            process.send_signal(signal.SIGTERM)
            expect(process.wait(5), 0, "exit code")
        finally:
            process.kill()
            process.wait()
        server.start()


def serves(port):
    def answers():
        try:
            return greeting(port, b'CONNECT {"verbose":false}') == b"PONG"
        except OSError:
            return False
    suite.wait_until(answers, 10, "an answer")


def closed_output(context):
    """Started without any of the three standard descriptors: no socket may get their numbers."""
    port = servers.free_port()
    process = subprocess.Popen(
        ["sh", "-c", f"exec '{context.server}' -a 127.0.0.1 -p {port} -DV <&- >&- 2>&-"], stdin=subprocess.DEVNULL)
    try:
        serves(port)
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.settimeout(0.3)
            data = client.recv(65536)
            check(data.startswith(b"INFO ") and b"[TRC]" not in data, f"{data[:200]}")
        process.send_signal(signal.SIGTERM)
        expect(process.wait(5), 0, "exit code")
    finally:
        process.kill()
        process.wait()


def stalled_output(context):
    """Standard error is a pipe that nobody reads, and every message is traced."""
    ours(context)
    port = servers.free_port()
    process = subprocess.Popen([context.server, "-a", "127.0.0.1", "-p", str(port), "-DV"], stderr=subprocess.PIPE)
    try:
        serves(port)
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(b'CONNECT {"verbose":false}\r\n' + b"PUB some.subject 5\r\nhello\r\n" * 20000 + b"PING\r\n")
            while b"PONG" not in client.recv(4096):
                pass
        process.send_signal(signal.SIGTERM)
        expect(process.wait(5), 0, "exit code")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


# Signals


def signals_by_pattern(context):
    """`-sl` with a pattern that only our own process matches."""
    with servers.running(context.server, context.folder, "debug: false") as server:
        pid = str(server.process.pid)
        if any(path.name.startswith(pid) and path.name != pid for path in Path("/proc").iterdir()):
            raise suite.Missing("a process number that begins no other")
        if Path(context.server).name not in ("natsd", "nats-server"):
            raise suite.Missing("a server called natsd")
        for command, line in (("reload", "Reloaded server"), ("reopen", "File log re-open ignored, not a file logger")):
            offset = server.log_size()
            expect(execute(context.server, ["-sl", f"{command}={pid}*"], "/"), (0, ""), f"{command} by pattern")
            server.wait_for_log(line, 5, offset)
        execute(context.server, ["-sl", f"ldm={pid}"], "/")
        expect(server.wait(5), 0, "exit code after ldm")
        server.start()
        execute(context.server, ["-sl", f"stop={server.process.pid}"], "/")
        expect(server.wait(5), -signal.SIGKILL, "exit code after stop")
        server.start()


def lame_duck(context):
    config = 'lame_duck_duration: "30s", lame_duck_grace_period: "100ms"'
    with servers.running(context.server, context.folder, config) as server:
        with socket.create_connection(("127.0.0.1", server.port), 5) as client, client.makefile("rb") as lines:
            lines.readline()
            client.sendall(b'CONNECT {"verbose":false,"protocol":1}\r\nPING\r\n')
            # Clients that speak protocol 1 get an INFO after the first PONG, by and by.
            while lines.readline()[:4] != b"PONG":
                pass
            server.signal(signal.SIGUSR2)
            client.settimeout(10)
            text = b"".join(iter(lines.readline, b""))
            check(b'"ldm":true' in text, f"no INFO with ldm: {text}")
        expect(server.wait(10), 0, "exit code")
        check("Closing existing clients" in server.log(), server.log())
        server.start()


# Watched files


class Mounted:
    """A folder as Kubernetes mounts a ConfigMap: files are links into ..data, which is a link to a version."""

    def __init__(self, folder, files):
        self.folder, self.version = Path(folder), 0
        self.folder.mkdir(exist_ok=True)
        self.publish(files)
        for name in files:
            (self.folder / name).symlink_to(f"..data/{name}")

    def publish(self, files):
        old, self.version = self.folder / f"..{self.version}", self.version + 1
        new = self.folder / f"..{self.version}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        (self.folder / "..tmp").symlink_to(new.name)
        (self.folder / "..tmp").rename(self.folder / "..data")
        shutil.rmtree(old, ignore_errors=True)


def wait_for_reload(server, offset, pattern="Reloaded server configuration"):
    started = time.monotonic()
    server.wait_for_log(pattern, 2, offset)
    return f"after {time.monotonic() - started:.2f} s"


def config_map(context):
    ours(context)
    mounted = Mounted(temporary(context) / "etc", {"nats.conf": "include 'limits.conf'", "limits.conf": "max_payload: 1001"})
    with servers.running(context.server, context.folder, arguments=["-c", str(mounted.folder / "nats.conf")]) as server:
        for number, files in ((1002, {"nats.conf": "include 'limits.conf'", "limits.conf": "max_payload: 1002"}),
                              (1003, {"nats.conf": "include 'limits.conf'\ndebug: true", "limits.conf": "max_payload: 1003"})):
            offset = server.log_size()
            mounted.publish(files)
            note = wait_for_reload(server, offset)
            check(f'"max_payload":{number}' in info(server.port), "max_payload in INFO")
        offset = server.log_size()
        mounted.publish({"nats.conf": "include 'limits.conf'\nfoo {", "limits.conf": "max_payload: 1004"})
        wait_for_reload(server, offset, r"Failed to reload server configuration: ")
        server.wait_for_log(r"nats\.conf:2:\d+", 2, offset)
        check('"max_payload":1003' in info(server.port), "a broken file changed something")
        offset = server.log_size()
        mounted.publish({"nats.conf": "include 'limits.conf'", "limits.conf": "max_payload: 1005"})
        wait_for_reload(server, offset)
        check('"max_payload":1005' in info(server.port), "max_payload after it was mended")
        return note


def info(port):
    with socket.create_connection(("127.0.0.1", port), 5) as client, client.makefile("rb") as lines:
        return lines.readline().decode()


def watch_when_asked(context):
    ours(context)
    with servers.running(context.server, context.folder, "config_watch: true\nmax_payload: 1001") as server:
        offset = server.log_size()
        server.write_config("config_watch: true\nmax_payload: 1002")
        wait_for_reload(server, offset)
        # As editors do it: a new file under the old name.
        offset = server.log_size()
        other = server.folder / "new.conf"
        other.write_text("config_watch: false\nmax_payload: 1003")
        other.rename(server.config_path)
        wait_for_reload(server, offset)
        offset = server.log_size()
        server.write_config("config_watch: false\nmax_payload: 1004")
        time.sleep(1)
        check("Reloaded" not in server.log(offset), "reloaded although it is not watched any more")
        check('"max_payload":1003' in info(server.port), "max_payload")


def no_watch_by_default(context):
    with servers.running(context.server, context.folder, "max_payload: 1001") as server:
        offset = server.log_size()
        server.write_config("max_payload: 1002")
        time.sleep(1)
        expect(server.log(offset), "", "log")


def rotating(context, folder):
    ours(context)
    secret = Mounted(temporary(context) / "tls", {"tls.crt": (folder / "server.pem").read_bytes(), "tls.key": (folder / "server.key").read_bytes()})
    config = f"config_watch: true\nhttps: '127.0.0.1:-1'\ntls {{ cert_file: '{secret.folder}/tls.crt', key_file: '{secret.folder}/tls.key' }}"
    tls = ssl.create_default_context(cafile=folder / "ca.pem")
    tls.check_hostname = False

    def connect(port):
        client = socket.create_connection(("127.0.0.1", port), 5)
        client.recv(4096)
        client = tls.wrap_socket(client)
        client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        return client, dict(entry[0] for entry in client.getpeercert()["subject"])["commonName"]

    def monitoring_name(server):
        port = int(re.search(r"Starting https monitor on \S+:(\d+)", server.log()).group(1))
        with tls.wrap_socket(socket.create_connection(("127.0.0.1", port), 5)) as client:
            return dict(entry[0] for entry in client.getpeercert()["subject"])["commonName"]

    def ping(client):
        client.sendall(b"PING\r\n")
        data = b""
        while b"PONG" not in data:
            data = client.recv(4096)
            check(data, "the connection was closed")

    with servers.running(context.server, context.folder, config) as server:
        first, name = connect(server.port)
        expect(monitoring_name(server), "localhost", "first certificate of monitoring")
        with first:
            ping(first)
            expect(name, "localhost", "first certificate")
            offset = server.log_size()
            secret.publish({"tls.crt": (folder / "server-two.pem").read_bytes(), "tls.key": (folder / "server-two.key").read_bytes()})
            note = wait_for_reload(server, offset)
            second, name = connect(server.port)
            with second:
                expect(name, "two.example", "certificate of a new connection")
            expect(monitoring_name(server), "two.example", "certificate of monitoring")
            ping(first)
            offset = server.log_size()
            # A key that does not belong to the certificate changes nothing.
            secret.publish({"tls.crt": (folder / "server.pem").read_bytes(), "tls.key": (folder / "server-two.key").read_bytes()})
            wait_for_reload(server, offset, "Failed to reload server configuration: ")
            third, name = connect(server.port)
            with third:
                expect(name, "two.example", "certificate after a wrong one")
            ping(first)
        return note


# Profiles


def fetch(port, path, seconds=20):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=seconds) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def fields(data):
    """The fields of a protocol buffer: number, and an integer or bytes."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while position < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        else:
            expect(key & 7, 2, "wire type")
            length = varint()
            yield key >> 3, data[position:position + length]
            position += length


def profile(context):
    ours(context)
    with servers.running(context.server, context.folder, "prof_port: -1\nports_file_dir: '.'\n") as server:
        port = int(server.wait_for_log(r"profiling port: (\d+)").group(1))
        ports = json.loads(next(server.folder.glob("*.ports")).read_text())
        expect(ports["profile"], [f"http://127.0.0.1:{port}"], "ports file")
        stop = threading.Event()
        traffic = threading.Thread(target=publish, args=(server.port, stop))
        traffic.start()
        try:
            status, headers, body = fetch(port, "/debug/pprof/profile?seconds=1")
            expect((status, headers["Content-Type"]), (200, "application/octet-stream"), "answer")
            parts = list(fields(gzip.decompress(body)))
            texts = [value.decode() for number, value in parts if number == 6]
            expect(texts[0], "", "first string")
            check({"samples", "cpu", "nanoseconds", "thread"} <= set(texts), str(texts))
            samples = [dict(fields(value)) for number, value in parts if number == 2]
            counts = [next(iter(varints(sample[2]))) for sample in samples]
            check(sum(counts) >= 5, f"{sum(counts)} samples of a busy second")
            known = {dict(fields(value))[1] for number, value in parts if number == 4}
            used = {number for sample in samples for number in varints(sample[1])}
            check(used and used <= known, "samples name locations that there are not")
            status, _, folded = fetch(port, "/debug/pprof/profile?seconds=1&format=folded")
            check(status == 200 and re.search(rb"^\S.*;.* \d+$", folded, re.MULTILINE), folded[:300])
            status, _, text = fetch(port, "/debug/pprof/profile?seconds=0.2&debug=1")
            check(status == 200 and b"samples of 10 ms" in text, text[:300])
            busy = threading.Thread(target=fetch, args=(port, "/debug/pprof/profile?seconds=1"))
            busy.start()
            time.sleep(0.3)
            status, _, text = fetch(port, "/debug/pprof/profile?seconds=1")
            expect((status, text), (500, b"Could not enable CPU profiling: cpu profiling already in use\n"), "the second of two")
            busy.join()
        finally:
            stop.set()
            traffic.join()
        for path, wanted in (("/debug/pprof/", 200), ("/", 200), ("/debug/pprof/threads", 200), ("/debug/pprof/memory", 200),
                             ("/debug/pprof/heap?debug=1", 200), ("/debug/pprof/heap", 501), ("/debug/pprof/goroutine", 501),
                             ("/debug/pprof/profile?seconds=301", 400), ("/debug/pprof/profile?format=x", 400), ("/debug/x", 404)):
            status, headers, body = fetch(port, path)
            expect(status, wanted, f"status of {path}")
            check(body and (status != 501 or headers["X-Go-Pprof"] == "1"), f"{path}: {headers}")
        expect(fetch(port, "/debug/pprof/cmdline")[2].split(b"\0")[0], context.server.encode(), "cmdline")


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def publish(port, stop):
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b'CONNECT {"verbose":false}\r\n')
        while not stop.is_set():
            client.sendall(b"PUB foo 16\r\n0123456789abcdef\r\n" * 1000)


def hidden_secrets(context):
    ours(context)
    with servers.running(context.server, context.folder, arguments=["--profile", "-1", "--user", "a", "--pass", "s3cret"]) as server:
        port = int(server.wait_for_log(r"profiling port: (\d+)").group(1))
        line = fetch(port, "/debug/pprof/cmdline")[2]
        check(b"--pass" in line and b"s3cret" not in line, f"{line}")


FUNCTIONS = [
    ("a broken reload says file, line and column, and changes nothing", says_where),
    ("log_format: json", json_lines),
    ("3.045 log_max_num keeps so many files", log_kept),
    ("3.047 remote_syslog: udp, tcp, unix", syslog),
    ("a full disk under the log", full_disk),
    ("no standard descriptors at all", closed_output),
    ("standard error that nobody reads", stalled_output),
    ("3.026 -sl with a pattern, ldm and stop", signals_by_pattern),
    ("1.056 lame duck: INFO, then clients are closed, then the end", lame_duck),
    ("config_watch: a ConfigMap's versions", config_map),
    ("config_watch: when asked for", watch_when_asked),
    ("config_watch: not by itself", no_watch_by_default),
    ("3.051 prof_port", profile),
    ("3.023 prof_port shows no secrets of the command line", hidden_secrets),
]
