// AdamW (Loshchilov and Hutter, arXiv 1711.05101) and the moving average of the weights in one pass.
#include "kernel.h"

KERNEL void adamw_step(
    size_t count, const struct adamw_coefficients *coefficients, const float *restrict gradient,
    float *restrict weight, float *restrict first_moment, float *restrict second_moment, float *restrict average) {
    RELAXED
    const struct adamw_coefficients c = *coefficients;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float g = gradient[i] * c.gradient_scale;
        const float m = first_moment[i] + (1.0f - c.beta1) * (g - first_moment[i]);
        const float v = c.beta2 * second_moment[i] + (1.0f - c.beta2) * g * g;
        const float denominator = square_root(v) * c.second_correction + c.epsilon;
        const float w = weight[i] * c.decay - c.step_size * m / denominator;
        first_moment[i] = m;
        second_moment[i] = v;
        weight[i] = w;
        average[i] = c.average_decay * average[i] + (1.0f - c.average_decay) * w;
    }
}

KERNEL void adamw_step_without_average(
    size_t count, const struct adamw_coefficients *coefficients, const float *restrict gradient,
    float *restrict weight, float *restrict first_moment, float *restrict second_moment) {
    RELAXED
    const struct adamw_coefficients c = *coefficients;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float g = gradient[i] * c.gradient_scale;
        const float m = first_moment[i] + (1.0f - c.beta1) * (g - first_moment[i]);
        const float v = c.beta2 * second_moment[i] + (1.0f - c.beta2) * g * g;
        const float denominator = square_root(v) * c.second_correction + c.epsilon;
        first_moment[i] = m;
        second_moment[i] = v;
        weight[i] = weight[i] * c.decay - c.step_size * m / denominator;
    }
}
