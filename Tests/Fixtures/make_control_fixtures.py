"""Makes the fixtures of ControlNets; see make_fixtures.py for how to run it.

control/   pixart.pth holds a PixArt (base_model.*) and its ControlNet as published, pixart-diffusers/ the ControlNet alone
           in the layout of diffusers; pixart.safetensors has `x`, `step`, `caption`, `keep`, `control_image` and `output`.
           pixnerd.safetensors is a PixNerd with a ControlNet: model.*, x, t, y, `picture`, `out`, `out.half` at strength
           0.5, `out.none` without it; `upstream`, and gradient.PARAMETER of the ControlNet of the sum of upstream out.
           fields.safetensors is one whose fields read the picture, too, by control_field.weight; with `out`, `out.half`,
           `upstream`, and the gradient of that weight.
           pictures.safetensors is a PixNerd that reads pictures of two channels beside the noisy pixels: model.*, x, t, y,
           `picture`, `out`, `out.none` for pictures of zeros, `upstream`, and gradient.PARAMETER of the embedders.
           inputs.safetensors has `images` and the pictures that are made of them: `grey`; `small`, 4 times smaller by
           Pillow's bicubic filter and enlarged by it again; `masked`, of `mask`.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
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


def patches_of(image, side):
    """The patches of images, [B, N, C, P * P]."""
    B, C, H, W = image.shape
    return image.reshape(B, C, H // side, side, W // side, side).permute(0, 2, 4, 1, 3, 5).reshape(B, -1, C, side ** 2)


def make_fields(folder):
    random = generator(2515)
    net = pixnerd.PixNerd(**NET)
    control = Control(net.blocks, NET["hidden_size"], 1)
    embedder, field = nn.Linear(48, NET["hidden_size"]), nn.Linear(3, NET["hidden_size_x"], bias=False)
    with torch.no_grad():
        for module in (net, control, embedder, field):
            for parameter in module.parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random) + (parameter.ndim == 1) * 0.5)
    x, picture = torch.randn(2, 3, 8, 12, generator=random), torch.rand(2, 3, 8, 12, generator=random) * 2 - 1
    t, y = torch.rand(2, generator=random), torch.tensor([2, 4])
    upstream = torch.randn(x.shape, generator=random)
    patches = patches_of(picture, 4)

    def out(strength):
        def add(module, inputs, output):
            return output + strength * field(patches.flatten(0, 1).transpose(1, 2))

        hook = net.x_embedder.embedder[0].register_forward_hook(add)
        with control.acting(net.blocks, embedder(patches.flatten(2)), strength):
            result = net(x, t, y)
        hook.remove()
        return result

    whole = out(1.0)
    (whole * upstream).sum().backward()
    own = {f"control_embedder.proj.{n}": p for n, p in embedder.named_parameters()} | dict(control.named_parameters())
    own |= {"control_field.weight": field.weight}
    tensors = dict(x=x, t=t, y=y, picture=picture, upstream=upstream, out=whole)
    tensors |= {"out.half": out(0.5), "gradient.control_field.weight": field.weight.grad}
    tensors |= {f"model.{name}": p for name, p in (dict(net.named_parameters()) | own).items()}
    write_tensors(folder / "fields.safetensors", tensors)


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


class Pictured(pixnerd.PixNerd):
    """A PixNerd whose transformer and field read pictures [B, K, H, W] beside the noisy pixels."""

    def __init__(self, channels, **sizes):
        super().__init__(**sizes)
        patch, width, field = sizes["patch_size"], sizes["hidden_size"], sizes["hidden_size_x"]
        self.picture_embedder = pixnerd._Holder(proj=nn.Linear(channels * patch ** 2, width))
        self.x_embedder.embedder[0] = nn.Linear(sizes["in_channels"] + channels + 64, field)

    def forward(self, x, t, y, picture):
        def add_tokens(module, inputs, output):
            return output + self.picture_embedder.proj(patches_of(picture, self.patch).flatten(2))

        def add_pixels(module, inputs):
            pixels, positions = inputs[0].split([x.shape[1], 64], dim=-1)
            return torch.cat([pixels, patches_of(picture, self.patch).flatten(0, 1).transpose(1, 2), positions], dim=-1)

        hooks = [self.s_embedder.proj.register_forward_hook(add_tokens),
                 self.x_embedder.embedder[0].register_forward_pre_hook(add_pixels)]
        try:
            return super().forward(x, t, y)
        finally:
            for hook in hooks:
                hook.remove()


def make_pictured(folder):
    random = generator(2520)
    net = Pictured(2, **NET)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random) + (parameter.ndim == 1) * 0.5)
    x, picture = torch.randn(3, 3, 8, 12, generator=random), torch.rand(3, 2, 8, 12, generator=random) * 2 - 1
    t, y = torch.rand(3, generator=random), torch.tensor([2, 0, 4])
    upstream = torch.randn(x.shape, generator=random)
    out = net(x, t, y, picture)
    (out * upstream).sum().backward()
    tensors = {"x": x, "t": t, "y": y, "picture": picture, "upstream": upstream, "out": out,
               "out.none": net(x, t, y, torch.zeros_like(picture))}
    tensors |= {f"model.{name}": p for name, p in net.named_parameters()}
    tensors |= {f"gradient.{name}": p.grad for name, p in net.named_parameters() if "embedder" in name}
    write_tensors(folder / "pictures.safetensors", tensors)


def make_inputs(folder):
    images = torch.rand(2, 3, 8, 12, generator=generator(2530)) * 2 - 1

    def resized(plane, width, height):
        return np.asarray(Image.fromarray(plane, mode="F").resize((width, height), Image.Resampling.BICUBIC))

    small = [[resized(resized(plane, 3, 2), 12, 8) for plane in image] for image in images.numpy()]
    mask = (torch.rand(2, 1, 8, 12, generator=generator(2531)) < 0.4).float()
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    write_tensors(folder / "inputs.safetensors", dict(
        images=images, mask=mask, grey=(images * weights).sum(1, keepdim=True), small=torch.tensor(np.array(small)),
        masked=torch.cat([images * (1 - mask), 2 * mask - 1], dim=1)))


def main(output):
    folder = output / "control"
    folder.mkdir(parents=True, exist_ok=True)
    make_pixart(folder)
    make_pixnerd(folder)
    make_fields(folder)
    make_pictured(folder)
    make_inputs(folder)
    check_sizes(output)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    torch.set_num_threads(1)
    main(arguments.parse_args().output)
