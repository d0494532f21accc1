#include "CPixNerdMPI.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Constants of Open MPI's interface (MPI 3.1), which are part of its ABI.
enum { success = 0, thread_serialized = 2, version_capacity = 256 };
static void *const in_place = (void *)1;

// The functions that are called, and the predefined handles.
static struct {
    void *library;
    int (*init_thread)(int *, char ***, int required, int *provided);
    int (*finalize)(void);
    int (*comm_rank)(void *, int *);
    int (*comm_size)(void *, int *);
    int (*get_library_version)(char *, int *);
    int (*ialltoall)(const void *, int, void *, void *, int, void *, void *, void **);
    int (*iallgather)(const void *, int, void *, void *, int, void *, void *, void **);
    int (*ibcast)(void *, int, void *, int, void *, void **);
    int (*isend)(const void *, int, void *, int, int, void *, void **);
    int (*irecv)(void *, int, void *, int, int, void *, void **);
    int (*test)(void **, int *, void *status);
    void *world, *floats, *bytes;
} api;

static bool find_functions(const char **absent) {
    const struct {
        void *place;
        const char *name;
    } functions[] = {
        {&api.init_thread, "MPI_Init_thread"},
        {&api.finalize, "MPI_Finalize"},
        {&api.comm_rank, "MPI_Comm_rank"},
        {&api.comm_size, "MPI_Comm_size"},
        {&api.get_library_version, "MPI_Get_library_version"},
        {&api.ialltoall, "MPI_Ialltoall"},
        {&api.iallgather, "MPI_Iallgather"},
        {&api.ibcast, "MPI_Ibcast"},
        {&api.isend, "MPI_Isend"},
        {&api.irecv, "MPI_Irecv"},
        {&api.test, "MPI_Test"},
        {&api.world, "ompi_mpi_comm_world"},
        {&api.floats, "ompi_mpi_float"},
        {&api.bytes, "ompi_mpi_byte"},
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *found = dlsym(api.library, functions[i].name);
        if (found == NULL) {
            *absent = functions[i].name;
            return false;
        }
        *(void **)functions[i].place = found;
    }
    return true;
}

pn_mpi_status pn_mpi_load(char *reason, size_t capacity) {
    // RTLD_GLOBAL: the plugins that Open MPI loads later look for its symbols.
    if (api.library == NULL) api.library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
    if (api.library == NULL) {
        snprintf(reason, capacity, "%s", dlerror());
        return pn_mpi_missing;
    }
    const char *absent = NULL;
    if (!find_functions(&absent)) {
        snprintf(reason, capacity, "it has no %s", absent);
        return pn_mpi_unusable;
    }
    char version[version_capacity * 32] = "";
    int length = 0;
    api.get_library_version(version, &length);
    // For example "Open MPI v4.1.4, package: ...".
    version[strcspn(version, ",\n")] = 0;
    snprintf(reason, capacity, "%s", version);
    return pn_mpi_ready;
}

bool pn_mpi_join(int *rank, int *size) {
    int provided = 0;
    return api.init_thread(NULL, NULL, thread_serialized, &provided) == success && provided >= thread_serialized
        && api.comm_rank(api.world, rank) == success && api.comm_size(api.world, size) == success;
}

void pn_mpi_leave(void) { api.finalize(); }

bool pn_mpi_is_done(pn_mpi_operation *operation) {
    int done = 0;
    // Errors end the process before MPI_Test returns.
    api.test(operation, &done, NULL);
    return done;
}

pn_mpi_operation pn_mpi_exchange_parts(const float *parts, float *received, int count) {
    void *request = NULL;
    api.ialltoall(parts, count, api.floats, received, count, api.floats, api.world, &request);
    return request;
}

pn_mpi_operation pn_mpi_gather_parts(float *parts, int count) {
    void *request = NULL;
    api.iallgather(in_place, count, api.floats, parts, count, api.floats, api.world, &request);
    return request;
}

pn_mpi_operation pn_mpi_gather_bytes(const void *own, void *all, int count) {
    void *request = NULL;
    api.iallgather(own, count, api.bytes, all, count, api.bytes, api.world, &request);
    return request;
}

pn_mpi_operation pn_mpi_broadcast(void *bytes, int count, int root) {
    void *request = NULL;
    api.ibcast(bytes, count, api.bytes, root, api.world, &request);
    return request;
}

pn_mpi_operation pn_mpi_send(const void *bytes, int count, int target) {
    void *request = NULL;
    api.isend(bytes, count, api.bytes, target, 0, api.world, &request);
    return request;
}

pn_mpi_operation pn_mpi_receive(void *bytes, int count, int source) {
    void *request = NULL;
    api.irecv(bytes, count, api.bytes, source, 0, api.world, &request);
    return request;
}

// The size of processor sets in bits; the kernel refuses sets that are smaller than its own.
enum { most_processors = 8192 };

int pn_mpi_allowed_processors(void) {
    cpu_set_t *set = CPU_ALLOC(most_processors);
    if (set == NULL) return 1;
    const size_t size = CPU_ALLOC_SIZE(most_processors);
    const int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 1;
    CPU_FREE(set);
    return count;
}

bool pn_mpi_allow_all_processors(void) {
    cpu_set_t *set = CPU_ALLOC(most_processors);
    if (set == NULL) return false;
    const size_t size = CPU_ALLOC_SIZE(most_processors);
    memset(set, 0xff, size);
    // The kernel drops processors that do not exist or that the container may not use.
    const bool done = sched_setaffinity(0, size, set) == 0;
    CPU_FREE(set);
    return done;
}
