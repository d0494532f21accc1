// Products of matrices by oneDNN, which is looked for when the program runs: nothing here needs it to build or to start.
//
// Versions 2 and 3 are used through their C interface (oneDNN, "Matrix Multiplication" of its developer guide).
#ifndef PIXNERD_ONEDNN_H
#define PIXNERD_ONEDNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// c[rows, columns] = a b, c + a b, or a b with bias[columns] added to each row. Rows of a factor, before its transposition, are `stride` elements apart.
typedef struct {
    int64_t rows, columns, inner;
    int64_t a_stride, b_stride, c_stride;
    bool a_transposed, b_transposed;
    // Both factors are bf16; else float32.
    bool takes_bfloat16;
    // The result is bf16; else float32.
    bool gives_bfloat16;
    // The product is added to what c holds.
    bool accumulates;
    // A bias is added; not where the product accumulates.
    bool adds_bias;
} pn_onednn_shape;

typedef struct pn_onednn_product pn_onednn_product;

typedef enum { pn_onednn_ready, pn_onednn_missing, pn_onednn_unusable } pn_onednn_status;

// Looks for the library once. `version` gets major, minor and patch where it is ready.
pn_onednn_status pn_onednn_load(int version[3]);

// Prepares products of a shape, which all threads may run at once and which are never freed; NULL where oneDNN has none.
pn_onednn_product *pn_onednn_product_create(const pn_onednn_shape *shape);

// Bytes of working memory that a run takes.
size_t pn_onednn_product_scratchpad_size(const pn_onednn_product *product);

// Computes on the calling thread alone; `scratchpad` is aligned to 64 bytes, `bias` is only read where one is added. False
// where oneDNN failed.
bool pn_onednn_product_run(
    pn_onednn_product *product, const void *a, const void *b, const float *bias, void *c, void *scratchpad);

#endif
