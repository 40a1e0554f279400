"""The log as JSON."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import httpx
import pytest

from server.commands.log_lines import JsonLines
from tests.server.support.app_client import AppClient
from tests.server.support.http_server import run_http_server


def test_a_request_is_one_object(client: AppClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "server.access")
    client.get('/no"thing%0A', headers={"X-Request-ID": "mine"})
    (record,) = [record for record in caplog.records if record.name == "server.access"]
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["time"].endswith("Z") and told["level"] == "info"
    assert (told["method"], told["status"], told["id"]) == ("GET", 404, "mine")
    assert (told["route"], told["problem"]) == ("none", "not-found")
    assert told["ms"] > 0


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("caf\xe9\n")
    except ValueError:
        record = logging.LogRecord("server", logging.ERROR, "", 0, "failed %s", ("here",), sys.exc_info())
    line = JsonLines().format(record)
    assert line.isascii() and "\n" not in line
    assert json.loads(line)["message"] == "failed here" and "ValueError" in json.loads(line)["exception"]


def test_every_line_of_a_server(tiny: Path, tmp_path: Path) -> None:
    with run_http_server(tmp_path / "log", "--models", str(tiny), "--log-format", "json") as server:
        httpx.get(f"{server.url}/v1/models")
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"/v1/models"} == {line["path"] for line in lines if line["logger"] == "server.access"}
