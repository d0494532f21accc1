"""Makes the fixtures of sets of classes and of values; see make_fixtures.py for how to run it.

operators/embedding_sum    sums of rows of a table, by torch.nn.functional.embedding_bag with mode sum: `labels` of all
                           images one after another, and `counts` of them.
recipes/conditions         a tiny model of float32 (model.*), x, t, labels and counts, and standardised values with
                           1e9 for none -> out.sets (without values), out.values, and out.dropped (of no condition);
                           upstream, and the gradients gradient.PARAMETER of the sum of upstream out.values.
"""
import argparse
from pathlib import Path

import torch

from make_fixtures import check_sizes, generator, write_operator, write_tensors
from reference.recipes.conditions import ConditionsPixNerd, sum_of_rows

NET = dict(hidden_size=8, num_groups=2, num_blocks=3, num_cond_blocks=2, patch_size=4, in_channels=3,
           hidden_size_x=4, nerf_mlpratio=2, num_classes=4)
NONE = 1e9


def make_operator(path):
    sets = [[4, 0], [], [2], [0, 1, 2, 3, 4, 5], [4]]
    write_operator(
        path, lambda table: sum_of_rows(table, sets), dict(table=torch.randn(6, 9, generator=generator(1000))),
        seed=1001, labels=torch.tensor(sum(sets, [])), constants=dict(counts=torch.tensor([len(s) for s in sets])))


def make_model(path):
    random = generator(1010)
    net = ConditionsPixNerd(2, **NET)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=random) + (parameter.ndim == 1) * 0.5)
    x = torch.randn(4, 3, 8, 8, generator=random)
    t = torch.rand(4, generator=random)
    sets = [[1, 3], [0], [], [0, 2, 3]]
    values = torch.tensor([[0.5, torch.nan], [-2.5, 1.25], [torch.nan, torch.nan], [0.0, 3.0]])
    nothing = torch.full_like(values, torch.nan)
    upstream = torch.randn(4, 3, 8, 8, generator=random)
    out = net(x, t, sets, values)
    (out * upstream).sum().backward()
    with torch.no_grad():
        tensors = {
            "x": x, "t": t, "labels": torch.tensor(sum(sets, [])), "counts": torch.tensor([len(s) for s in sets]),
            "values": values.nan_to_num(NONE), "upstream": upstream, "out.values": out,
            "out.sets": net(x, t, sets, nothing), "out.dropped": net(x, t, [[NET["num_classes"]]] * 4, nothing)}
    tensors |= {f"model.{name}": parameter for name, parameter in net.named_parameters()}
    watched = ["y_embedder.embedding_table.weight"] + [
        f"v_embedder.{place}.mlp.{layer}.bias" for place in range(2) for layer in (0, 2)]
    tensors |= {f"gradient.{name}": net.get_parameter(name).grad for name in watched}
    write_tensors(path, tensors)


def main(output):
    make_operator(output / "operators" / "embedding_sum.safetensors")
    make_model(output / "recipes" / "conditions.safetensors")
    check_sizes(output)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    torch.set_num_threads(1)
    main(arguments.parse_args().output)
