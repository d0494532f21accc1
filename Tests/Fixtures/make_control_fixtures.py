"""Makes the fixtures of ControlNets; see make_fixtures.py for how to run it.

control/   pixart.pth holds a PixArt (base_model.*) and its ControlNet as published, pixart-diffusers/ the ControlNet alone
           in the layout of diffusers; pixart.safetensors has `x`, `step`, `caption`, `keep`, `control_image` and `output`.
           pixnerd.safetensors is a PixNerd with a ControlNet: model.*, x, t, y, `picture`, `out`, `out.half` at strength
           0.5, `out.none` without it; `upstream`, and gradient.PARAMETER of the ControlNet of the sum of upstream out.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from make_fixtures import check_sizes, generator, write_tensors
from make_pixart_fixtures import SHAPE, mask, randomised
from reference import pixart_torch as pixart
from reference import pixnerd_torch as pixnerd
from reference.control_torch import Control

NET = dict(hidden_size=16, num_groups=2, num_blocks=4, num_cond_blocks=3, patch_size=4, in_channels=3,
           hidden_size_x=4, nerf_mlpratio=2, num_classes=4)


def to_diffusers(state):
    def one(group):
        copied = {n.removeprefix("copied_block."): v for n, v in group.items() if n.startswith("copied_block.")}
        kept = {n: v for n, v in group.items() if not n.startswith("copied_block.")}
        return kept | {f"transformer_block.{n}": v for n, v in pixart.block_to_diffusers(copied).items()}
    return pixart._renamed_blocks(state, "controlnet.", "controlnet_blocks.", one)[0]


@torch.no_grad()
def make_pixart(folder):
    random = generator(2500)
    base = randomised(pixart.PixArt(**SHAPE, positions=(8, 1.0)), random)
    control = randomised(Control(base.blocks, SHAPE["width"], 2), random)
    state = {f"base_model.{name}": value for name, value in base.state_dict().items()}
    state["base_model.pos_embed"] = pixart.positions(SHAPE["width"], 8, 8, 8, 1.0)
    torch.save({"state_dict": state | control.state_dict(), "epoch": 1}, folder / "pixart.pth")
    directory = folder / "pixart-diffusers"
    directory.mkdir(exist_ok=True)
    tensors = {name: value.contiguous() for name, value in to_diffusers(control.state_dict()).items()}
    save_file(tensors, directory / "diffusion_pytorch_model.safetensors")
    (directory / "config.json").write_text(json.dumps(
        {"_class_name": "PixArtControlNetAdapterModel", "_diffusers_version": "0.30.0.dev0", "num_layers": 2},
        indent=1) + "\n")
    x, picture = torch.randn(2, 2, 4, 12, 16, generator=random)
    step, caption, keep = torch.tensor([40, 711]), torch.randn(2, 14, 16, generator=random), mask([9, 3])
    with control.acting(base.blocks, base.embed(picture)[0]):
        output = base(x, step.float(), caption, keep)
    write_tensors(folder / "pixart.safetensors", dict(
        x=x, step=step, caption=caption, keep=keep, control_image=picture, output=output))


def make_pixnerd(folder):
    random = generator(2510)
    net = pixnerd.PixNerd(**NET)
    control = Control(net.blocks, NET["hidden_size"], 2)
    embedder = pixnerd._Holder(proj=nn.Linear(48, NET["hidden_size"]))
    with torch.no_grad():
        for module in (net, control, embedder):
            for parameter in module.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random) + (parameter.ndim == 1) * 0.5)
    x, picture = torch.randn(3, 3, 8, 12, generator=random), torch.rand(3, 3, 8, 12, generator=random) * 2 - 1
    t, y = torch.rand(3, generator=random), torch.tensor([2, 0, 4])
    upstream = torch.randn(x.shape, generator=random)
    patches = picture.reshape(3, 3, 2, 4, 3, 4).permute(0, 2, 4, 1, 3, 5).reshape(3, 6, 48)

    def out(strength):
        with control.acting(net.blocks, embedder.proj(patches), strength):
            return net(x, t, y)

    whole = out(1.0)
    (whole * upstream).sum().backward()
    own = {f"control_embedder.{n}": p for n, p in embedder.named_parameters()} | dict(control.named_parameters())
    tensors = dict(x=x, t=t, y=y, picture=picture, upstream=upstream, out=whole)
    tensors |= {"out.half": out(0.5), "out.none": net(x, t, y)}
    tensors |= {f"model.{name}": p for name, p in (dict(net.named_parameters()) | own).items()}
    tensors |= {f"gradient.{name}": p.grad for name, p in own.items()}
    write_tensors(folder / "pixnerd.safetensors", tensors)


def main(output):
    folder = output / "control"
    folder.mkdir(parents=True, exist_ok=True)
    make_pixart(folder)
    make_pixnerd(folder)
    check_sizes(output)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    torch.set_num_threads(1)
    main(arguments.parse_args().output)
