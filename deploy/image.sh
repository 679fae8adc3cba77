#!/bin/sh
# Builds the container image without a container engine, then tries it: try_image.py runs it against a real PostgreSQL
# and a real Redis. Needs root on Debian, and the dev venv.
#   deploy/image.sh                    builds, tries, throws away
#   KEEP=cotisa.tar deploy/image.sh    keeps it too, as an archive for `docker load`
# It all happens in mount and process namespaces of its own, which take mounts and servers with them when they end.
set -eu
cd "$(dirname "$0")/.."
. deploy/say.sh
. deploy/machine.sh

[ "$(id -u)" -eq 0 ] || die "needs root (with a container engine there is no need for this: docker build --tag cotisa .)"
work=${COTISA_IMAGE:-}
if [ -z "$work" ]; then
    for tool in buildah debootstrap; do
        command -v "$tool" >/dev/null || step "Installing $tool" install_debs "$tool" || die "apt-get could not install $tool"
    done
    REDIS_SERVER=$(sh deploy/ensure-redis.sh)
    work=$(mktemp -d)
    chmod 755 "$work"
    trap 'rm -rf --one-file-system "$work"' EXIT
    trap 'exit 130' INT TERM
    export REDIS_SERVER COTISA_IMAGE="$work"
    # Not exec: this shell stays outside, to clean up when the namespaces are gone.
    unshare --mount --pid --fork --kill-child --mount-proc --propagation private sh deploy/image.sh && exit 0 || exit $?
fi

python=.venv/bin/python
suite=${SUITE:-trixie}
set -- buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs

# The base: made here from Debian's archive, in place of one that is pulled.
make_base() {
    debian_root "$suite" "" "$work/base" && tar -C "$work/base" -cf "$work/base.tar" . &&
        made=$("$@" from scratch) && "$@" add --quiet "$made" "$work/base.tar" / &&
        "$@" commit --quiet --rm "$made" cotisa-base && rm -rf --one-file-system "$work/base" "$work/base.tar"
}
# How pip reaches its index from here goes in as secrets, which no layer keeps.
make_image() {
    pip_conf "$python" /run/secrets/certificates >"$work/pip.conf"
    cat "$(pip_setting "$python" cert)" >"$work/certificates" 2>/dev/null || true
    "$@" bud --isolation chroot --format docker --build-arg BASE=localhost/cotisa-base --tag cotisa \
        --secret "id=pip,src=$work/pip.conf" --secret "id=certificates,src=$work/certificates" .
}

step "Making a base of Debian $suite" make_base "$@" || die "there is no base to build on"
step "Building the image" make_image "$@" || die "the image does not build"
mkdir -m 700 "$work/user"
XDG_RUNTIME_DIR=$work/user "$python" deploy/try_image.py "$work" "$@" || die "the image does not run"
if [ -n "${KEEP:-}" ]; then
    step "Keeping the image as $KEEP" "$@" push cotisa "docker-archive:$KEEP:cotisa:latest" || die "could not write $KEEP"
fi
