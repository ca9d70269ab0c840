/* Scores of rows. Sums are taken in the order of the trees, so every form gives the same bits. */
#include "forest.h"

#include <string.h>

static inline int32_t step_plain(const forest *f, int32_t at, const double *row)
{
    const node here = f->node[at];
    return here.left + !(row[here.feature] <= here.test.threshold);
}

static inline int32_t step_any(const forest *f, int32_t at, const double *row)
{
    const int32_t left = f->node[at].left;
    return left == at ? at : left + !goes_left(f, at, row);
}

/* Numbers alone, of which some may be missing; no flag but MISSING_LEFT is set then. */
static inline int32_t step_missing(const forest *f, int32_t at, const double *row)
{
    const node here = f->node[at];
    const double v = row[here.feature];
    const int32_t right = !(v <= here.test.threshold), kept = (v != v) & f->flags[at];
    return here.left + (right & ~kept);
}

/* Take STEP rows, or one row through STEP trees, down to their leaves. Nothing is asked on the way to the level `sure`,
 * which few leaves lie below; from there on, where nobody moved all are there. */
#define DESCEND(step)                                                                                                 \
    do {                                                                                                              \
        int32_t level = 0;                                                                                            \
        for (; level < sure; level++)                                                                                 \
            for (int i = 0; i < STEP; i++)                                                                            \
                at[i] = step(f, at[i], ROW(i));                                                                       \
        while (level < deepest) {                                                                                     \
            int32_t before[STEP], moved = 0;                                                                          \
            for (int i = 0; i < STEP; i++)                                                                            \
                at[i] = step(f, at[i], ROW(i));                                                                       \
            memcpy(before, at, sizeof at);                                                                            \
            for (int i = 0; i < STEP; i++)                                                                            \
                at[i] = step(f, at[i], ROW(i));                                                                       \
            for (int i = 0; i < STEP; i++)                                                                            \
                moved |= before[i] ^ at[i];                                                                           \
            level += 2;                                                                                               \
            if (moved == 0)                                                                                           \
                break;                                                                                                \
        }                                                                                                             \
    } while (0)

#define ROW(i) (rows + (int64_t)(i) * f->features)
#define ROWS_DOWN(name, step)                                                                                         \
    static void name(const forest *f, int64_t t, const double *rows, int32_t *restrict leaf)                          \
    {                                                                                                                 \
        const int32_t sure = f->sure[t], deepest = f->deepest[t], root = f->root[t];                            \
        int32_t at[STEP];                                                                                             \
        for (int i = 0; i < STEP; i++)                                                                                \
            at[i] = root;                                                                                             \
        DESCEND(step);                                                                                                \
        memcpy(leaf, at, sizeof at);                                                                                  \
    }
ROWS_DOWN(rows_plain, step_plain)
ROWS_DOWN(rows_missing, step_missing)
ROWS_DOWN(rows_any, step_any)
#undef ROW

#define ROW(i) (row)
/* Fewer than STEP trees are filled up with the last one, whose leaves beyond nobody adds. */
#define TREES_DOWN(name, step)                                                                                        \
    static void name(const forest *f, int64_t t, const double *row, int32_t *restrict leaf)                           \
    {                                                                                                                 \
        int32_t sure = 0, deepest = 0, at[STEP];                                                                      \
        for (int i = 0; i < STEP; i++) {                                                                              \
            const int64_t tree = t + i < f->trees ? t + i : f->trees - 1;                                             \
            at[i] = f->root[tree];                                                                                    \
            sure = f->sure[tree] > sure ? f->sure[tree] : sure;                                                       \
            deepest = f->deepest[tree] > deepest ? f->deepest[tree] : deepest;                                        \
        }                                                                                                             \
        DESCEND(step);                                                                                                \
        memcpy(leaf, at, sizeof at);                                                                                  \
    }
TREES_DOWN(trees_plain, step_plain)
TREES_DOWN(trees_missing, step_missing)
TREES_DOWN(trees_any, step_any)
#undef ROW

static int32_t walk(const forest *f, int64_t t, const double *row)
{
    int32_t at = f->root[t];
    while (f->node[at].left != at)
        at = f->node[at].left + !goes_left(f, at, row);
    return at;
}

static inline void add(const forest *f, int64_t t, int32_t leaf, double *scores)
{
    if (f->width == 1) {
        scores[f->target[t]] += f->value[leaf];
    } else {
        const double *values = f->values + f->slot[leaf] * f->width;
        for (int64_t o = 0; o < f->width; o++)
            scores[o] += values[o];
    }
}

typedef void descent(const forest *, int64_t, const double *, int32_t *restrict);

static int any_missing(const double *numbers, int64_t count)
{
    int missing = 0;
    for (int64_t i = 0; i < count; i++)
        missing |= numbers[i] != numbers[i];
    return missing;
}

static void finish(const forest *f, int64_t count, double *scores)
{
    if (f->divide != 1.0)
        for (int64_t i = 0; i < count * f->outputs; i++)
            scores[i] /= f->divide;
}

void forest_row(const forest *f, const double *row, double *scores)
{
    descent *down = !f->plain ? trees_any : any_missing(row, f->features) ? trees_missing : trees_plain;
    int64_t t = 0;
    int32_t leaf[STEP];
    memcpy(scores, f->base, (size_t)f->outputs * sizeof *scores);
    if (f->outputs == 1) { /* the sum stays in a register */
        double sum = *scores;
        for (; t + STEP <= f->trees; t += STEP) {
            down(f, t, row, leaf);
            for (int i = 0; i < STEP; i++)
                sum += f->value[leaf[i]];
        }
        *scores = sum;
    }
    for (; t + 2 < f->trees; t += STEP) {
        down(f, t, row, leaf);
        for (int i = 0; i < STEP && t + i < f->trees; i++)
            add(f, t + i, leaf[i], scores);
    }
    for (; t < f->trees; t++)
        add(f, t, walk(f, t, row), scores);
    finish(f, 1, scores);
}

void forest_block(const forest *f, const double *rows, int64_t count, double *scores)
{
    descent *down = !f->plain ? rows_any : any_missing(rows, count * f->features) ? rows_missing : rows_plain;
    int32_t leaf[BLOCK];
    for (int64_t r = 0; r < count; r++)
        memcpy(scores + r * f->outputs, f->base, (size_t)f->outputs * sizeof *scores);
    for (int64_t t = 0; t < f->trees; t++) {
        int64_t r = 0;
        for (; r + STEP <= count; r += STEP)
            down(f, t, rows + r * f->features, leaf + r);
        for (; r < count; r++)
            leaf[r] = walk(f, t, rows + r * f->features);
        if (f->width == 1) {
            double *to = scores + f->target[t];
            for (r = 0; r < count; r++)
                to[r * f->outputs] += f->value[leaf[r]];
        } else {
            for (r = 0; r < count; r++)
                add(f, t, leaf[r], scores + r * f->outputs);
        }
    }
    finish(f, count, scores);
}
