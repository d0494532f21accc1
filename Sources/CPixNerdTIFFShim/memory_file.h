// A file of libtiff in memory, and the handler of its errors.
#ifndef PIXNERD_TIFF_MEMORY_FILE_H
#define PIXNERD_TIFF_MEMORY_FILE_H

#include "CPixNerdTIFFShim.h"

#include <tiffio.h>

// A file in memory, read or growing, and the first error about it.
typedef struct {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    size_t position;
    char *message;
    int is_out_of_memory;
} memory_file;

// Opens a file as libtiff's mode says, "r" or "w"; NULL if it is refused, with a message.
TIFF *pn_open_memory(memory_file *file, const char *mode);

#endif
