"""PixNerd for captions by cross-attention in plain PyTorch, and how it begins as a class-conditional model.

* `blocks.{i}.cross_attn.{q_linear,kv_linear,proj}` between attention and MLP: x <- x + proj(attention(q x, kv caption)),
  without norm, modulation or gate. `proj` begins at zero, so that the start does not see the caption.
* `y_embedder.y_proj.{fc1,fc2}` (tanh-GELU between) embeds a text's rows; `y_embedder.y_embedding` stands for no caption.
* modulation "per_block": the blocks' own layers stay, and the start is the class model at all times. "single": `t_block.1`
  after a SiLU for all blocks and a table [6, D] for each; the start is the class model at the time `at`.
* what "no class" was remains as `t_embedder.none` [D]; the field blocks use the time alone, so it is no part of its bias.
"""
import torch
import torch.nn.functional as F
from torch import nn

from .pixart_torch import CrossAttention, GeluMLP, Named
from .pixnerd_torch import PixNerd, field_positions, rotary_table, timestep_features


def shared_modulation(linears, at):
    """One linear layer and a table for each block from the blocks' own layers.

    linears: the adaLN layers (D -> kD) of a class-conditional model; at [D]: the input that they share at the chosen
    time, without a class. The shared layer is the mean of all (least squares); a block's table is what it lacks of its
    own layer at `at`, so that there every block is modulated exactly as before. Returns (Linear, [blocks, k, D])."""
    shared = nn.Linear(linears[0].in_features, linears[0].out_features)
    with torch.no_grad():
        shared.weight.copy_(torch.stack([l.weight for l in linears]).mean(0))
        shared.bias.copy_(torch.stack([l.bias for l in linears]).mean(0))
        tables = torch.stack([l(at) - shared(at) for l in linears]).unflatten(1, (-1, shared.in_features))
    return shared, tables


class CaptionPixNerd(nn.Module):
    def __init__(self, base: PixNerd, text_width, text_tokens, modulation="single", none_label=-1, at=0.5):
        super().__init__()
        self.base, self.modulation = base, modulation
        self.y_embedder = Named(y_proj=GeluMLP(text_width, base.width, base.width))
        self.y_embedder.register_buffer("y_embedding", torch.randn(text_tokens, text_width) / text_width**0.5)
        for fc in (self.y_embedder.y_proj.fc1, self.y_embedder.y_proj.fc2):
            nn.init.normal_(fc.weight, std=0.02)
            nn.init.zeros_(fc.bias)
        self.cross = nn.ModuleList(CrossAttention(base.width, base.heads) for _ in range(base.conditioned))
        for cross in self.cross:
            nn.init.xavier_uniform_(cross.q_linear.weight)
            nn.init.xavier_uniform_(cross.kv_linear.weight)
            for bias in (cross.q_linear.bias, cross.kv_linear.bias, cross.proj.weight, cross.proj.bias):
                nn.init.zeros_(bias)
        self.none = nn.Parameter(base.y_embedder.embedding_table.weight[none_label].detach().clone())
        if modulation == "single":
            with torch.no_grad():
                c = F.silu(base.t_embedder.mlp(timestep_features(torch.tensor([at])))[0] + self.none)
            linears = [block.adaLN_modulation[0] for block in base.blocks[: base.conditioned]]
            self.t_block, tables = shared_modulation(linears, c)
            self.tables = nn.ParameterList(nn.Parameter(t) for t in tables)

    def forward(self, x, t, caption, keep=None):
        """Velocity [B, C, H, W] at x, t [B], caption [B, L, text width], keep [B, L]."""
        base, B, (C, H, W), P = self.base, len(x), x.shape[1:], self.base.patch
        rows, cols = H // P, W // P
        table = rotary_table(base.width // base.heads, rows, cols)
        patches = x.reshape(B, C, rows, P, cols, P).permute(0, 2, 4, 1, 3, 5)
        time = base.t_embedder.mlp(timestep_features(t))[:, None]
        c = F.silu(time + self.none)
        caption = self.y_embedder.y_proj(caption)
        tokens = base.s_embedder.proj(patches.reshape(B, rows * cols, C * P * P))
        for i, block in enumerate(base.blocks[: base.conditioned]):
            if self.modulation == "single":
                m = (self.t_block(c).unflatten(-1, (6, -1)) + self.tables[i]).unbind(-2)
            else:
                m = block.adaLN_modulation(c).chunk(6, dim=-1)
            shift1, scale1, gate1, shift2, scale2, gate2 = m
            tokens = tokens + gate1 * block.attn(block.norm1(tokens) * (1 + scale1) + shift1, table)
            tokens = tokens + self.cross[i](tokens, caption, keep)
            tokens = tokens + gate2 * block.mlp(block.norm2(tokens) * (1 + scale2) + shift2)
        tokens = F.silu(time + tokens).reshape(B * rows * cols, base.width)
        pixels = patches.reshape(B * rows * cols, C, P * P).transpose(1, 2)
        z = base.x_embedder.embedder(torch.cat([pixels, field_positions(P).to(x).expand(len(tokens), -1, -1)], dim=-1))
        for block in base.blocks[base.conditioned:]:
            z = block(z, tokens)
        v = base.final_layer.linear(base.final_layer.norm(z))
        return v.transpose(1, 2).reshape(B, rows, cols, C, P, P).permute(0, 3, 1, 4, 2, 5).reshape(B, C, H, W)
