#!/bin/bash
# Runs once, when the container makes its data folder: the extension, and the roles whose passwords are given.
#
# REPLICATION_PASSWORD_FILE  the role `replicator`, for standbys
# APP_PASSWORD_FILE          the role `app`, which acts for the tenant `default`
set -euo pipefail
setup.sh
if [ -n "${REPLICATION_PASSWORD_FILE:-}" ]; then
    local-psql.sh -q -v password="$(cat "$REPLICATION_PASSWORD_FILE")" \
        <<<"create role replicator replication login password :'password';"
    printf 'host replication replicator all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
fi
if [ -n "${APP_PASSWORD_FILE:-}" ]; then
    local-psql.sh -q -v password="$(cat "$APP_PASSWORD_FILE")" -o /dev/null \
        <<<"create role app login password :'password'; select ml.grant_usage('app', 'default');"
fi
