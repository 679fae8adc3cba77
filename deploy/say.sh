# Helpers the scripts here share (sourced, not run): one calm line per step, one clear line per failure.
# shellcheck shell=sh

# say TEXT: one line on standard error, so that standard output stays free for answers.
say() {
    printf '%s\n' "$*" >&2
}

# die TEXT: one clear line, then stop.
die() {
    say "cotisa: $*"
    exit 1
}

# step TEXT COMMAND...: runs the command quietly. A terminal sees dots while it works; its output is shown
# only when it fails.
step() {
    step_text=$1
    shift
    step_log=$(mktemp)
    step_start=$(date +%s)
    step_dots=
    printf '%s ' "$step_text" >&2
    if [ -t 2 ]; then
        (while sleep 1; do printf '.' >&2; done) &
        step_dots=$!
    fi
    trap 'step_end; say "interrupted"; exit 130' INT TERM
    step_rc=0
    "$@" >"$step_log" 2>&1 </dev/null || step_rc=$?
    if [ "$step_rc" -eq 0 ]; then
        say " done in $(($(date +%s) - step_start)) s"
    else
        say " failed"
        tail -n 20 "$step_log" >&2
    fi
    step_end
    trap - INT TERM
    return "$step_rc"
}

step_end() {
    if [ -n "$step_dots" ]; then kill "$step_dots" 2>/dev/null || true; fi
    step_dots=
    rm -f "$step_log"
}

# can_apt: true when this user may install Debian packages. has_apt: true when there are any to be had.
has_apt() { command -v apt-get >/dev/null 2>&1 && [ -f /var/lib/dpkg/status ]; }
can_apt() { [ "$(id -u)" -eq 0 ] && has_apt; }

# install_debs PACKAGE...: installs Debian packages without questions; refreshes the package lists only when needed.
install_debs() {
    export DEBIAN_FRONTEND=noninteractive
    set -- apt-get -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
    if "$@"; then return 0; fi
    apt-get -o DPkg::Lock::Timeout=300 update && "$@"
}

# borrow_debs FOLDER PACKAGE...: for an ordinary user. Unpacks Debian packages, and what they need beyond the system,
# into a folder of one's own; installs nothing, and keeps apt's own lists in a temporary folder.
borrow_debs() (
    into=$1
    shift
    tmp=$(mktemp -d) || exit 1
    trap 'rm -rf "$tmp"' EXIT
    mkdir -p "$into" "$tmp/state/lists/partial" "$tmp/cache/archives/partial"
    own() {
        apt-get -o Dir::State="$tmp/state" -o Dir::State::status=/var/lib/dpkg/status \
            -o Dir::Cache="$tmp/cache" -o Debug::NoLocking=1 "$@"
    }
    own -qq update || exit 1
    names=$(own -s --no-install-recommends install "$@" | awk '/^Inst / { print $2 }')
    cd "$tmp" || exit 1
    # shellcheck disable=SC2086 # one word for each package
    own -qq download $names || exit 1
    for deb in *.deb; do dpkg-deb -x "$deb" "$into" || exit 1; done
)
