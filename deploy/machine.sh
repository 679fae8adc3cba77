# How this machine reaches its package registries, for the roots and images that the scripts here make (sourced, not
# run). Nothing of it is written into the repository: it is read from the machine at run time.
# shellcheck shell=sh

# debian_mirror: the first Debian archive in this machine's own apt sources.
# shellcheck disable=SC2016 # the $(…) are apt's own placeholders
debian_mirror() {
    apt-get indextargets --format '$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 == "main" { print $3; exit }'
}

# pip_setting PYTHON NAME: what pip is told here by its files or its environment.
pip_setting() {
    "$1" -m pip config list 2>/dev/null | tr -d "'" | sed -n "s/^[^=]*[.]$2=//p" | head -n 1
}

# pip_conf PYTHON CERTIFICATES: a pip.conf that reaches the same index; folders of this machine are left out.
pip_conf() {
    echo '[global]'
    for name in index-url extra-index-url trusted-host proxy timeout; do
        value=$(pip_setting "$1" "$name")
        case $value in
        '' | file:* | /*) ;;
        *) echo "$name = $value" ;;
        esac
    done
    if [ -n "$(pip_setting "$1" cert)" ]; then echo "cert = $2"; fi
}

# debian_root SUITE PACKAGES FOLDER: unpacks a minimal Debian with these packages (comma between) into a new
# folder, able to reach the registries as this machine does. Makes it once, then keeps it as a tar file.
debian_root() {
    cache=${TMPDIR:-/tmp}/cotisa-roots
    tarball=$cache/$1${2:+,$2}.tar
    mkdir -p "$cache" "$3"
    if [ ! -f "$tarball" ]; then
        rm -rf --one-file-system "$cache/making"
        debootstrap --variant=minbase ${2:+"--include=$2"} "$1" "$cache/making" "$(debian_mirror)" || return 1
        rm -rf "$cache"/making/var/cache/apt/archives/*.deb "$cache"/making/var/lib/apt/lists/*
        tar -C "$cache/making" -cf "$tarball.new" . && mv "$tarball.new" "$tarball" || return 1
        rm -rf --one-file-system "$cache/making"
    fi
    tar -C "$3" -xpf "$tarball" || return 1
    cat /etc/resolv.conf >"$3/etc/resolv.conf"
    apt-config dump | grep -E '^Acquire::https?::' >"$3/etc/apt/apt.conf.d/80machine" || true
}
