"""Alternates `pixnerd bench` with PyTorch on the same work in one run and prints the ratio pair by pair.

    python Benchmarks/compare_peers.py [--pairs 3] [--work B16-256 small4-32]

Machines drift, so only what ran side by side is compared: each pair is one process of ours and one of the peer's, one
after the other, and the median of the pairs' ratios is quoted.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = {  # name: arguments of peer.py, and ours
    "eager fp32": ([], []),
    "compiled fp32": (["--compile"], []),
    "compiled bf16": (["--compile", "--precision", "bf16"], ["--precision", "bf16"]),
}
MODES = {"B16-256": ["train", "forward"], "small4-32": ["train"], "XL16-256": ["forward"],
         "vae-256": ["encode", "decode"], "vae-small-32": ["train"], "t2i-512": ["forward"],
         "minit2i-512": ["forward"], "video-256": ["decode"]}
# Measured only when asked for by name: a step takes PyTorch up to a minute.
LARGE = {"t2i-512", "minit2i-512", "video-256"}


def run(command):
    """The JSON line that a command prints."""
    # The variable makes OpenBLAS use older kernels on some machines; users do not have it.
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{result.stderr}")
    return json.loads(result.stdout.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--work", nargs="+", choices=MODES,
                        default=[work for work in MODES if work not in LARGE])
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--loader", metavar="FOLDER", help="also compare loading the pictures of this folder with Pillow")
    arguments = parser.parse_args()
    if arguments.loader:
        compare_loaders(arguments.loader, arguments.pairs)
    print(f"{'work':14}{'mode':9}{'peer':15}{'ours/s':>9}{'peer/s':>9}{'ratios, pair by pair':>28}{'median':>8}"
          f"{'ours GB':>9}{'peer GB':>9}{'of products':>13}", flush=True)
    for work in arguments.work:
        for mode in MODES[work]:
            for name in arguments.peers:
                compare(work, mode, name, arguments)


def compare_loaders(folder, pairs):
    """Pictures a second and thread, as 256 x 256 centre crops, of ours (exact and fast) and of Pillow."""
    ratios = []
    for _ in range(pairs):
        ours = run([ROOT / ".build" / "release" / "pixnerd", "bench", "--loader", folder, "--json"])
        peer = run([sys.executable, ROOT / "Benchmarks" / "loader_peer.py", folder, "--size", "256", "--seconds", "4"])
        exact, fast, pillow = ours["images_per_second"], ours["fast_images_per_second"], peer["pictures_per_second_per_core"]
        ratios.append((exact / pillow, fast / pillow))
        print(f"loader    ours {exact:.0f}/s, fast_decode {fast:.0f}/s, Pillow {pillow:.0f}/s: "
              f"{exact / pillow:.2f} and {fast / pillow:.2f} times", flush=True)
    print(f"loader    median {statistics.median(exact for exact, _ in ratios):.2f} and "
          f"{statistics.median(fast for _, fast in ratios):.2f} times", flush=True)


def compare(work, mode, name, arguments):
    """Runs the pairs of one line of the table."""
    common = ["--work", work, "--mode", mode, "--threads", str(arguments.threads), "--repeats", str(arguments.repeats)]
    pairs = []
    theirs, own = PEERS[name]
    for _ in range(arguments.pairs):
        ours = run([ROOT / ".build" / "release" / "pixnerd", "bench", *common, *own, "--json"])
        peer = run([sys.executable, ROOT / "Benchmarks" / "peer.py", *common, *theirs])
        pairs.append((ours, peer))
    ratios = [ours["images_per_second"] / peer["images_per_second"] for ours, peer in pairs]
    median = [statistics.median(pair[side]["images_per_second"] for pair in pairs) for side in (0, 1)]
    print(f"{work:14}{mode:9}{name:15}{median[0]:9.2f}{median[1]:9.2f}"
          f"{'  '.join(f'{ratio:.2f}' for ratio in ratios):>28}{statistics.median(ratios):8.2f}"
          f"{max(ours['peak_gb'] for ours, _ in pairs):9.2f}{max(peer['peak_gb'] for _, peer in pairs):9.2f}"
          f"{100 * statistics.median(ours['ratio'] for ours, _ in pairs):11.1f} %", flush=True)


if __name__ == "__main__":
    main()
