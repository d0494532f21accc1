// AdamW (Loshchilov and Hutter, arXiv 1711.05101), alone or with the EMA of the weights in one pass; the passes over
// memory of Muon (Jordan et al., "Muon", 2024).
#include "kernel.h"

// Returns the new weight and updates both moments in place.
INLINE float adamw_weight(
    struct pn_adamw_coefficients c, float gradient, float weight, float *first_moment, float *second_moment) {
    RELAXED
    const float g = gradient * c.gradient_scale;
    const float m = *first_moment + (1.0f - c.beta1) * (g - *first_moment);
    const float v = c.beta2 * *second_moment + (1.0f - c.beta2) * g * g;
    *first_moment = m;
    *second_moment = v;
    return weight * c.decay - c.step_size * m / (square_root(v) * c.second_correction + c.epsilon);
}

KERNEL(
    void, pn_adamw_step,
    (size_t count, const struct pn_adamw_coefficients *coefficients, const float *restrict gradient,
     float *restrict weight, float *restrict first_moment, float *restrict second_moment, float *restrict average),
    (count, coefficients, gradient, weight, first_moment, second_moment, average)) {
    RELAXED
    const struct pn_adamw_coefficients c = *coefficients;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        weight[i] = adamw_weight(c, gradient[i], weight[i], first_moment + i, second_moment + i);
        average[i] = c.average_decay * average[i] + (1.0f - c.average_decay) * weight[i];
    }
}

KERNEL(
    void, pn_adamw_step_without_average,
    (size_t count, const struct pn_adamw_coefficients *coefficients, const float *restrict gradient,
     float *restrict weight, float *restrict first_moment, float *restrict second_moment),
    (count, coefficients, gradient, weight, first_moment, second_moment)) {
    RELAXED
    const struct pn_adamw_coefficients c = *coefficients;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        weight[i] = adamw_weight(c, gradient[i], weight[i], first_moment + i, second_moment + i);
    }
}

KERNEL(
    void, pn_nesterov_momentum,
    (size_t count, float decay, float gradient_scale, const float *restrict gradient, float *restrict momentum,
     float *restrict direction),
    (count, decay, gradient_scale, gradient, momentum, direction)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float g = gradient[i] * gradient_scale;
        const float m = momentum[i] + (1.0f - decay) * (g - momentum[i]);
        momentum[i] = m;
        direction[i] = g + decay * (m - g);
    }
}

KERNEL(
    void, pn_decayed_step,
    (size_t count, float keep, float step_size, const float *restrict direction, float *restrict weight),
    (count, keep, step_size, direction, weight)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) weight[i] = keep * weight[i] - step_size * direction[i];
}
