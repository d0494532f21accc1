// SiLU and its gated form (Shazeer, arXiv 2002.05202), and GELU (Hendrycks and Gimpel, arXiv 1606.08415), forward and
// backward.
#include "kernel.h"

KERNEL(void, pn_silu_forward, (size_t count, const float *restrict x, float *restrict out), (count, x, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = x[i] * fast_sigmoid(x[i]);
}

// d silu(x) / dx = s (1 + x (1 - s)), s = sigmoid(x)
INLINE float silu_slope(float x, float sigmoid) { return sigmoid * (1.0f + x * (1.0f - sigmoid)); }

KERNEL(
    void, pn_silu_backward, (size_t count, const float *restrict x, float *restrict gradient), (count, x, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) gradient[i] *= silu_slope(x[i], fast_sigmoid(x[i]));
}

KERNEL(
    void, pn_add_silu_forward, (size_t count, const float *restrict a, const float *restrict b, float *restrict out),
    (count, a, b, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float x = a[i] + b[i];
        out[i] = x * fast_sigmoid(x);
    }
}

KERNEL(
    void, pn_add_silu_backward,
    (size_t count, const float *restrict a, const float *restrict b, const float *restrict upstream,
     float *restrict gradient, float *restrict gradient_a),
    (count, a, b, upstream, gradient, gradient_a)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float x = a[i] + b[i];
        const float g = upstream[i] * silu_slope(x, fast_sigmoid(x));
        gradient[i] = g;
        gradient_a[i] += g;
    }
}

KERNEL(
    void, pn_silu_gate_forward, (size_t count, const float *restrict a, const float *restrict b, float *restrict out),
    (count, a, b, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = a[i] * fast_sigmoid(a[i]) * b[i];
}

KERNEL(
    void, pn_silu_gate_backward,
    (size_t count, const float *restrict a, const float *restrict b, const float *restrict upstream,
     float *restrict gradient_a, float *restrict gradient_b),
    (count, a, b, upstream, gradient_a, gradient_b)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float s = fast_sigmoid(a[i]);
        const float g = upstream[i];
        gradient_a[i] = g * b[i] * silu_slope(a[i], s);
        gradient_b[i] = g * a[i] * s;
    }
}

// P(a < N) for a standard normal N and a >= 0, given exp(-a^2 / 2), to a relative error of 6e-9.
//
// It is erfc(a / sqrt 2) / 2, and erfc(z) e^(z^2) is a polynomial in t = 1 / (1 + 0.37 z) of degree 9 without a
// constant, fitted for the least relative error on 0 <= z <= 6.5.
INLINE float normal_tail(float a, float exponential) {
    _Pragma("clang fp contract(fast)") const float t = 1.0f / (1.0f + 0x1.0be89cp-2f * a);
    float p = 0x1.084efap-4f;
    p = p * t - 0x1.439ec6p-2f;
    p = p * t + 0x1.06e9f6p-1f;
    p = p * t - 0x1.43dfccp-2f;
    p = p * t + 0x1.54a0b4p-2f;
    p = p * t + 0x1.8d2608p-4f;
    p = p * t + 0x1.ab982ep-3f;
    p = p * t + 0x1.a80ea2p-3f;
    p = p * t + 0x1.abb29p-3f;
    return 0.5f * exponential * p * t;
}

KERNEL(void, pn_gelu_forward, (size_t count, const float *restrict x, float *restrict out), (count, x, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float a = __builtin_fabsf(x[i]);
        out[i] = (x[i] > 0.0f ? x[i] : 0.0f) - a * normal_tail(a, fast_exp(-0.5f * a * a));
    }
}

// d gelu(x) / dx = P(N < x) + x density(x)
KERNEL(
    void, pn_gelu_backward, (size_t count, const float *restrict x, float *restrict gradient), (count, x, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float a = __builtin_fabsf(x[i]);
        const float exponential = fast_exp(-0.5f * a * a);
        const float tail = normal_tail(a, exponential);
        const float below = x[i] > 0.0f ? 1.0f - tail : tail;
        gradient[i] *= below + x[i] * 0x1.988454p-2f * exponential;
    }
}

// (1 + tanh(u)) / 2 = sigmoid(2 u), and 2 u = x (a + b x^2) with a = 2 sqrt(2 / pi), b = 0.044715 a.
enum { TANH_GELU_BEYOND = 16 };
#define TANH_GELU_A 0x1.988454p+0f
#define TANH_GELU_B 0x1.2444f2p-4f

// x^2, no larger than where the sigmoid is 0 or 1 to the last bit, so that no power of a large x overflows.
INLINE float bounded_square(float x) {
    const float bounded = __builtin_fabsf(x) < TANH_GELU_BEYOND ? x : TANH_GELU_BEYOND;
    return bounded * bounded;
}

KERNEL(void, pn_tanh_gelu_forward, (size_t count, const float *restrict x, float *restrict out), (count, x, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        out[i] = x[i] * fast_sigmoid(x[i] * (TANH_GELU_A + TANH_GELU_B * bounded_square(x[i])));
    }
}

KERNEL(
    void, pn_tanh_gelu_gate_forward,
    (size_t count, const float *restrict a, const float *restrict b, float *restrict out), (count, a, b, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        out[i] = a[i] * fast_sigmoid(a[i] * (TANH_GELU_A + TANH_GELU_B * bounded_square(a[i]))) * b[i];
    }
}

KERNEL(
    void, pn_tanh_gelu_backward, (size_t count, const float *restrict x, float *restrict gradient),
    (count, x, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float square = bounded_square(x[i]);
        const float s = fast_sigmoid(x[i] * (TANH_GELU_A + TANH_GELU_B * square));
        gradient[i] *= s + x[i] * s * (1.0f - s) * (TANH_GELU_A + 3.0f * TANH_GELU_B * square);
    }
}
