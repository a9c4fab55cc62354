"""Whole files where one block depends on another, reloads, and arguments."""
from configuration_options import NKEY_USER

# Whole files where one block depends on another; nats-server is started with them, not only tested.
START = {
    "lame duck": 'lame_duck_duration: "30s"\nlame_duck_grace_period: "30s"\n',
    "payload": "max_payload: 2MB\nmax_pending: 1MB\n",
    "no_auth_user without users": "no_auth_user: x\n",
    "no_auth_user unknown": "no_auth_user: x\nauthorization { users: [ {user: a} ] }\n",
    "sentinel": "default_sentinel: x\n",
    "gateway without name": "gateway { port: 7222 }\n",
    "gateway without port": "gateway { name: A }\n",
    "gateway remote without name": "gateway { name: A, port: 7222, gateways: [ {url: \"nats://a:1\"} ] }\n",
    "gateway remote without url": "gateway { name: A, port: 7222, gateways: [ {name: B} ] }\n",
    "gateway and cluster names": "gateway { name: A, port: 7222 }\ncluster { name: B, port: 6222 }\n",
    "cluster pool size": "cluster { port: 6222, pool_size: -1, accounts: [A] }\n",
    "cluster accounts twice": "cluster { port: 6222, accounts: [A, A] }\n",
    "cluster compression": "cluster { port: 6222, compression: foo }\n",
    "cluster thresholds descending":
        "cluster { port: 6222, compression { mode: auto, rtts: [\"20ms\", \"10ms\"] } }\n",
    "cluster thresholds five":
        "cluster { port: 6222, compression { mode: auto, rtts: [\"1ms\", \"2ms\", \"3ms\", \"4ms\", \"5ms\"] } }\n",
    "cluster thresholds zero": "cluster { port: 6222, compression { mode: auto, rtts: [\"0s\"] } }\n",
    "leaf account": "leafnodes { remotes: [ {url: \"nats://a:1\", account: X} ] }\n",
    "leaf authorization account": "leafnodes { port: 7422, authorization { account: X } }\n",
    "leaf user account": "leafnodes { port: 7422, authorization { users: [ {user: a, account: X} ] } }\n",
    "leaf mixed urls": "leafnodes { remotes: [ {urls: [\"ws://a:1\", \"nats://b:1\"]} ] }\n",
    "leaf and gateway": "leafnodes { port: 7422 }\ngateway { name: A, port: 7222 }\n",
    "leaf compression": "leafnodes { port: 7422, compression: foo }\n",
    "mqtt alone": "server_name: A\nmqtt { port: 1883 }\n",
    "mqtt in cluster": "mqtt { port: 1883 }\ncluster { port: 6222 }\n",
    "mqtt ack wait": "server_name: A\njetstream: true\nmqtt { port: 1883, ack_wait: \"-1s\" }\n",
    "mqtt api timeout": "server_name: A\njetstream: true\nmqtt { port: 1883, api_timeout: \"-1s\" }\n",
    "mqtt user and users":
        "mqtt { port: 1883, authorization { user: x } }\njetstream: true\nauthorization { users: [ {user: a} ] }\n",
    "mqtt token and users":
        "mqtt { port: 1883, authorization { token: x } }\njetstream: true\nauthorization { users: [ {user: a} ] }\n",
    "mqtt no_auth_user": "mqtt { port: 1883, no_auth_user: x }\njetstream: true\n",
    "websocket without tls": "websocket { port: 8443 }\n",
    "websocket origin": "websocket { port: 8443, no_tls: true, allowed_origins: [\"ftp://a\"] }\n",
    "websocket origin without host": "websocket { port: 8443, no_tls: true, allowed_origins: [\"http://\"] }\n",
    "websocket header": "websocket { port: 8443, no_tls: true, headers { Host: a } }\n",
    "websocket header prefix": "websocket { port: 8443, no_tls: true, headers { Sec-WebSocket-X: a } }\n",
    "websocket cookie": "websocket { port: 8443, no_tls: true, jwt_cookie: a }\n",
    "websocket user and users":
        "websocket { port: 8443, no_tls: true, authorization { user: x } }\nauthorization { users: [ {user: a} ] }\n",
    "websocket token and users":
        "websocket { port: 8443, no_tls: true, authorization { token: x } }\nauthorization { users: [ {user: a} ] }\n",
    "websocket no_auth_user": "websocket { port: 8443, no_tls: true, no_auth_user: x }\n",
    "jetstream domain": "jetstream { domain: \"a.b\" }\n",
    "jetstream domain subject": "jetstream { domain: \"a b\" }\n",
    "jetstream cluster server name": "jetstream: true\ncluster { name: A, port: 6222 }\n",
    "jetstream cluster name": "jetstream: true\nserver_name: A\ncluster { port: 6222 }\n",
    "jetstream hint": "jetstream { extension_hint: foo }\nserver_name: A\ncluster { port: 6222, name: B }\n",
    "jetstream catchup":
        "jetstream { max_outstanding_catchup: -1 }\nserver_name: A\ncluster { port: 6222, name: B }\n",
    "default domain unknown account": "default_js_domain { X: y }\n",
    "default domain with jetstream": "default_js_domain { A: y }\naccounts { A { jetstream: enabled } }\n",
    "default domain system": "default_js_domain { A: y }\naccounts { A {} }\nsystem_account: A\n",
    "default domain name": "default_js_domain { A: \"x y\" }\naccounts { A {} }\n",
    "system account unknown": "system_account: X\n",
    "token and accounts": "authorization { token: x }\naccounts { A { users: [ {user: a} ] } }\n",
    "user and accounts": "authorization { user: x }\naccounts { A { users: [ {user: a} ] } }\n",
    "user twice": "authorization { users: [ {user: a} ] }\naccounts { A { users: [ {user: a} ] } }\n",
    "nkey twice": f"authorization {{ users: [ {{nkey: {NKEY_USER}}} ] }}\n"
                  f"accounts {{ A {{ users: [ {{nkey: {NKEY_USER}}} ] }} }}\n",
    "warnings then error": "ping_interval: 10\nmax_payload: 2MB\nmax_pending: 1MB\n",
}

# Configurations that follow each other in a running server: the log lines of the reload are compared.
TLS = "cert_file: cert.pem, key_file: key.pem"

RELOAD = [
    ("", ""), ("", "debug: true"), ("debug: true", ""), ("", "trace_verbose: true"), ("", "trace_headers: true"),
    ("", "port: 4"), ("", "server_name: a"), ("", "host: 127.0.0.1"), ("", "write_timeout: close"),
    ("", "max_pending: 1GB"), ("", "foo: 1\nping_interval: 10"), ("", "port: ["), ("", "feature_flags {a: true}"),
    ("", "lame_duck_duration: \"3m\""), ("", "max_subs: 3"), ("", "max_sub_tokens: 3"), ("", "max_closed_clients: 3"),
    ("", "no_header_support: true"), ("", "no_sublist_cache: true"), ("", "log_max_num: 2"), ("", "log_size_limit: 1k"),
    ("", "http_base_path: abc"), ("", "no_system_account: true"), ("", "authorization { proxy_required: true }"),
    ("", "system_account: X\naccounts { X {} }"), ("", "no_auth_user: a\nauthorization { users: [ {user: a} ] }"),
    ("no_auth_user: a\nauthorization { users: [ {user: a} ] }", "authorization { users: [ {user: b} ] }"),
    ("no_auth_user: a\nauthorization { users: [ {user: a} ] }", "authorization { users: [ {user: a} ] }"),
    ("", "max_payload: 2MB\nmax_pending: 1MB"), ("", "client_advertise: \"a:b\""), ("", "client_advertise: \"a:1\""),
    ("", "server_tags: [a, b]\nserver_metadata {a: b}"), ("", "max_conn: 10\nmax_payload: 1000\nmax_control_line: 2k"),
    ("", "ping_interval: \"1m\"\nping_max: 5\nwrite_deadline: \"3s\""), ("", "no_fast_producer_stall: true"),
    ("no_fast_producer_stall: true", ""), ("", "max_traced_msg_len: 10\nconnect_error_reports: 3"),
    ("", "reconnect_error_reports: 4\nlogtime_utc: true"), ("", "authorization { user: a, password: b, timeout: 1.5 }"),
    ("", "authorization { token: a }"), ("authorization { token: a }", "authorization { token: b }"),
    ("", f"authorization {{ users: [ {{nkey: {NKEY_USER}}} ] }}"), ("", "accounts { A { users: [ {user: a} ] } }"),
    ("accounts { A { users: [ {user: a} ] } }", "accounts { B { users: [ {user: a} ] } }"), ("", "mappings { a: b }"),
    ("", f"tls {{ {TLS} }}"), (f"tls {{ {TLS} }}", f"tls {{ {TLS} }}"), (f"tls {{ {TLS} }}", ""),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, timeout: 3.5 }}"), (f"tls {{ {TLS} }}", f"tls {{ {TLS}, ca_file: cert.pem }}"),
    (f"tls {{ {TLS}, ca_file: cert.pem }}", f"tls {{ {TLS}, ca_file: cert.pem }}"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, ca_file: cert.pem, verify_and_map: true }}"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, handshake_first: auto }}"),
    (f"tls {{ {TLS}, handshake_first: auto }}", f"tls {{ {TLS}, handshake_first: true }}"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, pinned_certs: [\"{'ab' * 32}\"] }}"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, connection_rate_limit: 10 }}"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS} }}\nallow_non_tls: true"),
    (f"tls {{ {TLS} }}", f"tls {{ {TLS}, min_version: \"1.3\" }}"),
]

# Arguments alone, in a directory with a good main.conf.
ARGUMENTS = [
    ["-v"], ["--version"], ["version"], ["VERSION"], ["-v", "-h"], ["nope"], ["-t"], ["-t", "-c"], ["-c", "nope.conf", "-t"],
    ["-t", "-c", "main.conf"], ["--t", "--c=main.conf"], ["-t=true", "-config", "main.conf"], ["-c", "main.conf", "-t", "nope"],
    ["-t", "-c", "."], ["-p", "x"], ["-p"], ["-p", "99999999999999999999"], ["-foo"], ["--foo=1"], ["-D=maybe"],
    ["---D"], ["-="], ["-sl", "a=b=c"], ["-sl", "reload=abc"], ["-sl", "reload=99999999"], ["-sl", "foo=99999999"],
    ["-sl", "reload=nope*"], ["--routes", "nats://a:1"], ["--cluster", "nats://a"], ["--cluster", "nats://u@a:1"],
    ["--cluster", "nats://a:x"], ["--tls"], ["--tls", "--tlscert", "a"], ["--tlsverify"],
    ["--tls", "--tlscert", "nope", "--tlskey", "nope"], ["-c", "nope.conf"], ["-c", "bad.conf"],
    ["-sd", "x", "-c", "store.conf"], ["--user", "a", "-c", "accounts.conf"], ["--auth", "a", "-c", "accounts.conf"],
    ["--server_name", "a b"], ["-c", "payload.conf"],
]

ARGUMENT_FILES = {
    "main.conf": "port: 4333\n", "bad.conf": "foo: 1\n", "store.conf": "store_dir: y\n",
    "accounts.conf": "accounts { A { users: [ {user: a} ] } }\n", "payload.conf": "max_pending: 10\n",
}
