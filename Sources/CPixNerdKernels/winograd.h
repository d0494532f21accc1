// The one-dimensional transforms of Winograd's convolution with 3 x 3 filters, which computes 4 x 4 outputs at a time
// from 6 x 6 inputs (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, arXiv 1509.09308), with
// the points 0, +-5/8, +-3/2 and infinity. These are exact in binary and have half the rounding error of the usual 0,
// +-1, +-2 (Barabasz et al., arXiv 1803.10986, describe the trade-off).
#ifndef PIXNERD_WINOGRAD_H
#define PIXNERD_WINOGRAD_H

#define POINT_P 0.625f
#define POINT_Q 1.5f
#define POINT_P_SQUARED (POINT_P * POINT_P)
#define POINT_Q_SQUARED (POINT_Q * POINT_Q)

// v = B^T d
#define INPUT_TRANSFORM(d0, d1, d2, d3, d4, d5, v0, v1, v2, v3, v4, v5) \
    do { \
        const float even_p = d4 - POINT_Q_SQUARED * d2, odd_p = POINT_P * (d3 - POINT_Q_SQUARED * d1); \
        const float even_q = d4 - POINT_P_SQUARED * d2, odd_q = POINT_Q * (d3 - POINT_P_SQUARED * d1); \
        v0 = (POINT_P_SQUARED * POINT_Q_SQUARED) * d0 - (POINT_P_SQUARED + POINT_Q_SQUARED) * d2 + d4; \
        v1 = even_p + odd_p; \
        v2 = even_p - odd_p; \
        v3 = even_q + odd_q; \
        v4 = even_q - odd_q; \
        v5 = (POINT_P_SQUARED * POINT_Q_SQUARED) * d1 - (POINT_P_SQUARED + POINT_Q_SQUARED) * d3 + d5; \
    } while (0)

// y = A^T m
#define OUTPUT_TRANSFORM(m0, m1, m2, m3, m4, m5, y0, y1, y2, y3) \
    do { \
        const float sum_p = m1 + m2, sum_q = m3 + m4; \
        const float difference_p = POINT_P * (m1 - m2), difference_q = POINT_Q * (m3 - m4); \
        y0 = m0 + sum_p + sum_q; \
        y1 = difference_p + difference_q; \
        y2 = POINT_P_SQUARED * sum_p + POINT_Q_SQUARED * sum_q; \
        y3 = POINT_P_SQUARED * difference_p + POINT_Q_SQUARED * difference_q + m5; \
    } while (0)

// m = A y
#define OUTPUT_TRANSPOSE(y0, y1, y2, y3, m0, m1, m2, m3, m4, m5) \
    do { \
        const float even_p = y0 + POINT_P_SQUARED * y2, odd_p = POINT_P * (y1 + POINT_P_SQUARED * y3); \
        const float even_q = y0 + POINT_Q_SQUARED * y2, odd_q = POINT_Q * (y1 + POINT_Q_SQUARED * y3); \
        m0 = y0; \
        m1 = even_p + odd_p; \
        m2 = even_p - odd_p; \
        m3 = even_q + odd_q; \
        m4 = even_q - odd_q; \
        m5 = y3; \
    } while (0)

// Each point p scales its row of G by 1 / product of (p - other finite points).
#define AT_ZERO (1.0f / (POINT_P_SQUARED * POINT_Q_SQUARED))
#define AT_P (1.0f / (2.0f * POINT_P_SQUARED * (POINT_P_SQUARED - POINT_Q_SQUARED)))
#define AT_Q (1.0f / (2.0f * POINT_Q_SQUARED * (POINT_Q_SQUARED - POINT_P_SQUARED)))

// u = G g
#define FILTER_TRANSFORM(g0, g1, g2, u0, u1, u2, u3, u4, u5) \
    do { \
        const float even_p = AT_P * (g0 + POINT_P_SQUARED * g2), odd_p = (AT_P * POINT_P) * g1; \
        const float even_q = AT_Q * (g0 + POINT_Q_SQUARED * g2), odd_q = (AT_Q * POINT_Q) * g1; \
        u0 = AT_ZERO * g0; \
        u1 = even_p + odd_p; \
        u2 = even_p - odd_p; \
        u3 = even_q + odd_q; \
        u4 = even_q - odd_q; \
        u5 = g2; \
    } while (0)

// g = G^T u
#define FILTER_TRANSPOSE(u0, u1, u2, u3, u4, u5, g0, g1, g2) \
    do { \
        const float sum_p = AT_P * (u1 + u2), sum_q = AT_Q * (u3 + u4); \
        g0 = AT_ZERO * u0 + sum_p + sum_q; \
        g1 = (AT_P * POINT_P) * (u1 - u2) + (AT_Q * POINT_Q) * (u3 - u4); \
        g2 = POINT_P_SQUARED * sum_p + POINT_Q_SQUARED * sum_q + u5; \
    } while (0)

#endif
