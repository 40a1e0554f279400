"""One run: a model from first weights to trained ones, with its card and report; the same call continues it."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch

from export.train.batches import Batches
from export.train.evaluation import TrainedModel, measure_and_save, print_report, tell_neglected
from export.train.kernels import PlainArithmetic, describe_kernels
from export.train.state import TrainingError, check_same_run, load_state, save_state
from export.train.stop_signals import StopSignals
from export.transfer.tail_start import TailRun, make_model, make_view_maker
from export.transfer.tail_trainer import TailTrainer
from export.transfer.view_store import ViewStore, describe_store, plan_store
from export.transfer.views import ViewMaker

FEWEST_EPOCHS = 3
WARM_UP, TIMED = 2, 5  # steps
BESIDES = 1.2  # an epoch takes so many times its steps: statistics are measured anew, held-out images answered


@dataclass(frozen=True)
class RunLimits:
    """`seconds` that the epochs shall take, 0: as many epochs as the options say; minutes between saves; where the
    features lie ("auto", "memory", "file")."""

    seconds: float = 0.0
    save_every: float = 5.0
    place: str = "auto"
    overwrite: bool = False
    report: bool = True


def resume(run: TailRun, identity: dict[str, Any], overwrite: bool) -> dict[str, Any] | None:
    """The state to go on from, None for a fresh run. Raises TrainingError where that would overwrite something."""
    folder = run.folder
    if overwrite:
        return None
    state = load_state(folder.last) if folder.last.exists() else None
    if state is not None and "views" not in state:
        raise TrainingError(f"{folder.last} belongs to a run of make train: choose another NAME, which keeps it")
    if state is not None:
        check_same_run(folder.last, state, identity)
    elif folder.artefact.exists():
        raise TrainingError(f"{folder.artefact} is there already: choose another NAME, or remove it")
    return state


def run_tail(run: TailRun, limits: RunLimits, command: str, stop_signals: StopSignals) -> None:
    """From weights to trained weights; nothing is written before all of it is known to be possible.

    Raises TrainingError or ValueError with what is wrong, StopRequested, with the state saved, where it is to stop.
    """
    options = {**asdict(run.options), "model": run.architecture, **run.variant, "threshold_init": run.threshold_init}
    teacher = run.teacher and run.teacher.sha256
    identity = {
        "options": {**options, "teacher": teacher, "init": run.initial.sha256},
        "data_sha256": run.dataset.sha256(),
    }
    state = resume(run, identity, limits.overwrite)
    if state is not None and state.get("finished"):
        print(f"{run.folder.artefact}: was trained already")
        return
    model, device = make_model(run), torch.device("cpu")
    kernels = describe_kernels(model, PlainArithmetic(run.options.precision), device)
    if kernels is not None:
        print(f"kernels: {kernels}")
    batches = Batches(run.dataset.train, run.preprocessing["mean"], run.preprocessing["std"], device)
    maker = make_view_maker(run, model, batches)
    store = open_store(run, maker, state, limits.place, identity)
    class_ids = run.dataset.train.class_ids
    with stop_signals:
        maker.fill(store, stop_signals)
        held_out = maker.see(run.split[1]), class_ids[run.split[1]]
        del maker  # and with it what ONNX Runtime keeps for its batches
        parts = (store, class_ids[run.split[0]], held_out, device)
        epochs = (
            state["epochs"]
            if state
            else choose_epochs(TailTrainer(copy.deepcopy(model), run.options, 1, *parts), limits)
        )
        trainer = TailTrainer(model, run.options, epochs, *parts)
        if state is None:
            run.folder.clear()
        else:
            trainer.load_state(state)
            print(f"{run.folder.last}: goes on at epoch {trainer.progress.epoch + 1}, step {trainer.progress.step + 1}")
        trainer.run(run.folder, identity, limits.save_every, stop_signals)
    finish(run, trainer, command, limits.report)
    store.remove()


def open_store(
    run: TailRun, maker: ViewMaker, state: dict[str, Any] | None, place: str, identity: dict[str, Any]
) -> ViewStore:
    """As many views as there is room for; a run that goes on needs those that it began with."""
    wanted = state["views"] if state else run.options.views
    shape, place = plan_store(maker.measure_shape(wanted), run.folder.build, place)
    if state and shape.views < wanted:
        raise TrainingError(
            f"{run.folder.last} began with {wanted} views, and there is room for {shape.views}: free some"
        )
    path = run.folder.last.with_name(f"views-{run.options.frozen}.f16")
    print(describe_store(shape, place, path), flush=True)
    return ViewStore(shape, place, path, identity)


def choose_epochs(probe: TailTrainer, limits: RunLimits) -> int:
    """As many as fit into the seconds, at most those wanted: the first steps are timed, on a copy of the model."""
    wanted = probe.options.epochs
    if not limits.seconds:
        return wanted
    views, images = probe.plan_epoch(0)
    for number in range(WARM_UP + TIMED):
        if number == WARM_UP:
            begin = time.perf_counter()
        probe.step.update(0, *probe.get_batch(views[number % probe.steps], images[number % probe.steps]))
    each = BESIDES * probe.steps * (time.perf_counter() - begin) / TIMED
    epochs = min(wanted, max(FEWEST_EPOCHS, int(limits.seconds / each)))
    print(f"{epochs} epochs of about {each:.1f} s" + (f", {wanted} where there is time" if epochs < wanted else ""))
    return epochs


def finish(run: TailRun, trainer: TailTrainer, command: str, report: bool) -> None:
    """Weights, card and report."""
    options, frozen = run.options, run.options.frozen
    training = {
        "images": len(run.split[0]),
        "heldout_images": len(run.split[1]),
        "heldout_accuracy": trainer.rows[-1][4],
        "epochs": trainer.epochs,
        "views": trainer.store.shape.views,
        "frozen_blocks": frozen,
        "seed": options.seed,
        **({"teacher_sha256": run.teacher.sha256} if run.teacher else {}),
        "command": command,
    }
    origin = {**run.initial.origin, **({"teacher": run.teacher.origin} if run.teacher else {})}
    card = {
        "architecture": run.architecture,
        **({"variant": run.variant} if run.variant else {}),
        "labels": run.dataset.labels,
        "preprocessing": run.preprocessing,
        **({"origin": origin} if origin else {}),
        "training": training,
    }
    model = trainer.step.evaluated_model
    trained = TrainedModel(run.folder, model, run.dataset, run.preprocessing, run.split[1], card)
    logits = measure_and_save(trained, f"the last of {trainer.epochs} epochs")
    save_state(run.folder.last, {**load_state(run.folder.last), "finished": True})
    tell_neglected(logits, run.dataset)
    if report:
        print_report(trained, logits)
