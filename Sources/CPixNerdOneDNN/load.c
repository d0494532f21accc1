// Loading oneDNN, and checks of the constants in api.h.
#include <assert.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "api.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>

static_assert((int)success == dnnl_success && (int)cpu == dnnl_cpu, "dnnl_status_t, dnnl_engine_kind_t");
static_assert((int)in_order == dnnl_stream_in_order, "dnnl_stream_flags_t");
static_assert((int)bf16 == dnnl_bf16 && (int)f32 == dnnl_f32, "dnnl_data_type_t");
static_assert((int)scratchpad_by_user == dnnl_scratchpad_mode_user, "dnnl_scratchpad_mode_t");
static_assert((int)source_description == dnnl_query_src_md, "dnnl_query_t");
static_assert((int)weights_description == dnnl_query_weights_md, "dnnl_query_t");
static_assert((int)result_description == dnnl_query_dst_md, "dnnl_query_t");
static_assert((int)scratchpad_description == dnnl_query_scratchpad_md, "dnnl_query_t");
static_assert(source_argument == DNNL_ARG_SRC && result_argument == DNNL_ARG_DST, "DNNL_ARG");
static_assert(weights_argument == DNNL_ARG_WEIGHTS && bias_argument == DNNL_ARG_BIAS, "DNNL_ARG");
static_assert(scratchpad_argument == DNNL_ARG_SCRATCHPAD, "DNNL_ARG");
static_assert(sizeof(dnnl_dim_t) == sizeof(int64_t), "dnnl_dim_t");
#if DNNL_VERSION_MAJOR == 2
static_assert(sizeof(dnnl_memory_desc_t) <= descriptor_size, "dnnl_memory_desc_t");
static_assert(sizeof(dnnl_matmul_desc_t) <= operation_descriptors * descriptor_size, "dnnl_matmul_desc_t");
#endif
#endif

struct library_api api = {.status = pn_onednn_missing};

typedef struct {
    void *place;
    const char *name;
} function;

// Looks up functions; false if one is missing.
static bool find(const function *functions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *found = dlsym(api.library, functions[i].name);
        if (found == NULL) return false;
        *(void **)functions[i].place = found;
    }
    return true;
}

// Looks up every function that is called; false if one is missing.
static bool find_functions(void) {
    const function common[] = {
        {&api.version_of, "dnnl_version"},
        {&api.engine_create, "dnnl_engine_create"},
        {&api.stream_create, "dnnl_stream_create"},
        {&api.stream_destroy, "dnnl_stream_destroy"},
        {&api.primitive_attr_create, "dnnl_primitive_attr_create"},
        {&api.primitive_attr_destroy, "dnnl_primitive_attr_destroy"},
        {&api.primitive_attr_set_scratchpad_mode, "dnnl_primitive_attr_set_scratchpad_mode"},
        {&api.primitive_attr_set_post_ops, "dnnl_primitive_attr_set_post_ops"},
        {&api.post_ops_create, "dnnl_post_ops_create"},
        {&api.post_ops_destroy, "dnnl_post_ops_destroy"},
        {&api.post_ops_append_sum, "dnnl_post_ops_append_sum"},
        {&api.primitive_desc_query_md, "dnnl_primitive_desc_query_md"},
        {&api.primitive_desc_destroy, "dnnl_primitive_desc_destroy"},
        {&api.memory_desc_get_size, "dnnl_memory_desc_get_size"},
        {&api.primitive_create, "dnnl_primitive_create"},
        {&api.primitive_execute, "dnnl_primitive_execute"},
        {&api.memory_create, "dnnl_memory_create"},
        {&api.memory_destroy, "dnnl_memory_destroy"},
        {&api.memory_set_data_handle, "dnnl_memory_set_data_handle"},
    };
    const function second[] = {
        {&api.memory_desc_init_by_strides, "dnnl_memory_desc_init_by_strides"},
        {&api.matmul_desc_init, "dnnl_matmul_desc_init"},
        {&api.primitive_desc_create, "dnnl_primitive_desc_create"},
    };
    const function third[] = {
        {&api.memory_desc_create_with_strides, "dnnl_memory_desc_create_with_strides"},
        {&api.memory_desc_destroy, "dnnl_memory_desc_destroy"},
        {&api.matmul_primitive_desc_create, "dnnl_matmul_primitive_desc_create"},
    };
    if (!find(common, sizeof common / sizeof *common)) return false;
    const library_version *version = api.version_of();
    api.version[0] = version->major, api.version[1] = version->minor, api.version[2] = version->patch;
    const bool is_second = version->major == 2;
    if (is_second && !find(second, sizeof second / sizeof *second)) return false;
    if (!is_second && !find(third, sizeof third / sizeof *third)) return false;
    *(void **)&api.set_threads = dlsym(api.library, "omp_set_num_threads");
    return true;
}

static void load(void) {
    // A library that the user names is not replaced by another.
    const char *asked = getenv("PIXNERD_ONEDNN");
    const char *names[] = {asked, "libdnnl.so.3", "libdnnl.so.2"};
    const bool is_asked = asked && asked[0];
    for (size_t i = is_asked ? 0 : 1; i < (is_asked ? 1 : 3) && api.library == NULL; i++)
        api.library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (api.library == NULL) return;
    api.status = pn_onednn_unusable;
    if (find_functions() && api.engine_create(&api.engine, cpu, 0) == success) api.status = pn_onednn_ready;
}

pn_onednn_status pn_onednn_load(int version[3]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    for (int i = 0; i < 3; i++) version[i] = api.version[i];
    return api.status;
}
