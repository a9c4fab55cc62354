r"""JetStream scripts (jetstream/*.scripts): byte scripts (see scripts.py) with lines for requests.

    a? @INFO                          a request: the subject (@ stands for $JS.API.) and its body. Waits for one answer.
    a?3 foo [A: B; C: D] body         with headers; waits for three answers
    a~ SUBJECT BODY                   a request whose answers may come later
    a! SUBJECT [HEADERS] BODY         a publish without a reply subject
    a!10 foo.{n} body {n}             ten of them, in one packet
    a?10 foo.{n} body {n}             ten requests in one packet; waits for ten answers
    a% SUBJECT BODY with <> then S2 BODY2
    - text                            one request for every such line, with the text in place of <>, and after each
                                      the request after `then`, if there is one (`then SUBJECT` ends the line)
    a sub SUBJECT [QUEUE]             subscribes; the identifier of the subscription is its number on the connection
    a unsub NUMBER                    ends that subscription
    a login USER PASSWORD             says who this connection is; otherwise nobody
    a get PATH                        asks the monitoring port; `a` is only a name for the answers
    restart [KILL]                    stops the server (TERM or KILL) and starts it on the same folder; connections end

A connection is opened when first named, says CONNECT and subscribes to _INBOX.<its name>.> as 1; request n there has the
reply subject _INBOX.<name>.<n>. In texts: {reply} is the reply subject of the last message that had one, {reply:2} that
of the second message with an acknowledgement subject, {seen:REGEX} the first group of its last match in what this
connection received, {in:SECONDS} a time that far in the future (or past).
"""
import re

import scripts
from scripts import ScriptError, Step

SEND = re.compile(r"^([a-z])([?~!])(\d*) (\S+) ?(?:\[([^\]]*)\] ?)?(.*)$")
TABLE = re.compile(r"^([a-z])% (.*?)(?: then (\S+ ?.*))?$")
ACTION = re.compile(r"^([a-z]) (sub|unsub|login|get) ?(.*)$")

# What every script's server has, where a script says nothing else.
CONFIG = "jetstream { store_dir: js, max_mem: 64MB, max_file: 1GB }\n"


def read(path):
    """The scripts of one file."""
    tables = {}

    def line_of_jetstream(script, line, where):
        if line.startswith("- "):
            if id(script) not in tables:
                raise ScriptError(f"{where}: a row outside of a table")
            connection, request, then = tables[id(script)]
            add_request(script, f"{connection}? {request.replace('<>', line[2:])}", where)
            if then:
                add_request(script, f"{connection}? {then}", where)
        elif match := TABLE.match(line):
            tables[id(script)] = match.groups()
        elif SEND.match(line):
            add_request(script, line, where)
        elif match := ACTION.match(line):
            script.steps.append(Step(match.group(2), match.group(1), match.group(3)))
        elif line == "restart" or line == "restart KILL":
            script.steps.append(Step("restart", "", line[8:]))
        elif line == "no jetstream":
            script.plain = True
        else:
            return False
        return True

    found = scripts.read(path, line_of_jetstream)
    for script in found:
        if "jetstream" not in script.config and not script.plain:
            script.config = CONFIG + script.config
    return found


def add_request(script, line, where):
    match = SEND.match(line)
    if not match:
        raise ScriptError(f"{where}: not understood: {line!r}")
    connection, kind, count, subject, headers, body = match.groups()
    step = Step({"?": "request", "~": "later", "!": "publish"}[kind], connection, body)
    step.subject = "$JS.API." + subject[1:] if subject.startswith("@") else subject
    step.headers, step.count = headers, int(count or 1)
    # {n} in a request with a count means so many requests; without it, so many answers to one.
    step.repeated = "{n}" in line or kind == "!"
    script.steps.append(step)


def exchanges(script):
    """How many requests and publishes the script has."""
    return sum((step.count if step.repeated else 1)
               for step in script.steps if step.verb in ("request", "later", "publish", "get"))
