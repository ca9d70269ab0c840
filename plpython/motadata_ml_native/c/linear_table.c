/* `linear_scores`, as Python sees it. */
#include "linear.h"
#include "module.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Py_buffer given, table;
} held_column;

static int short_of(const char *name, int64_t wanted, int64_t got)
{
    if (wanted == got)
        return 0;
    PyErr_Format(PyExc_ValueError, "%s must have %lld numbers, got %lld", name, (long long)wanted, (long long)got);
    return -1;
}

/* Read (numbers, shift, missing, weights) or (codes, shares). */
static int take_column(PyObject *spec, int64_t rows, int64_t outputs, held_column *held, linear_column *column)
{
    if (!PyTuple_Check(spec) || (PyTuple_Size(spec) != 4 && PyTuple_Size(spec) != 2)) {
        PyErr_SetString(PyExc_TypeError, "a column must be (numbers, shift, missing, weights) or (codes, shares)");
        return -1;
    }
    if (PyTuple_Size(spec) == 4) {
        column->shift = PyFloat_AsDouble(PyTuple_GetItem(spec, 1));
        column->missing = PyFloat_AsDouble(PyTuple_GetItem(spec, 2));
        if (PyErr_Occurred() || take_array(PyTuple_GetItem(spec, 0), "numbers", 'd', 1, 0, &held->given) < 0 ||
            take_array(PyTuple_GetItem(spec, 3), "weights", 'd', 1, 0, &held->table) < 0 ||
            short_of("weights", outputs, held->table.shape[0]) < 0)
            return -1;
        column->numbers = held->given.buf;
        column->weights = held->table.buf;
    } else {
        if (take_array(PyTuple_GetItem(spec, 0), "codes", 'i', 1, 0, &held->given) < 0 ||
            take_array(PyTuple_GetItem(spec, 1), "shares", 'd', 2, 0, &held->table) < 0 ||
            short_of("a row of shares", outputs, held->table.shape[1]) < 0)
            return -1;
        if (held->table.shape[0] < 1) {
            PyErr_SetString(PyExc_ValueError, "shares must have a row for codes that are out of range");
            return -1;
        }
        column->codes = held->given.buf;
        column->shares = held->table.buf;
        column->entries = held->table.shape[0] - 1;
    }
    return short_of("a column", rows, held->given.shape[0]);
}

PyObject *linear_scores(PyObject *module, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"columns", "intercepts", "out", "start", "stop", NULL};
    PyObject *given, *given_intercepts, *given_out, *stop = Py_None, *result = NULL, *specs = NULL;
    Py_ssize_t start = 0, width = 0;
    Py_buffer intercepts = {0}, out = {0};
    held_column *held = NULL;
    linear_column *columns = NULL;
    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|nO:linear_scores", names, &given, &given_intercepts, &given_out,
                                     &start, &stop))
        return NULL;
    if ((specs = PySequence_Tuple(given)) == NULL ||
        take_array(given_intercepts, "intercepts", 'd', 1, 0, &intercepts) < 0 ||
        take_array(given_out, "out", 'd', 2, 1, &out) < 0)
        goto end;
    const int64_t outputs = intercepts.shape[0], rows = out.shape[0];
    int64_t last = rows;
    if (short_of("a row of out", outputs, out.shape[1]) < 0)
        goto end;
    if (stop != Py_None && (last = PyLong_AsSsize_t(stop)) == -1 && PyErr_Occurred())
        goto end;
    if (start < 0 || last < start || last > rows) {
        PyErr_Format(PyExc_ValueError, "start and stop must lie within the %lld rows, got %zd and %lld",
                     (long long)rows, start, (long long)last);
        goto end;
    }
    width = PyTuple_Size(specs);
    held = calloc((size_t)width + 1, sizeof *held);
    columns = calloc((size_t)width + 1, sizeof *columns);
    if (held == NULL || columns == NULL) {
        PyErr_NoMemory();
        goto end;
    }
    for (Py_ssize_t i = 0; i < width; i++)
        if (take_column(PyTuple_GetItem(specs, i), rows, outputs, &held[i], &columns[i]) < 0)
            goto end;
    Py_BEGIN_ALLOW_THREADS
    linear_table(columns, width, intercepts.buf, outputs, start, last - start, (double *)out.buf + start * outputs);
    Py_END_ALLOW_THREADS
    result = Py_NewRef(Py_None);
end:
    for (Py_ssize_t i = 0; held != NULL && i < width; i++) {
        give_back(&held[i].given);
        give_back(&held[i].table);
    }
    free(held);
    free(columns);
    give_back(&intercepts);
    give_back(&out);
    Py_XDECREF(specs);
    return result;
}
