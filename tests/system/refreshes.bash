#!/bin/bash
# Sourced by cases that change packages, in the booted system. In: what dpkg does. Out: the refresh reports that follow.
# shellcheck disable=SC2154  # variables of check.bash

# The number of the last report, 0 before the first.
last_refresh() {
    local number=0 file
    for file in "$state"/refreshes/*.json; do
        [ -e "$file" ] || continue
        file=${file##*/} file=${file%.json}
        [[ $file =~ ^[0-9]+$ ]] && [ "$file" -gt "$number" ] && number=$file
    done
    echo "$number"
}

report() { cat "$state/refreshes/$1.json"; }
# A field of report $1 as jq filter $2.
field() { jq -r "$2" "$state/refreshes/$1.json"; }
reports_from() { [ "$(last_refresh)" -ge "$1" ]; }

# Nothing is pending, nothing in progress. One of the two files is there from the first mark to the report's end.
refreshes_settled() { [ ! -e "$state/pending" ] && [ ! -e "$state/refreshing.json" ]; }

# Waits for report $1 and for everything to be quiet.
wait_for_refresh() { wait_until "${2:-120}" reports_from "$1" && wait_until 60 refreshes_settled; }

# A made package that a running program maps: /usr/bin/probe is a sleep that carries its version; its bytes and its
# inode change with every version. $1: version; PROBE_PROGRAM: what it is instead of sleep; PROBE_NAME: its name instead of probe.
# Prints the path of the .deb.
probe_deb() {
    local tree name=${PROBE_NAME:-probe}
    tree=$(mktemp -d)
    mkdir -p "$tree/DEBIAN" "$tree/usr/bin" "$tree/usr/share/$name"
    cp "${PROBE_PROGRAM:-/usr/bin/sleep}" "$tree/usr/bin/$name"
    # What follows the sections of an ELF file is not read.
    printf '%s' "$1" >>"$tree/usr/bin/$name"
    echo "$1" >"$tree/usr/share/$name/version"
    printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: nobody <nobody@localhost>\nDescription: test material\n' \
        "$name" "$1" "$(dpkg --print-architecture)" >"$tree/DEBIAN/control"
    # As packages are that are built to be reproducible: versions do not differ in the times of their files.
    find "$tree/usr" -type f -exec touch --date=@1700000000 {} +
    [ -z "${PROBE_POSTINST-}" ] || install -m 755 /dev/stdin "$tree/DEBIAN/postinst" <<<"$PROBE_POSTINST"
    dpkg-deb -Znone --root-owner-group -b "$tree" "/run/testbed/${name}_$1.deb" >/dev/null && rm -rf "$tree"
    echo "/run/testbed/${name}_$1.deb"
}

install_probe() { dpkg -i "$(probe_deb "$1")"; }

# What the installed package $1 consists of, under the directory $2, as dpkg-deb -b takes it: of a version raised by the suffix $3,
# without its maintainer scripts.
installed_tree() {
    local package=$1 tree=$2 path directory version
    dpkg-query -L "$package" | sed 's:^/\.$:/:' | while read -r path; do
        if [ -L "$path" ] || [ -f "$path" ]; then
            # /lib is a link; what lies there lies in /usr/lib.
            directory=$(readlink -f "$(dirname "$path")")
            mkdir -p "$tree$directory" && cp -a "$path" "$tree$directory/" || return
        fi
    done || return
    mkdir "$tree/DEBIAN"
    version=$(dpkg-query -W -f '${Version}' "$package")$3
    dpkg-query -s "$package" | sed '/^Status:/d; /^Config-Version:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}' |
        sed "s/^Version: .*/Version: $version/" >"$tree/DEBIAN/control"
    dpkg-query -W -f '${Conffiles}\n' "$package" | sed -n 's/^ \([^ ]*\) [^ ]*$/\1/p' >"$tree/DEBIAN/conffiles"
}

# Installs version $1 of the probe and waits for the refresh that follows.
refresh_with_probe() {
    local before
    before=$(last_refresh)
    must install_probe "$1"
    must wait_for_refresh $((before + 1))
}

# Installs version $1 of the probe before anything is to run it. The refresh that follows would restart what is started meanwhile.
settle_on_probe() {
    must install_probe "$1"
    must wait_until 60 refreshes_settled
}

# A container that runs it.
probe_container() {
    local name=$1
    {
        echo 'exec = ["/usr/bin/probe", "infinity"]'
        cat
    } | container "$name"
}

# Process ids, on the host, of all processes of all containers.
container_processes() {
    find /sys/fs/cgroup/lodger.slice -name cgroup.procs -exec cat {} + 2>/dev/null
}

# Of all containers' processes: how many map a file that is not, by inode, the host's present one of that path.
count_stale_processes() { container_processes | "$here/sample-maps" | jq .stale; }
