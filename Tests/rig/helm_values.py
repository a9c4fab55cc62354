"""YAML as Helm reads it, and values put together as Helm does: files in order, then single settings."""
import re

import yaml


class Loader(yaml.SafeLoader):
    """YAML without dates and without numbers in base 60."""


_REPLACED = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
Loader.yaml_implicit_resolvers = {
    first: [resolver for resolver in resolvers if resolver[0] not in _REPLACED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"))
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
    list("-+0123456789."))


class BadValues(Exception):
    """Values that cannot be read; the text is one line."""


def documents(text):
    """Every YAML document of `text`, empty ones included."""
    return list(yaml.load_all(text, Loader))


def merge(into, other):
    """Lays `other` over `into`, map by map; returns `into`."""
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


def read_file(name):
    try:
        with open(name, encoding="utf-8") as file:
            found = [document for document in documents(file.read()) if document is not None]
    except OSError as error:
        raise BadValues(f"cannot read {name}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise BadValues(f"{name}: " + " ".join(str(error).split())) from None
    values = {}
    for document in found:
        if not isinstance(document, dict):
            raise BadValues(f"{name}: values must be a map")
        merge(values, document)
    return values


def read_setting(setting):
    """KEY.KEY=VALUE as a map of maps; a dot inside a key is written \\."""
    path, equals, text = setting.partition("=")
    if not equals or not path or "[" in path:
        raise BadValues(f"--set {setting}: expected KEY.KEY=VALUE (lists: a values file)")
    value = documents(text)[0] if text else ""
    for key in reversed(re.split(r"(?<!\\)\.", path)):
        value = {key.replace("\\.", "."): value}
    return value


def read(files, settings):
    values = {}
    for name in files:
        merge(values, read_file(name))
    for setting in settings:
        merge(values, read_setting(setting))
    return values
