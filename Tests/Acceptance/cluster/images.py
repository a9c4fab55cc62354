"""Images for the node, made FROM scratch without podman: an archive with one layer."""
import hashlib
import io
import json
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

USER = 10001


def write_archive(path, name, roots, entrypoint, user):
    """An image archive of the folders `roots`, each given as (folder, owner)."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for folder, owner in roots:
            def owned(entry, owner=owner):
                entry.uid = entry.gid = owner
                entry.uname = entry.gname = ""
                return entry
            for child in sorted(Path(folder).iterdir()):
                tar.add(child, child.name, filter=owned)
    layer = layer.getvalue()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    config = json.dumps({
        "architecture": architecture, "os": "linux",
        "config": {"Entrypoint": [entrypoint], "Env": ["PATH=/", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
                   **({"User": f"{user}:{user}"} if user else {})},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, content in ((config_name, config), ("layer.tar", layer), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(file)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def ours(repository, folder, program, binary, name):
    """The image of one of our programs, laid out by deploy/image-root as the Dockerfile has it."""
    source = folder / f"source-{program}"
    (source / "dist").mkdir(parents=True)
    shutil.copytree(repository / "deploy", source / "deploy")
    shutil.copy(binary, source / "dist" / program)
    root = folder / f"root-{program}"
    subprocess.run([source / "deploy/image-root", program, root], check=True, capture_output=True)
    entrypoint = next(path for path in root.iterdir() if path.is_file() and path.suffix == "" and not path.is_symlink())
    roots = [(root, 0), (Path(f"{root}.owned"), USER)]
    return write_archive(folder / f"{program}.tar", name, roots, f"/{entrypoint.name}", USER)


def nats_server(folder, binary, name):
    """A real nats-server in a root directory of the same layout, with the libraries that Debian linked it to."""
    root = folder / "root-nats-server"
    (root / "data").mkdir(parents=True)
    shutil.copy(binary, root / "nats-server")
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    for word in listed.split():
        if word.startswith("/"):
            target = root / word.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(word, target)
    return write_archive(folder / "nats-server.tar", name, [(root, 0)], "/nats-server", 0)
