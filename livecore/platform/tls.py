"""A certificate of this machine's own, so that a phone on the same network may use its camera (`--tls auto`)."""

import datetime
import ipaddress
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from livecore.errors import ConfigError
from livecore.platform.addresses import local_addresses

# Browsers refuse certificates that are valid for longer than 398 days.
VALID_DAYS = 397
RENEW_DAYS = 30


def ensure_certificate(directory: Path) -> tuple[Path, Path]:
    """Certificate and key in `directory`, made anew when missing, nearly expired or for other addresses."""
    certificate_path, key_path = directory / "certificate.pem", directory / "key.pem"
    names = ["localhost", socket.gethostname()]
    addresses = [*local_addresses(), "::1"]
    if certificate_path.exists() and key_path.exists() and _still_good(certificate_path, addresses):
        return certificate_path, key_path
    directory.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "livecore on this machine")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in dict.fromkeys(names)]
    alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_path.touch(mode=0o600)
    key_path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_path, key_path


def _still_good(path: Path, addresses: list[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.IPAddress)
    except (ValueError, x509.ExtensionNotFound):
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left.days > RENEW_DAYS and {str(address) for address in named} >= set(addresses)


def server_context(tls: str, directory: Path) -> ssl.SSLContext | None:
    """The context for the setting `tls`: None for "off". Raises ConfigError for files that cannot serve."""
    if tls == "off":
        return None
    if tls == "auto":
        certificate, key = ensure_certificate(directory)
    else:
        first, separator, second = tls.partition(":")
        if not separator:
            raise ConfigError("tls: off, auto, or CERTIFICATE.pem:KEY.pem")
        certificate, key = Path(first), Path(second)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"tls: {exc}") from exc
    return context
