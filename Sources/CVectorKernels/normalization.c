// RMSNorm (Zhang and Sennrich, arXiv 1910.07467), alone and fused with adaLN modulation; gated residuals.
#include "kernel.h"

INLINE float reciprocal_rms(size_t width, const float *restrict x, float epsilon) {
    RELAXED
    float sum = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) sum += x[i] * x[i];
    return 1.0f / square_root(sum / (float)width + epsilon);
}

KERNEL void modulated_rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict shift, const float *restrict scale, float *restrict out, float *restrict reciprocal) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        reciprocal[row] = r;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i] * (1.0f + scale[i]) + shift[i];
    }
}

KERNEL void modulated_rms_norm_backward(
    size_t rows, size_t width, const float *restrict x, const float *restrict weight, const float *restrict scale,
    const float *restrict reciprocal, const float *restrict upstream, float *restrict gradient,
    float *restrict sum_upstream, float *restrict sum_upstream_normalized) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        const float r = reciprocal[row];
        float dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float g = up[i] * (1.0f + scale[i]) * weight[i];
            dot += g * from[i];
            sum_upstream[i] += up[i];
            sum_upstream_normalized[i] += up[i] * from[i] * r;
        }
        const float pull = dot * r * r * r / (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = up[i] * (1.0f + scale[i]) * weight[i] * r - from[i] * pull;
    }
}

KERNEL void rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    float *restrict out) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i];
    }
}

KERNEL void rms_norm_backward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict upstream, float *restrict gradient, float *restrict weight_gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        float dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            dot += up[i] * weight[i] * from[i];
            weight_gradient[i] += up[i] * from[i] * r;
        }
        const float pull = dot * r * r * r / (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] += up[i] * weight[i] * r - from[i] * pull;
    }
}

KERNEL void gated_residual_forward(
    size_t rows, size_t width, const float *restrict x, const float *restrict y, const float *restrict gate,
    float *restrict out) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) out[at + i] = x[at + i] + gate[i] * y[at + i];
    }
}

KERNEL void gated_residual_backward(
    size_t rows, size_t width, const float *restrict y, const float *restrict gate, const float *restrict upstream,
    float *restrict gradient_y, float *restrict gate_gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float up = upstream[at + i];
            gradient_y[at + i] = gate[i] * up;
            gate_gradient[i] += y[at + i] * up;
        }
    }
}
