"""What pytorch-fid's and torch-fidelity's networks make of pictures, with weights by a formula instead of the published
ones: a strict layout cannot be scaled down, and so only results are stored."""

import os
import tempfile

import numpy as np
import torch
from safetensors.numpy import save_file

from make_evaluation_fixtures import HERE, formula_pictures  # first: it lets torchvision be imported

import pytorch_fid.inception
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

SIZES = [(32, 32), (48, 64), (299, 299), (350, 300)]


def formula(name, shape):
    """Numbers in -1 ... 1 from the tensor's name and the place in it."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    h = (np.arange(int(np.prod(shape)), dtype=np.uint64) * 0x9E3779B9 + seed).astype(np.uint32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    u = (h >> np.uint32(8)).astype(np.float32) * np.float32(2 ** -23) - np.float32(1)
    if name.endswith("conv.weight"):
        return (u * np.float32(np.sqrt(6 / np.prod(shape[1:])))).reshape(shape)
    if name.endswith("bn.weight"):
        return np.float32(1) + np.float32(0.2) * u
    if name.endswith("running_var"):
        return np.float32(1) + np.float32(0.5) * u
    if name == "fc.weight":
        return (u * np.float32(0.05)).reshape(shape)
    return np.float32(0.1) * u


def state():
    original = pytorch_fid.inception.load_state_dict_from_url
    result = {}

    class Found(Exception):
        pass

    def capture(model, weights, *arguments, **options):
        result.update({name: value for name, value in model.state_dict().items()})
        raise Found

    load = torch.nn.Module.load_state_dict
    pytorch_fid.inception.load_state_dict_from_url = lambda *arguments, **options: {}
    torch.nn.Module.load_state_dict = capture
    try:
        pytorch_fid.inception.fid_inception_v3()
    except Found:
        pass
    finally:
        torch.nn.Module.load_state_dict = load
        pytorch_fid.inception.load_state_dict_from_url = original
    return {
        name: value if name.endswith("num_batches_tracked") else torch.tensor(formula(name, tuple(value.shape)))
        for name, value in result.items()
    }


def main():
    torch.manual_seed(0)
    weights = state()
    pytorch_fid.inception.load_state_dict_from_url = lambda *arguments, **options: weights
    first = pytorch_fid.inception.InceptionV3([3]).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.pth")
        torch.save(weights, path)
        second = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048", "logits_unbiased", "logits"], feature_extractor_weights_path=path)
    spatial = []
    for network in (first.blocks[2][6], second.Mixed_6d):
        network.branch1x1.register_forward_hook(
            lambda module, inputs, out: spatial.append(out[:, :7].permute(0, 2, 3, 1).reshape(len(out), -1)))
    tensors = {}
    with torch.no_grad():
        for height, width in SIZES:
            pictures = torch.tensor(formula_pictures(2, height, width, 1)[1:]).permute(0, 3, 1, 2)
            name = f"{height}x{width}"
            tensors[f"pytorch-fid.{name}.pool"] = first(pictures.float() / 255)[0].flatten(1)
            pool, unbiased, biased = second(pictures)
            tensors[f"torch-fidelity.{name}.pool"] = pool
            tensors[f"torch-fidelity.{name}.logits_unbiased"] = unbiased
            tensors[f"torch-fidelity.{name}.logits"] = biased
            tensors[f"pytorch-fid.{name}.spatial"], tensors[f"torch-fidelity.{name}.spatial"] = spatial
            spatial.clear()
    tensors["parameters"] = torch.tensor([sum(v.numel() for n, v in weights.items() if "tracked" not in n)])
    for name, value in tensors.items():
        print(name, tuple(value.shape), float(value.float().mean()), float(value.float().std()) if value.numel() > 1 else "")
    save_file({name: np.ascontiguousarray(value.numpy()) for name, value in tensors.items()},
              os.path.join(HERE, "inception.safetensors"))


if __name__ == "__main__":
    main()
