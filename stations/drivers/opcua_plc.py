"""The PLC over OPC UA: the station is the server, with the process image as plain nodes and the machine vision model beside it."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from inspector import drivers
from inspector.drivers import PlcLink, StationPath
from inspector.errors import DriverError
from inspector.home import Home
from inspector.plc import PlcInputs, PlcOutputs
from stations.plc.machine_vision import MachineVision
from stations.plc.opcua_nodes import NAMESPACE, PlainNodes
from stations.protocols.extras import required
from stations.protocols.server_thread import ServerThread, refuse_port_in_use

if TYPE_CHECKING:
    from asyncua.server.server import Server

log = logging.getLogger(__name__)

ANSWER_S = 2.0
"""A server that takes longer for one exchange is stuck."""
Policy = Literal["none", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"]


class OpcuaPlcSettings(drivers.Settings):
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 is all")
    port: int = Field(default=4840, ge=1, le=65535, description="TCP port")
    policies: tuple[Policy, ...] = Field(
        default=("none",), min_length=1, description="security policies that are offered; all but none sign and encrypt"
    )
    certificate: StationPath | None = Field(
        default=None, description="the server's own, DER; made and kept in the installation if not given"
    )
    private_key: StationPath | None = Field(default=None, description="of the certificate, PEM")
    users: dict[str, str] = Field(
        default={}, description="user name: name of the environment variable that holds the password; without users anybody may connect"
    )


class OpcuaPlc(PlcLink):
    """`opc.tcp://<host>:<port>/inspector`; the nodes' ids are the texts `inputs.<name>` and `outputs.<name>`."""

    Settings: ClassVar[type[drivers.Settings]] = OpcuaPlcSettings

    def __init__(self, settings: OpcuaPlcSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._thread: ServerThread | None = None
        self._nodes: _Nodes | None = None

    def open(self) -> None:
        if self._thread is not None:
            return
        required("asyncua", "opcua", self.channel)
        self._warn_of_open_doors()
        self._nodes = _Nodes(self.settings, self.channel)
        thread = ServerThread(self._nodes, self.channel)
        thread.start()
        self._thread = thread

    def close(self) -> None:
        if self._thread is not None:
            thread, self._thread = self._thread, None
            thread.close()

    def exchange(self, outputs: PlcOutputs) -> PlcInputs:
        if self._thread is None or self._nodes is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        return self._thread.run(self._nodes.exchange(outputs), ANSWER_S)

    def _warn_of_open_doors(self) -> None:
        settings: OpcuaPlcSettings = self.settings
        if _is_loopback(settings.host):
            return
        if "none" in settings.policies:
            log.warning("%s: OPC UA without encryption on %s, give policies other than none", self.channel, settings.host)
        if not settings.users:
            log.warning(
                "%s: OPC UA without users on %s: anybody in this network may say that parts were taken", self.channel, settings.host
            )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Nodes:
    """The server with its nodes, on its own thread."""

    def __init__(self, settings: OpcuaPlcSettings, channel: str) -> None:
        self._settings = settings
        self._channel = channel
        self._server: Server | None = None
        self._plain: PlainNodes | None = None
        self._vision: MachineVision | None = None
        self._shown = PlcOutputs()
        self._to_follow: asyncio.Queue[PlcOutputs] = asyncio.Queue()
        self._follower: asyncio.Task[None] | None = None

    async def start(self) -> None:
        from asyncua.server.server import Server

        passwords = _passwords(self._settings, self._channel)
        refuse_port_in_use(self._settings.host, self._settings.port, self._channel)
        server = Server(user_manager=_Users(passwords))  # type: ignore[arg-type]
        await server.init()
        server.set_endpoint(f"opc.tcp://{self._settings.host}:{self._settings.port}/inspector")
        server.set_server_name("line-inspector")
        await self._secure(server, bool(passwords))
        index = await server.register_namespace(NAMESPACE)
        self._plain = PlainNodes(server, index)
        await self._plain.build()
        self._vision = MachineVision(server, index, self._channel)
        await self._vision.build()
        await server.start()
        self._server = server
        self._follower = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
        if self._server is not None:
            await self._server.stop()

    async def exchange(self, outputs: PlcOutputs) -> PlcInputs:
        """First what the PLC waits for; the model of the standard follows behind it, in order."""
        assert self._plain is not None
        assert self._vision is not None
        if outputs != self._shown:
            await self._plain.show(outputs)
            self._to_follow.put_nowait(outputs)
            self._shown = outputs
        return self._vision.wishes.added_to(self._plain.said())

    async def _follow(self) -> None:
        assert self._vision is not None
        while True:
            outputs = await self._to_follow.get()
            try:
                await self._vision.show(outputs)
            except Exception:  # a client's broken subscription must not end the model
                log.exception("%s: the machine vision model could not follow", self._channel)

    async def _secure(self, server: Server, with_users: bool) -> None:
        from asyncua import ua

        server.set_identity_tokens([ua.UserNameIdentityToken if with_users else ua.AnonymousIdentityToken])
        kinds = ["NoSecurity" if policy == "none" else f"{policy}_SignAndEncrypt" for policy in self._settings.policies]
        server.set_security_policy([ua.SecurityPolicyType[kind] for kind in kinds])
        if self._settings.policies == ("none",):
            return
        certificate, key = await _certificate(self._settings, server.get_application_uri(), self._channel)
        await server.load_certificate(certificate)
        await server.load_private_key(key)


class _Users:
    """Who may connect: the named users, or anybody where none is named. Nobody is an administrator."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self._passwords = passwords

    def get_user(self, _server: Any, username: str | None = None, password: str | None = None, certificate: Any = None) -> Any:  # noqa: ARG002
        import hmac

        from asyncua.crypto.permission_rules import User, UserRole

        if not self._passwords:
            return User(role=UserRole.User)
        known = self._passwords.get(username or "")
        right = known is not None and hmac.compare_digest(known.encode(), (password or "").encode())
        return User(role=UserRole.User, name=username) if right else None


def _passwords(settings: OpcuaPlcSettings, channel: str) -> dict[str, str]:
    passwords = {}
    for user, variable in settings.users.items():
        password = os.environ.get(variable)
        if not password:
            raise DriverError(f"the environment variable {variable} with the password of user '{user}' is not set", channel=channel)
        passwords[user] = password
    return passwords


async def _certificate(settings: OpcuaPlcSettings, uri: str, channel: str) -> tuple[Path, Path]:
    """Return certificate and key: those of the settings, or the installation's own, made where they are not there."""
    if settings.certificate is not None and settings.private_key is not None:
        return settings.certificate, settings.private_key
    if settings.certificate is not None or settings.private_key is not None:
        raise DriverError("certificate and private_key belong together, give both or none", channel=channel)
    import socket

    from asyncua.crypto.cert_gen import setup_self_signed_certificate
    from cryptography.x509.oid import ExtendedKeyUsageOID

    folder = Home.at(None).root / "plc"
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "opcua.der", folder / "opcua.pem"
    names = {"commonName": "line-inspector", "organizationName": "line-inspector"}
    await setup_self_signed_certificate(key, certificate, uri, socket.gethostname(), [ExtendedKeyUsageOID.SERVER_AUTH], names)
    key.chmod(0o600)
    return certificate, key
