"""An OPC UA server for the tests, in a process of its own: `opcua_peer.py '{"port": 4840, ...}'`.

It takes commands as lines of JSON and answers each with a line; it ends when its input does.
"""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole

NAMESPACE = "http://example.org/press"
NODES = {
    "temperature": (21.5, ua.VariantType.Double),
    "steady": (7.25, ua.VariantType.Float),
    "name": ("press", ua.VariantType.String),
    "bit": (False, ua.VariantType.Boolean),
    "taken": (False, ua.VariantType.Boolean),
    "count": (5, ua.VariantType.UInt16),
    "count_taken": (5, ua.VariantType.UInt16),
    "part": ("", ua.VariantType.String),
    "outcome": ("", ua.VariantType.String),
    "code": (0, ua.VariantType.Byte),
    "good": (False, ua.VariantType.Boolean),
    "score": (0.0, ua.VariantType.Float),
    "kind": ("", ua.VariantType.String),
    "inspected": (False, ua.VariantType.Boolean),
    "sequence": (65_534, ua.VariantType.UInt16),
    "locked": ("", ua.VariantType.String),
}


class Users:
    def __init__(self, user, password):
        self._wanted = (user, password)

    def get_user(self, iserver, username=None, password=None, certificate=None):
        if self._wanted == (None, None) or (username, password) == self._wanted:
            return User(role=UserRole.User)
        return None


async def made_server(options):
    server = Server(user_manager=Users(options.get("user"), options.get("password")))
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options['port']}/press")
    policies = [ua.SecurityPolicyType[name] for name in options.get("policies", ["NoSecurity"])]
    server.set_security_policy(policies)
    if "certificate" in options:
        await server.load_certificate(options["certificate"])
        await server.load_private_key(options["key"], format="pem")
        await server.set_application_uri("urn:example:press")
    index = await server.register_namespace(NAMESPACE)
    nodes = {}
    series = {f"s{number}": (0.0, ua.VariantType.Double) for number in range(options.get("series", 0))}
    for name, (value, kind) in (NODES | series).items():
        node = await server.nodes.objects.add_variable(ua.NodeId(name, index), name, value, kind)
        if name != "locked":
            await node.set_writable()
        nodes[name] = node
    return server, nodes


async def answer(server, nodes, command):
    name, *rest = command["do"], command.get("node")
    node = nodes.get(rest[0])
    if name == "set":
        kind = await node.read_data_type_as_variant_type()
        source = datetime.now(UTC) + timedelta(seconds=command.get("shift_s", 0.0))
        status = ua.StatusCode(getattr(ua.StatusCodes, command.get("status", "Good")))
        await node.write_value(ua.DataValue(ua.Variant(command["value"], kind), status, SourceTimestamp=source))
        return source.timestamp()
    if name == "get":
        return await node.read_value()
    if name == "forget":
        service = server.iserver.subscription_service
        await service.delete_subscriptions(list(service.subscriptions))
        return None
    raise ValueError(name)


async def vary(nodes):
    """Change all series ten times a second."""
    step = 0
    while True:
        step += 1
        for name, node in nodes.items():
            if name.startswith("s") and name[1:].isdigit():
                await node.write_value(float(step))
        await asyncio.sleep(0.1)


async def serve(options):
    server, nodes = await made_server(options)
    async with server:
        print(json.dumps("ready"), flush=True)
        varying = asyncio.create_task(vary(nodes)) if options.get("series") else None
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await answer(server, nodes, json.loads(line))), flush=True)
        if varying:
            varying.cancel()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(json.loads(sys.argv[1])))
