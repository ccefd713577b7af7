"""Over TLS: a certificate that this machine trusts is needed, and is enough."""

import asyncio
import datetime
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline import params
from pipeline.collect.answer import FetchError
from pipeline.collect.candidate import Candidate
from pipeline.collect.web import Web
from tests.replay.serving import jpeg


class Pictures(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = jpeg(1) if self.path.endswith(".jpg") else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))
    return path


@pytest.fixture
def host(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is what is tested
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def fetched(host: str) -> bytes:
    async def image() -> bytes:
        async with Web.opened(params.Scrape(contact="tests@example.org", allow_hosts=[host])) as web:
            return (await web.image(Candidate("", f"https://{host}/1.jpg"))).data

    return asyncio.run(image())


def test_a_trusted_certificate_is_enough(host: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert fetched(host) == jpeg(1)


def test_a_certificate_that_nobody_vouches_for_is_refused(host: str) -> None:
    with pytest.raises(FetchError) as refused:
        fetched(host)
    assert refused.value.reason == "tls" and not refused.value.may_pass
