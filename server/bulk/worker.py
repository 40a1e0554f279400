"""One worker of the bulk classifier: the images of a part in, its rows out; the same answer as the server's."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Deque, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from ..backends.backend import infer_in_parts
from ..backends.choice import Choice
from ..errors import ServerError
from ..files import open_scratch_folder
from ..models.model import Model, load_model
from ..models.scores import make_min_score
from ..stage_times import StageTimes
from .output import Output, make_printable
from .source import Source, open_source

READERS = 8  # threads that wait for files, which on a network may take 10 ms to come
TOGETHER = 4  # files that a thread reads at a time; of single ones the bookkeeping takes 2 % of the run
TRIES = 3  # of a part whose workers' processes end; then it is given up, for the others' sake

Row = Dict[str, Any]
Data = Union[bytes, ServerError]  # an image file, or why it cannot be had


@dataclass(frozen=True)
class Job:
    """What a worker has to know. batch: images of one run; threads: of one run; source and output: paths."""

    source: Path
    output: Path
    model: str  # name
    file: bytes  # its ONNX file, for workers on other machines
    batch: int
    top_k: int
    threads: int
    min_score: Optional[float] = None  # instead of the model's own


class Worker:
    """Classifies parts and writes them. Ray makes one of these in each of its processes and calls it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._source = open_source(job.source)
        self._output = Output(job.output)
        with open_scratch_folder(2 * len(job.file)) as folder:
            path = folder / f"{job.model}.onnx"
            path.write_bytes(job.file)
            self._model = load_model(str(path), Choice("onnxruntime", threads=job.threads))
        self._model.min_score = make_min_score(job.min_score) or self._model.min_score
        self._about = {"model": job.model, "model_sha256": self._model.card["file_sha256"]}

    def __call__(self, batch: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """For each of column `part`: its images, bad images, time.time() of its begin, and what went wrong, or "".

        What a part's rows say is written, not returned.
        """
        began = time.time()
        (part,) = batch["part"]
        images, bad, problem = self._part(int(part))
        return {
            "images": np.array([images]),
            "bad": np.array([bad]),
            "began": np.array([began]),
            "problem": np.array([problem], dtype=object),
        }

    def _part(self, part: int) -> Tuple[int, int, str]:
        try:
            names = self._output.read_names(part)
            if self._output.count_try(part) >= TRIES:
                return 0, 0, f"{TRIES} processes ended at part {part} ({names[0]} to {names[-1]}), for want of memory?"
            rows = list(classify(self._model, self._source, names, self._job))
            self._output.write(part, rows, self._about)
        except OSError as error:  # a bad image is a row, so this is DST's (full, gone, not writable) or all of SRC's
            return 0, 0, f"part {part} was not done: {error}"
        return len(rows), sum(row["error"] is not None for row in rows), ""


def classify(model: Model, source: Source, names: Sequence[str], job: Job) -> Iterator[Row]:
    """A row for each name, in order."""
    files = read_ahead(source, names)
    while True:
        batch = list(islice(files, job.batch))
        if not batch:
            return
        yield from classify_batch(model, batch, job.top_k)


def read_ahead(source: Source, names: Sequence[str]) -> Iterator[Tuple[str, Data]]:
    """Every name with its data, in order; READERS threads read on meanwhile."""
    with ThreadPoolExecutor(READERS) as pool:
        reading: Deque[Future[List[Tuple[str, Data]]]] = deque()
        for begin in range(0, len(names), TOGETHER):
            reading.append(pool.submit(read_files, source, names[begin : begin + TOGETHER]))
            if len(reading) > READERS:
                yield from reading.popleft().result()
        while reading:
            yield from reading.popleft().result()


def read_files(source: Source, names: Sequence[str]) -> List[Tuple[str, Data]]:
    files: List[Tuple[str, Data]] = []
    for name in names:
        try:
            files.append((name, source.read(name)))
        except ServerError as error:  # noqa: PERF203 - one bad file spoils no other
            files.append((name, error))
    return files


def classify_batch(model: Model, batch: Sequence[Tuple[str, Data]], top_k: int) -> List[Row]:
    """A row for each image: the bad ones are left out of the run, and have the reason in `error`."""
    rows, tensors, sizes, good = [], [], [], []
    for name, data in batch:
        row: Row = {"path": make_printable(name), "error": None}
        if model.min_score:
            row["reason"] = None
        rows.append(row)
        try:
            if isinstance(data, Exception):
                raise data
            tensor, (size,) = model.prepare([data], StageTimes())
        except ServerError as error:
            row["error"] = str(error)
            continue
        good.append(row)
        tensors.append(tensor)
        sizes.append(size)
    if good:
        logits = infer_in_parts(model.backend, np.concatenate(tensors))
        for row, result in zip(good, model.make_results(logits, sizes, top_k, StageTimes())):
            row.update(make_columns(result))
    return rows


def make_columns(result: Dict[str, Any]) -> Row:
    """An image's entry in the server's `results`, as a row has it. One without a label has no class either."""
    best = result["predictions"]
    top = {"top_labels": "label", "top_class_ids": "class_id", "top_scores": "score"}
    tops = {column: [one[key] for one in best] for column, key in top.items()}
    nothing = {"label": None, "class_id": None, "reason": result["reason"]} if "reason" in result else {}
    return {**best[0], **nothing, **tops, **result["image"]}
