// OpenBLAS's own cblas.h: the standard interface and the openblas_* controls.
#include <cblas.h>
#include <stddef.h>

// LAPACK's routine for all eigenvalues of a symmetric matrix, and where wanted its eigenvectors, by divide and conquer.
// OpenBLAS has it in the same library, but its lapacke.h is a package of its own on some systems. The last two
// arguments are the lengths of the strings, which Fortran passes along.
void dsyevd_(
    const char *jobz, const char *uplo, const blasint *n, double *a, const blasint *lda, double *w, double *work,
    const blasint *lwork, blasint *iwork, const blasint *liwork, blasint *info, size_t jobz_length, size_t uplo_length);
