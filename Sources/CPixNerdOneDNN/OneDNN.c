#include "CPixNerdOneDNN.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

// What of oneDNN's C interface is called, by its own names without the prefix; handles are pointers. Numbers of its
// enumerations are the same in versions 2 and 3.
enum { success = 0, cpu = 1, in_order = 1, bf16 = 2, f32 = 3, scratchpad_by_user = 1 };
enum { source_description = 129, weights_description = 131, result_description = 133, scratchpad_description = 136 };

enum { source_argument = 1, result_argument = 17, weights_argument = 33, bias_argument = 41, scratchpad_argument = 80 };

typedef struct { int major, minor, patch; } library_version;
typedef struct { int argument; void *memory; } execution_argument;

static struct {
    void *library, *engine;
    int version[3];
    const library_version *(*version_of)(void);
    int (*engine_create)(void **, int kind, size_t index);
    int (*stream_create)(void **, void *engine, unsigned flags);
    int (*stream_destroy)(void *);
    int (*primitive_attr_create)(void **);
    int (*primitive_attr_destroy)(void *);
    int (*primitive_attr_set_scratchpad_mode)(void *, int mode);
    int (*primitive_attr_set_post_ops)(void *, const void *);
    int (*post_ops_create)(void **);
    int (*post_ops_destroy)(void *);
    void *post_ops_append_sum;
    const void *(*primitive_desc_query_md)(const void *, int what, int index);
    int (*primitive_desc_destroy)(void *);
    size_t (*memory_desc_get_size)(const void *);
    int (*primitive_create)(void **, const void *description);
    int (*primitive_execute)(const void *, void *stream, int count, const execution_argument *);
    int (*memory_create)(void **, const void *description, void *engine, void *handle);
    int (*memory_destroy)(void *);
    int (*memory_set_data_handle)(void *, void *handle);
    // Of version 2 only.
    int (*memory_desc_init_by_strides)(void *, int count, const int64_t *sizes, int type, const int64_t *strides);
    int (*matmul_desc_init)(void *, const void *a, const void *b, const void *bias, const void *c);
    int (*primitive_desc_create)(void **, const void *operation, const void *attributes, void *engine, const void *hint);
    // From version 3 on.
    int (*memory_desc_create_with_strides)(
        void **, int count, const int64_t *sizes, int type, const int64_t *strides);
    int (*memory_desc_destroy)(void *);
    int (*matmul_primitive_desc_create)(
        void **, void *engine, const void *a, const void *b, const void *bias, const void *c, const void *attributes);
    // Of OpenMP, where oneDNN was built with it.
    void (*set_threads)(int);
} api;

static pn_onednn_status status = pn_onednn_missing;

// Finds every function that is called; false where one is not there.
static bool find_functions(void) {
    const struct { void *place; const char *name; } common[] = {
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
    }, second[] = {
        {&api.memory_desc_init_by_strides, "dnnl_memory_desc_init_by_strides"},
        {&api.matmul_desc_init, "dnnl_matmul_desc_init"},
        {&api.primitive_desc_create, "dnnl_primitive_desc_create"},
    }, third[] = {
        {&api.memory_desc_create_with_strides, "dnnl_memory_desc_create_with_strides"},
        {&api.memory_desc_destroy, "dnnl_memory_desc_destroy"},
        {&api.matmul_primitive_desc_create, "dnnl_matmul_primitive_desc_create"},
    };
#define FIND(functions)                                                                 \
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {                 \
        void *found = dlsym(api.library, functions[i].name);                            \
        if (found == NULL) return false;                                                \
        *(void **)functions[i].place = found;                                           \
    }
    FIND(common)
    const library_version *version = api.version_of();
    api.version[0] = version->major, api.version[1] = version->minor, api.version[2] = version->patch;
    if (version->major == 2) { FIND(second) } else { FIND(third) }
    *(void **)&api.set_threads = dlsym(api.library, "omp_set_num_threads");
    return true;
#undef FIND
}

static void load(void) {
    const char *names[] = {"libdnnl.so.3", "libdnnl.so.2"};
    for (size_t i = 0; i < 2 && api.library == NULL; i++) api.library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (api.library == NULL) return;
    status = pn_onednn_unusable;
    if (find_functions() && api.engine_create(&api.engine, cpu, 0) == success) status = pn_onednn_ready;
}

pn_onednn_status pn_onednn_load(int version[3]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    for (int i = 0; i < 3; i++) version[i] = api.version[i];
    return status;
}

// Threads that are at work at once and have memory objects of their own in each product.
enum { most_threads = 256 };

// What a thread has of its own.
typedef struct {
    void *stream;
    // Its place in each product; most_threads where all are taken.
    int number;
} thread_state;

static pthread_key_t state_key;
static pthread_mutex_t numbers = PTHREAD_MUTEX_INITIALIZER;
static bool is_taken[most_threads + 1];

static void free_state(void *pointer) {
    thread_state *state = pointer;
    api.stream_destroy(state->stream);
    pthread_mutex_lock(&numbers);
    is_taken[state->number] = false;
    pthread_mutex_unlock(&numbers);
    free(state);
}

static void create_state_key(void) { pthread_key_create(&state_key, free_state); }

static thread_state *state_of_thread(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, create_state_key);
    thread_state *state = pthread_getspecific(state_key);
    if (state != NULL) return state;
    state = calloc(1, sizeof *state);
    if (state == NULL || api.stream_create(&state->stream, api.engine, in_order) != success) {
        free(state);
        return NULL;
    }
    pthread_mutex_lock(&numbers);
    while (state->number < most_threads && is_taken[state->number]) state->number++;
    is_taken[state->number] = true;
    pthread_mutex_unlock(&numbers);
    // The package splits products over its own threads.
    if (api.set_threads) api.set_threads(1);
    pthread_setspecific(state_key, state);
    return state;
}

// Objects that tell oneDNN where a factor or the result lies.
typedef struct { void *objects[5]; } memory_set;

struct pn_onednn_product {
    void *description, *primitive;
    const void *a, *b, *bias, *c, *scratchpad;
    memory_set sets[most_threads];
};

// The sizes and strides of a matrix [rows, columns] after its transposition.
typedef struct { int64_t sizes[2], strides[2]; int type; } matrix;

static matrix matrix_of(int64_t rows, int64_t columns, int64_t stride, bool transposed, int type) {
    return (matrix){{rows, columns}, {transposed ? 1 : stride, transposed ? stride : 1}, type};
}

// Version 2 fills in structures of the caller's; their parts are not looked at, so that room enough is all that matters.
static bool describe_second(const matrix *matrices, bool adds_bias, const void *attributes, void **description) {
    typedef struct { _Alignas(16) char bytes[4096]; } structure;
    structure *memory = calloc(16, sizeof *memory);
    bool done = memory != NULL;
    for (int i = 0; i < 4 && done; i++) {
        const matrix *m = matrices + i;
        done = api.memory_desc_init_by_strides(memory + i, 2, m->sizes, m->type, m->strides) == success;
    }
    done = done
        && api.matmul_desc_init(memory + 4, memory, memory + 1, adds_bias ? memory + 3 : NULL, memory + 2) == success
        && api.primitive_desc_create(description, memory + 4, attributes, api.engine, NULL) == success;
    free(memory);
    return done;
}

static bool describe_third(const matrix *matrices, bool adds_bias, const void *attributes, void **description) {
    void *memory[4] = {NULL, NULL, NULL, NULL};
    bool done = true;
    for (int i = 0; i < 4 && done; i++) {
        const matrix *m = matrices + i;
        done = api.memory_desc_create_with_strides(memory + i, 2, m->sizes, m->type, m->strides) == success;
    }
    done = done && api.matmul_primitive_desc_create(
        description, api.engine, memory[0], memory[1], adds_bias ? memory[3] : NULL, memory[2], attributes) == success;
    for (int i = 0; i < 4; i++) if (memory[i]) api.memory_desc_destroy(memory[i]);
    return done;
}

static bool append_sum(void *operations) {
    if (api.version[0] == 2) return ((int (*)(void *, float))api.post_ops_append_sum)(operations, 1) == success;
    return ((int (*)(void *, float, int32_t, int))api.post_ops_append_sum)(operations, 1, 0, f32) == success;
}

// Attributes: scratch memory comes from the caller, and the result may be added to what is there.
static void *create_attributes(bool accumulates) {
    void *attributes = NULL, *operations = NULL;
    if (api.primitive_attr_create(&attributes) != success) return NULL;
    bool done = api.primitive_attr_set_scratchpad_mode(attributes, scratchpad_by_user) == success;
    if (done && accumulates) {
        done = api.post_ops_create(&operations) == success && append_sum(operations)
            && api.primitive_attr_set_post_ops(attributes, operations) == success;
        if (operations) api.post_ops_destroy(operations);
    }
    if (done) return attributes;
    api.primitive_attr_destroy(attributes);
    return NULL;
}

pn_onednn_product *pn_onednn_product_create(const pn_onednn_shape *shape) {
    // How many threads there are is settled when a product is prepared.
    if (status != pn_onednn_ready || state_of_thread() == NULL) return NULL;
    const int type = shape->takes_bfloat16 ? bf16 : f32;
    const matrix matrices[4] = {
        matrix_of(shape->rows, shape->inner, shape->a_stride, shape->a_transposed, type),
        matrix_of(shape->inner, shape->columns, shape->b_stride, shape->b_transposed, type),
        matrix_of(shape->rows, shape->columns, shape->c_stride, false, shape->gives_bfloat16 ? bf16 : f32),
        matrix_of(1, shape->columns, shape->columns, false, f32),
    };
    void *attributes = create_attributes(shape->accumulates);
    if (attributes == NULL) return NULL;
    pn_onednn_product *product = calloc(1, sizeof *product);
    bool done = product != NULL && (api.version[0] == 2 ? describe_second : describe_third)(
        matrices, shape->adds_bias, attributes, &product->description);
    api.primitive_attr_destroy(attributes);
    if (done && api.primitive_create(&product->primitive, product->description) == success) {
        product->a = api.primitive_desc_query_md(product->description, source_description, 0);
        product->b = api.primitive_desc_query_md(product->description, weights_description, 0);
        product->c = api.primitive_desc_query_md(product->description, result_description, 0);
        // Of the weights the second.
        product->bias = shape->adds_bias ? api.primitive_desc_query_md(product->description, weights_description, 1) : NULL;
        product->scratchpad = api.primitive_desc_query_md(product->description, scratchpad_description, 0);
        return product;
    }
    if (done) api.primitive_desc_destroy(product->description);
    free(product);
    return NULL;
}

size_t pn_onednn_product_scratchpad_size(const pn_onednn_product *product) {
    return api.memory_desc_get_size(product->scratchpad);
}

bool pn_onednn_product_run(
    pn_onednn_product *product, const void *a, const void *b, const float *bias, void *c, void *scratchpad) {
    const thread_state *state = state_of_thread();
    if (state == NULL) return false;
    const void *descriptions[5] = {product->a, product->b, product->c, product->scratchpad, product->bias};
    void *places[5] = {(void *)a, (void *)b, c, scratchpad, (void *)bias};
    const int kinds[5] = {source_argument, weights_argument, result_argument, scratchpad_argument, bias_argument};
    const int count = product->bias ? 5 : 4;
    memory_set temporary = {{NULL}};
    memory_set *set = state->number < most_threads ? product->sets + state->number : &temporary;
    execution_argument arguments[5];
    bool done = true;
    for (int i = 0; i < count && done; i++) {
        void **object = set->objects + i;
        done = *object ? api.memory_set_data_handle(*object, places[i]) == success
                       : api.memory_create(object, descriptions[i], api.engine, places[i]) == success;
        arguments[i] = (execution_argument){kinds[i], *object};
    }
    done = done && api.primitive_execute(product->primitive, state->stream, count, arguments) == success;
    for (int i = 0; i < count; i++) if (temporary.objects[i]) api.memory_destroy(temporary.objects[i]);
    return done;
}
