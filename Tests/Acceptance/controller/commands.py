"""Commands that end by themselves, and what goes on around a controller that does not."""
import json
import os
import re
import time

import scene
import servers
from scene import Admin, Controller, Folder, run, start
from suite import check, expect, wait_until


def commands(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file")
    folder.put("Consumer", "mailer", streamName="ORDERS", durableName="mailer", ackPolicy="explicit", ackWait="30s")
    at = ["-s", server.url()]
    code, out, _ = run(context, "plan", *at, folder)
    expect(code, 2, "plan with differences")
    check("+ stream ORDERS (Stream default/orders): create" in out, out)
    check(out.endswith("Plan: 2 to create, 0 to update, 0 to delete, 0 unchanged, 0 refused.\n"), out)
    expect(admin.streams(), [], "a plan changes nothing")
    code, out, _ = run(context, "plan", *at, "--output", "json", folder)
    document = json.loads(out)
    expect((code, document["hasDifferences"]), (2, True), "plan as JSON")
    expect([step["action"] for step in document["sites"][0]["steps"]], ["create", "create"], "steps")
    expect(run(context, "apply", "--once", *at, folder)[:2], (0, "2 of 2 resources are ready\n"), "apply")
    code, out, _ = run(context, "plan", *at, folder)
    expect((code, out), (0, "Plan: 0 to create, 0 to update, 0 to delete, 2 unchanged, 0 refused.\n"), "nothing to do")
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file", maxAge="1h")
    code, out, _ = run(context, "plan", *at, folder)
    check(code == 2 and "max_age: (none) -> 3600000000000" in out, out)
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="memory")
    code, out, errors = run(context, "apply", *at, "-o", "json", folder)
    expect(code, 1, "apply of what cannot be")
    rows = {row["name"]: row for row in json.loads(out)["resources"]}
    check("spec.storage" in rows["orders"]["message"] and rows["mailer"]["ready"] == "True", out)
    folder.remove("Consumer", "mailer")
    folder.put("Stream", "orders", name="ORDERS", subjects=["orders.>"], storage="file")
    code, out, _ = run(context, "plan", *at, "-prune", folder)
    check(code == 2 and "- consumer ORDERS/mailer: delete" in out, out)
    expect(run(context, "apply", *at, "-prune", folder)[0], 0, "apply -prune")
    expect(admin.consumer("ORDERS", "mailer"), None, "the pruned consumer")

    # What a server has, as manifests, is what it has.
    exported = Folder(context)
    admin.must("STREAM.CREATE.X", {"name": "X", "subjects": ["x"], "max_age": 10**10, "retention": "interest",
                                   "republish": {"src": "x", "dest": "y"}, "metadata": {"k": "yes"}})
    admin.must("CONSUMER.CREATE.X.d", {"stream_name": "X", "config": {
        "name": "d", "durable_name": "d", "ack_policy": "all", "deliver_subject": "d", "idle_heartbeat": 10**9,
        "flow_control": True, "filter_subject": "x", "max_deliver": 3}})
    js = admin.client.jetstream()
    admin.do(js.create_key_value(bucket="settings", history=5, ttl=60))
    admin.do(js.create_object_store("files"))
    for extension, flags in (("yaml", []), ("json", ["--output=json"])):
        code, out, errors = run(context, "export", *at, *flags)
        expect((code, errors), (0, ""), "export")
        for old in exported.path.iterdir():
            old.unlink()
        exported.write(f"all.{extension}", out)
        expect(run(context, "validate", exported)[0], 0, f"validate of the export: {out}")
        code, out, _ = run(context, "plan", *at, "-owner=", exported)
        check(code == 0 and "5 unchanged" in out, out)

    # Errors: 1, whatever the command.
    bad = Folder(context)
    bad.write("bad.yaml", scene.manifest("Stream", "s", {"name": "a.b", "discard": "newest"}).replace(', "', ',\n"'))
    for command in (["validate"], ["plan", *at], ["apply", *at]):
        code, _, errors = run(context, *command, bad)
        expect(code, 1, f"exit code of {command[0]}")
        check(re.search(r"bad\.yaml:\d+:\d+: error: spec\.name: must not contain", errors), errors)
        discard = r'bad\.yaml:\d+:\d+: error: spec\.discard: must be one of old, new, is "newest"'
        check(re.search(discard, errors), errors)
    code, out, _ = run(context, "validate", "-o=json", bad)
    expect((code, len(json.loads(out)["diagnostics"])), (1, 2), "validate as JSON")
    for command in (["plan", folder], ["apply", folder], ["export"]):
        code, _, errors = run(context, command[0], "-s", "nats://127.0.0.1:1", "-timeout=1s", *command[1:])
        check(code == 1 and "127.0.0.1:1" in errors, f"{command[0]}: {code} {errors}")
    expect(run(context, "validate", folder, bad.path / "nowhere")[0], 1, "a path that is not there")


def read_only(context, server, admin):
    admin.must("STREAM.CREATE.OLD", {"name": "OLD", "subjects": ["old"]})
    folder = Folder(context)
    folder.put("Stream", "old", name="OLD", subjects=["old", "older"], storage="file")
    folder.put("Stream", "new", name="NEW")
    with start(context, server, folder, "-read-only", "-sync-interval=1s") as controller:
        controller.wait("Stream old", "Errored", "read-only: .*subjects")
        controller.wait("Stream new", "Errored", "would be created, but the controller is read-only")
        time.sleep(2.5)
        expect(admin.streams(), ["OLD"], "streams")
        expect(admin.stream("OLD")["subjects"], ["old"], "subjects")
        expect(len(controller.lines("Stream default/new: ")), 1, "lines")


def restart(context, server, admin):
    folder = Folder(context)
    folder.put("Stream", "s", name="S")
    config = scene.jetstream_config(context.folder)
    other = servers.Server(server.binary, context.folder, config)
    try:
        with Controller(context, "-s", other.url(), "--manifests", folder) as controller:
            controller.wait("Stream s", "Errored", "no connection to nats://127.0.0.1")
            expect(controller.get("/healthz")[0], 200, "healthz without a server")
            expect(controller.get("/readyz")[0], 200, "readyz without a server: the manifests are read")
            other.start()
            controller.wait("Stream s", seconds=15)
            other.stop()
            controller.wait_for_log("No connection to ")
            folder.put("Stream", "s", name="S", maxMsgs=5)
            folder.put("Stream", "t", name="T")
            time.sleep(1)
            other.start()
            controller.wait_all(2, seconds=20)
            with Admin(other) as there:
                expect(there.stream("S")["max_msgs"], 5, "what changed meanwhile")
            expect(len(controller.lines("Stream default/s: no connection")), 1, "lines about the loss")
    finally:
        other.stop()


def config_map(context, server, admin):
    """`orders.yaml -> ..data/orders.yaml`, `..data -> ..1`: another version comes by a rename of `..data`."""
    folder = Folder(context)
    for version in ("1", "2"):
        folder.write(f"..{version}/orders.yaml", scene.manifest("Stream", "s", {"name": "S", "maxMsgs": int(version)}))
    (folder.path / "..data").symlink_to("..1")
    (folder.path / "orders.yaml").symlink_to("..data/orders.yaml")
    with start(context, server, folder) as controller:
        controller.wait_all(1)
        expect(admin.stream("S")["max_msgs"], 1, "the first version")
        (folder.path / "..data.new").symlink_to("..2")
        (folder.path / "..data.new").rename(folder.path / "..data")
        wait_until(lambda: admin.stream("S")["max_msgs"] == 2, 5, "the second version")


def connections(context, server, admin):
    """Three accounts on one server, another server, and who is at which."""
    keys = context.folder / "keys"
    keys.mkdir(exist_ok=True)
    import nkeys
    pair = nkeys.from_seed(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))
    (keys / "user.nk").write_bytes(bytes(pair.seed))
    public = pair.public_key.decode()
    extra = f"""
accounts {{
  ONE {{ jetstream: enabled, users: [{{user: one, password: "password-one"}}] }}
  TWO {{ jetstream: enabled, users: [{{nkey: "{public}"}}] }}
  THREE {{ jetstream: enabled, users: [{{user: three, password: "password-three"}}] }}
}}
"""
    with scene.jetstream(server.binary, context.folder, extra) as many:
        folder = Folder(context)
        folder.put("Account", "one", name="one", servers=[many.url()], user={"user": "one", "password": "password-one"})
        folder.put("Account", "two", name="two", servers=[many.url()], nkey={"seed": str(keys / "user.nk")})
        folder.put("Account", "wrong", name="wrong", servers=[many.url()], user={"user": "one", "password": "no"})
        folder.put("Account", "secret", name="secret", servers=[many.url()],
                   token={"secret": {"name": "s"}, "token": "t"})
        folder.put("Stream", "default", name="S", description="default")
        folder.put("Stream", "one", name="S", description="one", account="one")
        folder.put("Consumer", "one", streamName="S", durableName="c", ackPolicy="explicit", ackWait="1s",
                   account="one")
        folder.put("Stream", "two", name="S", description="two", account="two")
        folder.put("Stream", "two-again", name="S2", account="two")
        folder.put("Stream", "three", name="S", description="three", servers=[many.url(login="three:password-three")])
        folder.put("Stream", "wrong", name="S", account="wrong")
        folder.put("Stream", "secret", name="S", account="secret")
        folder.put("Stream", "nobody", name="S", account="nobody")
        folder.put("Stream", "away", name="S", servers=["nats://127.0.0.1:1"])
        with start(context, server, folder) as controller:
            for name in ("Stream default", "Stream one", "Consumer one", "Stream two", "Stream three", "Account one"):
                controller.wait(name)
            controller.wait("Stream two-again")
            controller.wait("Stream wrong", "Errored", "Authorization Violation")
            controller.wait("Stream secret", "Errored", "Secrets need Kubernetes")
            controller.wait("Stream nobody", "Errored", "spec.account: there is no Account default/nobody")
            controller.wait("Stream away", "Errored", "no connection to nats://127.0.0.1:1: ")
            expect(admin.stream("S")["description"], "default", "by flags")
            for options, description in [({"user": "one", "password": "password-one"}, "one"),
                                         ({"user": "three", "password": "password-three"}, "three"),
                                         ({"nkeys_seed": str(keys / "user.nk")}, "two")]:
                with Admin(many, **options) as other:
                    expect(other.stream("S")["description"], description, "the account's stream")
            for password in ("password-one", "password-three"):
                check(password not in controller.log(), f"{password} is in the log")
            with open(f"/proc/{controller.process.pid}/cmdline", "rb") as line:
                check(b"password-three" not in line.read(), "a password on the command line")
            # Two of account two share a connection: default, one, two, three, wrong, away.
            expect(controller.metric("nack_connections_configured"), 6, "connections")
            # The right password comes.
            folder.put("Account", "wrong", name="wrong", servers=[many.url()],
                       user={"user": "three", "password": "password-three"})
            controller.wait("Stream wrong", "Ready")
