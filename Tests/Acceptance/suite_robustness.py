"""Bad input and bad company: nothing crashes, nobody else is disturbed, memory and descriptors return to their base."""
import os
import socket
import ssl
import time

import certificates
import programs
import servers
import suite
import suite_commandline

# The same load several times: memory after the last, over memory after the first, is what may stay (fragmentation). A
# leak of one small object a connection or subscription would be more.
KEPT_FACTOR = 1.2
KEPT_KILOBYTES = 4 * 1024

# The frames of a fuzzer run are sent in so many parts.
PARTS = 4
FLOOD_LIMIT = 200


def tests(context):
    return [
        suite.Test("mutated and random frames", lambda: fuzz(context), alone=True),
        suite.Test("mutated and random frames where logins and permissions are checked",
                   lambda: fuzz_with_permissions(context), alone=True),
        suite.Test("mutated and random frames while the configuration is reloaded",
                   lambda: fuzz_with_reloads(context), alone=True),
        suite.Test("mutated and random frames on a TLS port", lambda: fuzz_tls(context), alone=True),
        suite.Test("readers that do not read", lambda: slow(context), alone=True),
        suite.Test("readers that do not read, and a memory limit", lambda: slow_in_little_memory(context), alone=True),
        suite.Test("connections that go silent", lambda: silent(context), alone=True),
        suite.Test("a flood of connections at max_connections", lambda: flood(context), alone=True),
        suite.Test("20,000 subscriptions come and go while messages are published", lambda: churn(context), alone=True),
    ]


def fuzzer(context):
    return programs.build(context.folder, ["robustness/fuzz.c", "robustness/common.c"])


def stress(context):
    return programs.build(context.folder, ["robustness/stress.c", "robustness/common.c"])


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def settled_kilobytes(server, base_descriptors, bound=0):
    """Memory once the server has noticed that everybody has left; at most some seconds to come below `bound`."""
    suite.wait_until(lambda: descriptors(server) <= base_descriptors, 30, "closed connections are given up")
    best = server.resident_kilobytes()
    deadline = time.monotonic() + (5 if bound else 1)
    while time.monotonic() < deadline and best > bound:
        time.sleep(0.1)
        best = min(best, server.resident_kilobytes())
    return best


def with_steady_memory(server, load, times=3):
    """Runs the same load several times (it gets 0, 1, ...); memory must not grow from the first on. Returns a note."""
    base = descriptors(server)
    idle = server.resident_kilobytes()
    outputs, memory = [], []
    for number in range(times):
        outputs.append(load(number))
        bound = memory[0] * KEPT_FACTOR + KEPT_KILOBYTES if memory else 0
        memory.append(settled_kilobytes(server, base, bound))
        suite.check(server.is_alive(), "the server died")
    series = ", ".join(str(kilobytes) for kilobytes in memory)
    note = f"{''.join(outputs)}memory: {idle} KB idle, then after each load {series} KB"
    suite.check(memory[-1] <= bound, f"memory grew\n{note}")
    return note


def fuzz(context):
    program, frames = fuzzer(context), -(-context.frames // PARTS)
    with servers.running(context.server, context.folder) as server:
        def load(number):
            return programs.run([program, server.port, frames, context.seed + number], 60 + frames / 20_000)
        return with_steady_memory(server, load, PARTS)


PERMISSIONS = """
authorization { timeout: 2, users: [ { user: w, password: p, permissions: {
  publish: { deny: ["fuzz.a.>", "*.*.b"] }, subscribe: { deny: ["fuzz.b.>", "fuzz.*.c queue"] } } } ] }
mappings = { "fuzz.c.*": "fuzz.mapped.{{partition(3,1)}}" }
"""


def fuzz_with_permissions(context):
    program, frames = fuzzer(context), context.frames // 10 // PARTS
    with servers.running(context.server, context.folder, PERMISSIONS) as server:
        def load(number):
            return programs.run([program, server.port, frames, context.seed + number, "login=w:p"],
                                60 + frames / 20_000)
        return with_steady_memory(server, load, PARTS)


# What one reload after the other says: the fuzzer's account changes; the witness may do what it does in all of them.
ACCOUNT = ("users: [ {{ user: w, password: p,"
           " permissions: {{ publish: {{ deny: [ {0} ] }}, subscribe: {{ deny: [ {1} ] }} }} }} ]")
RELOADED = [
    f"accounts {{ A {{ {ACCOUNT.format('fuzz.a.>', 'fuzz.b.>')} }}, B {{}} }}",
    f"""accounts {{
      A {{ {ACCOUNT.format('fuzz.c.>', 'fuzz.a.*')}
          exports: [ {{ stream: "fuzz.>" }} ], mappings = {{ "fuzz.b": "fuzz.a", "fuzz.c.*": "fuzz.$1.d" }} }}
      B {{ users: [ {{ user: x, password: y }} ]
          imports: [ {{ stream: {{ account: A, subject: "fuzz.>" }}, prefix: "from" }} ] }}
    }}
    ping_interval: "1s", max_control_line: 2048""",
    f"""accounts {{
      A {{ {ACCOUNT.format('fuzz.x', 'fuzz.x')}, imports: [ {{ service: {{ account: B, subject: "fuzz.a" }} }} ]
          mappings = {{ "fuzz.b": [ {{ destination: "fuzz.a", weight: 50% }} ] }} }}
      B {{ exports: [ {{ service: "fuzz.a" }} ] }}
    }}
    max_payload: 2048""",
]


def fuzz_with_reloads(context):
    if context.server == context.peer:
        return "nats-server now and then closes a connection that is made during a reload"
    program, frames = fuzzer(context), context.frames // 5
    with servers.running(context.server, context.folder, RELOADED[0]) as server:
        load = programs.start([program, server.port, frames, context.seed, "login=w:p"])
        reloads = 0
        while load.poll() is None:
            reloads += 1
            line = server.reload(RELOADED[reloads % len(RELOADED)])
            suite.check("Reloaded" in line, line)
        return f"{programs.finish(load)}{reloads} reloads meanwhile"


def fuzz_tls(context):
    program, frames = fuzzer(context), context.frames // 20 // PARTS
    folder = context.folder / "certificates-robustness"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    config = f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", timeout: 1 }}'
    with servers.running(context.server, context.folder, config) as server:
        def load(number):
            return programs.run([program, server.port, frames, context.seed + number, "witness=no", "hello=yes"],
                                60 + frames / 2_000)
        note = with_steady_memory(server, load, PARTS)
        handshake(server.port, folder)
        return note


def handshake(port, folder):
    """A decent TLS client is still served."""
    with socket.create_connection(("127.0.0.1", port), 5) as plain:
        while b"\r\n" not in plain.recv(4096):
            pass
        context = ssl.create_default_context(cafile=folder / "ca.pem")
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
            suite.expect(secure.recv(6), b"PONG\r\n", "answer over TLS")


def slow(context):
    config = "max_pending: 4MB, max_payload: 1MB"
    with servers.running(context.server, context.folder, config) as server:
        def load(_):
            return programs.run([stress(context), "slow", server.port, 10, 30_000], 120)
        return with_steady_memory(server, load)


def slow_in_little_memory(context):
    """Thirty readers with 64 MB of max_pending each stay inside a budget of 64 MiB together; the others go on."""
    if suite_commandline.is_real_nats_server(context):
        raise suite.Missing("a memory budget for pending output (natsd's own)")
    with servers.running(context.server, context.folder, environment={"GOMEMLIMIT": "64MiB"}) as server:
        idle = most = server.resident_kilobytes()
        readers = [connected(server, "SUB load 1") for _ in range(30)]
        healthy, publisher = connected(server, "SUB load 1"), connected(server)
        message = b"PUB load 16384\r\n" + bytes(16384) + b"\r\n"
        expected = 16 * (len("MSG load 1 16384\r\n") + 16384 + 2)
        for _ in range(400):
            publisher.sendall(message * 16 + b"PING\r\n")
            received = 0
            while received < expected:
                received += len(healthy.recv(min(1 << 20, expected - received)))
            answer = b""
            while not answer.endswith(b"PONG\r\n"):
                answer += publisher.recv(4096)
            most = max(most, server.resident_kilobytes())
        for reader in readers:
            reader.close()
        suite.check(most < 140 * 1024, f"{most} KB resident with a budget of 64 MiB")
        return f"{idle} KB idle, {most} KB at most"


def connected(server, *lines):
    client = socket.create_connection(("127.0.0.1", server.port), 10)
    client.recv(4096)
    lines = ('CONNECT {"verbose":false,"pedantic":false}', *lines, "PING")
    client.sendall("".join(f"{line}\r\n" for line in lines).encode())
    while not client.recv(4096).endswith(b"PONG\r\n"):
        pass
    return client


def silent(context):
    config = 'ping_interval: "300ms", ping_max: 2'
    with servers.running(context.server, context.folder, config) as server:
        def load(_):
            return programs.run([stress(context), "silent", server.port, 1000], 120)
        return with_steady_memory(server, load)


def flood(context):
    with servers.running(context.server, context.folder, f"max_connections: {FLOOD_LIMIT}") as server:
        def load(_):
            return programs.run([stress(context), "flood", server.port, FLOOD_LIMIT, 2000], 120)
        return with_steady_memory(server, load)


def churn(context):
    with servers.running(context.server, context.folder) as server:
        def load(_):
            return programs.run([stress(context), "churn", server.port, 20_000, 20], 300)
        return with_steady_memory(server, load)
