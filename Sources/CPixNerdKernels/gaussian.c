// Normal distributions given by mean and logarithm of the variance, which counts within -30 ... 20 only.
#include "kernel.h"

INLINE float clamped_log_variance(float x) { return x < -30.0f ? -30.0f : (x > 20.0f ? 20.0f : x); }

INLINE float within_log_variance(float x) { return x < -30.0f || x > 20.0f ? 0.0f : 1.0f; }

KERNEL void pn_clamp_log_variance(size_t count, const float *restrict x, float *restrict out) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = clamped_log_variance(x[i]);
}

KERNEL void pn_gaussian_sample(
    size_t count, const float *restrict mean, const float *restrict log_variance, const float *restrict noise,
    float *restrict out) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        out[i] = mean[i] + fast_exp(0.5f * clamped_log_variance(log_variance[i])) * noise[i];
    }
}

KERNEL void pn_gaussian_sample_backward(
    size_t count, const float *restrict log_variance, const float *restrict noise, const float *restrict upstream,
    float *restrict gradient) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float deviation = fast_exp(0.5f * clamped_log_variance(log_variance[i]));
        gradient[i] = 0.5f * upstream[i] * noise[i] * deviation * within_log_variance(log_variance[i]);
    }
}

#define DIVERGENCE_BLOCK 4096

KERNEL double pn_gaussian_divergence(size_t count, const float *restrict mean, const float *restrict log_variance) {
    RELAXED
    double total = 0;
    for (size_t start = 0; start < count; start += DIVERGENCE_BLOCK) {
        const size_t end = start + DIVERGENCE_BLOCK < count ? start + DIVERGENCE_BLOCK : count;
        float block = 0;
        VECTORIZED
        for (size_t i = start; i < end; i++) {
            const float l = clamped_log_variance(log_variance[i]);
            block += mean[i] * mean[i] + fast_exp(l) - 1.0f - l;
        }
        total += (double)block;
    }
    return 0.5 * total;
}

KERNEL void pn_gaussian_divergence_backward(
    size_t count, float scale, const float *restrict mean, const float *restrict log_variance,
    float *restrict mean_gradient, float *restrict log_variance_gradient) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float l = clamped_log_variance(log_variance[i]);
        mean_gradient[i] = scale * mean[i];
        log_variance_gradient[i] = 0.5f * scale * (fast_exp(l) - 1.0f) * within_log_variance(log_variance[i]);
    }
}
