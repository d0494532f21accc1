// Distances between samples, normal distributions, and normalised weights of the neural field.
#ifndef PIXNERD_KERNELS_DISTRIBUTION_H
#define PIXNERD_KERNELS_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

// sums[columns] = the Wasserstein distance of first order, the area between the distribution functions, between
// `values`, which are weighted equally, and `other_values`, which are weighted by column: other value j has the weights
// weights[rows[j], columns], and each column sums to 1 over j. Both arrays are ascending. difference[columns] is
// workspace.
void pn_wasserstein_sweep(
    size_t count, const float *values, size_t other_count, const float *other_values, const uint32_t *rows,
    size_t columns, const double *weights, double *difference, double *sums);

// out = x clamped to -30 ... 20. The functions below clamp log_variance like this; outside the derivative by it is 0.
void pn_clamp_log_variance(size_t count, const float *x, float *out);
// out = mean + exp(log_variance / 2) noise
void pn_gaussian_sample(size_t count, const float *mean, const float *log_variance, const float *noise, float *out);
// gradient = upstream times the derivative of the sample by log_variance.
void pn_gaussian_sample_backward(
    size_t count, const float *log_variance, const float *noise, const float *upstream, float *gradient);
// The sum of the KL divergences from the standard normal: (mean^2 + variance - 1 - log_variance) / 2.
double pn_gaussian_divergence(size_t count, const float *mean, const float *log_variance);
// mean_gradient and log_variance_gradient = scale times the derivatives of the KL divergences.
void pn_gaussian_divergence_backward(
    size_t count, float scale, const float *mean, const float *log_variance, float *mean_gradient,
    float *log_variance_gradient);

// normalized[rows, columns] = weights / max(norm of the column, 1e-12); reciprocal[columns] = 1 / max(norm, 1e-12).
void pn_normalize_columns_forward(
    size_t rows, size_t columns, const float *weights, float *normalized, float *reciprocal);
// gradient[rows, columns] = the derivative by weights. dots[columns] is workspace.
void pn_normalize_columns_backward(
    size_t rows, size_t columns, const float *normalized, const float *reciprocal, const float *upstream, float *dots,
    float *gradient);

#endif
