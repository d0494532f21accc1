// Normalises the columns of the weights of a patch's own MLP, forward and backward.
#include "kernel.h"

// torch.nn.functional.normalize divides by max(norm, 1e-12).
static const float smallest_norm = 1e-12f;

KERNEL(
    void, pn_normalize_columns_forward,
    (size_t rows, size_t columns, const float *restrict weights, float *restrict normalized,
     float *restrict reciprocal),
    (rows, columns, weights, normalized, reciprocal)) {
    RELAXED
    memset(reciprocal, 0, columns * sizeof(float));
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = weights + row * columns;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) reciprocal[i] += from[i] * from[i];
    }
    VECTORIZED
    for (size_t i = 0; i < columns; i++) {
        const float norm = square_root(reciprocal[i]);
        reciprocal[i] = 1.0f / (norm > smallest_norm ? norm : smallest_norm);
    }
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = weights + row * columns;
        float *restrict to = normalized + row * columns;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) to[i] = from[i] * reciprocal[i];
    }
}

KERNEL(
    void, pn_normalize_columns_backward,
    (size_t rows, size_t columns, const float *restrict normalized, const float *restrict reciprocal,
     const float *restrict upstream, float *restrict dots, float *restrict gradient),
    (rows, columns, normalized, reciprocal, upstream, dots, gradient)) {
    RELAXED
    memset(dots, 0, columns * sizeof(float));
    for (size_t row = 0; row < rows; row++) {
        const float *restrict n = normalized + row * columns;
        const float *restrict up = upstream + row * columns;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) dots[i] += n[i] * up[i];
    }
    // Below the smallest norm the divisor is constant, so its derivative is 0.
    VECTORIZED
    for (size_t i = 0; i < columns; i++) dots[i] = reciprocal[i] < 1.0f / smallest_norm ? dots[i] : 0.0f;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict n = normalized + row * columns;
        const float *restrict up = upstream + row * columns;
        float *restrict to = gradient + row * columns;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) to[i] = reciprocal[i] * (up[i] - n[i] * dots[i]);
    }
}
