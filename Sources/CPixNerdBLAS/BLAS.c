#include "CPixNerdBLAS.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// CBLAS's values for the order and for transposition.
enum { row_major = 101, plain = 111, transposed = 112 };

// Integers are declared with 64 bits. Libraries with 32-bit integers read the lower half of the same register or stack
// slot (x86-64 and arm64), or of the same little-endian word where LAPACK takes a pointer.
static struct {
    void *library;
    void (*sgemm)(
        int order, int a_form, int b_form, int64_t rows, int64_t columns, int64_t inner, float alpha, const float *a,
        int64_t a_stride, const float *b, int64_t b_stride, float beta, float *c, int64_t c_stride);
    void (*dgemm)(
        int order, int a_form, int b_form, int64_t rows, int64_t columns, int64_t inner, double alpha, const double *a,
        int64_t a_stride, const double *b, int64_t b_stride, double beta, double *c, int64_t c_stride);
    // The last two arguments are the lengths of the strings, which Fortran passes along.
    void (*dsyevd)(
        const char *job, const char *triangle, const int64_t *size, double *matrix, const int64_t *stride,
        double *eigenvalues, double *work, const int64_t *work_count, int64_t *integers, const int64_t *integer_count,
        int64_t *status, size_t job_length, size_t triangle_length);
    char *(*openblas_core)(void);
    bool takes_turns;
    char name[128], path[PATH_MAX];
} api;

// A LAPACK library to go with one that has only BLAS, such as BLIS.
static void *open_lapack(void) {
    const char *names[] = {"liblapack.so.3", "libopenblas.so.0"};
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && library == NULL; i++) {
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    }
    return library;
}

// Finds a function by its name, as spelled by plain libraries, those with 64-bit integers, and PyPI's scipy-openblas32
// and scipy-openblas64.
static void *find_in(void *library, const char *name) {
    const char *forms[] = {"%s", "%s64_", "scipy_%s", "scipy_%s64_"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char symbol[128];
        snprintf(symbol, sizeof symbol, forms[i], name);
        void *found = dlsym(library, symbol);
        if (found) return found;
    }
    return NULL;
}

static void *find(const char *name) { return find_in(api.library, name); }

static bool find_functions(const char **absent) {
    const struct {
        void *place;
        const char *name;
    } functions[] = {{&api.sgemm, "cblas_sgemm"}, {&api.dgemm, "cblas_dgemm"}, {&api.dsyevd, "dsyevd_"}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = find(functions[i].name);
        void *lapack = found == NULL && functions[i].place == &api.dsyevd ? open_lapack() : NULL;
        if (lapack) found = find_in(lapack, functions[i].name);
        if (found == NULL) {
            *absent = functions[i].name;
            return false;
        }
        *(void **)functions[i].place = found;
    }
    return true;
}

// Finds out which library it is, and makes it run on the calling thread only: this package splits matrix
// multiplications over its own threads.
static void identify(void) {
    const char *(*openblas_config)(void), *(*blis_version)(void);
    void (*mkl_version)(char *, int), (*set_threads)(int);
    void (*set_long_threads)(int64_t);
    int (*set_layer)(int);
    *(void **)&openblas_config = find("openblas_get_config");
    *(void **)&blis_version = dlsym(api.library, "bli_info_get_version_str");
    *(void **)&mkl_version = dlsym(api.library, "mkl_get_version_string");
    int (*openblas_parallel)(void);
    if (openblas_config) {
        *(void **)&openblas_parallel = find("openblas_get_parallel");
        // 0: single-threaded, 1: threads of its own, 2: OpenMP.
        api.takes_turns = openblas_parallel && openblas_parallel() == 0;
        *(void **)&api.openblas_core = find("openblas_get_corename");
        *(void **)&set_threads = find("openblas_set_num_threads");
        if (set_threads) set_threads(1);
        // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ..."
        const char *config = openblas_config();
        const size_t program = strcspn(config, " ");
        const size_t version = config[program] ? strcspn(config + program + 1, " ") : 0;
        snprintf(api.name, sizeof api.name, "%.*s", (int)(program + (version ? 1 + version : 0)), config);
    } else if (blis_version) {
        *(void **)&set_long_threads = dlsym(api.library, "bli_thread_set_num_threads");
        if (set_long_threads) set_long_threads(1);
        snprintf(api.name, sizeof api.name, "BLIS %s", blis_version());
    } else if (mkl_version) {
        // MKL_THREADING_SEQUENTIAL.
        *(void **)&set_layer = dlsym(api.library, "MKL_Set_Threading_Layer");
        if (set_layer) set_layer(1);
        char version[256] = "";
        mkl_version(version, sizeof version - 1);
        // "Intel(R) oneAPI Math Kernel Library Version 2023.1-Product Build ..."
        const char *number = strstr(version, "Version ");
        number = number ? number + 8 : "";
        snprintf(api.name, sizeof api.name, "MKL %.*s", (int)strcspn(number, "- "), number);
    }
}

// A copy of the environment with OPENBLAS_CORETYPE if `core` is given, and with OPENBLAS_NUM_THREADS=1, since OpenBLAS
// would start threads while it loads. NULL if memory is short. A copy, because other threads may be reading the
// original.
static char **environment_with(const char *core) {
    size_t count = 0;
    while (environ && environ[count]) count++;
    char **copy = calloc(count + 3, sizeof *copy);
    char *line = core ? malloc(strlen(core) + 32) : NULL;
    if (copy == NULL || (core && line == NULL)) {
        free(copy);
        free(line);
        return NULL;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const bool is_replaced = strncmp(environ[i], "OPENBLAS_NUM_THREADS=", 21) == 0
            || (core && strncmp(environ[i], "OPENBLAS_CORETYPE=", 18) == 0);
        if (!is_replaced) copy[kept++] = environ[i];
    }
    copy[kept++] = "OPENBLAS_NUM_THREADS=1";
    if (core) {
        sprintf(line, "OPENBLAS_CORETYPE=%s", core);
        copy[kept++] = line;
    }
    return copy;
}

static void *open_with_core(const char *file, const char *core) {
    // If the program is linked to another OpenBLAS, this one must not resolve its own calls to that one's functions.
    const bool has_another = dlsym(RTLD_DEFAULT, "openblas_get_config") != NULL && !pn_blas_is_resident(file);
    char **original = environ, **changed = environment_with(core);
    if (changed) environ = changed;
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL | (has_another ? RTLD_DEEPBIND : 0));
    // The copy is never freed: another thread that reads the environment may still hold it.
    environ = original;
    return library;
}

// The first line of `dlerror`.
static void copy_error(char *reason, size_t capacity) {
    const char *error = dlerror();
    snprintf(reason, capacity, "%s", error ? error : "unknown error");
    reason[strcspn(reason, "\n")] = 0;
}

pn_blas_status pn_blas_open(const char *file, const char *core, char *reason, size_t capacity) {
    memset(&api, 0, sizeof api);
    api.library = open_with_core(file, core);
    if (api.library == NULL) {
        copy_error(reason, capacity);
        return pn_blas_missing;
    }
    const char *absent = NULL;
    if (!find_functions(&absent)) {
        snprintf(reason, capacity, "it has no function %s", absent);
        return pn_blas_unusable;
    }
    identify();
    Dl_info place;
    const bool is_known = dladdr(*(void **)&api.sgemm, &place) && place.dli_fname;
    if (!is_known || realpath(place.dli_fname, api.path) == NULL) snprintf(api.path, sizeof api.path, "%s", file);
    return pn_blas_ready;
}

bool pn_blas_is_resident(const char *file) {
    void *library = dlopen(file, RTLD_NOW | RTLD_NOLOAD);
    if (library) dlclose(library);
    return library != NULL;
}

bool pn_blas_close(void) {
    char path[PATH_MAX];
    memcpy(path, api.path, sizeof path);
    if (dlclose(api.library) != 0) return false;
    api.library = NULL;
    return !pn_blas_is_resident(path);
}

const char *pn_blas_path(void) { return api.path; }
const char *pn_blas_name(void) { return api.name[0] ? api.name : NULL; }
bool pn_blas_takes_turns(void) { return api.takes_turns; }
const char *pn_blas_core(void) { return api.openblas_core ? api.openblas_core() : NULL; }

// In the child: loads the library without a chosen core and writes the name of the core that OpenBLAS detects.
static void write_core(const char *file, int output) {
    unsetenv("OPENBLAS_CORETYPE");
    // An instance inherited from the parent has chosen its kernels already.
    if (api.library && dlclose(api.library) != 0) return;
    memset(&api, 0, sizeof api);
    if (pn_blas_is_resident(file)) return;
    char reason[256];
    if (pn_blas_open(file, NULL, reason, sizeof reason) != pn_blas_ready || pn_blas_core() == NULL) return;
    const char *core = pn_blas_core();
    if (write(output, core, strlen(core)) < 0) return;
}

void pn_blas_detected_core(const char *file, char *core, size_t capacity) {
    core[0] = 0;
    int ends[2];
    if (pipe(ends) != 0) return;
    const pid_t child = fork();
    if (child == 0) {
        // An old library may print warnings or crash on a new processor.
        close(STDERR_FILENO);
        alarm(5);
        write_core(file, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    if (child > 0) {
        // Returns when the child ends, too.
        const ssize_t count = read(ends[0], core, capacity - 1);
        core[count > 0 ? count : 0] = 0;
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
}

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void begin_turn(void) {
    if (api.takes_turns) pthread_mutex_lock(&turn);
}
static void end_turn(void) {
    if (api.takes_turns) pthread_mutex_unlock(&turn);
}

#define MULTIPLY(name, function, number) \
    void name( \
        bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const number *a, \
        int64_t a_stride, const number *b, int64_t b_stride, bool accumulates, number *c, int64_t c_stride) { \
        begin_turn(); \
        function( \
            row_major, a_is_transposed ? transposed : plain, b_is_transposed ? transposed : plain, rows, columns, \
            inner, 1, a, a_stride, b, b_stride, accumulates, c, c_stride); \
        end_turn(); \
    }
MULTIPLY(pn_blas_sgemm, api.sgemm, float)
MULTIPLY(pn_blas_dgemm, api.dgemm, double)

bool pn_blas_eigen(int64_t size, double *matrix, double *eigenvalues, bool vectors) {
    // LAPACK is column-major: a symmetric matrix is the same, and eigenvectors come out as rows.
    const char *job = vectors ? "V" : "N";
    int64_t status = 0, work_count = -1, integer_count = -1, integers = 0;
    double work = 0;
    // A workspace query: with -1, dsyevd_ returns the sizes that it works best with.
    api.dsyevd(
        job, "U", &size, matrix, &size, eigenvalues, &work, &work_count, &integers, &integer_count, &status, 1, 1);
    if (status != 0) return false;
    work_count = (int64_t)work, integer_count = integers;
    double *workspace = malloc((size_t)work_count * sizeof *workspace);
    int64_t *integer_workspace = calloc((size_t)integer_count, sizeof *integer_workspace);
    if (workspace && integer_workspace) {
        begin_turn();
        api.dsyevd(
            job, "U", &size, matrix, &size, eigenvalues, workspace, &work_count, integer_workspace, &integer_count,
            &status, 1, 1);
        end_turn();
    }
    const bool done = workspace && integer_workspace && status == 0;
    free(workspace);
    free(integer_workspace);
    return done;
}
