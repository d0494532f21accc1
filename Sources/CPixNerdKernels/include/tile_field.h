// The neural field of a patch in bf16 over tiles. The functions may only be called where pn_kernels_have_tiles is true.
#ifndef PIXNERD_KERNELS_TILE_FIELD_H
#define PIXNERD_KERNELS_TILE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

// A block of the field: state += silu(RMSNorm(state) W1) W2, with W1 [width, inner] and W2 [inner, width] in bf16, one
// after the other. The columns of W1 are divided by max(their norm, 1e-12), and those of W2 where `normalizes_second`.
typedef struct {
    size_t pixels, width, inner;
    float epsilon;
    bool normalizes_second;
} pn_tile_field;

// How many floats of scratch memory, aligned to 64 bytes, the functions below need.
size_t pn_tile_field_scratch(const pn_tile_field *field);

// Computes a block. state is [pixels, width], norm [width].
void pn_tile_field_forward(
    const pn_tile_field *field, const void *generated, const float *norm, float *state, float *scratch);

// Turns the derivative by the state after a block into that by the state before it, in place. The derivatives by W1 and
// W2 overwrite `generated`; that by the norm's weight is added to norm_gradient. state is the state before the block.
void pn_tile_field_backward(
    const pn_tile_field *field, void *generated, const float *norm, const float *state, float *state_gradient,
    float *norm_gradient, float *scratch);

#endif
