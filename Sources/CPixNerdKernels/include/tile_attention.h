// Attention of one head in bf16 over tiles. The functions may only be called where pn_kernels_have_tiles is true.
#ifndef PIXNERD_KERNELS_TILE_ATTENTION_H
#define PIXNERD_KERNELS_TILE_ATTENTION_H

#include <stddef.h>

#include "tiles.h"

// Keys and values [count, width] that queries attend to, and places for the derivatives by them, whose rows are as many
// floats apart. The sources are not transposed.
typedef struct {
    size_t count;
    pn_tile_source keys, values;
    float *key_gradient, *value_gradient;
    size_t key_gradient_stride, value_gradient_stride;
} pn_tile_attended;

// softmax(scale q k^T) v for queries [rows, width], in one softmax over all `parts` of `attended`. Counts of parts
// other than the last are multiples of TILE_BLOCK. The queries are not transposed.
typedef struct {
    size_t rows, width;
    float scale;
    pn_tile_source queries;
    const pn_tile_attended *attended;
    size_t parts;
} pn_tile_attention;

// How many floats of scratch memory, aligned to 64 bytes, the functions below need.
size_t pn_tile_attention_scratch(const pn_tile_attention *attention);

// out[rows, width] with rows `stride` numbers apart, rounded to bf16 where `rounds`, and the log of each row's sum of
// exponentials.
void pn_tile_attention_forward(
    const pn_tile_attention *attention, void *out, bool rounds, size_t stride, float *log_sums, float *scratch);

// The derivatives by queries, keys and values from that by the result, `upstream` [rows, width], not transposed.
void pn_tile_attention_backward(
    const pn_tile_attention *attention, pn_tile_source upstream, const float *log_sums, float *query_gradient,
    size_t stride, float *scratch);

#endif
