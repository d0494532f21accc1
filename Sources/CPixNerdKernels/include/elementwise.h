// Sums, conversions and linear combinations of whole arrays.
#ifndef PIXNERD_KERNELS_ELEMENTWISE_H
#define PIXNERD_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

// accumulator += x
void pn_accumulate(size_t count, const float *x, float *accumulator);
// out = a + b
void pn_add(size_t count, const float *a, const float *b, float *out);
// out = alpha x + beta y
void pn_linear_combination(size_t count, float alpha, const float *x, float beta, const float *y, float *out);
// out = `halves`, IEEE half precision of any alignment, as single precision.
void pn_half_to_float(size_t count, const void *halves, float *out);
// out = x rounded to bf16, to nearest with ties to even. `out` may begin where `x` does.
void pn_round_to_bfloat16(size_t count, const float *x, void *out);
// out = x, bf16 aligned to 2 bytes, as single precision.
void pn_bfloat16_to_float(size_t count, const void *x, float *out);
// out = scale x
void pn_scale(size_t count, float scale, const float *x, float *out);
// out[outputs, inner]: row `o` is the sum of `taps` rows of x[.., inner] from row starts[o] on, weighted by
// weights[o, taps]. taps is at least 1.
void pn_resample_axis(
    size_t outputs, size_t taps, size_t inner, const int32_t *starts, const float *weights, const float *x, float *out);
// average = decay average + (1 - decay) x
void pn_ema_update(size_t count, float decay, const float *x, float *average);
// sums[columns] += the sum of the rows of x, which are `stride` floats apart.
void pn_column_sums(size_t rows, size_t columns, size_t stride, const float *x, float *sums);
// The sum of x.
double pn_sum_of(size_t count, const float *x);
// The sum of x^2.
double pn_sum_of_squares(size_t count, const float *x);
// The sum of (a - b)^2.
double pn_sum_of_squared_differences(size_t count, const float *a, const float *b);
// The sum of |a - b|.
double pn_sum_of_absolute_differences(size_t count, const float *a, const float *b);
// out = scale sign(a - b)
void pn_scaled_sign_of_difference(size_t count, float scale, const float *a, const float *b, float *out);
// out = scale (a - b)
void pn_scaled_difference(size_t count, float scale, const float *a, const float *b, float *out);

#endif
