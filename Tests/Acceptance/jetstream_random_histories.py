"""Random histories for the JetStream API, as lines of jetstream_scripts.py: everything follows from a seed.

Left out is what natsd says it does not have (mirrors, sources, placement; see docs/jetstream.md), and what depends on
the clock within less than some hundred milliseconds."""
import random

SECOND, MINUTE, HOUR = 10 ** 9, 60 * 10 ** 9, 3600 * 10 ** 9
LARGEST = 2 ** 63 - 1
# What no member wants: of a wrong kind, out of range, of an odd form.
ODD = ["null", '"x"', '""', "1", "0", "-1", "-2", "1.5", "1e3", "true", "false", "[]", "{}", '["a"]', '{"a":"b"}', '"5"',
       "9223372036854775807", "9223372036854775808", "-9223372036854775809", "18446744073709551615",
       "18446744073709551616", "2147483648", "-0", "01", "+1", "nul", '"1s"', "[1]", "[null]", '[""]', "1E2", "[[]]",
       '"\\\\u00e4\\\\ud83d\\\\ude00<&>"', "1.0", "{"]
NAMES = ['"S"', '"T"', '""', '"a.b"', '"*"', '"a b"', '"S/T"', '"x>"', '"$"', '"\\\\u00e4"', '"a\\\\tb"', '"{n*256}"', "1",
         "null"]
FILTERS = ['"a.>"', '"a.1"', '"a.*"', '"b"', '">"', '"a..b"', '""', '"*"', '"a.1.>"', '"a b"', '"*.1"', '"b.1"', '"."',
           '"a.>.x"', '"A"', '"$JS.API.>"']
SUBJECTS = ["a.1", "a.2", "a.3", "a.1.2", "a.x"]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = []

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, values):
        return self.random.choice(values)

    def number(self, low, high):
        return self.random.randint(low, high)

    def add(self, line):
        self.lines.append(line)

    def body(self, members):
        return "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"

    def some(self, table, count, odd):
        """Random members of a table of valid values; some with a value that is not."""
        names = self.random.sample(sorted(table), min(count, len(table)))
        return [(name, self.pick(ODD) if self.chance(odd) else str(self.pick(table[name]))) for name in names]

    def spoiled(self, body):
        """Rarely: no JSON any more, or more than that."""
        if not self.chance(0.03):
            return body
        return self.pick([body[:-1], body + "x", body.replace(":", " : ", 1), "[" + body + "]", body[1:], "", " ",
                          body.replace(",", ",,", 1), '"' + "x" + '"', "null", body + body, " " + body + " ", "{}", "[]",
                          body.replace("}", ",}", 1), body.replace('"', "'"), "\\x00", body.replace("{", "{\\x01", 1),
                          "\\xff" + body, body.upper(), body.title()])

    def level(self):
        """Rarely: a header that asks for an API level."""
        if not self.chance(0.05):
            return ""
        return f"[Nats-Required-Api-Level: {self.pick(['0', '1', '2', '3', '4', '5', '6', '99', '-1', 'x', '', '1.0'])}] "


STREAM = {
    "description": ['"d"', '""', '"{d*4097}"', '"{d*4096}"'],
    "subjects": ['["a.>"]', '["a.*","b"]', '["a.1","a.2"]', '["a.>","a.1"]', '["a.1","a.1"]', "[]", '["b"]', '[""]',
                 '["a..b"]', '["$JS.API.>"]', '[">"]', '["*"]', '["a.*","*.1"]', '["a.>.b"]', '["a b"]', '["$SYS.>"]',
                 '["a.>","b.>","c"]'],
    "retention": ['"limits"', '"interest"', '"workqueue"', '"x"'],
    "max_consumers": [-1, 0, 1, 2, -2],
    "max_msgs": [-1, 0, 1, 2, 5, 10, -2],
    "max_bytes": [-1, 0, 100, 200, 1000, -2, 1, 10 ** 12],
    "max_age": [0, HOUR, 99999999, -1, MINUTE, 60 * HOUR, LARGEST],
    "max_msgs_per_subject": [-1, 0, 1, 2, 3, -2],
    "max_msg_size": [-1, 0, 10, 100, 1, -2, 2147483647, 2147483648],
    "discard": ['"old"', '"new"', '"x"', '"OLD"'],
    "storage": ['"file"', '"memory"', '"x"'],
    "num_replicas": [0, 1, 6, -1],
    "no_ack": ["true", "false"],
    "duplicate_window": [0, MINUTE, HOUR, 99999999, -1, 500 * HOUR],
    "compression": ['"none"', '"s2"', '"x"'],
    # Behind the largest sequence nats-server goes on with 0, natsd refuses messages.
    "first_seq": [0, 1, 10, 1000, -1, 9223372036854775807],
    "subject_transform": ['{"src":"a.*","dest":"b.$1"}', '{"src":">","dest":"x.>"}', '{"src":"a.>","dest":"a.>"}',
                          '{"src":"a.*","dest":"b.{{wildcard(1)}}.{{partition(3,1)}}"}', '{"src":"","dest":"b"}', "{}",
                          '{"src":"a.*","dest":"b"}', '{"src":"b","dest":"c"}', '{"src":"a.*","dest":"b.$2"}',
                          '{"src":"a.*.*","dest":"a.{{wildcard(2)}}.{{wildcard(1)}}"}', '{"src":"a..","dest":"b"}',
                          '{"src":"*.*","dest":"{{split(2,-)}}.x"}', '{"src":"a.*","dest":"{{left(1,1)}}"}',
                          '{"src":"a.>","dest":""}', '{"dest":"z.>"}'],
    "republish": ['{"src":"a.>","dest":"r.>"}', '{"dest":"r.>"}', '{"src":">","dest":"r.>","headers_only":true}', "{}",
                  '{"src":"a.1","dest":"a.2"}', '{"src":"a.*","dest":"r.$1"}', '{"src":"zz","dest":"r"}',
                  '{"src":"a.>","dest":""}', '{"src":"a.*","dest":"r"}', '{"src":"a..b","dest":"r"}',
                  '{"src":"a.>","dest":"$JS.API.>"}', '{"src":"a.*","dest":"r.{{wildcard(1)}}","headers_only":1}'],
    "allow_direct": ["true", "false"],
    "mirror_direct": ["true", "false"],
    "discard_new_per_subject": ["true", "false"],
    "sealed": ["true", "false"],
    "deny_delete": ["true", "false"],
    "deny_purge": ["true", "false"],
    "allow_rollup_hdrs": ["true", "false"],
    "consumer_limits": ["{}", '{"inactive_threshold":1000000000}', '{"max_ack_pending":10}',
                        '{"inactive_threshold":60000000000,"max_ack_pending":1}', '{"max_ack_pending":-1}',
                        '{"inactive_threshold":-1}', '{"x":1}', '{"max_ack_pending":"x"}'],
    "allow_msg_ttl": ["true", "false"],
    "subject_delete_marker_ttl": [0, SECOND, MINUTE, 999999999, -1, HOUR],
    "allow_msg_counter": ["true", "false"],
    "allow_atomic": ["true", "false"],
    "allow_msg_schedules": ["true", "false"],
    "allow_batched": ["true", "false"],
    "persist_mode": ['"default"', '"async"', '"x"'],
    "metadata": ["{}", '{"a":"b"}', '{"b":"1","a":"2"}', '{"_nats.level":"9"}', '{"_nats.req.level":"0"}', '{"a":1}',
                 '{"":"x"}', '{"a":""}', '{"_nats.server.require_api_level":"1"}'],
    "template_owner": ['"x"', '""'],
    "bogus": ["1"],
    "Max_Msgs": [3],
}
CALM_STREAM = {
    "description": ['"d"'], "retention": ['"limits"', '"interest"', '"workqueue"'], "max_consumers": [1, 2],
    "max_msgs": [1, 2, 5, 10], "max_bytes": [200, 1000], "max_age": [HOUR, MINUTE],
    "max_msgs_per_subject": [1, 2, 3], "max_msg_size": [10, 100], "discard": ['"new"'], "storage": ['"memory"'],
    "duplicate_window": [MINUTE, HOUR], "compression": ['"s2"'], "first_seq": [10],
    "subject_transform": ['{"src":"a.*","dest":"b.$1"}', '{"src":"a.*.*","dest":"a.{{wildcard(2)}}.{{wildcard(1)}}"}'],
    "republish": ['{"src":"a.>","dest":"r.>"}', '{"src":"a.1","dest":"r","headers_only":true}'],
    "allow_direct": ["true"], "discard_new_per_subject": ["true"], "deny_delete": ["true"], "deny_purge": ["true"],
    "allow_rollup_hdrs": ["true"], "consumer_limits": ['{"max_ack_pending":10}', '{"inactive_threshold":60000000000}'],
    "allow_msg_ttl": ["true"], "subject_delete_marker_ttl": [MINUTE, HOUR], "allow_msg_counter": ["true"],
    "allow_atomic": ["true"], "allow_msg_schedules": ["true"], "allow_batched": ["true"], "persist_mode": ['"async"'],
    "metadata": ['{"a":"b"}'], "no_ack": ["true"],
}
CONSUMER = {
    "description": ['"d"', '"{d*4097}"'],
    "deliver_policy": ['"all"', '"last"', '"new"', '"by_start_sequence"', '"by_start_time"', '"last_per_subject"',
                       '"undefined"', '"x"'],
    "opt_start_seq": [0, 1, 3, 100],
    "opt_start_time": ['"2020-01-01T00:00:00Z"', '"2020-01-01T00:00:00.123+02:00"', '"2060-01-01T00:00:00Z"', '"x"',
                       '"2020-01-01"', '"0001-01-01T00:00:00Z"'],
    "ack_policy": ['"none"', '"all"', '"explicit"', '"flow_control"', '"x"'],
    "ack_wait": [0, MINUTE, HOUR, -1, LARGEST],
    "max_deliver": [0, -1, 1, 3, -2],
    "backoff": ["[]", "[60000000000]", "[60000000000,120000000000]", "[-1]", f"[{LARGEST}]", "[60000000000,0]", "null"],
    "filter_subject": FILTERS,
    "filter_subjects": ["[]", '["a.1","a.2"]', '["a.>"]', '["a.1","a.*"]', '[""]', '["a.1","a.1"]', '["a..b"]',
                        '["zz"]', '["b","a.1"]'],
    "replay_policy": ['"instant"', '"x"'],
    "rate_limit_bps": [0, 1000, 1000000],
    "sample_freq": ['"50"', '"100%"', '"x"', '"-1"', '"101"', '""', '"1.5"', '" 50"', '"50%%"', '"+5"'],
    "max_waiting": [0, 1, 5, -1, 513],
    "max_ack_pending": [0, -1, 1, 5, 1000, -2],
    "flow_control": ["true", "false"],
    "headers_only": ["true", "false"],
    "max_batch": [0, 1, 5, -1],
    "max_expires": [0, 1, 1000000, SECOND, -1],
    "max_bytes": [0, 100, 1000, -1],
    "deliver_subject": ['"d"', '"d.1"', '"a.1"', '"*"', '"d..1"', '""', '"_INBOX.a.push"', '"d >"'],
    "deliver_group": ['"g"', '""', '"a.b"', '"g h"', '"*"'],
    "idle_heartbeat": [0, 1, SECOND, 99999999, 100000000, -1, MINUTE, LARGEST],
    "inactive_threshold": [MINUTE, HOUR, MINUTE, -1, LARGEST],
    "num_replicas": [0, 1, 2, -1],
    "mem_storage": ["true", "false"],
    "metadata": ["{}", '{"a":"b"}', '{"_nats.level":"9","x":"y"}', '{"a":1}'],
    "pause_until": ['"2060-01-01T00:00:00Z"', '"2020-01-01T00:00:00Z"', '"2060-01-01T00:00:00+01:00"', '"x"',
                    '"0001-01-01T00:00:00Z"'],
    "priority_groups": ["[]", '["g"]', '["g","h"]', '[""]', '["a b"]', '["{g*17}"]', '["{g*16}"]', '["g","g"]', '["*"]',
                        '["A-_/=z"]'],
    "priority_policy": ['"none"', '"overflow"', '"pinned_client"', '"prioritized"', '"x"', '""'],
    "priority_timeout": [0, MINUTE, HOUR, -1],
    "direct": ["false"],
    "bogus": ["1"],
    "Ack_Policy": ['"explicit"'],
}


def stream_configurations(seed):
    """Streams that are created, updated and asked for, with members of all kinds."""
    make = Maker(seed)
    make.add("e sub $JS.EVENT.ADVISORY.STREAM.>")
    if make.chance(0.2):
        make.add('a? @STREAM.CREATE.O {"name":"O","subjects":["b","o.>"]}')
    known = {}  # stream -> members of its last configuration
    for _ in range(make.number(4, 10)):
        name = make.pick(["S", "S", "S", "T"])
        odd = make.pick([0, 0, 0.05, 0.3])
        if name in known and make.chance(0.6):
            members = dict(known[name])
            for member, value in make.some(STREAM if make.chance(0.5) else CALM_STREAM, make.number(1, 3), odd):
                members[member] = value
            for member in list(members):
                if make.chance(0.07):
                    del members[member]
            verb = make.pick(["UPDATE", "UPDATE", "UPDATE", "CREATE"])
        else:
            members = {"subjects": '["a.>"]' if name == "S" else '["t.>"]'} if make.chance(0.8) else {}
            members |= dict(make.some(STREAM if make.chance(0.5) else CALM_STREAM, make.number(0, 5), odd))
            verb = make.pick(["CREATE"] * 6 + ["UPDATE"])
        if odd == 0 and (verb == "CREATE" and name not in known or make.chance(0.3)):
            known[name] = members
        listed = [("name", f'"{name}"' if make.chance(0.97) else make.pick(NAMES)), *members.items()]
        if make.chance(0.15):
            listed.append(("pedantic", make.pick(["true", "true", "true", "false", '"x"', "null"])))
        if make.chance(0.03):
            listed.append(make.pick(listed))
        make.random.shuffle(listed)
        make.add(f"a? @STREAM.{verb}.{name} {make.level()}{make.spoiled(make.body(listed))}")
        if make.chance(0.35):
            make.add(f"a?{make.number(2, 6)} {make.pick(['a.{n}', 'a.1', 't.{n}', 'a.{n}.x', 'b'])} message {{n}}".replace(
                " b message", " b message"))
        if make.chance(0.2):
            make.add(f"a? @STREAM.INFO.{name} " + '{"subjects_filter":">","deleted_details":true}')
        if make.chance(0.1):
            make.add(f"a? @STREAM.{make.pick(['NAMES', 'LIST', 'DELETE.' + name, 'PURGE.' + name])}")
        if make.chance(0.1):
            make.add(f"a? @CONSUMER.CREATE.{name}.c" + f' {{"stream_name":"{name}","config":{{"durable_name":"c",'
                     + make.pick(['"ack_policy":"explicit"', '"ack_policy":"none","deliver_subject":"d"',
                                  '"ack_policy":"all","filter_subject":"a.1"']) + "}}")
    make.add("a? @STREAM.LIST")
    make.add("a? @INFO")
    return make.lines


def consumer_configurations(seed):
    """Consumers that are created, updated, paused, reset, unpinned and asked for."""
    make = Maker(seed)
    make.add("e sub $JS.EVENT.ADVISORY.CONSUMER.>")
    calm = make.some(CALM_STREAM, make.pick([0, 0, 1, 2]), 0)
    calm = [member for member in calm if member[0] not in ("subject_transform", "no_ack")]
    make.add("a? @STREAM.CREATE.S " + make.body([("name", '"S"'), ("subjects", '["a.>","b"]'), *calm]))
    make.add(f"a?{make.number(2, 6)} a.{{n}} message {{n}}")
    if make.chance(0.5):
        make.add("a? a.1 again")
    known, filtered = {}, set()
    for _ in range(make.number(5, 12)):
        name = make.pick(["c", "c", "c", "d", "e"])
        odd = make.pick([0, 0, 0.05, 0.3])
        if name in known and make.chance(0.65):
            members = dict(known[name])
            for member, value in make.some(CONSUMER, make.number(1, 2), odd):
                members[member] = value
            for member in list(members):
                if make.chance(0.07):
                    del members[member]
        else:
            members = {make.pick(["durable_name", "durable_name", "name"]): f'"{name}"'}
            if make.chance(0.8):
                members["ack_policy"] = '"explicit"'
            members |= dict(make.some(CONSUMER, make.number(0, 4), odd))
        if make.chance(0.3):
            members |= make.pick([
                {"priority_groups": '["g"]', "priority_policy": '"overflow"', "ack_policy": '"explicit"'},
                {"priority_groups": '["g"]', "priority_policy": '"pinned_client"', "ack_policy": '"explicit"'},
                {"deliver_subject": '"d"'}, {"deliver_subject": '"d"', "idle_heartbeat": MINUTE, "flow_control": "true"},
                {"deliver_policy": '"by_start_sequence"', "opt_start_seq": 2},
                {"deliver_policy": '"by_start_time"', "opt_start_time": '"2020-01-01T00:00:00Z"'}])
        if make.chance(0.05):
            members[make.pick(["durable_name", "name"])] = make.pick(NAMES)
        # A consumer that loses all filters is told of no new messages by nats-server, so that does not happen here.
        if members.keys() & {"filter_subject", "filter_subjects"}:
            filtered.add(name)
        elif name in filtered:
            members["filter_subject"] = '">"'
        if odd == 0 and (name not in known or make.chance(0.3)):
            known[name] = members
        inner = list(members.items())
        make.random.shuffle(inner)
        listed = [("stream_name", '"S"' if make.chance(0.97) else make.pick(NAMES)), ("config", make.body(inner))]
        if make.chance(0.35):
            listed.append(("action", make.pick(['"create"', '"update"', '""', '"create"', '"update"', '"x"', "1", "null"])))
        if make.chance(0.15):
            listed.append(("pedantic", make.pick(["true", "true", "false", '"x"'])))
        subject = f"@CONSUMER.CREATE.S.{name}"
        if make.chance(0.1):
            subject = make.pick([f"@CONSUMER.DURABLE.CREATE.S.{name}", "@CONSUMER.CREATE.S", f"@CONSUMER.CREATE.T.{name}",
                                 f"@CONSUMER.CREATE.S.{name}.a.1", f"@CONSUMER.CREATE.S.{name}.>",
                                 f"@CONSUMER.CREATE.S.{name}.a.*"])
        make.add(f"a? {subject} {make.level()}{make.spoiled(make.body(listed))}")
        for _ in range(make.pick([0, 0, 1, 2])):
            make.add(consumer_request(make, name))
    make.add("a? @CONSUMER.LIST.S")
    make.add("a? @STREAM.INFO.S")
    return make.lines


def consumer_request(make, name):
    kind = make.number(0, 11)
    if kind <= 3:
        return f"a? @CONSUMER.INFO.S.{name}"
    if kind == 4:
        body = make.pick(['{"pause_until":"2060-01-01T00:00:00Z"}', "", "{}", '{"pause_until":"2020-01-01T00:00:00Z"}',
                          '{"pause_until":"x"}', '{"pause_until":null}', '{"x":1}', '{"pause_until":1}', "x"])
        return f"a? @CONSUMER.PAUSE.S.{name} {body}"
    if kind == 5:
        body = make.pick(["", "{}", '{"seq":1}', '{"seq":3}', '{"seq":100}', '{"seq":0}', '{"seq":-1}', '{"x":1}', "x",
                          '{"seq":"x"}', "null"])
        return f"a? @CONSUMER.RESET.S.{name} {body}"
    if kind == 6:
        body = make.pick(['{"group":"g"}', '{"group":"h"}', "", "{}", '{"x":1}', "x", '{"group":1}', '{"group":""}'])
        return f"a? @CONSUMER.UNPIN.S.{name} {body}"
    if kind == 7:
        return f"a? @CONSUMER.DELETE.S.{name}"
    if kind == 8:
        return f"a? @CONSUMER.{make.pick(['NAMES', 'LIST'])}.S " + make.pick(
            ["", "{}", '{"offset":1}', '{"offset":-1}', '{"offset":100}', '{"subject":"a.1"}', '{"x":1}', "x"])
    if kind == 9:
        return "a? a.1 more"
    return f"a? @CONSUMER.MSG.NEXT.S.{name} " + pull(make)


def pull(make, waiting=False):
    """A request for messages; without `waiting` it ends at once."""
    members = []
    if make.chance(0.8):
        members.append(("batch", make.pick([1, 1, 2, 3, 5, 10, 0, -1, 256, LARGEST])))
    if waiting:
        members.append(("expires", make.pick([MINUTE, MINUTE, HOUR, LARGEST])))
    else:
        members.append(("no_wait", "true"))
        if make.chance(0.05):
            members.append(("expires", make.pick([-1, 0])))
    if make.chance(0.15):
        members.append(("max_bytes", make.pick([0, 1, 50, 80, 100, 150, 200, 1000, -1, LARGEST])))
    if make.chance(0.1):
        members.append(("idle_heartbeat", make.pick([0, MINUTE, SECOND * 25, -1, HOUR, LARGEST])))
    if make.chance(0.25):
        members.append(("group", make.pick(['"g"', '"g"', '"g"', '"h"', '""', "1"])))
    if make.chance(0.1):
        members.append(("min_pending", make.pick([0, 1, 2, 5, -1])))
    if make.chance(0.1):
        members.append(("min_ack_pending", make.pick([0, 1, 2, 5, -1])))
    if make.chance(0.1):
        members.append(("priority", make.pick([0, 1, 9, 10, -1, '"x"'])))
    if make.chance(0.1):
        members.append(("id", make.pick(['"x"', '""', '"{seen:Nats-Pin-Id: (\\\\w+)}"', '"{seen:Nats-Pin-Id: (\\\\w+)}"'])))
    if make.chance(0.03):
        members.append((make.pick(["bogus", "batch", "Batch", "expires"]), make.pick(ODD)))
    make.random.shuffle(members)
    return make.spoiled(make.body(members))
