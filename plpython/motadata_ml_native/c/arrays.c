/* Arrays of the caller's, through the buffer protocol. */
#include "module.h"

#include <string.h>

static int suits(const Py_buffer *view, char kind)
{
    const char *format = view->format == NULL ? "B" : view->format;
    if (*format == '@' || *format == '=')
        format++;
    if (*format == '\0' || format[1] != '\0')
        return 0;
    switch (kind) {
    case 'd':
        return *format == 'd' && view->itemsize == 8;
    case 'i':
        return strchr("il", *format) != NULL && view->itemsize == 4;
    case 'q':
        return strchr("lq", *format) != NULL && view->itemsize == 8;
    case 'I':
        return strchr("IL", *format) != NULL && view->itemsize == 4;
    default:
        return strchr("B?", *format) != NULL && view->itemsize == 1;
    }
}

static const char *words(char kind)
{
    return kind == 'd' ? "float64" : kind == 'i' ? "int32" : kind == 'q' ? "int64" : kind == 'I' ? "uint32" : "uint8";
}

static int take(PyObject *given, const char *name, char kind, int dimensions, int flags, Py_buffer *view)
{
    if (PyObject_GetBuffer(given, view, flags | PyBUF_FORMAT) < 0)
        return -1;
    if (view->ndim != dimensions || !suits(view, kind)) {
        PyErr_Format(PyExc_TypeError, "%s must be an array of %s with %d dimension%s", name, words(kind), dimensions,
                     dimensions == 1 ? "" : "s");
        give_back(view);
        return -1;
    }
    return 0;
}

int take_array(PyObject *given, const char *name, char kind, int dimensions, int writable, Py_buffer *view)
{
    if (take(given, name, kind, dimensions, PyBUF_C_CONTIGUOUS | (writable ? PyBUF_WRITABLE : 0), view) < 0)
        return -1;
    if ((uintptr_t)view->buf % (uintptr_t)view->itemsize != 0 && view->len > 0) {
        PyErr_Format(PyExc_ValueError, "%s must be aligned in memory", name);
        give_back(view);
        return -1;
    }
    return 0;
}

void give_back(Py_buffer *view)
{
    if (view->obj != NULL)
        PyBuffer_Release(view);
    memset(view, 0, sizeof *view);
}

int take_rows(PyObject *rows, int64_t features, PyObject *out, int64_t numbers, Py_ssize_t start, PyObject *stop,
              row_range *range)
{
    memset(range, 0, sizeof *range);
    if (take(rows, "rows", 'd', 2, PyBUF_STRIDES, &range->rows) < 0)
        return -1;
    if (PyObject_GetBuffer(out, &range->out, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) < 0) {
        give_rows_back(range);
        return -1;
    }
    const int64_t count = range->rows.shape[0];
    range->start = start;
    range->stop = count;
    if (stop != Py_None) {
        range->stop = PyLong_AsSsize_t(stop);
        if (range->stop == -1 && PyErr_Occurred()) {
            give_rows_back(range);
            return -1;
        }
    }
    if (range->rows.shape[1] != features)
        PyErr_Format(PyExc_ValueError, "rows must have %lld columns, got %zd", features, range->rows.shape[1]);
    else if (!suits(&range->out, 'd') || (uintptr_t)range->out.buf % sizeof(double) != 0)
        PyErr_SetString(PyExc_TypeError, "out must be an aligned array of float64");
    else if (range->out.ndim < 1 || range->out.shape[0] != count ||
             (count > 0 && range->out.len / (Py_ssize_t)sizeof(double) / count != numbers))
        PyErr_Format(PyExc_ValueError, "out must have %lld numbers for each of the %lld rows", numbers, count);
    else if (start < 0 || range->stop < start || range->stop > count)
        PyErr_Format(PyExc_ValueError, "start and stop must lie within the %lld rows, got %zd and %lld", count, start,
                     range->stop);
    else {
        range->direct = (uintptr_t)range->rows.buf % sizeof(double) == 0 &&
                        range->rows.strides[0] == (Py_ssize_t)(features * (int64_t)sizeof(double)) &&
                        range->rows.strides[1] == sizeof(double);
        return 0;
    }
    give_rows_back(range);
    return -1;
}

void give_rows_back(row_range *range)
{
    give_back(&range->rows);
    give_back(&range->out);
}

void copy_rows(const row_range *range, int64_t first, int64_t count, int64_t features, double *to)
{
    const Py_ssize_t *strides = range->rows.strides;
    for (int64_t j = 0; j < features; j++) {
        const char *from = (const char *)range->rows.buf + first * strides[0] + j * strides[1];
        for (int64_t r = 0; r < count; r++)
            memcpy(to + r * features + j, from + r * strides[0], sizeof *to);
    }
}

PyObject *floats_list(const double *numbers, int64_t count)
{
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (int64_t i = 0; list != NULL && i < count; i++) {
        PyObject *number = PyFloat_FromDouble(numbers[i]);
        if (number == NULL || PyList_SetItem(list, (Py_ssize_t)i, number) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}
