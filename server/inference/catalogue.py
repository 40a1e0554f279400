"""The models of this server, by name; they may come and go while it serves."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

from ..backends.choice import Choice
from ..errors import BadRequest, Busy, StartupError, UnknownModel
from ..models.model import Model, load_model
from ..models.model_files import list_models
from ..models.scores import MinScore
from ..numbers import parse_score
from ..settings import Settings
from .batching import Batcher
from .served_model import ServedModel

LOG = logging.getLogger("server.catalogue")


class Catalogue:
    """The models named by the settings, the first of which is the default. Empty until `load` has returned.

    The table of models is never changed, only exchanged for another, so that readers need no lock. A model that was
    replaced or unloaded is closed when its last user has gone: until then it answers. count_run: is called with a
    model's name, the images of a run of its engine, and the seconds it took.
    """

    count_run: Callable[[str, int, float], None]

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._served: Dict[str, ServedModel] = {}
        self._loaded = False
        self.count_run = lambda name, images, seconds: None
        self.stopping = False  # the process was told to stop; what still comes is answered
        self.progress = "the models are still loading"  # said until they are
        self._failures: Dict[str, str] = {}  # why the last load of a name failed
        self._sources = {Path(name).stem if name.endswith(".onnx") else name: name for name in settings.models}
        self._changing = threading.Lock()

    def load(self) -> None:
        """Load every model. Raises StartupError for the first that cannot be served; none is served then."""
        served: Dict[str, ServedModel] = {}
        with self._changing:
            for source in self._settings.models:
                model = self._read(source)
                if model.name in served:
                    raise StartupError(f"two of the models are called {model.name!r}: rename one of the files")
                served[model.name] = self._serve(model)
            self._served = served
            self._loaded = True

    def load_one(self, name: str) -> None:
        """Load or reload the model of a name; a new one is tried before it takes the old one's place.

        Raises UnknownModel where there is no such file, BadRequest where it cannot be served (the old one stays), Busy
        while another change is under way.
        """
        with self._change():
            source = self._source(name)
            try:
                model = self._read(source)
            except StartupError as error:
                self._refuse(name, str(error))
            if model.problem:
                problem = model.problem
                model.close()
                self._refuse(name, problem)
            self._failures.pop(name, None)
            replaced = self._served.get(name)
            self._served = {**self._served, name: self._serve(model)}
            LOG.info("model %s: %s", name, "reloaded" if replaced else "loaded")
            if replaced:
                replaced.retire()

    def unload(self, name: str) -> None:
        """Serve a model no more. Raises UnknownModel where it is not loaded, Busy while another change is under way."""
        with self._change():
            gone = self._served.get(name)
            if gone is None:
                raise UnknownModel(f"the model {name[:80]!r} is not loaded: {', '.join(self._served) or 'none is'}")
            self._served = {key: served for key, served in self._served.items() if key != name}
            LOG.info("model %s: unloaded", name)
            gone.retire()

    def index(self) -> List[Dict[str, str]]:
        """One entry per model that is loaded or could be, by name, as Triton's repository index has them."""
        models = {model.name: model for model in self.models}
        return [self._describe(name, models.get(name)) for name in sorted({*list_models(), *self._sources, *models})]

    @property
    def models(self) -> List[Model]:
        return [served.model for served in self._served.values()]

    @property
    def queue_depths(self) -> Dict[str, int]:
        """By model: how many requests are prepared and wait for its engine."""
        return {name: served.batcher.depth for name, served in self._served.items()}

    @property
    def loaded(self) -> bool:
        """Whether `load` has done its work; a model may have a problem all the same."""
        return self._loaded

    @property
    def problem(self) -> Optional[str]:
        """Why the server is not ready, None where it is."""
        if self.stopping:
            return "the server is stopping"
        models = self.models
        if not models:
            return "no model is loaded" if self._loaded else self.progress
        problems = [f"{model.name}: {model.problem}" for model in models if model.problem]
        return "; ".join(problems) or None

    def get(self, name: Optional[str] = None, version: Optional[str] = None) -> Model:
        """The model called `name`, the default for None, to read what is known of it; to run it, `use` it.

        Raises UnknownModel, or Busy while none is there.
        """
        return self._find(name, version).model

    @contextmanager
    def use(self, name: Optional[str] = None, version: Optional[str] = None) -> Iterator[ServedModel]:
        """The same with its queue; within the `with` its engine is not closed. Raises as `get` does."""
        served = self._find(name, version)
        while not served.acquire():  # it was replaced since it was found
            served = self._find(name, version)
        try:
            yield served
        finally:
            served.release()

    def close(self) -> None:
        for model in self.models:
            model.close()
        self._served = {}

    def _find(self, name: Optional[str], version: Optional[str]) -> ServedModel:
        table = self._served
        if not table:
            raise Busy(f"{self.problem}: try again in a second")
        served = table.get(name) if name is not None else next(iter(table.values()))
        if served is None:
            raise UnknownModel(f"there is no model {str(name)[:80]!r}: choose from {', '.join(table)}")
        known = served.model.version
        if version is not None and version != known:
            raise UnknownModel(f"{served.model.name} has no version {version[:80]!r}: it has {known!r}")
        return served

    def _serve(self, model: Model) -> ServedModel:
        chosen = self._settings
        limits = (chosen.batch_limit, chosen.batch_delay_ms / 1000, chosen.parallel_batches)
        return ServedModel(model, Batcher(model.backend, *limits, partial(self._count_run, model.name)))

    def _count_run(self, name: str, images: int, seconds: float) -> None:
        self.count_run(name, images, seconds)

    @contextmanager
    def _change(self) -> Iterator[None]:
        if not self._loaded:
            raise Busy("the models are still loading: try again in a second")
        if not self._changing.acquire(blocking=False):
            raise Busy("another model is being loaded or unloaded: try again when it is done")
        try:
            yield
        finally:
            self._changing.release()

    def _read(self, source: str) -> Model:
        chosen = self._settings
        graphs = chosen.cuda_graphs == "auto"
        engine = (chosen.backend, chosen.precision, chosen.provider, chosen.threads, graphs, chosen.native)
        choice = Choice(*engine)
        model = load_model(source, choice, chosen.max_pixels)
        model.min_score = read_min_score(chosen) or model.min_score
        return model

    def _source(self, name: str) -> str:
        """What to load for a name. Only names that are listed pass, so that none of a client's can be a path."""
        if name in self._sources:
            return self._sources[name]
        if name not in list_models():
            known = sorted({*self._sources, *list_models()})
            raise UnknownModel(f"there is no model file {name[:80]!r}: choose from {', '.join(known)}")
        return name

    def _refuse(self, name: str, reason: str) -> None:
        self._failures[name] = reason
        kept = "the one loaded before goes on serving" if name in self._served else "it is not served"
        LOG.error("model %s was not loaded: %s", name, reason)
        raise BadRequest(f"{reason} ({kept})")

    def _describe(self, name: str, model: Optional[Model]) -> Dict[str, str]:
        if model is None:
            return {"name": name, "state": "UNAVAILABLE", "reason": self._failures.get(name, "not loaded")}
        failure = self._failures.get(name)
        reason = model.problem or (f"the last load failed: {failure}" if failure else "")
        state = "UNAVAILABLE" if model.problem else "READY"
        return {"name": name, "version": model.version, "state": state, "reason": reason}


def read_min_score(settings: Settings) -> Optional[MinScore]:
    """The setting, which is known to be right; None where the models' own hold."""
    return MinScore(parse_score(settings.min_score)) if settings.min_score else None
