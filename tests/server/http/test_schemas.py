"""What /docs says of the layer report is what server/profiling declares."""

from __future__ import annotations

import sys
from typing import Any, List, Optional, get_type_hints

import pytest

from server.http import schemas
from server.profiling import report

OF_ROUNDS = ("rounds", "latency_rounds_ms", "rounds_ms")  # what `make profile` alone writes


@pytest.mark.skipif(sys.version_info < (3, 9), reason="TypedDict does not tell which of its keys are optional")
@pytest.mark.parametrize("name", ["ReportItem", "LayerReport"])
def test_the_report_is_described_as_it_is_declared(name: str) -> None:
    declared = getattr(report, name)
    in_pydantic = {"items": List[schemas.ReportItem], "note": Optional[str]}
    wanted = {key: in_pydantic.get(key, kind) for key, kind in get_type_hints(declared).items() if key not in OF_ROUNDS}
    fields: dict[str, Any] = {field.alias or key: field for key, field in getattr(schemas, name).model_fields.items()}
    assert [(key, field.annotation) for key, field in fields.items()] == list(wanted.items())
    optional = {key for key, field in fields.items() if not field.is_required()}
    assert optional - {"schema"} == set(declared.__optional_keys__).difference(OF_ROUNDS)
