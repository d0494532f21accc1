// A slow library with OpenBLAS's interface for the tests of how such a library is loaded.
//
// STAND_IN_UNKNOWN names cores, with commas between, that it does not know: asked for one it runs Prescott, as it does where
// nothing is asked. STAND_IN_WRONG names cores whose products with a transposed first factor are wrong. With -DPLAIN it does not
// say what it is, as the reference BLAS. With -DONE_THREAD it says that it was built for one thread, and ends the process where
// two are in a product at once.
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char core[64] = "Prescott";

static int is_named(const char *variable) {
    const char *names = getenv(variable);
    return names != NULL && strstr(names, core) != NULL;
}

// As OpenBLAS, once and while it is loaded.
__attribute__((constructor)) static void choose(void) {
    const char *asked = getenv("OPENBLAS_CORETYPE");
    if (asked && *asked) strncpy(core, asked, sizeof core - 1);
    if (is_named("STAND_IN_UNKNOWN")) strcpy(core, "Prescott");
}

#ifndef PLAIN
const char *openblas_get_config(void) { return "OpenBLAS 9.8.7 DYNAMIC_ARCH"; }
const char *openblas_get_corename(void) { return core; }
void openblas_set_num_threads(int count) { (void)count; }
#endif

#ifdef ONE_THREAD
int openblas_get_parallel(void) { return 0; }
static int inside;
static void enter(void) { if (__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST) != 0) abort(); }
static void leave(void) { __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST); }
#else
static void enter(void) {}
static void leave(void) {}
#endif

enum { transposed = 112 };

#define PRODUCT(name, number)                                                                                     \
    void name(                                                                                                    \
        int order, int a_form, int b_form, int m, int n, int inner, number alpha, const number *a, int a_stride,  \
        const number *b, int b_stride, number beta, number *c, int c_stride) {                                    \
        (void)order;                                                                                              \
        enter();                                                                                                  \
        for (int i = 0; i < m; i++) {                                                                             \
            for (int j = 0; j < n; j++) {                                                                         \
                number sum = 0;                                                                                   \
                for (int k = 0; k < inner; k++) {                                                                 \
                    sum += a[a_form == transposed ? k * a_stride + i : i * a_stride + k]                          \
                        * b[b_form == transposed ? j * b_stride + k : k * b_stride + j];                          \
                }                                                                                                 \
                number *place = c + i * c_stride + j;                                                             \
                *place = alpha * sum + (beta == 0 ? 0 : beta * *place);                                           \
            }                                                                                                     \
        }                                                                                                         \
        /* One element of many. */                                                                                \
        if (a_form == transposed && m > 64 && is_named("STAND_IN_WRONG")) c[64 * c_stride + n - 1] += 1;           \
        leave();                                                                                                  \
    }
PRODUCT(cblas_sgemm, float)
PRODUCT(cblas_dgemm, double)

// Jacobi's method: rotations that make one element after the other 0, until none is left.
void dsyevd_(
    const char *job, const char *triangle, const int *size, double *a, const int *stride, double *values, double *work,
    const int *work_count, int *integers, const int *integer_count, int *status, size_t job_length, size_t length) {
    (void)triangle, (void)stride, (void)integer_count, (void)job_length, (void)length;
    const int n = *size;
    *status = 0;
    work[0] = n * n, integers[0] = 1;
    if (*work_count == -1) return;
    double *vectors = work;
    for (int i = 0; i < n * n; i++) vectors[i] = i / n == i % n;
    for (int sweep = 0; sweep < 60; sweep++) {
        for (int p = 0; p < n; p++) {
            for (int q = p + 1; q < n; q++) {
                if (a[p * n + q] == 0) continue;
                const double angle = atan2(2 * a[p * n + q], a[q * n + q] - a[p * n + p]) / 2;
                const double c = cos(angle), s = sin(angle);
                for (int k = 0; k < n; k++) {
                    const double x = a[k * n + p], y = a[k * n + q];
                    a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
                }
                for (int k = 0; k < n; k++) {
                    const double x = a[p * n + k], y = a[q * n + k];
                    a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
                    const double u = vectors[p * n + k], v = vectors[q * n + k];
                    vectors[p * n + k] = c * u - s * v, vectors[q * n + k] = s * u + c * v;
                }
            }
        }
    }
    for (int i = 0; i < n; i++) values[i] = a[i * n + i];
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) {
            if (values[j] >= values[i]) continue;
            const double value = values[i];
            values[i] = values[j], values[j] = value;
            for (int k = 0; k < n; k++) {
                const double element = vectors[i * n + k];
                vectors[i * n + k] = vectors[j * n + k], vectors[j * n + k] = element;
            }
        }
    }
    if (*job == 'V') memcpy(a, vectors, sizeof *a * (size_t)(n * n));
}
