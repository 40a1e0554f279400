"""`python -m server bench URL`: load on a running server; latency percentiles, throughput and errors."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import List

from ..errors import StartupError
from .connection import Answer, Target, connect, encode_request
from .images import encode_form, guess_media_type, read_images
from .load import Outcomes, Plan, generate_load
from .report import format_report, make_report

LONGEST_ANSWER = 300  # characters of a refusal that are shown


def main(arguments: List[str]) -> int:
    """Exit status: 0, or 1 where a request failed. Raises StartupError where the load cannot begin: no such server,
    no images, or a first request that is refused."""
    options = make_parser().parse_args(arguments)
    check_options(options)
    target = Target.from_url(options.url)
    requests = make_requests(target, options)
    plan = Plan(options.concurrency, options.rate, options.duration, options.timeout)
    outcomes = asyncio.run(measure(target, requests, plan, options.warm_up))
    result = make_report(options.url, requests, options.batch, plan, outcomes)
    print(json.dumps(result, indent=2) if options.json else format_report(result))
    return 1 if outcomes.failed else 0


def make_parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m server bench", description="Put load on a running server.")
    made.add_argument("url", metavar="URL", help="Address of the server; the path is /v1/classify unless it has one.")
    made.add_argument("--concurrency", type=int, default=1, metavar="N", help="Connections (default %(default)s).")
    made.add_argument(
        "--rate",
        type=float,
        metavar="N",
        help="Requests per second (default: the next one once one is answered).",
    )
    made.add_argument(
        "--duration", type=float, default=10.0, metavar="S", help="Seconds of measurement (default %(default)s)."
    )
    made.add_argument(
        "--warm-up", type=float, default=1.0, metavar="S", help="Seconds of load before it (default %(default)s)."
    )
    made.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="Seconds until a request failed (default %(default)s)."
    )
    made.add_argument("--images", type=Path, metavar="PATH", help="An image or a folder (default: a made 32x32 JPEG).")
    made.add_argument("--batch", type=int, default=1, metavar="N", help="Images per request (default %(default)s).")
    made.add_argument("--raw", action="store_true", help="Send the image itself as the body, instead of a form.")
    made.add_argument(
        "--header", action="append", default=[], metavar="LINE", help="Another header, as 'X-API-Key: ...'; repeatable."
    )
    made.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    return made


def check_options(options: argparse.Namespace) -> None:
    """StartupError where a number cannot be, or two options contradict."""
    for name, low in (("concurrency", 1), ("batch", 1), ("duration", 0.01), ("timeout", 0.01), ("rate", 0.01)):
        value = getattr(options, name)
        if value is not None and not low <= value < 1e9:
            raise StartupError(f"--{name} is {value:g}: it must be at least {low}")
    if not 0 <= options.warm_up < 1e9:
        raise StartupError(f"--warm-up is {options.warm_up:g}: it must be at least 0")
    if options.raw and options.batch > 1:
        raise StartupError(f"--raw sends one image a request and --batch is {options.batch}: leave one of them out")
    for line in options.header:
        if ":" not in line or "\n" in line or "\r" in line:
            raise StartupError(f"--header is {line!r}: write it as 'Name: value'")


def make_requests(target: Target, options: argparse.Namespace) -> List[bytes]:
    """One request per image; one of several images begins at each of them."""
    images = read_images(options.images)
    if options.raw:
        return [encode_request(target, data, guess_media_type(data), options.header) for data in images]
    requests = []
    for first in range(len(images)):
        chosen = [images[(first + step) % len(images)] for step in range(options.batch)]
        requests.append(encode_request(target, *encode_form(chosen), options.header))
    return requests


async def measure(target: Target, requests: List[bytes], plan: Plan, warm_up: float) -> Outcomes:
    """Ask once to see that there is a server which takes these requests, warm up, and measure."""
    await check_first_answer(target, requests[0], plan.timeout)
    if warm_up:
        await generate_load(target, requests, Plan(plan.concurrency, plan.rate, warm_up, plan.timeout))
    return await generate_load(target, requests, plan)


async def check_first_answer(target: Target, request: bytes, timeout: float) -> None:
    where = f"{target.host} port {target.port}"
    try:
        answer = await asyncio.wait_for(ask_once(target, request), timeout)
    except (TimeoutError, asyncio.TimeoutError):
        raise StartupError(f"{where} does not answer within {timeout:g} s: is it the right address?") from None
    except OSError as error:
        raise StartupError(f"{where} cannot be asked ({error}): start the server, or correct the address") from None
    if answer.status != 200:
        said = answer.body.decode("utf-8", "replace")[:LONGEST_ANSWER]
        raise StartupError(f"the first request was answered {answer.status}, so nothing was measured: {said}")


async def ask_once(target: Target, request: bytes) -> Answer:
    connection = await connect(target)
    try:
        return await connection.ask(request)
    finally:
        connection.close()
