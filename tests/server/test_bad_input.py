"""What must not hurt: every bad request is a 4xx with one sentence, within a second, and the next good one is answered.

Against a real process with the default model, so that the HTTP parser, the memory and the clock are the real ones.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
import zlib
from typing import Any, Iterator, Tuple

import httpx
import pytest

from benchmarks.harness.server_process import ServerProcess
from tests.server.support.bad_files import BAD_FILES, png
from tests.server.support.http_server import read_memory

MIB = 1 << 20
WITHIN_S = 1.0
HUGE = 100_000_000
# Beside the refused body itself (at most the limit of 16 MiB): decoders' buffers and the allocator's slack.
MEMORY_MARGIN = 48 * MIB


@pytest.fixture(scope="module")
def warm(running: ServerProcess, cat: bytes) -> int:
    """Resident bytes of the server after some good requests."""
    for _ in range(20):
        good(running, cat)
    return read_memory(running)


@pytest.fixture(autouse=True)
def survives(running: ServerProcess, cat: bytes, warm: int) -> Iterator[None]:
    """After each test here the server answers a good request, and has not grown."""
    yield
    good(running, cat)
    if sys.platform == "linux":
        grown = read_memory(running, "VmHWM") - warm
        print(f"highest memory above the warm server: {grown / MIB:.1f} MiB of {MEMORY_MARGIN / MIB:.0f}")
        assert grown < MEMORY_MARGIN


def good(server: ServerProcess, cat: bytes) -> None:
    response = httpx.post(f"{server.url}/v1/classify", files={"file": ("cat.jpg", cat)})
    assert response.status_code == 200, response.text
    assert response.json()["results"][0]["predictions"][0]["label"] == "cat"


def refused(
    server: ServerProcess, status: int, method: str = "POST", path: str = "/v1/classify", **request: Any
) -> str:
    """Send it, check everything that holds for every refusal, and return the sentence."""
    start = time.perf_counter()
    response = httpx.request(method, server.url + path, **request)
    seconds = time.perf_counter() - start
    check_problem(response.status_code, status, response.headers["content-type"], response.json())
    assert seconds < WITHIN_S
    return str(response.json()["detail"])


def check_problem(status: int, wanted: int, media_type: str, problem: Any) -> None:
    assert status == wanted, problem
    assert media_type == "application/problem+json"
    assert problem["status"] == wanted and problem["detail"] == problem["error"]
    assert {"type", "title", "instance", "request_id"} <= set(problem)
    assert 10 < len(problem["detail"]) < 600 and "Traceback" not in problem["detail"]


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("way", ["form", "body"])
def test_bad_file(running: ServerProcess, case: str, way: str) -> None:
    data, status = BAD_FILES[case]
    if way == "form":
        refused(running, status, files={"file": ("picture.jpg", data, "image/jpeg")})
    else:
        refused(running, status, content=data, headers={"Content-Type": "image/jpeg"})


@pytest.mark.parametrize("length", [3, 20, 200, 0.5, 0.9])
def test_truncated_image(running: ServerProcess, cat: bytes, length: float) -> None:
    cut = cat[: int(length if length >= 1 else length * len(cat))]
    refused(running, 400, files={"file": ("cat.jpg", cut)})


def test_one_pixel_is_an_image(running: ServerProcess) -> None:
    response = httpx.post(f"{running.url}/v1/classify", files={"file": png(1, 1, zlib.compress(b"\0\0"))})
    assert response.status_code == 200, response.text
    assert response.json()["results"][0]["image"] == {"width": 1, "height": 1}


@pytest.mark.parametrize("top_k", ["0", "-1", "1000000000", "x", "", "1.5", "9" * 5000])
def test_bad_top_k(running: ServerProcess, cat: bytes, top_k: str) -> None:
    assert "top_k" in refused(running, 400, params={"top_k": top_k}, files={"file": cat})


def test_bad_flag(running: ServerProcess, cat: bytes) -> None:
    assert refused(running, 400, params={"layers": "5"}, files={"file": cat}) == (
        "layers is '5', it must be true or false"
    )


def test_unknown_model_names_those_there_are(running: ServerProcess, cat: bytes) -> None:
    assert "fwht_mobilenet_v2" in refused(running, 404, params={"model": "resnet"}, files={"file": cat})


def test_wrong_field_name(running: ServerProcess, cat: bytes) -> None:
    detail = refused(running, 400, files={"photo": cat})
    assert "'photo'" in detail and "file" in detail and "image" in detail


def test_text_where_a_file_should_be(running: ServerProcess) -> None:
    assert "@" in refused(running, 400, files={"file": (None, "picture.jpg")})


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
def test_wrong_media_type(running: ServerProcess, cat: bytes, media_type: str) -> None:
    assert "Content-Type" in refused(running, 415, content=cat, headers={"Content-Type": media_type})


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "image/jpeg"}])
def test_no_body(running: ServerProcess, headers: dict[str, str]) -> None:
    refused(running, 400, headers=headers)


@pytest.mark.parametrize(
    "media_type, body",
    [
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=x", b"--y\r\nnot this boundary"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno header\r\n--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut',
        ),
        ("multipart/form-data; boundary=x", b""),
    ],
)
def test_broken_form(running: ServerProcess, media_type: str, body: bytes) -> None:
    refused(running, 400, content=body, headers={"Content-Type": media_type})


def test_too_many_images(running: ServerProcess, cat: bytes) -> None:
    assert "16" in refused(running, 400, files=[("file", cat)] * 17)
    refused(running, 400, files=[("file", b"")] * 1000)
    refused(running, 400, data={f"field{i}": "x" for i in range(1000)}, files={"file": cat})


def test_bad_image_of_a_batch_is_named(running: ServerProcess, cat: bytes) -> None:
    response = httpx.post(f"{running.url}/v1/classify", files=[("file", cat), ("image", cat), ("file", b"text")])
    check_problem(response.status_code, 400, response.headers["content-type"], response.json())
    assert response.json()["index"] == 2 and "image 2" in response.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_method(running: ServerProcess, method: str) -> None:
    assert "POST" in refused(running, 405, method)
    assert httpx.request(method, f"{running.url}/v1/classify").headers["allow"] == "POST"


def test_unknown_route(running: ServerProcess) -> None:
    assert "/docs" in refused(running, 404, "GET", "/v1/nothing")


def test_declared_huge_body_is_refused_before_it_is_sent(running: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    start = time.perf_counter()
    connection.putrequest("POST", "/v1/classify")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", str(HUGE))
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    assert time.perf_counter() - start < WITHIN_S
    check_problem(response.status, 413, response.headers["content-type"], json.loads(body))
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("form", [True, False])
def test_huge_body(running: ServerProcess, declared: bool, form: bool) -> None:
    """A client that goes on writing reads the 413, or sees the connection closed."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' if form else b""

    def parts() -> Iterator[bytes]:
        yield head
        for _ in range(HUGE // MIB):
            yield b"\0" * MIB

    headers = {"Content-Type": "multipart/form-data; boundary=x" if form else "image/jpeg"}
    if declared:
        headers["Content-Length"] = str(len(head) + HUGE // MIB * MIB)
    start = time.perf_counter()
    try:
        response = httpx.post(f"{running.url}/v1/classify", content=parts(), headers=headers)
        check_problem(response.status_code, 413, response.headers["content-type"], response.json())
    except httpx.TransportError as error:
        print(f"closed: {error!r}")
    assert time.perf_counter() - start < WITHIN_S + 1  # the server may read on for a second, so that the 413 arrives


def test_client_that_leaves_in_the_middle(running: ServerProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
    connection.putrequest("POST", "/v1/classify")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"\xff\xd8\xff" * 1000)
    connection.close()


OPEN_INFERENCE: Tuple[Any, ...] = (
    b"",
    b"[",
    b"[" * 100_000,
    [],
    {"inputs": []},
    {"inputs": [1]},
    {"inputs": [{"name": "picture", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [0] * 3072}]},
    {"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, 3, 32, 32], "data": [0] * 3072}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 31, 32], "data": [0] * 2976}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [0, 3, 32, 32], "data": []}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [17, 3, 32, 32], "data": []}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [0] * 3071}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": ["x"] * 3072}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [[1], [2, 3]]}]},
    {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 3, 32, 32], "data": [1e400] * 3072}]},
)


@pytest.mark.parametrize("body", OPEN_INFERENCE, ids=range(len(OPEN_INFERENCE)))
def test_bad_inference_request(running: ServerProcess, body: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).replace("Infinity", "1e400").encode()
    refused(running, 400, path="/v2/models/fwht_mobilenet_v2/infer", content=content)
