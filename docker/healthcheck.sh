#!/bin/bash
# Healthy is a server that predicts: 2 * 21, by the model that setup.sh trains.
set -euo pipefail
if ! answer=$(local-psql.sh -qAt -v VERBOSITY=terse -c "select round(ml.predict_value('health', array[21], tenant_id => 'health'))" 2>&1); then
    printf '%s\n' "$answer" "where the data folder is older than the image, run: setup.sh"
    exit 1
fi
[ "$answer" = 42 ] || { printf 'predicted %s instead of 42\n' "$answer" && exit 1; }
