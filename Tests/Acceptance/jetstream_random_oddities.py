"""Random requests that nobody sends on purpose: wrong subjects, bodies, names and numbers."""
from jetstream_random_histories import Maker, ODD

OPERATIONS = [
    "INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.CREATE.{s}", "STREAM.UPDATE.{s}", "STREAM.INFO.{s}",
    "STREAM.PURGE.{s}", "STREAM.MSG.GET.{s}", "STREAM.MSG.DELETE.{s}", "CONSUMER.CREATE.{s}", "CONSUMER.CREATE.{s}.{c}",
    "CONSUMER.CREATE.{s}.{c}.a.1", "CONSUMER.DURABLE.CREATE.{s}.{c}", "CONSUMER.NAMES.{s}", "CONSUMER.LIST.{s}",
    "CONSUMER.INFO.{s}.{c}", "CONSUMER.PAUSE.{s}.{c}", "CONSUMER.UNPIN.{s}.{c}", "DIRECT.GET.{s}", "DIRECT.GET.{s}.a.1",
    "STREAM.SNAPSHOT.{s}", "STREAM.LEADER.STEPDOWN.{s}", "STREAM.PEER.REMOVE.{s}", "CONSUMER.LEADER.STEPDOWN.{s}.{c}",
    "STREAM.DELETE.{s}", "CONSUMER.DELETE.{s}.{c}", "STREAM.CANCEL_MOVE.{s}", "STREAM.PEER.EVACUATE.{s}",
]
# Nobody listens there, or nobody answers.
UNANSWERED = [
    "META.LEADER.STEPDOWN", "SERVER.REMOVE", "ACCOUNT.PURGE.A", "CONSUMER.RESET.{s}.x", "CONSUMER.MSG.NEXT.{s}.x",
    "STREAM.NOTHING.{s}", "STREAM", "CONSUMER", "STREAM.CREATE", "STREAM.INFO", "STREAM.CREATE.{s}.x", "CONSUMER.INFO.{s}",
    "CONSUMER.INFO.{s}.{c}.x", "STREAM.TEMPLATE.CREATE.x", "CONSUMER.DURABLE.CREATE.{s}", "CONSUMER.PAUSE.{s}", "DIRECT.GET",
    "STREAM.NAMES.x", "INFO.x", "STREAM.MSG.GET", "STREAM.MSG.DELETE.{s}.1", "CONSUMER.CREATE",
]
STREAMS = ["S", "S", "S", "S", "T", "s", "S-1", "S_2", "$S", "{n*255}", "{n*256}", "\\xc3\\xa4"]
CONSUMERS = ["c", "c", "d", "C", "c-1", "{n*256}", "$c"]
MEMBERS = {
    "offset": ["0", "1", "2", "1024", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e2"],
    "subject": ['"a.1"', '"a.>"', '"zz"', '""', '"a..b"', '">"', '"*"', '"a.*"'],
    "deleted_details": ["true", "false", '"x"'],
    "subjects_filter": ['">"', '"a.*"', '"zz"', '"a..b"', '"a.1"'],
    "name": ['"S"', '"T"', '"s"', '"a.b"', '""'],
    "subjects": ['["a.>"]', '["t.>"]', '["s.>"]', "[]"],
    "stream_name": ['"S"', '"T"', '""'],
    "config": ['{"durable_name":"c"}', '{"name":"c"}', "{}", '{"durable_name":"d","ack_policy":"explicit"}', '{"name":"d"}'],
    "seq": ["1", "2", "0", "-1", "9223372036854775808", "18446744073709551615"],
    "keep": ["1", "0"], "filter": ['"a.1"', '"zz"'], "last_by_subj": ['"a.1"', '"a.>"'], "no_erase": ["true"],
    "pause_until": ['"2060-01-01T00:00:00Z"', '"2020-02-30T00:00:00Z"', '"2020-01-01T00:00:00.123456789123Z"',
                    '"2020-01-01 00:00:00Z"', '"2020-01-01T24:00:00Z"', '"2020-01-01T00:00:00+24:00"', '"2020-01-01t00:00:00z"',
                    '"2020-01-01T00:00:60Z"', '"+2020-01-01T00:00:00Z"', '"10000-01-01T00:00:00Z"'],
    "group": ['"g"', '"a.b"', '""'], "batch": ["1", "2"], "pedantic": ["true"], "action": ['"create"', '"update"'],
    "metadata": ['{"a":"b"}', '{"a":null}', "null", '{"a":{}}'],
    "max_msgs": ["5", "5.0", "5e0", "0x5", "٥"], "description": ['"\\\\ud800"', '"\\\\u0000"', '"\\xff"', '"\\\\x"', '"a\\x09b"'],
    "peer": ['"x"'], "bogus": ["1"],
}
WHOLE = ["", " ", "x", "{}", " {} ", "[]", "null", "1", '"x"', "{", "}", "{}x", "{} {}", "{}\\r\\n{}", '{"a":1}{"b":2}', "[{}]",
         "\\x00", "\\xff\\xfe", '{"a"}', '{"a":}', "{,}", '{"a":1,}', "true", "nul", "{'a':1}", "// x", '{"":1}', "-", "1e999",
         "{[*600}{]*600}", '{"a":{[*600}', "{ *200}", '{"seq":1}', '{"seq":"1"}', "\\xef\\xbb\\xbf{}", "\\t{}\\n"]


def oddities(seed):
    make = Maker(seed)
    make.add('a? @STREAM.CREATE.S {"name":"S","subjects":["a.>"],"allow_direct":true}')
    make.add("a?3 a.{n} message {n}")
    make.add('a? @CONSUMER.CREATE.S.c {"stream_name":"S","config":{"durable_name":"c","ack_policy":"explicit"}}')
    for _ in range(make.number(12, 24)):
        answered = make.chance(0.93)
        subject = make.pick(OPERATIONS if answered else UNANSWERED)
        subject = subject.replace("{s}", make.pick(STREAMS)).replace("{c}", make.pick(CONSUMERS))
        if make.chance(0.04):
            subject = make.pick([subject.lower(), subject + ".", subject + ".x", "." + subject, subject.replace(".", "..", 1)])
            answered = False
        if make.chance(0.35):
            body = make.pick(WHOLE)
        else:
            members = [(name, make.pick(MEMBERS[name]) if make.chance(0.85) else make.pick(ODD))
                       for name in make.random.sample(sorted(MEMBERS), make.number(1, 3))]
            body = make.spoiled(make.body(members))
        if "SNAPSHOT" in subject and "deliver_subject" not in body and body.startswith("{"):
            body = make.pick(["{}", "", "x", '{"deliver_subject":""}', '{"bogus":1}', "[]"])
        make.add(f"{'a?' if answered else 'a~'} @{subject} {make.level()}{body}")
    make.add("a? @STREAM.LIST")
    make.add("a? @CONSUMER.LIST.S")
    make.add("a? @INFO")
    return make.lines
