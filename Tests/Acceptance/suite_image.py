"""The image of the Dockerfile, built FROM scratch around the program under test and run by podman (Tests/rig)."""
import json
import os
import socket
import subprocess
import time
from pathlib import Path

import certificates
import containers
import servers
import suite
from suite import check, expect

IMAGE = "localhost/natsd-acceptance:test"
# What the program may be exceeded by: certificates, users, a configuration.
MOST_EXTRA_BYTES = 1_000_000


def tests(context):
    image = Image(context)
    others = [(f"the {target} target: settings, contents, size, health", lambda image, t=target: other(image, t))
              for target in containers.PROGRAMS if target != "natsd"]
    return [suite.Test(name, lambda f=function: f(image), alone=True) for name, function in [
        ("it is built", built),
        ("its settings are those that users of the official image expect", settings),
        ("it holds nothing but the program, its configuration and certificates", contents),
        ("without arguments it listens on 4222, as a user without rights", default_run),
        ("arguments replace the default configuration", arguments),
        ("nats-server is found on PATH", on_path),
        ("a mounted configuration", mounted),
        ("its user may write to /data", data),
        ("it stops promptly with exit code 0", stops),
        ("its health check follows the server's own configuration", healthy),
        ("its health check takes the words of wget, and needs no shell", wget),
        ("its root may be read-only", read_only),
        *others,
        ("nothing is left behind", image.remove),
    ]]


class Image:
    """Builds the image once; runs containers and removes them."""

    def __init__(self, context):
        self.context = context
        self.tool = containers.Podman(context.folder)
        self.problem = None
        self.is_built = False

    def prepare(self):
        """The built image."""
        if self.problem:
            raise self.problem
        if self.is_built:
            return
        try:
            self.tool.build("natsd", IMAGE, self.context.server)
        except (suite.Missing, suite.Failure) as problem:
            self.problem = problem
            raise
        self.is_built = True

    def podman(self, *arguments, code=0):
        return self.tool.run(*arguments, code=code)

    def start(self, *command, options=(), port=4222):
        """A container in the background once it serves clients; its name and the port on this machine."""
        self.prepare()
        published = servers.free_port()
        name = f"natsd-acceptance-{published}"
        self.podman("run", "-d", "--name", name, "-p", f"127.0.0.1:{published}:{port}", *options, IMAGE, *command)
        deadline = time.monotonic() + 20
        while servers.READY not in self.podman("logs", name):
            check(time.monotonic() < deadline, "not ready:\n" + self.podman("logs", name))
            time.sleep(0.05)
        return name, published

    def stop(self, name):
        self.podman("rm", "-f", "-v", "-t", "5", name)

    def remove(self, _=None):
        self.prepare()
        names = self.podman("ps", "-a", "--format", "{{.Names}}").split()
        for name in names:
            if name.startswith("natsd-acceptance-"):
                self.stop(name)
        self.tool.remove(IMAGE)
        check(not [name for name in names if name.startswith("natsd-acceptance-")], f"containers were left: {names}")


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 5) as client, client.makefile("rb") as lines:
        document = json.loads(lines.readline().removeprefix(b"INFO "))
        client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        return document, lines.readline()


def built(image):
    image.prepare()
    return check_size(image, IMAGE, image.context.server)


def check_size(image, name, program):
    size = int(image.podman("image", "inspect", "--format", "{{.Size}}", name))
    extra = size - os.stat(program).st_size
    check(0 <= extra <= MOST_EXTRA_BYTES, f"{size} bytes, {extra} beside the program")
    return f"{size / 1e6:.1f} MB, {extra / 1e3:.0f} KB of it beside the program"


def configuration(image, name):
    config = json.loads(image.podman("image", "inspect", "--format", "{{json .Config}}", name))
    expect(config["User"], "10001:10001", "user")
    labels = {key.removeprefix("org.opencontainers.image."): text for key, text in config["Labels"].items()}
    check(labels["title"] and labels["description"] and labels["version"], f"labels: {labels}")
    expect(labels["licenses"], "Apache-2.0", "license")
    test = json.loads(image.podman("image", "inspect", "--format", "{{json .HealthCheck}}", name))
    check((test or {}).get("Test", [])[:2] == ["CMD", "/healthcheck"], f"health check: {test}")
    return config


def settings(image):
    image.prepare()
    config = configuration(image, IMAGE)
    expect(config["Entrypoint"], ["/nats-server"], "entry point")
    expect(config["Cmd"], ["--config", "nats-server.conf"], "command")
    expect(sorted(config["ExposedPorts"]), ["4222/tcp", "6222/tcp", "8222/tcp"], "ports")
    expect(list(config["Volumes"]), ["/data"], "volumes")


def contents(image):
    image.prepare()
    own = files(image, IMAGE)
    wanted = {"nats-server", "healthcheck", "wget", "nats-server.conf", *EVERYWHERE}
    expect(own, wanted, "files")


EVERYWHERE = {"etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"}


def files(image, name):
    container = image.podman("create", name).strip()
    archive = image.context.folder / "image.tar"
    image.podman("export", "-o", archive, container)
    image.podman("rm", "-v", container)
    listed = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True, check=True).stdout.split()
    # podman adds mount points of its own.
    mounts = ("dev", "proc", "sys", "run")
    own = {file for file in listed if not file.endswith("/") and file.split("/")[0] not in mounts}
    return own - {"etc/hosts", "etc/resolv.conf", "etc/hostname", "etc/mtab"}


def default_run(image):
    name, port = image.start()
    document, answer = greeting(port)
    expect((document["port"], answer), (4222, b"PONG\r\n"), "port and answer")
    process = int(image.podman("inspect", "--format", "{{.State.Pid}}", name))
    owner = os.stat(f"/proc/{process}")
    expect((owner.st_uid, owner.st_gid), (10001, 10001), "user and group of the process")
    image.stop(name)


def arguments(image):
    name, port = image.start("-p", "5222", "-n", "named", port=5222)
    document, answer = greeting(port)
    expect((document["server_name"], document["port"], answer), ("named", 5222, b"PONG\r\n"), "name, port and answer")
    image.stop(name)


def on_path(image):
    image.prepare()
    output = image.podman("run", "--rm", "--entrypoint", "nats-server", IMAGE, "-v")
    expect(output.splitlines()[0], "nats-server: v2.15.1", "output")


def mounted(image):
    image.prepare()
    file = image.context.folder / "mounted.conf"
    file.write_text("server_name: mounted\n")
    file.chmod(0o644)
    path = "/etc/nats-config/nats.conf"
    name, port = image.start("-c", path, options=["-v", f"{file}:{path}:ro"])
    expect(greeting(port)[0]["server_name"], "mounted", "name")
    image.stop(name)


def data(image):
    image.prepare()
    published = servers.free_port()
    name = f"natsd-acceptance-{published}"
    image.podman("run", "-d", "--name", name, IMAGE, "-l", "/data/log", "-P", "/data/pid")
    suite.wait_until(lambda: servers.READY in copied(image, name, "/data/log"), 20, "a log file in /data")
    expect(copied(image, name, "/data/pid"), "1", "the pid file in /data")
    image.stop(name)


def copied(image, name, path):
    target = image.context.folder / "copied"
    try:
        image.podman("cp", f"{name}:{path}", target)
    except suite.Failure:
        return ""
    return target.read_text()


def stops(image):
    name, _ = image.start()
    started = time.monotonic()
    image.podman("stop", "-t", "10", name)
    seconds = time.monotonic() - started
    expect(image.podman("inspect", "--format", "{{.State.ExitCode}}", name).strip(), "0", "exit code")
    check(seconds < 5, f"it took {seconds:.1f} s")
    image.stop(name)


def health(image, name, *command):
    """Exit code and output of the image's health check, or of another command in the container."""
    done = image.tool.attempt("exec", name, *(command or ["/healthcheck"]))
    return done.returncode, done.stdout + done.stderr


def healthy(image):
    name, _ = image.start()
    expect(image.tool.attempt("healthcheck", "run", name).returncode, 0, "podman healthcheck run")
    check_health(image, name, '"status":"ok"')
    image.stop(name)
    folder = image.context.folder / "health"
    folder.mkdir()
    certificates.make(folder)
    (folder / "server.key").chmod(0o644)
    (folder / "nested.conf").write_text("include port.conf\nport: 4222\nhttp_base_path: /nats\n")
    (folder / "port.conf").write_text("http_port: $MONITORING\n")
    (folder / "https.conf").write_text(
        'https_port: 9002\nport: 4222\n'
        'tls { cert_file: "/mounted/server.pem", key_file: "/mounted/server.key" }\n')
    for arguments, words in [
            (["-p", "4222", "-m", "9000"], '"status":"ok"'),
            (["-p", "4222"], "monitoring port is off"),
            (["-c", "/mounted/nested.conf"], '"status":"ok"'),
            (["-c", "/mounted/https.conf"], '"status":"ok"')]:
        name, _ = image.start(*arguments, options=["-v", f"{folder}:/mounted:ro", "-e", "MONITORING=9001"])
        check_health(image, name, words)
        image.stop(name)


def check_health(image, name, words):
    code, output = health(image, name)
    check(code == 0 and words in output.replace('": "', '":"'), f"{code} {output}")


def wget(image):
    name, _ = image.start()
    for command, wanted in [
            (["wget", "-q", "-O", "-", "http://localhost:8222/healthz"], 0),
            (["wget", "--spider", "-q", "localhost:8222/healthz"], 0),
            (["wget", "http://127.0.0.1:8222/healthz", "-q", "-S", "-O", "-"], 0),
            (["wget", "-q", "-O", "-", "http://127.0.0.1:8222/nothing"], 1),
            (["wget", "-q", "-O", "-", "http://127.0.0.1:1/healthz"], 1),
            (["/healthcheck", "word"], 1)]:
        code, output = health(image, name, *command)
        expect(code, wanted, f"{command}: {output}")
    image.stop(name)


def read_only(image):
    name, port = image.start(options=["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"])
    expect(greeting(port)[1], b"PONG\r\n", "answer")
    expect(health(image, name)[0], 0, "health")
    image.stop(name)


OTHERS = {
    "exporter": ("prometheus-nats-exporter", ["7777/tcp"]),
    "nack-controller": ("jetstream-controller", ["8080/tcp", "8081/tcp"]),
}


def other(image, target):
    """A target beside the server: the exporter, the controller."""
    program, ports = OTHERS[target]
    name = f"localhost/natsd-acceptance-{target}:test"
    path = Path(image.context.server).parent / target
    image.tool.build(target, name, path)
    config = configuration(image, name)
    expect((config["Entrypoint"], config["Cmd"]), ([f"/{program}"], ["--help"]), "entry point and command")
    expect(sorted(config["ExposedPorts"]), ports, "ports")
    expect(files(image, name), {program, "healthcheck", "wget", *EVERYWHERE}, "files")
    # Charts and commands call it by its name.
    output = image.podman("run", "--rm", "--entrypoint", program, name, "--help")
    check("Usage" in output or "usage" in output, f"--help printed:\n{output[:500]}")
    if target == "exporter":
        exporter_health(image, name)
    note = check_size(image, name, path)
    image.tool.remove(name)
    return note


def exporter_health(image, name):
    container = f"natsd-acceptance-{servers.free_port()}"
    image.podman("run", "-d", "--name", container, name, "-p", "7000", "-varz", "http://127.0.0.1:8222")
    suite.wait_until(lambda: health(image, container)[0] == 0, 20, "a healthy exporter")
    image.stop(container)
