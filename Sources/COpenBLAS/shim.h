// OpenBLAS's own cblas.h: the standard interface and the openblas_* controls.
#include <cblas.h>
