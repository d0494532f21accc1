"""Makes the fixtures of models of captions that begin as a class-conditional model; see make_fixtures.py for how to run it.

pixart/start/    class.safetensors: a PixNerd of 5 classes. text.safetensors: x, t, caption, keep; class_model is its
                 velocity without a class, start_KIND that of the model of captions at the start, and later_KIND that
                 with the layers KIND.cross.i.* and KIND.y_embedder.*; of "single" also t_block and the tables.

Computed by reference/pixnerd_captions_torch.py.
"""
import argparse
from pathlib import Path

import torch

from make_fixtures import generator, write_tensors
from make_pixart_fixtures import mask, randomised
from reference.pixnerd_captions_torch import CaptionPixNerd
from reference.pixnerd_torch import PixNerd


@torch.no_grad()
def main(output):
    torch.set_num_threads(1)
    random = generator(830)
    folder = output / "pixart" / "start"
    base = randomised(PixNerd(hidden_size=24, num_groups=2, num_blocks=4, num_cond_blocks=3, patch_size=8,
                              hidden_size_x=8, nerf_mlpratio=2, num_classes=5), random)
    write_tensors(folder / "class.safetensors", {f"ema_denoiser.{k}": v for k, v in base.state_dict().items()})
    x, caption, keep = torch.randn(3, 3, 24, 32, generator=random), torch.randn(3, 14, 16, generator=random), mask([2, 5, 14])
    t = torch.tensor([0.5, 0.5, 0.2])
    tensors = dict(x=x, t=t, caption=caption, keep=keep, class_model=base(x, t, torch.full((3,), 5)))
    for kind in ("single", "per_block"):
        model = CaptionPixNerd(base, 16, 14, kind, none_label=5, at=0.5).eval()
        tensors[f"start_{kind}"] = model(x, t, caption, keep)
        if kind == "single":
            tensors |= {"t_block.weight": model.t_block.weight, "t_block.bias": model.t_block.bias}
            tensors |= {f"scale_shift_table.{i}": p for i, p in enumerate(model.tables)}
        randomised(model.cross, random)
        randomised(model.y_embedder, random)
        tensors |= {f"{kind}.cross.{k}": v for k, v in model.cross.state_dict().items()}
        tensors |= {f"{kind}.y_embedder.{k}": v for k, v in model.y_embedder.state_dict().items()}
        tensors[f"later_{kind}"] = model(x, t, caption, keep)
    write_tensors(folder / "text.safetensors", tensors)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().output)
