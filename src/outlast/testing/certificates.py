"""A certificate authority for tests, for servers on this computer. Its keys are used nowhere else."""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from outlast.base.clock import Clock

_name = "authority for tests"


class Authority:
    """Signs certificates that are valid from yesterday until tomorrow."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._issued = 0
        self._certificate = self._signed(_name, self._key, None, timedelta(days=1))

    @property
    def pem(self) -> bytes:
        """Its own certificate, for clients that must trust it."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue(self, host: str, valid_for: timedelta = timedelta(days=1)) -> bytes:
        """Issue a certificate and key, PEM, for a host's name or address. Negative `valid_for`: expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._signed(host, key, _alternative(host), valid_for)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM) + secret

    def _signed(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        alternative: x509.GeneralName | None,
        valid_for: timedelta,
    ) -> x509.Certificate:
        """For a server with its `alternative` name, or without one for an authority."""
        self._issued += 1
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        common = x509.NameOID.COMMON_NAME
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(common, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(common, _name)]))
            .public_key(key.public_key())
            .serial_number(self._issued)
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + valid_for)
            .add_extension(x509.BasicConstraints(ca=alternative is None, path_length=None), critical=True)
        )
        if alternative is not None:
            builder = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
