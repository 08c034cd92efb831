"""How an OPC UA server is named, whom it must show itself to be, and whom this station shows itself to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import StationPath
from inspector.errors import DriverError
from stations.protocols.credentials import Secret

if TYPE_CHECKING:
    from asyncua.client.client import Client
    from cryptography.x509 import Certificate

REQUEST_S = 2.0
"""A server that has not answered a request by then is lost."""
WATCH_S = 0.9
"""The server is asked for its state so often, and must answer within as long: one that dies silently is missed in twice this."""
SESSION_MS = 30_000
"""A server forgets a client that died after so long; small servers have room for few."""

POLICY_CLASSES = {
    "basic256sha256": "SecurityPolicyBasic256Sha256",
    "aes128-sha256-rsaoaep": "SecurityPolicyAes128Sha256RsaOaep",
    "aes256-sha256-rsapss": "SecurityPolicyAes256Sha256RsaPss",
}
MODES = {"sign": "Sign", "sign-and-encrypt": "SignAndEncrypt"}

NodeText = Annotated[str, Field(pattern=r"^(ns=\d+;|nsu=[^;]+;)?[isgb]=.+$")]
"""A node's id: `ns=2;s=Press.Oil`, or with the name of its namespace, whose number may change: `nsu=http://maker/press;s=Press.Oil`."""


class OpcuaSettings(drivers.Settings):
    """Settings of a connection; drivers that give the same ones share it."""

    endpoint: str = Field(pattern=r"^opc\.tcp://[^\s@]+$", description="the server's address: opc.tcp://host:4840/path")
    security: Literal["none", "basic256sha256", "aes128-sha256-rsaoaep", "aes256-sha256-rsapss"] = Field(
        default="none", description="security policy"
    )
    mode: Literal["sign", "sign-and-encrypt"] = Field(default="sign-and-encrypt", description="what the security policy does")
    certificate: StationPath | None = Field(default=None, description="this station's certificate, PEM or DER; the server must trust it")
    private_key: StationPath | None = Field(default=None, description="its private key, PEM or DER")
    server_certificate: StationPath | None = Field(
        default=None, description="the server's own certificate, or that of the authority that issued it; any other server is refused"
    )
    user: str | None = Field(default=None, min_length=1, description="user name; anonymous where not given")
    password: Secret | None = Field(default=None, description="where the user's password is found")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        files = ("certificate", "private_key", "server_certificate")
        missing = [name for name in files if getattr(self, name) is None]
        if self.security != "none" and missing:
            raise ValueError(f"security {self.security} needs {', '.join(missing)}")
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        return self

    @property
    def connection(self) -> tuple[Any, ...]:
        """What tells one connection from another."""
        return tuple(getattr(self, name) for name in OpcuaSettings.model_fields)


async def new_client(settings: OpcuaSettings, password: str | None) -> Client:
    """Return a client that will show and ask for what `settings` say. Raises DriverError where the server is not the trusted one."""
    from asyncua.client.client import Client

    client = Client(settings.endpoint, timeout=REQUEST_S, watchdog_intervall=WATCH_S)
    client.name = client.description = "line-inspector"
    client.session_timeout = SESSION_MS
    if settings.user is not None and password is not None:
        client.set_user(settings.user)
        client.set_password(password)
    if settings.security != "none":
        await _secure(client, settings)
    return client


async def _secure(client: Client, settings: OpcuaSettings) -> None:
    from asyncua import ua
    from asyncua.crypto import security_policies
    from asyncua.crypto.uacrypto import CertProperties
    from cryptography.hazmat.primitives.serialization import Encoding

    policy = getattr(security_policies, POLICY_CLASSES[settings.security])
    mode = ua.MessageSecurityMode[MODES[settings.mode]]
    assert settings.certificate is not None
    assert settings.private_key is not None
    assert settings.server_certificate is not None  # the settings are whole
    offered = await _offered_certificate(client, settings, mode, policy.URI)
    _check_trust(offered, settings.server_certificate)
    client.application_uri = _application_uri(settings.certificate) or client.application_uri
    certificate = _certificates(settings.certificate)[0].public_bytes(Encoding.DER)
    key = _content(settings.private_key, "private key")
    try:
        await client.set_security(
            policy,
            CertProperties(certificate, "der"),
            CertProperties(key, "pem" if _is_pem(key) else "der"),
            server_certificate=CertProperties(offered.public_bytes(Encoding.DER), "der"),
            mode=mode,
        )
    except (ValueError, TypeError) as error:
        raise DriverError(f"{settings.private_key}: is no private key without a password") from error


async def _offered_certificate(client: Client, settings: OpcuaSettings, mode: Any, policy_uri: str) -> Certificate:
    """Return the certificate with which the server offers this policy and mode."""
    from asyncua.crypto.uacrypto import x509_from_der

    endpoints = await client.connect_and_get_server_endpoints()
    for endpoint in endpoints:
        if endpoint.SecurityMode == mode and endpoint.SecurityPolicyUri == policy_uri and endpoint.ServerCertificate:
            certificate: Certificate = x509_from_der(endpoint.ServerCertificate)  # type: ignore[no-untyped-call]
            return certificate
    offers = {f"{str(e.SecurityPolicyUri).rpartition('#')[2]} {e.SecurityMode.name}" for e in endpoints}
    raise DriverError(
        f"{settings.endpoint}: does not offer security {settings.security} with mode {settings.mode}, it offers {', '.join(sorted(offers))}"
    )


def _check_trust(offered: Certificate, trusted_file: Path) -> None:
    from cryptography.hazmat.primitives.hashes import SHA256

    trusted = _certificates(trusted_file)
    if any(offered == certificate or _is_issued_by(offered, certificate) for certificate in trusted):
        return
    raise DriverError(
        f"the server is not trusted: its certificate, SHA-256 {offered.fingerprint(SHA256()).hex(':')}, is neither in {trusted_file} "
        "nor issued by one that is; if the server got a new certificate, compare this number at the server and put the certificate there"
    )


def _is_issued_by(offered: Certificate, authority: Certificate) -> bool:
    """Say whether `authority` signed a certificate that is valid today. One that is trusted itself is trusted without a date."""
    from datetime import UTC, datetime

    from cryptography.exceptions import InvalidSignature

    try:
        offered.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return offered.not_valid_before_utc <= datetime.now(UTC) <= offered.not_valid_after_utc


def _certificates(path: Path) -> list[Certificate]:
    from cryptography import x509

    content = _content(path, "certificate")
    try:
        return x509.load_pem_x509_certificates(content) if _is_pem(content) else [x509.load_der_x509_certificate(content)]
    except ValueError as error:
        raise DriverError(f"{path}: is no certificate ({error})") from error


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DriverError(f"{path}: no {what} can be read from it ({error.strerror})") from error


def _is_pem(content: bytes) -> bool:
    return b"-----BEGIN" in content


def _application_uri(path: Path) -> str | None:
    """Return the name of this station in its certificate: servers refuse a client that calls itself otherwise."""
    from cryptography import x509

    try:
        names = _certificates(path)[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)
