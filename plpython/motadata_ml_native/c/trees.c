/* `Trees` and one bound row of them, as Python sees them. */
#include "forest.h"
#include "module.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    forest f;
} trees_object;

typedef struct {
    PyObject_HEAD
    PyObject *trees;
    Py_buffer row;
    double *scores;
} row_object;

static void drop(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    forest_drop(&((trees_object *)self)->f);
    release(self);
    Py_DECREF(type);
}

static PyObject *fresh(PyTypeObject *type)
{
    allocfunc make = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    return make(type, 0);
}

enum { STARTS, FEATURE, THRESHOLD, LEFT, RIGHT, MISSING, VALUES, TARGET, BASE, COVER, CATEGORY_OF, SET_STARTS, SET_WORDS,
       OUTSIDE, ARRAYS };

static const struct {
    const char *name;
    char kind;
    int dimensions;
    int optional;
} arrays[ARRAYS] = {
    {"starts", 'q', 1, 0},     {"feature", 'i', 1, 0},   {"threshold", 'd', 1, 0}, {"left", 'i', 1, 0},
    {"right", 'i', 1, 0},      {"missing_left", 'B', 1, 0}, {"values", 'd', 2, 0}, {"target", 'i', 1, 1},
    {"base", 'd', 1, 1},       {"cover", 'd', 1, 1},     {"category", 'i', 1, 1},  {"set_starts", 'q', 1, 1},
    {"set_words", 'I', 1, 1},  {"outside_left", 'B', 1, 1},
};

static int check_sizes(const Py_buffer *view, int64_t nodes, int64_t trees, int64_t outputs)
{
    for (int i = 0; i < ARRAYS; i++) {
        const int64_t wanted = i == STARTS ? trees + 1 : i == TARGET ? trees : i == BASE ? outputs : nodes;
        if (view[i].obj == NULL || i == SET_STARTS || i == SET_WORDS || view[i].shape[0] == wanted)
            continue;
        PyErr_Format(PyExc_ValueError, "%s must have %lld rows, got %zd", arrays[i].name, wanted, view[i].shape[0]);
        return -1;
    }
    const int sets = (view[CATEGORY_OF].obj != NULL) + (view[SET_STARTS].obj != NULL) + (view[SET_WORDS].obj != NULL);
    if (sets != 0 && sets != 3) {
        PyErr_SetString(PyExc_ValueError, "category, set_starts and set_words belong together");
        return -1;
    }
    if (sets == 3 && view[SET_STARTS].shape[0] < 1) {
        PyErr_SetString(PyExc_ValueError, "set_starts must have a row for each set, and one more");
        return -1;
    }
    return 0;
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"features",  "outputs", "starts",   "feature",    "threshold", "left",         "right",
                            "missing_left", "values", "target", "base",       "cover",     "category",     "set_starts",
                            "set_words", "outside_left", "divide", NULL};
    Py_ssize_t features, outputs;
    double divide = 1.0;
    PyObject *given[ARRAYS];
    Py_buffer view[ARRAYS];
    PyObject *self = NULL;
    memset(view, 0, sizeof view);
    for (int i = 0; i < ARRAYS; i++)
        given[i] = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "nn|$OOOOOOOOOOOOOOd:Trees", names, &features, &outputs,
                                     &given[STARTS], &given[FEATURE], &given[THRESHOLD], &given[LEFT], &given[RIGHT],
                                     &given[MISSING], &given[VALUES], &given[TARGET], &given[BASE], &given[COVER],
                                     &given[CATEGORY_OF], &given[SET_STARTS], &given[SET_WORDS], &given[OUTSIDE],
                                     &divide))
        return NULL;
    for (int i = 0; i < ARRAYS; i++) {
        if (given[i] == Py_None && arrays[i].optional)
            continue;
        if (take_array(given[i], arrays[i].name, arrays[i].kind, arrays[i].dimensions, 0, &view[i]) < 0)
            goto end;
    }
    const int64_t nodes = view[FEATURE].shape[0], trees = view[STARTS].shape[0] - 1;
    if (trees < 0) {
        PyErr_SetString(PyExc_ValueError, "starts must have a row for each tree, and one more");
        goto end;
    }
    if (check_sizes(view, nodes, trees, outputs) < 0)
        goto end;
    const forest_source source = {
        .trees = trees,
        .nodes = nodes,
        .features = features,
        .outputs = outputs,
        .width = view[VALUES].shape[1],
        .sets = view[SET_STARTS].obj == NULL ? 0 : view[SET_STARTS].shape[0] - 1,
        .words = view[SET_WORDS].obj == NULL ? 0 : view[SET_WORDS].shape[0],
        .starts = view[STARTS].buf,
        .feature = view[FEATURE].buf,
        .left = view[LEFT].buf,
        .right = view[RIGHT].buf,
        .threshold = view[THRESHOLD].buf,
        .values = view[VALUES].buf,
        .missing_left = view[MISSING].buf,
        .target = view[TARGET].buf,
        .base = view[BASE].buf,
        .cover = view[COVER].buf,
        .category = view[CATEGORY_OF].buf,
        .outside_left = view[OUTSIDE].buf,
        .set_starts = view[SET_STARTS].buf,
        .set_words = view[SET_WORDS].buf,
        .divide = divide,
    };
    forest_fault fault;
    self = fresh(type);
    if (self != NULL && forest_make(&((trees_object *)self)->f, &source, &fault) < 0) {
        Py_CLEAR(self);
        if (fault.rule == NULL)
            PyErr_NoMemory();
        else
            PyErr_Format(PyExc_ValueError, fault.rule, (long long)fault.place);
    }
end:
    for (int i = 0; i < ARRAYS; i++)
        give_back(&view[i]);
    return self;
}

static PyObject *table(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"rows", "out", "start", "stop", NULL};
    const forest *f = &((trees_object *)self)->f;
    PyObject *rows, *out, *stop = Py_None;
    Py_ssize_t start = 0;
    row_range range;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|nO:table", names, &rows, &out, &start, &stop) ||
        take_rows(rows, f->features, out, f->outputs, start, stop, &range) < 0)
        return NULL;
    double *block = NULL;
    if (!range.direct) {
        block = (uint64_t)f->features > SIZE_MAX / BLOCK / sizeof *block
                    ? NULL
                    : malloc((size_t)f->features * BLOCK * sizeof *block);
        if (block == NULL) {
            give_rows_back(&range);
            return PyErr_NoMemory();
        }
    }
    Py_BEGIN_ALLOW_THREADS
    for (int64_t at = range.start; at < range.stop; at += BLOCK) {
        const int64_t count = range.stop - at < BLOCK ? range.stop - at : BLOCK;
        const double *from = block;
        if (range.direct)
            from = (const double *)range.rows.buf + at * f->features;
        else
            copy_rows(&range, at, count, f->features, block);
        forest_block(f, from, count, (double *)range.out.buf + at * f->outputs);
    }
    Py_END_ALLOW_THREADS
    free(block);
    give_rows_back(&range);
    Py_RETURN_NONE;
}

static int check_rule(const forest *f, const Py_buffer *points, const Py_buffer *weights)
{
    const double *point = points->buf;
    if (f->ratio == NULL) {
        PyErr_SetString(PyExc_ValueError, "reasons need trees with cover");
        return -1;
    }
    if (points->shape[0] != weights->shape[0] || 2 * (int64_t)points->shape[0] < f->path_features) {
        PyErr_Format(PyExc_ValueError, "points and weights must be at least %lld, and as many", (f->path_features + 1) / 2);
        return -1;
    }
    for (Py_ssize_t i = 0; i < points->shape[0]; i++)
        if (!(point[i] > 0.0 && point[i] < 1.0)) {
            PyErr_SetString(PyExc_ValueError, "points must lie between 0 and 1");
            return -1;
        }
    return 0;
}

static PyObject *explain(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"rows", "out", "points", "weights", "start", "stop", NULL};
    const forest *f = &((trees_object *)self)->f;
    PyObject *rows, *out, *given_points, *given_weights, *stop = Py_None, *result = NULL;
    Py_ssize_t start = 0;
    row_range range;
    Py_buffer points = {0}, weights = {0};
    reasons *state = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOO|nO:reasons", names, &rows, &out, &given_points, &given_weights,
                                     &start, &stop) ||
        take_rows(rows, f->features, out, f->outputs * f->features, start, stop, &range) < 0)
        return NULL;
    if (take_array(given_points, "points", 'd', 1, 0, &points) < 0 ||
        take_array(given_weights, "weights", 'd', 1, 0, &weights) < 0 || check_rule(f, &points, &weights) < 0)
        goto end;
    state = reasons_make(f, points.buf, weights.buf, points.shape[0]);
    double *block = (uint64_t)f->features > SIZE_MAX / LANES / sizeof *block
                        ? NULL
                        : malloc((size_t)f->features * LANES * sizeof *block);
    if (state == NULL || block == NULL) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        for (int64_t at = range.start; at < range.stop; at += LANES) {
            const int64_t count = range.stop - at < LANES ? range.stop - at : LANES;
            copy_rows(&range, at, count, f->features, block);
            reasons_rows(state, block, count, (double *)range.out.buf + at * f->outputs * f->features);
        }
        Py_END_ALLOW_THREADS
        result = Py_NewRef(Py_None);
    }
    free(block);
end:
    reasons_drop(state);
    give_back(&points);
    give_back(&weights);
    give_rows_back(&range);
    return result;
}

static PyObject *bind(PyObject *self, PyTypeObject *type, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    const forest *f = &((trees_object *)self)->f;
    if (count != 1 || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "bind takes one array");
        return NULL;
    }
    module_state *state = PyType_GetModuleState(type);
    row_object *bound = (row_object *)fresh((PyTypeObject *)state->trees_row);
    if (bound == NULL)
        return NULL;
    bound->trees = Py_NewRef(self);
    bound->scores = calloc((size_t)f->outputs, sizeof *bound->scores);
    if (bound->scores == NULL) {
        Py_DECREF(bound);
        return PyErr_NoMemory();
    }
    if (take_array(args[0], "row", 'd', 1, 0, &bound->row) < 0) {
        Py_DECREF(bound);
        return NULL;
    }
    if (bound->row.shape[0] != f->features) {
        PyErr_Format(PyExc_ValueError, "row must have %lld numbers, got %zd", (long long)f->features,
                     bound->row.shape[0]);
        Py_DECREF(bound);
        return NULL;
    }
    return (PyObject *)bound;
}

static void drop_row(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    row_object *bound = (row_object *)self;
    give_back(&bound->row);
    free(bound->scores);
    Py_XDECREF(bound->trees);
    release(self);
    Py_DECREF(type);
}

static PyObject *row_scores(PyObject *self, PyObject *unused)
{
    row_object *bound = (row_object *)self;
    const forest *f = &((trees_object *)bound->trees)->f;
    (void)unused;
    forest_row(f, bound->row.buf, bound->scores);
    return floats_list(bound->scores, f->outputs);
}

/* Whole numbers that a getter's closure points at. */
enum { GET_FEATURES, GET_OUTPUTS, GET_TREES, GET_NODES, GET_DEPTH, GET_PATH, GET_BYTES };
static const int whole[] = {GET_FEATURES, GET_OUTPUTS, GET_TREES, GET_NODES, GET_DEPTH, GET_PATH, GET_BYTES};

static PyObject *get_whole(PyObject *self, void *closure)
{
    const forest *f = &((trees_object *)self)->f;
    const int64_t numbers[] = {f->features, f->outputs, f->trees, f->nodes, f->depth, f->path_features, f->nbytes};
    return PyLong_FromLongLong(numbers[*(const int *)closure]);
}

static PyObject *get_expected(PyObject *self, void *closure)
{
    const forest *f = &((trees_object *)self)->f;
    (void)closure;
    if (f->expected == NULL)
        Py_RETURN_NONE;
    return floats_list(f->expected, f->outputs);
}

static PyGetSetDef getters[] = {
    {"features", get_whole, NULL, "Numbers of a row.", (void *)&whole[GET_FEATURES]},
    {"outputs", get_whole, NULL, "Scores of a row.", (void *)&whole[GET_OUTPUTS]},
    {"trees", get_whole, NULL, "How many trees.", (void *)&whole[GET_TREES]},
    {"nodes", get_whole, NULL, "Nodes that a root reaches.", (void *)&whole[GET_NODES]},
    {"depth", get_whole, NULL, "Of the deepest tree; 0 for a leaf.", (void *)&whole[GET_DEPTH]},
    {"path_features", get_whole, NULL, "Distinct features on a path, at the most; 0 without cover.",
     (void *)&whole[GET_PATH]},
    {"nbytes", get_whole, NULL, "Memory held.", (void *)&whole[GET_BYTES]},
    {"expected", get_expected, NULL, "Scores without any feature known; None without cover.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef methods[] = {
    {"table", (PyCFunction)(void (*)(void))table, METH_VARARGS | METH_KEYWORDS,
     "table(rows, out, start=0, stop=None)\n--\n\nWrite the scores of rows."},
    {"reasons", (PyCFunction)(void (*)(void))explain, METH_VARARGS | METH_KEYWORDS,
     "reasons(rows, out, points, weights, start=0, stop=None)\n--\n\nWrite what each feature adds to each score."},
    {"bind", (PyCFunction)(void (*)(void))bind, METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "bind(row)\n--\n\nReturn what scores the row that lies in an array, whenever it is asked."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make},           {Py_tp_dealloc, drop}, {Py_tp_methods, methods},
    {Py_tp_getset, getters}, {Py_tp_doc, "Decision trees, checked and laid out once."},
    {0, NULL},
};

PyType_Spec trees_spec = {
    .name = "motadata_ml_native._loops.Trees",
    .basicsize = sizeof(trees_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};

static PyMethodDef row_methods[] = {
    {"scores", row_scores, METH_NOARGS, "scores()\n--\n\nReturn the scores of what the array holds now."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot row_slots[] = {
    {Py_tp_dealloc, drop_row}, {Py_tp_methods, row_methods}, {Py_tp_doc, "Trees over one row."}, {0, NULL}};

PyType_Spec trees_row_spec = {
    .name = "motadata_ml_native._loops.TreesRow",
    .basicsize = sizeof(row_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = row_slots,
};
