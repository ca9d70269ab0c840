#include "module.h"

int add_type(PyObject *module, PyType_Spec *spec, PyObject **kept)
{
    *kept = PyType_FromModuleAndSpec(module, spec, NULL);
    return *kept == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)*kept);
}

static int fill(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    if (add_type(module, &trees_spec, &state->trees) < 0 || add_type(module, &trees_row_spec, &state->trees_row) < 0 ||
        add_type(module, &row_encoder_spec, &state->row_encoder) < 0 ||
        add_type(module, &linear_row_spec, &state->linear_row) < 0 ||
        add_type(module, &string_codes_spec, &state->string_codes) < 0)
        return -1;
    return PyModule_AddIntConstant(module, "INTERFACE", 1);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = PyModule_GetState(module);
    Py_VISIT(state->trees);
    Py_VISIT(state->trees_row);
    Py_VISIT(state->row_encoder);
    Py_VISIT(state->linear_row);
    Py_VISIT(state->string_codes);
    return 0;
}

static int clear(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    Py_CLEAR(state->trees);
    Py_CLEAR(state->trees_row);
    Py_CLEAR(state->row_encoder);
    Py_CLEAR(state->linear_row);
    Py_CLEAR(state->string_codes);
    return 0;
}

static PyMethodDef functions[] = {
    {"linear_scores", (PyCFunction)(void (*)(void))linear_scores, METH_VARARGS | METH_KEYWORDS,
     "linear_scores(columns, intercepts, out, start=0, stop=None)\n--\n\nWrite the scores of a table's rows."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_loops",
    .m_doc = "The hot loops of motadata_ml, compiled.",
    .m_size = sizeof(module_state),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
};

PyMODINIT_FUNC PyInit__loops(void) { return PyModuleDef_Init(&definition); }
