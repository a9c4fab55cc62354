#!/usr/bin/env python3
"""Reads the same configurations with natsd and with nats-server and compares what they say.

    configuration_differential.py <natsd> <nats-server> [--only TEXT] [--verbose]

Every case is a set of files, environment variables and arguments. Compared are the exit code and the lines on
standard error (with them the digest), regardless of their order: nats-server walks its maps in random order, so it
gets several attempts where its answer depends on that. Differences that are meant stand in ACCEPTED with a reason.
"""
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

ATTEMPTS = 12
CERTIFICATE = {}
CERTIFICATE_LOCK = threading.Lock()

# Case name, line of nats-server (regular expressions) -> why natsd may differ.
ACCEPTED = [
    (r"ocsp\.urls = ", r"\[\]string", "nats-server reads no list of URLs at all: it expects a Go type that no file yields"),
    (r"", r"conf\.token=&|[\[:]0x", "nats-server prints its own structures or their addresses in place of the values"),
    (r"environment array", r"unsupported type string", "nats-server reads no list from a variable of the environment"),
]

# A line that nats-server adds when it trips over its own error; the error itself stands in another line.
ARTEFACT = "runtime error: invalid memory address or nil pointer dereference"

NKEY_USER = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
NKEY_ACCOUNT = "ADKGAJU55CHYOIF5H432K2Z2ME3NPSJ5S3VY5Q42Q3OTYOCYRRG7WOWV"
NKEY_OPERATOR = "OBGIDG7JUVFHD4GTZYRGVMBYFYYD6LTWBAHNZFWY7GXFQ66Q5DWWYHBV"
SEED_USER = "SUAOUIE5CU47NCO22GHFEZXGCRCJDVTHDLMIP4L7UQNCR5SW4FZICI7O3Q"

# ---------------------------------------------------------------- the language

LANGUAGE = {
    "empty": "",
    "only comments": "# one\n// two\n",
    "key value": "port 4333\n",
    "equals": "port = 4333\n",
    "colon": "port: 4333\n",
    "no space": "port:4333",
    "semicolon": "port: 4333; host: localhost;",
    "two on a line with comma": "port: 4333, host: localhost\n",
    "comment at the end": "port: 4333 # here\nhost: a // there\n",
    "slash in value": "log_file: /tmp/a.log\n",
    "stray slash": "port: 4333 / \nhost: a\n",
    "stray slash at start": "/ port: 4333\n",
    "json": '{"port": 4333, "host": "localhost"}',
    "json nested": '{"port": 4333, "cluster": {"port": 6222, "routes": ["nats://a:1", "nats://b:2"]}}\n',
    "json trailing comma": '{"port": 4333,}\n',
    "json two lines": '{\n  "port": 4333\n  "host": "a"\n}\n',
    "json unclosed": '{"port": 4333',
    "json comment": '{ # c\n"port": 4333 // d\n}\n',
    "json doubled braces": '{{"port": 4333}}',
    "json then more": '{"port": 4333}\nhost: a\n',
    "json junk after value": '{"port": 4333 x}\n',
    "json junk after block": '{{"port": 4333} x}\n',
    "closing brace alone": "port: 4333\n}\n",
    "key without value": "port\n",
    "key without value at end": "port",
    "key with colon only": "host:",
    "key with newline value": "host:\nport: 1\n",
    "key then value on next line": "host\n  localhost\n",
    "separator first": ": 1\n",
    "equals first": "= 1\n",
    "quoted keys": "\"port\": 4333\n'host': a\n",
    "unclosed quoted key": '"port',
    "unclosed single quoted key": "'port",
    "upper case keys": "PORT: 4333\nHost: a\n",
    "duplicate keys": "port: 1\nport: 4333\n",
    "crlf": "port: 4333\r\nhost: a\r\n",
    "tabs": "\tport:\t4333\n",
    "unicode": "server_name: \"gr\u00fc\u00df\u00df \u4e16\u754c\"\n",
    "unicode name": "server_name: gr\u00fc\u00df\u4e16\u754c\n",
    "html escapes": 'server_name: "<a&b>"\n',
    "line separators": 'server_name: "a\u2028b\u2029c"\n',
    "escapes": r'server_name: "a\tb\nc\rd\"e\\f\x41"' + "\n",
    "bad escape": r'server_name: "a\qb"' + "\n",
    "bad hex": r'server_name: "a\xZZ"' + "\n",
    "short hex": 'server_name: "a\\x4\n"\n',
    "escape in bare": r"server_name: a\x41b" + "\n",
    "control characters": r'server_name: "\x01\x1f\x08\x0c\x7f"' + "\n",
    "single quoted": "server_name: 'a\\tb'\n",
    "unclosed string": 'server_name: "abc\n',
    "unclosed single": "server_name: 'abc\n",
    "empty strings": "server_name: \"\"\nhost: ''\n",
    "unclosed empty string": 'server_name: "',
    "quote ends bare": "server_name: abc'\n",
    "junk after string": 'server_name: "abc" def\n',
    "junk after number": "port: 1 2\n",
    "bare words": "server_name: a/b-c_d.e:f\n",
    "block string": "server_name: (\nabc\n)\n",
    "block string at end": "server_name: (\nabc\n)",
    "block string parenthesis inside": "server_name: (\na ) b\n) c\n)\nport: 1\n",
    "block string unclosed": "server_name: (\nabc\n",
    "block string empty": "server_name: (\n)\n",
    "block string one line": "server_name: (abc)\n",
    "booleans": "debug: yes\ntrace: no\nlogtime: on\nsyslog: off\nallow_non_tls: TRUE\n",
    "float": "x: 1.5\nport: 1\n",
    "float point first": "x: .5\n",
    "float point last": "x: 5.\n",
    "float negative": "authorization { timeout: -1.5 }\n",
    "float large": "authorization { timeout: 0.000000123456789 }\n",
    "float huge": "lame: 123456789012345678901234567890.5\n",
    "float range": "x: 1" + "0" * 400 + ".5\n",
    "int range": "port: 99999999999999999999\n",
    "int minimum": "max_pending: -9223372036854775808\n",
    "negative": "port: -1\n",
    "minus alone": "port: -\n",
    "minus letter": "port: -a\n",
    "minus point": "port: -.5\n",
    "digits then letters": "server_name: 123abc\n",
    "address": "listen: 127.0.0.1:4333\n",
    "address without port": "host: 127.0.0.1\n",
    "address with dash": "host: 1.2.3.4-5\n",
    "date": "when: 2024-02-29T23:59:59Z\nport: $when\n",
    "date of no day": "when: 2023-02-29T00:00:00Z\n",
    "date short": "when: 2024-02-29\n",
    "date bad": "when: 2024-0x-29T00:00:00Z\n",
    "date wrong length": "when: 204-02-29T00:00:00Z\n",
    "array": "server_tags: [a, b]\n",
    "array lines": "server_tags: [\n  a\n  b\n]\n",
    "array comments": "server_tags: [ # x\n  a // y\n  b # z\n]\n",
    "array strings": 'server_tags: ["a", \'b\', c]\n',
    "array trailing comma": "server_tags: [a, b,]\n",
    "array leading comma": "server_tags: [,a]\n",
    "array number": "server_tags: [1]\n",
    "array number spaced": "server_tags: [1 , 2 ]\n",
    "array unclosed": "server_tags: [a, b\n",
    "array junk": "server_tags: [\"a\" b]\n",
    "array stray slash": "server_tags: [a / b]\n",
    "array leading slash": "server_tags: [/ b]\n",
    "array empty": "server_tags: []\n",
    "array nested": "server_tags: [[a], {b: c}]\n",
    "array empty string unclosed": 'server_tags: ["',
    "map": "server_metadata { a: b, c: d }\n",
    "map lines": "server_metadata {\n a: b\n c = d\n e f\n}\n",
    "map semicolons": "server_metadata { a: b; c: d; }\n",
    "map quoted keys": "server_metadata { \"a\": b, 'c': d }\n",
    "map unclosed": "server_metadata { a: b\n",
    "map unclosed key": "server_metadata { a",
    "map unclosed quoted key": 'server_metadata { "a',
    "map unclosed single quoted key": "server_metadata { 'a",
    "map separator first": "server_metadata { : b }\n",
    "map bracket": "server_metadata { ] }\n",
    "map comma first": "server_metadata { a: , b: c }\n",
    "map key without value": "server_metadata { a: }\n",
    "map junk": "server_metadata { \"a\": \"b\" c }\n",
    "map stray slash": "server_metadata { a: b / c: d }\n",
    "map comments": "server_metadata { # x\n a: b // y\n // z\n}\n",
    "map value on next line": "server_metadata { a:\n b }\n",
    "map number without space": "cluster { port: 6222}\n",
    "map equals": "server_metadata = { a = b }\n",
    "brace without space": "cluster{ port: 1 }\n",
    "number units": "\n".join(
        f"x{i}: 3{u}" for i, u in enumerate(
            "k K kb KB kib KiB ki m M mb MiB mi g G gb gib gi t T tb tib ti p P pb pib pi e E eb eib ei".split()))
    + "\n",
    "number unit unknown": "max_payload: 1kbb\nport: 1\n",
    "number unit string": "server_name: 1kx\n",
    "number unit overflow": "max_pending: 100e\n",
    "number negative unit": "max_pending: -1k\n",
    "number unit digit": "max_payload: 1k2\n",
    "payload 8MB": "max_payload: 8MB\n",
    "variable": "p: 4333\nport: $p\n",
    "variable in map": "p: 6222\ncluster { port: $p }\n",
    "variable of inner map": "p: 1\ncluster { p: 6222\n port: $p }\n",
    "variable in array": "t: abc\nserver_tags: [$t, b]\n",
    "variable missing": "port: $nope\n",
    "variable missing deep": "a {\n b {\n  c: $nope\n }\n}\n",
    "variable not used": "p: 4333\n",
    "variable map": "tags { a: b }\nserver_metadata: $tags\n",
    "variable after use": "port: $p\np: 4333\n",
    "variable empty name": "port: $\n",
    "variable of wrong type": "p: abc\nport: $p\n",
    "bcrypt": "authorization { user: a, password: $2a$11$UP3xizk94sWF9SHF/wkklOfBT9jphTGNrhZqz2OHoBdk9yO1kvErG }\n",
    "bcrypt 2b bare": "authorization { user: a, password: $2b$11$UP3xizk94sWF9SHF/wkklOfBT9 }\n",
    "bcrypt 2b quoted": "authorization { user: a, password: \"$2b$11$UP3xizk94sWF9SHF/wkklOfBT9\" }\n",
    "nul": "port: 4333\n\x00host: a\n",
    "unknown": "foo: 1\n",
    "unknown later": "port: 1\n\n  foo: 1\n",
    "unknown two": "foo: 1\nbar: 2\n",
    "unknown in map": "cluster {\n  foo: 1\n}\n",
    "unknown quoted": '"f\\"oo": 1\n',
    "unknown with tab": "port: 1\n\tfoo: 1\n",
    "errors together": "foo: 1\nport: abc\nmax_payload: 99999999999\nserver_name: \"a b\"\n",
    "include keyword as key": "include: 1\n",
    "include number": "include 1\n",
    "include array": "include [a]\n",
    "include map": "include {a}\n",
    "include block": "include (a)\n",
    "include escape": "include \\a\n",
    "include nothing": "include \n",
    "include unclosed": "include 'abc\n",
    "include unclosed double": "include \"abc\n",
    "include missing": "include ./nope.conf\n",
}

# name -> (files, environment)
FILES = {
    "include": ({"main.conf": "include ./a.conf\n", "a.conf": "port: 4333\n"}, {}),
    "include quoted": ({"main.conf": "include 'a.conf'\nhost: a\n", "a.conf": "port: 4333\n"}, {}),
    "include double quoted": ({"main.conf": 'include "a.conf"\nhost: a\n', "a.conf": "port: 4333\n"}, {}),
    "include in map": ({"main.conf": "cluster {\n include ./a.conf\n}\n", "a.conf": "port: 6222\n"}, {}),
    "include in map one line": ({"main.conf": "cluster { include ./a.conf }\n", "a.conf": "port: 6222\n"}, {}),
    "include nested": ({"main.conf": "include d/a.conf\n", "d/a.conf": "include b.conf\n", "d/b.conf": "port: 4333\n"}, {}),
    "include overrides": ({"main.conf": "port: 1\ninclude a.conf\n", "a.conf": "port: 4333\n"}, {}),
    "include overridden": ({"main.conf": "include a.conf\nport: 1\n", "a.conf": "port: 4333\n"}, {}),
    "include error": ({"main.conf": "include a.conf\n", "a.conf": "port: abc\n"}, {}),
    "include unknown field": ({"main.conf": "\n\ninclude d/a.conf\n", "d/a.conf": "\n foo: 1\n"}, {}),
    "include syntax error": ({"main.conf": "include a.conf\n", "a.conf": "port: [\n"}, {}),
    "include nested syntax error": (
        {"main.conf": "include a.conf\n", "a.conf": "include b.conf\n", "b.conf": "port: -\n"}, {}),
    "include variable of includer": ({"main.conf": "p: 4333\ninclude a.conf\n", "a.conf": "port: $p\n"}, {}),
    "include variable for includer": ({"main.conf": "include a.conf\nport: $p\n", "a.conf": "p: 4333\n"}, {}),
    "include parent": ({"main.conf": "include ../main_dir_a.conf\n"}, {}),
    "include JSON": ({"main.conf": "include a.conf\n", "a.conf": '{"port": 4333}\n'}, {}),
    "include environment": ({"main.conf": "include a.conf\n", "a.conf": "port: $P\n"}, {"P": "4333"}),
    "include empty": ({"main.conf": "include a.conf\n", "a.conf": ""}, {}),
    "environment number": ({"main.conf": "port: $P\n"}, {"P": "4333"}),
    "environment unit": ({"main.conf": "max_payload: $P\n"}, {"P": "8MB"}),
    "environment string": ({"main.conf": "host: $H\n"}, {"H": "localhost"}),
    "environment quoted": ({"main.conf": "server_name: $H\n"}, {"H": "'a-b'"}),
    "environment array": ({"main.conf": "server_tags: $T\n"}, {"T": "[a, b]"}),
    "environment map": ({"main.conf": "server_metadata: $T\n"}, {"T": "{a: b}"}),
    "environment bool": ({"main.conf": "debug: $T\n"}, {"T": "yes"}),
    "environment empty": ({"main.conf": "server_name: $T\n"}, {"T": ""}),
    "environment variable": ({"main.conf": "port: $A\n"}, {"A": "$B", "B": "4333"}),
    "environment missing": ({"main.conf": "port: $A\n"}, {"A": "$B"}),
    "environment cycle": ({"main.conf": "port: $A\n"}, {"A": "$B", "B": "$A"}),
    "environment self": ({"main.conf": "port: $A\n"}, {"A": "$A"}),
    "environment syntax": ({"main.conf": "port: $A\n"}, {"A": "[a"}),
    "environment shadowed": ({"main.conf": "A: 1\nport: $A\n"}, {"A": "4333"}),
    "environment bcrypt": ({"main.conf": "authorization { user: a, password: $A }\n"}, {"A": "$2a$11$abc"}),
    "environment with newline": ({"main.conf": "port: $A\n"}, {"A": "4333\nhost: x"}),
    "empty file": ({"main.conf": ""}, {}),
    "directory as include": ({"main.conf": "include d\n", "d/a.conf": ""}, {}),
}

# ---------------------------------------------------------------- options of every block

INT, STRING, BOOL, DURATION, LIST, OTHER = "int string bool duration list other".split()

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


def cases():
    """Name, files, environment, arguments."""
    test = ["-t", "-c", "main.conf"]
    for name, text in LANGUAGE.items():
        yield f"language {name}", {"main.conf": text}, {}, test
    for name, (files, environment) in FILES.items():
        yield f"files {name}", files, environment, test
    for path, names in BLOCKS.items():
        for option in names.split():
            for kind, value in VALUES.items():
                yield f"types {path}.{option} = {kind}", {"main.conf": within(path, f"{option}: {value}")}, {}, test
        yield f"types {path} unknown", {"main.conf": within(path, "unknown_x: 1")}, {}, test
        yield f"types {path} unknown variable", {"main.conf": within(path, "unknown_x: 1\nunknown_y: $unknown_x")}, {}, test
    for path, lines in OPTIONS.items():
        for line in lines:
            yield f"option {path} {line}", {"main.conf": within(path, line)}, {}, test
    for name, text in START.items():
        yield f"start {name}", {"main.conf": text}, {}, ["-c", "main.conf", "-p", "-1"]
    for before, after in RELOAD:
        yield f"reload {before!r} -> {after!r}", {"main.conf": before + "\n", "next.conf": after + "\n"}, {}, None
    for arguments in ARGUMENTS:
        yield f"arguments {' '.join(arguments)}", ARGUMENT_FILES, {}, arguments


def run(program, arguments, directory, environment):
    """Exit code and comparable output; 124 for a server that started."""
    base = {"PATH": "/nonexistent", "HOME": "/home/somebody"}
    try:
        done = subprocess.run(
            [program, *arguments], cwd=directory, env={**base, **environment}, capture_output=True, timeout=3)
    except subprocess.TimeoutExpired as late:
        return 124, tuple(normal((late.stderr or b"").decode(errors="replace")))
    lines = normal(done.stderr.decode(errors="replace"))
    if arguments and arguments[0].lower().strip("-") in ("v", "version"):
        lines += done.stdout.decode().splitlines()[:1]
    return done.returncode, tuple(lines)


def reload(program, directory):
    """The log lines of a reload from main.conf to next.conf, in their order."""
    server = subprocess.Popen(
        [program, "-c", "main.conf", "-p", "-1"], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True)
    watchdog = threading.Timer(5, server.kill)
    watchdog.start()
    lines = []
    try:
        for line in server.stderr:
            if "Server is ready" in line:
                with open(os.path.join(directory, "next.conf")) as new, \
                        open(os.path.join(directory, "main.conf"), "w") as file:
                    file.write(new.read())
                server.send_signal(signal.SIGHUP)
            elif "Trapped" in line or lines:
                lines.append(re.sub(r"^\[\d+\] (\S+ \S+ )?", "", line.rstrip()))
                if "Reloaded server configuration" in line or "Failed to reload" in line:
                    break
    finally:
        watchdog.cancel()
        server.kill()
        server.wait()
        server.stderr.close()
    return 0, tuple(lines)


def answer_of(program, arguments, directory, files, environment):
    for path, text in files.items():
        full = os.path.join(directory, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", newline="") as file:
            file.write(text)
    if arguments is None:
        return reload(program, directory)
    return run(program, arguments, directory, environment)


def normal(text):
    """The lines in an order of their own, without what every run has different: times, addresses, types of tokens."""
    lines = []
    for line in text.splitlines():
        line = re.sub(r"^nats-server: ", "", line)
        line = re.sub(r"0x[0-9a-f]+", "0x", line)
        line = re.sub(r"^\[\d+\] \S+ \S+ ", "", line)
        if line.strip() and not line.endswith(ARTEFACT):
            lines.append(line)
    return sorted(lines)


def make_certificate(directory):
    """A certificate and its key, the same ones for all cases of a run."""
    with CERTIFICATE_LOCK:
        if not CERTIFICATE:
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", "key.pem", "-out", "cert.pem", "-days", "3", "-subj", "/CN=localhost"],
                cwd=directory, check=True, capture_output=True)
            for name in ("key.pem", "cert.pem"):
                with open(os.path.join(directory, name)) as file:
                    CERTIFICATE[name] = file.read()
    for name, text in CERTIFICATE.items():
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)


def compare(case, natsd, reference):
    name, files, environment, arguments = case
    with tempfile.TemporaryDirectory() as directory:
        if arguments is None:
            make_certificate(directory)
        ours = answer_of(natsd, arguments, directory, files, environment)
        theirs = []
        for _ in range(ATTEMPTS):
            answer = answer_of(reference, arguments, directory, files, environment)
            if answer == ours:
                return name, True, ours, []
            if answer not in theirs:
                theirs.append(answer)
    return name, False, ours, theirs


def collected(ours, theirs):
    """The reason if natsd only says more: nats-server stops a block at the first value of a wrong type."""
    for code, lines in theirs:
        more = [line for line in ours[1] if line not in lines]
        if code == ours[0] and set(lines) <= set(ours[1]) and all("interface conversion" in line for line in more):
            return "natsd reports every value of a wrong type, nats-server the first of a block"
    return None


def main():
    plain = [a for a in sys.argv[1:] if not a.startswith("--")]
    only = plain[2] if "--only" in sys.argv and len(plain) > 2 else ""
    natsd, reference = map(os.path.abspath, plain[:2])
    chosen = [case for case in cases() if only in case[0]]
    failures, accepted = 0, 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, same, ours, theirs in pool.map(lambda case: compare(case, natsd, reference), chosen):
            if same:
                if "--verbose" in sys.argv:
                    print(f"same       {name}")
                continue
            reason = collected(ours, theirs) or next((reason for pattern, text, reason in ACCEPTED if re.search(pattern, name) and any(
                re.search(text, line) for _, lines in theirs for line in lines)), None)
            if reason:
                accepted += 1
                print(f"accepted   {name}: {reason}")
                continue
            failures += 1
            print(f"DIFFERENT  {name}")
            print(f"  natsd        {ours[0]}")
            for line in ours[1]:
                print(f"    {line!r}")
            for code, lines in theirs[:3]:
                print(f"  nats-server  {code}")
                for line in lines:
                    print(f"    {line!r}")
    print(f"{len(chosen)} configurations: {len(chosen) - failures - accepted} the same, {accepted} accepted, {failures} different")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
