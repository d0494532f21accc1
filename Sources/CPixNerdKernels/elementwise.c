// Sums, conversions and linear combinations of whole arrays.
#include "kernel.h"

KERNEL(
    void, pn_accumulate, (size_t count, const float *restrict x, float *restrict accumulator),
    (count, x, accumulator)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) accumulator[i] += x[i];
}

KERNEL(
    void, pn_add, (size_t count, const float *restrict a, const float *restrict b, float *restrict out),
    (count, a, b, out)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

KERNEL(
    void, pn_linear_combination,
    (size_t count, float alpha, const float *restrict x, float beta, const float *restrict y, float *restrict out),
    (count, alpha, x, beta, y, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = alpha * x[i] + beta * y[i];
}

KERNEL(
    void, pn_ema_update, (size_t count, float decay, const float *restrict x, float *restrict average),
    (count, decay, x, average)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) average[i] = decay * average[i] + (1.0f - decay) * x[i];
}

KERNEL(
    void, pn_column_sums, (size_t rows, size_t columns, size_t stride, const float *restrict x, float *restrict sums),
    (rows, columns, stride, x, sums)) {
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) sums[i] += from[i];
    }
}

KERNEL(
    void, pn_scale, (size_t count, float scale, const float *restrict x, float *restrict out), (count, scale, x, out)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = scale * x[i];
}

KERNEL(
    void, pn_resample_axis,
    (size_t outputs, size_t taps, size_t inner, const int32_t *restrict starts, const float *restrict weights,
     const float *restrict x, float *restrict out),
    (outputs, taps, inner, starts, weights, x, out)) {
    RELAXED
    for (size_t output = 0; output < outputs; output++) {
        const float *restrict from = x + (size_t)starts[output] * inner;
        const float *restrict weight = weights + output * taps;
        float *restrict to = out + output * inner;
        if (inner == 1) {
            float sum = 0;
            for (size_t tap = 0; tap < taps; tap++) sum += weight[tap] * from[tap];
            *to = sum;
            continue;
        }
        VECTORIZED
        for (size_t i = 0; i < inner; i++) to[i] = weight[0] * from[i];
        for (size_t tap = 1; tap < taps; tap++) {
            VECTORIZED
            for (size_t i = 0; i < inner; i++) to[i] += weight[tap] * from[tap * inner + i];
        }
    }
}

// Rounds to nearest, ties to even: adds half of the last place that is kept, less one where that place is even. NaN
// stays NaN.
INLINE uint16_t rounded_to_bfloat16(uint32_t bits) {
    const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? bits >> 16 | 0x40u : rounded);
}

KERNEL(void, pn_round_to_bfloat16, (size_t count, const float *x, void *out), (count, x, out)) {
    // Each block is read whole before it is written, so that `out` may begin where `x` does.
    enum { block = 64 };
    size_t start = 0;
    for (; start + block <= count; start += block) {
        uint32_t from[block];
        uint16_t to[block];
        memcpy(from, x + start, sizeof from);
        for (size_t i = 0; i < block; i++) to[i] = rounded_to_bfloat16(from[i]);
        memcpy((uint16_t *)out + start, to, sizeof to);
    }
    for (; start < count; start++) {
        uint32_t from;
        memcpy(&from, x + start, sizeof from);
        const uint16_t to = rounded_to_bfloat16(from);
        memcpy((uint16_t *)out + start, &to, sizeof to);
    }
}

KERNEL(void, pn_bfloat16_to_float, (size_t count, const void *restrict x, float *restrict out), (count, x, out)) {
    const uint16_t *restrict from = x;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

// Shifted into place, a half has the exponent of a float that is 2^112 times as small; this holds for subnormals, too.
// Infinities and NaN get the largest exponent.
KERNEL(void, pn_half_to_float, (size_t count, const void *restrict halves, float *restrict out), (count, halves, out)) {
    const unsigned char *restrict bytes = halves;
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        const uint32_t magnitude = half & 0x7fffu;
        union {
            uint32_t bits;
            float number;
        } value;
        value.bits = magnitude << 13;
        value.number *= 0x1p112f;
        value.bits |= magnitude >= 0x7c00u ? 0x7f800000u : 0u;
        value.bits |= (uint32_t)(half & 0x8000u) << 16;
        out[i] = value.number;
    }
}

KERNEL(double, pn_sum_of, (size_t count, const float *restrict x), (count, x)) {
    RELAXED
    return SUM_IN_BLOCKS(count, i, x[i]);
}

KERNEL(double, pn_sum_of_squares, (size_t count, const float *restrict x), (count, x)) {
    RELAXED
    return SUM_IN_BLOCKS(count, i, x[i] * x[i]);
}

KERNEL(
    double, pn_sum_of_squared_differences, (size_t count, const float *restrict a, const float *restrict b),
    (count, a, b)) {
    RELAXED
    return SUM_IN_BLOCKS(count, i, (a[i] - b[i]) * (a[i] - b[i]));
}

KERNEL(
    double, pn_sum_of_absolute_differences, (size_t count, const float *restrict a, const float *restrict b),
    (count, a, b)) {
    RELAXED
    return SUM_IN_BLOCKS(count, i, fabsf(a[i] - b[i]));
}

KERNEL(
    void, pn_scaled_difference,
    (size_t count, float scale, const float *restrict a, const float *restrict b, float *restrict out),
    (count, scale, a, b, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = scale * (a[i] - b[i]);
}

KERNEL(
    void, pn_scaled_sign_of_difference,
    (size_t count, float scale, const float *restrict a, const float *restrict b, float *restrict out),
    (count, scale, a, b, out)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float d = a[i] - b[i];
        out[i] = d > 0 ? scale : (d < 0 ? -scale : 0.0f);
    }
}
