"""Makes a history smaller for as long as two servers still answer it differently."""
import re

import jetstream_random_player as playing

BODY = re.compile(r"^(\S+ \S+ (?:\[[^\]]*\] ?)?)(.*)$")
HEADERS = re.compile(r"^(\S+ \S+ )\[([^\]]*)\] ?(.*)$")


def differences(expected, actual):
    """What was answered differently: (connection, subject) -> (expected, actual)."""
    one, other = expected.outcome(), actual.outcome()
    return {key: (one.get(key, []), other.get(key, [])) for key in sorted({*one, *other})
            if one.get(key, []) != other.get(key, [])}


class Shrinker:
    """`differs(histories)` says of each candidate whether the servers still differ in the same way."""

    def __init__(self, differs):
        self.differs = differs

    def smallest(self, lines):
        """Rounds of candidates, each a little smaller; the first of a round that still differs is the next start."""
        size = max(1, len(lines) // 2)
        while True:
            found = self.first([lines[:start] + lines[start + size:] for start in range(0, len(lines), size)])
            if found is not None:
                lines = found
            elif size > 1:
                size = (size + 1) // 2
            else:
                break
        while True:
            found = self.first([lines[:place] + [line] + lines[place + 1:]
                                for place in range(len(lines)) for line in simpler(lines[place])])
            if found is None:
                return lines
            lines = found

    def first(self, candidates):
        for start in range(0, len(candidates), playing.ACCOUNTS):
            part = [candidate for candidate in candidates[start:start + playing.ACCOUNTS] if candidate]
            for candidate, differs in zip(part, self.differs(part) if part else []):
                if differs:
                    return candidate
        return None


def simpler(line):
    """The line with a header or a member of its body left out, or with less to send."""
    if match := re.match(r"^([a-z][?!])(\d+)( .*)$", line):
        yield f"{match.group(1)}{match.group(3)}".replace("{n}", "1")
        if int(match.group(2)) > 2 and "{n}" in line:
            yield f"{match.group(1)}{int(match.group(2)) - 1}{match.group(3)}"
    if match := HEADERS.match(line):
        fields = [field for field in match.group(2).split(";") if field.strip()]
        yield f"{match.group(1)}{match.group(3)}"
        for place in range(len(fields)):
            if len(fields) > 1:
                yield f"{match.group(1)}[{';'.join(fields[:place] + fields[place + 1:]).strip()}] {match.group(3)}"
    if (match := BODY.match(line)) and match.group(2):
        for start, end in members(match.group(2)):
            yield match.group(1) + match.group(2)[:start] + match.group(2)[end:]


def members(text):
    """The places of members and elements of a JSON text, with the comma that goes with each."""
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
