"""Start the server: take the port, load the models, answer until told to stop."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import Any, List

import uvicorn

from ..app import make_app
from ..errors import StartupError
from ..http.draining import DrainingServer
from ..http.request_head import make_protocol
from ..http.tls import make_tls_options, refuse_old_versions
from ..inference.catalogue import Catalogue
from ..settings import Settings
from .engine_building import EngineBuilding
from .log_lines import start_log
from .supervisor import Supervisor

BACKLOG = 2048
LOG = logging.getLogger("server")


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises StartupError where the port or a model cannot be had.

    The port is taken first: it costs nothing to try. Engines are built and models load while /livez already answers and
    /readyz says no.
    """
    start_log(settings.log_level, settings.log_format)
    tls = make_tls_options(settings)  # before the port: what is wrong with it needs no network
    listener = listen(settings.host, settings.port)
    catalogue = Catalogue(settings)
    app = make_app(settings, catalogue)
    protocol = make_protocol(settings, app.state.context.metrics.count_error)
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS") or list(settings.trusted_proxies),
        timeout_graceful_shutdown=settings.stop_timeout,
        **tls,
    )
    refuse_old_versions(config)

    building = EngineBuilding(settings, lambda text: setattr(catalogue, "progress", text))
    supervisor = Supervisor(catalogue)

    def drain() -> None:
        catalogue.stopping = protocol.closing = True
        supervisor.notify_stopping()

    server = DrainingServer(config, settings.drain_delay, drain, supervisor.tick)
    failures: List[Exception] = []

    def load() -> None:
        try:
            if building.run():
                catalogue.load()
                announce(listener, catalogue, "https" if tls else "http")
        except Exception as error:  # of any kind: the process must not go on without its models
            failures.append(error)
            while not server.started:  # told to stop before that, it would leave its start-up half done
                time.sleep(0.01)
            server.fail()

    # uvicorn handles it while it runs, and raises it once more at its end
    signal.signal(signal.SIGTERM, exit_on_signal)
    threading.Thread(target=load, daemon=True).start()
    try:
        with suppress(KeyboardInterrupt):  # uvicorn has finished what was in flight and passes the signal on
            server.run(sockets=[listener])
    finally:
        building.stop()
    if failures:
        raise failures[0]


def exit_on_signal(number: int, frame: Any) -> None:
    """Being told to stop is no failure: supervisors read the exit status."""
    raise SystemExit(0)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartupError: port in use or not allowed, no such address."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":  # elsewhere the option would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise StartupError(f"cannot listen on {host} port {port} ({error.strerror}): {suggest_cure(error)}") from error
    return listener


def suggest_cure(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "stop the process that uses it, or choose another with --port or FWHT_PORT"
    if error.errno == errno.EACCES:
        return "choose a port from 1024 on with --port or FWHT_PORT"
    return "choose an address of this machine with --host or FWHT_HOST"


def announce(listener: socket.socket, catalogue: Catalogue, scheme: str) -> None:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    for model in catalogue.models:
        backend = model.backend
        kernels = f", {backend.kernels}" if backend.kernels else ""
        LOG.info("model %s: %s, %s%s, on %s", model.name, backend.name, backend.precision, kernels, backend.provider)
        if model.problem:
            LOG.warning("model %s is not ready: %s", model.name, model.problem)
    LOG.info("serving at %s://%s:%d", scheme, shown, port)
