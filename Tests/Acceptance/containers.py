"""podman for the tests that need it: its environment, and images of the Dockerfile around programs that are here."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import suite
from suite import check

ROOT = Path(__file__).resolve().parent.parent.parent
RIG = ROOT / "Tests/rig/containers"
SECONDS = 120
# Those that the package has; each is a target of the Dockerfile.
PROGRAMS = [
    name for name in ("natsd", "exporter", "nack-controller") if list((ROOT / "Sources" / name).glob("*.swift"))]


class Podman:
    """Runs podman with the rig's configuration. What it needs is looked for once, at the first use."""

    def __init__(self, folder):
        self.folder = folder
        self.known = None
        self.stages = {}  # ids of what was built on the way to an image
        self.missing = None

    @property
    def environment(self):
        if self.missing:
            raise self.missing
        if not self.known:
            try:
                self.known = self.configure()
            except suite.Missing as missing:
                self.missing = missing
                raise
        return self.known

    def configure(self):
        if os.geteuid():
            raise suite.Missing("the right to run containers (root)")
        done = subprocess.run([RIG, "env"], capture_output=True, text=True)
        if done.returncode:
            raise suite.Missing(done.stderr.strip())
        exports = (line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
        return {**os.environ, **{name: value.strip("'\"") for name, value in exports}}

    def run(self, *arguments, code=0, seconds=SECONDS):
        """Runs podman; returns what it printed."""
        done = self.attempt(*arguments, seconds=seconds)
        check(done.returncode == code, f"podman {arguments[0]}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def attempt(self, *arguments, seconds=SECONDS):
        """Runs podman to whatever end."""
        return subprocess.run(["podman", *map(str, arguments)], capture_output=True, text=True, errors="replace",
                              timeout=seconds, env=self.environment)

    def build(self, target, image, program, health=None):
        """The target of the Dockerfile as it is, with this program in the place of the one that it would build.

        With `health`, which is one of ours, the program may be anybody's: its libraries are put beside it, and ours
        checks its health.
        """
        need_static(health or program)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name in ("dist", "deploy"):
            (folder / name).mkdir()
        shutil.copy(program, folder / "dist" / target)
        for name in ("image-root", "nats-server.conf"):
            shutil.copy(ROOT / "deploy" / name, folder / "deploy" / name)
        root = folder / "image" / target
        subprocess.run([folder / "deploy/image-root", target, root], check=True)
        if health:
            for name in ("healthcheck", "wget"):
                (root / name).unlink()
                shutil.copy(health, root / name)
            copy_libraries(program, root)
        # The format of OCI has no health checks.
        output = self.run("build", "--pull=never", "--format=docker", "--target", target,
                          "--build-arg", "ROOTS=local",
                                   "-t", image, "-f", ROOT / "Dockerfile", folder)
        self.stages.setdefault(image, []).extend(re.findall(r"^--> ([0-9a-f]{10,})$", output, re.MULTILINE))
        shutil.rmtree(folder)

    def build_foreign(self, image, program, health):
        """An image FROM scratch of a program of this machine, with its libraries and our check of health.

        It runs in a volume that has the program's name.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        root = folder / "root"
        root.mkdir()
        shutil.copy(program, root / "program")
        shutil.copy(health, root / "wget")
        copy_libraries(program, root)
        volume = f"/{Path(program).name}"
        (folder / "Dockerfile").write_text(
            f'FROM scratch\nCOPY root /\nENV PATH=/\nWORKDIR {volume}\nVOLUME {volume}\nENTRYPOINT ["/program"]\n')
        self.run("build", "--pull=never", "-t", image, folder)
        shutil.rmtree(folder)

    def remove(self, image):
        """Removes an image, and what was built on the way to it unless something else needs it."""
        self.attempt("rmi", "-f", image)
        for stage in reversed(self.stages.pop(image, [])):
            self.attempt("rmi", stage)


def need_static(program):
    if not Path(program).exists():
        raise suite.Missing(f"the program {program} (make release)")
    kind = subprocess.run(["file", "-b", program], capture_output=True, text=True).stdout
    if "statically linked" not in kind:
        raise suite.Missing(f"a static program at {program}")


def copy_libraries(program, root):
    """The libraries that a program loads, to the same places below `root`."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for path in re.findall(r"(/\S+) \(0x", listed):
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
