// Normalised queries and keys whose halves are rotated with each other, as language models do it.
#include "head_norm.h"
#include "kernel.h"

KERNEL(
    void, pn_rotary_halves_norm_forward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict table, float *restrict out),
    (rows, width, stride, epsilon, x, weight, table, out)) {
    RELAXED
    const size_t half = width / 2;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        const float *restrict cosines = table + row * width;
        const float *restrict sines = cosines + half;
        float *restrict to = out + row * width;
        float sum = 0;
        for (size_t i = 0; i < width; i++) sum += from[i] * from[i];
        const float r = reciprocal_rms(sum, width, epsilon);
        for (size_t i = 0; i < half; i++) {
            const float first = from[i] * r * weight[i];
            const float second = from[half + i] * r * weight[half + i];
            to[i] = first * cosines[i] - second * sines[i];
            to[half + i] = second * cosines[i] + first * sines[i];
        }
    }
}

KERNEL(
    void, pn_rotary_halves_norm_backward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict table, float *restrict upstream, size_t gradient_stride, float *restrict gradient,
     float *restrict weight_gradient),
    (rows, width, stride, epsilon, x, weight, table, upstream, gradient_stride, gradient, weight_gradient)) {
    RELAXED
    const size_t half = width / 2;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        const float *restrict cosines = table + row * width;
        const float *restrict sines = cosines + half;
        float *restrict up = upstream + row * width;
        for (size_t i = 0; i < half; i++) {
            const float first = up[i] * cosines[i] + up[half + i] * sines[i];
            const float second = up[half + i] * cosines[i] - up[i] * sines[i];
            up[i] = first;
            up[half + i] = second;
        }
        const float r = reciprocal_rms_of_head(width, from, epsilon);
        head_norm_backward(width, r, from, weight, up, gradient + row * gradient_stride, weight_gradient);
    }
}
