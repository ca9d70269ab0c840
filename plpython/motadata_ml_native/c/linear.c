#include "forest.h"
#include "linear.h"

#include <string.h>

WIDE_REGISTERS static void add_numbers(const double *numbers, double shift, double missing, double weight,
                                       int64_t count, int64_t outputs, double *scores)
{
    if (outputs == 1) {
        for (int64_t r = 0; r < count; r++) {
            const double v = numbers[r];
            scores[r] += (v != v ? missing : v - shift) * weight;
        }
        return;
    }
    for (int64_t r = 0; r < count; r++) {
        const double v = numbers[r];
        scores[r * outputs] += (v != v ? missing : v - shift) * weight;
    }
}

static void add_codes(const linear_column *column, const int32_t *codes, int64_t count, int64_t outputs, double *scores)
{
    for (int64_t r = 0; r < count; r++) {
        const int64_t entry = codes[r] >= 0 && codes[r] < column->entries ? codes[r] : column->entries;
        for (int64_t o = 0; o < outputs; o++)
            scores[r * outputs + o] += column->shares[entry * outputs + o];
    }
}

void linear_table(const linear_column *columns, int64_t width, const double *intercepts, int64_t outputs,
                  int64_t first, int64_t count, double *scores)
{
    enum { ROWS = 2048 }; /* scores of a block stay in the first cache while columns add to them */
    for (int64_t begin = 0; begin < count; begin += ROWS) {
        const int64_t rows = count - begin < ROWS ? count - begin : ROWS;
        double *block = scores + begin * outputs;
        for (int64_t r = 0; r < rows; r++)
            memcpy(block + r * outputs, intercepts, (size_t)outputs * sizeof *intercepts);
        for (int64_t c = 0; c < width; c++) {
            const linear_column *column = columns + c;
            if (column->numbers == NULL) {
                add_codes(column, column->codes + first + begin, rows, outputs, block);
                continue;
            }
            for (int64_t o = 0; o < outputs; o++)
                add_numbers(column->numbers + first + begin, column->shift, column->missing, column->weights[o], rows,
                            outputs, block + o);
        }
    }
}
