"""Makes the fixtures of MiniT2I; see make_fixtures.py for how to run it.

minit2i/   two small models in the published layout, `b` and `l`, whose heads have no power of two; the weights of `l`
           are bf16. The files hold what the published ones hold without effect, too. forward-* are `x`, `states`,
           `keep` and `clean`; samples are runs with their settings in the metadata; training are losses at two floors,
           gradients, and weights after two steps of AdamW.

Computed by reference/minit2i_torch.py, which agrees with the published code.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from make_fixtures import generator, write_tensors
from reference import minit2i_torch as minit2i

ROWS, PLACES, SIDE = 24, 16, 32
COMMON = dict(depth=2, patch=8, rows=ROWS)
MODELS = {"b": dict(COMMON, width=32, heads=2, head=16, inner=88, bottleneck=20),
          "l": dict(COMMON, width=36, heads=3, head=12, inner=104, bottleneck=12)}
RUNS = [dict(steps=25, guidance=6.0, interval=[0.0, 1.0], floor=0.05),
        dict(steps=6, guidance=2.5, interval=[0.2, 0.7], floor=0.05),
        dict(steps=10, guidance=5.0, interval=[0.2, 0.7], floor=0.01)]


@torch.no_grad()
def randomised(model, random):
    """Every tensor at a size at which it matters, but for the last layer, so that samples do not explode."""
    for name, p in model.named_parameters():
        draw = torch.randn(p.shape, generator=random)
        if name == "mask_token":
            p.copy_(0.7 * draw)
        elif p.dim() >= 2:
            p.copy_(draw * (0.2 if "final_layer" in name else 1) / p[0].numel() ** 0.5)
        else:
            p.copy_(("norm" in name and name.endswith("weight")) + 0.1 * draw)
    return model.eval()


@torch.no_grad()
def publish(folder, sizes, random, dtype):
    """The directory of a pipeline; returns the model as a reader sees it."""
    (folder / "transformer").mkdir(parents=True, exist_ok=True)
    model = randomised(minit2i.MiniT2I(**sizes), random)
    for p in model.parameters():
        p.copy_(p.to(dtype))
    width = sizes["width"]
    unused = {"t_embedder.mlp.0.weight": (width, 256), "t_embedder.mlp.0.bias": (width,),
              "t_embedder.mlp.2.weight": (width, width), "t_embedder.mlp.2.bias": (width,),
              "pooled_embedder.weight": (width, ROWS)}
    tensors = dict(model.named_parameters()) | {n: torch.randn(s, generator=random) for n, s in unused.items()}
    save_file({f"model.net.{n}": t.detach().to(dtype).contiguous() for n, t in tensors.items()},
              folder / "transformer" / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    config = {"_class_name": "MiniT2IMMJiTModel", "image_size": SIDE, "patch_size": sizes["patch"], "in_channels": 3,
              "txt_input_size": ROWS, "hidden_size": width, "depth_double": sizes["depth"], "txt_preamble_depth": 2,
              "num_heads": sizes["heads"], "head_dim": sizes["head"], "pca_channels": sizes["bottleneck"],
              "prompt_length": PLACES, "n_T": 100, "cfg_interval": [0.0, 1.0], "llm": "google/flan-t5-large"}
    (folder / "transformer" / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    (folder / "model_index.json").write_text(json.dumps(
        {"_class_name": "MiniT2ITextToImagePipeline", "transformer": ["pipeline", "MiniT2IMMJiTModel"],
         "text_encoder_name": "google/flan-t5-large"}, indent=1) + "\n")
    return model


def mask(lengths):
    return torch.tensor([[1] * n + [0] * (PLACES - n) for n in lengths])


def main(output):
    torch.set_num_threads(1)
    random = generator(900)
    draw = lambda *shape: torch.randn(shape, generator=random)
    folder = output / "minit2i"
    models = {name: publish(folder / f"minit2i-{name}", sizes, random, dtype) for (name, sizes), dtype in
              zip(MODELS.items(), (torch.float32, torch.bfloat16))}
    for name, height, width in (("b", SIDE, SIDE), ("b", 16, 40), ("l", SIDE, SIDE)):
        x, states, keep = 1.2 * draw(4, 3, height, width), 0.5 * draw(4, PLACES, ROWS), mask([11, 1, PLACES, 0])
        with torch.no_grad():
            clean = models[name](x, states, keep)
        write_tensors(folder / f"forward-{name}_{height}x{width}.safetensors",
                      dict(x=x, states=states, keep=keep, clean=clean))

    model = models["b"]
    noise, states, keep = draw(2, 3, SIDE, SIDE), 0.5 * draw(2, PLACES, ROWS), mask([9, 4])
    tensors = dict(noise=noise, states=states, keep=keep)
    for index, run in enumerate(RUNS):
        path = minit2i.sample(model, noise, states, keep, **run)
        tensors |= {f"{index}.after_1": path[0], f"{index}.after_{run['steps']}": path[-1],
                    f"{index}.pixels": minit2i.pixels(path[-1])}
    write_tensors(folder / "samples.safetensors", tensors, runs=json.dumps(RUNS))

    picture, noise, t = draw(3, 3, SIDE, SIDE).tanh(), draw(3, 3, SIDE, SIDE), torch.tensor([0.31, 0.72, 0.985])
    states, keep, dropped = 0.5 * draw(3, PLACES, ROWS), mask([7, 12, 2]), torch.tensor([0, 1, 0])
    seen = torch.where(dropped[:, None] > 0, 0, keep)
    tensors = dict(picture=picture, noise=noise, t=t, states=states, keep=keep, dropped=dropped)
    loss = lambda floor: minit2i.loss(model, picture, noise, t, states, seen, floor)
    tensors |= {f"loss.floor_{floor}": loss(floor).detach() for floor in (0.01, 0.05)}
    settings = dict(learning_rate=1e-3, beta1=0.9, beta2=0.95, weight_decay=0.0, floor=0.01)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, (0.9, 0.95), 1e-8, 0.0)
    for step in range(2):
        optimizer.zero_grad()
        loss(0.01).backward()
        if step == 0:
            tensors |= {f"gradient.{n}": p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        optimizer.step()
    tensors |= {f"after.{n}": p.detach() for n, p in model.named_parameters()
                if "embedder" in n or "mask" in n or "norm" in n or "attn_proj" in n}
    write_tensors(folder / "training.safetensors", tensors | {"loss.after": loss(0.01).detach()}, **settings)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().output)
