#!/bin/sh
# Proves that a fresh Debian with only make and python3 runs `make install`, `make test` and `make demo`, as root and as
# an ordinary user; prints a table of what passed and the seconds it took. Needs root on Debian.
#   deploy/prove-fresh.sh [SUITE...]    SUITE: bookworm (12), trixie (13); both when none is named
# Everything runs in mount and process namespaces of its own: whatever happens, they take their mounts and their
# processes with them, and no file of this machine is ever within reach of the clean-up.
set -eu
cd "$(dirname "$0")/.."
. deploy/say.sh
. deploy/machine.sh

[ "$(id -u)" -eq 0 ] || die "needs root, for chroot and mount"
work=${COTISA_PROVE:-}
if [ -z "$work" ]; then
    command -v debootstrap >/dev/null || step "Installing debootstrap" install_debs debootstrap
    work=$(mktemp -d)
    chmod 755 "$work"
    trap 'rm -rf --one-file-system "$work/root"' EXIT
    trap 'exit 130' INT TERM
    # Not exec: this shell stays outside, to clean up when the namespaces are gone.
    COTISA_PROVE=$work unshare --mount --pid --fork --kill-child --propagation private sh deploy/prove-fresh.sh "$@" && rc=0 || rc=$?
    exit "$rc"
fi

python=$(command -v python3)
table=$work/table
printf '%-10s %-6s %-9s %-8s %s\n' Debian as step result seconds >"$table"
failed=0

# in_root WHO COMMAND: in the new system, with a new environment.
in_root() {
    # shellcheck disable=SC2046 # one word for each setting
    timeout 1200 chroot --userspec="$1" "$work/root" /usr/bin/env -i \
        HOME="$home" PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEMO_EXIT=1 \
        $(env | grep -Ei '^(https?|no)_proxy=') \
        sh -c "cd $home/cotisa && $2" </dev/null
}

fresh_root() {
    debian_root "$suite" make,python3 "$work/root" || return 1
    pip_conf "$python" /etc/pip.certificates >"$work/root/etc/pip.conf"
    cat "$(pip_setting "$python" cert)" >"$work/root/etc/pip.certificates" 2>/dev/null || true
    mount -t proc proc "$work/root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$work/root/dev"
    for node in null:3 zero:5 full:7 random:8 urandom:9; do
        mknod -m 666 "$work/root/dev/${node%:*}" c 1 "${node#*:}"
    done
    ln -s /proc/self/fd "$work/root/dev/fd"
    mkdir -m 1777 "$work/root/dev/shm"
    mount -t tmpfs -o mode=1777 tmpfs "$work/root/dev/shm"
}
# The checkout as git sees it: tracked files and new ones, nothing ignored.
copy_checkout() {
    mkdir -p "$work/root$home/cotisa"
    git -c safe.directory='*' ls-files --cached --others --exclude-standard | sort -u |
        while IFS= read -r file; do if [ -e "$file" ]; then printf '%s\n' "$file"; fi; done |
        tar -c --no-recursion -T - | tar -C "$work/root$home/cotisa" --no-same-owner -xf -
}

# A target that is done should have ended all that it started.
end_leftovers() {
    sleep 2
    for process in "$work"/root/proc/[0-9]*; do
        if [ "$(readlink "$process/root")" = "$work/root" ]; then
            say "left running: $(tr '\0' ' ' <"$process/cmdline")"
            kill -KILL "${process##*/}"
        fi
    done
}

prove() {
    suite=$1
    who=$2
    home=/root
    say "== $suite, as $who"
    step "Unpacking a fresh $suite" fresh_root
    if [ "$who" = user ]; then
        home=/home/user
        chroot "$work/root" useradd --create-home user
    fi
    copy_checkout
    chroot "$work/root" chown -R "$who:" "$home"
    for target in install test demo; do
        log=$work/$suite-$who-$target.log
        start=$(date +%s)
        if in_root "$who" "make $target" >"$log" 2>&1; then result=pass; else result=FAIL && failed=1; fi
        printf '%-10s %-6s %-9s %-8s %s\n' "$suite" "$who" "$target" "$result" "$(($(date +%s) - start))" | tee -a "$table"
        if [ "$result" = FAIL ]; then tail -n 25 "$log"; fi
    done
    end_leftovers
    umount --lazy "$work/root/dev/shm" "$work/root/dev" "$work/root/proc"
    rm -rf --one-file-system "$work/root"
}

[ $# -gt 0 ] || set -- bookworm trixie
for one in "$@"; do
    prove "$one" root
    prove "$one" user
done
say "The logs are in $work."
cat "$table"
exit "$failed"
