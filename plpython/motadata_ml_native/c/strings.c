/* Codes of strings that lie one behind the other, in order of first appearance. */
#include "module.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

typedef struct {
    int64_t place, size;
    uint64_t hash;
} entry;

typedef struct {
    PyObject_HEAD
    uint64_t seed; /* so that nobody can choose strings that all fall together */
    int64_t count, room, used, arena_room, slots;
    entry *entries;
    char *arena;
    int32_t *slot; /* a code and 1; 0 for none; twice as many as entries, a power of two */
} codes_object;

static uint64_t mix(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const char *text, int64_t size, uint64_t seed)
{
    uint64_t hash = seed ^ (uint64_t)size, word;
    for (; size >= 8; text += 8, size -= 8) {
        memcpy(&word, text, 8);
        hash = mix(hash ^ word, 0x9E3779B97F4A7C15u ^ seed);
    }
    word = 0;
    if (size > 0)
        memcpy(&word, text, (size_t)size);
    return mix(hash ^ word, 0xC2B2AE3D27D4EB4Fu ^ seed);
}

static int grow(void **array, int64_t *room, int64_t needed, size_t size)
{
    if (needed <= *room)
        return 0;
    int64_t more = *room < 64 ? 64 : *room;
    while (more < needed)
        more *= 2;
    void *grown = (uint64_t)more > SIZE_MAX / 2 / size ? NULL : realloc(*array, (size_t)more * size);
    if (grown == NULL)
        return -1;
    *array = grown;
    *room = more;
    return 0;
}

static int spread(codes_object *c)
{
    const int64_t slots = c->slots == 0 ? 128 : c->slots * 2;
    int32_t *fresh = calloc((size_t)slots, sizeof *fresh);
    if (fresh == NULL)
        return -1;
    for (int64_t code = 0; code < c->count; code++) {
        uint64_t at = c->entries[code].hash & (uint64_t)(slots - 1);
        while (fresh[at] != 0)
            at = (at + 1) & (uint64_t)(slots - 1);
        fresh[at] = (int32_t)(code + 1);
    }
    free(c->slot);
    c->slot = fresh;
    c->slots = slots;
    return 0;
}

/* The code of a string, which is added where it is new; -1 where there is no memory. */
static int32_t code_of(codes_object *c, const char *text, int64_t size)
{
    const uint64_t hash = hash_of(text, size, c->seed);
    if (2 * (c->count + 1) > c->slots && spread(c) < 0)
        return -1;
    uint64_t at = hash & (uint64_t)(c->slots - 1);
    for (; c->slot[at] != 0; at = (at + 1) & (uint64_t)(c->slots - 1)) {
        const entry *known = c->entries + c->slot[at] - 1;
        if (known->hash == hash && known->size == size && (size == 0 || memcmp(c->arena + known->place, text, (size_t)size) == 0))
            return c->slot[at] - 1;
    }
    if (c->count >= INT32_MAX - 1 || grow((void **)&c->entries, &c->room, c->count + 1, sizeof *c->entries) < 0 ||
        grow((void **)&c->arena, &c->arena_room, c->used + size, 1) < 0)
        return -1;
    if (size > 0)
        memcpy(c->arena + c->used, text, (size_t)size);
    c->entries[c->count] = (entry){c->used, size, hash};
    c->used += size;
    c->slot[at] = (int32_t)++c->count;
    return (int32_t)(c->count - 1);
}

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {NULL};
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":StringCodes", names))
        return NULL;
    codes_object *self = (codes_object *)allocate(type, 0);
    if (self != NULL && getrandom(&self->seed, sizeof self->seed, 0) != sizeof self->seed) {
        Py_DECREF(self);
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return (PyObject *)self;
}

static void drop(PyObject *self)
{
    codes_object *c = (codes_object *)self;
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free(c->entries);
    free(c->arena);
    free(c->slot);
    release(self);
    Py_DECREF(type);
}

static PyObject *encode(PyObject *self, PyObject *args)
{
    codes_object *c = (codes_object *)self;
    PyObject *given, *given_sizes, *given_codes, *result = NULL;
    Py_buffer data = {0}, sizes = {0}, codes = {0};
    if (!PyArg_ParseTuple(args, "OOO:encode", &given, &given_sizes, &given_codes))
        return NULL;
    if (take_array(given, "data", 'B', 1, 0, &data) < 0 || take_array(given_sizes, "sizes", 'i', 1, 0, &sizes) < 0 ||
        take_array(given_codes, "codes", 'i', 1, 1, &codes) < 0)
        goto end;
    const int32_t *size = sizes.buf;
    int32_t *code = codes.buf;
    const char *text = data.buf;
    int64_t left = data.len;
    if (codes.shape[0] != sizes.shape[0]) {
        PyErr_Format(PyExc_ValueError, "codes must have %zd rows, got %zd", sizes.shape[0], codes.shape[0]);
        goto end;
    }
    for (Py_ssize_t i = 0; i < sizes.shape[0]; i++) {
        const int64_t bytes = size[i]; /* read once: the array is the caller's */
        if (bytes < 0 || bytes > left) {
            PyErr_Format(PyExc_ValueError, "sizes must add up to at most the bytes of data; they do not at %zd", i);
            goto end;
        }
        if ((code[i] = code_of(c, text, bytes)) < 0) {
            PyErr_NoMemory();
            goto end;
        }
        text += bytes;
        left -= bytes;
    }
    result = Py_NewRef(Py_None);
end:
    give_back(&data);
    give_back(&sizes);
    give_back(&codes);
    return result;
}

static PyObject *strings(PyObject *self, void *closure)
{
    codes_object *c = (codes_object *)self;
    PyObject *list = PyList_New((Py_ssize_t)c->count);
    (void)closure;
    for (int64_t i = 0; list != NULL && i < c->count; i++) {
        const entry *known = c->entries + i;
        PyObject *text = known->size == 0 ? PyUnicode_FromStringAndSize("", 0)
                                          : PyUnicode_DecodeUTF8(c->arena + known->place, (Py_ssize_t)known->size, NULL);
        if (text == NULL || PyList_SetItem(list, (Py_ssize_t)i, text) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyMethodDef methods[] = {
    {"encode", encode, METH_VARARGS, "encode(data, sizes, codes)\n--\n\nWrite the code of each string."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getters[] = {
    {"strings", strings, NULL, "The distinct strings, each at the place of its code.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, make},       {Py_tp_dealloc, drop},
    {Py_tp_methods, methods}, {Py_tp_getset, getters},
    {Py_tp_doc, "Codes of strings, in order of first appearance over all chunks."},
    {0, NULL},
};

PyType_Spec string_codes_spec = {
    .name = "motadata_ml_native._loops.StringCodes",
    .basicsize = sizeof(codes_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = slots,
};
