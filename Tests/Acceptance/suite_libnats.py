"""The C client of NATS, as Debian packages it (libnats), uses natsd as it uses nats-server.

The cases are in libnats/client.c."""
import subprocess

import certificates
import programs
import servers
import suite

SECONDS = 60
USER_SEED = "SUAKEYVGFWNV7AXJI4YCQPC4CT54ICTJPLQAXXRGNS27LQF422TCRMDLXQ"
USER_KEY = "UBGH7L7377JHD5TKDPJPQ2OR4QPQK5AIJ3VCG7JOOHQNVOMJ3WFLUHVA"
BCRYPT = "$2b$04$ze7hbZ2YPSqr5rPnLMBU..BX5BSQlwY7WXZjlfcl3ESjIZsT3xQSC"  # of "s3cret"
TLS = 'tls {{ cert_file: "{0}/server.pem", key_file: "{0}/server.key", ca_file: "{0}/ca.pem"{1} }}\n'

# name, case, configuration, scheme and login, settings
PLAIN = [("publish and subscribe", "publish-subscribe"), ("queue group", "queue"), ("request and reply", "request"),
         ("headers", "headers"), ("drain", "drain"), ("unsubscribe with a maximum", "unsubscribe"),
         ("payload sizes", "sizes"), ("lame duck", "lame-duck")]

USERS = f'authorization {{ users: [ {{ user: u, password: p }}, {{ user: b, password: "{BCRYPT}" }} ] }}'
NKEYS = f"authorization {{ users: [ {{ nkey: {USER_KEY} }} ] }}"
LOGINS = [
    ("user and password", USERS, "u:p@", []),
    ("a wrong password", USERS, "u:q@", ["refused=1"]),
    ("a bcrypt password", USERS, "b:s3cret@", []),
    ("token", "authorization { token: s3cret }", "", ["token=s3cret"]),
    ("a wrong token", "authorization { token: s3cret }", "", ["token=no", "refused=1"]),
    ("nkey", NKEYS, "", [f"key={USER_KEY}", "seed=%SEED%"]),
    ("no_auth_user", "accounts { A { users: [ { user: u, password: p } ] } }, no_auth_user: u", "", []),
]
SECURE = [
    ("TLS", "", ["ca=%CERTS%/ca.pem"]),
    ("TLS verify", ", verify: true", ["ca=%CERTS%/ca.pem", "cert=%CERTS%/client.pem", "key=%CERTS%/client.key"]),
    ("TLS verify without a certificate", ", verify: true", ["ca=%CERTS%/ca.pem", "refused=1"]),
    ("TLS of an authority that the client does not know", "", ["ca=%CERTS%/other-ca.pem", "refused=1"]),
]


def tests(context):
    folder = context.folder / "certificates-libnats"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    (folder / "user.nk").write_text(USER_SEED)

    def case(name, config, login="", settings=()):
        return lambda: run(context, folder, name, config, login, settings)

    lame_duck = 'lame_duck_duration: "30s", lame_duck_grace_period: "10s"'
    made = [suite.Test(title, case(name, lame_duck if name == "lame-duck" else "")) for title, name in PLAIN]
    made += [suite.Test(title, case("login", config, login, settings)) for title, config, login, settings in LOGINS]
    made += [suite.Test(title, case("login", TLS.format(folder, more), "", settings))
             for title, more, settings in SECURE]
    made.append(suite.Test("messages over TLS", case(
        "publish-subscribe", TLS.format(folder, ""), "", ["ca=%CERTS%/ca.pem"])))
    made.append(suite.Test("payload sizes over TLS", case("sizes", TLS.format(folder, ""), "", ["ca=%CERTS%/ca.pem"])))
    made.append(suite.Test("reconnect", lambda: reconnect(context)))
    return made


def client(context):
    return programs.build(context.folder, ["libnats/client.c"], ["nats"], "libnats-dev")


def run(context, folder, name, config, login, settings):
    program = client(context)
    with servers.running(context.server, context.folder, config) as server:
        settings = [text.replace("%CERTS%", str(folder)).replace("%SEED%", f"{folder}/user.nk") for text in settings]
        url = f"nats://{login}127.0.0.1:{server.port}"
        programs.run([program, name, url, *settings, f"pid={server.process.pid}"], SECONDS)
        server.ignores_term = name == "lame-duck"


def reconnect(context):
    program = client(context)
    with servers.running(context.server, context.folder) as server:
        process = subprocess.Popen([program, "reconnect", server.url()], stdout=subprocess.PIPE, text=True)
        try:
            suite.expect(process.stdout.readline(), "ready\n", "first line of the client")
            server.stop()
            server.start()
            output, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        suite.expect((process.returncode, output), (0, ""), "exit code and output of the client")
