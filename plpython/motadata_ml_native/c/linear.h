/* Scores that are linear in columns: numbers by a weight, codes by a table. No Python in here. */
#ifndef MOTADATA_ML_LINEAR_H
#define MOTADATA_ML_LINEAR_H

#include <stdint.h>

typedef struct {
    const double *numbers; /* one a row, or NULL */
    const int32_t *codes;  /* one a row, where there are no numbers */
    double shift, missing; /* of numbers: subtracted; and what stands for NaN once it is */
    const double *weights; /* of numbers: (outputs,) */
    const double *shares;  /* of codes: (entries + 1, outputs); the last row is for codes out of range */
    int64_t entries;
} linear_column;

/* Write (count, outputs) scores: the intercepts, then each column's share in the order of the columns. */
void linear_table(const linear_column *columns, int64_t width, const double *intercepts, int64_t outputs,
                  int64_t first, int64_t count, double *scores);

#endif
