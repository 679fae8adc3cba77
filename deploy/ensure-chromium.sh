#!/bin/sh
# Prints the path of a Chromium on standard output, after installing Debian's where there is none and that may be done.
# Prints nothing where there is none to be had: the tests that need a browser then say that they were left out.
set -eu
cd "$(dirname "$0")/.."
. deploy/say.sh

find_browser() {
    if [ -n "${CHROMIUM:-}" ]; then
        command -v "$CHROMIUM" && return 0
        die "CHROMIUM=$CHROMIUM is not a program"
    fi
    for name in chromium google-chrome; do
        PATH=$PATH:/usr/bin:/usr/local/bin command -v "$name" && return 0
    done
    return 1
}

find_browser && exit 0
# Ubuntu's package of that name is a door to another store, which a container hasn't.
if can_apt && ! grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
    step "No Chromium here: installing Debian's" install_debs chromium || true
    find_browser && exit 0
fi
say "cotisa: no Chromium here, so the tests that need a browser are left out (apt-get install chromium, or set CHROMIUM)"
