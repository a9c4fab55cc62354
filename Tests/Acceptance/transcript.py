"""What a server sent, cut into frames, with everything that may differ between two servers replaced by its shape."""
import itertools
import json
import re

SERVER_ID = re.compile(rb"N[A-Z2-7]{55}")
ROUTED_REPLY = re.compile(rb"_R_\.[0-9A-Za-z.]+")
CONTROL = re.compile(rb"(INFO |\+OK|-ERR|PING|PONG|MSG |HMSG )")

# Members of JSON documents that differ from run to run, in INFO and in messages that the server itself makes.
VOLATILE = {
    "INFO": {"server_id", "go", "git_commit", "port", "client_id", "nonce", "xkey"},
    # id, name and version of a server; of metrics and traces: times, addresses, client ids.
    "document": {
        "id", "timestamp", "ts", "time", "start", "rtt", "service", "system", "total", "cid", "host", "port",
        "server_id", "hop_id", "elapsed", "start_time", "stop", "seq", "xkey", "server", "server_name",
    },
}
SERVER_MADE = re.compile(rb'^\{("server":\{|"type":"io\.nats\.server\.)')


def frames(data, mask_all=None):
    """Cuts the received bytes into frames, each a normalised line of text. An unfinished frame stays as it is.

    `mask_all`, where given, replaces what is volatile in headers and bodies of messages instead of this file's rules.
    """
    found, position = [], 0
    while position < len(data):
        end = data.find(b"\r\n", position)
        if end < 0 or not CONTROL.match(data, position):
            found.append(b"RAW " + data[position:])
            break
        line = data[position:end]
        position = end + 2
        if line.startswith((b"MSG ", b"HMSG ")):
            size = int(line.rsplit(b" ", 1)[1])
            body = data[position:position + size]
            if len(data) < position + size + 2:
                found.append(b"RAW " + line + b" ... " + data[position:])
                break
            position += size + 2
            found.append(message(line, body, mask_all))
        elif line.startswith(b"INFO "):
            found.append(info(line[5:]))
        else:
            found.append(mask(line))
    return [frame.decode("utf-8", "backslashreplace").replace("\r", "\\r").replace("\n", "\\n") for frame in found]


def with_copies_sorted(found):
    """Copies of one message for several subscriptions of a connection come in any order; all else has its place."""
    groups = itertools.groupby(found, lambda frame: copy_key(frame) or object())
    return [frame for _, group in groups for frame in sorted(group)]


def copy_key(frame):
    verb, subject, *_ = frame.split(" ", 2) + [""]
    return (subject, frame.partition(" | ")[2]) if verb in ("MSG", "HMSG") else None


def mask(text):
    return ROUTED_REPLY.sub(b"_R_.<reply>", SERVER_ID.sub(b"<server id>", text))


def message(line, body, mask_all=None):
    verb, *arguments = line.split(b" ")
    header = b""
    if verb == b"HMSG":
        length = int(arguments[-2])
        header, body = body[:length], body[length:]
    masked_header, masked_body = mask_header(header), mask_body(body)
    if mask_all:
        masked_header, masked_body = mask_all(header), mask_all(body)
    if verb == b"HMSG":
        sizes = [size(header, masked_header), size(header + body, masked_header + masked_body)]
        arguments[-2:] = sizes
    else:
        arguments[-1:] = [size(body, masked_body)]
    return (mask_all or mask)(b" ".join([verb, *arguments])) + b" | " + masked_header + (b" | " if header else b"") + masked_body


def size(text, masked):
    """A size counts only when nothing inside it was replaced."""
    return str(len(text)).encode() if text == masked else b"<size>"


def mask_header(header):
    def document(match):
        return match.group(1) + mask_document(match.group(2)) + b"\r\n"
    return mask(re.sub(rb"(Nats-Request-Info: )(\{.*?\})\r\n", document, header))


def mask_body(body):
    return mask_document(body) if SERVER_MADE.match(body) else mask(body)


def mask_document(text):
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return mask(json.dumps(shape(value, VOLATILE["document"]), separators=(",", ":")).encode())


def shape(value, volatile, name=""):
    """The value with volatile members replaced by the name of their kind; order of members is kept."""
    if isinstance(value, dict):
        return {key: shape(member, volatile, key) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(member, volatile, name) for member in value]
    if name not in volatile:
        return value
    return f"<{type(value).__name__}>"


def info(text):
    try:
        document = json.loads(text)
    except ValueError:
        return b"INFO (not JSON) " + text
    words = []
    for key, value in document.items():
        if key == "nonce":
            value = f"<{len(value)} characters>"
        elif key == "server_name" and value == document.get("server_id"):
            value = "<server id>"
        elif key == "connect_urls":
            value = [re.sub(r":\d+$", ":<port>", url) for url in value]
        else:
            value = shape(value, VOLATILE["INFO"], key)
        words.append(f"{key}={json.dumps(value, separators=(',', ':'))}")
    return ("INFO " + " ".join(words)).encode()
