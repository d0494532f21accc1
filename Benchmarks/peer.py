"""Times PyTorch on the pieces of work of `pixnerd bench`: one JSON line, with the same keys.

    python Benchmarks/peer.py --work B16-256 --mode train --precision bf16 --compile

`forward` is without gradients; `train` is forward, backward and fused AdamW. Images a second are from the median of
--repeats steps, after two to warm up.
"""
import argparse
import contextlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"))
from reference import pixnerd_torch as reference  # noqa: E402

WORK = {  # sizes, side of the pictures, batch
    "B16-256": (dict(hidden_size=768, num_groups=12, num_blocks=14, num_cond_blocks=12), 256, 4),
    "XL16-256": (dict(hidden_size=1152, num_groups=16, num_blocks=30, num_cond_blocks=26), 256, 2),
    "small4-32": (dict(hidden_size=256, num_groups=4, num_blocks=8, num_cond_blocks=6, patch_size=4,
                       hidden_size_x=32, num_classes=10), 32, 64),
}


def make_step(arguments):
    """The step that is timed, without arguments."""
    sizes, side, batch = WORK[arguments.work]
    model = reference.PixNerd(**sizes)
    run = torch.compile(model) if arguments.compile else model
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    x = torch.randn(batch, 3, side, side)
    y = torch.randint(0, sizes.get("num_classes", 1000), (batch,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)

    def forward():
        with torch.no_grad(), cast:
            run(x, torch.rand(batch), y)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = reference.losses(run, x, y, torch.randn(batch).sigmoid(), torch.randn_like(x))["loss"]
        loss.backward()
        optimizer.step()

    return (forward if arguments.mode == "forward" else train), batch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORK, default="B16-256")
    parser.add_argument("--mode", choices=["forward", "train"], default="train")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    step, batch = make_step(arguments)
    for _ in range(2):
        step()
    seconds = []
    for _ in range(arguments.repeats):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print(json.dumps({
        "peer": f"torch {torch.__version__}" + (" compiled" if arguments.compile else " eager"),
        "work": arguments.work, "mode": arguments.mode, "precision": arguments.precision,
        "threads": arguments.threads, "images_per_second": round(batch / median, 3), "seconds": round(median, 4),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)}))


if __name__ == "__main__":
    main()
