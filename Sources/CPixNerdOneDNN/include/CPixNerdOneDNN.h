// Matrix multiplication by oneDNN, which is loaded when the program runs: it is not needed to build or to start.
//
// Versions 2 and 3 are used through their C interface (oneDNN, "Matrix Multiplication" of its developer guide).
#ifndef PIXNERD_ONEDNN_H
#define PIXNERD_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The shape of c[rows, columns] = a b, c + a b, or a b with bias[columns] added to each row. A stride is the distance
// of two rows in memory, in elements; for a factor, before its transposition.
typedef struct {
    int64_t rows, columns, inner;
    int64_t a_stride, b_stride, c_stride;
    bool a_transposed, b_transposed;
    // Whether both factors are bf16 instead of float32.
    bool takes_bfloat16;
    // Whether the result is bf16 instead of float32.
    bool gives_bfloat16;
    // Whether the product is added to what c holds.
    bool accumulates;
    // Whether a bias is added; false if `accumulates`.
    bool adds_bias;
} pn_onednn_shape;

typedef struct pn_onednn_product pn_onednn_product;

typedef enum { pn_onednn_ready, pn_onednn_missing, pn_onednn_unusable } pn_onednn_status;

// Loads the library once. `version` receives major, minor and patch if it is ready.
pn_onednn_status pn_onednn_load(int version[3]);

// Prepares the product of a shape, which all threads may run at once and which is never freed; NULL if oneDNN cannot.
pn_onednn_product *pn_onednn_product_create(const pn_onednn_shape *shape);

// Bytes of scratch memory that a run takes.
size_t pn_onednn_product_scratchpad_size(const pn_onednn_product *product);

// Computes on the calling thread only. `scratchpad` is aligned to 64 bytes; `bias` is only read if `adds_bias`. False
// if oneDNN failed.
bool pn_onednn_product_run(
    pn_onednn_product *product, const void *a, const void *b, const float *bias, void *c, void *scratchpad);

#endif
