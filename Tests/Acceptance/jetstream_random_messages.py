"""Random histories of what is published, stored, read, deleted and purged (see jetstream_random_histories.py)."""
from jetstream_random_histories import CALM_STREAM, HOUR, MINUTE, Maker, ODD, SUBJECTS, STREAM

NUMBERS = ["0", "1", "2", "3", "5", "10", "x", "", "-1", "1.5", "18446744073709551615", "18446744073709551616", "01", "+1",
           " 1", "1x"]
HEADERS = {
    "Nats-Msg-Id": ["one", "two", "three", "", "{i*300}"],
    "Nats-Expected-Stream": ["S", "T", ""],
    "Nats-Expected-Last-Msg-Id": ["one", "two", "", "x"],
    "Nats-Expected-Last-Sequence": NUMBERS,
    "Nats-Expected-Last-Subject-Sequence": NUMBERS,
    "Nats-Expected-Last-Subject-Sequence-Subject": ["a.1", "a.*", "a.>", "b", "a..x", "", ">", "a.2"],
    "Nats-Rollup": ["sub", "all", "SUB", "x", "", "All"],
    "Nats-TTL": ["1h", "never", "3600", "0", "-1", "x", "", "500ms", "1h1m", "NEVER", "1.5h", "60s", "999999h",
                 "100000000000000", "0s", "-1s"],
    "Nats-Incr": ["1", "+5", "-3", "0", "x", "", "99999999999999999999999999", "1.5", "--1", "+", "-0", "007"],
    "Nats-Batch-Id": ["b", "c", "", "{i*65}", "{i*64}"],
    "Nats-Batch-Sequence": ["1", "1", "2", "3", "0", "x", ""],
    "Nats-Batch-Commit": ["1", "eob", "0", "x", ""],
    "Nats-Schedule": ["@at 2060-01-01T00:00:00Z", "@at x", "@every 1h", "@every 1ms", "@hourly", "x", "", "0 0 1 1 *",
                      "0 0 0 1 1 *", "@at 2020-01-01", "@every 1h30m", "@yearly", "@ at", "@at 2060-01-01T00:00:00+01:00"],
    "Nats-Schedule-Target": ["a.9", "b", "a.*", "", "zz", "a..1", "a.1"],
    "Nats-Schedule-TTL": ["1h", "x", "never", "", "1ms"],
    "Nats-Schedule-Source": ["a.1", "a.*", "", "zz"],
    "Nats-Schedule-Time-Zone": ["Europe/Berlin", "x", "", "UTC", "Local"],
    "Nats-Schedule-Rollup": ["sub", "all", "x", ""],
    "Nats-Scheduler": ["a.1", ""],
    "Nats-Schedule-Next": ["purge", "2060-01-01T00:00:00Z", "x"],
    "Nats-Required-Api-Level": ["0", "1", "5", "99", "x", ""],
    "KV-Operation": ["PURGE", "DEL", "x"],
    "Nats-Marker-Reason": ["MaxAge", "x", ""],
    "Nats-Stream": ["S"],
    "Nats-Sequence": ["7"],
    "Nats-Subject": ["q"],
    "A": ["B", "", "{b*50}"],
    "Nats-Counter-Sources": ["{}", "x"],
    "nats-msg-id": ["one"],
}
# Headers that belong together.
SETS = [
    ["Nats-Msg-Id"], ["Nats-Msg-Id", "Nats-Expected-Last-Msg-Id"], ["Nats-Expected-Last-Sequence"],
    ["Nats-Expected-Last-Subject-Sequence"],
    ["Nats-Expected-Last-Subject-Sequence", "Nats-Expected-Last-Subject-Sequence-Subject"], ["Nats-Rollup"],
    ["Nats-TTL"], ["Nats-Incr"], ["Nats-Batch-Id", "Nats-Batch-Sequence"],
    ["Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"], ["Nats-Schedule", "Nats-Schedule-Target"],
    ["Nats-Schedule", "Nats-Schedule-Target", "Nats-Schedule-TTL"], ["A"],
    ["Nats-Schedule", "Nats-Schedule-Target", "Nats-Schedule-Source"],
    ["Nats-Schedule", "Nats-Schedule-Target", "Nats-Schedule-Time-Zone"],
    ["Nats-Schedule", "Nats-Schedule-Target", "Nats-Schedule-Rollup"], ["KV-Operation", "Nats-TTL"],
]
FEATURES = ["allow_msg_ttl", "allow_rollup_hdrs", "allow_msg_counter", "allow_atomic", "allow_msg_schedules",
            "allow_direct", "allow_batched"]
LIMITS = ["max_msgs", "max_bytes", "max_msgs_per_subject", "discard", "max_msg_size", "discard_new_per_subject", "storage",
          "duplicate_window", "subject_transform", "republish", "first_seq", "deny_delete", "deny_purge", "compression",
          "retention", "subject_delete_marker_ttl", "no_ack", "max_age"]


def stream(make, name="S", rows=3):
    """Creates a stream on which something can happen."""
    members = {"subjects": '["a.>","b"]', "allow_direct": "true"}
    for feature in make.random.sample(FEATURES, make.number(0, 3)):
        members[feature] = "true"
    for limit in make.random.sample(LIMITS, make.pick([0, 1, 1, 2, rows])):
        if limit in ("no_ack", "deny_delete", "deny_purge", "first_seq", "retention", "subject_transform") and make.chance(0.7):
            continue
        members[limit] = make.pick(CALM_STREAM[limit])
    if members.get("discard_new_per_subject") and make.chance(0.8):
        members |= {"discard": '"new"', "max_msgs_per_subject": 2}
    if members.get("discard") == '"new"':
        members.pop("allow_msg_counter", None)
        members.pop("allow_msg_schedules", None)
        if make.chance(0.7) and not {"max_msgs", "max_bytes", "max_msgs_per_subject"} & set(members):
            members["max_msgs"] = 3
    if members.get("allow_msg_counter"):
        for other in ("allow_msg_ttl", "allow_msg_schedules", "subject_delete_marker_ttl"):
            members.pop(other, None)
    make.add(f"a? @STREAM.CREATE.{name} " + make.body([("name", f'"{name}"'), *members.items()]))
    return members


def header(make, odd):
    names = list(make.pick(SETS))
    if make.chance(odd):
        names += make.random.sample(sorted(HEADERS), make.number(1, 2))
    fields = []
    for name in dict.fromkeys(names):
        values = HEADERS[name] if make.chance(0.3 + odd) else HEADERS[name][:3]
        fields.append(f"{name}: {make.pick(values)}" if make.chance(0.97) else f"{name}:{make.pick(values)}")
    return "[" + "; ".join(fields) + "] "


def publish(make, odd=0.15):
    if make.chance(0.25):
        return f"a?{make.number(2, 5)} {make.pick(['a.{n}', 'a.1', 'b'])} message {{n}}"
    return publish_one(make, odd)


def publish_one(make, odd):
    subject = make.pick(SUBJECTS) if make.chance(0.93) else make.pick(["b", "c", "a", "a.9"])
    payload = make.pick(["x", "message", "", "{p*20}", "{p*120}", "0123456789"])
    text = header(make, odd) if make.chance(0.65) else ""
    return f"{'a?' if make.chance(0.93) else 'a!'} {subject} {text}{payload}".rstrip(" ")


def batch(make):
    """An atomic batch, mostly well formed."""
    number, count = make.number(1, 99), make.number(1, 4)
    lines = []
    for place in range(1, count + 1):
        if make.chance(0.04):
            continue
        fields = [f"Nats-Batch-Id: n{number}", f"Nats-Batch-Sequence: {place}"]
        if place == count:
            fields.append("Nats-Batch-Commit: " + make.pick(["1", "1", "1", "eob", "x"]))
        if make.chance(0.2):
            name = make.pick(["Nats-Msg-Id", "Nats-Expected-Last-Subject-Sequence", "Nats-Expected-Last-Sequence",
                              "Nats-Rollup", "Nats-TTL", "Nats-Incr", "Nats-Expected-Last-Subject-Sequence-Subject",
                              "Nats-Expected-Stream", "Nats-Schedule", "Nats-Expected-Last-Msg-Id"])
            fields.append(f"{name}: {make.pick(HEADERS[name][:3])}")
        kind = "a?" if make.chance(0.6) or place == count else "a!"
        lines.append(f"{kind} {make.pick(SUBJECTS)} [{'; '.join(fields)}] {make.pick(['x', 'payload', ''])}".rstrip())
    return lines


def fast_batch(make):
    """A fast batch: its control is in the reply subject."""
    number, lines = make.number(1, 99), []
    gap, flow = make.pick(["ok", "ok", "fail"]), make.pick([1, 2, 10])
    count = make.number(1, 5)
    for place in range(1, count + 1):
        if make.chance(0.05):
            continue
        operation = "0" if place == 1 else "1"
        if place == count:
            operation = make.pick(["2", "2", "3"])
        extra = ""
        if make.chance(0.1):
            name = make.pick(["Nats-Msg-Id", "Nats-Expected-Last-Sequence", "Nats-TTL", "Nats-Rollup"])
            extra = f"{name}: {make.pick(HEADERS[name][:3])}"
        lines.append((f"_INBOX.a.x.u{number}.{flow}.{gap}.{place}.{operation}.$FI", make.pick(SUBJECTS), extra))
    return [part for line in lines for part in fast_lines(*line)]


def fast_lines(reply, subject, extra):
    if not extra:
        return [f"a> PUB {subject} {reply} 1", "a> x", "a> PING", "settle"]
    size = len("NATS/1.0\r\n" + extra + "\r\n\r\n")
    return [f"a> HPUB {subject} {reply} {size} {size + 1}", "a> NATS/1.0", f"a> {extra}", "a> ", "a> x", "a> PING", "settle"]


def question(make):
    """A request that reads."""
    kind = make.number(0, 9)
    if kind <= 2:
        members = []
        if make.chance(0.7):
            members.append(("subjects_filter", make.pick(['">"', '"a.*"', '"a.1"', '"b"', '"zz"', '"a..b"', '""'])))
        if make.chance(0.6):
            members.append(("deleted_details", "true"))
        if make.chance(0.2):
            members.append(("offset", make.pick([0, 1, 2, -1, 100, 9223372036854775807, '"x"'])))
        return "a? @STREAM.INFO.S " + make.spoiled(make.body(members))
    if kind <= 5:
        return "a? @STREAM.MSG.GET.S " + make.spoiled(make.body(get(make, False)))
    if kind <= 8:
        members = get(make, True)
        return "a? @DIRECT.GET.S " + make.level() + make.spoiled(make.body(members))
    return "a? @DIRECT.GET.S." + make.pick(SUBJECTS + ["b", "a.*", "zz", "a.>", "a..1"]) + make.pick(
        ["", "", "", " {}", ' {"seq":1}', ' {"last_by_subj":"a.1"}', " x", ' {"no_hdr":true}'])


def get(make, direct):
    members = []
    if make.chance(0.5):
        members.append(("seq", make.pick([0, 1, 1, 2, 3, 5, 8, 100, -1, 18446744073709551615])))
    if make.chance(0.3):
        members.append(("next_by_subj", make.pick(['"a.1"', '"a.*"', '"a.>"', '"b"', '"zz"', '">"', '"a..b"', '""', '"*.1"'])))
    if make.chance(0.25):
        members.append(("last_by_subj", make.pick(['"a.1"', '"a.2"', '"a.*"', '">"', '"b"', '"zz"', '"a..b"'])))
    if make.chance(0.1):
        members.append(("start_time", make.pick(['"2020-01-01T00:00:00Z"', '"2060-01-01T00:00:00Z"', '"x"', "null"])))
    if make.chance(0.15):
        members.append(("no_hdr", make.pick(["true", "false"])))
    if direct:
        if make.chance(0.4):
            members.append(("batch", make.pick([1, 2, 3, 10, 0, -1])))
        if make.chance(0.15):
            members.append(("max_bytes", make.pick([1, 50, 100, 200, 0, -1, 1000])))
        if make.chance(0.25):
            members.append(("multi_last", make.pick(['["a.>"]', '["a.1","a.2"]', '["b"]', '["zz"]', "[]", '[""]', '[">"]',
                                                     '["a.*","a.1"]', '["a..b"]', "null"])))
            if make.chance(0.4):
                members.append(("up_to_seq", make.pick([0, 1, 2, 4, 100])))
            if make.chance(0.2):
                members.append(("up_to_time", make.pick(['"2020-01-01T00:00:00Z"', '"2060-01-01T00:00:00Z"'])))
        elif make.chance(0.05):
            members.append(("up_to_seq", make.pick([1, 3])))
    elif make.chance(0.05):
        members.append(make.pick([("batch", 2), ("max_bytes", 100), ("multi_last", '["a.1"]')]))
    if make.chance(0.03):
        members.append((make.pick(["bogus", "seq", "batch", "last_by_subj"]), make.pick(ODD)))
    return members


def removal(make):
    if make.chance(0.5):
        members = []
        if make.chance(0.95):
            members.append(("seq", make.pick([1, 2, 3, 4, 5, 6, 8, 0, 100, -1, 18446744073709551615])))
        if make.chance(0.3):
            members.append(("no_erase", make.pick(["true", "false"])))
        return "a? @STREAM.MSG.DELETE.S " + make.spoiled(make.body(members))
    members = []
    if make.chance(0.4):
        members.append(("filter", make.pick(['"a.1"', '"a.*"', '"a.>"', '"b"', '"zz"', '">"', '"a..b"', '""', '"a.2"'])))
    if make.chance(0.3):
        members.append(("seq", make.pick([0, 1, 2, 3, 5, 8, 20, -1])))
    if make.chance(0.3):
        members.append(("keep", make.pick([0, 1, 2, 3, 100, -1])))
    if make.chance(0.03):
        members.append(("bogus", 1))
    return "a? @STREAM.PURGE.S " + make.spoiled(make.body(members))


def messages(seed, restarts=0):
    """A stream that is filled, read, emptied and changed."""
    make = Maker(seed)
    make.add("e sub $JS.EVENT.ADVISORY.STREAM.>")
    if make.chance(0.2):
        make.add("r sub r.>")
    members = stream(make)
    odd = make.pick([0, 0.1, 0.3])
    places = {make.number(4, 12) for _ in range(restarts)}
    while len(places) < restarts:
        places.add(make.number(4, 12))
    for place in range(make.number(13, 26)):
        if place in places:
            make.add("restart")
        kind = make.number(0, 99)
        if kind < 48:
            make.add(publish(make, odd))
        elif kind < 54:
            for line in batch(make) if make.chance(0.6) or members.get("allow_batched") != "true" else fast_batch(make):
                make.add(line)
        elif kind < 82:
            make.add(question(make))
        elif kind < 94:
            make.add(removal(make))
        else:
            name, values = make.pick(sorted(CALM_STREAM.items()))
            # An update of the first sequence removes messages of nats-server with its next restart.
            if name not in ("storage", "retention", "subject_transform", "first_seq"):
                members[name] = make.pick(values)
            if make.chance(0.3) and len(members) > 2:
                members.pop(make.pick(sorted(set(members) - {"subjects"})))
            make.add("a? @STREAM.UPDATE.S " + make.body([("name", '"S"'), *members.items()]))
    make.add('a? @STREAM.INFO.S {"subjects_filter":">","deleted_details":true}')
    make.add('a? @DIRECT.GET.S {"seq":1,"batch":50}')
    return make.lines


def messages_and_restarts(seed):
    return messages(seed, restarts=2)
