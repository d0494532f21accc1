"""Makes the fixtures of the text-to-image denoiser and its operators; see make_fixtures.py for how to run it.

t2i/        a small model by the published names and its averages: as safetensors, and as a Lightning checkpoint whose
            raw weights are bf16, as published runs keep them. Forward passes by both routes, a run of the published
            training, and samples. Rows of texts are those of `text.safetensors`, a text encoder's, which stands beside.
operators/  the operators that this model adds, in float64 as in make_fixtures.py.

Everything is computed by reference/pixnerd_t2i_torch.py, which agrees with the published code; weights are random.
"""
import argparse
import copy
import math
from pathlib import Path

import torch
from safetensors.torch import load_file

from make_fixtures import (
    check_sizes, generator, linear, named, root_mean_square_norm, silu, write_operator, write_tensors)
from reference import pixnerd_t2i_torch as t2i

DENOISER = dict(hidden_size=16, num_groups=2, num_encoder_blocks=2, num_decoder_blocks=2, num_text_blocks=1,
                patch_size=8, in_channels=3, decoder_hidden_size=6, txt_embed_dim=24, txt_max_length=16)
ALIGN = dict(layer=1, weight=0.5, hidden=12, target=10)
TRAIN = dict(steps=4, batch=2, learning_rate=1e-3, betas=(0.9, 0.95), weight_decay=0.0, clip=1.0, ema=0.99, shift=4.0,
             drop=0.25)
HEIGHT, WIDTH = 16, 24  # of the pictures of training
SMALL = 16  # the side that the transformer sees by the field route


# The model

@torch.no_grad()
def randomise(module, random):
    """Weights under which every part of a model changes the result."""
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=random)
        if "norm" in name:
            parameter.copy_(1 + 0.2 * noise)
        elif "pos_embedding" in name:
            parameter.copy_(0.7 * noise)
        elif "final_layer" in name:  # velocities about as large as those of a trained model
            parameter.copy_(0.4 * noise / parameter.shape[-1] ** 0.5)
        elif parameter.ndim == 1:
            parameter.copy_(0.1 * noise)
        else:
            parameter.copy_(noise / parameter.shape[-1] ** 0.5)


def write_checkpoints(folder, raw, average, projector):
    weights = named("denoiser", raw) | named("ema_denoiser", average) | named("diffusion_trainer", projector)
    write_tensors(folder / "model.safetensors", weights)
    published = {name: tensor.bfloat16() if name.startswith("denoiser.") else tensor for name, tensor in weights.items()}
    torch.save({"epoch": 0, "global_step": 4, "pytorch-lightning_version": "2.5.0.post0", "state_dict": published,
                "loops": {}, "optimizer_states": [], "lr_schedulers": []}, folder / "model.ckpt")


@torch.no_grad()
def write_forward(folder, raw, average, texts, random):
    """By the grid route for a square and another shape; by the field route with larger and smaller patches.

    Of the three pictures of the square two have one text.
    """
    for name, height, width, side, shown in [
            ("16x16", 16, 16, None, [0, 1, 0]), ("16x40", 16, 40, None, [0, 1]), ("24x32_field", 24, 32, SMALL, [0, 1]),
            ("8x12_field", 8, 12, SMALL, [0, 1])]:
        batch = len(shown)
        x, t = torch.randn(batch, 3, height, width, generator=random), torch.rand(batch, generator=random)
        chosen = 1 + torch.randperm(len(texts) - 1, generator=random)[:2]
        y = texts[chosen[shown]]
        seen = (side, side) if side else None
        tensors = {"x": x, "t": t, "y": y, "velocity": average(x, t, y, encoder_size=seen),
                   "velocity_raw": raw(x, t, y, encoder_size=seen)}
        write_tensors(folder / f"forward_{name}.safetensors", tensors, patch=DENOISER["patch_size"],
                      route="field" if side else "grid",
                      encoder_size=f"{side or height}x{side or width}")


def write_samples(folder, average, texts, nothing):
    noise = torch.randn(2, 3, SMALL, 24, generator=generator(0))
    large = torch.randn(1, 3, 24, 32, generator=generator(5))
    y = texts[1:3]
    write_tensors(folder / "samples.safetensors", {
        "noise": noise, "noise_24x32": large, "y": y, "nothing": nothing[0],
        "adams2": t2i.sample_adams(average, noise, y, nothing),
        "adams3": t2i.sample_adams(average, noise, y, nothing, 9, order=3),
        "euler": t2i.sample_euler(average, noise, y, nothing, steps=12),
        "adams2_24x32": t2i.sample_adams(average, large, y[:1], nothing, 12, encoder_size=(SMALL, SMALL))})


def write_training(folder, raw, average, projector, texts, nothing, random):
    """The published step: drawn times, dropped text, flow and alignment, clipped gradient, AdamW, moving average.

    `grad.*` are those of the first step before clipping, `train.gradient_norm` the norms before it. Of the final
    averages only some are kept.
    """
    raw, average, projector = copy.deepcopy(raw), copy.deepcopy(average), copy.deepcopy(projector)
    steps, batch = TRAIN["steps"], TRAIN["batch"]
    tokens = HEIGHT * WIDTH // DENOISER["patch_size"] ** 2

    def draw(*shape):
        return torch.randn(*shape, generator=random)

    kept = {
        "train.x": draw(steps, batch, 3, HEIGHT, WIDTH).clamp(-1, 1),
        "train.noise": draw(steps, batch, 3, HEIGHT, WIDTH), "train.normal": draw(steps, batch),
        "train.uniform": torch.rand(steps, batch, generator=random),
        "train.text": texts[torch.randint(1, len(texts), (steps, batch), generator=random)],
        "train.nothing": nothing[0], "train.features": draw(steps, batch, tokens, ALIGN["target"])}
    kept["train.uniform"][0, 1] = 0.1  # a dropped text in the first step
    kept["train.t"] = t2i.training_times(kept["train.normal"], TRAIN["shift"])
    kept["train.y"] = torch.stack([
        t2i.drop_text(y, nothing, u, TRAIN["drop"]) for y, u in zip(kept["train.text"], kept["train.uniform"])])
    parameters = [*raw.parameters(), *projector.parameters()]
    optimizer = torch.optim.AdamW(
        parameters, TRAIN["learning_rate"], TRAIN["betas"], weight_decay=TRAIN["weight_decay"])
    curves = {"loss": [], "flow": [], "align": [], "gradient_norm": []}
    for step in range(steps):
        result = t2i.losses(  # times are shifted already
            raw, kept["train.x"][step], kept["train.y"][step], kept["train.t"][step], kept["train.noise"][step],
            projector=projector, target=kept["train.features"][step], layer=ALIGN["layer"], weight=ALIGN["weight"])
        optimizer.zero_grad()
        result["loss"].backward()
        if step == 0:
            gradients = {f"grad.denoiser.{name}": p.grad.clone() for name, p in raw.named_parameters()}
            gradients |= {f"grad.{name}": p.grad.clone() for name, p in projector.named_parameters()}
            assert all(gradient.any() for gradient in gradients.values())
        norm = torch.nn.utils.clip_grad_norm_(parameters, TRAIN["clip"])
        optimizer.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), raw.parameters()):
                mean.mul_(TRAIN["ema"]).add_(parameter, alpha=1 - TRAIN["ema"])
        for name, value in {**result, "gradient_norm": norm}.items():
            curves[name].append(value.detach())
    kept |= {f"train.{name}": torch.stack(values) for name, values in curves.items()} | gradients
    kept |= named("final.denoiser", raw) | named("final", projector)
    kept |= {name: tensor for name, tensor in named("final.ema_denoiser", average).items()
             if "y_embedder" in name or "final_layer" in name or ".attn." in name}
    write_tensors(
        folder / "training.safetensors", kept, learning_rate=TRAIN["learning_rate"], beta1=TRAIN["betas"][0],
        beta2=TRAIN["betas"][1], weight_decay=TRAIN["weight_decay"], clip_norm=TRAIN["clip"], ema_decay=TRAIN["ema"],
        shift=TRAIN["shift"], drop=TRAIN["drop"], repa_layer=ALIGN["layer"], repa_weight=ALIGN["weight"])


def make_models(folder):
    text = load_file(folder / "text.safetensors")
    texts, nothing = text["hidden"], text["empty_sees_nothing"]
    random = generator(700)
    raw, average = t2i.PixNerdT2I(**DENOISER), t2i.PixNerdT2I(**DENOISER)
    projector = t2i.Projector(DENOISER["hidden_size"], ALIGN["hidden"], ALIGN["target"])
    for module in (raw, average, projector):
        randomise(module, random)
    write_checkpoints(folder, raw, average, projector)
    write_forward(folder, raw, average, texts, random)
    write_samples(folder, average, texts, nothing)
    write_training(folder, raw, average, projector, texts, nothing, random)


# The operators

def plane_positions(width, rows, columns, across, down):
    """[rows * columns, width / 2] angles in float64, cell by cell; x and y alternate."""
    angles = torch.zeros(rows, columns, width // 2, dtype=torch.float64)
    for row in range(rows):
        for column in range(columns):
            for place in range(width // 2):
                x, y = across * column / max(columns - 1, 1), down * row / max(rows - 1, 1)
                angles[row, column, place] = (y if place % 2 else x) * 10000 ** (-4 * (place // 2) / width)
    return angles.reshape(rows * columns, width // 2)


def softmax_attention(query, key, value):
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    return (weights / weights.sum(-1, keepdim=True) @ value).transpose(1, 2).flatten(2)


def normalized_attention(qkv, q_norm, k_norm, heads):
    query, key, value = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)  # [B, h, N, d]
    return softmax_attention(root_mean_square_norm(query, q_norm), root_mean_square_norm(key, k_norm), value)


def joint_attention(qkv, text, q_norm, k_norm, heads, rows, columns, of_image):
    """Patches, turned as complex numbers, attend to themselves and to the rows of their text, which are not turned."""
    query, key, value = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    text_key, text_value = text[of_image].unflatten(-1, (2, heads, -1)).permute(2, 0, 3, 1, 4)
    angles = plane_positions(len(q_norm), rows, columns, rows, columns)
    turns = torch.polar(torch.ones_like(angles), angles)

    def turned(x, weight):
        pairs = torch.view_as_complex(root_mean_square_norm(x, weight).unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * turns).flatten(-2)

    keys = torch.cat([turned(key, k_norm), root_mean_square_norm(text_key, k_norm)], dim=2)
    return softmax_attention(turned(query, q_norm), keys, torch.cat([value, text_value], dim=2))


def stacked_swiglu(x, w12, w3):
    inner = len(w12) // 2
    return linear(silu(linear(x, w12[:inner])) * linear(x, w12[inner:]), w3)


def text_field(pixels, positions, generated, embedder_weight, embedder_bias, norms, final_weight, final_bias, ratio):
    """One small MLP a patch: only the first generated matrix has columns of length 1, and the last layer no norm."""
    patches, field = len(pixels), len(embedder_bias)
    z = linear(torch.cat([pixels, positions.expand(patches, -1, -1)], dim=-1), embedder_weight, embedder_bias)
    for weights, norm in zip(generated, norms):
        first = weights[:, :field * field * ratio].reshape(patches, field, field * ratio)
        second = weights[:, field * field * ratio:].reshape(patches, field * ratio, field)
        first = first / torch.sqrt((first * first).sum(1, keepdim=True))
        z = z + silu(root_mean_square_norm(z, norm) @ first) @ second
    return linear(z, final_weight, final_bias)


def make_operators(folder):
    def path(name):
        return folder / f"{name}.safetensors"

    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    def head_norms(width):
        return dict(q_norm=normal(width, scale=0.3, mean=1), k_norm=normal(width, scale=0.3, mean=1))

    random = generator(600)
    write_operator(
        path("normalized_attention"),
        lambda qkv, q_norm, k_norm: normalized_attention(qkv, q_norm, k_norm, heads=2),
        dict(qkv=normal(2, 9, 3 * 2 * 6), **head_norms(6)), seed=601, heads=2)

    for name, seed, heads, width, rows, columns, length, of_image in [
            ("joint_attention", 610, 2, 8, 3, 4, 5, [1, 0, 1]), ("joint_attention_large", 615, 1, 4, 12, 15, 70, [0])]:
        random = generator(seed)
        inputs = dict(qkv=normal(len(of_image), rows * columns, 3 * heads * width),
                      text=normal(max(of_image) + 1, length, 2 * heads * width), **head_norms(width))
        write_operator(
            path(name),
            lambda qkv, text, q_norm, k_norm: joint_attention(
                qkv, text, q_norm, k_norm, heads, rows, columns, of_image),
            inputs, seed=seed + 1, labels=torch.tensor(of_image), heads=heads, rows=rows, columns=columns)

    random = generator(620)
    write_operator(
        path("swiglu_stacked"), stacked_swiglu,
        dict(x=normal(2, 5, 12), w12=normal(42, 12, scale=0.5), w3=normal(12, 21, scale=0.5)), seed=621)

    random = generator(630)
    write_operator(
        path("positioned_rms_norm"), lambda x, weight, positions: root_mean_square_norm(x, weight) + positions,
        dict(x=normal(3, 5, 37), weight=normal(37, scale=0.2, mean=1), positions=normal(1, 5, 37)), seed=631)

    random = generator(640)
    blocks, field, ratio, side = 2, 5, 2, 4
    positions = plane_positions(128, side, side, 16, 16).cos()
    inputs = {"pixels": normal(6, side**2, 3)}
    inputs |= {f"generated{block}": normal(6, 2 * field * field * ratio) for block in range(blocks)}
    inputs |= {"embedder.weight": normal(field, 3 + 64, scale=0.3), "embedder.bias": normal(field)}
    inputs |= {f"norm{block}": normal(field, scale=0.3, mean=1) for block in range(blocks)}
    inputs |= {"final.weight": normal(3, field), "final.bias": normal(3)}

    def field_of(pixels, embedder_weight, embedder_bias, final_weight, final_bias, **per_block):
        return text_field(
            pixels, positions, [per_block[f"generated{block}"] for block in range(blocks)], embedder_weight,
            embedder_bias, [per_block[f"norm{block}"] for block in range(blocks)], final_weight, final_bias, ratio)

    write_operator(path("neural_field_text"), field_of, inputs, seed=641, patch_size=side, blocks=blocks)

    angles = plane_positions(12, 5, 7, 5, 7)
    write_tensors(path("rotary_table_exchanged_5x7"), {"table": torch.stack([angles.cos(), angles.sin()], -1).float()})
    write_tensors(path("rotary_field_positions_3x5"), {"table": plane_positions(128, 3, 5, 16, 16).cos().float()})


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures of the text-to-image denoiser.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    make_models(output / "t2i")
    make_operators(output / "operators")
    check_sizes(output)


if __name__ == "__main__":
    main()
