/* Checking and laying out trees. What comes out of here cannot make the loops read outside of its arrays. */
#include "forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *room(forest *made, int64_t count, size_t size)
{
    if (count < 0 || (uint64_t)count > (SIZE_MAX - 1) / size)
        return NULL;
    made->nbytes += count * (int64_t)size;
    return calloc(count > 0 ? (size_t)count : 1, size);
}

void forest_drop(forest *made)
{
    free(made->node);
    free(made->flags);
    free(made->value);
    free(made->slot);
    free(made->values);
    free(made->root);
    free(made->deepest);
    free(made->sure);
    free(made->target);
    free(made->words);
    free(made->base);
    free(made->expected);
    free(made->ratio);
    memset(made, 0, sizeof *made);
}

static int fail(forest_fault *fault, const char *rule, int64_t place)
{
    fault->rule = rule;
    fault->place = place;
    return -1;
}

static int check_frame(const forest_source *s, forest_fault *fault)
{
    if (s->features < 1 || s->features >= INT32_MAX)
        return fail(fault, "features must be from 1 to 2147483646, got %lld", s->features);
    if (s->outputs < 1 || s->outputs >= INT32_MAX)
        return fail(fault, "outputs must be from 1 to 2147483646, got %lld", s->outputs);
    if (s->nodes >= INT32_MAX || s->trees >= INT32_MAX)
        return fail(fault, "there must be fewer than 2147483647 nodes, got %lld", s->nodes);
    if (s->width != 1 && s->width != s->outputs)
        return fail(fault, "values must have one number a node, or one for each output; got %lld", s->width);
    if (!(isfinite(s->divide) && s->divide != 0.0))
        return fail(fault, "divide must be finite and not 0", 0);
    if (s->starts[0] != 0 || s->starts[s->trees] != s->nodes)
        return fail(fault, "starts must begin with 0 and end with the number of nodes, %lld", s->nodes);
    for (int64_t t = 0; t < s->trees; t++)
        if (s->starts[t + 1] <= s->starts[t])
            return fail(fault, "starts must grow; they do not at tree %lld", t);
    if (s->category != NULL) {
        if (s->words >= INT32_MAX || s->sets >= INT32_MAX)
            return fail(fault, "there must be fewer than 2147483647 words of sets, got %lld", s->words);
        if (s->set_starts[0] != 0 || s->set_starts[s->sets] != s->words)
            return fail(fault, "set_starts must begin with 0 and end with the number of words, %lld", s->words);
        for (int64_t i = 0; i < s->sets; i++)
            /* a set's bits are counted in 32 bits */
            if (s->set_starts[i + 1] < s->set_starts[i] || s->set_starts[i + 1] - s->set_starts[i] > INT32_MAX / 32)
                return fail(fault, "set_starts must not fall, nor a set have 67108864 words; set %lld does", i);
    }
    return 0;
}

/* Arrays of the caller's that decide where the loops go, copied so that nobody changes them once they were checked. */
typedef struct {
    int32_t *feature, *left, *right, *category, *order;
    int64_t *starts, *set_starts;
    uint8_t *seen;
} draft;

static void drop_draft(draft *d)
{
    free(d->feature);
    free(d->left);
    free(d->right);
    free(d->category);
    free(d->order);
    free(d->starts);
    free(d->set_starts);
    free(d->seen);
}

static void *copy(const void *from, int64_t count, size_t size)
{
    void *made = malloc(count > 0 ? (size_t)count * size : 1);
    if (made != NULL && count > 0)
        memcpy(made, from, (size_t)count * size);
    return made;
}

static int make_draft(draft *d, const forest_source *s)
{
    d->feature = copy(s->feature, s->nodes, sizeof *d->feature);
    d->left = copy(s->left, s->nodes, sizeof *d->left);
    d->right = copy(s->right, s->nodes, sizeof *d->right);
    d->starts = copy(s->starts, s->trees + 1, sizeof *d->starts);
    d->order = malloc((size_t)(s->nodes + 1) * sizeof *d->order);
    d->seen = calloc((size_t)(s->nodes + 1), 1);
    if (!d->feature || !d->left || !d->right || !d->starts || !d->order || !d->seen)
        return -1;
    if (s->category != NULL) {
        d->category = copy(s->category, s->nodes, sizeof *d->category);
        d->set_starts = copy(s->set_starts, s->sets + 1, sizeof *d->set_starts);
        if (!d->category || !d->set_starts)
            return -1;
    }
    return 0;
}

/* Check the nodes of one tree: `size` of them from `start` on; children are counted within the tree. */
static int check_tree(const forest_source *s, const draft *d, int64_t start, int64_t size, forest_fault *fault)
{
    uint8_t *seen = d->seen + start;
    for (int64_t i = 0; i < size; i++) {
        const int64_t at = start + i, left = d->left[at], right = d->right[at];
        if (left == -1 && right == -1)
            continue;
        if (left <= i || right <= i || left >= size || right >= size || left == right)
            return fail(fault, "left and right must be two later nodes of the tree, or both -1; they are not at node %lld",
                        at);
        if (seen[left] || seen[right])
            return fail(fault, "a node must be the child of one; it is not so for a child of node %lld", at);
        seen[left] = seen[right] = 1;
        if (d->feature[at] < 0 || d->feature[at] >= s->features)
            return fail(fault, "feature must be one of the features; it is not at node %lld", at);
        if (d->category != NULL && (d->category[at] < -1 || d->category[at] >= s->sets))
            return fail(fault, "category must be the number of a set, or -1; it is not at node %lld", at);
    }
    return 0;
}

static int lay_node(forest *made, const forest_source *s, const draft *d, int64_t from, int32_t to, int32_t left,
                    forest_fault *fault)
{
    node *here = made->node + to;
    if (left == to) { /* a leaf */
        here->test.threshold = INFINITY;
        here->left = to;
        made->flags[to] = MISSING_LEFT;
        return 0;
    }
    here->feature = d->feature[from];
    here->left = left;
    made->flags[to] = s->missing_left[from] ? MISSING_LEFT : 0;
    if (d->category != NULL && d->category[from] >= 0) {
        const int64_t *bounds = d->set_starts + d->category[from];
        here->test.set.first = (uint32_t)bounds[0];
        here->test.set.bits = (uint32_t)(bounds[1] - bounds[0]) * 32;
        made->flags[to] |= CATEGORY | (s->outside_left != NULL && s->outside_left[from] ? OUTSIDE_LEFT : 0);
        made->plain = 0;
        return 0;
    }
    here->test.threshold = s->threshold[from];
    if (isnan(here->test.threshold))
        return fail(fault, "threshold must be a number; it is not at node %lld", from);
    return 0;
}

static int lay_cover(forest *made, const forest_source *s, const draft *d, int64_t start, int64_t from, int32_t left,
                     forest_fault *fault)
{
    const double whole = s->cover[from];
    const double parts[2] = {s->cover[start + d->left[from]], s->cover[start + d->right[from]]};
    if (!(whole > 0.0 && isfinite(whole)))
        return fail(fault, "cover must be above 0 and finite where a node splits; it is not at node %lld", from);
    for (int side = 0; side < 2; side++) {
        const double ratio = parts[side] / whole;
        if (!(ratio >= 0.0 && isfinite(ratio)))
            return fail(fault, "cover must be at least 0 and finite; it is not below node %lld", from);
        made->ratio[left + side] = ratio;
    }
    return 0;
}

/* Lay out one tree breadth first; nodes that the root does not reach stay out. Returns the place behind it, or -1. */
static int64_t lay_tree(forest *made, const forest_source *s, const draft *d, int64_t t, int32_t first, int64_t *leaves,
                        forest_fault *fault)
{
    const int64_t start = d->starts[t];
    int32_t *order = d->order, level = 0;
    int64_t count = 1, level_end = 1, levels = 0, ends = 0;
    order[0] = 0;
    made->root[t] = first;
    if (s->cover != NULL)
        made->ratio[first] = 1.0;
    for (int64_t i = 0; i < count; i++) {
        if (i == level_end) {
            level++;
            level_end = count;
            if (level > MAX_DEPTH)
                return fail(fault, "a tree must be at most 4096 deep; tree %lld is not", t);
        }
        const int64_t from = start + order[i];
        const int32_t to = first + (int32_t)i;
        if (d->left[from] < 0) {
            levels += level;
            ends++;
            (void)lay_node(made, s, d, from, to, to, fault);
            if (s->width == 1) {
                made->value[to] = s->values[from];
            } else {
                made->slot[to] = (int32_t)*leaves;
                memcpy(made->values + *leaves * s->width, s->values + from * s->width,
                       (size_t)s->width * sizeof *s->values);
            }
            ++*leaves;
            continue;
        }
        const int32_t left = first + (int32_t)count;
        order[count++] = d->left[from];
        order[count++] = d->right[from];
        if (lay_node(made, s, d, from, to, left, fault) < 0)
            return -1;
        if (s->cover != NULL && lay_cover(made, s, d, start, from, left, fault) < 0)
            return -1;
    }
    made->deepest[t] = level;
    made->sure[t] = level - (int32_t)(levels / ends) <= 2 ? level : (int32_t)(levels / ends);
    if (level > made->depth)
        made->depth = level;
    return first + count;
}

/* Answers without any feature known, and how many distinct features a path has at the most. */
static int weigh(forest *made)
{
    double *weight = malloc((size_t)(made->nodes + 1) * sizeof *weight);
    int32_t *distinct = malloc((size_t)(made->nodes + 1) * sizeof *distinct);
    int32_t *parent = malloc((size_t)(made->nodes + 1) * sizeof *parent);
    if (!weight || !distinct || !parent) {
        free(weight);
        free(distinct);
        free(parent);
        return -1;
    }
    for (int64_t t = 0; t < made->trees; t++) {
        const int32_t root = made->root[t];
        weight[root] = 1.0;
        distinct[root] = 0;
        parent[root] = -1;
        for (int32_t at = root; at < made->root[t + 1]; at++) {
            const int32_t left = made->node[at].left, feature = made->node[at].feature;
            if (left == at) {
                if (made->width == 1)
                    made->expected[made->target[t]] += weight[at] * made->value[at];
                else
                    for (int64_t o = 0; o < made->width; o++)
                        made->expected[o] += weight[at] * made->values[made->slot[at] * made->width + o];
                if (distinct[at] > made->path_features)
                    made->path_features = distinct[at];
                continue;
            }
            int known = 0;
            for (int32_t above = parent[at]; above >= 0 && !known; above = parent[above])
                known = made->node[above].feature == feature;
            for (int32_t child = left; child < left + 2; child++) {
                weight[child] = weight[at] * made->ratio[child];
                distinct[child] = distinct[at] + !known;
                parent[child] = at;
            }
        }
    }
    for (int64_t o = 0; o < made->outputs; o++)
        made->expected[o] /= made->divide;
    free(weight);
    free(distinct);
    free(parent);
    return 0;
}

static int allocate(forest *made, const forest_source *s, int64_t leaves)
{
    made->node = room(made, s->nodes, sizeof *made->node);
    made->flags = room(made, s->nodes, sizeof *made->flags);
    made->root = room(made, s->trees + 1, sizeof *made->root);
    made->deepest = room(made, s->trees, sizeof *made->deepest);
    made->sure = room(made, s->trees, sizeof *made->sure);
    made->target = room(made, s->trees, sizeof *made->target);
    made->base = room(made, s->outputs, sizeof *made->base);
    if (!made->node || !made->flags || !made->root || !made->deepest || !made->sure || !made->target || !made->base)
        return -1;
    if (s->width == 1) {
        made->value = room(made, s->nodes, sizeof *made->value);
        if (!made->value)
            return -1;
    } else {
        made->slot = room(made, s->nodes, sizeof *made->slot);
        made->values = leaves > INT64_MAX / s->width ? NULL : room(made, leaves * s->width, sizeof *made->values);
        if (!made->slot || !made->values)
            return -1;
        memset(made->slot, -1, (size_t)s->nodes * sizeof *made->slot);
    }
    if (s->category != NULL) {
        made->words = room(made, s->words, sizeof *made->words);
        if (!made->words)
            return -1;
        memcpy(made->words, s->set_words, (size_t)s->words * sizeof *made->words);
    }
    if (s->cover != NULL) {
        made->ratio = room(made, s->nodes, sizeof *made->ratio);
        made->expected = room(made, s->outputs, sizeof *made->expected);
        if (!made->ratio || !made->expected)
            return -1;
    }
    return 0;
}

int forest_make(forest *made, const forest_source *s, forest_fault *fault)
{
    draft d = {0};
    int64_t leaves = 0, place = 0;
    int result = -1;
    memset(made, 0, sizeof *made);
    memset(fault, 0, sizeof *fault);
    if (make_draft(&d, s) < 0)
        goto end;
    forest_source checked = *s; /* its frame is the copy's */
    checked.starts = d.starts;
    checked.set_starts = d.set_starts;
    if (check_frame(&checked, fault) < 0)
        goto end;
    for (int64_t i = 0; i < s->nodes; i++)
        leaves += d.left[i] < 0;
    made->trees = s->trees;
    made->features = s->features;
    made->outputs = s->outputs;
    made->width = s->width;
    made->divide = s->divide;
    made->plain = 1;
    if (allocate(made, s, leaves) < 0)
        goto end;
    for (int64_t t = 0; t < s->trees; t++) {
        if (check_tree(s, &d, d.starts[t], d.starts[t + 1] - d.starts[t], fault) < 0)
            goto end;
        if (s->target != NULL)
            made->target[t] = s->target[t];
        if (made->target[t] < 0 || made->target[t] >= s->outputs) {
            fail(fault, "target must be one of the outputs; it is not for tree %lld", t);
            goto end;
        }
    }
    leaves = 0;
    for (int64_t t = 0; t < s->trees; t++) {
        place = lay_tree(made, s, &d, t, (int32_t)place, &leaves, fault);
        if (place < 0)
            goto end;
    }
    made->root[s->trees] = (int32_t)place;
    made->nodes = place;
    if (s->base != NULL)
        memcpy(made->base, s->base, (size_t)s->outputs * sizeof *s->base);
    if (s->cover != NULL) {
        memcpy(made->expected, made->base, (size_t)s->outputs * sizeof *made->base);
        if (weigh(made) < 0)
            goto end;
    }
    result = 0;
end:
    drop_draft(&d);
    if (result < 0)
        forest_drop(made);
    return result;
}
