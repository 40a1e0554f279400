"""The page's text: it asks no other host, and its policy allows exactly its own scripts and style."""

from __future__ import annotations

import re

from server.page.page import HTML
from tests.server.support.app_client import AppClient

MARKUP = re.sub(r"(?s)<(script|style) nonce.*?</\1>", "", HTML)
SCRIPTS = re.findall(r"(?s)<script nonce=\"{nonce}\">(.*?)</script>", HTML)


def test_policy_allows_what_carries_the_nonce_of_this_answer(client: AppClient) -> None:
    response = client.get("/")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    (nonce,) = set(re.findall(r"-src 'nonce-([^']+)'", policy))
    assert len(nonce) >= 20
    tags = re.findall(r"<(?:script|style)[^>]*>", response.text)
    assert len(tags) == 6 and all(f'nonce="{nonce}"' in tag for tag in tags)
    assert "{nonce}" not in response.text and "{page" not in response.text


def test_no_nonce_is_used_twice(client: AppClient) -> None:
    first, second = client.get("/"), client.get("/")
    assert first.headers["content-security-policy"] != second.headers["content-security-policy"]
    assert first.headers["cache-control"] == "no-store"


def test_page_cannot_be_framed_or_guessed_at(client: AppClient) -> None:
    headers = client.get("/").headers
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer" and "camera=(self)" in headers["permissions-policy"]


def test_page_names_no_other_host_and_nothing_the_policy_forbids() -> None:
    assert "//" not in re.sub(r"(^|\s)//.*", "", HTML)
    assert not re.search(r"\s(on\w+|style)=", MARKUP)
    assert "innerHTML" not in HTML and "url(" not in HTML


def test_every_control_has_a_label() -> None:
    for control in re.findall(r"<(?:input|select)[^>]*>", MARKUP):
        before = MARKUP[: MARKUP.index(control)]
        assert before.rfind("<label") > before.rfind("</label"), control


def test_scripts_name_elements_that_are_there() -> None:
    names = {name for script in SCRIPTS for name in re.findall(r'at\("(\w+)"\)', script)}
    assert len(names) > 20 and [name for name in sorted(names) if f'id="{name}"' not in MARKUP] == []
