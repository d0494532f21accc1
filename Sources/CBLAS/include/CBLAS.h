// Matrix multiplication by a BLAS library that is loaded when the program runs: nothing here needs one to build or start.
//
// Any library with the CBLAS interface serves: OpenBLAS (also as PyPI's scipy-openblas packages name its functions), BLIS, MKL.
// LAPACK's dsyevd_ may be in it or in a library of its own. Integers may have 32 or 64 bits there. All functions but
// blas_is_resident and blas_detected_core expect that blas_open gave blas_ready.
#ifndef PIXNERD_BLAS_H
#define PIXNERD_BLAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { blas_ready, blas_missing, blas_unusable } blas_status;

// Loads a library by its path, or by a name that the dynamic linker looks for.
//
// `core` is what OpenBLAS reads in OPENBLAS_CORETYPE while it loads; NULL leaves it to the environment. The environment itself
// stays as it is. `reason` gets one line where the library is missing or unusable.
blas_status blas_open(const char *file, const char *core, char *reason, size_t capacity);

// Unloads the library; false where the system keeps it, so that it cannot be loaded anew with other kernels.
bool blas_close(void);

// Whether the process has a library of that name already, which then keeps the kernels that it has.
bool blas_is_resident(const char *file);

// The path of the library.
const char *blas_path(void);

// Name and version, such as "OpenBLAS 0.3.21"; NULL for a library that is not known.
const char *blas_name(void);

// The processor core whose kernels OpenBLAS runs; NULL for other libraries.
const char *blas_core(void);

// Whether calls of several threads take turns, because the library was built for one: such an OpenBLAS hands the same working
// memory to both.
bool blas_takes_turns(void);

// The core that OpenBLAS chooses by itself, found out in a process of its own that loads the library. Empty where it is not
// known, as for other libraries.
void blas_detected_core(const char *file, char *core, size_t capacity);

// c[rows, columns] = a[rows, inner] b[inner, columns], or c + a b, on the calling thread. Row-major; a stride is the distance
// of two rows in memory, of a factor before its transposition.
void blas_sgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const float *a,
    int64_t a_stride, const float *b, int64_t b_stride, bool accumulates, float *c, int64_t c_stride);
void blas_dgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const double *a,
    int64_t a_stride, const double *b, int64_t b_stride, bool accumulates, double *c, int64_t c_stride);

// Eigenvalues of a symmetric matrix [size, size], ascending, and where wanted its eigenvectors as rows, in its place.
// False where the iteration does not converge or memory is short.
bool blas_eigen(int64_t size, double *matrix, double *eigenvalues, bool vectors);

// Computes products whose results are known, in every form that is used, and an eigenvalue problem. NULL where all are right;
// else the form that is wrong, such as "sgemm, first factor transposed, 67 x 61 x 131".
const char *blas_wrong_result(void);

#endif
