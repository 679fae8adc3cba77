#!/bin/sh
# Makes .venv hold Cotisa and what requirements/$1.txt says ("base" or "dev"); does nothing when it already does.
# Its stamp is written last, so that an interrupted run is never taken for a finished one.
set -eu
cd "$(dirname "$0")/.."
. deploy/say.sh

want=${1:-base}
root=$(pwd -P)
venv=$root/.venv
py=$venv/bin/python
unset PYTHONHOME PYTHONPATH
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

# --- is there anything to do?
# What the venv itself was made for: it survives neither a move of the checkout nor another Python.
made_for() {
    printf '%s\n' "$root"
    "$py" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null
}
# What was installed into it.
key() {
    { made_for && cat pyproject.toml "requirements/base.in" "requirements/$1.txt"; } | cksum
}
venv_good() { [ -f "$venv/made-for" ] && [ "$(made_for)" = "$(cat "$venv/made-for")" ]; }
ready() { venv_good && [ -x "$venv/bin/gateway" ] && [ "$(cat "$venv/ready-$1" 2>/dev/null)" = "$(key "$1")" ]; }

if ready "$want"; then exit 0; fi

[ -w "$root" ] || die "$root is not writable for $(id -un): run make as the owner of the checkout"
if [ -e "$venv" ] && [ "$(stat -c %u "$venv")" != "$(id -u)" ]; then
    die ".venv belongs to $(stat -c %U "$venv"): run make as that user, or remove .venv first"
fi

# Two makes at once take turns; the second then finds the work done.
if command -v flock >/dev/null 2>&1; then
    exec 9<deploy/setup.sh
    flock 9
    if ready "$want"; then exit 0; fi
fi

# --- a Python, 3.11 or newer
find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# --- an empty venv with a pip in it
# Debian and Ubuntu leave ensurepip out of python3; their package python3-venv brings it.
has_ensurepip() { "$base" -c 'import venv, ensurepip' 2>/dev/null; }
has_pip() { "$base" -c 'import venv, pip; assert int(pip.__version__.split(".")[0]) >= 23' 2>/dev/null; }
locked_pip() { "$@" install --require-hashes --only-binary :all: -r requirements/pip.txt; }
venv_by_pip() { "$base" -m venv --without-pip "$venv" && locked_pip "$base" -m pip --python "$py"; }
# Debian's pip is only borrowed to fetch the locked one. It trusts the system's certificates and nothing else; a system
# that has none yet gets those of Debian's package.
venv_by_deb() (
    tmp=$(mktemp -d) || exit 1
    trap 'rm -rf "$tmp"' EXIT
    system=/etc/ssl/certs/ca-certificates.crt
    "$base" -m venv --without-pip "$venv" && borrow_debs "$tmp" python3-pip-whl || exit 1
    "$py" -m zipfile -e "$tmp"/usr/share/python-wheels/pip-*.whl "$tmp/pip" || exit 1
    if [ ! -e "$system" ]; then
        cat "$tmp"/usr/share/ca-certificates/mozilla/*.crt >"$tmp/certificates"
        sed -i "s|$system|$tmp/certificates|" "$tmp/pip/pip/_vendor/certifi/core.py"
    fi
    PYTHONPATH=$tmp/pip locked_pip "$py" -m pip
)

make_venv() {
    base=$(find_python) || die "needs Python 3.11 or newer as python3 (or name one: make PYTHON=/path/to/python3)"
    rm -rf "$venv"
    if ! has_ensurepip && can_apt; then
        step "This python3 has no ensurepip: installing Debian's python3-venv" install_debs python3-venv || true
    fi
    if has_ensurepip; then
        step "Making .venv with $base" "$base" -m venv "$venv"
    elif has_pip; then
        step "Making .venv with $base and its pip" venv_by_pip
    elif has_apt; then
        step "Making .venv with $base and a pip out of Debian's package" venv_by_deb
    else
        die "needs the package python3-venv: have 'apt-get install python3-venv' run as root, then run make again"
    fi || die "could not make .venv, see above (python3-venv helps where the package archives cannot be reached)"
    made_for >"$venv/made-for"
}

venv_good || make_venv

# --- the locked packages, then Cotisa itself
rm -f "$venv/ready-base" "$venv/ready-dev"
step "Installing requirements/$want.txt" "$py" -m pip install --require-hashes --only-binary :all: -r "requirements/$want.txt" ||
    die "pip could not install requirements/$want.txt"
step "Installing Cotisa into .venv" "$py" -m pip install --no-deps --no-index --no-build-isolation -e . ||
    die "pip could not install the checkout itself"

key base >"$venv/ready-base" # whatever was wanted, base is part of it
key "$want" >"$venv/ready-$want"
