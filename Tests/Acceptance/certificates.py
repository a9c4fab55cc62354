"""Certificates for the TLS tests, made anew for every run: an authority, servers, clients, and a stranger."""
import datetime
import hashlib
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# name -> (issuer, subject attributes, alternative names, usage)
LEAVES = {
    "server": ("ca", [(NameOID.COMMON_NAME, "localhost")], ["dns:localhost", "ip:127.0.0.1"], "server"),
    "server-two": ("ca", [(NameOID.COMMON_NAME, "two.example")], ["dns:two.example"], "server"),
    "client": ("ca", [(NameOID.COMMON_NAME, "client")], ["email:derek@nats.example"], "client"),
    "client-dns": ("ca", [(NameOID.COMMON_NAME, "client")], ["dns:app.nats.example"], "client"),
    "client-dn": (
        "ca",
        [(NameOID.COUNTRY_NAME, "US"), (NameOID.ORGANIZATION_NAME, "Acme"), (NameOID.COMMON_NAME, "worker")],
        [],
        "client",
    ),
    "stranger": ("other-ca", [(NameOID.COMMON_NAME, "client")], ["email:derek@nats.example"], "client"),
    "wrong-usage": ("ca", [(NameOID.COMMON_NAME, "client")], ["email:derek@nats.example"], "server"),
}


def make(folder):
    """Writes NAME.pem and NAME.key of every certificate into `folder`."""
    authorities = {name: _authority(folder, name) for name in ("ca", "other-ca")}
    for name, (issuer, subject, alternatives, usage) in LEAVES.items():
        _leaf(folder, name, authorities[issuer], subject, alternatives, usage)
    return folder


def pin(folder, name):
    """The hex SHA-256 of the certificate's SubjectPublicKeyInfo, as `pinned_certs` lists it."""
    certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _builder(subject, issuer, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
    )


def _authority(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
    certificate = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256()))
    _write(folder, name, certificate, key)
    return certificate, key


def _leaf(folder, name, authority, subject, alternatives, usage):
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if usage == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
    attributes = x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    builder = _builder(attributes, issuer.subject, key).add_extension(
        x509.ExtendedKeyUsage([purpose]), critical=False)
    if alternatives:
        names = [_alternative(text) for text in alternatives]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _write(folder, name, builder.sign(issuer_key, hashes.SHA256()), key)


def _alternative(text):
    kind, value = text.split(":", 1)
    if kind == "ip":
        return x509.IPAddress(ipaddress.ip_address(value))
    return x509.DNSName(value) if kind == "dns" else x509.RFC822Name(value)


def _write(folder, name, certificate, key):
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
