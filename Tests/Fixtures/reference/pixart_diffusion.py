"""The diffusion of PixArt in plain PyTorch: its training loss, and the samplers of its pipelines and scripts.

x_t = sqrt(a_t) x + sqrt(1 - a_t) e with a_t the running product of 1 - beta, betas linear from 1e-4 to 0.02.
"""
import math

import torch

def kept_signal(steps=1000):
    """a_t in float64, t = 0 ... 999."""
    return torch.cumprod(1 - torch.linspace(1e-4, 0.02, steps, dtype=torch.float64), 0)


def losses(model, x, step, noise, caption, keep=None, **others):
    """Training loss [B]: squared error of e plus the variational bound of the learned variance (in bits a number),
    whose gradient does not reach e. Both are means over C, H, W. x are scaled latents."""
    a = kept_signal()
    before = torch.cat([torch.ones(1, dtype=torch.float64), a[:-1]])
    beta = 1 - a / before
    at = lambda table: table[step].float()[:, None, None, None]
    x_t = at(a.sqrt()) * x + at((1 - a).sqrt()) * noise
    predicted, between = model(x_t, step, caption, keep, **others).chunk(2, dim=1)
    frozen = predicted.detach()
    posterior_variance = beta * (1 - before) / (1 - a)
    low = posterior_variance.clone()
    low[0] = low[1]
    low = at(low.log())
    share = (between + 1) / 2
    log_variance = share * at(beta.log()) + (1 - share) * low
    weight_x, weight_t = at(beta * before.sqrt() / (1 - a)), at((1 - before) * (1 - beta).sqrt() / (1 - a))
    clean = (x_t - at((1 - a).sqrt()) * frozen) / at(a.sqrt())
    true_mean, mean = weight_x * x + weight_t * x_t, weight_x * clean + weight_t * x_t
    divergence = 0.5 * (-1 + log_variance - low + (low - log_variance).exp() + (true_mean - mean).square() * (-log_variance).exp())
    # At step 0: the likelihood of x as if it had 256 levels in -1 ... 1, with the tanh form of the normal's distribution.
    spread, centred = (-0.5 * log_variance).exp(), x - mean
    cdf = lambda z: 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
    upper, lower = cdf(spread * (centred + 1 / 255)), cdf(spread * (centred - 1 / 255))
    log_likelihood = torch.where(x < -0.999, upper.clamp(min=1e-12).log(), torch.where(
        x > 0.999, (1 - lower).clamp(min=1e-12).log(), (upper - lower).clamp(min=1e-12).log()))
    mean_of = lambda t: t.mean(dim=(1, 2, 3))
    bound = torch.where(step == 0, mean_of(-log_likelihood), mean_of(divergence)) / math.log(2)
    error = mean_of((noise - predicted).square())
    return {"error": error, "bound": bound, "loss": error + bound}


def guided(model, x, step, caption, keep, nothing, keep_nothing, guidance, **others):
    """e of one evaluation with and one without caption, guided on all C channels; the variance half is dropped."""
    step = torch.as_tensor(step, dtype=torch.float32).expand(len(x))
    if guidance == 1:
        return model(x, step, caption, keep, **others)[:, : x.shape[1]]
    double = {k: v if v is None or not torch.is_tensor(v) else torch.cat([v, v]) for k, v in others.items()}
    out = model(torch.cat([x, x]), step.repeat(2), torch.cat([nothing, caption]), torch.cat([keep_nothing, keep]), **double)
    without, with_ = out[:, : x.shape[1]].chunk(2)
    return without + guidance * (with_ - without)


def multistep(predict, x, steps, lambdas, log_alphas, first_order_last):
    """DPM-Solver++(2M): predict(x, i) is e at step i of `steps`; lambdas and log_alphas have one entry more (the end).
    lambda = log(alpha / sigma). An end of +infinity is the clean picture itself."""
    kept, last = None, None
    for i in range(steps):
        alpha, sigma = log_alphas[i].exp(), (log_alphas[i] - lambdas[i]).exp()
        clean = ((x - sigma.float() * predict(x, i)) / alpha.float())
        h = lambdas[i + 1] - lambdas[i]
        use = clean
        if kept is not None and not (first_order_last and i == steps - 1):
            r = last / h
            use = clean + (clean - kept) / (2 * r).float()
        alpha_next = log_alphas[i + 1].exp()
        sigma_next = (log_alphas[i + 1] - lambdas[i + 1]).exp()
        x = (sigma_next / sigma).float() * x - (alpha_next * torch.expm1(-h)).float() * use
        kept, last = clean, h
    return x


def grid_original(steps=20):
    """PixArt's own scripts: times uniform on 1 ... 1/1000, log alpha linear between them, step = 1000 t - 1 (a fraction).
    Returns steps [n], lambdas and log alphas [n + 1]. Ends at step 0, where sigma is 0.01 still."""
    t = torch.linspace(1.0, 1e-3, steps + 1)  # float32, as published: its rounding moves steps by up to 6e-5
    step = (t - 1e-3) * 1000
    table = 0.5 * kept_signal().log()
    place = (t.double() * 1000 - 1).clamp(0, 999)
    low = place.floor().long().clamp(max=998)
    log_alphas = table[low] + (place - low) * (table[low + 1] - table[low])
    lambdas = log_alphas - 0.5 * torch.log1p(-(2 * log_alphas).exp())
    return step[:-1], lambdas, log_alphas


def grid_diffusers(steps=20):
    """DPMSolverMultistepScheduler's defaults: whole steps round(linspace(0, 999, n + 1)) from above without the 0, then
    sigma = 0, so that the last update is of first order and gives the predicted clean latent."""
    place = torch.linspace(0, 999, steps + 1, dtype=torch.float64).round().flip(0)[:-1]  # numpy rounds halves to even too
    a = kept_signal()[place.long()]
    log_alphas = torch.cat([0.5 * a.log(), torch.zeros(1, dtype=torch.float64)])
    lambdas = torch.cat([0.5 * (a / (1 - a)).log(), torch.full((1,), math.inf, dtype=torch.float64)])
    return place, lambdas, log_alphas


@torch.no_grad()
def sample(model, noise, caption, keep, nothing, keep_nothing, steps=20, guidance=4.5, grid="diffusers", **others):
    """Scaled latents; divide by the VAE's factor before decoding. grid: "diffusers", or the scripts of "alpha" or "sigma",
    which differ in the last update: Sigma's is of first order, alpha's is so only where steps < 10.

    No caption is not the same thing in the two: PixArt's scripts take y_embedder.y_embedding under the mask of the
    *prompt*; diffusers takes T5's states for "" under the mask of "" (one token: </s>)."""
    place, lambdas, log_alphas = (grid_diffusers if grid == "diffusers" else grid_original)(steps)
    predict = lambda x, i: guided(model, x, place[i], caption, keep, nothing, keep_nothing, guidance, **others)
    return multistep(predict, noise, steps, lambdas, log_alphas, first_order_last=grid != "alpha" or steps < 10)


@torch.no_grad()
def sample_one_step(model, noise, caption, keep, step=400, **others):
    """DMD: plain noise goes in as if it were x_400; out comes the clean latent. No guidance."""
    a = kept_signal()[step]
    e = guided(model, noise, step, caption, keep, None, None, 1, **others)
    return (noise - (1 - a).sqrt().float() * e) / a.sqrt().float()
