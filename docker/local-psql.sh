#!/bin/bash
# psql on the container's own server, as its first user in its first database.
set -euo pipefail
from_file() { [ -z "${1:-}" ] || cat "$1"; }
user=${POSTGRES_USER:-$(from_file "${POSTGRES_USER_FILE:-}")}
user=${user:-postgres}
database=${POSTGRES_DB:-$(from_file "${POSTGRES_DB_FILE:-}")}
PGPASSWORD=${POSTGRES_PASSWORD:-$(from_file "${POSTGRES_PASSWORD_FILE:-}")}
export PGPASSWORD
exec psql -X -v ON_ERROR_STOP=1 -h /var/run/postgresql -U "$user" -d "${database:-$user}" "$@"
