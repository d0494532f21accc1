// The part of oneDNN's C interface that is used, under its own names without the prefix. Handles are pointers. The
// values of the enumerations are the same in versions 2 and 3; load.c checks them where oneDNN's header is installed.
#ifndef PIXNERD_ONEDNN_API_H
#define PIXNERD_ONEDNN_API_H

#include "CPixNerdOneDNN.h"

enum { success = 0, cpu = 1, in_order = 1, bf16 = 2, f32 = 3, scratchpad_by_user = 1 };
enum { source_description = 129, weights_description = 131, result_description = 133, scratchpad_description = 136 };

enum { source_argument = 1, result_argument = 17, weights_argument = 33, bias_argument = 41, scratchpad_argument = 80 };

// Version 2: bytes that are allocated for a memory descriptor, and how many times as much for an operation descriptor.
enum { descriptor_size = 4096, operation_descriptors = 12 };

typedef struct {
    int major, minor, patch;
} library_version;

typedef struct {
    int argument;
    void *memory;
} execution_argument;

// The library and its functions, which pn_onednn_load fills in.
struct library_api {
    pn_onednn_status status;
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
    // Version 2 only.
    int (*memory_desc_init_by_strides)(void *, int count, const int64_t *sizes, int type, const int64_t *strides);
    int (*matmul_desc_init)(void *, const void *a, const void *b, const void *bias, const void *c);
    int (*primitive_desc_create)(
        void **, const void *operation, const void *attributes, void *engine, const void *hint);
    // Version 3 and later.
    int (*memory_desc_create_with_strides)(void **, int count, const int64_t *sizes, int type, const int64_t *strides);
    int (*memory_desc_destroy)(void *);
    int (*matmul_primitive_desc_create)(
        void **, void *engine, const void *a, const void *b, const void *bias, const void *c, const void *attributes);
    // OpenMP's function; NULL where oneDNN was built without it.
    void (*set_threads)(int);
};
// Other libraries in the same program may have a symbol `api`.
#define api pn_onednn_api
extern struct library_api api __attribute__((visibility("hidden")));

#endif
