"""The Python client of NATS (nats-py) uses natsd as it uses nats-server. The tests are in natspy_*.py."""
import asyncio

import certificates
import natspy_base
import natspy_logins  # noqa: F401  declares its tests
import natspy_messages  # noqa: F401
import servers
import suite

TLS_FILES = 'cert_file: "{0}/server.pem", key_file: "{0}/server.key", ca_file: "{0}/ca.pem"'


def tests(context):
    folder = context.folder / "certificates-natspy"
    folder.mkdir(exist_ok=True)
    certificates.make(folder)
    return [suite.Test(name, lambda c=config, o=options, f=function: run(context, folder, c, o, f))
            for name, config, options, function in natspy_base.REGISTERED]


def run(context, folder, config, options, function):
    config = config.replace("%TLS%", TLS_FILES.format(folder)).replace("%PIN%", certificates.pin(folder, "client"))
    with servers.running(context.server, context.folder, config, options.get("arguments", ())) as server:
        asyncio.run(asyncio.wait_for(function(server, folder), options.get("seconds", 30)))
