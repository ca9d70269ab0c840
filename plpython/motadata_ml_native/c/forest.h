/* Decision trees laid out for the processor, and what is computed over them. No Python in here.
 *
 * A node takes 16 bytes. The trees lie one behind the other, each breadth first, so a node's right child follows its
 * left one, and a step down is `left + (goes right)` with nothing to mispredict. A leaf points to itself and has an
 * infinite threshold, so going on from a leaf stays there.
 */
#ifndef MOTADATA_ML_FOREST_H
#define MOTADATA_ML_FOREST_H

#include <stdint.h>

#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define WIDE_REGISTERS __attribute__((target_clones("avx2", "default")))
#else
#define WIDE_REGISTERS
#endif

enum {
    MISSING_LEFT = 1, /* NaN goes left */
    CATEGORY = 2,     /* compares with a set instead of a threshold */
    OUTSIDE_LEFT = 4, /* a number that no set of the node's can hold goes left */
    MAX_DEPTH = 4096,
    BLOCK = 256, /* rows that go through one tree after the other: a tree stays in the first cache */
    STEP = 16,   /* rows, or trees, that go down together: as many loads are under way at once */
    LANES = 4    /* rows whose reasons are computed together */
};

typedef struct {
    uint32_t first; /* word of the set's first bit */
    uint32_t bits;
} category_set;

typedef struct {
    union {
        double threshold;
        category_set set;
    } test;
    int32_t feature;
    int32_t left; /* counted over all trees */
} node;

typedef struct {
    int64_t trees, nodes, features, outputs;
    int64_t width;         /* numbers a leaf holds: 1, or `outputs` */
    int64_t depth;         /* of the deepest tree; a single leaf has 0 */
    int64_t path_features; /* distinct features on a path, at the most; only where there are covers */
    int64_t nbytes;
    int plain; /* no sets */
    node *node;
    uint8_t *flags;    /* a node's */
    double *value;     /* a node's, where width is 1 */
    int32_t *slot;     /* a node's row of `values`, where width is more; -1 but for leaves */
    double *values;    /* (leaves, width) */
    int32_t *root;     /* a tree's, and one more: where the next would begin */
    int32_t *deepest;  /* level of a tree's deepest leaf */
    int32_t *sure;     /* level to which a tree is gone down without asking: few leaves lie below */
    int32_t *target;   /* the output that a tree adds to, where width is 1 */
    uint32_t *words;   /* bits of all sets */
    double *base;      /* (outputs,): where sums begin */
    double *expected;  /* (outputs,): answers without any feature known; only where there are covers */
    double *ratio;     /* a node's share of its parent's cover; only where there are covers */
    double divide;
} forest;

/* What `forest_make` reads: arrays of the caller's, whose sizes agree. */
typedef struct {
    int64_t trees, nodes, features, outputs, width, sets, words;
    const int64_t *starts; /* (trees + 1,) */
    const int32_t *feature, *left, *right;
    const double *threshold, *values; /* (nodes,), (nodes, width) */
    const uint8_t *missing_left;
    const int32_t *target;       /* (trees,) or NULL */
    const double *base;          /* (outputs,) or NULL */
    const double *cover;         /* (nodes,) or NULL */
    const int32_t *category;     /* (nodes,) or NULL: a set's number, -1 for none */
    const uint8_t *outside_left; /* (nodes,) or NULL */
    const int64_t *set_starts;   /* (sets + 1,) */
    const uint32_t *set_words;   /* (words,) */
    double divide;
} forest_source;

/* What is wrong with a source: a text that takes the place, or memory that is not there. */
typedef struct {
    const char *rule; /* NULL where there is no memory */
    int64_t place;
} forest_fault;

/* Check everything, then lay it out; -1 and the fault where that cannot be. */
int forest_make(forest *made, const forest_source *source, forest_fault *fault);
void forest_drop(forest *made);

/* Scores of one row. */
void forest_row(const forest *f, const double *row, double *scores);

/* Scores of at most BLOCK rows that lie one behind the other. */
void forest_block(const forest *f, const double *rows, int64_t count, double *scores);

/* Reasons: what each feature adds to each score, exactly, by path-dependent TreeSHAP. */
typedef struct reasons reasons;
reasons *reasons_make(const forest *f, const double *points, const double *weights, int64_t count);
void reasons_drop(reasons *r);

/* Reasons of at most LANES rows: (count, outputs, features). */
void reasons_rows(reasons *r, const double *rows, int64_t count, double *out);

/* Whether a row goes left at a node: the long way, which knows NaN and sets. */
static inline int goes_left(const forest *f, int32_t at, const double *row)
{
    const node *here = f->node + at;
    const int flags = f->flags[at];
    const double v = row[here->feature];
    if (v != v)
        return flags & MISSING_LEFT;
    if (flags & CATEGORY) {
        /* -0.5 is cut to 0, which an empty set has no bit for either */
        if (!(v > -1.0 && v < (double)here->test.set.bits) || here->test.set.bits == 0)
            return (flags & OUTSIDE_LEFT) != 0;
        const uint32_t bit = (uint32_t)(int64_t)v;
        return f->words[here->test.set.first + bit / 32] >> bit % 32 & 1;
    }
    return v <= here->test.threshold;
}

#endif
