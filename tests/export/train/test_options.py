"""The command line's defaults, and values that are refused before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.train.options import parse_options


def test_defaults() -> None:
    options = parse_options(["--data", "images"])
    assert (options.model, options.name, options.data) == ("fwht_mobilenet_v2", "fwht_mobilenet_v2", Path("images"))
    assert (options.batch_size, options.lr, options.weight_decay, options.schedule) == (128, 0.1, 5e-4, "cosine")
    assert (options.augment, options.holdout, options.precision) == ("crop+flip", 0.1, "fp32")
    assert options.mean is options.std is None
    assert options.teacher is None
    assert (options.threshold_init, options.threshold_lr, options.ema, options.seconds) == ("ramp", 1.0, 0.0, 0.0)
    assert options.variant == {}


def test_a_variant_is_what_differs_from_the_model() -> None:
    words = ["--data", "d", "--model", "fwht_mf_mobilenet_v2", "--operator", "2", "--pool"]
    assert parse_options(words).variant == {"operator": 2, "pool": True}
    assert parse_options(["--data", "d", "--paths", "3", "--soft"]).variant == {"paths": 3, "soft": True}


def test_a_model_with_options_of_its_own_records_all_of_them() -> None:
    """So that its weights fit where a later version has other defaults."""
    hybrid = ["--data", "d", "--model", "fwht_efficientnet_lite0"]
    own = {"pool": False, "scale": True, "paths": 3, "soft": True}
    assert parse_options(hybrid).variant == own
    changed = parse_options([*hybrid, "--paths", "1", "--no-soft", "--no-scale"])
    assert changed.variant == {"pool": False, "scale": False, "paths": 1, "soft": False}
    assert parse_options(hybrid).fixed_on_resume["paths"] == 3
    assert parse_options(["--data", "d", "--model", "efficientnet_lite0"]).variant == {}
    assert parse_options(["--data", "d", "--no-soft", "--paths", "1"]).variant == {}


def test_the_rate_follows_the_batch_unless_it_is_given() -> None:
    assert parse_options(["--data", "d", "--batch-size", "32"]).lr == 0.025
    assert parse_options(["--data", "d", "--batch-size", "32", "--lr", "0.3"]).lr == 0.3
    assert parse_options(["--data", "d", "--init", "imagenet"]).lr == 0.05
    assert parse_options(["--data", "d", "--init", "imagenet", "--lr", "0.3"]).lr == 0.3


def test_a_run_that_began_without_paths_goes_on() -> None:
    assert not {"paths", "soft"} & parse_options(["--data", "a"]).fixed_on_resume.keys()
    fixed = parse_options(["--data", "a", "--paths", "2", "--soft"]).fixed_on_resume
    assert (fixed["paths"], fixed["soft"]) == (2, True)


def test_only_what_is_learnt_binds_a_resumed_run() -> None:
    here = parse_options(["--data", "a", "--mean", "1", "2", "3", "--device", "cpu", "--overwrite"])
    there = parse_options(["--data", "b", "--mean", "1", "2", "3", "--device", "cuda", "--save-every", "1"])
    assert here.fixed_on_resume == there.fixed_on_resume
    assert here.fixed_on_resume["mean"] == [1.0, 2.0, 3.0]
    assert here.fixed_on_resume != parse_options(["--data", "a", "--mean", "1", "2", "4"]).fixed_on_resume


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "resnet"], "invalid choice: 'resnet'"),
        (["--name", "../x"], "'../x': letters, digits"),
        (["--epochs", "0"], "'0' is no whole number from 1"),
        (["--epochs", "1.5"], "'1.5' is no whole number"),
        (["--batch-size", "1"], "'1' is no whole number from 2"),
        (["--lr", "nan"], "'nan' is no number from 0"),
        (["--lr", "fast"], "'fast' is no number"),
        (["--holdout", "1"], "'1' is no number from 0 to 0.9"),
        (["--std", "0", "1", "1"], "'0' is no number from 0.001"),
        (["--operator", "4"], "'4' is no whole number from 1 to 3"),
        (["--operator", "2"], "fwht_mobilenet_v2 has no variant 'operator'; it has pool, scale"),
        (["--paths", "9"], "'9' is no whole number from 1 to 8"),
        (["--model", "mobilenet_v2", "--soft"], "mobilenet_v2 has no variant 'soft'"),
        (["--model", "resnet32", "--pool"], "resnet32 has no variant 'pool'; it has none"),
        (["--threshold-init", "random"], "invalid choice: 'random'"),
        (["--mf-init", "0"], "'0' is no number from 0.001"),
        (["--teacher-share", "1.1"], "'1.1' is no number from 0 to 1"),
        (["--precision", "fp16", "--cuda-graph"], "--cuda-graph goes with --precision bf16 or fp32"),
        (["--image-size", "9999999"], "no whole number from 8 to 1024"),
    ],
)
def test_bad_values_are_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse_options(["--data", "d", *arguments])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_data_are_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_options([])
    assert "--data" in capsys.readouterr().err
