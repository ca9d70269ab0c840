#!/bin/sh
# Install motadata_ml into a PostgreSQL server of this machine, from the files beside this script: no network is used.
#
# Usage: sudo ./install [--prefix FOLDER] [further arguments of `motadata-ml install`]
#
# --prefix      where the environment is made, or brought to this version (/opt/motadata-ml)
# --pg-config   the program pg_config of the server meant, where there are several
set -eu
umask 022

python=3
prefix=/opt/motadata-ml
here=$(cd "$(dirname "$0")" && pwd -P)

fail() {
    printf 'error: %s\nremedy: %s\n' "$1" "$2" >&2
    exit 1
}

if [ "${1:-}" = --prefix ]; then
    [ -n "${2:-}" ] || fail "--prefix needs a folder" "sudo ./install --prefix /opt/motadata-ml"
    prefix=$2
    shift 2
fi
unset PYTHONPATH PYTHONHOME
interpreter=/usr/bin/python$python # the one PL/Python embeds, whatever comes first on the PATH
[ -x "$interpreter" ] ||
    fail "this bundle is for Python $python, and there is no $interpreter" "Take the bundle for the Python that your PL/Python embeds."
(cd "$here" && sha256sum --quiet --strict -c SHA256SUMS) ||
    fail "the files in $here are not those that were packed" "Copy and unpack the bundle again."
if [ -e "$prefix" ] && [ ! -f "$prefix/pyvenv.cfg" ]; then
    fail "$prefix is there and is no environment of Python" "Name another folder: sudo ./install --prefix FOLDER"
fi
mkdir -p "$prefix" 2>/dev/null && [ -w "$prefix" ] ||
    fail "cannot write to $prefix" "Run the same command with sudo, or name another folder with --prefix."
"$interpreter" -m venv --without-pip "$prefix"
# pip runs from its wheel and stays out of the environment
set -- "$prefix/bin/motadata-ml" install --lean "$@"
pip=$(echo "$here"/wheels/pip-*.whl)
"$interpreter" "$pip/pip" --python "$prefix/bin/python" install -q --disable-pip-version-check --no-index \
    --find-links "$here/wheels" --no-deps --no-compile --require-hashes -r "$here/requirements.txt"
exec "$@"
