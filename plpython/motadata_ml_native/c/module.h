/* What the Python side of the sources shares. */
#ifndef MOTADATA_ML_MODULE_H
#define MOTADATA_ML_MODULE_H

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030b0000
#endif
#include <Python.h>
#include <stdint.h>

typedef struct {
    PyObject *trees, *trees_row, *row_encoder, *linear_row, *string_codes;
} module_state;

/* What an array holds: d float64, i int32, q int64, I uint32, B uint8 or boolean. */
int take_array(PyObject *given, const char *name, char kind, int dimensions, int writable, Py_buffer *view);
void give_back(Py_buffer *view); /* also one that was never taken, if it was zeroed */

/* Rows to be read, (n, features) float64 in any layout, and where to: C-contiguous, (n, ...). */
typedef struct {
    Py_buffer rows, out;
    int64_t start, stop;
    int direct; /* rows lie one behind the other */
} row_range;
int take_rows(PyObject *rows, int64_t features, PyObject *out, int64_t numbers, Py_ssize_t start, PyObject *stop,
              row_range *range);
void give_rows_back(row_range *range);
void copy_rows(const row_range *range, int64_t first, int64_t count, int64_t features, double *to);

PyObject *floats_list(const double *numbers, int64_t count);
int add_type(PyObject *module, PyType_Spec *spec, PyObject **kept);

extern PyType_Spec trees_spec, trees_row_spec, row_encoder_spec, linear_row_spec, string_codes_spec;
PyObject *linear_scores(PyObject *module, PyObject *args, PyObject *kwargs);

#endif
