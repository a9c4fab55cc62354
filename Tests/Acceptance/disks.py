"""Filesystems on loop devices and memory cgroups; what is not taken down by its test is taken down at the end."""
import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import suite

_mounted = {}  # folder -> loop device
_groups = set()
MEMORY_GROUPS = Path("/sys/fs/cgroup/memory")
UNIFIED_GROUPS = Path("/sys/fs/cgroup")


def command(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise suite.Failure(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def needs_root():
    if os.geteuid():
        raise suite.Missing("root (for loop devices, mounts and memory cgroups)")
    for tool in ("losetup", "mkfs.ext4", "mount"):
        if not shutil.which(tool):
            raise suite.Missing(f"{tool} (Debian packages mount and e2fsprogs)")


def image(folder, megabytes, name="disk"):
    """A file with an empty ext4 in it."""
    path = Path(folder) / name
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    command("mkfs.ext4", "-q", "-F", "-m", "0", path)
    return path


@contextlib.contextmanager
def mounted(path):
    """The folder on which the image is mounted, through a loop device of its own."""
    needs_root()
    try:
        device = command("losetup", "--find", "--show", path)
    except suite.Failure as failure:
        raise suite.Missing(f"loop devices ({failure})") from None
    folder = tempfile.mkdtemp(prefix="natsd-mounted-")
    _mounted[folder] = device
    try:
        command("mount", device, folder)
        yield Path(folder)
    finally:
        take_down(folder)


def take_down(folder):
    device = _mounted.pop(folder, None)
    if device:
        subprocess.run(["umount", folder], capture_output=True)
        if os.path.ismount(folder):
            subprocess.run(["umount", "--lazy", folder], capture_output=True)
        subprocess.run(["losetup", "--detach", device], capture_output=True)
        with contextlib.suppress(OSError):
            os.rmdir(folder)


class MemoryGroup:
    """A memory cgroup, version 1 or 2."""

    def __init__(self, megabytes):
        needs_root()
        self.old = (MEMORY_GROUPS / "memory.limit_in_bytes").exists()
        parent = MEMORY_GROUPS if self.old else UNIFIED_GROUPS
        self.path = Path(tempfile.mkdtemp(prefix="natsd-test-", dir=parent))
        _groups.add(self)
        try:
            if self.old:
                self.write("memory.limit_in_bytes", megabytes << 20)
                with contextlib.suppress(OSError):  # where swap is not accounted for there is none to limit
                    self.write("memory.memsw.limit_in_bytes", megabytes << 20)
            else:
                self.write("memory.max", megabytes << 20)
                with contextlib.suppress(OSError):
                    self.write("memory.swap.max", 0)
        except OSError as error:
            self.remove()
            raise suite.Missing(f"a memory cgroup ({error})") from None

    def write(self, name, value):
        (self.path / name).write_text(str(value))

    def add(self, pid):
        self.write("cgroup.procs", pid)

    def peak_megabytes(self):
        """The most of anonymous memory and page cache together that was ever charged."""
        return int((self.path / ("memory.max_usage_in_bytes" if self.old else "memory.peak")).read_text()) >> 20

    def killed(self):
        """How many processes the kernel killed here for want of memory."""
        name = "memory.oom_control" if self.old else "memory.events"
        words = (self.path / name).read_text().split()
        return int(words[words.index("oom_kill") + 1])

    def remove(self):
        _groups.discard(self)
        with contextlib.suppress(OSError):
            os.rmdir(self.path)


@atexit.register
def take_everything_down():
    for folder in list(_mounted):
        take_down(folder)
    for group in list(_groups):
        group.remove()
