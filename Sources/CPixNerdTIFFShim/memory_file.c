#include "memory_file.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void store_message(memory_file *file, const char *format, va_list arguments) {
    if (file != NULL && file->message != NULL && file->message[0] == '\0') {
        vsnprintf(file->message, PIXNERD_TIFF_MESSAGE_SIZE, format, arguments);
    }
}

static void handle_error(thandle_t handle, const char *module, const char *format, va_list arguments) {
    (void)module;
    store_message((memory_file *)handle, format, arguments);
}

static void set_handlers(void) {
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFFSetErrorHandlerExt(handle_error);
}

static pthread_once_t handlers_are_set = PTHREAD_ONCE_INIT;

static tmsize_t read_some(thandle_t handle, void *destination, tmsize_t size) {
    memory_file *file = (memory_file *)handle;
    if (size < 0 || file->position > file->count) return 0;
    size_t left = file->count - file->position;
    size_t taken = (size_t)size < left ? (size_t)size : left;
    memcpy(destination, file->bytes + file->position, taken);
    file->position += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_some(thandle_t handle, void *source, tmsize_t size) {
    memory_file *file = (memory_file *)handle;
    if (size < 0) return -1;
    size_t end = file->position + (size_t)size;
    if (end > file->capacity) {
        size_t capacity = file->capacity * 2 < end ? end : file->capacity * 2;
        uint8_t *grown = realloc(file->bytes, capacity);
        if (grown == NULL) {
            file->is_out_of_memory = 1;
            return -1;
        }
        file->bytes = grown;
        file->capacity = capacity;
    }
    // A gap after a seek beyond the end.
    if (file->position > file->count) memset(file->bytes + file->count, 0, file->position - file->count);
    memcpy(file->bytes + file->position, source, (size_t)size);
    file->position = end;
    if (end > file->count) file->count = end;
    return size;
}

static toff_t seek_to(thandle_t handle, toff_t offset, int whence) {
    memory_file *file = (memory_file *)handle;
    toff_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? file->position : file->count;
    file->position = (size_t)(base + offset);
    return file->position;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) { return ((memory_file *)handle)->count; }

static int map_all(thandle_t handle, void **base, toff_t *size) {
    memory_file *file = (memory_file *)handle;
    *base = file->bytes;
    *size = file->count;
    return 1;
}

static void unmap_nothing(thandle_t handle, void *base, toff_t size) {
    (void)handle;
    (void)base;
    (void)size;
}

TIFF *pn_open_memory(memory_file *file, const char *mode) {
    pthread_once(&handlers_are_set, set_handlers);
    file->message[0] = '\0';
    return TIFFClientOpen(
        "picture", mode, (thandle_t)file, read_some, write_some, seek_to, close_nothing, size_of, map_all,
        unmap_nothing);
}
