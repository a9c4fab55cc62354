r"""Byte scripts: what is sent to a server on one or several raw connections, read from *.scripts files.

    @config users                     a configuration with a name, for the scripts that follow
    | authorization { ... }           its text

    === 4.002 the right token is accepted        a script and its name, with the FEATURES rows it shows
    use users                         takes a named configuration
    | max_payload: 1KB                lines of configuration, after the named one
    arguments -D                      flags of the server
    unordered                         frames are compared as a set: several may come in any order
    pings                             the server's own PINGs are compared too
    a> SUB foo 1                      sends the line and CRLF on connection a, which is opened when first named
    a+ PUB foo 5\r\nhel               sends exactly that
    settle                            waits until the server has nothing more to say (so what follows is another packet)
    a closed 3                        waits at most so many seconds until the server closes the connection
    a open [tls] [sni=N] [client=N]   opens it without reading INFO first; with `tls` the handshake comes at once
    a tls [sni=N] [client=N]          TLS handshake now, with a client certificate when named
    a close | a shutdown              closes it, or only our sending side
    pause 1.5                         waits; only where time is what the script is about
    reload                            replaces the configuration by the `|` lines that follow, then sends HUP
    signal USR2                       sends a signal
    log REGEX                         at the end the matching lines of the server's log are compared too

Lines for one connection that follow each other are sent as one packet; a change of connection settles first.
Escapes: \r \n \t \\ \xHH. {x*1000} is a thousand x; {sig:SEED} signs the nonce of INFO; {reply} is the
reply subject of the last message that came on this connection; %CERTS% is the folder of
the certificates and %PIN:NAME% the pin of one.
"""
import re
from dataclasses import dataclass, field


class ScriptError(Exception):
    pass


@dataclass
class Step:
    verb: str  # send, settle, closed, open, tls, close, shutdown, pause, reload, signal
    connection: str = ""
    text: str = ""
    # Of requests (jetstream_scripts.py):
    subject: str = ""
    headers: str | None = None
    count: int = 1
    repeated: bool = False


@dataclass
class Script:
    name: str
    where: str
    config: str = ""
    arguments: list = field(default_factory=list)
    unordered: bool = False
    pings: bool = False
    logs: list = field(default_factory=list)
    steps: list = field(default_factory=list)
    plain: bool = False  # a JetStream script whose server has none


SEND = re.compile(r"^([a-z])([>+]) ?(.*)$")
ACTION = re.compile(r"^([a-z]) (closed|open|tls|close|shutdown)\b ?(.*)$")
STEP = re.compile(r"^(settle|pause|reload|signal)\b ?(.*)$")


def read(path, extension=None):
    """The scripts of one file. `extension(script, line, where)` is asked first and says whether the line was its."""
    configs, found, script, config_name = {}, [], None, ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@config "):
            script, config_name = None, line[8:].strip()
            configs[config_name] = ""
        elif line.startswith("=== "):
            script = Script(line[4:].strip(), where)
            found.append(script)
        elif line.startswith("|"):
            text = line[1:].removeprefix(" ") + "\n"
            if script is None:
                configs[config_name] += text
            elif script.steps and script.steps[-1].verb == "reload":
                script.steps[-1].text += text
            else:
                script.config += text
        elif script is None:
            raise ScriptError(f"{where}: a step outside of a script")
        elif not extension or not extension(script, line, where):
            read_line(script, line, configs, where)
    return found


def read_line(script, line, configs, where):
    word, _, rest = line.partition(" ")
    if word == "use":
        if rest not in configs:
            raise ScriptError(f"{where}: no configuration {rest!r}")
        script.config += configs[rest]
    elif word == "arguments":
        script.arguments += rest.split()
    elif word == "unordered":
        script.unordered = True
    elif word == "pings":
        script.pings = True
    elif word == "log":
        script.logs.append(rest)
    elif match := SEND.match(line):
        add_send(script, match.group(1), match.group(3) + ("\\r\\n" if match.group(2) == ">" else ""))
    elif match := ACTION.match(line):
        script.steps.append(Step(match.group(2), match.group(1), match.group(3)))
    elif match := STEP.match(line):
        script.steps.append(Step(match.group(1), "", match.group(2)))
    else:
        raise ScriptError(f"{where}: not understood: {line!r}")


def add_send(script, connection, text):
    last = script.steps[-1] if script.steps else None
    if last and last.verb == "send" and last.connection == connection:
        last.text += text
    else:
        script.steps.append(Step("send", connection, text))
