"""What two servers answered differently, and the smallest history that still shows it."""
import itertools
import re

import jetstream_random_player as playing

BODY = re.compile(r"^(\S+ \S+ (?:\[[^\]]*\] ?)?)(.*)$")
HEADERS = re.compile(r"^(\S+ \S+ )\[([^\]]*)\] ?(.*)$")
COUNTED = re.compile(r"^([a-z][?!])(\d+)( .*)$")
# Of a long answer, the part from a little before the place where it differs.
SHOWN_BEFORE, SHOWN = 60, 300


def differences(expected, actual):
    """What was answered differently: (connection, subject) -> (expected, actual)."""
    one, other = expected.outcome(), actual.outcome()
    return {key: (one.get(key, []), other.get(key, [])) for key in sorted({*one, *other})
            if one.get(key, []) != other.get(key, [])}


def place(one, other):
    """Where two texts part."""
    return next((index for index, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def member_at(text, index):
    """The path of the JSON member at a place of a text."""
    stack, key, last, start, quoted = [], "", "", 0, False
    for position, character in enumerate(text[:index + 1]):
        if quoted:
            if character == '"' and text[position - 1] != "\\":
                quoted, last = False, text[start:position]
        elif character == '"':
            quoted, start = True, position + 1
        elif character == ":":
            key = last
        elif character in "{[":
            stack.append(key)
        elif character in "}]" and stack:
            stack.pop()
    return ".".join([*stack[1:], key])


def kind_of(play, key, expected, actual):
    """Differences of one kind have one cause, mostly: the request, and what of the answer differs."""
    request = play.asked.get(key, key[1]).split(" ")
    words = [re.sub(r"\.(S|T|O)\b.*", "", request[min(1, len(request) - 1)])]
    if len(expected) != len(actual):
        words.append(f"{len(expected)} answers, not {len(actual)}")
    for one, other in zip(expected, actual):
        if one != other:
            one, other = (text.split(" | ", 1)[-1] for text in (one, other))
            if one.startswith("{"):
                words.append(member_at(one, place(one, other)))
            else:
                words += [re.sub(r"\d+", "N", text[:80]) for text in (one, other)]
            break
    return "; ".join(words)


def first_kind(play, found):
    """The kind of the difference that came first; advisories come last."""
    def order(key):
        number = key[1].rsplit(".", 1)[-1]
        return key[0].startswith("e"), key[0], int(number) if number.isdigit() else 1 << 30, key
    key = min(found, key=order)
    return kind_of(play, key, *found[key])


def description(play, found):
    lines = []
    for key, (expected, actual) in found.items():
        lines.append(f">> {play.asked.get(key, ' '.join(key))}")
        for one, other in itertools.zip_longest(expected, actual):
            if one != other:
                start = max(0, place(one or "", other or "") - SHOWN_BEFORE) if one and other else 0
                lines += [f"  {sign} {text[:24]} ... {text[start:start + SHOWN]}" if start > 24 else
                          f"  {sign} {text[:SHOWN * 2]}" for sign, text in (("-", one), ("+", other)) if text]
    return lines


def smallest(lines, differs):
    """`differs(candidates)` says of each whether the servers still differ in the same way. Each round tries what is a
    little smaller; the first that still differs is the next start."""
    def first(candidates):
        candidates = [candidate for candidate in candidates if candidate]
        for start in range(0, len(candidates), playing.ACCOUNTS):
            part = candidates[start:start + playing.ACCOUNTS]
            for candidate, still in zip(part, differs(part)):
                if still:
                    return candidate
        return None

    size = max(1, len(lines) // 2)
    while True:
        found = first([lines[:start] + lines[start + size:] for start in range(0, len(lines), size)])
        if found is not None:
            lines = found
        elif size > 1:
            size = (size + 1) // 2
        else:
            break
    while True:
        found = first([lines[:number] + [line] + lines[number + 1:]
                       for number in range(len(lines)) for line in simpler(lines[number])])
        if found is None:
            return lines
        lines = found


def simpler(line):
    """The line with a header or a member of its body left out, or with less to send."""
    if match := COUNTED.match(line):
        yield f"{match.group(1)}{match.group(3)}".replace("{n}", "1")
        if int(match.group(2)) > 2 and "{n}" in line:
            yield f"{match.group(1)}{int(match.group(2)) - 1}{match.group(3)}"
    if match := HEADERS.match(line):
        fields = [field for field in match.group(2).split(";") if field.strip()]
        yield f"{match.group(1)}{match.group(3)}"
        for number in range(len(fields)):
            if len(fields) > 1:
                yield f"{match.group(1)}[{';'.join(fields[:number] + fields[number + 1:]).strip()}] {match.group(3)}"
    if (match := BODY.match(line)) and "{n}" not in match.group(2):
        for start, end in members(match.group(2)):
            yield match.group(1) + match.group(2)[:start] + match.group(2)[end:]


def members(text):
    """The places of members and elements of a JSON text, with the comma that goes with each; the largest first."""
    places, stack, quoted, index = [], [], False, 0
    while index < len(text):
        character = text[index]
        if quoted:
            if character == "\\":
                index += 1
            elif character == '"':
                quoted = False
        elif character == '"':
            quoted = True
        elif character in "{[":
            stack.append(index + 1)
        elif character in ",}]" and stack:
            start = stack[-1]
            if index > start:
                is_first = text[start - 1] in "{["
                places.append((start, index + (character == ",")) if is_first else (start - 1, index))
            if character == ",":
                stack[-1] = index + 1
            else:
                stack.pop()
        index += 1
    return sorted(places, key=lambda place: place[0] - place[1])
