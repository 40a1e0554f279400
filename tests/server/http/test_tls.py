"""HTTPS by the server itself."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from server.errors import StartupError
from server.http.tls import make_tls_options
from server.settings import Settings
from tests.server.support.http_server import run_http_server

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def certificate(folder: Path, *options: str) -> tuple[Path, Path]:
    """A new certificate of 127.0.0.1 that signed itself, and its key."""
    files = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=test"]
        + ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(files[0]), "-keyout", str(files[1])]
        + (list(options) or ["-nodes"]),
        check=True,
        capture_output=True,
    )
    return files


@needs_openssl
def test_https_and_nothing_older_than_tls_1_2(tmp_path: Path, tiny: Path, cat: bytes) -> None:
    public, private = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(public.read_bytes() + private.read_bytes())
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--tls-certificate", str(both)) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(public))
        with httpx.Client(base_url=server.url, verify=context) as client:
            assert client.get("/readyz").status_code == 200
            assert client.post("/v1/classify", files={"file": cat}).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(server.url.replace("https:", "http:") + "/livez")
        old = f"echo | openssl s_client -connect 127.0.0.1:{server.port} -tls1_1 -cipher ALL:@SECLEVEL=0"
        assert subprocess.run(old, shell=True, capture_output=True).returncode != 0


def test_off_by_default() -> None:
    assert make_tls_options(Settings()) == {}


def test_missing_file() -> None:
    with pytest.raises(StartupError, match="FWHT_TLS_CERTIFICATE is '/missing.pem'"):
        make_tls_options(Settings(tls_certificate="/missing.pem"))


@needs_openssl
def test_files_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    public, private = certificate(tmp_path)
    _, others = certificate(tmp_path / "other")
    make_tls_options(Settings(tls_certificate=str(public), tls_key=str(private)))
    for key in (others, public):
        with pytest.raises(StartupError, match="do not work together"):
            make_tls_options(Settings(tls_certificate=str(public), tls_key=str(key)))


@needs_openssl
def test_a_key_with_a_password_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    public, private = certificate(tmp_path, "-passout", "pass:hush")
    with pytest.raises(StartupError, match="without a password"):
        make_tls_options(Settings(tls_certificate=str(public), tls_key=str(private)))
