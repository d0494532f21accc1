"""The samplers of `pixnerd sample` in PyTorch, written from their definitions and not from the Swift code.

All follow the velocity v(x, t) over the grid of `time_grid`; guidance acts strictly inside its interval.
"""
import numpy
import torch


def time_grid(steps, shift=1.0, last_step=None):
    """steps + 1 times: linspace(0, 1 - last step, steps) and 1, after the shift."""
    last_step = 1 / steps if last_step is None else last_step
    grid = torch.cat([torch.linspace(0, 1 - last_step, steps), torch.ones(1)])
    return grid / (grid + (1 - grid) * shift)


def guided_velocity(model, labels, null_label, guidance, interval):
    """v(x, t) with classifier-free guidance."""
    def velocity(x, t):
        y = torch.cat([torch.full_like(labels, null_label), labels])
        without, with_ = model(torch.cat([x, x]), t.expand(2 * len(x)), y).chunk(2)
        scale = guidance if interval[0] < t < interval[1] else 1.0
        return without + scale * (with_ - without)
    return velocity


@torch.no_grad()
def sample_heun(velocity, x, grid, exact):
    """Trapezoids; the predictor's velocity is evaluated anew (exact) or taken from the last corrector."""
    carried = None
    for index, (now, after) in enumerate(zip(grid[:-1], grid[1:])):
        start = velocity(x, now) if exact or carried is None else carried
        if index == len(grid) - 2:
            return x + (after - now) * start
        carried = velocity(x + (after - now) * start, after)
        x = x + (after - now) * (start + carried) / 2
    return x


def adams_weights(times, until):
    """The integrals of Lagrange's polynomials through the times from the last of them to `until`, divided by their sum."""
    times = [float(time) for time in times]
    integrals = []
    for index, node in enumerate(times):
        polynomial = numpy.poly1d([1.0])
        for other, elsewhere in enumerate(times):
            if other != index:
                polynomial = polynomial * numpy.poly1d([1.0, -elsewhere]) / (node - elsewhere)
        integral = polynomial.integ()
        integrals.append(integral(float(until)) - integral(times[-1]))
    return [value / sum(integrals) for value in integrals]


@torch.no_grad()
def sample_adams(velocity, x, grid, order):
    """Adams and Bashforth's multistep method; the first steps use the orders that they can."""
    velocities = []
    for index, (now, after) in enumerate(zip(grid[:-1], grid[1:])):
        velocities = (velocities + [velocity(x, now)])[-order:]
        weights = adams_weights(grid[:index + 1][-order:], after)
        x = x + (after - now) * sum(weight * v for weight, v in zip(weights, velocities))
    return x


@torch.no_grad()
def sample_stochastic(velocity, x, grid, step_noise):
    """x + v dt + s w dt + sqrt(2 w dt) n with w = 1 - t and the score s = -e / (1 - t); the last step is straight."""
    for index, (now, after) in enumerate(zip(grid[:-1], grid[1:])):
        v, step = velocity(x, now), after - now
        if index == len(grid) - 2:
            return x + step * v
        noise = x - now * v  # the e of x = t data + (1 - t) e with v = data - e
        score = -noise / (1 - now)
        weight = 1 - now
        x = x + v * step + score * weight * step + torch.sqrt(2 * weight * step) * step_noise[index]
    return x
