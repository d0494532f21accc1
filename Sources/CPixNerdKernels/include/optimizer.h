// AdamW and Muon.
#ifndef PIXNERD_KERNELS_OPTIMIZER_H
#define PIXNERD_KERNELS_OPTIMIZER_H

#include <stddef.h>

struct pn_adamw_coefficients {
    float gradient_scale;  // from clipping; 1 where nothing is clipped
    float beta1, beta2;
    float epsilon;
    float decay;              // 1 - learning rate * weight decay
    float step_size;          // learning rate / (1 - beta1^step)
    float second_correction;  // 1 / sqrt(1 - beta2^step)
    float average_decay;      // decay of the EMA of the weights
};

// One AdamW step on the weight and both moments, then average = average_decay average + (1 - average_decay) weight.
void pn_adamw_step(
    size_t count, const struct pn_adamw_coefficients *coefficients, const float *gradient, float *weight,
    float *first_moment, float *second_moment, float *average);
// One AdamW step on the weight and both moments, without an EMA.
void pn_adamw_step_without_average(
    size_t count, const struct pn_adamw_coefficients *coefficients, const float *gradient, float *weight,
    float *first_moment, float *second_moment);
// momentum = decay momentum + (1 - decay) g and direction = decay momentum + (1 - decay) g, with g = gradient_scale
// gradient: Nesterov's momentum.
void pn_nesterov_momentum(
    size_t count, float decay, float gradient_scale, const float *gradient, float *momentum, float *direction);
// weight = keep weight - step_size direction
void pn_decayed_step(size_t count, float keep, float step_size, const float *direction, float *weight);

#endif
