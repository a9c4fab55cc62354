"""What `kube up --nodes` has instead of kube-proxy, cluster DNS and a volume provisioner, in one polling loop:

- every TCP port of a service with ready pods is served on its cluster address (and 127.0.0.1:NODEPORT) and forwarded
  to one of them, which therefore sees the bridge's address as the client's;
- dnsmasq's hosts file holds SERVICE.NAMESPACE.svc.cluster.local, and for a headless service its ready pods' addresses
  and HOSTNAME.SERVICE.NAMESPACE.svc.cluster.local;
- every pending PersistentVolumeClaim gets a hostPath volume of any storage class, removed with the claim."""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for option in ("server", "ca", "token-file", "hosts", "dns-pid", "volumes", "bridge", "server-address"):
    parser.add_argument("--" + option, required=True)
args = parser.parse_args()
with open(args.token_file, encoding="ascii") as file:
    token = file.read().strip()
tls = ssl.create_default_context(cafile=args.ca)
api_server = urllib.parse.urlsplit(args.server)
backends = {}  # (address, port) -> [(address, port)]
listeners = {}  # (address, port) -> asyncio server


def call(method, path, body=None):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    data = body and json.dumps(body).encode()
    request = urllib.request.Request(args.server + path, method=method, data=data, headers=headers)
    with urllib.request.urlopen(request, context=tls, timeout=5) as response:
        return json.load(response)


def read_services():
    """-> (lines of the hosts file, backends)"""
    lines, wanted, ready = set(), {}, {}
    found = call("GET", "/api/v1/services")["items"]
    services = {(service["metadata"]["namespace"], service["metadata"]["name"]): service["spec"] for service in found}
    for part in call("GET", "/apis/discovery.k8s.io/v1beta1/endpointslices")["items"]:
        metadata = part["metadata"]
        key = metadata["namespace"], (metadata.get("labels") or {}).get("kubernetes.io/service-name")
        if key not in services:
            continue
        for endpoint in part.get("endpoints") or []:
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for address in endpoint["addresses"]:
                for port in part.get("ports") or []:
                    ready.setdefault((key, port.get("name") or ""), []).append((address, port["port"]))
                if services[key].get("clusterIP") == "None":
                    name = f"{key[1]}.{key[0]}.svc.cluster.local"
                    lines.add(f"{address} {name}")
                    if endpoint.get("hostname"):
                        lines.add(f"{address} {endpoint['hostname']}.{name}")
    for key, spec in services.items():
        address = spec.get("clusterIP")
        if not address or address == "None":
            continue
        lines.add(f"{address} {key[1]}.{key[0]}.svc.cluster.local")
        for port in spec.get("ports") or []:
            targets = ready.get((key, port.get("name") or ""))
            if targets and port.get("protocol", "TCP") == "TCP":
                wanted[address, port["port"]] = targets
                if port.get("nodePort"):
                    wanted["127.0.0.1", port["nodePort"]] = targets
    address, _, port = args.server_address.rpartition(":")
    wanted[address, int(port)] = [(api_server.hostname, api_server.port)]
    return lines, wanted


def write_hosts(lines):
    text = "\n".join(sorted(lines)) + "\n"
    with open(args.hosts, encoding="ascii") as hosts:
        if hosts.read() == text:
            return
    with open(args.hosts, "w", encoding="ascii") as hosts:
        hosts.write(text)
    os.kill(int(args.dns_pid), signal.SIGHUP)


def update_volumes():
    volumes = {v["metadata"]["name"]: v for v in call("GET", "/api/v1/persistentvolumes")["items"]}
    for claim in call("GET", "/api/v1/persistentvolumeclaims")["items"]:
        name = "rig-" + claim["metadata"]["uid"]
        if claim["status"].get("phase") != "Pending" or claim["spec"].get("volumeName") or name in volumes:
            continue
        path = os.path.join(args.volumes, name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o777)
        call("POST", "/api/v1/persistentvolumes", {
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
                "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
                "accessModes": claim["spec"]["accessModes"], "persistentVolumeReclaimPolicy": "Retain",
                "storageClassName": claim["spec"].get("storageClassName") or "", "hostPath": {"path": path},
                "claimRef": {"namespace": claim["metadata"]["namespace"], "name": claim["metadata"]["name"],
                             "uid": claim["metadata"]["uid"]}}})
    for name, volume in volumes.items():
        if name.startswith("rig-") and volume["status"].get("phase") == "Released":
            call("DELETE", "/api/v1/persistentvolumes/" + name)
            shutil.rmtree(os.path.join(args.volumes, name), ignore_errors=True)


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def forward(reader, writer):
    try:
        target = random.choice(backends.get(writer.get_extra_info("sockname")[:2]) or [None])
        to_reader, to_writer = await asyncio.open_connection(*target)
    except (OSError, TypeError):
        writer.transport.abort()
        return
    await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))
    writer.close()
    to_writer.close()


async def update_services():
    lines, wanted = await asyncio.to_thread(read_services)
    backends.clear()
    backends.update(wanted)
    for key in [k for k in listeners if k not in wanted]:
        listeners.pop(key).close()
    for key in [k for k in wanted if k not in listeners]:
        if key[0] != "127.0.0.1":
            subprocess.run(["ip", "addr", "replace", key[0] + "/32", "dev", args.bridge], check=True)
        listeners[key] = await asyncio.start_server(forward, *key)
    write_hosts(lines)


async def main():
    while True:
        for update in (update_services(), asyncio.to_thread(update_volumes)):
            try:
                await update
            except (urllib.error.URLError, OSError, ValueError, subprocess.CalledProcessError) as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        await asyncio.sleep(0.3)


asyncio.run(main())
