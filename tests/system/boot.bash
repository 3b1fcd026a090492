#!/bin/bash
# Sourced. In: the tar that `root` made. Out: a throw-away Debian, booted, entered, powered off, removed.
# One system at a time for each process that sources this; any number of such processes at once.
# shellcheck disable=SC2034  # variables here are for the scripts that source this

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
repository=$(readlink -f "$here/../..")
cache=$repository/target/testbed
run_directory=      # target/testbed/run.XXXX: all that one process leaves on disk, until it ends
tree=               # the root of the present system
nspawn=             # process id of systemd-nspawn, a child of this shell
enter=()            # the command that enters the booted system, with a clean environment
leader=             # process id, on this machine, of the booted system's PID 1
machine=            # name of the booted system on this machine, and of the control groups that hold it

say() { printf '%s\n' "$*" >&2; }

# Ends only what this process started; runs at every way out.
clean_up() {
    local status=$?
    trap - EXIT INT TERM HUP
    stop_system
    if [ -n "$run_directory" ]; then
        detach_disks
        if [ -n "${KEEP-}" ]; then say "kept: $run_directory"; else rm -rf --one-file-system "$run_directory"; fi
    fi
    exit "$status"
}

open_run_directory() {
    mkdir -p "$cache"
    local kind
    kind=$(stat -f -c %T "$cache")
    if [ "$kind" = overlayfs ]; then
        say "tests/system: $cache lies on an overlayfs, which cannot hold the uppers of another overlay:"
        say "  put target/ on ext4, xfs or btrfs (a bind mount or a symlink will do)"
        exit 1
    fi
    run_directory=$(mktemp -d "$cache/run.XXXX")
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

# A fresh copy of the root. $1: the tar.
unpack_root() {
    [ -n "$run_directory" ] || open_run_directory
    tree=$run_directory/root
    detach_disks
    rm -rf --one-file-system "$tree"
    mkdir "$tree"
    tar -xf "$1" -C "$tree" --xattrs --xattrs-include='*' --numeric-owner
    machine=testbed-${run_directory##*.}
}

# Puts $2, a directory of the system to come, on an ext4 of its own, with what is in it. $1: size for truncate(1), such as 24M.
attach_disk() {
    local image
    mkdir -p "$tree$2"
    image=$run_directory/disk.$(echo "$2" | tr / _)
    truncate -s "$1" "$image" && mkfs.ext4 -q -m 0 -d "$tree$2" "$image" || return
    # Under the mount there is nothing, as on a host: who looks there finds it empty.
    find "$tree$2" -mindepth 1 -delete && mount -o loop "$image" "$tree$2"
}

detach_disks() {
    [ -n "$run_directory" ] || return 0
    local mount_point
    awk -v under="$run_directory/" 'index($5, under) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        while read -r mount_point; do umount "$mount_point" || umount -l "$mount_point"; done
    rm -f "$run_directory"/disk.*
}

# Without groups of its own the booted systemd would share /payload with every other nspawn that this session
# started, and each would end the other's processes.
enter_control_groups() {
    local group
    for group in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -e "$group/cgroup.procs" ] || continue
        mkdir "$group/$machine" && echo "$BASHPID" >"$group/$machine/cgroup.procs" || return
    done
}

leave_control_groups() {
    local group
    for group in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -d "$group/$machine" ] || continue
        find "$group/$machine" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    return 0
}

# Boots $tree; returns once it is running or degraded. With a limit: a system that does not come up ends the run.
start_system() {
    local log=$run_directory/nspawn.log wrap=()
    local nspawn_command=(systemd-nspawn --register=no --keep-unit --private-network --console=pipe --quiet
        --machine="$machine" --hostname=testbed -bD "$tree")
    # Where systemd is PID 1 it owns the control groups: ask it for one.
    [ -d /run/systemd/system ] && wrap=(systemd-run --scope --quiet --collect --property=Delegate=yes)
    (
        [ ${#wrap[@]} -gt 0 ] || enter_control_groups || exit 1
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
        exec "${wrap[@]}" "${nspawn_command[@]}"
    ) </dev/null >"$log" 2>&1 &
    nspawn=$!
    local deadline=$((SECONDS + ${BOOT_LIMIT:-90})) state
    while [ $SECONDS -lt $deadline ]; do
        if ! kill -0 "$nspawn" 2>/dev/null; then
            say "tests/system: systemd-nspawn ended: $(cat "$log")"
            return 1
        fi
        find_leader
        if [ -n "$leader" ]; then
            state=$(inside systemctl is-system-running 2>/dev/null)
            case $state in running | degraded) return 0 ;; esac
        fi
        sleep 0.1
    done
    say "tests/system: no running system after ${BOOT_LIMIT:-90} s (state: ${state:-none}); its journal ends:"
    journalctl --directory="$tree/var/log/journal" --no-pager -n 60 >&2
    return 1
}

# PID 1 of the booted system is the child of nspawn that has its own pid namespace.
find_leader() {
    local child children=()
    leader=
    read -ra children 2>/dev/null <"/proc/$nspawn/task/$nspawn/children"
    for child in "${children[@]}"; do
        [ "$(cat "/proc/$child/comm" 2>/dev/null)" = systemd ] && leader=$child
    done
    enter=(nsenter -t "$leader" -m -p -u -i -n -C -r -w env -i LANG=C.UTF-8 TERM=dumb HOME=/root
        DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
}

# Runs a command in the booted system.
inside() { "${enter[@]}" "$@"; }

# Runs a long command so that a signal to this shell is heeded at once: bash runs traps only between commands.
until_signal() {
    "$@" </dev/null &
    wait $!
}

# Copies $1 (file or directory) to the directory $2 in the booted system, /run included.
copy_in() {
    inside mkdir -p "$2" && tar -c -C "$(dirname "$1")" "$(basename "$1")" | inside tar -x --no-same-owner -C "$2"
}

# The only .deb under target/deb; built first, unless make called, which has done so. LODGER_DEB names another one.
find_deb() {
    local debs=()
    if [ -z "${LODGER_DEB-}" ]; then
        [ -n "${MAKELEVEL-}" ] || make -s -C "$repository" deb >&2 || return
        mapfile -t debs < <(compgen -G "$repository/target/deb/lodger_*.deb")
        if [ ${#debs[@]} -ne 1 ]; then
            say "tests/system: one package expected in target/deb, found ${#debs[@]}: ${debs[*]}"
            return 1
        fi
        LODGER_DEB=${debs[0]}
    fi
    deb=$LODGER_DEB
}

# Installs the package the way a user does.
install_deb() {
    copy_in "$deb" /run/testbed || return
    inside apt-get install -y -q "/run/testbed/$(basename "$deb")" >"$run_directory/install.log" 2>&1 && return
    say "tests/system: apt-get install failed:"
    cat "$run_directory/install.log" >&2
    return 1
}

# Powers the system off; one that does not obey within the limit is killed, with everything in it.
stop_system() {
    [ -n "$nspawn" ] || return 0
    if kill -0 "$nspawn" 2>/dev/null; then
        { [ -n "$leader" ] && inside systemctl poweroff --no-block 2>/dev/null; } || kill -TERM "$nspawn" 2>/dev/null
        local deadline=$((SECONDS + ${STOP_LIMIT:-60}))
        while kill -0 "$nspawn" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
        if kill -0 "$nspawn" 2>/dev/null; then
            say "tests/system: the system did not power off within ${STOP_LIMIT:-60} s; killing it"
            kill -KILL "$nspawn"
        fi
    fi
    wait "$nspawn" 2>/dev/null
    nspawn='' leader=''
    rm -rf "/run/systemd/nspawn/propagate/$machine"
    leave_control_groups
}
