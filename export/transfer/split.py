"""A model as two: a front of its first blocks, which stays as it is, and a tail, which is trained."""

from __future__ import annotations

from torch import fx, nn

from export.to_onnx.folded_graph import LEAVES


class BlockTracer(fx.Tracer):
    """Takes each block of a model for one step, and for leaves what the exporter takes for them."""

    def is_leaf_module(self, m: nn.Module, qualname: str) -> bool:
        block = qualname.startswith("blocks.") and qualname.count(".") == 1
        return block or isinstance(m, LEAVES) or super().is_leaf_module(m, qualname)


def list_blocks(model: nn.Module) -> list[str]:
    """The names of a model's blocks, in the order they run. Raises ValueError for a model without blocks."""
    blocks = getattr(model, "blocks", None)
    if not isinstance(blocks, nn.ModuleDict) or not len(blocks):
        raise ValueError(f"a {type(model).__name__} has no blocks to split it at")
    return list(blocks)


def split_model(model: nn.Module, frozen: int) -> tuple[nn.Module, nn.Module]:
    """Front and tail of `model`: tail(front(images)) is model(images), to the last bit.

    images (N, 3, S, S) -> features (N, C, H, W) behind the first `frozen` blocks -> logits (N, classes). Both hold the
    model's own modules under the model's own names, so what is trained in the tail is trained in the model. With
    frozen = 0 the images are the features, and all of the model is its tail. Raises ValueError for a number of blocks
    that the model does not have, and where a value of the front is read behind the place of the cut as well.
    """
    names = list_blocks(model)
    if not 0 <= frozen < len(names):
        raise ValueError(f"{frozen} of {len(names)} blocks cannot be frozen: choose 0 to {len(names) - 1}")
    if not frozen:
        return nn.Identity(), model
    graph = BlockTracer().trace(model)
    nodes = list(graph.nodes)
    place = next(i for i, node in enumerate(nodes) if node.target == f"blocks.{names[frozen - 1]}")
    front, tail = fx.Graph(), fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in nodes[: place + 1]:
        copies[node] = front.node_copy(node, copies.__getitem__)
    front.output(copies[nodes[place]])
    copies = {nodes[place]: tail.placeholder("features")}
    for node in nodes[place + 1 :]:
        beyond = [read.name for read in node.all_input_nodes if read not in copies]
        if beyond:
            raise ValueError(f"the model cannot be cut behind {frozen} blocks: {node.name} reads {beyond[0]} as well")
        copies[node] = tail.node_copy(node, copies.__getitem__)
    return fx.GraphModule(model, front), fx.GraphModule(model, tail)


def expose_embedding(tail: nn.Module) -> nn.Module:
    """The same modules, answering (embedding, logits): what the classifier reads, (N, C), beside what it says."""
    graph = tail.graph if isinstance(tail, fx.GraphModule) else BlockTracer().trace(tail)
    both = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in graph.nodes:
        if node.op == "output":
            (logits,) = node.all_input_nodes
            both.output((copies[logits.all_input_nodes[0]], copies[logits]))
        else:
            copies[node] = both.node_copy(node, copies.__getitem__)
    return fx.GraphModule(tail, both)
