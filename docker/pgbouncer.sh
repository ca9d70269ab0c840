#!/bin/bash
# PgBouncer in front of SERVER_HOST, for the role `app`.
set -euo pipefail
umask 077
password=$(cat "$APP_PASSWORD_FILE")
printf '"app" "%s"\n' "${password//\"/\"\"}" >/run/pgbouncer/users
cat >/run/pgbouncer/pgbouncer.ini <<INI
[databases]
* = host=$SERVER_HOST port=5432
[pgbouncer]
listen_addr = *
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = /run/pgbouncer/users
pool_mode = transaction
ignore_startup_parameters = extra_float_digits
INI
exec pgbouncer /run/pgbouncer/pgbouncer.ini
