"""Random histories of consumers: publishing, pulling, acknowledging, deleting, changing, restarting."""
import jetstream_random_messages as publishing
from jetstream_random_histories import HOUR, MINUTE, Maker, consumer_request, pull

WAITING_ACKS = {'+NXT {"batch":1,"expires":60000000000}', "+NXT x", "+NXT", "+NXT 2"}
ACKS = ["+ACK", "+ACK", "+ACK", "-NAK", "+WPI", "+TERM", "", "+NXT", '-NAK {"delay":60000000000}', '-NAK {"delay":0}',
        "+TERM because", '+NXT {"batch":2,"no_wait":true}', "+NXT 2", "-NAK x", "x", "+ACK x", '-NAK {"delay":"1h"}', "-NAK{}",
        "+TERM ", "+ack", '+NXT {"batch":1,"expires":60000000000}', "+NXT x", "-NAK 5", '-NAK {"delay":-1}']
CONSUMER = {
    "ack_policy": ['"explicit"', '"explicit"', '"explicit"', '"all"', '"none"'],
    "deliver_policy": ['"last"', '"new"', '"last_per_subject"', '"all"'],
    "filter_subject": ['"a.1"', '"a.*"', '"a.2"', '"b"', '"a.>"', '"zz"'],
    "filter_subjects": ['["a.1","a.2"]', '["a.1","b"]', '["a.*","b"]'],
    "max_deliver": [1, 2, 3],
    "max_ack_pending": [1, 2, 5],
    "max_waiting": [1, 2],
    "headers_only": ["true"],
    "sample_freq": ['"100"'],
    "backoff": ["[60000000000]"],
    "inactive_threshold": [HOUR],
    "mem_storage": ["true"],
    "max_batch": [2],
    "max_bytes": [200],
    "max_expires": [HOUR],
    "priority": ["overflow", "pinned_client", "prioritized"],
    "replay_policy": ['"original"'],
}


def consumer(make, name, known):
    members = {"durable_name": f'"{name}"', "ack_policy": '"explicit"'}
    if make.chance(0.15):
        members = {"name": f'"{name}"', "ack_policy": '"explicit"', "inactive_threshold": HOUR}
    for field in make.random.sample(sorted(set(CONSUMER) - {"replay_policy"}), make.pick([0, 0, 1, 1, 2, 3])):
        value = make.pick(CONSUMER[field])
        if field == "priority":
            members |= {"priority_groups": '["g"]', "priority_policy": f'"{value}"'}
        else:
            members[field] = value
    if "filter_subjects" in members:
        members.pop("filter_subject", None)
    if make.chance(0.08):
        members |= {"deliver_policy": '"by_start_sequence"', "opt_start_seq": make.number(1, 6)}
    keep_filtered(known.get(name, {}), members)
    known[name] = members
    return create(make, name, members)


def keep_filtered(old, new):
    """A consumer that loses all filters is told of no new messages by nats-server, so that does not happen here."""
    filters = {"filter_subject", "filter_subjects"}
    if old.keys() & filters and not new.keys() & filters:
        new["filter_subject"] = '">"'


def create(make, name, members, action=""):
    listed = [("stream_name", '"S"'), ("config", make.body(members.items()))]
    if action:
        listed.append(("action", f'"{action}"'))
    return f"a? @CONSUMER.CREATE.S.{name} " + make.body(listed)


def change(make, name, known, changes_filters):
    members = dict(known.get(name, {"durable_name": f'"{name}"', "ack_policy": '"explicit"'}))
    filters = ["filter_subject", "filter_subjects"] if changes_filters else []
    for field in make.random.sample([*filters, "max_deliver", "max_ack_pending", "headers_only",
                                     "max_batch", "backoff", "description"], make.number(1, 2)):
        if field in members and make.chance(0.5):
            del members[field]
        else:
            members[field] = '"x"' if field == "description" else make.pick(CONSUMER[field])
    keep_filtered(known.get(name, {}), members)
    if "filter_subject" in members and "filter_subjects" in members:
        members.pop(make.pick(["filter_subject", "filter_subjects"]))
    known[name] = members
    return create(make, name, members, make.pick(["", "update", "update"]))


def acknowledge(make, pulled, restarts=0):
    number = make.number(max(1, pulled - 5), max(1, pulled + 1))
    verb = make.pick(ACKS)
    if restarts and verb in WAITING_ACKS:
        verb = "+ACK"
    confirmed = not verb.startswith(("+NXT", "+WPI")) and make.chance(0.6)
    return f"{'a?' if confirmed else 'a~'} {{reply:{number}}} {verb}"


def stream(make):
    members = {"subjects": '["a.>","b"]'}
    if make.chance(0.5):
        members["retention"] = make.pick(['"interest"', '"workqueue"'])
    if make.chance(0.25):
        members["max_msgs_per_subject"] = make.pick([1, 2])
    if make.chance(0.15):
        members["max_msgs"] = make.pick([3, 6])
    if make.chance(0.15):
        members["storage"] = '"memory"'
    if make.chance(0.1):
        members["allow_rollup_hdrs"] = "true"
    if make.chance(0.05):
        members["discard"] = '"new"'
    make.add("a? @STREAM.CREATE.S " + make.body([("name", '"S"'), *members.items()]))
    return members


def consumers(seed, restarts=0):
    """One to three consumers at work on a stream."""
    make = Maker(seed)
    make.add("e sub $JS.EVENT.ADVISORY.CONSUMER.>")
    make.add("e sub $JS.EVENT.METRIC.>")
    members = stream(make)
    names = make.pick([["c"], ["c"], ["c", "d"], ["c", "d", "f"]])
    # With other filters a consumer is not told any more of the end of what it got with the old ones.
    changes_filters = not members.keys() & {"max_msgs", "max_msgs_per_subject", "allow_rollup_hdrs"} and make.chance(0.4)
    known, pulled = {}, 0
    if make.chance(0.5):
        make.add(f"a?{make.number(2, 5)} a.{{n}} message {{n}}")
    for name in names:
        line = consumer(make, name, known)
        if members.get("retention") == '"workqueue"' and make.chance(0.8):
            filters = {"c": '"a.1"', "d": '"a.2"', "f": '"a.3"'} if len(names) > 1 else {"c": '"a.>"'}
            fields = known[name]
            fields.pop("filter_subjects", None)
            fields.pop("deliver_policy", None)
            fields.pop("opt_start_seq", None)
            fields |= {"filter_subject": filters[name], "ack_policy": '"explicit"'}
            line = create(make, name, fields)
        make.add(line)
    places = set(make.random.sample(range(4, 14), restarts))
    for place in range(make.number(15, 28)):
        if place in places:
            make.add("restart")
            pulled = 0
            # To the first change after a restart nats-server answers what it knew at its start: nobody hears that.
            for name in names:
                make.add(create(make, name, known[name]).replace("a?", "a!", 1))
        name = make.pick(names)
        kind = make.number(0, 99)
        if kind < 22:
            # One by one: with a limit it matters which of them a waiting request meets.
            for number in range(make.pick([1, 1, 1, 2, 3])):
                make.add(publishing.publish_one(make, 0.05) if make.chance(0.3) else
                         f"a? {make.pick(['a.1', 'a.2', 'a.3', 'a.1', 'b'])} message {number}")
        elif kind < 50:
            # Those who wait are told of the end of nats-server, and natsd is killed.
            waiting = make.chance(0.25) and not restarts
            body = request(make, known, name, waiting)
            if restarts and "no_wait" not in body:
                body = '{"batch":1,"no_wait":true}'
            make.add(f"{'a~' if waiting else 'a?'} @CONSUMER.MSG.NEXT.S.{name} {body}")
            pulled += 2
        elif kind < 74:
            make.add(acknowledge(make, pulled, restarts))
        elif kind < 79:
            line = publishing.removal(make)
            # nats-server wakes nobody after a purge who waits because too much is pending.
            stalls = "PURGE" in line and any("max_ack_pending" in fields for fields in known.values())
            if not stalls and not changes_filters:
                make.add(line)
        elif kind < 83:
            make.add(change(make, name, known, changes_filters))
        elif kind < 86:
            make.add(consumer_request(make, name))
        elif kind < 88 and changes_filters:
            make.add(consumer(make, name, known))
        elif kind < 97:
            make.add(f"a? @CONSUMER.INFO.S.{name}")
        else:
            make.add('a? @STREAM.INFO.S {"subjects_filter":">","deleted_details":true}')
    for name in names:
        make.add(f"a? @CONSUMER.INFO.S.{name}")
    make.add('a? @STREAM.INFO.S {"subjects_filter":">","deleted_details":true}')
    return make.lines


def request(make, known, name, waiting):
    """A pull request, with the group if there is one."""
    text = pull(make, waiting)
    if "priority_groups" in known.get(name, {}) and '"group"' not in text and make.chance(0.9):
        text = text.replace("{", '{"group":"g",', 1).replace(",}", "}")
    return text


def consumers_and_restarts(seed):
    return consumers(seed, restarts=2)


def pushes(seed):
    """Push consumers, with and without listeners, flow control and groups."""
    make = Maker(seed)
    make.add("e sub $JS.EVENT.ADVISORY.CONSUMER.>")
    stream(make)
    make.add(f"a?{make.number(2, 5)} a.{{n}} message {{n}}")
    # Each has subjects of its own: nobody knows in which order two deliver.
    subjects = {"c": ["d", "d.1"], "d": ["x", "x.1"]}
    names = make.pick([["c"], ["c", "d"]])
    listening, queues, known = 2, [f"{subject} g" for name in names for subject in subjects[name]], {}
    # A group stays what it is: nats-server goes on looking for listeners of the old one after an update.
    groups = {name for name in names if make.chance(0.2)}
    for _ in range(make.number(10, 20)):
        name = make.pick(names)
        kind = make.number(0, 99)
        if kind < 20:
            members = {"durable_name": f'"{name}"', "deliver_subject": f'"{make.pick(subjects[name])}"',
                       "ack_policy": make.pick(['"explicit"', '"none"', '"all"'])}
            if name in groups:
                members["deliver_group"] = '"g"'
            if make.chance(0.15):
                members |= {"idle_heartbeat": MINUTE, "flow_control": "true"}
            for field in make.random.sample(["filter_subject", "max_deliver", "max_ack_pending", "headers_only",
                                             "deliver_policy", "filter_subjects", "rate_limit_bps"], make.pick([0, 1, 2])):
                if field == "rate_limit_bps":
                    members[field] = 100000000
                elif not (field == "max_ack_pending" and members["ack_policy"] == '"none"'):
                    members[field] = make.pick(CONSUMER[field])
            keep_filtered(known.get(name, {}), members)
            known[name] = members
            make.add(create(make, name, members))
        elif kind < 35:
            # Of two members of a queue either is chosen.
            subject = make.pick([*subjects[name], f"{subjects[name][0]}.*", *queues])
            queues = [queue for queue in queues if queue != subject]
            make.add("a sub " + subject)
        elif kind < 42:
            make.add(f"a unsub {listening}")
            listening += 1
        elif kind < 65:
            make.add(f"a? {make.pick(['a.1', 'a.2', 'b'])} message")
        elif kind < 80:
            make.add(acknowledge(make, make.number(1, 8)))
        elif kind < 84:
            make.add(publishing.removal(make))
        elif kind < 88:
            make.add(consumer_request(make, name))
        else:
            make.add(f"a? @CONSUMER.INFO.S.{name}")
    for name in names:
        make.add(f"a? @CONSUMER.INFO.S.{name}")
    make.add('a? @STREAM.INFO.S {"subjects_filter":">","deleted_details":true}')
    return make.lines
