/* One row of Python values: encoded into a buffer, or straight to the scores of a linear model.
 *
 * Both say where a row is none of their business (a feature that is absent, a value of another type, an infinite
 * number) and leave it to the caller, who knows every rule and every error's text.
 */
#include "module.h"

#include <stdlib.h>
#include <string.h>

typedef enum { NUMBER, CATEGORY, ONEHOT, CALL } kind;

typedef struct {
    kind kind;
    PyObject *name;   /* str */
    PyObject *codes;  /* dict from str to int, of categories */
    PyObject *reader; /* from another value than a str to a category; or what a CALL calls */
    int64_t at;       /* first cell */
    int64_t width;    /* numbers a value becomes */
    double shift, scale, impute;
    int64_t entries; /* categories */
    double *numbers; /* rows of a CATEGORY, (entries + 1, width); of a ONEHOT two rows, set and unset; weights */
    int64_t lit;     /* ONEHOT: the cell that is set, -1 for none */
} column;

typedef struct {
    PyObject_HEAD
    int64_t count, width;
    int numeric; /* all columns are numbers */
    column *columns;
    double *cells;      /* (width,): the encoded row, or the scores */
    Py_buffer lent;     /* the caller's array where the cells are its own */
    double *intercepts; /* of a linear model */
    Py_ssize_t shape[1];
} row_form;

static int refuse(const char *text)
{
    PyErr_SetString(PyExc_ValueError, text);
    return -1;
}

/* Keep a copy of a table of numbers with `width` columns; its rows. -1 where it is not one. */
static int64_t keep_numbers(PyObject *given, const char *name, int dimensions, int64_t width, double **kept)
{
    Py_buffer view = {0};
    if (take_array(given, name, 'd', dimensions, 0, &view) < 0)
        return -1;
    const int64_t rows = dimensions == 1 ? 1 : view.shape[0];
    if (view.shape[dimensions - 1] != width) {
        PyErr_Format(PyExc_ValueError, "%s must have %lld numbers, got %zd", name, (long long)width,
                     view.shape[dimensions - 1]);
        give_back(&view);
        return -1;
    }
    *kept = malloc((size_t)view.len + 1);
    if (*kept == NULL)
        PyErr_NoMemory();
    else if (view.len > 0)
        memcpy(*kept, view.buf, (size_t)view.len);
    give_back(&view);
    return *kept == NULL ? -1 : rows;
}

static int keep_codes(PyObject *codes, PyObject *reader, column *made)
{
    if (!PyDict_Check(codes) || !PyCallable_Check(reader)) {
        PyErr_SetString(PyExc_TypeError, "a category needs a dict of codes and a reader");
        return -1;
    }
    made->codes = PyDict_Copy(codes); /* nobody else's to change */
    made->reader = Py_NewRef(reader);
    return made->codes == NULL ? -1 : 0;
}

static int keep_name(PyObject *name, column *made)
{
    if (!PyUnicode_CheckExact(name)) {
        PyErr_SetString(PyExc_TypeError, "a column's name must be a str");
        return -1;
    }
    made->name = Py_NewRef(name);
    return 0;
}

/* Give rows of a category the width of the model's; a table has one row more than it has categories. */
static int keep_rows(PyObject *given, const char *name, int64_t width, column *made)
{
    made->width = width;
    made->entries = keep_numbers(given, name, 2, width, &made->numbers) - 1;
    if (made->entries == -1 && !PyErr_Occurred())
        return refuse("a category's table must have a row for what is unknown");
    return made->entries < 0 ? -1 : 0;
}

/* ("number", name, at, shift, scale, impute), ("category", name, at, codes, rows, reader),
 * ("onehot", name, at, codes, set, unset, reader) or ("call", name, writer) */
static int read_cells(PyObject *spec, const char *word, row_form *form, column *made)
{
    PyObject *name, *codes, *rows, *unset, *reader;
    Py_ssize_t at = 0;
    if (strcmp(word, "call") == 0)
        return PyArg_ParseTuple(spec, "sUO", &word, &name, &reader) && keep_name(name, made) == 0 &&
                       ((made->kind = CALL), (made->reader = Py_NewRef(reader)))
                   ? 0
                   : -1;
    if (strcmp(word, "number") == 0) {
        if (!PyArg_ParseTuple(spec, "sUnddd", &word, &name, &at, &made->shift, &made->scale, &made->impute))
            return -1;
        made->kind = NUMBER;
        made->width = 1;
    } else if (strcmp(word, "category") == 0) {
        Py_buffer view = {0};
        if (!PyArg_ParseTuple(spec, "sUnOOO", &word, &name, &at, &codes, &rows, &reader) ||
            keep_codes(codes, reader, made) < 0 || take_array(rows, "rows", 'd', 2, 0, &view) < 0)
            return -1;
        const int64_t width = view.shape[1];
        give_back(&view);
        made->kind = CATEGORY;
        if (keep_rows(rows, "rows", width, made) < 0)
            return -1;
    } else if (strcmp(word, "onehot") == 0) {
        double *set = NULL, *bare = NULL;
        if (!PyArg_ParseTuple(spec, "sUnOOOO", &word, &name, &at, &codes, &rows, &unset, &reader) ||
            keep_codes(codes, reader, made) < 0)
            return -1;
        made->kind = ONEHOT;
        made->lit = -1;
        made->entries = made->width = PyDict_Size(made->codes);
        if (keep_numbers(rows, "set", 1, made->width, &set) < 0 ||
            keep_numbers(unset, "unset", 1, made->width, &bare) < 0 ||
            (made->numbers = calloc((size_t)made->width * 2 + 1, sizeof *set)) == NULL) {
            free(set);
            free(bare);
            return PyErr_Occurred() ? -1 : (PyErr_NoMemory(), -1);
        }
        memcpy(made->numbers, set, (size_t)made->width * sizeof *set);
        memcpy(made->numbers + made->width, bare, (size_t)made->width * sizeof *set);
        free(set);
        free(bare);
    } else {
        return refuse("a column must be a number, a category, a onehot or a call");
    }
    made->at = at;
    if (at < 0 || at > form->width || made->width > form->width - at)
        return refuse("a column's cells must lie within the row");
    if (made->kind == ONEHOT && made->width > 0)
        memcpy(form->cells + at, made->numbers + made->width, (size_t)made->width * sizeof(double));
    return keep_name(name, made);
}

/* ("number", name, shift, impute, weights), ("category", name, codes, shares, reader) or ("call", name, function) */
static int read_shares(PyObject *spec, const char *word, row_form *form, column *made)
{
    PyObject *name, *codes, *numbers, *reader;
    if (strcmp(word, "number") == 0) {
        made->kind = NUMBER;
        if (!PyArg_ParseTuple(spec, "sUddO", &word, &name, &made->shift, &made->impute, &numbers) ||
            keep_numbers(numbers, "weights", 1, form->width, &made->numbers) < 0)
            return -1;
    } else if (strcmp(word, "category") == 0) {
        made->kind = CATEGORY;
        if (!PyArg_ParseTuple(spec, "sUOOO", &word, &name, &codes, &numbers, &reader) ||
            keep_codes(codes, reader, made) < 0 || keep_rows(numbers, "shares", form->width, made) < 0)
            return -1;
    } else if (strcmp(word, "call") == 0) {
        made->kind = CALL;
        if (!PyArg_ParseTuple(spec, "sUO", &word, &name, &reader))
            return -1;
        made->reader = Py_NewRef(reader);
    } else {
        return refuse("a column must be a number, a category or a call");
    }
    return keep_name(name, made);
}

static int read_columns(row_form *form, PyObject *given, int (*read)(PyObject *, const char *, row_form *, column *))
{
    PyObject *specs = PySequence_Tuple(given);
    if (specs == NULL)
        return -1;
    const Py_ssize_t count = PyTuple_Size(specs);
    form->columns = calloc((size_t)count + 1, sizeof *form->columns);
    form->numeric = count > 0;
    int result = form->columns == NULL ? (PyErr_NoMemory(), -1) : 0;
    for (Py_ssize_t i = 0; result == 0 && i < count; i++) {
        PyObject *spec = PyTuple_GetItem(specs, i), *first;
        const char *word = NULL;
        form->count = i + 1; /* what there is of the column is dropped with the form */
        if (!PyTuple_Check(spec) || PyTuple_Size(spec) < 1 || !PyUnicode_Check(first = PyTuple_GetItem(spec, 0)) ||
            (word = PyUnicode_AsUTF8AndSize(first, NULL)) == NULL) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_TypeError, "a column must be a tuple that begins with its kind");
            result = -1;
        } else {
            result = read(spec, word, form, form->columns + i);
            form->numeric = form->numeric && form->columns[i].kind == NUMBER;
        }
    }
    Py_DECREF(specs);
    return result;
}

static int clear(PyObject *self)
{
    row_form *form = (row_form *)self;
    for (int64_t i = 0; i < form->count; i++) {
        Py_CLEAR(form->columns[i].name);
        Py_CLEAR(form->columns[i].codes);
        Py_CLEAR(form->columns[i].reader);
    }
    return 0;
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
    row_form *form = (row_form *)self;
    Py_VISIT(Py_TYPE(self));
    for (int64_t i = 0; i < form->count; i++) {
        Py_VISIT(form->columns[i].codes);
        Py_VISIT(form->columns[i].reader);
    }
    return 0;
}

static void drop(PyObject *self)
{
    row_form *form = (row_form *)self;
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(self);
    (void)clear(self);
    for (int64_t i = 0; i < form->count; i++)
        free(form->columns[i].numbers);
    free(form->columns);
    if (form->lent.obj == NULL)
        free(form->cells);
    give_back(&form->lent);
    free(form->intercepts);
    release(self);
    Py_DECREF(type);
}

static row_form *fresh(PyTypeObject *type, int64_t width)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    row_form *form = (row_form *)allocate(type, 0);
    if (form == NULL)
        return NULL;
    form->width = width;
    form->shape[0] = (Py_ssize_t)width;
    form->cells = calloc((size_t)width + 1, sizeof *form->cells);
    if (form->cells == NULL) {
        Py_DECREF(form);
        PyErr_NoMemory();
        return NULL;
    }
    return form;
}

/* Write into the caller's array instead of cells of one's own. */
static int borrow_cells(row_form *form, PyObject *row)
{
    Py_buffer view = {0};
    if (take_array(row, "row", 'd', 1, 1, &view) < 0)
        return -1;
    if (view.shape[0] != form->width) {
        PyErr_Format(PyExc_ValueError, "row must have %lld numbers, got %zd", (long long)form->width, view.shape[0]);
        give_back(&view);
        return -1;
    }
    free(form->cells);
    form->cells = view.buf;
    form->lent = view;
    return 0;
}

static PyObject *make_encoder(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"columns", "width", "row", NULL};
    PyObject *columns, *row = Py_None;
    Py_ssize_t width;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "On|O:RowEncoder", names, &columns, &width, &row))
        return NULL;
    if (width < 0 || width > INT32_MAX) {
        refuse("width must be from 0 to 2147483647");
        return NULL;
    }
    row_form *form = fresh(type, width);
    if (form != NULL && ((row != Py_None && borrow_cells(form, row) < 0) || read_columns(form, columns, read_cells) < 0))
        Py_CLEAR(form);
    return (PyObject *)form;
}

static PyObject *make_linear(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"columns", "intercepts", NULL};
    PyObject *columns, *intercepts;
    Py_buffer view = {0};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:LinearRow", names, &columns, &intercepts) ||
        take_array(intercepts, "intercepts", 'd', 1, 0, &view) < 0)
        return NULL;
    row_form *form = fresh(type, view.shape[0]);
    give_back(&view);
    if (form != NULL && (keep_numbers(intercepts, "intercepts", 1, form->width, &form->intercepts) < 0 ||
                         read_columns(form, columns, read_shares) < 0))
        Py_CLEAR(form);
    return (PyObject *)form;
}

/* A number, or what stands for a missing one: 1; 0 where the value is none of this. */
static int read_number(const column *c, PyObject *value, double *number, double *total)
{
    if (PyFloat_CheckExact(value)) {
        *number = PyFloat_AsDouble(value);
    } else if (PyLong_CheckExact(value)) {
        *number = PyLong_AsDouble(value);
        if (*number == -1.0 && PyErr_Occurred()) {
            PyErr_Clear();
            return 0;
        }
    } else if (value == Py_None) {
        *number = c->impute;
        return 1;
    } else {
        return 0;
    }
    *total += *number;
    return 1;
}

/* The code of a value's category, `entries` for an unknown one; -1 for an error. */
static int64_t read_code(const column *c, PyObject *value)
{
    PyObject *read = NULL;
    if (!PyUnicode_CheckExact(value)) {
        read = PyObject_CallFunctionObjArgs(c->reader, value, NULL);
        if (read == NULL)
            return -1;
        value = read;
    }
    int64_t code = c->entries;
    PyObject *found = PyDict_GetItemWithError(c->codes, value);
    if (found != NULL) {
        const long long number = PyLong_AsLongLong(found);
        if (number >= 0 && number < c->entries)
            code = number;
    }
    Py_XDECREF(read);
    return PyErr_Occurred() ? -1 : code;
}

static int write_category(row_form *form, column *c, int64_t code)
{
    if (c->kind == CATEGORY) {
        if (c->width > 0)
            memcpy(form->cells + c->at, c->numbers + code * c->width, (size_t)c->width * sizeof(double));
        return 1;
    }
    if (c->lit >= 0)
        form->cells[c->at + c->lit] = c->numbers[c->width + c->lit];
    c->lit = code < c->width ? code : -1;
    if (c->lit >= 0)
        form->cells[c->at + c->lit] = c->numbers[c->lit];
    return 1;
}

/* What a column makes of a value: 1; 0 where it is the caller's to see to; -1 for an error. */
static int write_cells(row_form *form, column *c, PyObject *value, double *total)
{
    double number;
    if (c->kind == NUMBER) {
        if (!read_number(c, value, &number, total))
            return 0;
        form->cells[c->at] = (number - c->shift) / c->scale;
        return 1;
    }
    if (c->kind == CALL) {
        PyObject *done = PyObject_CallFunctionObjArgs(c->reader, value, NULL);
        Py_XDECREF(done);
        return done == NULL ? -1 : 1;
    }
    const int64_t code = read_code(c, value);
    return code < 0 ? -1 : write_category(form, c, code);
}

static int add_shares(row_form *form, column *c, PyObject *value, double *total)
{
    double number;
    if (c->kind == NUMBER) {
        if (!read_number(c, value, &number, total))
            return 0;
        for (int64_t o = 0; o < form->width; o++)
            form->cells[o] += (number - c->shift) * c->numbers[o];
        return 1;
    }
    if (c->kind == CATEGORY) {
        const int64_t code = read_code(c, value);
        for (int64_t o = 0; code >= 0 && o < form->width; o++)
            form->cells[o] += c->numbers[code * form->width + o];
        return code < 0 ? -1 : 1;
    }
    PyObject *called = PyObject_CallFunctionObjArgs(c->reader, value, NULL);
    PyObject *shares = called == NULL ? NULL : PySequence_Tuple(called);
    Py_XDECREF(called);
    if (shares == NULL)
        return -1;
    int result = PyTuple_Size(shares) == form->width ? 1 : refuse("a call must give a share for each score");
    for (int64_t o = 0; result == 1 && o < form->width; o++) {
        const double share = PyFloat_AsDouble(PyTuple_GetItem(shares, (Py_ssize_t)o));
        if (share == -1.0 && PyErr_Occurred())
            result = -1;
        else
            form->cells[o] += share;
    }
    Py_DECREF(shares);
    return result;
}

typedef int column_writer(row_form *, column *, PyObject *, double *);

static int go_through(row_form *form, PyObject *row, column_writer *write)
{
    double total = 0.0;
    const int named = PyDict_CheckExact(row), listed = PyList_CheckExact(row);
    if (!named && !(form->numeric && (listed ? PyList_Size(row) == form->count
                                             : PyTuple_CheckExact(row) && PyTuple_Size(row) == form->count)))
        return 0;
    for (int64_t i = 0; i < form->count; i++) {
        column *c = form->columns + i;
        PyObject *value = named    ? PyDict_GetItemWithError(row, c->name)
                          : listed ? PyList_GetItem(row, (Py_ssize_t)i)
                                   : PyTuple_GetItem(row, (Py_ssize_t)i);
        if (value == NULL)
            return PyErr_Occurred() ? -1 : 0;
        Py_INCREF(value); /* what is called may change the row */
        const int done = write(form, c, value, &total);
        Py_DECREF(value);
        if (done != 1)
            return done;
    }
    return total - total == 0.0;
}

static PyObject *fill(PyObject *self, PyObject *row)
{
    const int done = go_through((row_form *)self, row, write_cells);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

static PyObject *scores(PyObject *self, PyObject *row)
{
    row_form *form = (row_form *)self;
    if (form->width > 0)
        memcpy(form->cells, form->intercepts, (size_t)form->width * sizeof *form->cells);
    const int done = go_through(form, row, add_shares);
    if (done < 0)
        return NULL;
    if (done == 0)
        Py_RETURN_NONE;
    return floats_list(form->cells, form->width);
}

static int lend(PyObject *self, Py_buffer *view, int flags)
{
    row_form *form = (row_form *)self;
    static Py_ssize_t stride[1] = {sizeof(double)};
    if (PyBuffer_FillInfo(view, self, form->cells, (Py_ssize_t)form->width * (Py_ssize_t)sizeof(double), 0, flags) < 0)
        return -1;
    view->itemsize = sizeof(double);
    if (flags & PyBUF_FORMAT)
        view->format = "d";
    if (flags & PyBUF_ND)
        view->shape = form->shape;
    if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
        view->strides = stride;
    return 0;
}

static PyMethodDef encoder_methods[] = {
    {"fill", fill, METH_O,
     "fill(row)\n--\n\nEncode a row; False where the caller has to, and the buffer holds anything."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot encoder_slots[] = {
    {Py_tp_new, make_encoder},
    {Py_tp_dealloc, drop},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, encoder_methods},
    {Py_bf_getbuffer, lend},
    {Py_tp_doc, "One row of values as a buffer of numbers."},
    {0, NULL},
};

PyType_Spec row_encoder_spec = {
    .name = "motadata_ml_native._loops.RowEncoder",
    .basicsize = sizeof(row_form),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = encoder_slots,
};

static PyMethodDef linear_methods[] = {
    {"scores", scores, METH_O, "scores(row)\n--\n\nReturn the scores of a row; None where the caller has to."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot linear_slots[] = {
    {Py_tp_new, make_linear},
    {Py_tp_dealloc, drop},
    {Py_tp_traverse, traverse},
    {Py_tp_clear, clear},
    {Py_tp_methods, linear_methods},
    {Py_tp_doc, "One row of values straight to a linear model's scores."},
    {0, NULL},
};

PyType_Spec linear_row_spec = {
    .name = "motadata_ml_native._loops.LinearRow",
    .basicsize = sizeof(row_form),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = linear_slots,
};
