"""Makes the files of torch.save that the tests of the checkpoint reader open.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_torch_fixtures.py            # rewrites torch/ beside this file

Beside each file NAME that can be read stands NAME.expected.safetensors: what PyTorch itself reads from it, under the
names that the reader should give; lightning.ckpt holds pixnerd/tiny-checkpoint.safetensors, rounded. `malicious-*`
would create a file called by MARKER if anything in them were run.
"""
import argparse
import collections
import io
import pathlib
import pickle
import zipfile

import torch
from safetensors.torch import load_file, save_file

LARGEST_TOTAL = 500_000  # bytes
MARKER = "pixnerd-a-pickle-was-run"


def values(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator).to(dtype)


# Classes that the reader does not know: pickled by the names of other people's modules.

def foreign(module, name, bases=(object,), **members):
    """A class that pickles as module.name and need not be importable."""
    return type(name, bases, {"__module__": module, **members})


class ForeignPickler(pickle._Pickler):
    """Writes classes by name without importing them."""

    def save_global(self, obj, name=None):
        self.write(f"c{obj.__module__}\n{obj.__qualname__}\n".encode())
        self.memoize(obj)

    dispatch = dict(pickle._Pickler.dispatch)
    dispatch[type] = lambda self, obj: self.save_global(obj)


class ForeignPickle:
    """Stands in for the pickle module in torch.save."""
    Pickler = ForeignPickler
    __name__ = "pickle"


DictConfig = foreign("omegaconf.dictconfig", "DictConfig")
Namespace = foreign("argparse", "Namespace")
ModelCheckpoint = foreign("lightning.pytorch.callbacks.model_checkpoint", "ModelCheckpoint")


def instance(cls, **attributes):
    value = cls()
    value.__dict__.update(attributes)
    return value


# Files

class Writer:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()

    def save(self, name, value, expected=None, **options):
        """Saves a file named NAME, and what is expected of it."""
        torch.save(value, self.folder / name, **options)
        self.expect(name, expected)

    def expect(self, name, expected):
        if expected is not None:
            # contiguous copies: safetensors knows neither strides nor shared memory
            save_file({k: v.detach().clone().contiguous() for k, v in expected.items()},
                      self.folder / f"{name}.expected.safetensors")

    def rewrite(self, name, source, expected_of=None, entry=None):
        """Copies a file's zip entries one by one; `entry(info, data)` may change how each is written."""
        with zipfile.ZipFile(self.folder / source) as old, zipfile.ZipFile(self.folder / name, "w") as new:
            for info in old.infolist():
                fresh = zipfile.ZipInfo(info.filename)
                entry(new, fresh, old.read(info.filename))
        self.expect(name, load_file(self.folder / f"{source}.expected.safetensors"))

    def archive(self, name, pickled, entries=()):
        """A PyTorch zip file around a pickle that was made by hand."""
        with zipfile.ZipFile(self.folder / name, "w") as file:
            for path, data in [("data.pkl", pickled), ("byteorder", b"little"), ("version", b"3\n"), *entries]:
                file.writestr(zipfile.ZipInfo(f"archive/{path}"), data)


def plain_files(write):
    weights = collections.OrderedDict([("layer.weight", values(3, 4)), ("layer.bias", values(3, seed=1))])
    weights._metadata = {"": {"version": 1}}
    write.save("plain.pt", weights, weights)
    write.save("plain-protocol4.pth", weights, weights, pickle_protocol=4)
    write.save("plain-protocol5.pth", weights, weights, pickle_protocol=5)
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    (write.folder / "buffer.pt").write_bytes(buffer.getvalue())  # its entries stand under archive/
    write.expect("buffer.pt", weights)
    # compared with malicious-beside-weights.pt, which holds the same tensor
    write.save("before-1.6.pt", {"a": values(2)}, _use_new_zipfile_serialization=False)
    write.rewrite("deflated.pt", "plain.pt", entry=lambda zip, info, data: zip.writestr(
        info, data, compress_type=zipfile.ZIP_DEFLATED))
    write.rewrite("bzip2.pt", "plain.pt", entry=lambda zip, info, data: zip.writestr(
        info, data, compress_type=zipfile.ZIP_BZIP2))

    def large(zip, info, data):
        with zip.open(info, "w", force_zip64=True) as stream:
            stream.write(data)
    write.rewrite("zip64.pt", "plain.pt", entry=large)
    write.save("parameters.pt", {"p": torch.nn.Parameter(values(2, 3)), "b": torch.nn.Buffer(values(2))},
               {"p": values(2, 3), "b": values(2)})


def strided_files(write):
    base = values(4, 6)
    deep = values(2, 3, 4, 5, seed=2)
    tensors = {
        "base": base, "transposed": base.T, "row": base[1], "column": base[:, 2], "block": base[1:3, 2:5],
        "every-second": base[::2, ::3], "again": base, "permuted": deep.permute(3, 1, 0, 2), "tail": deep[1, 2:],
        "expanded": values(3, 1, seed=3).expand(3, 4), "scalar": torch.tensor(2.5), "one-side": values(1, 5, 1)[:, ::2],
        "empty": torch.zeros(0, 3), "channels-last": values(2, 3, 4, 4, seed=4).to(memory_format=torch.channels_last),
        "half-transposed": values(3, 5, seed=5, dtype=torch.float16).T,
        "bytes-transposed": torch.arange(12, dtype=torch.uint8).reshape(3, 4).T,
        "longs-transposed": torch.arange(12).reshape(3, 4).T,
    }
    write.save("strided.pt", tensors, tensors)
    types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
             torch.int8, torch.uint8, torch.bool]
    tensors = {}
    for index, dtype in enumerate(types):
        name = str(dtype).removeprefix("torch.")
        tensors[name] = ((values(5, 3, seed=index) * 50).abs().to(torch.uint8).to(dtype)
                         if dtype in (torch.uint8, torch.bool) else (values(5, 3, seed=index) * 50).to(dtype))
    tensors["float16-extremes"] = torch.tensor([6e-8, 6.1e-5, -65504, 0.0, -0.0, 1 / 3], dtype=torch.float16)
    write.save("types.pt", tensors, tensors)
    # where rounding is decided: between neighbours, at the smallest and largest numbers, and anywhere
    bits = torch.randint(-2 ** 31, 2 ** 31, (200,), generator=torch.Generator().manual_seed(6)).to(torch.int32)
    halves = torch.tensor([0x0001, 0x0002, 0x03ff, 0x0400, 0x3c00, 0x3c01, 0x7bfe, 0x7bff], dtype=torch.int16)
    halves = halves.view(torch.float16).float()
    between = (halves[:-1].double() + halves[1:].double()) / 2
    brains = torch.tensor([1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, 3.3895e38, 3.4e38, 1e-40],
                          dtype=torch.float64)
    edges = torch.cat([between, halves.double(), halves.double() / 2, brains,
                       torch.tensor([65519.99, 65520, 65536, float("inf"), 0, 2 ** -25, 2 ** -24, 2 ** -149],
                                    dtype=torch.float64)]).float()
    numbers = torch.cat([bits.view(torch.float32), edges, -edges])
    numbers = numbers[~numbers.isnan()]
    write.save("rounding.pt", {"numbers": numbers},
               {"float16": numbers.half(), "bfloat16": numbers.bfloat16()})
    write.save("unread-types.pt", {
        "kept": values(2), "complex": torch.zeros(2, dtype=torch.complex64),
        "uint16": torch.zeros(3, dtype=torch.uint16),
        "float8": torch.zeros(2).to(torch.float8_e4m3fn), "sparse": torch.eye(3).to_sparse(),
        "quantized": torch.quantize_per_tensor(values(2), 0.1, 0, torch.qint8)}, {"kept": values(2)})


def wrapped_files(write, tiny):
    weights = {name.removeprefix("denoiser."): tensor for name, tensor in tiny.items() if name.startswith("denoiser.")}
    few = {name: weights[name] for name in list(weights)[:4]}
    averages = {name: tensor * 0.5 for name, tensor in few.items()}
    both = {f"denoiser.{k}": v for k, v in few.items()} | {f"ema_denoiser.{k}": v for k, v in averages.items()}

    write.save("wrapped.pt", {
        **{f"module._orig_mod.denoiser.module._orig_mod.{k}": v for k, v in few.items()},
        **{f"_orig_mod.module.ema_denoiser._orig_mod.{k}": v for k, v in averages.items()},
        "module.blocks.0._orig_mod.weight": values(2)}, both | {"blocks.0.weight": values(2)})
    write.save("colliding.pt", {"module.a": values(2), "a": values(2, seed=1)})
    write.save("dit.pt", {
        "model": {f"module.{k}": v for k, v in few.items()}, "ema": averages, "opt": {"state": {0: {"step": 3}}},
        "args": instance(Namespace, image_size=256, model="XL/2")}, both, pickle_module=ForeignPickle)
    write.save("nested.pth", {"epoch": 3, "net": {"module": {"state_dict": few}}}, few)
    write.save("average-only.pt", {"ema": averages}, averages)

    # pixnerd/tiny-checkpoint.safetensors rounded, so that the test rounds it too and compares
    narrowed = {name: tensor.to(torch.bfloat16 if name.startswith("ema_") else torch.float16)
                for name, tensor in tiny.items()}
    optimizer = {"state": {i: {"step": torch.tensor(3.0), "exp_avg": values(2)} for i in range(2)},
                 "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0, 1]}]}
    write.save("lightning.ckpt", {
        "epoch": 2, "global_step": 4321, "pytorch-lightning_version": "2.5.0",
        "state_dict": collections.OrderedDict(narrowed | {"diffusion_trainer.proj.0.0.weight": values(2, 2)}),
        "loops": {"fit_loop": {"state_dict": {}}}, "optimizer_states": [optimizer], "lr_schedulers": [],
        "callbacks": {"ModelCheckpoint": instance(ModelCheckpoint, best_model_score=torch.tensor(0.25))},
        "hyper_parameters": {"config": instance(DictConfig, _content={"lr": 1e-4}, _big=2 ** 100)},
    }, pickle_module=ForeignPickle)
    # what a published checkpoint looks like, whose samples pixnerd/tiny-samplers.safetensors holds
    write.save("published.ckpt", {
        "epoch": 2, "global_step": 4321, "pytorch-lightning_version": "2.5.0",
        "state_dict": collections.OrderedDict(
            (name.replace("ema_denoiser.", "ema_denoiser._orig_mod."), tensor) for name, tensor in tiny.items()
            if name.startswith("ema_denoiser.")),
        "loops": {"fit_loop": {"state_dict": {}}}, "optimizer_states": [], "lr_schedulers": []})


def refused_files(write):
    torch.jit.script(torch.nn.Linear(2, 2)).save(write.folder / "torchscript.pt")
    (write.folder / "bare.pkl").write_bytes(pickle.dumps({"a": 1}))
    write.save("one-tensor.pt", values(2))
    write.save("whole-model.pt", instance(foreign("models.pixnerd", "PixNerd"), weight=values(2)),
               pickle_module=ForeignPickle)
    write.save("no-tensors.pt", {"epoch": 1, "state_dict": {}})


def call(module, name, argument):
    """A pickle of protocol 2 that calls a function with a string."""
    return (b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"X" + len(argument).to_bytes(4, "little")
            + argument.encode() + b"\x85R")


def malicious_files(write):
    touch = f"touch {MARKER}"
    for module, name, argument in [
            ("os", "system", touch), ("posix", "system", touch), ("subprocess", "getoutput", touch),
            ("builtins", "eval", f"open('{MARKER}', 'w')"), ("builtins", "exec", f"open('{MARKER}', 'w')"),
            ("__builtin__", "eval", f"open('{MARKER}', 'w')"), ("torch", "load", MARKER)]:
        write.archive(f"malicious-{module}-{name}.pt", call(module, name, argument) + b".")
    # beside sound weights, as an attacker would do it
    buffer = io.BytesIO()
    torch.save({"a": values(2)}, buffer)
    with zipfile.ZipFile(buffer) as sound:
        pickled, data = sound.read("archive/data.pkl"), sound.read("archive/data/0")
    # the dictionary is kept in the memo, a call goes before its end
    hidden = pickled[:-1] + b"X\x04\x00\x00\x00evil" + call("os", "system", touch)[2:] + b"s."
    write.archive("malicious-beside-weights.pt", hidden, [("data/0", data)])
    write.expect("malicious-beside-weights.pt", {"a": values(2)})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = pathlib.Path(__file__).parent
    parser.add_argument("--output", type=pathlib.Path, default=here / "torch")
    write = Writer(parser.parse_args().output)
    tiny = load_file(here / "pixnerd" / "tiny-checkpoint.safetensors")
    plain_files(write)
    strided_files(write)
    wrapped_files(write, tiny)
    refused_files(write)
    malicious_files(write)
    total = sum(path.stat().st_size for path in write.folder.iterdir())
    assert total < LARGEST_TOTAL, f"{total} bytes are more than {LARGEST_TOTAL}"
    print(f"{len(list(write.folder.iterdir()))} files, {total} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
