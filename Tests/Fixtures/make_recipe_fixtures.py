"""Makes the fixtures of training and sampling recipes; see make_fixtures.py for how to run it.

recipes/    one file a subject; what it holds stands at its function. Values are float32 unless said otherwise.

Everything is computed by reference/recipes, whose statements agree with the published code; Muon also by PyTorch's own.
Convention: t = 0 is noise, t = 1 is data, x_t = t x + (1 - t) e, v = x - e.
"""
import argparse
from pathlib import Path

import torch
from safetensors.torch import save

from make_fixtures import check_sizes, generator, with_sorted_metadata
from reference.recipes import augmentation, averages, few_steps, guidance, losses, multistep, muon, targets
from reference.recipes.conditioned import ConditionedPixNerd

NET = dict(hidden_size=32, num_groups=2, num_blocks=4, num_cond_blocks=2, patch_size=4, in_channels=3,
           hidden_size_x=8, nerf_mlpratio=2, num_classes=3)
WEIGHTS_OF_TIMES = ("constant", "inverse_sigma", "snr", "minsnr", "maxsnr", "min_snr")
SIGMAS = (0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
WATCHED = (
    "final_layer.linear.weight", "h_embedder.mlp.2.weight", "t_embedder.mlp.0.weight", "blocks.0.attn.qkv.weight",
    "blocks.1.mlp.w2.weight", "blocks.2.param_generator1.0.weight", "x_embedder.embedder.0.weight")


def make_targets(random):
    """x, noise, t, out [B, 3, 16, 24] -> TARGET.{loss, got, want, gradient}, the gradient that of the loss by out, with
    floor 0.05; doubled: target picture with noise times 2 (noise scale 2). basis [192, 8] of the pictures, patch 8,
    numbers in the order C, y, x; the signs of its columns are arbitrary. sampled.asymmetric: the velocity with floor
    0.04. normals -> times.{pixnerd, jit, shift3}. weight.KIND at t."""
    x, noise, out = (torch.randn(4, 3, 16, 24, generator=random) for _ in range(3))
    t = torch.tensor([0.05, 0.4, 0.8, 0.98]) + 0.01 * torch.rand(4, generator=random)
    pictures = torch.randn(6, 3, 16, 24, generator=random).cumsum(2).cumsum(3) / 8
    basis = targets.noise_basis(pictures, 8, 8)
    tensors = dict(
        x=x, noise=noise, out=out, t=t, pictures=pictures, basis=basis, normals=torch.randn(16, generator=random))
    for name in ("velocity", "picture", "asymmetric", "doubled"):
        o = out.clone().requires_grad_()
        target, scale = ("picture", 2) if name == "doubled" else (name, 1)
        loss, got, want = targets.flow_loss(target, o, x, scale * noise, t, basis=basis, side=8)
        gradient, = torch.autograd.grad(loss, o)
        tensors |= {f"{name}.loss": loss, f"{name}.got": got, f"{name}.want": want, f"{name}.gradient": gradient}
    x_t = targets.of_pictures(t, x) * x + targets.of_pictures(1 - t, x) * noise
    tensors["sampled.asymmetric"] = targets.velocity_of("asymmetric", out, x_t, t, 0.04, basis, 8)
    for name, mean, std, shift in (("pixnerd", 0, 1, 1), ("jit", -0.8, 0.8, 1), ("shift3", 0, 1, 3)):
        u = torch.sigmoid(mean + std * tensors["normals"])
        tensors[f"times.{name}"] = u / (u + (1 - u) * shift)
    for kind in WEIGHTS_OF_TIMES:
        tensors[f"weight.{kind}"] = targets.time_weight(kind, t)
    return tensors


def make_losses(random):
    """got, want -> dct, dct.gradient (sides that 8 does not divide), small.*: 16 x 16; tokens [B, N, D] ->
    {paper, pixnerd}.TEMPERATURE.{loss, gradient}."""
    tensors = {}
    for prefix, side in (("", (20, 28)), ("small.", (16, 16))):
        got, want = (torch.randn(2, 3, *side, generator=random) for _ in range(2))
        got.requires_grad_()
        loss = losses.dct_loss(got, want)
        tensors |= {f"{prefix}got": got, f"{prefix}want": want, f"{prefix}dct": loss,
                    f"{prefix}dct.gradient": torch.autograd.grad(loss, got)[0]}
    tokens = 0.4 * torch.randn(5, 6, 10, generator=random)
    tensors["tokens"] = tokens
    for name, function in (("paper", losses.dispersive_loss), ("pixnerd", losses.pixnerd_dispersive_loss)):
        for temperature in (1.0, 0.5):
            z = tokens.clone().requires_grad_()
            loss = function(z, temperature)
            tensors |= {f"{name}.{temperature}.loss": loss,
                        f"{name}.{temperature}.gradient": torch.autograd.grad(loss, z)[0]}
    return tensors


def make_averages(random):
    """walk [200, 6] are the weights after steps 1 ... 200; stored.SIGMA [5, 6] their averages at steps 40, 80, 120, 160
    and 200; weights.STEP.SIGMA step by step (40 of 0.05, 40 of 0.1, 80 of 0.05 ...); rebuilt: their sum; tracked: the
    average itself, had it been kept; gammas of sigmas. All float64."""
    walk = torch.randn(200, 6, generator=random, dtype=torch.float64).cumsum(0)
    at, kept = (40, 80, 120, 160, 200), (0.05, 0.1)
    gammas = {sigma: averages.gamma_of_sigma(sigma) for sigma in SIGMAS}
    tensors = dict(walk=walk, sigmas=torch.tensor(SIGMAS).double(), gammas=torch.tensor(list(gammas.values())).double())

    def tracked(sigma, step):
        return torch.from_numpy(averages.profile_of(step, gammas[sigma])) @ walk[:step]

    for sigma in kept:
        tensors[f"stored.{sigma}"] = torch.stack([tracked(sigma, step) for step in at])
    for end in (160, 200):
        rows = [(step, sigma) for step in at if step <= end for sigma in kept]
        stored = torch.stack([tracked(sigma, step) for step, sigma in rows])
        for sigma in SIGMAS:
            w = torch.from_numpy(averages.reconstruction_weights(
                [step for step, _ in rows], [gammas[k] for _, k in rows], end, gammas[sigma]))
            tensors |= {f"weights.{end}.{sigma}": w, f"rebuilt.{end}.{sigma}": w @ stored,
                        f"tracked.{end}.{sigma}": tracked(sigma, end)}
    return tensors


def make_guidance(random):
    """conditional, unconditional -> {plain, zero_star}.STRENGTH; scale: the factor of zero_star."""
    c, u = (torch.randn(3, 3, 8, 8, generator=random) for _ in range(2))
    c = c + 0.7 * u
    scale = (c * u).sum((1, 2, 3)) / (u.square().sum((1, 2, 3)) + 1e-8)
    tensors = dict(conditional=c, unconditional=u, scale=scale)
    for strength in (1.0, 1.5, 4.0):
        tensors |= {f"plain.{strength}": guidance.guided(c, u, strength),
                    f"zero_star.{strength}": guidance.guided_zero_star(c, u, strength)}
    return tensors


def make_muon(random):
    """INDEX.weight, INDEX.gradients [3, ...] -> after three steps of rate 0.01 and decay 0.1: INDEX.{adamw, original}
    by scaling, INDEX.momentum; INDEX.orthogonal: of the first gradient. INDEX.bf16.*: PyTorch's own Muon, which
    iterates in bf16."""
    tensors = {}
    for i, shape in enumerate(((40, 24), (24, 64), (16, 16))):
        w, gradients = torch.randn(*shape, generator=random), torch.randn(3, *shape, generator=random)
        tensors |= {f"{i}.weight": w, f"{i}.gradients": gradients, f"{i}.orthogonal": muon.orthogonalized(gradients[0])}
        for scaling, theirs in (("adamw", "match_rms_adamw"), ("original", "original")):
            p, momentum = w.clone(), torch.zeros_like(w)
            for gradient in gradients:
                muon.muon_step(p, gradient, momentum, 0.01, decay=0.1, scaling=scaling)
            tensors |= {f"{i}.{scaling}": p, f"{i}.momentum": momentum}
            q = torch.nn.Parameter(w.clone())
            optimizer = torch.optim.Muon([q], lr=0.01, weight_decay=0.1, momentum=0.95, adjust_lr_fn=theirs)
            for gradient in gradients:
                q.grad = gradient.clone()
                optimizer.step()
            tensors[f"{i}.bf16.{scaling}"] = q
    return tensors


def conditioned_model(random):
    """A model whose every part changes its result."""
    torch.manual_seed(int(torch.randint(1 << 30, (1,), generator=random)))
    net = ConditionedPixNerd(**NET)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            n = torch.randn(parameter.shape, generator=random)
            parameter.copy_(
                1 + 0.2 * n if "norm" in name else 0.1 * n if n.ndim == 1 else 0.7 * n / n.shape[-1] ** 0.5)
    return net


def make_steps(random):
    """A conditioned PixNerd (model.*), x, noise, y, t, q, strength, augmentation -> out.* (plain: without extras);
    slope: the derivative of out.interval by t along v; difference.SIDES.H; loss.KIND and gradient.KIND.PARAMETER;
    share, split.target; strength for distill, whose teacher is the plain model."""
    net = conditioned_model(random)
    x, noise = torch.randn(4, 3, 8, 12, generator=random), torch.randn(4, 3, 8, 12, generator=random)
    y, null = torch.tensor([0, 1, 2, 1]), 3
    t = torch.tensor([0.1, 0.3, 0.55, 0.7]) + 0.02 * torch.rand(4, generator=random)
    q = torch.tensor([0.9, 0.3, 0.8, 0.95]).maximum(t)
    q[1] = t[1]
    strength = 1 + 3 * torch.rand(4, generator=random)
    share = torch.rand(4, generator=random)
    told = augmentation.augmentation_condition(augmentation.draw_augmentation(4, 0.5, random))
    b = t[:, None, None, None]
    x_t, v = b * x + (1 - b) * noise, x - noise

    def w(x, t, q):
        return net(x, t, y, q=q)

    with torch.no_grad():
        tensors = {
            "x": x, "noise": noise, "y": y, "t": t, "q": q, "strength": strength, "share": share,
            "augmentation": told,
            "out.plain": net(x_t, t, y), "out.interval": w(x_t, t, q),
            "out.strength": net(x_t, t, y, strength=strength),
            "out.augmentation": net(x_t, t, y, augmentation=told),
            "out.all": net(x_t, t, y, q=q, strength=strength, augmentation=told),
            "slope": few_steps.total_derivative(w, x_t, t, q, v)[1],
            "split.target": few_steps.split_target(w, x_t, t, q, share)}
        for sides in (1, 2):
            for h in (0.02, 0.005):
                tensors[f"difference.{sides}.{h}"] = few_steps.total_difference(w, x_t, t, q, v, h, sides)[1]
    cases = {
        "meanflow": lambda: few_steps.meanflow_loss(w, x, noise, t, q),
        "improved": lambda: few_steps.improved_meanflow_loss(w, x, noise, t, q),
        "picture": lambda: few_steps.improved_meanflow_loss(
            few_steps.mean_velocity_of_picture(w), x, noise, t, q),
        "split": lambda: few_steps.split_loss(w, w, x, noise, t, q, share),
        "distill": lambda: few_steps.distill_guidance_loss(
            lambda x, t, y, s: net(x, t, y, strength=s), net, x, noise, t, y, null, strength),
    }
    for kind, compute in cases.items():
        net.zero_grad()
        loss = compute()
        loss.backward()
        tensors[f"loss.{kind}"] = loss
        for name, parameter in net.named_parameters():
            if name in WATCHED and parameter.grad is not None:
                tensors[f"gradient.{kind}.{name}"] = parameter.grad.clone()
    return tensors | {f"model.{name}": tensor for name, tensor in net.state_dict().items()}


def make_augmentations(random):
    """raw [n, 9] -> condition [n, 9], matrix [n, 3, 3] for height 12 and width 16, float64; picture -> augmented."""
    raw = augmentation.draw_augmentation(6, 0.5, random)
    picture = torch.rand(6, 3, 12, 16, generator=random) * 2 - 1
    matrix = augmentation.augmentation_matrix(raw, 12, 16)
    return dict(raw=raw, condition=augmentation.augmentation_condition(raw), matrix=matrix, picture=picture,
                augmented=augmentation.augment(picture, matrix))


def make_samplers(random):
    """means, stds, shares, start -> {euler, dpm, unipc2, unipc3}.STEPS.SHIFT; times: the grid i / steps, shifted;
    coefficients.{dpm, unipc3, corrector3}.10: rows a, b_0, b_1, b_2 (corrector: then c; NaN where it is not applied) of
    the grid of 10 steps with shift 1. All float64."""
    def normal(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    means, stds = normal(5, 4) * 1.5, 0.3 + 0.4 * torch.rand(5, generator=random).double()
    shares = torch.softmax(normal(5), 0)
    start = normal(8, 4)

    def velocity(x, t):
        return multistep.mixture_velocity(x, torch.tensor(float(t)).double(), means, stds, shares)

    tensors = dict(means=means, stds=stds, shares=shares, start=start)
    kinds = {"euler": dict(order=1, kind="dpm"), "dpm": dict(order=2, kind="dpm"), "unipc2": dict(order=2),
             "unipc3": dict(order=3)}
    for steps in (6, 10, 20):
        for shift in (1.0, 3.0):
            t = torch.arange(steps + 1).double() / steps
            t = t / (t + (1 - t) * shift)
            tensors[f"times.{steps}.{shift}"] = t
            for name, options in kinds.items():
                tensors[f"{name}.{steps}.{shift}"] = multistep.sample_multistep(velocity, start, t, **options)
    t = tensors["times.10.1.0"]

    def row(a, b, *c):
        return torch.cat([a.reshape(1), b, *(k.reshape(1) for k in c)])

    unused = torch.full((5,), float("nan")).double()
    tensors["coefficients.dpm.10"] = torch.stack([row(*r) for r in multistep.multistep_coefficients(t, 3, "dpm")])
    tensors["coefficients.unipc3.10"] = torch.stack([row(*r) for r in multistep.multistep_coefficients(t, 3)])
    tensors["coefficients.corrector3.10"] = torch.stack(
        [unused if r is None else row(*r) for r in multistep.corrector_coefficients(t, 3)])
    return tensors


MAKERS = dict(targets=make_targets, losses=make_losses, averages=make_averages, guidance=make_guidance, muon=make_muon,
              steps=make_steps, augment=make_augmentations, samplers=make_samplers)


def main(output):
    folder = output / "recipes"
    folder.mkdir(parents=True, exist_ok=True)
    for place, (name, make) in enumerate(MAKERS.items()):
        tensors = {key: value.detach().contiguous().clone() for key, value in make(generator(100 + place)).items()}
        data = save(tensors, metadata={"format": "pt", "torch": torch.__version__.split("+")[0]})
        (folder / f"{name}.safetensors").write_bytes(with_sorted_metadata(data))
    check_sizes(output)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    torch.set_num_threads(1)
    main(arguments.parse_args().output)
