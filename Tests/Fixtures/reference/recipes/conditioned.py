"""A PixNerd that is told more than time and class."""
from torch import nn

from reference import pixnerd_torch as pn


class ConditionedPixNerd(pn.PixNerd):
    """A PixNerd that is also told an interval q - t, a guidance strength and the nine numbers of an augmentation.

    Each has an embedding that is added to that of the time: `h_embedder` of q - t and `w_embedder` of 1 - 1/strength
    are formed like `t_embedder`, `a_embedder` is one matrix without bias. Zero at the start, they leave a trained
    model's function as it was. No published PixNerd has them.
    """

    def __init__(self, **sizes):
        super().__init__(**sizes)
        d = self.width
        for name in ("h_embedder", "w_embedder"):
            setattr(self, name, pn._Holder(mlp=nn.Sequential(nn.Linear(256, d), nn.SiLU(), nn.Linear(d, d))))
            nn.init.zeros_(getattr(self, name).mlp[2].weight)
            nn.init.zeros_(getattr(self, name).mlp[2].bias)
        self.a_embedder = nn.Linear(9, d, bias=False)
        nn.init.zeros_(self.a_embedder.weight)
        self.extra = None
        self.t_embedder.mlp.register_forward_hook(lambda m, i, o: o if self.extra is None else o + self.extra)

    def forward(self, x, t, y, q=None, strength=None, augmentation=None, **rest):
        parts = []
        if q is not None:
            parts.append(self.h_embedder.mlp(pn.timestep_features(q - t)))
        if strength is not None:
            parts.append(self.w_embedder.mlp(pn.timestep_features(1 - 1 / strength)))
        if augmentation is not None:
            parts.append(self.a_embedder(augmentation))
        self.extra = sum(parts) if parts else None
        out = super().forward(x, t, y, **rest)
        self.extra = None
        return out
