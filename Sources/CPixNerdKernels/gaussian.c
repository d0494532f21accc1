// Normal distributions given by their mean and the logarithm of their variance, which is clamped to -30 ... 20.
#include "kernel.h"

INLINE float clamped_log_variance(float x) { return x < -30.0f ? -30.0f : (x > 20.0f ? 20.0f : x); }

// The derivative of the clamped value.
INLINE float log_variance_slope(float x) { return x < -30.0f || x > 20.0f ? 0.0f : 1.0f; }

KERNEL(void, pn_clamp_log_variance, (size_t count, const float *restrict x, float *restrict out), (count, x, out)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) out[i] = clamped_log_variance(x[i]);
}

KERNEL(
    void, pn_gaussian_sample,
    (size_t count, const float *restrict mean, const float *restrict log_variance, const float *restrict noise,
     float *restrict out),
    (count, mean, log_variance, noise, out)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        out[i] = mean[i] + fast_exp(0.5f * clamped_log_variance(log_variance[i])) * noise[i];
    }
}

KERNEL(
    void, pn_gaussian_sample_backward,
    (size_t count, const float *restrict log_variance, const float *restrict noise, const float *restrict upstream,
     float *restrict gradient),
    (count, log_variance, noise, upstream, gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float standard_deviation = fast_exp(0.5f * clamped_log_variance(log_variance[i]));
        gradient[i] = 0.5f * upstream[i] * noise[i] * standard_deviation * log_variance_slope(log_variance[i]);
    }
}

// mean^2 + variance - 1 - log_variance, twice the divergence.
INLINE float doubled_divergence(float mean, float log_variance) {
    RELAXED
    const float l = clamped_log_variance(log_variance);
    return mean * mean + fast_exp(l) - 1.0f - l;
}

KERNEL(
    double, pn_gaussian_divergence, (size_t count, const float *restrict mean, const float *restrict log_variance),
    (count, mean, log_variance)) {
    RELAXED
    return 0.5 * SUM_IN_BLOCKS(count, i, doubled_divergence(mean[i], log_variance[i]));
}

KERNEL(
    void, pn_gaussian_divergence_backward,
    (size_t count, float scale, const float *restrict mean, const float *restrict log_variance,
     float *restrict mean_gradient, float *restrict log_variance_gradient),
    (count, scale, mean, log_variance, mean_gradient, log_variance_gradient)) {
    RELAXED
    VECTORIZED
    for (size_t i = 0; i < count; i++) {
        const float l = clamped_log_variance(log_variance[i]);
        mean_gradient[i] = scale * mean[i];
        log_variance_gradient[i] = 0.5f * scale * (fast_exp(l) - 1.0f) * log_variance_slope(log_variance[i]);
    }
}
