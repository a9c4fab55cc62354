"""The C programs of the tests: compiled once a run, or a test is skipped for want of a compiler or a library."""
import shutil
import subprocess
import threading
from pathlib import Path

import suite

HERE = Path(__file__).resolve().parent
_built = {}
_lock = threading.Lock()


def build(folder, sources, libraries=(), package=None):
    """Compiles sources (relative to this folder) into a program in `folder`; returns its path."""
    key = tuple(sources)
    with _lock:
        if key not in _built:
            _built[key] = compile_all(folder, sources, libraries, package)
    return _built[key]


def compile_all(folder, sources, libraries, package):
    compiler = shutil.which("cc")
    if not compiler:
        raise suite.Missing("a C compiler (Debian package gcc)")
    program = folder / Path(sources[0]).stem
    done = subprocess.run(
        [compiler, "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program,
         *(HERE / source for source in sources), *(f"-l{library}" for library in libraries)],
        capture_output=True, text=True)
    if done.returncode:
        if package and "No such file or directory" in done.stderr:
            raise suite.Missing(f"the Debian package {package}")
        raise suite.Failure(done.stdout + done.stderr)
    return program


def run(command, seconds, **options):
    """Runs it to its end; a non-zero exit is a failure with what it printed. Returns its output."""
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=seconds, **options)
    except subprocess.TimeoutExpired as expired:
        output = (expired.stdout or b"").decode(errors="replace")
        raise suite.Failure(f"{Path(str(command[0])).name} took longer than {seconds} s:\n{output[-2000:]}") from None
    if done.returncode:
        raise suite.Failure(f"{Path(str(command[0])).name} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return done.stdout


def start(command):
    """Starts it in the background; `finish` waits for it and takes what it printed."""
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace")


def finish(process):
    output, _ = process.communicate()
    suite.check(process.returncode == 0, f"ended with {process.returncode}:\n{output[-3000:]}")
    return output
