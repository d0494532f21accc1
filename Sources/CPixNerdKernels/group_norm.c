// GroupNorm (Wu and He, arXiv 1803.08494), alone or followed by SiLU, in passes over contiguous planes.
#include "kernel.h"

// Mean and squared deviations block by block: each block is read twice, from the first-level cache, and blocks are
// combined in double (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample
// variances", 1979). A large mean then costs no digits of the variance.
KERNEL(
    void, pn_moments, (size_t count, const float *restrict x, double *restrict mean, double *restrict variance),
    (count, x, mean, variance)) {
    RELAXED
    double total_mean = 0, total_deviation = 0;
    for (size_t start = 0; start < count; start += sum_block) {
        const size_t length = smaller(sum_block, count - start);
        const float *restrict block = x + start;
        float sum = 0;
        VECTORIZED
        for (size_t i = 0; i < length; i++) sum += block[i];
        const float block_mean = sum / (float)length;
        float deviation = 0, rest = 0;
        VECTORIZED
        for (size_t i = 0; i < length; i++) {
            const float d = block[i] - block_mean;
            deviation += d * d;
            rest += d;
        }
        // `rest` is the rounding error of the block's mean, times its length.
        const double exact_mean = (double)block_mean + (double)rest / (double)length;
        const double exact_deviation = (double)deviation - (double)rest * (double)rest / (double)length;
        const double gap = exact_mean - total_mean;
        const double share = (double)length / (double)(start + length);
        total_mean += gap * share;
        total_deviation += exact_deviation + gap * gap * share * (double)start;
    }
    *mean = total_mean;
    *variance = total_deviation / (double)count;
}

KERNEL(
    void, pn_affine_forward, (size_t count, float scale, float shift, const float *restrict x, float *restrict out),
    (count, scale, shift, x, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = x[i] * scale + shift;
}

KERNEL(
    void, pn_affine_silu_forward,
    (size_t count, float scale, float shift, const float *restrict x, float *restrict out),
    (count, scale, shift, x, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float y = x[i] * scale + shift;
        out[i] = y * fast_sigmoid(y);
    }
}

KERNEL(
    void, pn_affine_silu_backward,
    (size_t count, float scale, float shift, const float *restrict x, const float *restrict upstream,
     float *restrict gradient),
    (count, scale, shift, x, upstream, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float y = x[i] * scale + shift;
        const float s = fast_sigmoid(y);
        gradient[i] = upstream[i] * s * (1.0f + y * (1.0f - s));
    }
}

KERNEL(
    void, pn_normalized_sums,
    (size_t count, float mean, float reciprocal, const float *restrict x, const float *restrict upstream,
     double *restrict sum, double *restrict sum_normalized),
    (count, mean, reciprocal, x, upstream, sum, sum_normalized)) {
    RELAXED
    double total = 0, total_normalized = 0;
    for (size_t start = 0; start < count; start += sum_block) {
        const size_t end = smaller(start + sum_block, count);
        float block = 0, block_normalized = 0;
        VECTORIZED
        for (size_t i = start; i < end; i++) {
            block += upstream[i];
            block_normalized += upstream[i] * ((x[i] - mean) * reciprocal);
        }
        total += (double)block;
        total_normalized += (double)block_normalized;
    }
    *sum = total;
    *sum_normalized = total_normalized;
}

KERNEL(
    void, pn_affine_combination,
    (size_t count, float scale, float x_scale, float shift, const float *restrict x, float *restrict gradient),
    (count, scale, x_scale, shift, x, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) gradient[i] = gradient[i] * scale + x[i] * x_scale + shift;
}
