"""Imports go one way: a room imports only rooms below its own. A new module that breaks this belongs elsewhere."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the ground up; rooms of one floor know nothing of each other. A room is a package or a single module, and the
# sentence says what belongs there.
FLOORS: tuple[dict[str, str], ...] = (
    {"server": "the version, and nothing else", "export": "nothing", "benchmarks": "nothing"},
    {
        "server.errors": "every error that is answered",
        "server.stage_times": "the times of a request's stages",
        "server.numbers": "numbers that people write",
        "server.standard_output": "standard output, which somebody may stop reading",
    },
    {"server.settings": "the table of settings", "server.files": "writing files"},
    {"server.profiling": "the layer report, and the machine it was measured on"},
    {"server.backends": "one engine: ONNX Runtime or TensorRT"},
    {"server.models": "what belongs to one model: its files, images in, scores out"},
    {
        "server.metrics": "what is counted",
        "server.bulk": "folders of images, without HTTP",
        "server.layers": "comparing layer reports",
        "server.bench": "the load tool",
    },
    {"server.inference": "from a request to the engine: the models served, threads, batches, deadlines"},
    {"server.http": "what every HTTP request and answer needs, whichever route it takes"},
    {
        "server.routes": "our own routes",
        "server.openinference": "the routes of the Open Inference Protocol",
        "server.page": "the pages at / and /docs",
    },
    {"server.app": "the application, put together"},
    {"server.commands": "the commands of python -m server"},
    {"server.__main__": "the choice of a command"},
    {"export.ops": "the two ops and their references", "export.engine": "ONNX file to TensorRT engine, on the board"},
    {"export.models": "networks and their weights", "export.data": "reading and writing data sets"},
    {"export.to_onnx": "weights to ONNX file"},
    {"export.report": "how good a trained model is: numbers and pictures"},
    {"export.train": "data set to weights"},
    {"export.transfer": "weights to weights for other classes, and to hybrids, on features computed once"},
    {"benchmarks.harness": "what benchmarks and tests share"},
    {"benchmarks.pages": "results to tables in the documentation"},
    {
        "benchmarks.kernels": "the ops and whole models on an engine",
        "benchmarks.serving": "the server and bulk runs",
        "benchmarks.training": "training and accuracy",
    },
)
FLOOR = {room: height for height, floor in enumerate(FLOORS) for room in floor}
PURPOSE = {room: purpose for floor in FLOORS for room, purpose in floor.items()}


def files() -> list[Path]:
    return sorted(path for top in ("server", "export", "benchmarks") for path in (ROOT / top).rglob("*.py"))


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


MODULES = {module_of(path): path for path in files()}


def room_of(module: str) -> str:
    """`server.models.images` lies in `server.models`, `server.errors` in a room of its own."""
    return ".".join(module.split(".")[:2])


@lru_cache(maxsize=None)
def imports_of(module: str) -> frozenset[str]:
    """The project's modules that a module imports, wherever in the file."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found |= {name if name in MODULES else base for name in (f"{base}.{alias.name}" for alias in node.names)}
    tops = ("server", "export", "benchmarks", "tests")
    return frozenset(name for name in found if name.split(".")[0] in tops)


def test_every_room_has_its_floor() -> None:
    missing = {room_of(module) for module in MODULES} - FLOOR.keys()
    assert not missing, (
        f"{sorted(missing)}: give it a floor and a purpose in FLOORS, or move it into a room that is there"
    )
    assert not FLOOR.keys() - {room_of(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    room = room_of(module)
    for imported in sorted(imports_of(module)):
        below = room_of(imported)
        assert below in FLOOR, f"{module} imports {imported}: nothing that is shipped or measured imports tests"
        assert below == room or FLOOR[below] < FLOOR[room], (
            f"{module} imports {imported}, which goes up or sideways. {room} is for: {PURPOSE[room]}; {below} is for: "
            f"{PURPOSE[below]}. Move what both need to a room below {room}, or the module to where its imports lead"
        )


def test_no_import_cycle_within_a_room() -> None:
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, (
            f"an import cycle: {' > '.join((*way[way.index(module) :], module))}: one of them holds too much"
        )
        if module in done:
            return
        for imported in sorted(imports_of(module)):
            if imported in MODULES and room_of(imported) == room_of(module):
                visit(imported, (*way, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


def test_a_board_needs_no_trainer() -> None:
    """Images hold server/ and export/engine/ (docker/copy_app.sh)."""
    engine = {name for module in MODULES if room_of(module) == "export.engine" for name in imports_of(module)}
    assert {room_of(name) for name in engine if name.startswith("export.")} == {"export.engine"}
    server = {name for module in MODULES if module.startswith("server") for name in imports_of(module)}
    assert {name.split(".")[0] for name in server} == {"server"}


def test_tests_take_from_benchmarks_what_is_shared() -> None:
    """But those of the benchmarks themselves, and of the pages made of them."""
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if "benchmarks" in path.parts or path.name == "test_readme.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchmarks."):
                assert (node.module or "").startswith("benchmarks.harness"), (
                    f"{path.relative_to(ROOT)} imports {node.module}: what tests share belongs in benchmarks/harness"
                )
