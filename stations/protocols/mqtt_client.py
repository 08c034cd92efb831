"""How an MQTT broker is named, whom it must show itself to be, and whom this station shows itself to be."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from inspector import drivers
from inspector.drivers import StationPath
from inspector.errors import DriverError
from stations.protocols.credentials import Secret

if TYPE_CHECKING:
    from paho.mqtt.client import Client

SOCKET_S = 2.0
"""A broker that takes no connection by then is not there."""


def _one_topic(topic: str) -> str:
    if set(topic) & set("+#\0") or not topic:
        raise ValueError("must be one topic, without the wildcards + and #")
    return topic


Topic = Annotated[str, AfterValidator(_one_topic)]


class MqttSettings(drivers.Settings):
    """Settings of a connection; drivers that give the same ones share it."""

    host: str = Field(min_length=1, description="the broker's name or address")
    port: int | None = Field(default=None, ge=1, le=65535, description="1883, or 8883 with tls, where not given")
    tls: bool = Field(default=False, description="encrypt, and refuse a broker that does not show a certificate of a trusted authority")
    ca: StationPath | None = Field(
        default=None, description="certificates of trusted authorities, PEM; those of this computer where not given"
    )
    certificate: StationPath | None = Field(default=None, description="this station's certificate, PEM, where the broker wants one")
    private_key: StationPath | None = Field(default=None, description="its private key, PEM")
    user: str | None = Field(default=None, min_length=1, description="user name; anonymous where not given")
    password: Secret | None = Field(default=None, description="where the user's password is found")
    client_id: str = Field(default="", max_length=65_535, description="only where the broker asks for one; no two connections may share it")
    version: Literal["5", "3.1.1"] = Field(default="5", description="of MQTT; with 3.1.1 a broker does not say that it denies a message")
    keep_alive_s: int = Field(default=1, ge=1, le=60, description="a broker that dies silently is missed after twice this")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.tls and (self.ca or self.certificate or self.private_key):
            raise ValueError("ca, certificate and private_key need tls: true")
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key go together")
        if self.password is not None and self.user is None:
            raise ValueError("password needs user")
        return self

    @property
    def connection(self) -> tuple[Any, ...]:
        """What tells one connection from another."""
        return tuple(getattr(self, name) for name in MqttSettings.model_fields)

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port or (8883 if self.tls else 1883)


@dataclass(frozen=True, slots=True)
class Presence:
    """A connection of one's own, of which the broker tells others at `topic`, if there is one: `online` while it stands, `offline` when it
    ends, however it ends. Both are retained.
    """

    topic: str | None


def new_client(settings: MqttSettings, presence: Presence | None, channel: str) -> Client:
    from paho.mqtt.client import Client, MQTTv5, MQTTv311
    from paho.mqtt.enums import CallbackAPIVersion

    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        protocol=MQTTv5 if settings.version == "5" else MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = SOCKET_S
    if settings.user is not None:
        client.username_pw_set(settings.user, settings.password.reveal(channel) if settings.password else None)
    if settings.tls:
        client.tls_set_context(_tls(settings, channel))
    if presence is not None and presence.topic is not None:
        client.will_set(presence.topic, "offline", qos=1, retain=True)
    return client


class _TlsSocket(ssl.SSLSocket):
    """A socket that does not stay open where the handshake fails: paho-mqtt forgets such a one."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _tls(settings: MqttSettings, channel: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
    except (OSError, ssl.SSLError) as error:
        raise DriverError(f"{settings.ca}: no certificate can be read from it ({error})", channel=channel) from error
    context.sslsocket_class = _TlsSocket
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, settings.private_key)
        except (OSError, ssl.SSLError) as error:
            raise DriverError(f"{settings.certificate}: does not go with {settings.private_key} ({error})", channel=channel) from error
    return context
