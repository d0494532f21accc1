#include <pthread.h>
#include <stdlib.h>

#include "api.h"

// The most threads that have memory objects of their own in each product at the same time.
enum { most_threads = 256 };

// The state of a thread.
typedef struct {
    void *stream;
    // Its index in each product's sets; most_threads if all are taken.
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
    // This package splits matrix multiplications over its own threads.
    if (api.set_threads) api.set_threads(1);
    pthread_setspecific(state_key, state);
    return state;
}

// oneDNN's memory objects, which hold the addresses of the factors, the result, the scratchpad and the bias.
typedef struct {
    void *objects[5];
} memory_set;

struct pn_onednn_product {
    void *description, *primitive;
    const void *a, *b, *bias, *c, *scratchpad;
    memory_set sets[most_threads];
};

// The sizes and strides of a matrix [rows, columns], as transposed, and the type of its elements.
typedef struct {
    int64_t sizes[2], strides[2];
    int type;
} matrix;

static matrix matrix_of(int64_t rows, int64_t columns, int64_t stride, bool transposed, int type) {
    return (matrix){{rows, columns}, {transposed ? 1 : stride, transposed ? stride : 1}, type};
}

// Version 2 fills in descriptors that the caller allocates. Their fields are never read here, so only their size
// matters.
static bool describe_second(const matrix *matrices, bool adds_bias, const void *attributes, void **description) {
    typedef struct {
        _Alignas(16) char bytes[descriptor_size];
    } descriptor;
    // Four memory descriptors, and one operation descriptor with the room of `operation_descriptors`.
    descriptor *memory = calloc(4 + operation_descriptors, sizeof *memory);
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
    done = done
        && api.matmul_primitive_desc_create(
               description, api.engine, memory[0], memory[1], adds_bias ? memory[3] : NULL, memory[2], attributes)
            == success;
    for (int i = 0; i < 4; i++)
        if (memory[i]) api.memory_desc_destroy(memory[i]);
    return done;
}

static bool append_sum(void *operations) {
    if (api.version[0] == 2) return ((int (*)(void *, float))api.post_ops_append_sum)(operations, 1) == success;
    return ((int (*)(void *, float, int32_t, int))api.post_ops_append_sum)(operations, 1, 0, f32) == success;
}

// Attributes for scratch memory that the caller passes, and for adding the product to what c holds.
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
    // oneDNN reads the number of threads when a product is prepared, and the state sets it.
    if (api.status != pn_onednn_ready || state_of_thread() == NULL) return NULL;
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
    bool done = product != NULL
        && (api.version[0] == 2 ? describe_second
                                : describe_third)(matrices, shape->adds_bias, attributes, &product->description);
    api.primitive_attr_destroy(attributes);
    if (done && api.primitive_create(&product->primitive, product->description) == success) {
        product->a = api.primitive_desc_query_md(product->description, source_description, 0);
        product->b = api.primitive_desc_query_md(product->description, weights_description, 0);
        product->c = api.primitive_desc_query_md(product->description, result_description, 0);
        // The bias is the second descriptor of the weights.
        product->bias =
            shape->adds_bias ? api.primitive_desc_query_md(product->description, weights_description, 1) : NULL;
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
    for (int i = 0; i < count; i++)
        if (temporary.objects[i]) api.memory_destroy(temporary.objects[i]);
    return done;
}
