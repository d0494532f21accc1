// RMSNorm (Zhang and Sennrich, arXiv 1910.07467), alone and fused with adaLN modulation; LayerNorm (Ba et al., arXiv
// 1607.06450); gated residuals; the cosine of rows.
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

// The mean of a row, and one over its standard deviation.
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
    *reciprocal = 1.0f / square_root(squares / (float)width + epsilon);
}

KERNEL void layer_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict bias, float *restrict out) {
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

KERNEL void layer_norm_backward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict upstream, float *restrict gradient, float *restrict sum_upstream,
    float *restrict sum_upstream_normalized) {
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
        for (size_t i = 0; i < width; i++) {
            to[i] = r * (up[i] * weight[i] - sum - (from[i] - mean) * r * dot);
        }
    }
}

// The norms of two rows and the product of the rows.
INLINE float row_product(
    size_t width, const float *restrict a, const float *restrict b, float *restrict norm_a, float *restrict norm_b) {
    RELAXED
    float squares_a = 0, squares_b = 0, product = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) {
        squares_a += a[i] * a[i];
        squares_b += b[i] * b[i];
        product += a[i] * b[i];
    }
    *norm_a = square_root(squares_a);
    *norm_b = square_root(squares_b);
    return product;
}

INLINE float at_least(float least, float x) { return x > least ? x : least; }

KERNEL double cosine_distances(
    size_t rows, size_t width, float epsilon, const float *restrict a, const float *restrict b) {
    double sum = 0;
    for (size_t row = 0; row < rows; row++) {
        float norm_a, norm_b;
        const float product = row_product(width, a + row * width, b + row * width, &norm_a, &norm_b);
        sum += 1.0 - (double)product / ((double)at_least(epsilon, norm_a) * (double)at_least(epsilon, norm_b));
    }
    return sum;
}

KERNEL void cosine_distances_backward(
    size_t rows, size_t width, float epsilon, float scale, const float *restrict a, const float *restrict b,
    float *restrict gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = a + row * width;
        const float *restrict other = b + row * width;
        float *restrict to = gradient + row * width;
        float norm_a, norm_b;
        const float product = row_product(width, from, other, &norm_a, &norm_b);
        const float counted = at_least(epsilon, norm_a);
        const float along = -scale / counted / at_least(epsilon, norm_b);
        // The derivative of the norm is a / |a|, whatever the norm counts as; 0 where a is.
        const float back = norm_a > 0.0f ? along * (product / counted / norm_a) : 0.0f;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = along * other[i] - back * from[i];
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
