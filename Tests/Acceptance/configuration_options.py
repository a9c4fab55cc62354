"""Every option of every block, with values of every type and with those that matter."""

NKEY_USER = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
NKEY_ACCOUNT = "ADKGAJU55CHYOIF5H432K2Z2ME3NPSJ5S3VY5Q42Q3OTYOCYRRG7WOWV"
NKEY_OPERATOR = "OBGIDG7JUVFHD4GTZYRGVMBYFYYD6LTWBAHNZFWY7GXFQ66Q5DWWYHBV"
SEED_USER = "SUAOUIE5CU47NCO22GHFEZXGCRCJDVTHDLMIP4L7UQNCR5SW4FZICI7O3Q"

BLOCKS = {
    "": """listen client_advertise port server_name host net debug trace trace_verbose trace_headers logtime
        logtime_utc mappings maps disable_sublist_cache no_sublist_cache accounts default_sentinel authorization http
        https http_port monitor_port https_port http_base_path cluster gateway leaf leafnodes store_dir storedir
        jetstream logfile log_file logfile_size_limit log_size_limit logfile_max_num log_max_num syslog remote_syslog
        pidfile pid_file ports_file_dir prof_port prof_block_rate max_control_line max_payload max_pending
        proxy_protocol max_connections max_conn max_traced_msg_len max_subscriptions max_subs max_sub_tokens
        max_subscription_tokens ping_interval ping_max tls ocsp allow_non_tls write_deadline write_timeout
        lame_duck_duration lame_duck_grace_period operator operators roots root root_operators root_operator
        resolver account_resolver accounts_resolver resolver_tls resolver_preload resolver_pinned_accounts
        no_auth_user system_account system no_system_account no_system no_sys_acc no_header_support trusted
        trusted_keys connect_error_reports reconnect_error_reports websocket ws mqtt server_tags server_metadata
        feature_flags default_js_domain ocsp_cache no_fast_producer_stall max_closed_clients proxies""",
    "cluster": """name listen port host net authorization routes tls cluster_advertise advertise no_advertise
        connect_retries connect_backoff permissions pool_size accounts compression ping_interval ping_max
        write_deadline write_timeout""",
    "cluster.authorization": "user username pass password token timeout users permissions default_permissions auth_callout",
    "cluster.permissions": "import export publish subscribe allow_responses",
    "cluster.compression": "mode rtt_thresholds thresholds rtts rtt",
    "gateway": """name listen port host net authorization tls advertise connect_retries connect_backoff gateways
        reject_unknown reject_unknown_cluster write_deadline write_timeout""",
    "gateway.gateways[]": "name tls url urls",
    "leafnodes": """listen port host net authorization remotes reconnect reconnect_delay reconnect_interval
        dial_timeout tls leafnode_advertise advertise no_advertise min_version minimum_version compression
        isolate_leafnode_interest isolate write_deadline write_timeout""",
    "leafnodes.authorization": "user username pass password nkey timeout users account proxy_required",
    "leafnodes.authorization.users[]": "user username pass password account proxy_required",
    "leafnodes.remotes[]": """no_randomize dont_randomize url urls account local creds credentials nkey seed tls hub
        deny_imports deny_import deny_exports deny_export ws_compress ws_compression websocket_compress
        websocket_compression ws_no_masking websocket_no_masking jetstream_cluster_migrate js_cluster_migrate
        isolate_leafnode_interest isolate request_isolation compression first_info_timeout dial_timeout disabled
        proxy ignore_discovered_servers""",
    "leafnodes.remotes[].proxy": "url username password timeout tls",
    "leafnodes.remotes[].proxy.tls": "ca_file cert_file insecure verify timeout min_version handshake_first",
    "jetstream": """strict store store_dir storedir sync sync_interval max_memory_store max_mem_store max_mem
        max_file_store max_file domain enable enabled key ek encryption_key prev_key prev_ek prev_encryption_key
        cipher extension_hint limits tpm unique_tag max_outstanding_catchup max_buffered_size max_buffered_msgs
        request_queue_limit info_queue_limit meta_compact meta_compact_size meta_compact_sync max_concurrent_io""",
    "jetstream.limits": "max_ack_pending max_ha_assets max_request_batch duplicate_window batch default_max_consumers",
    "jetstream.limits.batch": "max_inflight_per_stream max_inflight_total max_msgs timeout",
    "jetstream.tpm": "keys_file encryption_password srk_password pcr cipher",
    "accounts.A": "nkey imports exports jetstream users default_permissions mappings maps limits msg_trace trace_dest",
    "accounts.A.limits": """max_connections max_conn max_subscriptions max_subs max_payload max_pay max_leafnodes
        max_leafs""",
    "accounts.A.msg_trace": "dest sampling",
    "accounts.A.jetstream": """max_memory max_mem mem memory max_store max_file max_disk store disk max_streams streams
        max_consumers consumers max_bytes_required max_stream_bytes max_bytes mem_max_stream_bytes
        memory_max_stream_bytes disk_max_stream_bytes store_max_stream_bytes max_ack_pending cluster_traffic""",
    "accounts.A.exports[]": """stream service response response_type threshold response_threshold response_max_time
        response_time accounts latency account_token_position allow_trace""",
    "accounts.A.imports[]": "stream service prefix to share allow_trace",
    "accounts.A.users[]": """nkey user username pass password permission permissions authorization
        allowed_connection_types connection_types clients proxy_required""",
    "authorization": """user username pass password token timeout users default_permission default_permissions
        permissions auth_callout auth_hook proxy_required""",
    "authorization.users[]": """nkey user username pass password permission permissions authorization
        allowed_connection_types connection_types clients proxy_required""",
    "authorization.default_permissions": "pub publish import sub subscribe export publish_allow_responses allow_responses",
    "authorization.default_permissions.publish": "allow deny",
    "authorization.default_permissions.allow_responses": """max max_msgs max_messages max_responses expires expiration
        ttl""",
    "authorization.auth_callout": "issuer account acc auth_users users xkey key allowed_accounts",
    "tls": """cert_file key_file ca_file insecure verify verify_and_map verify_cert_and_check_known_urls
        allow_insecure_cipher_suites cipher_suites curve_preferences timeout connection_rate_limit pinned_certs
        cert_store cert_match_by cert_match ca_certs_match handshake_first first immediate cert_match_skip_invalid
        ocsp_peer certs certificates min_version""",
    "tls.ocsp_peer": """verify ca_timeout allowed_clockskew warn_only unknown_is_good allow_when_ca_unreachable
        cache_ttl_when_next_update_unset""",
    "tls.certs[]": "cert_file key_file",
    "websocket": """listen port host net advertise no_tls tls same_origin allowed_origins allowed_origin allow_origins
        allow_origin origins origin handshake_timeout compress compression authorization authentication jwt_cookie
        user_cookie pass_cookie token_cookie no_auth_user headers ping_interval""",
    "websocket.authorization": "user username pass password token timeout",
    "mqtt": """listen port host net tls authorization authentication no_auth_user ack_wait ackwait js_api_timeout
        api_timeout max_ack_pending max_pending max_inflight js_domain stream_replicas consumer_replicas
        consumer_memory_storage consumer_inactive_threshold consumer_auto_cleanup reject_qos2_publish
        downgrade_qos2_subscribe""",
    "mqtt.authorization": "user username pass password token timeout",
    "proxies": "trusted",
    "proxies.trusted[]": "key public_key",
    "ocsp": "mode urls url",
    "ocsp_cache": "type local_store preserve_revoked save_interval",
    "resolver": "dir type allow_delete hard_delete limit ttl interval timeout",
}

VALUES = {
    "number": "3",
    "text": '"abc"',
    "flag": "true",
    "float": "1.5",
    "duration": '"2s"',
    "list": '["a", "b"]',
    "mixed list": '[1 , true , "a"]',
    "map": "{ unknown_field_x: 1 }",
    "date": "2024-01-01T00:00:00Z",
    "empty list": "[]",
    "empty map": "{}",
}


def within(path, line):
    """The text of a configuration with a line inside the blocks of a path."""
    if not path:
        return line + "\n"
    text, closing, indent = "", [], ""
    for part in path.split("."):
        text += f"{indent}{part.removesuffix('[]')} {{\n" if not part.endswith("[]") else (
            f"{indent}{part[:-2]}: [\n{indent} {{\n")
        closing.insert(0, indent + "}\n" if not part.endswith("[]") else f"{indent} }}\n{indent}]\n")
        indent += "  "
    return text + indent + line + "\n" + "".join(closing)


# Single options whose value matters.
OPTIONS = {
    "": [
        'listen: "localhost:4333"', "listen: 4333", 'listen: "localhost"', 'listen: "[::1]:4222"', 'listen: "::1:4222"',
        'listen: ":4222"', 'listen: "a:b"', 'listen: "a:-1"', "listen: 0.0.0.0:4222", "listen: localhost:4222",
        'http: "localhost:8222"', "http: 8222", 'https: "x"', "max_control_line: 3GB", "max_payload: 2147483648",
        "max_payload: 2147483647", "max_sub_tokens: 0", "max_sub_tokens: 256", "max_sub_tokens: 255",
        "max_sub_tokens: -1", "lame_duck_duration: \"10s\"", "lame_duck_duration: \"30s\"",
        "lame_duck_duration: \"x\"", "lame_duck_grace_period: \"-1s\"", "lame_duck_grace_period: \"x\"",
        "lame_duck_grace_period: \"5s\"", "ping_interval: \"1x\"", "ping_interval: \"\"", "ping_interval: 20",
        "ping_interval: \"1h2m3.5s\"", "ping_interval: 1m", "write_deadline: 5", "write_timeout: close",
        "write_timeout: retry", "write_timeout: default", "write_timeout: never", "server_name: \"a b\"",
        "max_connections: 0", "server_tags: [A, \"b\", ' C ']", "server_tags: [1 ]", "server_metadata { a: 1 }",
        "feature_flags { js_ack_fc_v2: true, nope: false }", "feature_flags { a: 1 }", "jetstream: enabled",
        "jetstream: disabled", "jetstream: Enable", "jetstream: maybe", "resolver: MEMORY", "resolver: mem",
        "resolver: URL(http://127.0.0.1:1/jwt)", 'resolver: "URL(http://a b)"', "resolver: nothing",
        "trusted_keys: abc", f"trusted_keys: {NKEY_OPERATOR}", "trusted_keys: [abc, def]",
        f"trusted: [{NKEY_ACCOUNT}]", "operator: nope.jwt", "resolver_pinned_accounts: [1 ]",
        "resolver_preload { a: 1 }", "accounts: [A, B]", "accounts: [A, A]", "accounts: [$G]", 'accounts: ["$G"]',
        'accounts { "$G" {} }', "accounts { A: 1 }", "accounts { A { } B { } }", "accounts: 3",
        "system_account: 3", "default_js_domain { A: 1 }", "ocsp: true", "ocsp: false", "ocsp: 1",
        "ocsp { mode: always }", "ocsp { mode: NEVER }", "ocsp { mode: what }", "ocsp { url: \"http://a\" }",
        "ocsp_cache: true", "ocsp_cache: 3", "ocsp_cache { type: none }", "ocsp_cache { type: other }",
        "ocsp_cache { save_interval: \"x\" }", "ocsp_cache { save_interval: 0.1 }",
        "store_dir: a\njetstream { store_dir: b }", "mappings { a: b }", "mappings { \"a..b\": c }",
        "mappings { a: [ {dest: b, weight: 50%}, {dest: c, weight: 50} ] }", "mappings { a: {dest: b, weight: 10} }",
        "mappings { a: {dest: b} }", "mappings { a: {dest: b, weight: 101} }", "mappings { a: {dest: b, weight: -1} }",
        "mappings { a: {dest: b, weight: \"x%\"} }", "mappings { a: {dest: b, weight: 10, foo: 1} }",
        "mappings { a: [ {dest: b, weight: 60}, {dest: c, weight: 50} ] }",
        "mappings { a: [ {dest: b, weight: 60}, {dest: b, weight: 40} ] }",
        "mappings { a: [ {dest: b, weight: 60, cluster: x}, {dest: c, weight: 60, cluster: y} ] }",
        "mappings { \"a.*\": \"b.$1\" }", "mappings { \"a.*\": \"b.{{wildcard(1)}}\" }",
        "mappings { \"a.*\": \"b.{{wildcard(2)}}\" }", "mappings { \"a.*\": \"b.{{partition(10,1)}}\" }",
        "mappings { \"a.*\": \"b.{{nope(1)}}\" }", "mappings { \"a.*\": \"b.{{wildcard}}\" }",
        "mappings { \"a.*\": \"b.{{wildcard(x)}}\" }", "mappings { \"a.*\": \"b.*\" }", "mappings { \"a.>\": \"b.>\" }",
        "mappings { \"a.*\": \"b\" }", "mappings { \"a.*.*\": \"b.$2.$1\" }", "mappings { \"a.*\": \"b..c\" }",
        "mappings { \"a.*\": \"b.{{split(1,-)}}\" }", "mappings { \"a.*\": \"b.{{splitfromleft(1,2)}}\" }",
        "mappings { \"a.*\": \"b.{{partition(10)}}\" }", "mappings { \"a.*\": \"b.{{partition(0,1)}}\" }",
        "mappings { \"a.*\": \"b.{{slicefromleft(1,0)}}\" }", "mappings { \"a\": \"b.>\" }",
        "mappings { a: [ 1 , 2 ] }", "mappings: 3", "mappings { a: 3 }",
        f"proxies {{ trusted: [ {{key: {NKEY_USER}}} ] }}", "proxies { trusted: [ {key: abc} ] }",
        "proxies { trusted: [ 1 , 2 ] }", "http_base_path: abc", "client_advertise: \"a:1\"",
    ],
    "cluster": [
        "name: \"a b\"", "routes: [\"nats://a:6222\", \"nats://b:6222\"]", "routes: [\"nats://a:6222\", \"nats://a:6222\"]",
        "routes: [\"nats://a:x\"]", "routes: [\"%zz\"]", "routes: [\"a:b:c\"]", "routes: [ \" nats://a:1 \" ]",
        "routes: [ 1 ]", "routes: \"nats://a:6222\"", "routes = [\n nats-route://u:p@127.0.0.1:6222\n nats-route://b\n]",
        "authorization { user: a, password: b, timeout: 0.5 }", "authorization { users: [] }",
        "authorization { token: abc }", "authorization { timeout: 61 }", "authorization { timeout: 1m }",
        "authorization { user: a, permissions { import: a, export: b } }",
        "authorization { permissions { import: \"a b\" } }", "permissions { import: a, export: [b, c] }",
        "permissions { import { allow: a, deny: b } }", "permissions { import: \"a..b\" }",
        "permissions { export: \"foo bar\" }", "permissions { allow_responses: true }", "permissions { foo: 1 }",
        "permissions: 3", "compression: fast", "compression: on", "compression: true", "compression: whatever",
        "compression { mode: s2_auto, rtt_thresholds: [\"10ms\", \"20ms\"] }", "compression { rtt: [\"x\"] }",
        "compression { foo: 1 }", "ping_interval: \"1m\"", "ping_interval: \"10s\"", "accounts: [A, B]",
        "accounts: [1 ]", "accounts: 3", "tls { verify_cert_and_check_known_urls: true }",
        "tls { insecure: true }", "tls { foo: 1 }",
    ],
    "gateway": [
        "name: \"a b\"", "gateways: [ {name: A, url: \"nats://a:1\"}, {name: B, urls: [\"nats://b:1\"]} ]",
        "gateways: [ {name: A, url: \"a:b:c\"} ]", "gateways: [ 1 , 2 ]", "gateways: 3", "gateways: [ {foo: 1} ]",
        "authorization { users: [] }", "authorization { token: x }", "name: A\n  port: -1\n  reject_unknown: true",
        "gateways: [ {name: A, urls: [\"nats://b:1\", \"nats://b:1\"]} ]",
    ],
    "leafnodes": [
        "min_version: 2.8.0", "min_version: \"2.7.0\"", "min_version: abc", "min_version: \"2.10.0-beta.1\"",
        "remotes: [ {url: \"nats-leaf://a:1\"}, {url: \"nats-leaf://a:1\"} ]",
        "remotes: [ {url: \"nats-leaf://a:1\"}, {url: \"nats-leaf://a:1\", account: B} ]",
        "remotes: [ {urls: [\"nats-leaf://u:p@a:1\", \"nats-leaf://b:1\"]} ]",
        "remotes: [ {url: \"nats-leaf://u:p@a:1\"}, {url: \"nats-leaf://u:p@a:1\"} ]",
        "remotes: [ {url: 3} ]", "remotes: [ {urls: [1 ]} ]", "remotes: [ 1 , 2 ]", "remotes: 3",
        f"remotes: [ {{url: \"nats://a\", nkey: {SEED_USER}}} ]", "remotes: [ {url: \"nats://a\", nkey: abc} ]",
        "remotes: [ {url: \"nats://a\", creds: \"./x.creds\"} ]", "remotes: [ {url: \"nats://a\", creds: \"~/x\"} ]",
        "remotes: [ {url: \"nats://a\", deny_imports: [a, \"b.>\"]} ]",
        "remotes: [ {url: \"nats://a\", deny_exports: \"a..b\"} ]",
        "remotes: [ {url: \"nats://a\", deny_exports: [1 ]} ]",
        "remotes: [ {url: \"nats://a\", jetstream_cluster_migrate: true} ]",
        "remotes: [ {url: \"nats://a\", jetstream_cluster_migrate: {leader_migrate_delay: \"3s\"}} ]",
        "remotes: [ {url: \"nats://a\", jetstream_cluster_migrate: 1 } ]",
        "remotes: [ {url: \"nats://a\", first_info_timeout: 3 } ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://p:1\"}} ]",
        "remotes: [ {url: \"nats://a\", proxy: {url: \"http://p:1\"}} ]",
        "remotes: [ {urls: [\"ws://a\", \"nats://b\"], proxy: {url: \"http://p:1\"}} ]",
        "remotes: [ {url: \"wss://a\", proxy: {url: \"http://p:1\"}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"ftp://p:1\"}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://\"}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://p\", username: a}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://p\", timeout: \"-1s\"}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://p\", foo: 1}} ]",
        "remotes: [ {url: \"ws://a\", proxy: 3} ]", "remotes: [ {url: \"ws://a\", proxy: {tls: {}}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"http://p\", tls: {}}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"https://p\", tls: {}}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"https://p\", tls: {verify: true, foo: 1}}} ]",
        "remotes: [ {url: \"ws://a\", proxy: {url: \"a b://p\"}} ]",
        "authorization { users: [ {user: a, password: b, account: X} ] }",
        "authorization { user: a, users: [ {user: a, password: b} ] }",
        "authorization { users: [ {user: a}, {user: a} ] }", "authorization { nkey: abc }",
        f"authorization {{ nkey: {NKEY_USER} }}", "authorization { timeout: \"x\" }", "authorization { users: 3 }",
        "authorization { users: [ 1 , 2 ] }", "authorization { users: [ {foo: 1} ] }", "authorization { timeout: true }",
        "compression { mode: s2_auto }",
    ],
    "jetstream": [
        "max_mem: 1G", "max_mem: \"1G\"", "max_mem: \"10\"", "max_mem: \"xG\"", "max_mem: \"\"", "max_file: \"10T\"",
        "max_file: \"1X\"", "max_file: \"99999999999999999999G\"", "cipher: aes", "cipher: ChaChaPoly", "cipher: rot13",
        "sync: always", "sync: \"1m\"", "sync: \"x\"", "sync_interval: 10", "max_concurrent_io: 4",
        "max_concurrent_io: 3", "max_concurrent_io: 8193", "meta_compact: -1", "meta_compact_size: \"-1K\"",
        "limits { duplicate_window: \"x\" }", "limits { batch { timeout: \"x\" } }", "limits { max_ack_pending: 100 }",
        "limits { batch { max_msgs: 10 } }", "limits: 3", "limits { batch: 3 }", "strict: 3", "strict: 1.5",
        "tpm { pcr: 3, cipher: aes }", "tpm { cipher: x }", "enabled: false", "unique_tag: \" AZ: \"",
        "max_outstanding_catchup: \"64M\"", "foo: 1",
    ],
    "accounts": [
        "A { users: [ {user: a, password: b} ] }", "A { users: [ {user: a}, {user: a} ] }",
        "A { users: [ {user: a} ] }\nB { users: [ {user: a} ] }", f"A {{ nkey: {NKEY_ACCOUNT} }}", "A { nkey: abc }",
        f"A {{ users: [ {{nkey: {NKEY_USER}}} ] }}",
        f"A {{ users: [ {{nkey: {NKEY_USER}}}, {{nkey: {NKEY_USER}}} ] }}",
        "A { jetstream: enabled }", "A { jetstream: nope }", "A { jetstream: true }", "A { jetstream: 3 }",
        "A { jetstream { max_mem: 1G, cluster_traffic: owner } }", "A { jetstream { cluster_traffic: other } }",
        "A { jetstream { max_mem: \"1G\" } }", "A { jetstream { max_bytes: 1 } }", "A { limits { max_conn: 10 } }",
        "A { limits { foo: 10 } }", "A { limits: 3 }", "A { msg_trace: a.b }", "A { msg_trace: \"a.*\" }",
        "A { msg_trace { dest: a, sampling: 10 } }", "A { msg_trace { dest: a, sampling: \"10%\" } }",
        "A { msg_trace { dest: a, sampling: 0 } }", "A { msg_trace { dest: a, sampling: \"x\" } }",
        "A { msg_trace { sampling: 10 } }", "A { trace_dest: 3 }", "A { msg_trace { foo: 1 } }",
        "A { default_permissions { publish: a }, users: [ {user: a} ] }", "A { mappings { a: b } }",
        "A { exports: [ {stream: a} ] }\nB { imports: [ {stream: {account: A, subject: a}} ] }",
        "A { exports: [ {stream: a} ] }\nB { imports: [ {stream: {account: A, subject: b}} ] }",
        "A { exports: [ {stream: \"a.>\"} ] }\nB { imports: [ {stream: {account: A, subject: a.b}, prefix: x} ] }",
        "A { exports: [ {stream: a} ] }\nB { imports: [ {stream: {account: A, subject: a}, prefix: \"x.*\"} ] }",
        "A { exports: [ {stream: a} ] }\nB { imports: [ {stream: {account: A, subject: a}, prefix: x, to: y} ] }",
        "A { exports: [ {stream: a} ] }\nB { imports: [ {stream: {account: C, subject: a}} ] }",
        "A { exports: [ {stream: a} ] }\n"
        "B { imports: [ {stream: {account: A, subject: a}}, {stream: {account: A, subject: a}} ] }",
        "A { exports: [ {stream: a, accounts: [B]} ] }\nB { imports: [ {stream: {account: A, subject: a}} ] }",
        "A { exports: [ {stream: a, accounts: [C]} ] }\nB { imports: [ {stream: {account: A, subject: a}} ] }\nC {}",
        "A { exports: [ {stream: a, accounts: [C]} ] }", "A { exports: [ {service: a, accounts: [C]} ] }",
        "A { exports: [ {service: a} ] }\nB { imports: [ {service: {account: A, subject: a}, to: b} ] }",
        "A { exports: [ {service: a} ] }\nB { imports: [ {service: {account: A, subject: b}} ] }",
        "A { exports: [ {service: a} ] }\nB { imports: [ {service: {account: C, subject: b}} ] }",
        "A { exports: [ {service: a} ] }\n"
        "B { imports: [ {service: {account: A, subject: a}}, {service: {account: A, subject: a}} ] }",
        "A { exports: [ {service: a} ], imports: [ {service: {account: B, subject: a}} ] }\n"
        "B { exports: [ {service: a} ], imports: [ {service: {account: A, subject: a}} ] }",
        "A { exports: [ {stream: a} ], imports: [ {stream: {account: B, subject: a}} ] }\n"
        "B { exports: [ {stream: a} ], imports: [ {stream: {account: A, subject: a}} ] }",
        "A { imports: [ {stream: {account: A, subject: a}} ], exports: [ {stream: a} ] }",
        "A { exports: [ {service: \"a.*\", account_token_position: 2} ] }\n"
        "B { imports: [ {service: {account: A, subject: a.B}} ] }",
        "A { exports: [ {service: \"a.*\", account_token_position: 2} ] }\n"
        "B { imports: [ {service: {account: A, subject: a.C}} ] }",
        "A { exports: [ {service: \"a.*\", account_token_position: 1} ] }",
        "A { exports: [ {stream: \"a.*\", account_token_position: 3} ] }",
        "A { exports: [ {service: a, response: stream} ] }", "A { exports: [ {service: a, response: x} ] }",
        "A { exports: [ {stream: a, response: stream} ] }", "A { exports: [ {service: a, threshold: \"1s\"} ] }",
        "A { exports: [ {service: a, threshold: \"x\"} ] }", "A { exports: [ {service: a, threshold: 3} ] }",
        "A { exports: [ {stream: a, threshold: \"1s\"} ] }", "A { exports: [ {stream: a, latency: b} ] }",
        "A { exports: [ {service: a, latency: b} ] }", "A { exports: [ {service: a, latency: a} ] }",
        "A { exports: [ {service: a, latency: \"b.*\"} ] }", "A { exports: [ {service: a, latency {subject: b}} ] }",
        "A { exports: [ {service: a, latency: {sampling: 10%, subject: b}} ] }",
        "A { exports: [ {service: a, latency: {sampling: headers, subject: b}} ] }",
        "A { exports: [ {service: a, latency: {sampling: 0, subject: b}} ] }",
        "A { exports: [ {service: a, latency: {sampling: x, subject: b}} ] }",
        "A { exports: [ {service: a, latency: {sampling: 10}} ] }",
        "A { exports: [ {service: a, latency: {sampling: true, subject: b}} ] }",
        "A { exports: [ {service: a, response: stream, latency: b} ] }",
        "A { exports: [ {stream: a, allow_trace: true} ] }", "A { exports: [ {service: a, allow_trace: true} ] }",
        "A { exports: [ {stream: a, service: b} ] }", "A { exports: [ {service: a, stream: b} ] }",
        "A { imports: [ {stream: {account: B}} ] }", "A { imports: [ {stream: {subject: B}} ] }",
        "A { imports: [ {stream: {account: B, subject: a, foo: 1}} ] }", "A { imports: [ {stream: 3} ] }",
        "A { imports: [ {service: 3} ] }", "A { imports: 3 }", "A { exports: 3 }", "A { imports: [ 1 , 2 ] }",
        "A { exports: [ 1 , 2 ] }", "A { exports: [ {foo: 1} ] }", "A { imports: [ {foo: 1} ] }",
        "A { exports: [ {service: \"a.*\"} ] }\nB { imports: [ {service: {account: A, subject: \"a.*\"}, to: \"b.*\"} ] }",
        "A { exports: [ {service: \"a.*\"} ] }\nB { imports: [ {service: {account: A, subject: \"a.*\"}, to: \"b.$1\"} ] }",
        "A { exports: [ {service: \"a.*\"} ] }\nB { imports: [ {service: {account: A, subject: \"a.*\"}, to: \"b.c\"} ] }",
        "A { exports: [ {service: \"a.*\"} ] }\nB { imports: [ {service: {account: A, subject: \"a.*\"}, to: \"b.*.*\"} ] }",
        "A { exports: [ {service: \"a.*.*\"} ] }\n"
        "B { imports: [ {service: {account: A, subject: \"a.*.*\"}, to: \"b.$2.$1\"} ] }",
        "A { exports: [ {stream: \"a.*\"} ] }\nB { imports: [ {stream: {account: A, subject: \"a.*\"}, to: \"b.*\"} ] }",
        "A { exports: [ {stream: \"a.*\"} ] }\nB { imports: [ {stream: {account: A, subject: \"a.*\"}, to: \"b.$1\"} ] }",
        "A { exports: [ {stream: \"a.*\"} ] }\nB { imports: [ {stream: {account: A, subject: \"a.*\"}, to: \"b\"} ] }",
        "A { exports: [ {stream: \"a.>\"} ] }\nB { imports: [ {stream: {account: A, subject: \"a.>\"}, to: \"b.>\"} ] }",
    ],
    "authorization": [
        "user: a, password: b", "user: a, token: b", "token: b", "users: [ {user: a} ], user: b",
        "users: [ {user: a} ], token: b", "users: [ {user: a}, {user: a} ]", "users: [ {password: a} ]", "users: [ {} ]",
        f"users: [ {{nkey: {NKEY_USER}}} ]", "users: [ {nkey: abc} ]", f"users: [ {{nkey: {NKEY_ACCOUNT}}} ]",
        f"users: [ {{nkey: {NKEY_USER}, user: a}} ]", f"users: [ {{nkey: {NKEY_USER}}}, {{nkey: {NKEY_USER}}} ]",
        "users: [ {user: a, allowed_connection_types: [standard, WEBSOCKET]} ]",
        "users: [ {user: a, allowed_connection_types: [foo, bar]} ]",
        "users: [ {user: a, clients: mqtt} ]", "users: [ {user: a, foo: 1} ]", "users: 3", "users: [ 1 , 2 ]",
        "timeout: 61", "timeout: 1m", "timeout: \"1m\"", "timeout: \"61s\"", "timeout: \"x\"", "timeout: true",
        "timeout: 90.5", "users: [ {user: a, permissions { publish: \"a..b\" } } ]",
        "users: [ {user: a, permissions: {publish: \"a..b\"}} ]", "users: [ {user: a, permissions: {publish: \"a b\"}} ]",
        "users: [ {user: a, permissions: {subscribe: \"a b\"}} ]",
        "users: [ {user: a, permissions: {subscribe: \"a b c\"}} ]",
        "users: [ {user: a, permissions: {subscribe: \"a..b q\"}} ]",
        "users: [ {user: a, permissions: {subscribe: \"a q..r\"}} ]",
        "users: [ {user: a, permissions: {subscribe: [a, 1 ]}} ]",
        "users: [ {user: a, permissions: {publish: {allow: [a], deny: \"b..c\"}}} ]",
        "users: [ {user: a, permissions: {publish: {allow: [a], foo: [b]}}} ]",
        "users: [ {user: a, permissions: {publish: 3}} ]", "users: [ {user: a, permissions: 3} ]",
        "users: [ {user: a, permissions: {allow_responses: true}} ]",
        "users: [ {user: a, permissions: {allow_responses: {max: 5, expires: \"1m\"}}} ]",
        "users: [ {user: a, permissions: {allow_responses: {expires: 5}}} ]",
        "users: [ {user: a, permissions: {allow_responses: {expires: \"x\"}}} ]",
        "users: [ {user: a, permissions: {allow_responses: {foo: 5}}} ]",
        "users: [ {user: a, permissions: {allow_responses: 3}} ]", "default_permissions { foo: 1 }",
        "auth_callout { issuer: abc, users: [a] }", f"auth_callout {{ issuer: {NKEY_ACCOUNT}, users: [a] }}",
        f"auth_callout {{ issuer: {NKEY_ACCOUNT}, users: [a], xkey: abc }}", "auth_callout { users: [a] }",
        f"auth_callout {{ issuer: {NKEY_ACCOUNT} }}",
        f"auth_callout {{ issuer: {NKEY_ACCOUNT}, users: [a], allowed_accounts: [B] }}",
        f"auth_callout {{ issuer: {NKEY_ACCOUNT}, users: [a], foo: 1 }}", "auth_callout: 3",
        f"auth_callout {{ issuer: {NKEY_ACCOUNT}, users: 3 }}",
    ],
    "tls": [
        "cert_file: nope.pem, key_file: nope.pem", "cert_file: nope.pem", "key_file: nope.pem", "ca_file: nope.pem",
        "cert_file: main.conf, key_file: main.conf", "ca_file: main.conf",
        "cipher_suites: []", "cipher_suites: [TLS_FOO]", "cipher_suites: [TLS_AES_128_GCM_SHA256]",
        "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
        "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA, TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA]",
        "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA], allow_insecure_cipher_suites: true",
        "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]",
        "curve_preferences: []", "curve_preferences: [CurveP256, X25519]", "curve_preferences: [P256]",
        "curve_preferences: [X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, CurveP384, CurveP521]",
        "min_version: \"1.2\"", "min_version: \"1.3\"", "min_version: \"1.1\"", "min_version: \"1.4\"", "min_version: 1.3",
        "timeout: 2", "timeout: \"3s\"", "timeout: \"x\"", "timeout: true", "pinned_certs: [abc]",
        "pinned_certs: [\"" + "aB" * 32 + "\"]", "pinned_certs: []", "handshake_first: auto", "handshake_first: \"100ms\"",
        "handshake_first: \"x\"", "handshake_first: on", "first: 3", "certs: [ {cert_file: a} ]",
        "certs: [ {cert_file: a, key_file: b} ]", "certs: [ {cert_file: a, key_file: b, foo: c} ]", "certs: [ 1 , 2 ]",
        "certs: [ {cert_file: a, key_file: b} ], cert_file: c, key_file: d", "cert_store: x",
        "cert_store: WindowsCurrentUser", "cert_match_by: x", "cert_match_by: Subject", "cert_match: \"\"",
        "ca_certs_match: [a, b]", "ocsp_peer: true", "ocsp_peer { foo: 1 }", "ocsp_peer { ca_timeout: \"x\" }",
        "ocsp_peer { allowed_clockskew: \"x\" }", "ocsp_peer { ca_timeout: true }", "ocsp_peer: 3",
        "verify_and_map: true", "verify_cert_and_check_known_urls: true", "connection_rate_limit: 10", "foo: 1",
    ],
    "websocket": [
        "handshake_timeout: \"x\"", "handshake_timeout: 2", "handshake_timeout: 1.5", "allowed_origins: [1 ]",
        "allowed_origins: \"http://a\"", "headers { a: b }", "headers { a: 1 }", "headers: 3",
        "authorization { user: a, timeout: 3 }", "authorization { foo: 1 }", "tls: 3",
    ],
    "mqtt": [
        "max_ack_pending: 65536", "max_ack_pending: -1", "max_ack_pending: 65535", "consumer_replicas: 3",
        "ack_wait: 30", "ack_wait: \"30s\"", "ack_wait: \"x\"", "authorization { user: a, token: b }",
    ],
    "resolver": [
        "type: full", "type: full, dir: .", "type: cache, dir: ., interval: \"1s\"", "type: cache, dir: ., allow_delete: true",
        "type: full, dir: ., ttl: \"1s\"", "type: full, dir: ., hard_delete: true", "type: full, dir: ., limit: x",
        "type: cache, dir: ., ttl: x", "type: foo", "type: mem", "type: full, dir: main.conf",
        "type: cache, dir: ., hard_delete: true",
    ],
}
