"""A ControlNet over a transformer of blocks in plain PyTorch (arXiv 2401.05252, section 3.2), as hooks on its blocks.

Copy i is of block i, runs before block i + 1, and its output is added to that block's input. The first copy sees the
tokens after block 0 and the embedded picture; the others go on from the copy before them.
"""
import contextlib
import copy

import torch
from torch import nn


class ControlBlock(nn.Module):
    def __init__(self, block, width, first):
        super().__init__()
        self.copied_block, self.after_proj = copy.deepcopy(block), nn.Linear(width, width)
        if first:
            self.before_proj = nn.Linear(width, width)


class Control(nn.Module):
    """Parameters are named `controlnet.{i}.before_proj` (i = 0 alone), `.copied_block.*` and `.after_proj`."""

    def __init__(self, blocks, width, copies):
        super().__init__()
        self.controlnet = nn.ModuleList(ControlBlock(blocks[i], width, i == 0) for i in range(copies))

    @contextlib.contextmanager
    def acting(self, blocks, picture, strength=1.0):
        """While it acts, `blocks` (called with the tokens first) get what the copies add. `picture` is embedded."""
        state = {}

        def hook(i):
            def before_block(_, inputs):
                x, rest = inputs[0], inputs[1:]
                own = self.controlnet[i]
                side = x + own.before_proj(picture) if i == 0 else state["side"]
                state["side"] = own.copied_block(side, *rest)
                return (x + strength * own.after_proj(state["side"]), *rest)
            return before_block

        handles = [blocks[i + 1].register_forward_pre_hook(hook(i)) for i in range(len(self.controlnet))]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
