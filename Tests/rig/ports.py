"""Ports for servers under test."""
import random
import socket


def is_free(port):
    """Whether nothing listens on it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def shuffled(ports):
    """Ports of a range in the order in which they are to be tried; another one each time.

    Choose ranges below the ports that the kernel gives to connections: between the choice of a port and its use, or
    while a server is started again, no client can get it."""
    return random.SystemRandom().sample(ports, len(ports))
