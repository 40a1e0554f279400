"""The page: it asks no other host, and its policy allows exactly its own script and style."""

from __future__ import annotations

import base64
import hashlib
import re

from server.page import HTML
from tests.server.app_client import AppClient


def test_page_and_its_policy(client: AppClient) -> None:
    response = client.get("/")
    assert response.status_code == 200 and response.headers["content-type"].startswith("text/html")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    for tag in ("script", "style"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_page_names_no_other_host_and_nothing_the_policy_forbids() -> None:
    assert "//" not in re.sub(r"(^|\s)//.*", "", HTML)
    assert not re.search(r"\s(on\w+|style)=", HTML)
    assert "innerHTML" not in HTML


def test_every_control_has_a_label() -> None:
    script = HTML.split("<script>")[1]
    markup = HTML.split("<script>")[0]
    for control in re.findall(r"<(?:input|select)[^>]*>", markup):
        before = markup[: markup.index(control)]
        assert before.rfind("<label") > before.rfind("</label"), control
    for name in re.findall(r'at\("(\w+)"\)', script):
        assert f'id="{name}"' in markup, name
