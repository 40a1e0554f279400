"""First signs of what helps a hybrid: short runs on few images, one setting changed at a time.

python -m benchmarks.recipe_search --data DATA: an hour or two on a CPU. The runs are far too short to measure what a
setting brings in the end; they show what hurts, and what is worth its time on a GPU. A run that is done is kept.
"""

from __future__ import annotations

from benchmarks.short_runs import ShortRuns

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
SEEDS = 2


def main() -> None:
    runs = ShortRuns("recipe_search", __doc__)
    for seed in range(SEEDS):
        for setting in SETTINGS:
            runs.run(["--model", MODEL, *setting], seed, setting=" ".join(setting))
    print(f"written: {runs.args.out}")


if __name__ == "__main__":
    main()
