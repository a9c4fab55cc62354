"""The image of the Dockerfile, built FROM scratch around the program under test and run by podman (Tests/rig)."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import servers
import suite
from suite import check, expect

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGE = "localhost/natsd-acceptance:test"
SECONDS = 120


def tests(context):
    image = Image(context)
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
        ("nothing is left behind", image.remove),
    ]]


class Image:
    """Builds the image once; runs containers and removes them."""

    def __init__(self, context):
        self.context = context
        self.environment = None
        self.problem = None

    def prepare(self):
        """podman's environment and the built image."""
        if self.problem:
            raise self.problem
        if self.environment:
            return
        try:
            self.environment = self.configure()
            self.build()
        except (suite.Missing, suite.Failure) as problem:
            self.problem = problem
            raise

    def configure(self):
        if os.geteuid():
            raise suite.Missing("the right to run containers (root)")
        done = subprocess.run([ROOT / "Tests/rig/containers", "env"], capture_output=True, text=True)
        if done.returncode:
            raise suite.Missing(done.stderr.strip())
        exports = (line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
        return {**os.environ, **{name: value.strip("'\"") for name, value in exports}}

    def build(self):
        """The Dockerfile as it is, with the program under test in the place of the one that it would build."""
        kind = subprocess.run(["file", "-b", self.context.server], capture_output=True, text=True).stdout
        if "statically linked" not in kind:
            raise suite.Missing("a static program")
        folder = Path(tempfile.mkdtemp(dir=self.context.folder))
        for name in ("dist", "deploy"):
            (folder / name).mkdir()
        shutil.copy(self.context.server, folder / "dist/natsd")
        for name in ("image-root", "nats-server.conf"):
            shutil.copy(ROOT / "deploy" / name, folder / "deploy" / name)
        subprocess.run([folder / "deploy/image-root", "natsd", folder / "image/natsd"], check=True)
        self.podman("build", "--pull=never", "--target", "natsd", "--build-arg", "ROOTS=local", "-t", IMAGE,
                    "-f", ROOT / "Dockerfile", folder)

    def podman(self, *arguments, code=0):
        """Runs podman; returns what it printed."""
        done = subprocess.run(["podman", *map(str, arguments)], capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, env=self.environment)
        check(done.returncode == code, f"podman {arguments[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

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
        self.podman("rm", "-f", "-t", "5", name)

    def remove(self, _=None):
        self.prepare()
        names = self.podman("ps", "-a", "--format", "{{.Names}}").split()
        for name in names:
            if name.startswith("natsd-acceptance-"):
                self.stop(name)
        self.podman("rmi", "-f", IMAGE)
        check(not [name for name in names if name.startswith("natsd-acceptance-")], f"containers were left: {names}")


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 5) as client, client.makefile("rb") as lines:
        document = json.loads(lines.readline().removeprefix(b"INFO "))
        client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
        return document, lines.readline()


def built(image):
    image.prepare()
    size = int(image.podman("image", "inspect", "--format", "{{.Size}}", IMAGE))
    return f"{size / 1e6:.1f} MB"


def settings(image):
    image.prepare()
    config = json.loads(image.podman("image", "inspect", "--format", "{{json .Config}}", IMAGE))
    expect(config["Entrypoint"], ["/nats-server"], "entry point")
    expect(config["Cmd"], ["--config", "nats-server.conf"], "command")
    expect(sorted(config["ExposedPorts"]), ["4222/tcp", "6222/tcp", "8222/tcp"], "ports")
    expect(config["User"], "10001:10001", "user")
    expect(list(config["Volumes"]), ["/data"], "volumes")


def contents(image):
    image.prepare()
    name = image.podman("create", IMAGE).strip()
    archive = image.context.folder / "image.tar"
    image.podman("export", "-o", archive, name)
    image.podman("rm", name)
    files = subprocess.run(["tar", "-tf", archive], capture_output=True, text=True, check=True).stdout.split()
    # podman adds mount points of its own.
    own = {file for file in files if not file.endswith("/") and file.split("/")[0] not in ("dev", "proc", "sys", "run")}
    own -= {"etc/hosts", "etc/resolv.conf", "etc/hostname", "etc/mtab"}
    wanted = {"nats-server", "nats-server.conf", "etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt"}
    expect(own, wanted, "files")


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
