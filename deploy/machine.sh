# How this machine reaches its package registries, for the roots and images that the scripts here make (sourced, not
# run). Nothing of it is written into the repository: it is read from the machine at run time.
# shellcheck shell=sh

# debian_mirror: the first Debian archive in this machine's own apt sources.
# shellcheck disable=SC2016 # the $(…) are apt's own placeholders
debian_mirror() {
    apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# registry_settings: NAME=VALUE lines (for env) that pip and apt need for the same registries: an index of one's own,
# proxies. Folders of this machine are left out.
registry_settings() {
    "$1" -m pip config list 2>/dev/null | tr -d "'" | awk -F = '
        { name = $1; value = substr($0, length(name) + 2); sub(/^.*\./, "", name); sub(/^:env:\./, "", name) }
        name ~ /^(index-url|extra-index-url|trusted-host|proxy|timeout|default-timeout)$/ && value !~ /file:|^\// {
            gsub(/-/, "_", name); print "PIP_" toupper(name) "=" value }'
    env | grep -E '^(https?|no|all|HTTPS?|NO|ALL)_?(proxy|PROXY)=' || true
}

# registry_certificates: the file of certificates that pip trusts here, if it was given one.
registry_certificates() {
    "$1" -m pip config list 2>/dev/null | tr -d "'" | awk -F = '/(^|[.])cert=/ { print $2; exit }'
}

# give_network ROOT PYTHON: makes a Debian root reach the network as this machine does.
give_network() {
    cat /etc/resolv.conf >"$1/etc/resolv.conf"
    apt-config dump | grep -E '^Acquire::https?::' >"$1/etc/apt/apt.conf.d/80machine" || true
    certificates=$(registry_certificates "$2")
    if [ -n "$certificates" ]; then
        mkdir -p "$1/etc/ssl/certs"
        cat "$certificates" >"$1/etc/ssl/certs/machine.crt"
    fi
}

# debian_root SUITE PACKAGES PYTHON FOLDER: unpacks a small Debian with these packages (comma between) into a new folder;
# makes it once, then keeps it as a tar file in the temporary folder.
debian_root() {
    cache=${TMPDIR:-/tmp}/cotisa-roots
    tarball=$cache/$1-$(printf '%s' "$2" | tr , -).tar
    mkdir -p "$cache" "$4"
    if [ ! -f "$tarball" ]; then
        rm -rf --one-file-system "$cache/making"
        debootstrap --variant=minbase --include="$2" "$1" "$cache/making" "$(debian_mirror)" || return 1
        rm -f "$cache"/making/var/cache/apt/archives/*.deb
        tar -C "$cache/making" -cf "$tarball.new" . && mv "$tarball.new" "$tarball" || return 1
        rm -rf --one-file-system "$cache/making"
    fi
    tar -C "$4" -xpf "$tarball" && give_network "$4" "$3"
}
