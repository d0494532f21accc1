"""A PixNerd whose images have several classes, or none, and values."""
import torch
import torch.nn.functional as F
from torch import nn

from reference import pixnerd_torch as pn


def sum_of_rows(table, sets):
    """[B, D]: the sum of the rows of each list of indices."""
    offsets = torch.tensor([0] + [len(rows) for rows in sets[:-1]]).cumsum(0)
    return F.embedding_bag(torch.tensor(sum(sets, []), dtype=torch.int64), table, offsets, mode="sum")


def value_features(values):
    """[B] -> [B, 256]: those of times, of 8 v with periods up to 100 times the shortest."""
    return pn.timestep_features(8 * values, max_period=100.0)


class ConditionsPixNerd(pn.PixNerd):
    """The class embedding is the sum of the rows of an image's classes; a dropped image takes the last row alone.

    Each value has an embedder `v_embedder.i`, formed like `t_embedder`, whose result is added to that of the time. A
    value that is not there (NaN) adds nothing. No published PixNerd has them.
    """

    def __init__(self, values, **sizes):
        super().__init__(**sizes)
        d = self.width
        self.v_embedder = nn.ModuleList(
            [pn._Holder(mlp=nn.Sequential(nn.Linear(256, d), nn.SiLU(), nn.Linear(d, d))) for _ in range(values)])
        self.sets, self.values = None, None
        self.t_embedder.mlp.register_forward_hook(self._add_values)
        self.y_embedder.embedding_table.register_forward_hook(
            lambda table, _, __: sum_of_rows(table.weight, self.sets))

    def _add_values(self, module, _, time):
        for column, embedder in zip(self.values.T, self.v_embedder):
            there = ~column.isnan()
            time = time + there[:, None] * embedder.mlp(value_features(column.nan_to_num(0.0)))
        return time

    def forward(self, x, t, sets, values):
        self.sets, self.values = sets, values
        return super().forward(x, t, torch.zeros(len(x), dtype=torch.int64))
