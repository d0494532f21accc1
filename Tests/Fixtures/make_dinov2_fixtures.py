"""Makes the numeric fixtures of DINOv2, of its operators, and of training that is aligned with it.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_dinov2_fixtures.py     # rewrites dinov2/ and files of operators/ beside this file

dinov2/     small random models under the names of torch.hub (.pth) and of transformers (a directory each), and what
            they make of pictures: `image` in [0, 1] (multiples of 1/256, in float16) and `tokens`; and a training run of a
            PixNerd that is aligned with given features, from its checkpoint.
operators/  as make_fixtures.py writes them.
"""
import argparse
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel

from make_fixtures import check_sizes, generator, named, randomised_pair, write_operator, write_tensors
from reference.dinov2_hub import DINOv2, preprocessed
from reference.pixnerd_torch import Projector, losses

WIDTH, HEADS, DEPTH = 24, 3, 2
ALIGNED = dict(hidden_size=8, num_groups=2, num_blocks=4, num_cond_blocks=3, patch_size=4,
               in_channels=3, hidden_size_x=4, nerf_mlpratio=2, num_classes=3)


# Operators

def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-6) * weight + bias


def attention(qkv, heads):
    batch, tokens, triple = qkv.shape
    query, key, value = qkv.reshape(batch, tokens, 3, heads, triple // 3 // heads).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-1, -2) / (triple // 3 // heads) ** 0.5
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    return (weights / weights.sum(-1, keepdim=True) @ value).transpose(1, 2).reshape(batch, tokens, triple // 3)


def cosine_loss(a, b):
    return (1 - F.cosine_similarity(a, b, dim=-1)).mean().reshape(1)


def make_operators(folder):
    def path(name):
        return folder / f"{name}.safetensors"

    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    random = generator(600)
    write_operator(
        path("layer_norm"), layer_norm,
        dict(x=normal(2, 19, 37, mean=0.5), weight=normal(37, scale=0.2, mean=1), bias=normal(37)), seed=601,
        epsilon=1e-6)
    write_operator(path("gelu"), F.gelu, dict(x=torch.linspace(-9, 9, 150).reshape(3, 50)), seed=602)
    write_operator(path("tanh_gelu"), lambda x: F.gelu(x, approximate="tanh"),
                   dict(x=torch.linspace(-9, 9, 150).reshape(3, 50)), seed=603)
    # The larger one has several tiles of rows, the last of them shorter.
    for name, seed, batch, heads, head_width, tokens in [
            ("attention", 610, 2, 3, 6, 13), ("attention_large", 620, 1, 1, 4, 331)]:
        random = generator(seed)
        write_operator(path(name), lambda qkv: attention(qkv, heads),
                       dict(qkv=normal(batch, tokens, 3 * heads * head_width)), seed=seed + 1, heads=heads)

    # The target takes no part in the gradient. In the second file rows lie below and around epsilon, and one is zero.
    random = generator(630)
    target = normal(2, 5, 21)
    write_operator(path("cosine_distance"), lambda a: cosine_loss(a, target.double()), dict(a=normal(2, 5, 21)),
                   seed=631, labels=target)
    rows = normal(6, 21) * torch.tensor([0, 1e-10, 3e-9, 1e-8, 1e-7, 1])[:, None]
    write_operator(path("cosine_distance_small"), lambda a: cosine_loss(a, target[0, :1].double().expand(6, -1)),
                   dict(a=rows), seed=632, labels=target[0, :1].expand(6, -1).contiguous())

    random = generator(640)
    image, grid = normal(2, 3, 9, 13), normal(7, 7, 10)
    planes = grid.permute(2, 0, 1)[None].double()
    tensors = {"image": image, "grid": grid}
    for rows, columns in [(7, 11), (20, 13), (9, 5), (1, 2)]:
        for name, antialias in [("plain", False), ("antialiased", True)]:
            tensors[f"{name}.{rows}x{columns}"] = F.interpolate(
                image.double(), size=(rows, columns), mode="bicubic", antialias=antialias).float()
    for rows, columns in [(5, 3), (9, 16)]:
        scale = ((rows + 0.1) / 7, (columns + 0.1) / 7)
        scaled = F.interpolate(planes, scale_factor=scale, mode="bicubic")[0].permute(1, 2, 0)
        assert scaled.shape == (rows, columns, 10)
        tensors[f"offset.{rows}x{columns}"] = scaled.float()
    write_tensors(path("bicubic"), tensors)


# Encoders

@torch.no_grad()
def randomise(model, seed):
    """Every parameter away from zero and one; the mask token, which features do not need, too."""
    random = generator(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=random)
        if "norm" in name and name.endswith("weight") or "gamma" in name or "lambda" in name:
            parameter.copy_(1 + 0.2 * noise)
        elif parameter.dim() >= 2 and "embeddings" not in name and "token" not in name and "pos" not in name:
            parameter.copy_(noise * parameter[0].numel() ** -0.5)
        else:
            parameter.copy_(0.5 * noise)
    return model.eval()


def write_reference(path, tokens_of, side, patch, base_patch, seed):
    height, width = (count * base_patch for count in side)
    image = torch.randint(0, 257, (1, 3, height, width), generator=generator(seed)).float() / 256
    with torch.no_grad():
        tokens = tokens_of(preprocessed(image, patch, base_patch))
    assert tokens.shape == (1, side[0] * side[1], WIDTH)
    write_tensors(path, {"image": image.half(), "tokens": tokens}, base_patch=base_patch)


def write_references(folder, name, tokens_of, patch=14, base_patch=16, seed=0):
    for index, side in enumerate([(3, 3), (2, 2), (5, 4)]):
        path = folder / f"{name}-{side[0]}x{side[1]}.safetensors"
        write_reference(path, tokens_of, side, patch, base_patch, seed + index)


def make_hub(folder):
    """Bare state dicts, as published. They do not say how many heads there are: published heads are 64 wide, these 8."""
    for name, seed, registers, swiglu, patch, base_patch in [
            ("hub", 700, 0, False, 14, 16), ("hub-registers", 710, 4, True, 7, 8)]:
        model = randomise(DINOv2(WIDTH, DEPTH, HEADS, 40, patch, grid=3, registers=registers, swiglu=swiglu), seed)
        torch.save(dict(model.state_dict()), folder / f"{name}.pth")
        write_references(folder, name, model, patch, base_patch, seed + 1)


def make_transformers(folder):
    sizes = dict(hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, mlp_ratio=2, image_size=42,
                 patch_size=14)
    for name, seed, registers, model in [
            ("transformers", 720, 0, Dinov2Model(Dinov2Config(**sizes))),
            ("transformers-registers", 730, 3, Dinov2WithRegistersModel(
                Dinov2WithRegistersConfig(**sizes, use_swiglu_ffn=True, num_register_tokens=3)))]:
        randomise(model, seed)
        shutil.rmtree(folder / name, ignore_errors=True)
        model.save_pretrained(folder / name)
        stored = load_file(folder / name / "model.safetensors")
        write_tensors(folder / name / "model.safetensors", dict(sorted(stored.items())))
        write_references(
            folder, name, lambda x: model(pixel_values=x).last_hidden_state[:, 1 + registers:], seed=seed + 1)
        # Prepared pictures, more than go through the blocks at once, with their class tokens.
        prepared = torch.randn(9, 3, 28, 42, generator=generator(seed + 5)).half().float()
        with torch.no_grad():
            token = model(pixel_values=prepared).last_hidden_state[:, 0]
        write_tensors(folder / f"{name}-class.safetensors", {"x": prepared.half(), "class_token": token})


# Aligned training

def make_training(folder, steps=10, layer=2, weight=0.7, learning_rate=1e-3, ema_decay=0.9):
    """As make_fixtures.py's runs, with `train.features` [S, B, N, E] that tokens are aligned with."""
    model, average = randomised_pair(ALIGNED, seed=800)
    torch.manual_seed(802)
    projector = Projector(ALIGNED["hidden_size"], 12, 10)
    published = {f"diffusion_trainer.{name}": value.clone() for name, value in projector.state_dict().items()}
    state = named("denoiser", model) | named("ema_denoiser", average) | published
    write_tensors(folder / "aligned-checkpoint.safetensors", state)
    # As Lightning saves a published run.
    torch.save({"epoch": 3, "global_step": 7, "pytorch-lightning_version": "2.5.0", "state_dict": state, "loops": {}},
               folder / "aligned-checkpoint.ckpt")

    random = generator(803)
    batch, height, width = 3, 12, 8
    shape = (steps, batch, 3, height, width)
    x = torch.rand(shape, generator=random) * 2 - 1
    noise = torch.randn(shape, generator=random)
    t = torch.rand(steps, batch, generator=random)
    y = torch.arange(steps * batch).reshape(steps, batch) % 4
    features = torch.randn(steps, batch, 6, 10, generator=random)

    parameters = list(model.parameters()) + list(projector.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    history, gradients = {"loss": [], "flow": [], "align": []}, {}
    for step in range(steps):
        terms = losses(model, x[step], y[step], t[step], noise[step], projector, features[step], layer, weight)
        optimizer.zero_grad()
        terms["loss"].backward()
        if step == 0:
            gradients = {f"grad.denoiser.{name}": p.grad.clone() for name, p in model.named_parameters()}
            gradients |= {f"grad.{name}": p.grad.clone() for name, p in projector.named_parameters()}
            assert all(gradient.any() for gradient in gradients.values())
        optimizer.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), model.parameters()):
                mean.copy_(ema_decay * mean + (1 - ema_decay) * parameter)
        for name, values in history.items():
            values.append(terms[name].detach())

    tensors = {"train.x": x, "train.y": y, "train.t": t, "train.noise": noise, "train.features": features}
    tensors |= {f"train.{name}": torch.stack(values) for name, values in history.items()}
    tensors |= gradients | named("final.denoiser", model) | named("final.ema_denoiser", average)
    tensors |= {f"final.{name}": p.detach().clone() for name, p in projector.named_parameters()}
    write_tensors(folder / "aligned-training.safetensors", tensors, learning_rate=learning_rate, weight_decay=0.0,
                  ema_decay=ema_decay, repa_layer=layer, repa_weight=weight)


def main():
    parser = argparse.ArgumentParser(description="Makes the numeric fixtures of DINOv2 and of aligned training.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    (output / "dinov2").mkdir(parents=True, exist_ok=True)
    make_operators(output / "operators")
    make_hub(output / "dinov2")
    make_transformers(output / "dinov2")
    make_training(output / "dinov2")
    check_sizes(output)


if __name__ == "__main__":
    main()
