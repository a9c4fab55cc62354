"""Which messages are left when consumers decide about it, after stops and kills."""
import re

import suite
import suite_commandline

BACKLOG, EATEN, SIZE = 100_000, 1000, 1000
# What a start may read of a store of 100 MB: indexes and the newest block.
READ_MEGABYTES = 32
SUBJECTS = 2
EACH = 20_000


def tests(tools, context):
    return [
        suite.Test("5.091 the start of a work queue", lambda: work_queue(tools, context), alone=True),
        suite.Test("5.090 what the last consumer leaves, and a kill", lambda: last_consumer(tools, context), alone=True),
        suite.Test("5.090 one of two consumers goes, and a kill", lambda: one_of_two(tools, context), alone=True),
    ]


def work_queue(tools, context):
    """A start reads no messages, however many wait for workers."""
    with tools.jetstream(context) as server:
        create(tools, server, "workqueue")
        consumer(tools, server, "c")
        publish(tools, context, server, BACKLOG)
        eaten = tools.run(context, "consume", server.port, "S", "c", EATEN, 100, context.folder / "interest-eaten")
        server.stop()
        server.start()
        left = messages(tools, server)
        read = bytes_read(server)
        suite.check(BACKLOG - left >= eaten["confirmed"], f"{left} left of {BACKLOG}, {eaten['confirmed']} confirmed")
        suite.expect(pending(tools, server, "c"), left, "what is to be delivered, and what is pending")
        suite.check(read < READ_MEGABYTES << 20 or suite_commandline.is_real_nats_server(context),
                    f"the start read {read >> 10} KiB of a store of {BACKLOG * SIZE >> 10} KiB")
        server.kill()
        server.start()
        suite.expect(messages(tools, server), left, "messages after a kill")
        return f"{left} messages wait, {read >> 10} KiB read"


def last_consumer(tools, context):
    """What the last consumer leaves goes, and is not back after a kill; what comes to new ones stays."""
    with tools.jetstream(context) as server:
        create(tools, server, "interest")
        consumer(tools, server, "c")
        publish(tools, context, server, EACH)
        server.stop()  # with a checkpoint that has the messages
        server.start()
        suite.expect(messages(tools, server), EACH, "messages that are of interest")
        tools.must(server, "CONSUMER.DELETE.S.c")
        suite.expect(messages(tools, server), 0, "messages without a consumer")
        server.kill()
        server.start()
        suite.expect(messages(tools, server), 0, "messages without a consumer, after a kill")
        consumer(tools, server, "d")
        publish(tools, context, server, EACH)
        server.kill()
        server.start()
        suite.expect(messages(tools, server), EACH, "messages for the next consumer")
        suite.expect(pending(tools, server, "d"), EACH, "what is to be delivered to it")


def one_of_two(tools, context):
    """A consumer goes: only what the other one wants stays, also when the server is killed meanwhile."""
    with tools.jetstream(context) as server:
        create(tools, server, "interest")
        for number in range(SUBJECTS):
            consumer(tools, server, f"c{number}", filter_subject=f"s.{number}")
        publish(tools, context, server, SUBJECTS * EACH)
        suite.expect(messages(tools, server), SUBJECTS * EACH, "messages that are of interest")
        tools.must(server, "CONSUMER.DELETE.S.c0")
        server.kill()
        server.start()
        suite.wait_until(lambda: messages(tools, server) == EACH, 10, "what nobody wants is gone")
        suite.expect(pending(tools, server, "c1"), EACH, "what is to be delivered to the other consumer")
        eaten = tools.run(context, "consume", server.port, "S", "c1", EACH, 500, context.folder / "interest-rest")
        suite.expect(eaten["confirmed"], EACH, "consumed and confirmed")
        suite.wait_until(lambda: messages(tools, server) == 0, 10, "what was consumed is gone")


def create(tools, server, retention):
    tools.must(server, "STREAM.CREATE.S", {"name": "S", "subjects": ["s.>"], "retention": retention})


def consumer(tools, server, name, **more):
    tools.must(server, f"CONSUMER.CREATE.S.{name}", {
        "stream_name": "S", "config": {**tools.CONSUMER, "durable_name": name, "ack_wait": 60_000_000_000, **more}})


def publish(tools, context, server, count):
    told = tools.run(context, "publish", server.port, "s", SUBJECTS, count, SIZE, 2000,
                     context.folder / "interest-published")
    suite.expect(told["acknowledged"], count, "acknowledged")


def messages(tools, server):
    return tools.must(server, "STREAM.INFO.S")["state"]["messages"]


def pending(tools, server, name):
    found = tools.must(server, f"CONSUMER.INFO.S.{name}")
    return found["num_pending"] + found["num_ack_pending"]


def bytes_read(server):
    """By the process, from the kernel: whether from the disk or its cache."""
    with open(f"/proc/{server.process.pid}/io", encoding="ascii") as file:
        return int(re.search(r"rchar: (\d+)", file.read()).group(1))
