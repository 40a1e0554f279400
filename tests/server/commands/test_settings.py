"""The table of settings: where values come from, what is refused and how, and the page that documents it."""

from __future__ import annotations

import argparse

import pytest

from server.commands.read_settings import NO_SETTINGS, add_flags, read_settings
from server.commands.show_settings import format_markdown, format_settings
from server.errors import StartupError
from server.settings import TABLE, Settings, name_flag, name_variable
from tests.server.support.http_server import ROOT


def test_flag_goes_before_variable_goes_before_default() -> None:
    settings, sources = read_settings({"port": "1", "host": None}, {"FWHT_PORT": "2", "FWHT_THREADS": "3", "HOME": "/"})
    assert (settings.port, settings.threads, settings.host) == (1, 3, "127.0.0.1")
    assert (sources["port"], sources["threads"], sources["host"]) == ("flag", "environment", "default")


@pytest.mark.parametrize("name", sorted(NO_SETTINGS))
def test_what_the_entrypoint_reads_is_passed_over(name: str) -> None:
    """The start of a container reads it, whose health check gets its variables, too."""
    assert read_settings({}, {name: "1"})[0] == Settings()


def test_models_are_a_list() -> None:
    settings, _ = read_settings({"models": " a, b.onnx ,"}, {})
    assert settings.models == ("a", "b.onnx")


@pytest.mark.parametrize(
    "flags, environment, words",
    [
        ({"port": "x"}, {}, ["--port", "'x'", "from 0 to 65535"]),
        ({}, {"FWHT_PORT": "65536"}, ["FWHT_PORT", "'65536'", "from 0 to 65535"]),
        ({}, {"FWHT_MAX_IMAGES": "0"}, ["FWHT_MAX_IMAGES", "'0'", "from 1"]),
        ({}, {"FWHT_MAX_BODY_BYTES": "-5"}, ["FWHT_MAX_BODY_BYTES", "'-5'", "at least 1"]),
        ({}, {"FWHT_PROVIDER": "tpu"}, ["FWHT_PROVIDER", "'tpu'", "cpu, cuda, auto"]),
        ({}, {"FWHT_MODELS": ","}, ["FWHT_MODELS", "at least one"]),
        ({}, {"FWHT_HOST": ""}, ["FWHT_HOST", "empty"]),
        ({}, {"FWHT_PROT": "8000"}, ["FWHT_PROT", "did you mean FWHT_PORT?"]),
        ({}, {"FWHT_ZZZZZZ": ""}, ["FWHT_ZZZZZZ", "--print-config"]),
        ({}, {"FWHT_LAYERS": "admin"}, ["FWHT_LAYERS", "FWHT_ADMIN_KEY"]),
        ({}, {"FWHT_TLS_KEY": "key.pem"}, ["FWHT_TLS_KEY", "FWHT_TLS_CERTIFICATE"]),
        ({"cors_origins": "app.example"}, {}, ["'app.example'", "https://app.example"]),
        ({}, {"FWHT_CORS_ORIGINS": "https://a.example/path"}, ["FWHT_CORS_ORIGINS", "'https://a.example/path'"]),
        ({}, {"FWHT_MIN_SCORE": "1.5"}, ["FWHT_MIN_SCORE", "'1.5'", "from 0 to 1"]),
        ({"root_path": "classifier"}, {}, ["'classifier'", "/classifier"]),
        ({}, {"FWHT_ROOT_PATH": "/v1/a"}, ["FWHT_ROOT_PATH", "'/v1/a'"]),
        ({}, {"FWHT_TRUSTED_PROXIES": "10.0.0.1,proxy"}, ["FWHT_TRUSTED_PROXIES", "'proxy'", "10.0.0.0/8"]),
        ({}, {"FWHT_KEEP_ALIVE": "0"}, ["FWHT_KEEP_ALIVE", "'0'", "at least 1"]),
        ({}, {"FWHT_LOG_FORMAT": "xml"}, ["FWHT_LOG_FORMAT", "'xml'", "text, json"]),
    ],
)
def test_refusal_names_key_value_and_cure(flags: dict[str, str], environment: dict[str, str], words: list[str]) -> None:
    with pytest.raises(StartupError) as refusal:
        read_settings(flags, environment)
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_secret_is_neither_a_flag_nor_printed() -> None:
    given = {"FWHT_LAYERS": "admin", "FWHT_ADMIN_KEY": "hush", "FWHT_API_KEYS": "mum, dumb"}
    settings, sources = read_settings({}, given)
    assert settings.admin_key == "hush" and settings.api_keys == ("mum", "dumb")
    assert not any(word in format_settings(settings, sources) for word in ("hush", "mum", "dumb"))
    parser = argparse.ArgumentParser()
    add_flags(parser)
    assert "--admin-key" not in parser.format_help() and "--api-keys" not in parser.format_help()


def test_printed_settings_read_back_as_the_same() -> None:
    settings, sources = read_settings({"port": "81", "models": "a,b"}, {})
    lines = [line for line in format_settings(settings, sources).splitlines() if not line.startswith("#")]
    assert read_settings({}, dict(line.split("=", 1) for line in lines))[0] == settings


def test_documentation_is_up_to_date() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == format_markdown(), "run `python -m server.commands.show_settings > docs/settings.md`"


def test_a_list_may_be_empty_where_it_is_by_default() -> None:
    assert read_settings({}, {"FWHT_CORS_ORIGINS": "", "FWHT_API_KEY_FILE": ""})[0] == Settings()


def test_every_setting_is_explained() -> None:
    for row in TABLE:
        assert row.metadata["help"].endswith((".", "503.", "413.")), row.name
        assert name_variable(row.name) == "FWHT_" + row.name.upper() and name_flag(row.name).startswith("--")
