"""What helps a hybrid: one setting of the recipe changed at a time, judged on held-out training images.

python -m benchmarks.training.recipe_search --data DATA: hours on a CPU, with few and small images, for first signs
only; on a GPU with `--size 32 --images 50000 --epochs 30 --device cuda` and more. A run that is done is kept.
"""

from __future__ import annotations

from benchmarks.training.trial_trainings import TrialTrainings

MODEL = "fwht_mobilenet_v2"
SETTINGS: tuple[tuple[str, ...], ...] = (
    (),
    ("--pool",),
    ("--threshold-lr", "10"),
    ("--scale",),
    ("--threshold-init", "sequency"),
    ("--threshold-init", "zero"),
    ("--threshold-lr", "0.1"),
    ("--ema", "0.98"),
)


def main() -> None:
    runs = TrialTrainings("recipe_search", __doc__)
    for seed, setting in runs.list_runs(SETTINGS):
        runs.run(["--model", MODEL, *setting], seed, setting=" ".join(setting))
    print(f"written: {runs.args.out}")


if __name__ == "__main__":
    main()
