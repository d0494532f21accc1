// The inner loops of image resampling, in integers: the same bits on every machine.
#ifndef PIXNERD_KERNELS_RESAMPLING_H
#define PIXNERD_KERNELS_RESAMPLING_H

#include <stddef.h>
#include <stdint.h>

// The fraction bits of a resampling weight: 32 bits less 8 of a pixel and 2 for sums beyond one.
enum { PN_WEIGHT_BITS = 32 - 8 - 2 };

// Rows that the horizontal pass processes at once.
enum { PN_BLOCK_ROWS = 16 };

// Resamples rows of interleaved 8-bit RGB horizontally.
//
// Output pixel x of a row is the weighted sum of `counts[x]` input pixels from `starts[x]` on; its weights begin at
// `weights + x * taps`. Sums are rounded to nearest and clamped to 0 ... 255.
//
// - input: the first row, of `input_width` pixels; rows are `input_stride` bytes apart.
// - output: rows of `width * 3` bytes without padding.
// - scratch: room for `(input_width + width) * 3 * PN_BLOCK_ROWS` bytes.
void pn_resample_rows(
    const uint8_t *input, size_t input_stride, size_t input_width, uint8_t *output, size_t width, size_t rows,
    const int32_t *starts, const int32_t *counts, const int32_t *weights, size_t taps, uint8_t *scratch);

// One output row of the vertical pass: the weighted sum of `taps` input rows of `bytes` bytes, `stride` apart.
void pn_blend_rows(
    const uint8_t *input, size_t stride, uint8_t *output, size_t bytes, const int32_t *weights, size_t taps);

#endif
