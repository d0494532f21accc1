// What reading and writing share. Functions that call setjmp have no local variable that changes after it: what must
// survive a longjmp, the source or the sink, belongs to their callers.
#ifndef PIXNERD_PNG_COMMON_H
#define PIXNERD_PNG_COMMON_H

#include "CPixNerdPNGShim.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

static inline void store_message(char *message, const char *text) {
    strncpy(message, text, PIXNERD_PNG_MESSAGE_SIZE - 1);
    message[PIXNERD_PNG_MESSAGE_SIZE - 1] = '\0';
}

// The error of what libpng reads or writes; the first member of that.
typedef struct {
    pn_png_status status;
    char *message;
} problem;

static inline void png_failed(png_structp png, png_const_charp text) {
    problem *found = png_get_error_ptr(png);
    if (found->status == PIXNERD_PNG_OK) found->status = PIXNERD_PNG_BROKEN;
    store_message(found->message, text);
    png_longjmp(png, 1);
}

static inline void ignore_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

#endif
