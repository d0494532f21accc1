"""The transformer of `pixnerd_torch.PixNerd` with a linear head, under the names of the published latent denoiser (Wang
et al., DDT, arXiv 2504.05741): patch embedding `x_embedder.proj`, a last LayerNorm without weights that time and class
modulate, and one matrix from each token to its patch.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from reference.pixnerd_torch import DiTBlock, PixNerd, _Holder, rotary_table, timestep_features


class LinearHeadDiT(nn.Module):
    def __init__(self, hidden_size, num_groups, num_cond_blocks, patch_size, in_channels, num_classes):
        super().__init__()
        self.width, self.heads, self.patch = hidden_size, num_groups, patch_size
        values = in_channels * patch_size**2
        self.x_embedder = _Holder(proj=nn.Linear(values, hidden_size))
        self.t_embedder = _Holder(
            mlp=nn.Sequential(nn.Linear(256, hidden_size), nn.SiLU(), nn.Linear(hidden_size, hidden_size)))
        self.y_embedder = _Holder(embedding_table=nn.Embedding(num_classes + 1, hidden_size))
        self.final_layer = _Holder(
            linear=nn.Linear(hidden_size, values),
            adaLN_modulation=nn.Sequential(nn.Linear(hidden_size, 2 * hidden_size)))
        self.blocks = nn.ModuleList(DiTBlock(hidden_size, num_groups) for _ in range(num_cond_blocks))
        nn.init.xavier_uniform_(self.x_embedder.proj.weight)
        nn.init.zeros_(self.x_embedder.proj.bias)
        nn.init.normal_(self.y_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[0].weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[2].weight, std=0.02)
        for layer in (self.final_layer.linear, self.final_layer.adaLN_modulation[0]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, t, y):
        height, width = x.shape[2:]
        rows, columns = height // self.patch, width // self.patch
        table = rotary_table(self.width // self.heads, rows, columns).to(x.device)
        tokens = self.x_embedder.proj(F.unfold(x, self.patch, stride=self.patch).transpose(1, 2))
        condition = F.silu(self.t_embedder.mlp(timestep_features(t)) + self.y_embedder.embedding_table(y))
        for block in self.blocks:
            tokens = block(tokens, condition[:, None], table)
        shift, scale = self.final_layer.adaLN_modulation(condition)[:, None].chunk(2, dim=-1)
        tokens = F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6) * (1 + scale) + shift
        return F.fold(
            self.final_layer.linear(tokens).transpose(1, 2), (height, width), self.patch, stride=self.patch)
