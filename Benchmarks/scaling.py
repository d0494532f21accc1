"""Models the time of a training step by the number of ranks: a calculation from scaling.json, not a measurement.

    python Benchmarks/scaling.py [--batch 256] [--ranks 1 4 16 64 256] [--plot Benchmarks/pictures/scaling.png]
    python Benchmarks/scaling.py --check

Tables for each model and link, of plain data parallelism and of training.shard_optimizer; scaling.md beside this has the formula.
One rank a machine. --plot needs matplotlib. In scaling.json, seconds_per_picture are those of forward and backward, update_seconds
of AdamW over all parameters; pictures_a_pass is the most of a backward pass, threads those that compute; processor time is
copy_seconds_per_gigabyte, to send one and receive as much, sum_seconds_per_gigabyte, and message_seconds, whatever its length;
latency_seconds is until the sleeping queue notices a message, link_payload what headers leave of a link.
"""
import argparse
import itertools
import json
import math
from pathlib import Path

LINKS = [1, 10, 100]  # Gbit/s, in each direction at once
BACKWARD = 2 / 3  # of the time of a picture: two products for each of the forward pass
WAITS = 3  # of a message above MPI's eager limit: announced, answered, sent
SMALL_COLLECTIVES = 9  # of a step: loss, each picture's, norm, times (two each) and whether to stop
EXCHANGES = {"plain": False, "sharded": True}


def collective(common, size, ranks, link):
    """Seconds of an exchange of `size` bytes' parts or shares among all, and the processor's part of them."""
    away = size * (ranks - 1) / ranks
    processor = (ranks - 1) * common["message_seconds"] + away / 1e9 * common["copy_seconds_per_gigabyte"]
    carried = 8 * away / (link * 1e9 * common["link_payload"])
    return WAITS * common["latency_seconds"] + processor + carried, processor


def exposed_seconds(bucket, buckets, backward):
    """What the backward pass does not hide of buckets that complete evenly over it and are exchanged one after the other."""
    return max(bucket, buckets * bucket - (buckets - 1) / buckets * backward)


def step_seconds(model, common, batch, ranks, link, sharded):
    pictures = math.ceil(batch / ranks)
    compute = pictures * model["seconds_per_picture"]
    if ranks == 1:
        return compute + model["update_seconds"]
    size = 4 * model["parameters"]  # float32, in either precision of the products
    buckets = math.ceil(size / common["bucket_bytes"])
    one, processor = collective(common, size / buckets, ranks, link)
    summing = size / buckets / 1e9 * common["sum_seconds_per_gigabyte"]
    halves = 1 if sharded else 2  # parts to their owners; and sums to all
    bucket, busy = halves * one + summing, halves * processor + summing
    backward = BACKWARD * min(pictures, model["pictures_a_pass"]) * model["seconds_per_picture"]
    exposed = exposed_seconds(bucket, buckets, backward)
    hidden = 1 - exposed / (buckets * bucket) if bucket else 0
    taken = hidden * buckets * busy / common["threads"]
    update = model["update_seconds"] / ranks + buckets * one if sharded else model["update_seconds"]
    small = SMALL_COLLECTIVES * (common["latency_seconds"] + (ranks - 1) * common["message_seconds"])
    return compute + taken + exposed + update + small


def efficiency(model, common, batch, ranks, link, sharded):
    """Pictures a second, over as many times those of a process alone."""
    alone = batch * model["seconds_per_picture"] + model["update_seconds"]
    return alone / (ranks * step_seconds(model, common, batch, ranks, link, sharded))


def digits(number):
    """Three of them, or all before the point."""
    return f"{number:.{max(0, 2 - math.floor(math.log10(number)))}f}"


def print_table(model, common, batch, ranks, link):
    print(f"\n{model['name']}, {link} Gbit/s:\n")
    titles = " | ".join(f"{name}: step, s | pictures/s | efficiency" for name in EXCHANGES)
    print(f"| ranks | pictures a rank | {titles} |")
    print("| ---: " * (2 + 3 * len(EXCHANGES)) + "|")
    for count in ranks:
        cells = [str(count), str(math.ceil(batch / count))]
        for sharded in EXCHANGES.values():
            case = (model, common, batch, count, link, sharded)
            seconds, share = step_seconds(*case), efficiency(*case)
            cells += [digits(seconds), digits(batch / seconds), f"{100 * share:.1f} %"]
        print("| " + " | ".join(cells) + " |")


def plot(models, common, batch, ranks, path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, panels = plt.subplots(1, len(models), figsize=(9, 4.3), sharey=True, squeeze=False)
    for panel, model in zip(panels[0], models):
        for link, colour in zip(LINKS, ("#d55e00", "#0072b2", "#009e73")):
            for (name, sharded), line in zip(EXCHANGES.items(), ("-", "--")):
                shares = [100 * efficiency(model, common, batch, count, link, sharded) for count in ranks]
                panel.plot(ranks, shares, line, color=colour, marker=".", label=f"{link} Gbit/s, {name}")
        panel.set_xscale("log", base=2)
        panel.set_xticks(ranks, [str(count) for count in ranks])
        panel.set(title=f"PixNerd-{model['name']}, batch {batch}, modelled", xlabel="ranks, one a machine", ylim=(0, 103))
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("efficiency, %")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="lower center", ncols=len(LINKS), frameon=False)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=100)


def check(models, common):
    """Ends the program where the model contradicts what must hold whatever was measured."""
    def expect(holds, what):
        if not holds:
            raise SystemExit(f"scaling.py: {what}")

    free = {**common, **{name: 0 for name in common if "_seconds" in name}, "link_payload": math.inf}
    for model, batch, link, sharded in itertools.product(models, (256, 1024), LINKS, EXCHANGES.values()):
        case = f"{model['name']}, batch {batch}, {link} Gbit/s, sharded {sharded}"
        counts = [2**power for power in range(11) if 2**power <= batch]
        shares = [efficiency(model, common, batch, count, link, sharded) for count in counts]
        expect(shares[0] == 1, f"one rank has efficiency {shares[0]} and not 1: {case}")
        expect(all(a > b for a, b in itertools.pairwise(shares)), f"efficiency does not fall: {case}: {shares}")
        ideal = efficiency(model, free, batch, batch, link, True)
        expect(abs(ideal - 1) < 1e-9, f"where exchange is free, sharded has efficiency {ideal} and not 1: {case}")
    for bucket, buckets, backward in ((0.1, 7, 3), (0.5, 7, 3), (2, 7, 3), (0.4, 1, 3)):
        done = 0
        for index in range(buckets):
            done = max(done, backward * (index + 1) / buckets) + bucket
        found = exposed_seconds(bucket, buckets, backward)
        expect(abs(found - (done - backward)) < 1e-9, f"exposed {found}, but bucket by bucket {done - backward}")
    print("One rank has efficiency 1, more have less, a free exchange has 1, and buckets taken one by one agree.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256, help="pictures of a step on all ranks")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2**power for power in range(11)])
    parser.add_argument("--plot", metavar="PNG", help="also draw efficiency against ranks")
    parser.add_argument("--check", action="store_true", help="only check the model against itself")
    arguments = parser.parse_args()
    if min(arguments.ranks) < 1:
        parser.error(f"--ranks has {min(arguments.ranks)}; there is at least one.")
    inputs = json.loads(Path(__file__).with_name("scaling.json").read_text())
    models, common = inputs["models"], inputs["common"]
    if arguments.check:
        return check(models, common)
    ranks = [count for count in arguments.ranks if count <= arguments.batch]
    print(f"A model, not a measurement, of batches of {arguments.batch}. Its inputs: {inputs['measured_on']}")
    if len(ranks) < len(arguments.ranks):
        print(f"It ends at {arguments.batch} ranks: a rank has at least one picture.")
    for model, link in itertools.product(models, LINKS):
        print_table(model, common, arguments.batch, ranks, link)
    if arguments.plot:
        plot(models, common, arguments.batch, ranks, arguments.plot)


if __name__ == "__main__":
    main()
