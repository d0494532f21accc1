// The inner loops of the operators. Arrays are float32, dense and row-major; no pointer may alias another unless a
// comment says so. Nothing here allocates, locks, or knows about threads: callers split the rows.
#ifndef PIXNERD_C_KERNELS_H
#define PIXNERD_C_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resampling.h"

// The instruction set whose variants of the kernels run here, for a person.
const char *pn_instruction_set(void);
// Whether the processor has AVX2 and FMA.
bool pn_processor_has_avx2(void);
// Whether they have registers of 512 bits.
bool pn_processor_has_avx512(void);
// Whether the processor multiplies bf16.
bool pn_processor_has_bfloat16(void);
// Whether it multiplies whole tiles of bf16 (AMX), many times as fast as vectors.
bool pn_processor_has_bfloat16_tiles(void);

// Lets the processor rest for a moment while a thread waits for another.
static inline void pn_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#pragma mark Activations

// out = x sigmoid(x)
void pn_silu_forward(size_t count, const float *x, float *out);
// gradient *= silu'(x): in place, from the derivative by silu(x) to that by x.
void pn_silu_backward(size_t count, const float *x, float *gradient);
// out = silu(a + b)
void pn_add_silu_forward(size_t count, const float *a, const float *b, float *out);
// gradient = upstream silu'(a + b); gradient_a += the same.
void pn_add_silu_backward(
    size_t count, const float *a, const float *b, const float *upstream, float *gradient, float *gradient_a);
// out = silu(a) b
void pn_silu_gate_forward(size_t count, const float *a, const float *b, float *out);
// The derivatives of silu(a) b by a and by b, times upstream.
void pn_silu_gate_backward(
    size_t count, const float *a, const float *b, const float *upstream, float *gradient_a, float *gradient_b);
// out = x P(N < x) for a standard normal N
void pn_gelu_forward(size_t count, const float *x, float *out);
// gradient *= gelu'(x), in place.
void pn_gelu_backward(size_t count, const float *x, float *gradient);

#pragma mark Whole arrays

// accumulator += x
void pn_accumulate(size_t count, const float *x, float *accumulator);
// out = a + b
void pn_add(size_t count, const float *a, const float *b, float *out);
// out = alpha x + beta y
void pn_linear_combination(size_t count, float alpha, const float *x, float beta, const float *y, float *out);
// IEEE half precision, of any alignment, to single.
void pn_half_to_float(size_t count, const void *halves, float *out);
// Single precision to bf16, to the nearest, and to the even one of two that are as near; `out` may begin where
// `x` does, and has less than it afterwards.
void pn_round_to_bfloat16(size_t count, const float *x, void *out);
// bf16, aligned to 2 bytes, to single precision.
void pn_bfloat16_to_float(size_t count, const void *x, float *out);
// out = scale x
void pn_scale(size_t count, float scale, const float *x, float *out);
// out[outputs, inner]: row `o` is the sum of `taps` rows of x[.., inner] from row starts[o] on, weighed by
// weights[o, taps]. taps is at least 1.
void pn_resample_axis(
    size_t outputs, size_t taps, size_t inner, const int32_t *starts, const float *weights, const float *x, float *out);
// average = decay average + (1 - decay) x
void pn_ema_update(size_t count, float decay, const float *x, float *average);
// sums[columns] += the sum of rows of x, which stand stride floats apart.
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

#pragma mark Normalisation

// out = x r weight (1 + scale) + shift row by row, r = 1 / sqrt(mean(x^2) + epsilon), which goes to reciprocal[rows].
// weight, shift and scale are [width].
void pn_modulated_rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *shift,
    const float *scale, float *out, float *reciprocal);
// gradient = the derivative by x. sum_upstream[width] += sum of upstream over rows (the derivative by shift);
// sum_upstream_normalized[width] += sum of upstream x r over rows (times weight: by scale; times 1 + scale: by weight).
void pn_modulated_rms_norm_backward(
    size_t rows, size_t width, const float *x, const float *weight, const float *scale, const float *reciprocal,
    const float *upstream, float *gradient, float *sum_upstream, float *sum_upstream_normalized);
// out = x r weight row by row.
void pn_rms_norm_forward(size_t rows, size_t width, float epsilon, const float *x, const float *weight, float *out);
// gradient += the derivative by x; weight_gradient[width] += the derivative by weight.
void pn_rms_norm_backward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *upstream,
    float *gradient, float *weight_gradient);
// out = (x - mean) r weight + bias row by row, r = 1 / sqrt(variance + epsilon).
void pn_layer_norm_forward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *bias, float *out);
// gradient = the derivative by x; sum_upstream[width] += by bias; sum_upstream_normalized[width] += by weight.
void pn_layer_norm_backward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *upstream,
    float *gradient, float *sum_upstream, float *sum_upstream_normalized);
// The sum over rows of 1 - a b / (|a| |b|), where no norm counts as less than epsilon.
double pn_cosine_distances(size_t rows, size_t width, float epsilon, const float *a, const float *b);
// gradient = scale times its derivative by a, taken as if no norm had been raised to epsilon.
void pn_cosine_distances_backward(
    size_t rows, size_t width, float epsilon, float scale, const float *a, const float *b, float *gradient);
// The sum over pixels of the sum over channels of weights (a / (|a| + epsilon) - b / (|b| + epsilon))^2, where |a| is the
// norm of a pixel over its channels; channels of a and b [channels, pixels] stand stride floats apart.
double pn_channel_distances(
    size_t channels, size_t pixels, size_t stride, float epsilon, const float *weights, const float *a, const float *b);
// gradient = the derivative of that by a, times scale; 0 where all channels of a pixel are.
void pn_channel_distances_backward(
    size_t channels, size_t pixels, size_t stride, float epsilon, float scale, const float *weights, const float *a,
    const float *b, float *gradient);
// out = x + gate y row by row; gate is [width].
void pn_gated_residual_forward(
    size_t rows, size_t width, const float *x, const float *y, const float *gate, float *out);
// gradient_y = gate upstream; gate_gradient[width] += sum of y upstream over rows.
void pn_gated_residual_backward(
    size_t rows, size_t width, const float *y, const float *gate, const float *upstream, float *gradient_y,
    float *gate_gradient);

// The mean of x and the mean of its squared deviations.
void pn_moments(size_t count, const float *x, double *mean, double *variance);
// out = x scale + shift
void pn_affine_forward(size_t count, float scale, float shift, const float *x, float *out);
// out = silu(x scale + shift)
void pn_affine_silu_forward(size_t count, float scale, float shift, const float *x, float *out);
// gradient = upstream silu'(x scale + shift): the derivative by x scale + shift.
void pn_affine_silu_backward(
    size_t count, float scale, float shift, const float *x, const float *upstream, float *gradient);
// The sum of upstream, and that of upstream (x - mean) reciprocal.
void pn_normalized_sums(
    size_t count, float mean, float reciprocal, const float *x, const float *upstream, double *sum,
    double *sum_normalized);
// gradient = gradient scale + x x_scale + shift
void pn_affine_combination(size_t count, float scale, float x_scale, float shift, const float *x, float *gradient);

#pragma mark Attention

// out[rows, width] = rotate(x r weight): rows of x stand stride floats apart; table[rows, width / 2, 2] holds cosine
// and sine, and pairs (2i, 2i + 1) turn by the i-th angle.
void pn_rotary_norm_forward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *out);
// gradient (rows gradient_stride apart) = the derivative by x (rows stride apart); weight_gradient[width] += by weight. upstream[rows, width] is
// used as workspace and is rotated back in place.
void pn_rotary_norm_backward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *upstream, size_t gradient_stride, float *gradient, float *weight_gradient);
// Softmax of each row of scale scores, in place, with a positive scale; log_sum[rows] = log sum exp.
void pn_softmax_rows(size_t rows, size_t columns, float scale, float *scores, float *log_sum);
// exp(scale scores - log_sum) in place: the same probabilities from scores and their log_sum.
void pn_softmax_from_log_sum(size_t rows, size_t columns, float scale, const float *log_sum, float *scores);
// upstream = scale p (upstream - sum(p upstream)) row by row: the derivative by scores that were scaled by `scale`.
void pn_softmax_backward(size_t rows, size_t columns, float scale, const float *probabilities, float *upstream);

#pragma mark Convolution

// How a filter walks over an input plane: output (y, x) reads the input at (y stride + ky - top, x stride + kx - left),
// and zeros outside of it.
struct pn_convolution_walk {
    size_t height, width;  // of an input plane
    size_t kernel_height, kernel_width;
    size_t stride;
    size_t top, left;      // padding
    size_t out_height, out_width;
};

// columns[channels, kernel_height, kernel_width][rows, out_width] = what each tap of the filter reads for the output
// rows first_row ..< first_row + rows; the taps' rows stand column_stride floats apart. x is [channels, height, width].
void pn_convolution_columns(
    const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows, const float *x,
    size_t column_stride, float *columns);
// gradient[channels, height, width] += what the columns hold, each number where it was read.
void pn_convolution_columns_backward(
    const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows, const float *columns,
    size_t column_stride, float *gradient);

// Winograd's convolution cuts the output of a 3 x 3 filter with stride 1 into tiles of 4 x 4, each from 6 x 6 inputs.
// Transformed tiles and filters are 36 numbers, which stand `stride` floats apart; the tiles of a row are side by side.
struct pn_winograd_walk {
    size_t height, width;  // of the plane that is read or written
    size_t top, left;      // padding of the input
    size_t tile_columns, tile_rows;  // of a plane
};

// Rows of tiles are counted through all pictures, whose planes stand picture_stride floats apart.

// out[36][rows tile_columns] = B^T d B of the tiles of rows of input planes.
void pn_winograd_input_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *x, size_t picture_stride,
    size_t stride, float *out);
// The 4 x 4 outputs A^T m A + bias of the tiles of rows, where `rectified` no less than 0, put into output planes, or
// added to them where `adds`.
void pn_winograd_output_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *products, size_t stride, float bias,
    int adds, int rectified, size_t picture_stride, float *out);
// out[36][rows tile_columns] = A d A^T of the tiles of rows of the derivative by output planes.
void pn_winograd_gradient_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *upstream, size_t picture_stride,
    size_t stride, float *out);
// out[36][count] = G g G^T of 3 x 3 filters that stand filter_stride floats apart, by half a turn where `turned`.
void pn_winograd_filters(
    size_t count, const float *filters, size_t filter_stride, int turned, size_t stride, float *out);
// gradient[count, 3, 3] += G^T u G
void pn_winograd_filters_backward(size_t count, const float *transformed, size_t stride, float *gradient);

// Each pixel four times: x [planes, height, width] to out [planes, 2 height, 2 width].
void pn_upsample_forward(size_t planes, size_t height, size_t width, const float *x, float *out);
// gradient[planes, height, width] = the sums of the four pixels that came from each.
void pn_upsample_backward(size_t planes, size_t height, size_t width, const float *upstream, float *gradient);

#pragma mark Pooling

// max(x, 0) in place; rows stand stride floats apart.
void pn_relu_rows(size_t rows, size_t columns, size_t stride, float *x);
// gradient = 0 where what was rectified to `out` was not positive, in place.
void pn_relu_backward(size_t count, const float *out, float *gradient);
// The largest of each 2 x 2 pixels: x [planes, height, width] to out [planes, height / 2, width / 2], rounded down.
void pn_max_pool_2x2_forward(size_t planes, size_t height, size_t width, const float *x, float *out);
// gradient[planes, height, width] = upstream at the first largest of each 2 x 2 pixels, 0 elsewhere.
void pn_max_pool_2x2_backward(
    size_t planes, size_t height, size_t width, const float *x, const float *upstream, float *gradient);
// The largest of each window of 3 x 3 pixels, padding being no pixels: x [planes, height, width] to out [planes,
// (height + 2 padding - 3) / stride + 1, likewise]; padding is 0 or 1, row[width] workspace.
void pn_max_pool_3x3(
    size_t planes, size_t height, size_t width, size_t stride, size_t padding, const float *x, float *row, float *out);
// The mean of each pixel and its neighbours inside the picture, [planes, height, width]; row[width] is workspace.
void pn_average_pool_3x3(size_t planes, size_t height, size_t width, const float *x, float *row, float *out);

#pragma mark Statistics

// sums[columns] = the Wasserstein distance of first order between numbers that count alike and others that count by
// weights: the area between their distribution functions. Both stand in ascending order; number j of the others has
// weights[rows[j], columns], of which each column sums to 1. difference[columns] is workspace.
void pn_wasserstein_sweep(
    size_t count, const float *values, size_t other_count, const float *other_values, const uint32_t *rows,
    size_t columns, const double *weights, double *difference, double *sums);

#pragma mark Normal distributions

// Logarithms of variances are clamped to -30 ... 20 wherever they are read; outside of that their derivative is 0.
void pn_clamp_log_variance(size_t count, const float *x, float *out);
// out = mean + exp(log_variance / 2) noise
void pn_gaussian_sample(size_t count, const float *mean, const float *log_variance, const float *noise, float *out);
// gradient = the derivative of the sample by log_variance, times upstream.
void pn_gaussian_sample_backward(
    size_t count, const float *log_variance, const float *noise, const float *upstream, float *gradient);
// The sum of the Kullback-Leibler divergences from the standard normal: (mean^2 + variance - 1 - log_variance) / 2.
double pn_gaussian_divergence(size_t count, const float *mean, const float *log_variance);
// The derivatives of that, times scale.
void pn_gaussian_divergence_backward(
    size_t count, float scale, const float *mean, const float *log_variance, float *mean_gradient,
    float *log_variance_gradient);

#pragma mark Generated weights

// normalized = weights / max(norm of the column, 1e-12); reciprocal[columns] = the factor.
void pn_normalize_columns_forward(
    size_t rows, size_t columns, const float *weights, float *normalized, float *reciprocal);
// gradient = the derivative by weights; dots[columns] is workspace.
void pn_normalize_columns_backward(
    size_t rows, size_t columns, const float *normalized, const float *reciprocal, const float *upstream, float *dots,
    float *gradient);

#pragma mark Products of bf16

// Only where pn_processor_has_bfloat16. A right factor [inner, columns] is packed in panels of so many columns.
enum { BFLOAT16_PANEL_COLUMNS = 64 };

// Numbers that it takes.
size_t pn_bfloat16_packed_count(size_t columns, size_t inner);
// Packs a panel from the rows of x, [columns of the panel, inner], which stand stride numbers apart.
void pn_bfloat16_pack_panel(
    size_t columns, size_t inner, size_t panel, const void *x, size_t stride, void *packed);
// Packs weights[rows, columns] as such a factor, each column divided by max(its norm, 1e-12).
void pn_bfloat16_pack_normalized_columns(size_t rows, size_t columns, const void *weights, void *packed);
// c[rows, columns of the panels first_panel ..< last_panel] = a[rows, inner] packed, with a bias added to each row where there
// is one, or on top of c without one. bias and c begin at the first panel's first column.
void pn_bfloat16_packed_product(
    size_t rows, size_t columns, size_t inner, size_t first_panel, size_t last_panel, const void *a, size_t a_stride,
    const void *packed, const float *bias, bool adds, float *c, size_t c_stride);

#pragma mark Products with few rows

enum { FEW_ROWS = 8 };
// out[rows, columns] = x[rows, inner] weight[columns, inner]^T, with a bias added to each row where there is one; rows of out are
// stride floats apart. At most FEW_ROWS rows.
void pn_multiply_few_rows(
    size_t rows, size_t columns, size_t inner, size_t stride, const float *x, const float *weight, const float *bias,
    float *out);

#pragma mark Optimiser

struct pn_adamw_coefficients {
    float gradient_scale;     // from clipping; 1 where nothing is clipped
    float beta1, beta2;
    float epsilon;
    float decay;              // 1 - learning rate * weight decay
    float step_size;          // learning rate / (1 - beta1^step)
    float second_correction;  // 1 / sqrt(1 - beta2^step)
    float average_decay;      // of the moving average of the weights
};

// One AdamW step on weight and both moments, then average = decay average + (1 - decay) weight.
void pn_adamw_step(
    size_t count, const struct pn_adamw_coefficients *coefficients, const float *gradient, float *weight,
    float *first_moment, float *second_moment, float *average);
// The same for a run that keeps no moving average.
void pn_adamw_step_without_average(
    size_t count, const struct pn_adamw_coefficients *coefficients, const float *gradient, float *weight,
    float *first_moment, float *second_moment);

#endif
