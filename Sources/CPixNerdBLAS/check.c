// Checks that a library computes correctly: some old builds give wrong results on processors newer than they are.
#include "CPixNerdBLAS.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Matrices of small integers, whose sums of products are exact in float32 in any order. With a[i][k] = p[i] q[k] + r[i]
// and b[k][j] = s[k] t[j] + u[j], an element of a b is p[i] x[j] + r[i] y[j], where x and y follow from four sums over
// k. c holds p[i] - t[j] before the product is added to it.
enum { longest = 512, stray = 12345, margin = 3 };

// The three matrices, reused for all products: fresh memory costs as much as a product.
struct matrices {
    double a[60000], b[60000], c[20000];
};
static struct matrices *matrices;

typedef struct {
    int64_t m, n, inner;
    int p[longest], q[longest], r[longest], s[longest], t[longest], u[longest], x[longest], y[longest];
} factors;

static void prepare(factors *f, int64_t m, int64_t n, int64_t inner) {
    f->m = m, f->n = n, f->inner = inner;
    int qs = 0, q = 0, s = 0;
    for (int i = 0; i < m; i++) f->p[i] = i * 5 % 7 - 3, f->r[i] = i * 2 % 3 - 1;
    for (int k = 0; k < inner; k++) {
        f->q[k] = k * 3 % 5 - 2, f->s[k] = k * 7 % 11 - 5;
        qs += f->q[k] * f->s[k], q += f->q[k], s += f->s[k];
    }
    for (int j = 0; j < n; j++) {
        f->t[j] = j * 3 % 7 - 3, f->u[j] = j % 3 - 1;
        f->x[j] = f->t[j] * qs + f->u[j] * q, f->y[j] = f->t[j] * s + f->u[j] * (int)inner;
    }
}

// Strides are a few elements longer than rows. The elements of c beyond its columns must not change.
#define CHECK(multiply, number) \
    static bool multiply##_is_right(const factors *f, bool a_form, bool b_form, bool adds) { \
        const int64_t m = f->m, n = f->n, inner = f->inner; \
        const int64_t a_stride = (a_form ? m : inner) + margin, b_stride = (b_form ? inner : n) + margin; \
        const int64_t c_stride = n + margin; \
        number *a = (number *)matrices->a, *b = (number *)matrices->b, *c = (number *)matrices->c; \
        bool right = true; \
        for (int64_t i = 0; i < m; i++) { \
            number *place = a + (a_form ? i : i * a_stride); \
            const int64_t step = a_form ? a_stride : 1; \
            for (int64_t k = 0; k < inner; k++) place[k * step] = f->p[i] * f->q[k] + f->r[i]; \
            for (int64_t j = 0; j < n; j++) c[i * c_stride + j] = f->p[i] - f->t[j]; \
            for (int64_t j = n; j < c_stride; j++) c[i * c_stride + j] = stray; \
        } \
        for (int64_t k = 0; k < inner; k++) { \
            number *place = b + (b_form ? k : k * b_stride); \
            const int64_t step = b_form ? b_stride : 1; \
            for (int64_t j = 0; j < n; j++) place[j * step] = f->s[k] * f->t[j] + f->u[j]; \
        } \
        multiply(a_form, b_form, m, n, inner, a, a_stride, b, b_stride, adds, c, c_stride); \
        for (int64_t i = 0; right && i < m; i++) { \
            /* Counts equal elements, so that NaN is wrong. */ \
            int64_t same = 0; \
            for (int64_t j = 0; j < n; j++) { \
                const int own = f->p[i] * f->x[j] + f->r[i] * f->y[j] + (adds ? f->p[i] - f->t[j] : 0); \
                same += c[i * c_stride + j] == (number)own; \
            } \
            for (int64_t j = n; j < c_stride; j++) same += c[i * c_stride + j] == stray; \
            right = same == c_stride; \
        } \
        return right; \
    }
CHECK(pn_blas_sgemm, float)
CHECK(pn_blas_dgemm, double)

// The matrix with 2 on its diagonal and -1 beside it has the eigenvalues 2 - 2 cos(k pi / (n + 1)).
static bool eigen_is_right(void) {
    enum { size = 40 };
    double matrix[size * size] = {0}, values[size];
    for (int i = 0; i < size; i++) {
        matrix[i * size + i] = 2;
        if (i > 0) matrix[i * size + i - 1] = matrix[(i - 1) * size + i] = -1;
    }
    if (!pn_blas_eigen(size, matrix, values, true)) return false;
    for (int k = 0; k < size; k++) {
        // Negated, so that NaN is wrong.
        if (!(fabs(values[k] - (2 - 2 * cos((k + 1) * M_PI / (size + 1)))) < 1e-12)) return false;
        double length = 0;
        for (int i = 0; i < size; i++) length += matrix[k * size + i] * matrix[k * size + i];
        if (!(fabs(length - 1) < 1e-12)) return false;
    }
    return true;
}

static const char *wrong_result(void) {
    // Vectors, sizes below and around those of register tiles, and one that is split into several cache blocks.
    const int64_t sizes[][3] = {{1, 61, 131}, {61, 1, 131}, {3, 5, 7}, {16, 48, 64}, {67, 61, 131}, {97, 133, 403}};
    static char text[128];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        factors f;
        prepare(&f, sizes[i][0], sizes[i][1], sizes[i][2]);
        for (int form = 0; form < 4; form++) {
            const bool a_form = form & 1, b_form = form & 2, adds = (form + i) % 2;
            const bool single = pn_blas_sgemm_is_right(&f, a_form, b_form, adds);
            // dgemm is never used with two transposed factors.
            if (single && ((a_form && b_form) || pn_blas_dgemm_is_right(&f, a_form, b_form, adds))) continue;
            snprintf(
                text, sizeof text, "%s, %s x %s, %d x %d x %d", single ? "dgemm" : "sgemm", a_form ? "A^T" : "A",
                b_form ? "B^T" : "B", (int)f.m, (int)f.n, (int)f.inner);
            return text;
        }
    }
    return eigen_is_right() ? NULL : "dsyevd, eigenvalues of a 40 x 40 matrix";
}

const char *pn_blas_wrong_result(void) {
    matrices = malloc(sizeof *matrices);
    if (matrices == NULL) return "no memory for the check";
    const char *result = wrong_result();
    free(matrices);
    return result;
}
