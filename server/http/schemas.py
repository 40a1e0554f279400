"""The shapes of the answers, for the documentation under /docs; the routes write the JSON themselves."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union

from pydantic import BaseModel, Field

Timings = Dict[str, float]


class Prediction(BaseModel):
    label: str = Field(examples=["cat"])
    class_id: int = Field(examples=[3])
    score: float = Field(description="Softmax, 0 to 1, at the model's temperature.", examples=[0.97])


class ImageSize(BaseModel):
    width: int = Field(description="Pixels, as a viewer shows the image.", examples=[640])
    height: int = Field(examples=[480])


class Result(BaseModel):
    label: Optional[str] = Field(
        None,
        description="Only where a min_score is asked for, set or in the card: the first prediction's label, or null.",
        examples=["cat"],
    )
    reason: Optional[str] = Field(
        None,
        description="Why the label is null.",
        examples=["the highest score, 0.41 for cat, is below min_score 0.6"],
    )
    predictions: List[Prediction] = Field(description="The likeliest first.")
    image: ImageSize


class ReportItem(BaseModel):
    # The same fields as in ../profiling/report.py, as a test sees to.
    name: str = Field(description="Module path, also the ONNX node's name.", examples=["blocks.17.expand"])
    onnx_nodes: List[str] = Field(examples=[["blocks.17.expand"]])
    op: str = Field(examples=["FWHTLayer"])
    ms: float = Field(description="Median.", examples=[0.031])
    ms_p10: float = Field(examples=[0.030])
    ms_p90: float = Field(examples=[0.034])
    share: float = Field(description="Of sum_ms + unattributed_ms.", examples=[0.017])


class LayerReport(BaseModel):
    """Times of profiled runs of the same input: profiling slows a run down, so they are not the latency."""

    layout: int = Field(1, alias="schema", description="Version of this report's layout.", examples=[1])
    latency_ms: float = Field(description="Of runs without the profiler, median.", examples=[1.80])
    latency_ms_p10: float = Field(examples=[1.75])
    latency_ms_p90: float = Field(examples=[1.91])
    sum_ms: float = Field(examples=[1.84])
    unattributed_ms: float = Field(description="Profiled work that belongs to no layer.", examples=[0.02])
    profiled_ms: float = Field(description="Total of the profiled runs.", examples=[2.01])
    runs: int = Field(examples=[10])
    conditions: Dict[str, Any] = Field(description="Machine and versions.", examples=[{"backend": "onnxruntime"}])
    items: List[ReportItem] = Field(description="One without onnx_nodes is work that belongs to no layer.")
    note: Optional[str] = Field(None, description="Only where the sums and profiled_ms differ by more than 10 %.")


class ClassifyAnswer(BaseModel):
    id: str = Field(description="X-Request-ID of the request, or a new one.", examples=["6f1c0e5a"])
    model: str = Field(examples=["fwht_mobilenet_v2"])
    version: str = Field(examples=["1"])
    backend: str = Field(examples=["onnxruntime"])
    precision: str = Field(examples=["fp32"])
    results: List[Result] = Field(description="One per image, in the order sent.")
    timings_ms: Timings = Field(
        description="By stage, for all images together; total is all but the upload.",
        examples=[
            {"decode": 0.4, "preprocess": 0.1, "queue": 0.2, "inference": 1.9, "postprocess": 0.05, "total": 2.7}
        ],
    )
    layers: Optional[LayerReport] = Field(None, description="Only with layers=true.")


class PreprocessingFacts(BaseModel):
    size: int = Field(description="Side of the square input in pixels.", examples=[32])
    resize: str = Field(description="crop or stretch.", examples=["crop"])
    colour: str = Field(examples=["RGB"])
    mean: List[float] = Field(description="Per channel, in 0..255.", examples=[[125.3, 123.0, 113.9]])
    std: List[float] = Field(examples=[[63.0, 62.1, 66.7]])


class ModelDescription(BaseModel):
    name: str = Field(examples=["fwht_mobilenet_v2"])
    version: str = Field(examples=["1"])
    architecture: Optional[str] = Field(examples=["fwht_mobilenet_v2"])
    labels: List[str] = Field(examples=[["airplane", "automobile"]])
    parameters: Optional[int] = Field(examples=[947786])
    accuracy: Optional[Dict[str, Any]] = Field(description="Of the weights, and on which data.")
    checkpoint_sha256: Optional[str]
    temperature: Optional[float] = Field(
        description="Divides the logits before the softmax, so that scores are shares of right answers.", examples=[1.2]
    )
    min_score: Union[float, Dict[str, float], None] = Field(
        description="Below it an image gets no label, where the query says none: one for all, or one for each label.",
        examples=[0.6],
    )
    preprocessing: PreprocessingFacts
    backend: str = Field(examples=["onnxruntime"])
    precision: str = Field(examples=["fp32"])
    provider: str = Field(examples=["cpu"])
    kernels: Optional[str] = Field(
        description="What runs our ops: native and its instruction set, function body or plugin; null without any.",
        examples=["native avx2"],
    )
    onnx_sha256: Optional[str] = Field(description="Of the ONNX file, or of that which the engine was built from.")
    engine: Optional[Dict[str, Any]] = Field(description="What a TensorRT engine was built for and how it was checked.")
    not_tensorrt: Optional[str] = Field(
        description="Why a TensorRT engine that is there, or was asked for, does not run the model."
    )
    ready: bool
    problem: Optional[str] = Field(description="Why it is not ready.")


class ModelList(BaseModel):
    models: List[ModelDescription]


class Live(BaseModel):
    live: bool = Field(examples=[True])


class Ready(BaseModel):
    ready: bool = Field(examples=[True])


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["urn:fwht:problem:bad-request"])
    title: str = Field(examples=["Bad request"])
    status: int = Field(examples=[400])
    detail: str = Field(description="What was wrong and how to mend it.", examples=["the body is empty"])
    instance: str = Field(description="Path of the request.", examples=["/v1/classify"])
    request_id: str = Field(examples=["6f1c0e5a"])
    error: str = Field(description="The detail again, under the name Open Inference clients read.")
    index: Optional[int] = Field(None, description="Which image of a batch, counted from 0.", examples=[2])
