// The instruction-set level whose variants of the kernels run in this process.
#ifndef PIXNERD_LEVEL_H
#define PIXNERD_LEVEL_H

#include <stdbool.h>

// In ascending order. Architectures other than x86-64 have one variant of each kernel and stay at level_v1.
enum { level_v1, level_v3, level_v4 };

// Set once, before main, and only read afterwards.
extern int pn_kernel_level __attribute__((visibility("hidden")));

// Whether the kernels for bf16 run: at level_v4 on a processor with AVX-512 BF16.
extern bool pn_has_bfloat16_kernels __attribute__((visibility("hidden")));

// Whether the kernels over tiles run: where those for bf16 do, on a processor with AMX whose tiles the system permits.
extern bool pn_has_tiles __attribute__((visibility("hidden")));
// Whether they run over emulated tiles, for tests.
extern bool pn_tiles_are_emulated __attribute__((visibility("hidden")));

// Whether the kernels for int8 run: where those for bf16 do, on a processor with AVX-512 VNNI or tiles of int8.
extern bool pn_has_int8 __attribute__((visibility("hidden")));
// Whether they run over tiles.
extern bool pn_has_int8_tiles __attribute__((visibility("hidden")));

#endif
