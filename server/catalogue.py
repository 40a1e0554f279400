"""The models of this server, by name."""

from __future__ import annotations

from typing import Dict, List, Optional

from .errors import Busy, StartupError, UnknownModel
from .model import Model, load_model
from .settings import Settings


class Catalogue:
    """The models named by the settings, the first of which is the default. Empty until `load` has returned."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models: Dict[str, Model] = {}
        self.stopping = False  # the process was told to stop; what still comes is answered

    def load(self) -> None:
        """Load every model. Raises StartupError for the first that cannot be served; none is served then."""
        models: Dict[str, Model] = {}
        settings = self._settings
        for name in settings.models:
            model = load_model(name, settings.provider, settings.threads, settings.max_pixels)
            if model.name in models:
                raise StartupError(f"two of the models are called {model.name!r}: rename one of the files")
            models[model.name] = model
        self._models = models

    @property
    def models(self) -> List[Model]:
        return list(self._models.values())

    @property
    def problem(self) -> Optional[str]:
        """Why the server is not ready, None where it is."""
        if self.stopping:
            return "the server is stopping"
        if not self._models:
            return "the models are still loading"
        problems = [f"{model.name}: {model.problem}" for model in self.models if model.problem]
        return "; ".join(problems) or None

    def get(self, name: Optional[str] = None, version: Optional[str] = None) -> Model:
        """The model called `name`, the default for None. Raises UnknownModel, or Busy while loading."""
        if not self._models:
            raise Busy("the models are still loading: try again in a second")
        model = self._models.get(name) if name is not None else self.models[0]
        if model is None:
            raise UnknownModel(f"there is no model {str(name)[:80]!r}: choose from {', '.join(self._models)}")
        if version is not None and version != model.version:
            raise UnknownModel(f"{model.name} has no version {version[:80]!r}: it has {model.version!r}")
        return model

    def close(self) -> None:
        for model in self.models:
            model.close()
        self._models = {}
