"""Makes the fixtures of LoRAs; see make_fixtures.py for how to run it. It needs those of make_pixart_fixtures.py.

lora/      one adapter of rank 3 and alpha 6 for pixart/alpha-1024-ms and pixart/sigma-256.pth, in the spellings of peft
           (a directory with adapter_config.json), of diffusers and PixArt's trainer (no alpha), and of kohya (alpha in the
           file); dora.safetensors is no plain LoRA. alpha.safetensors and sigma.safetensors hold `x`, `step`, `caption`,
           `keep` (`size`, `ratio`) and `output`, what the models give with the adapter.
operators/ low_rank: down [r, in] and up [out, r] added to base [out, in], with a scale.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from make_fixtures import generator, write_operator, write_tensors
from make_pixart_fixtures import SHAPE
from reference import pixart_torch as pixart

RANK, ALPHA = 3, 6.0
BLOCK = [f"transformer_blocks.1.{layer}" for layer in
         ("attn1.to_q", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_v", "ff.net.0.proj", "ff.net.2")]
LAYERS = ["pos_embed.proj", "adaln_single.emb.timestep_embedder.linear_1", "adaln_single.linear",
          "caption_projection.linear_2", "proj_out"] + BLOCK


def published(model, state):
    """The weights of diffusers' layout under the published names, where queries, keys and values are one matrix."""
    own, places, begin = model.state_dict(), {}, 0
    for name, tensor in own.items():
        places[name] = torch.arange(begin, begin + tensor.numel(), dtype=torch.float64).view(tensor.shape)
        begin += tensor.numel()
    flat = torch.cat([tensor.flatten() for tensor in own.values()])
    for name, place in pixart.to_diffusers(places).items():
        flat[place.flatten().long()] = state[name].flatten()
    return {name: flat[place.flatten().long()].view(place.shape) for name, place in places.items()}


def merged(state, adapter):
    state = {name: tensor.clone() for name, tensor in state.items()}
    for layer, (down, up) in adapter.items():
        weight = state[f"{layer}.weight"]
        weight += ALPHA / RANK * (up.flatten(1) @ down.flatten(1)).view_as(weight)
    return state


def write_spellings(folder, adapter):
    plain = {f"{layer}.lora_{letter}.weight": factor
             for layer, factors in adapter.items() for letter, factor in zip("AB", factors)}
    peft = {f"base_model.model.{name}": factor for name, factor in plain.items()}
    kohya = {}
    for layer, (down, up) in adapter.items():
        stem = "lora_transformer_" + layer.replace(".", "_")
        kohya |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up, f"{stem}.alpha": torch.tensor(ALPHA)}
    (folder / "peft").mkdir(parents=True, exist_ok=True)
    (folder / "peft" / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "use_dora": False, "use_rslora": False}, indent=1) + "\n")
    save_file(peft, folder / "peft" / "adapter_model.safetensors")
    save_file({f"transformer.{name}": factor for name, factor in plain.items()}, folder / "diffusers.safetensors")
    save_file({f"unet.{name}": factor for name, factor in peft.items()}, folder / "trainer.safetensors")
    save_file(kohya, folder / "kohya.safetensors")
    magnitude = {"base_model.model.proj_out.lora_magnitude_vector": torch.ones(32)}
    save_file(peft | magnitude, folder / "dora.safetensors")


@torch.no_grad()
def main(output):
    torch.set_num_threads(1)
    random, source, folder = generator(910), output / "pixart", output / "lora"
    alpha = pixart.PixArt(**SHAPE, positions=(64, 2.0), sizes=True)
    ours = load_file(source / "alpha-1024-ms" / "diffusion_pytorch_model.safetensors")
    adapter = {}
    for layer in LAYERS:
        shape = ours[f"{layer}.weight"].shape
        up = (shape[0], RANK) + (1,) * (len(shape) - 2)
        adapter[layer] = (0.2 * torch.randn(RANK, *shape[1:], generator=random), 0.2 * torch.randn(up, generator=random))
    write_spellings(folder, adapter)
    alpha.load_state_dict(published(alpha, merged(ours, adapter)))
    case = load_file(source / "alpha-1024-ms_square.safetensors")
    case["output"] = alpha(
        case["x"], case["step"].float(), case["caption"], case["keep"], case["size"], case["ratio"])
    write_tensors(folder / "alpha.safetensors", case)
    sigma = pixart.PixArt(**SHAPE, positions=(16, 0.5))
    state = torch.load(source / "sigma-256.pth")["state_dict"]
    state.pop("pos_embed")
    sigma.load_state_dict(state)
    sigma.load_state_dict(published(sigma, merged(pixart.to_diffusers(sigma.state_dict()), adapter)))
    case = {name: tensor for name, tensor in load_file(source / "sigma-256_square.safetensors").items()
            if name in ("x", "step", "caption", "keep")}
    case["output"] = sigma(case["x"], case["step"].float(), case["caption"], case["keep"])
    write_tensors(folder / "sigma.safetensors", case)
    with torch.enable_grad():
        random = generator(911)
        base = torch.randn(17, 11, generator=random)
        write_operator(
            output / "operators" / "low_rank.safetensors", lambda down, up: base + 0.7 * up @ down,
            dict(down=torch.randn(3, 11, generator=random), up=torch.randn(17, 3, generator=random)),
            seed=912, constants=dict(base=base), scale=0.7)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().output)
