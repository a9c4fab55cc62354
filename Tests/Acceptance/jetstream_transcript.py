"""What JetStream answers, with everything that may differ between two servers replaced by its shape.

Texts are compared as they are, so the order of members, escapes and formats of numbers count; only times near now,
random names, and what tells about the server's machine are replaced."""
import json
import re
import time

import transcript

MASKS = [
    # Times of this run; those in the past and far in the future are the script's own.
    (re.compile(rb"\b(20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))"), None),
    (re.compile(rb"(\$JS\.ACK\.[^ \r]*?\.\d+\.\d+\.\d+)\.\d{15,}\.(\d+)"), rb"\1.<time>.\2"),
    (re.compile(rb"(\$JS\.FC\.[^. ]+\.[^. ]+)\.[0-9A-Za-z]+"), rb"\1.<id>"),
    (re.compile(rb'("(?:rtt|ack_time|pause_remaining|active)":) ?[1-9]\d*'), rb"\1<duration>"),
    (re.compile(rb'("(?:server|server_id|cluster)":)"N[A-Z2-7]{55}"'), rb'\1"<server>"'),
    (re.compile(rb'("client":\{.*?"id":)\d+'), rb"\1<n>"),
    (re.compile(rb"(Nats-Stream-Identity: )[0-9A-Za-z]{8}"), rb"\1<stream>"),
    (re.compile(rb"(Nats-Stream-Source: \S+ \d+ [^ ]+ [^ ]+ [^ ]+) [0-9A-Za-z]{8}(?=\\r|\s)"), rb"\1 <stream>"),
    (re.compile(rb"(\$JS\.[MS])\.[0-9A-Za-z]{8}"), rb"\1.<id>"),
    (re.compile(rb"(JS_(?:SRC|MIRROR)_[0-9A-Za-z]{8})-[0-9A-Za-z]{8}"), rb"\1-<id>"),
    # nats-server writes one or two blanks where there is no reply subject.
    (re.compile(rb"^(MSG|HMSG) (\S+) (\S+)  +(?=[\d<])"), rb"\1 \2 \3 "),
    # Random identifiers: of messages, pins and advisories.
    (re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z]{22}(?![0-9A-Za-z])"), rb"<nuid>"),
]
# How far from now a time of this run can be.
NEAR_SECONDS = 2 * 86400
SOURCES = b'"sources":'
RANDOM_NAME = re.compile(rb'"stream_name":"[^"]*","name":"([0-9A-Za-z]{8})"')


def frames(data, names):
    """Frames as text; `names` are those that the server made up (see `made_up`)."""
    for number, name in enumerate(names, 1):
        data = data.replace(name, b"<name_%d>" % number)  # the same length, so sizes stay right
    return transcript.frames(data, mask)


def made_up(received, sent):
    """Names that the server gave to consumers, in the order in which they were seen. `sent` has those that it did not."""
    found = dict.fromkeys(match.group(1) for match in RANDOM_NAME.finditer(received))
    return [name for name in found if name not in sent]


def mask(text):
    text = sort_sources(text)
    for expression, replacement in MASKS:
        text = expression.sub(replacement or mask_time, text)
    return transcript.mask(text)


def sort_sources(text):
    """nats-server tells of a stream's sources in any order."""
    head, *parts = text.split(SOURCES)
    for part in parts:
        string = part.decode("latin-1")
        try:
            sources, end = json.JSONDecoder().raw_decode(string)
        except ValueError:
            sources, end = [], 0
        if sources and all("lag" in source for source in sources):
            in_order = sorted(sources, key=lambda source: (source["name"], source.get("filter_subject", "")))
            part = json.dumps(in_order, separators=(",", ":")).encode("latin-1") + string[end:].encode("latin-1")
        head += SOURCES + part
    return head


def mask_time(match):
    text = match.group(1).decode()
    try:
        seconds = time.mktime(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    except ValueError:  # no such day or hour: what a request says
        return match.group(1)
    if abs(seconds - time.time()) > NEAR_SECONDS:
        return match.group(1)
    return b"<time>" if text.endswith("Z") else b"<time with zone>"


# What the origin of a copy calls its consumer.
COPY = re.compile(r"^(JS_(?:SRC|MIRROR)_\w{8})-\w{8}$")
# Members of monitoring documents about the server's machine and moment.
MONITORING = {
    "server_id", "server_name", "now", "start", "uptime", "mem", "cores", "cpu", "gomaxprocs", "port", "http_port",
    "go", "git_commit", "config_load_time", "config_digest", "memory_limit", "slow_consumer_stats", "rtt", "ts",
    "created", "first_ts", "last_ts", "last_active", "connections", "total_connections", "in_msgs", "out_msgs",
    "in_bytes", "out_bytes", "host", "addr", "xkey", "proxy_required", "http_req_stats", "store_dir", "max_procs",
    "start_time", "system_account", "client_connections", "active", "deliver_subject",
}


def monitoring(body):
    """A page of the monitoring port, one member a line."""
    try:
        document = json.loads(body)
    except ValueError:
        return mask(body).decode(errors="backslashreplace")
    return json.dumps(in_order(transcript.shape(document, MONITORING)), indent=1)


def in_order(value):
    """Lists of things with names are in no order."""
    if isinstance(value, dict):
        return {key: COPY.sub(r"\1-<id>", member) if key == "name" and isinstance(member, str) else in_order(member)
                for key, member in value.items()}
    if isinstance(value, list):
        members = [in_order(member) for member in value]
        named = all(isinstance(member, dict) and "name" in member for member in members)
        return sorted(members, key=lambda member: member["name"]) if named else members
    return value
