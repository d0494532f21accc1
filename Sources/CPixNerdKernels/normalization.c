// RMSNorm (Zhang and Sennrich, arXiv 1910.07467), alone or fused with adaLN modulation; LayerNorm (Ba et al., arXiv
// 1607.06450); gated residuals.
#include "kernel.h"

INLINE float reciprocal_rms_of_row(size_t width, const float *restrict x, float epsilon) {
    RELAXED
    float sum = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) sum += x[i] * x[i];
    return reciprocal_rms(sum, width, epsilon);
}

KERNEL(
    void, pn_modulated_rms_norm_forward,
    (size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict shift, const float *restrict scale, float *restrict out, float *restrict reciprocal),
    (rows, width, epsilon, x, weight, shift, scale, out, reciprocal)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms_of_row(width, from, epsilon);
        reciprocal[row] = r;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i] * (1.0f + scale[i]) + shift[i];
    }
}

KERNEL(
    void, pn_modulated_rms_norm_backward,
    (size_t rows, size_t width, const float *restrict x, const float *restrict weight, const float *restrict scale,
     const float *restrict reciprocal, const float *restrict upstream, float *restrict gradient,
     float *restrict sum_upstream, float *restrict sum_upstream_normalized),
    (rows, width, x, weight, scale, reciprocal, upstream, gradient, sum_upstream, sum_upstream_normalized)) {
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

KERNEL(
    void, pn_rms_norm_forward,
    (size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
     float *restrict out),
    (rows, width, epsilon, x, weight, out)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms_of_row(width, from, epsilon);
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i];
    }
}

KERNEL(
    void, pn_rms_norm_backward,
    (size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict upstream, float *restrict gradient, float *restrict weight_gradient),
    (rows, width, epsilon, x, weight, upstream, gradient, weight_gradient)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        const float r = reciprocal_rms_of_row(width, from, epsilon);
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

// The mean of a row and the reciprocal of its standard deviation.
INLINE void row_statistics(
    size_t width, const float *restrict x, float epsilon, float *restrict mean, float *restrict reciprocal) {
    RELAXED
    float sum = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) sum += x[i];
    const float m = sum / (float)width;
    float squares = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) squares += (x[i] - m) * (x[i] - m);
    *mean = m;
    *reciprocal = reciprocal_rms(squares, width, epsilon);
}

KERNEL(
    void, pn_layer_norm_forward,
    (size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict bias, float *restrict out),
    (rows, width, epsilon, x, weight, bias, out)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        float mean, r;
        row_statistics(width, from, epsilon, &mean, &r);
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = (from[i] - mean) * r * weight[i] + bias[i];
    }
}

KERNEL(
    void, pn_layer_norm_backward,
    (size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict upstream, float *restrict gradient, float *restrict sum_upstream,
     float *restrict sum_upstream_normalized),
    (rows, width, epsilon, x, weight, upstream, gradient, sum_upstream, sum_upstream_normalized)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        float mean, r;
        row_statistics(width, from, epsilon, &mean, &r);
        float sum = 0, dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float normalized = (from[i] - mean) * r;
            const float g = up[i] * weight[i];
            sum += g;
            dot += g * normalized;
            sum_upstream[i] += up[i];
            sum_upstream_normalized[i] += up[i] * normalized;
        }
        sum /= (float)width;
        dot /= (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) { to[i] = r * (up[i] * weight[i] - sum - (from[i] - mean) * r * dot); }
    }
}

KERNEL(
    void, pn_gated_residual_forward,
    (size_t rows, size_t width, const float *restrict x, const float *restrict y, const float *restrict gate,
     float *restrict out),
    (rows, width, x, y, gate, out)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) out[at + i] = x[at + i] + gate[i] * y[at + i];
    }
}

KERNEL(
    void, pn_gated_residual_backward,
    (size_t rows, size_t width, const float *restrict y, const float *restrict gate, const float *restrict upstream,
     float *restrict gradient_y, float *restrict gate_gradient),
    (rows, width, y, gate, upstream, gradient_y, gate_gradient)) {
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
