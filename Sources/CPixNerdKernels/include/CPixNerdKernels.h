// The inner loops of the operators. Unless a comment says otherwise, arrays are float32, dense and row-major, and no
// pointer may alias another. No function allocates, locks or starts threads: callers split the rows.
#ifndef PIXNERD_KERNELS_H
#define PIXNERD_KERNELS_H

#include "activation.h"
#include "attention.h"
#include "convolution.h"
#include "distance.h"
#include "distribution.h"
#include "elementwise.h"
#include "frequencies.h"
#include "matmul.h"
#include "normalization.h"
#include "optimizer.h"
#include "pooling.h"
#include "processor.h"
#include "resampling.h"
#include "tile_attention.h"
#include "tile_field.h"
#include "tiles.h"

#endif
