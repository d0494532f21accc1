// SiLU and its gated form (Shazeer, arXiv 2002.05202), forward and backward.
#include "kernel.h"

KERNEL void silu_forward(size_t count, const float *restrict x, float *restrict out) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = x[i] * fast_sigmoid(x[i]);
}

// d silu(x) / dx = s (1 + x (1 - s)), s = sigmoid(x)
INLINE float silu_slope(float x, float sigmoid) { return sigmoid * (1.0f + x * (1.0f - sigmoid)); }

KERNEL void silu_backward(size_t count, const float *restrict x, float *restrict gradient) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) gradient[i] *= silu_slope(x[i], fast_sigmoid(x[i]));
}

KERNEL void add_silu_forward(size_t count, const float *restrict a, const float *restrict b, float *restrict out) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float x = a[i] + b[i];
        out[i] = x * fast_sigmoid(x);
    }
}

KERNEL void add_silu_backward(
    size_t count, const float *restrict a, const float *restrict b, const float *restrict upstream,
    float *restrict gradient, float *restrict gradient_a) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float x = a[i] + b[i];
        const float g = upstream[i] * silu_slope(x, fast_sigmoid(x));
        gradient[i] = g;
        gradient_a[i] += g;
    }
}

KERNEL void silu_gate_forward(size_t count, const float *restrict a, const float *restrict b, float *restrict out) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = a[i] * fast_sigmoid(a[i]) * b[i];
}

KERNEL void silu_gate_backward(
    size_t count, const float *restrict a, const float *restrict b, const float *restrict upstream,
    float *restrict gradient_a, float *restrict gradient_b) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float s = fast_sigmoid(a[i]);
        const float g = upstream[i];
        gradient_a[i] = g * b[i] * silu_slope(a[i], s);
        gradient_b[i] = g * a[i] * s;
    }
}
