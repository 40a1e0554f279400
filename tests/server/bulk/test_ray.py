"""The address of a cluster, before Ray is started; tests/benchmarks/serving/test_bulk_kills.py runs Ray itself."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("pyarrow", reason="the bulk extra is not installed; test_bulk.py fails for that where asked to")

from server.bulk.ray import check_address
from server.errors import StartupError


@pytest.mark.parametrize("port", ["{free}", "99999"])
def test_nobody_there(free_port: int, port: str) -> None:
    address = f"127.0.0.1:{port.format(free=free_port)}"
    with pytest.raises(StartupError, match=f"nobody answers at {address} .*ray start --head"):
        check_address(address)


def test_somebody_or_another_kind_of_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        check_address(f"127.0.0.1:{listener.getsockname()[1]}")
    for address in ("auto", "ray://nowhere:1", "nonsense"):
        check_address(address)
