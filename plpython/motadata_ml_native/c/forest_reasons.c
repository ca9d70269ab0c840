/* What each feature adds to each score: path-dependent TreeSHAP, exact, for LANES rows at once.
 *
 * A leaf reached over edges of features j gives feature i the Shapley value
 *
 *     value * (one_i - zero_i) * integral over t from 0 to 1 of the product over j != i of (zero_j (1 - t) + one_j t)
 *
 * where zero_j is the share of training rows that follow the edges of j, and one_j is 1 where this row follows them
 * all, else 0: the weights of Shapley's sum, s! (n - s - 1)! / n!, are integrals of t^s (1 - t)^(n - s - 1). The
 * product is a polynomial of a degree below the number of distinct features on the path, so Gauss-Legendre's rule with
 * half as many points gives its integral exactly. A tree is gone through once: downwards the product at each point
 * grows by a factor an edge, upwards the products of all leaves below an edge are summed, and the edge's feature gets
 * its part by a division. Where a feature occurs again further down, its lower edge replaces the upper one, whose part
 * is taken back.
 */
#include "forest.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t at;    /* node */
    int32_t next;  /* children gone through */
    int32_t above; /* level of the last edge with the same feature, -1 for none */
    double zero;
    double one[LANES];
    double left[LANES]; /* 1 where the row goes left */
} level_state;

struct reasons {
    const forest *f;
    int64_t count;                  /* points */
    double *point, *rest, *weight;  /* t, 1 - t, and the rule's weight */
    level_state *level;             /* (depth + 1,) */
    double *product;                /* (depth + 1, points, LANES) */
    double *below;                  /* (depth + 1, width, points, LANES) */
    int32_t *last;                  /* (features,): level of the last edge of each feature, -1 for none */
    double *sum;                    /* (outputs, features, LANES) */
    double *row;                    /* (LANES, features) */
};

void reasons_drop(reasons *r)
{
    if (r == NULL)
        return;
    free(r->point);
    free(r->rest);
    free(r->weight);
    free(r->level);
    free(r->product);
    free(r->below);
    free(r->last);
    free(r->sum);
    free(r->row);
    free(r);
}

/* Room for a product of sizes, NULL where it does not fit. */
static void *room(size_t size, int64_t a, int64_t b, int64_t c)
{
    uint64_t total = size;
    const int64_t factors[3] = {a, b, c};
    for (int i = 0; i < 3; i++)
        if (factors[i] < 0 || __builtin_mul_overflow(total, (uint64_t)factors[i], &total) || total > INT64_MAX / 2)
            return NULL;
    return calloc(total > 0 ? (size_t)total : 1, 1);
}

reasons *reasons_make(const forest *f, const double *points, const double *weights, int64_t count)
{
    reasons *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    const int64_t levels = f->depth + 1, lanes = LANES * (int64_t)sizeof(double);
    r->f = f;
    r->count = count;
    r->point = room(sizeof(double), count, 1, 1);
    r->rest = room(sizeof(double), count, 1, 1);
    r->weight = room(sizeof(double), count, 1, 1);
    r->level = room(sizeof *r->level, levels, 1, 1);
    r->product = room((size_t)lanes, levels, count, 1);
    r->below = room((size_t)lanes, levels, f->width, count);
    r->last = room(sizeof *r->last, f->features, 1, 1);
    r->sum = room((size_t)lanes, f->outputs, f->features, 1);
    r->row = room((size_t)lanes, f->features, 1, 1);
    if (!r->point || !r->rest || !r->weight || !r->level || !r->product || !r->below || !r->last || !r->sum ||
        !r->row) {
        reasons_drop(r);
        return NULL;
    }
    for (int64_t q = 0; q < count; q++) {
        r->point[q] = points[q];
        r->rest[q] = 1.0 - points[q];
        r->weight[q] = weights[q];
    }
    memset(r->last, -1, (size_t)f->features * sizeof *r->last);
    return r;
}

static inline double quotient(double a, double b) { return b > 0.0 ? a / b : 0.0; }

/* Multiply an edge's factor into the product, in place of that of the edge above with the same feature. */
WIDE_REGISTERS static void go_down(int64_t count, const double *point, const double *rest, const level_state *edge,
                                   const level_state *above, const double *from, double *to)
{
    for (int64_t q = 0; q < count; q++)
        for (int i = 0; i < LANES; i++) {
            const double factor = edge->zero * rest[q] + edge->one[i] * point[q];
            double product = from[q * LANES + i];
            if (above != NULL)
                product = quotient(product, above->zero * rest[q] + above->one[i] * point[q]);
            to[q * LANES + i] = product * factor;
        }
}

/* Add what the leaves below an edge give to its feature. */
WIDE_REGISTERS static void give(int64_t count, const double *point, const double *rest, const double *weight,
                                const level_state *edge, double sign, const double *below, double *sum)
{
    double total[LANES] = {0};
    for (int64_t q = 0; q < count; q++)
        for (int i = 0; i < LANES; i++)
            total[i] += weight[q] * quotient(below[q * LANES + i], edge->zero * rest[q] + edge->one[i] * point[q]);
    for (int i = 0; i < LANES; i++)
        sum[i] += sign * (edge->one[i] - edge->zero) * total[i];
}

WIDE_REGISTERS static void scale(int64_t count, const double *from, double by, double *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i] * by;
}

WIDE_REGISTERS static void collect(int64_t count, const double *from, double *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* Arrive at the node that level `l` holds. */
static void arrive(reasons *r, int64_t l)
{
    const forest *f = r->f;
    const int64_t size = r->count * LANES;
    level_state *here = r->level + l;
    double *below = r->below + l * f->width * size;
    here->next = 0;
    if (f->node[here->at].left == here->at) {
        here->next = 2;
        for (int64_t o = 0; o < f->width; o++)
            scale(size, r->product + l * size,
                  f->width == 1 ? f->value[here->at] : f->values[f->slot[here->at] * f->width + o], below + o * size);
        return;
    }
    memset(below, 0, (size_t)(f->width * size) * sizeof *below);
    for (int i = 0; i < LANES; i++)
        here->left[i] = goes_left(f, here->at, r->row + i * f->features) ? 1.0 : 0.0;
}

/* Fill level `l + 1` with the next child of level `l`; 0 where neither this row nor any training row goes there. */
static int enter(reasons *r, int64_t l)
{
    const forest *f = r->f;
    level_state *here = r->level + l, *child = here + 1;
    const int32_t feature = f->node[here->at].feature;
    const int side = here->next++;
    double follows = 0.0;
    child->at = f->node[here->at].left + side;
    child->above = r->last[feature];
    const level_state *above = child->above < 0 ? NULL : r->level + child->above;
    child->zero = f->ratio[child->at] * (above == NULL ? 1.0 : above->zero);
    for (int i = 0; i < LANES; i++) {
        child->one[i] = (side == 0 ? here->left[i] : 1.0 - here->left[i]) * (above == NULL ? 1.0 : above->one[i]);
        follows += child->one[i];
    }
    if (child->zero == 0.0 && follows == 0.0)
        return 0;
    const int64_t size = r->count * LANES;
    go_down(r->count, r->point, r->rest, child, above, r->product + l * size, r->product + (l + 1) * size);
    r->last[feature] = (int32_t)(l + 1);
    arrive(r, l + 1);
    return 1;
}

/* Go back up from level `l`, which is done. */
static void leave(reasons *r, int64_t t, int64_t l)
{
    const forest *f = r->f;
    const int64_t size = r->count * LANES;
    const level_state *edge = r->level + l;
    const int32_t feature = f->node[edge[-1].at].feature;
    for (int64_t o = 0; o < f->width; o++) {
        const int64_t output = f->width == 1 ? f->target[t] : o;
        const double *below = r->below + (l * f->width + o) * size;
        double *sum = r->sum + (output * f->features + feature) * LANES;
        give(r->count, r->point, r->rest, r->weight, edge, 1.0, below, sum);
        if (edge->above >= 0)
            give(r->count, r->point, r->rest, r->weight, r->level + edge->above, -1.0, below, sum);
    }
    collect(f->width * size, r->below + l * f->width * size, r->below + (l - 1) * f->width * size);
    r->last[feature] = edge->above;
}

void reasons_rows(reasons *r, const double *rows, int64_t count, double *out)
{
    const forest *f = r->f;
    for (int64_t i = 0; i < LANES; i++)
        memcpy(r->row + i * f->features, rows + (i < count ? i : count - 1) * f->features,
               (size_t)f->features * sizeof *rows);
    memset(r->sum, 0, (size_t)(f->outputs * f->features * LANES) * sizeof *r->sum);
    for (int64_t t = 0; t < f->trees; t++) {
        int64_t l = 0;
        r->level[0].at = f->root[t];
        for (int64_t i = 0; i < r->count * LANES; i++)
            r->product[i] = 1.0;
        arrive(r, 0);
        while (l > 0 || r->level[0].next < 2) {
            if (r->level[l].next < 2) {
                l += enter(r, l);
            } else {
                leave(r, t, l);
                l--;
            }
        }
    }
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < f->outputs * f->features; j++)
            out[i * f->outputs * f->features + j] = r->sum[j * LANES + i] / f->divide;
}
