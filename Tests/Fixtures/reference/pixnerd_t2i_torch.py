"""A compact PyTorch statement of PixNerd, text-to-image (arXiv 2507.23268, section on text; PixNerd-XXL/16).

Parameter names are those of the published checkpoint (under `denoiser.` and `ema_denoiser.` there). What is the
same as in the class-conditional model is imported from pixnerd_torch.py; everything here differs from it:

  condition      modulation comes from time alone, c = SiLU(t). Text never touches it.
  text           L rows of a language model, always exactly txt_max_length, padding included; no mask anywhere.
                 Linear, RMSNorm, plus a learned row for each place, then refine blocks (self-attention without
                 rotary positions, modulated by c, so they depend on t and run anew in each sampling step).
  attention      queries of patches; keys and values of patches and, through weights of their own (kv_y), of text.
                 One softmax over both, patches first. k_norm is shared. Keys of text are not rotated. Text goes
                 into every block as the refine blocks left it: it is not normalised, modulated or updated there.
  rotary         positions count patches: x runs over linspace(0, rows, cols), y over linspace(0, cols, rows)
                 (sic: the extents are exchanged; equal for squares). The class model stretches both over 0..16.
  SwiGLU         inner width 4 D, not 8/3 D; w12 holds gate and value stacked, w3 leads back.
  field          encodings are cosines of rotary angles, not products over frequencies; only the first generated
                 matrix is normalised; the last layer has no norm; tokens are SiLU(t + s).
  other sizes    grid route: as the class model, other numbers of patches. Field route (the published demo): the grid
                 of training stays, the encoder sees the picture resampled (nearest) to it, the decoder's patches
                 become P H / 512 by P W / 512 pixels.

Shapes: B pictures, P patch side, N patches, L text rows, E text width, D hidden size, h heads, F field width.
Time: t = 0 is pure noise, t = 1 is data; x_t = t x + (1 - t) e, v = x - e.
"""
import torch
import torch.nn.functional as F
from torch import nn

from .pixnerd_torch import Projector, RMSNorm, _Holder, losses, rotate, timestep_features  # noqa: F401

PRESETS = {  # published: one size. Parameters: 1.17e9
    "XXL/16": dict(hidden_size=1536, num_groups=24, num_encoder_blocks=16, num_decoder_blocks=2, num_text_blocks=4,
                   patch_size=16, in_channels=3, decoder_hidden_size=64, txt_embed_dim=2048, txt_max_length=128),
}
TRAINING = {  # batch is that of one device; the number of devices is not published. Clip: global norm 1.
    "pretrain-256": dict(size=256, steps=200_000, batch=96, lr=2e-4, betas=(0.9, 0.95), shift=2.0),
    "pretrain-512": dict(size=512, steps=400_000, batch=24, lr=1e-4, betas=(0.9, 0.95), shift=4.0),
    "finetune-512": dict(size=512, steps=60_000, batch=24, lr=1e-5, betas=(0.9, 0.999), shift=4.0),
}
ALIGN = dict(layer=6, weight=0.5, hidden=1536, target=768)  # DINOv2-B/14, picture resized to 14/16
DEMO = dict(steps=25, guidance=4.0, shift=3.0, order=2, size=512, multiple=32, smallest=128, largest=1024)


def plane_angles(width, rows, cols, across, down, theta=10000.0):
    """[rows*cols, width/2]: x over 0..across and y over 0..down, ends included, times width/4 rates; x, y alternate."""
    rate = theta ** (-torch.arange(0, width, 4, dtype=torch.float32)[: width // 4] / width)
    x = torch.linspace(0, across, cols)[None, :, None] * rate
    y = torch.linspace(0, down, rows)[:, None, None] * rate
    return torch.stack([x.expand(rows, -1, -1), y.expand(-1, cols, -1)], dim=-1).reshape(rows * cols, width // 2)


def patch_table(head_dim, rows, cols):
    """[N, head_dim/2, 2] cos/sin. The extents are exchanged, as published: x runs to rows and y to cols."""
    angle = plane_angles(head_dim, rows, cols, across=rows, down=cols)
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def pixel_encodings(rows, cols, extent=16.0, freqs=8):
    """[rows*cols, freqs^2]: cosines of 32 rates times x and y in turn; both run over 0..extent whatever the patch.

    The published training code lets them run over 0..patch, its inference code over 0..16: equal for patches of 16.
    """
    return plane_angles(2 * freqs * freqs, rows, cols, across=extent, down=extent).cos()


def resample(x, height, width):
    """Nearest pixel: output i takes input floor(i * size / output size)."""
    rows = torch.arange(height) * x.shape[-2] // height
    cols = torch.arange(width) * x.shape[-1] // width
    return x[..., rows, :][..., cols]


def to_patches(x, rows, cols):
    """[B, C, H, W] -> [B, N, C, pixels of a patch], patches and pixels row by row."""
    B, C, H, W = x.shape
    x = x.reshape(B, C, rows, H // rows, cols, W // cols).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(B, rows * cols, C, -1)


def from_patches(x, rows, cols, height, width):
    """The inverse of to_patches."""
    B, _, C, _ = x.shape
    x = x.reshape(B, rows, cols, C, height // rows, width // cols).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(B, C, height, width)


def attend(q, k, v):
    """[B, N, h, d] x [B, M, h, d] -> [B, N, h d]; no mask."""
    y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
    return y.transpose(1, 2).flatten(2)


class TextAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm, self.k_norm = RMSNorm(width // heads), RMSNorm(width // heads)
        self.proj = nn.Linear(width, width)

    def forward(self, y):
        q, k, v = self.qkv(y).unflatten(-1, (3, self.heads, -1)).unbind(2)
        return self.proj(attend(self.q_norm(q), self.k_norm(k), v))


class JointAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv_x = nn.Linear(width, 3 * width, bias=False)
        self.kv_y = nn.Linear(width, 2 * width, bias=False)
        self.q_norm, self.k_norm = RMSNorm(width // heads), RMSNorm(width // heads)
        self.proj = nn.Linear(width, width)

    def forward(self, s, y, table):
        q, k, v = self.qkv_x(s).unflatten(-1, (3, self.heads, -1)).unbind(2)
        ky, vy = self.kv_y(y).unflatten(-1, (2, self.heads, -1)).unbind(2)
        q, k = rotate(self.q_norm(q), table), rotate(self.k_norm(k), table)
        k, v = torch.cat([k, self.k_norm(ky)], dim=1), torch.cat([v, vy], dim=1)
        return self.proj(attend(q, k, v))


class WideSwiGLU(nn.Module):
    def __init__(self, width, ratio=4):
        super().__init__()
        self.w12 = nn.Linear(width, 2 * ratio * width, bias=False)
        self.w3 = nn.Linear(ratio * width, width, bias=False)

    def forward(self, x):
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class Block(nn.Module):
    """x <- x + g1 Attn(m1(norm1 x), ...); x <- x + g2 MLP(m2(norm2 x)); m(x) = x (1 + scale) + shift; all from c."""

    def __init__(self, width, attention):
        super().__init__()
        self.norm1, self.attn = RMSNorm(width), attention
        self.norm2, self.mlp = RMSNorm(width), WideSwiGLU(width)
        self.adaLN_modulation = nn.Sequential(nn.Linear(width, 6 * width))

    def forward(self, x, c, *others):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(c).chunk(6, dim=-1)
        x = x + gate1 * self.attn(self.norm1(x) * (1 + scale1) + shift1, *others)
        return x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2)


class TextFieldBlock(nn.Module):
    """A residual layer of a patch's MLP. Columns of the first generated matrix have length 1, the second is free."""

    def __init__(self, width, field, ratio=2):
        super().__init__()
        self.field, self.inner = field, field * ratio
        self.param_generator1 = nn.Sequential(nn.Linear(width, 2 * field * self.inner))
        self.norm = RMSNorm(field)

    def forward(self, x, token):
        """x [BN, pixels, F], token [BN, D]."""
        w1, w2 = self.param_generator1(token).chunk(2, dim=-1)
        w1 = F.normalize(w1.unflatten(-1, (self.field, self.inner)), dim=-2)
        w2 = w2.unflatten(-1, (self.inner, self.field))
        return x + torch.bmm(F.silu(torch.bmm(self.norm(x), w1)), w2)


class PixNerdT2I(nn.Module):
    def __init__(self, hidden_size=1536, num_groups=24, num_encoder_blocks=16, num_decoder_blocks=2, num_text_blocks=4,
                 patch_size=16, in_channels=3, decoder_hidden_size=64, txt_embed_dim=2048, txt_max_length=128):
        super().__init__()
        D, self.heads, self.patch, self.depth = hidden_size, num_groups, patch_size, num_encoder_blocks
        self.y_pos_embedding = nn.Parameter(torch.randn(1, txt_max_length, D))
        self.s_embedder = _Holder(proj=nn.Linear(in_channels * patch_size**2, D))
        self.x_embedder = _Holder(embedder=nn.Sequential(nn.Linear(in_channels + 64, decoder_hidden_size)))
        self.t_embedder = _Holder(mlp=nn.Sequential(nn.Linear(256, D), nn.SiLU(), nn.Linear(D, D)))
        self.y_embedder = _Holder(proj=nn.Linear(txt_embed_dim, D), norm=RMSNorm(D))
        self.final_layer = _Holder(linear=nn.Linear(decoder_hidden_size, in_channels))
        self.blocks = nn.ModuleList(
            [Block(D, JointAttention(D, num_groups)) for _ in range(num_encoder_blocks)]
            + [TextFieldBlock(D, decoder_hidden_size) for _ in range(num_decoder_blocks)])
        self.text_refine_blocks = nn.ModuleList(
            [Block(D, TextAttention(D, num_groups)) for _ in range(num_text_blocks)])
        # Everything else keeps PyTorch's default for Linear: modulation is not zero at the start.
        nn.init.xavier_uniform_(self.s_embedder.proj.weight)
        nn.init.zeros_(self.s_embedder.proj.bias)
        nn.init.normal_(self.t_embedder.mlp[0].weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[2].weight, std=0.02)
        nn.init.zeros_(self.final_layer.linear.weight)
        nn.init.zeros_(self.final_layer.linear.bias)

    def refine(self, y, c):
        """[B, L, E] -> [B, L, D]; depends on time through c."""
        y = self.y_embedder.norm(self.y_embedder.proj(y)) + self.y_pos_embedding
        for block in self.text_refine_blocks:
            y = block(y, c)
        return y

    def forward(self, x, t, y, features_after=None, encoder_size=None):
        """Velocity [B, C, H, W] at x [B, C, H, W], t [B], text rows y [B, L, E].

        encoder_size = (height, width): the field route; the encoder sees x at that size. None: the grid route.
        With features_after = k, also the tokens [B, N, D] that leave the k-th block.
        """
        B, C, H, W = x.shape
        height, width = encoder_size or (H, W)
        rows, cols = height // self.patch, width // self.patch
        table = patch_table(self.y_pos_embedding.shape[-1] // self.heads, rows, cols).to(x.device)
        t = self.t_embedder.mlp(timestep_features(t))[:, None]
        c = F.silu(t)
        y = self.refine(y, c)
        s = self.s_embedder.proj(to_patches(resample(x, height, width), rows, cols).flatten(2))
        features = None
        for i, block in enumerate(self.blocks[: self.depth]):
            s = block(s, c, y, table)
            if i + 1 == features_after:
                features = s
        tokens = F.silu(t + s).flatten(0, 1)  # [BN, D]
        pixels = to_patches(x, rows, cols).flatten(0, 1).transpose(1, 2)  # [BN, pixels, C]
        encodings = pixel_encodings(H // rows, W // cols).to(x).expand(len(pixels), -1, -1)
        z = self.x_embedder.embedder(torch.cat([pixels, encodings], dim=-1))
        for block in self.blocks[self.depth:]:
            z = block(z, tokens)
        v = self.final_layer.linear(z).transpose(1, 2).unflatten(0, (B, -1))
        v = from_patches(v, rows, cols, H, W)
        return v if features_after is None else (v, features)


def training_times(normals, shift):
    """Published: t = sigmoid(normal), then t / (t + (1 - t) shift). (`losses` of pixnerd_torch.py does the second.)"""
    t = normals.sigmoid()
    return t / (t + (1 - t) * shift)


def drop_text(y, nothing, uniforms, p=0.1):
    """Rows of text are exchanged for those of the empty prompt where uniform < p."""
    return torch.where((uniforms < p)[:, None, None], nothing.expand_as(y), y)


def time_grid(steps, shift, last_step=None):
    grid = torch.cat([torch.linspace(0, 1 - (last_step or 1 / steps), steps), torch.ones(1)])
    return grid / (grid + (1 - grid) * shift)


def adams_coefficients(times, start, end):
    """Weights of the velocities at `times` for the step start -> end, over the step's length (they add up to 1)."""
    weights = []
    for j, tj in enumerate(times):
        others = [u for k, u in enumerate(times) if k != j]
        poly = torch.ones(1, dtype=torch.float64)  # prod (t - u), lowest power first
        for u in others:
            poly = torch.cat([torch.zeros(1, dtype=torch.float64), poly]) - u * torch.cat(
                [poly, torch.zeros(1, dtype=torch.float64)])
        power = torch.arange(1, len(poly) + 1, dtype=torch.float64)
        whole = (poly / power * (end**power - start**power)).sum()
        for u in others:
            whole = whole / (tj - u)
        weights.append(whole)
    weights = torch.stack(weights)
    return weights / weights.sum()


@torch.no_grad()
def sample_adams(model, noise, text, nothing, steps=25, guidance=4.0, shift=3.0, order=2, interval=(0.0, 1.0),
                 last_step=None, encoder_size=None, trajectory=False):
    """Multistep (Adams-Bashforth on an uneven grid) of the guided velocity; guidance strictly inside the interval.

    t = 0 lies outside it: the first step is taken with the text alone. A negative prompt would be `nothing`.
    """
    grid = time_grid(steps, shift, last_step).double()
    x, way, y = noise, [noise], torch.cat([nothing.expand_as(text), text])
    past = []
    for i in range(steps):
        now = grid[i].float()
        out = model(torch.cat([x, x]), now.expand(2 * len(x)), y, encoder_size=encoder_size)
        without, with_ = out.chunk(2)
        g = guidance if interval[0] < now < interval[1] else 1.0
        past = (past + [without + g * (with_ - without)])[-order:]
        weights = adams_coefficients(grid[i + 1 - len(past): i + 1], grid[i], grid[i + 1])
        x = x + (grid[i + 1] - grid[i]).float() * sum(w.float() * v for w, v in zip(weights, past))
        way.append(x)
    return (x, way) if trajectory else x


@torch.no_grad()
def sample_euler(model, noise, text, nothing, steps=100, guidance=4.0, shift=1.0, interval=(0.0, 1.0), encoder_size=None):
    """What the pretraining configurations preview with: Adams of order 1."""
    return sample_adams(model, noise, text, nothing, steps, guidance, shift, 1, interval, None, encoder_size)
