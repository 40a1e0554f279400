"""The bulk classifier's workers under Ray Data, on this machine or on a cluster."""

from __future__ import annotations

import logging
import os
import secrets
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Sequence

from ..errors import StartupError
from .worker import Job, Worker

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("server", "export")  # of this project; a cluster's machines have the others
CONNECT_S = 5.0
STORE_BYTES = 100 << 20  # of shared memory: only part numbers and one ONNX file travel
# Read as Ray is imported: no usage statistics, and none of its own log lines.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_BACKEND_LOG_LEVEL": "fatal"}


def make_private_environment() -> Dict[str, str]:
    """Keep others away from a Ray of our own, since whoever reaches its ports can run code: it listens on the loopback
    interface (the variable is for systems on which Ray does so anyway), and asks for a token that only this run has."""
    token = secrets.token_hex(32)
    return {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}


@contextmanager
def connect_ray(address: Optional[str], cpus: int) -> Iterator[int]:
    """Ray, started on this machine for this run alone, or the cluster at `address`; gives the number of its CPUs.

    Once a process. Raises StartupError where the cluster cannot be used.
    """
    if address:
        check_address(address)
    for name, value in {**QUIET, **({} if address else make_private_environment())}.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.exceptions

    options: Dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address is None:
            store: Dict[str, Any] = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
            ray.init(address="local", num_cpus=cpus, **store, **options)
        else:
            modules = [str(ROOT / name) for name in PACKAGES]
            ray.init(address=address, runtime_env={"py_modules": modules}, **options)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        tokens = " (if it asks for a token, set RAY_AUTH_MODE=token)"
        where = f"the cluster at {address} cannot be used{tokens}" if address else "it cannot be started here"
        raise StartupError(f"Ray: {where}: {error}") from error
    try:
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def check_address(address: str) -> None:
    """StartupError where nothing listens at HOST:PORT: Ray itself would try for minutes. Other errors are Ray's own."""
    host, _, port = address.rpartition(":")
    if "://" in address or not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise StartupError(
            f"nobody answers at {address} ({error}): start a cluster with `ray start --head`, which tells its address"
        ) from error


def classify_parts(parts: Sequence[int], job: Job, workers: int) -> Iterator[Dict[str, Any]]:
    """Classify parts in `workers` processes; yields what Worker returns for each, as they end.

    Raises StartupError where Ray gives up. What it does not give up for is a worker's death: it starts another.
    """
    import ray.data
    import ray.exceptions

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # From items, because they need no task that reads them: the workers have taken all CPUs.
    numbers = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    done = numbers.map_batches(
        Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=2),
        num_cpus=job.threads,
    )
    try:
        yield from done.iter_rows()
    except ray.exceptions.RayError as error:
        raise StartupError(f"Ray has given up: {error}; started again the same way the run goes on") from error
