#!/bin/sh
# Renews every lock from what it is made from; versions stay unless they must change.
# `sh images/lock.sh --upgrade` takes the newest of everything.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q --disable-pip-version-check uv

# rfc3987-syntax builds a grammar at import, about a second of every process that imports
# jsonschema; it goes with its parser. So every lock is installed with --no-deps.
lock() {
    output=$1
    shift
    .venv/bin/uv pip compile --universal --generate-hashes --python-version 3.11 -q --no-header \
        --no-emit-package cohort --no-emit-package rfc3987-syntax --no-emit-package lark \
        -o "$output" "$@" >/dev/null
}

# What `pip install --no-build-isolation -e .` and `hatchling build` need beside the extras.
build='hatchling editables'
printf '%s\n' $build | lock requirements.txt "$@" --extra lab pyproject.toml -
# Held to the first lock's versions, so that a development .venv serves `make up` too.
printf '%s\n' $build | lock requirements-dev.txt "$@" --extra dev -c requirements.txt pyproject.toml -

for folder in images/hub images/idp images/workspace; do
    [ ! -f "$folder/requirements.in" ] || lock "$folder/requirements.txt" "$@" "$folder/requirements.in"
done

if command -v npm >/dev/null; then
    for folder in images/hub images/workspace/labextension; do
        [ ! -f "$folder/package.json" ] ||
            (cd "$folder" && npm install --package-lock-only --ignore-scripts --silent)
    done
fi
