#!/bin/bash
# Sourced by every case, in the booted system. In: commands and what they should do. Out: one line for each check on
# stdout, and in $RESULTS one word for each: ok, FAIL, and at the end `finished`.
# shellcheck disable=SC2034  # cases use these

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
RESULTS=${RESULTS:?the file for the results}
files=/etc/lodger
state=/var/lib/lodger

passed() {
    echo ok >>"$RESULTS"
    printf '    ok    %s\n' "$1"
}

# $1: what was checked; the rest: lines that tell more.
failed() {
    echo FAIL >>"$RESULTS"
    printf '    FAIL  %s\n' "$1"
    shift
    printf '%s\n' "$@" | head -n 60 | sed 's/^/          | /'
}

# The command succeeds.
check() {
    local what=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if [ $status -eq 0 ]; then passed "$what"; else failed "$what" "ran: $*" "exit status $status" "$output"; fi
    return $status
}

# The command runs and fails. One that cannot be run (125 to 129) has shown nothing.
check_fails() {
    local what=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    case $status in
        0) failed "$what" "ran: $*" "it succeeded, and should not" "$output" ;;
        12[5-9]) failed "$what" "ran: $*" "it could not be run: exit status $status" "$output" ;;
        *) passed "$what" ;;
    esac
}

# The two texts are the same.
check_equal() {
    if [ "$2" = "$3" ]; then passed "$1"; else failed "$1" "expected: $2" "     got: $3"; fi
}

# The output of a command ($3 ...) has a match for the extended regular expression $2.
check_output() {
    local what=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>&1)
    if grep -Eq -- "$pattern" <<<"$output"; then passed "$what"; else failed "$what" "ran: $*" "no match for: $pattern" "$output"; fi
}

# The output of a command ($3 ...) has none.
check_no_output() {
    local what=$1 pattern=$2 output
    shift 2
    output=$("$@" 2>&1)
    if grep -Eq -- "$pattern" <<<"$output"; then failed "$what" "ran: $*" "unwanted match for: $pattern" "$output"; else passed "$what"; fi
}

# A number lies between $2 and $3, both included.
check_between() {
    if [[ $4 =~ ^-?[0-9]+$ ]] && [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then passed "$1"; else failed "$1" "expected: $2 to $3" "     got: $4"; fi
}

# Setting the scene: what fails here makes the rest meaningless, so the case ends.
must() {
    local output status
    output=$("$@" 2>&1)
    status=$?
    [ $status -eq 0 ] && return
    failed "could not: $*" "exit status $status" "$output"
    finish
}

# systemd loses a start now and then, and lodger makes that a failure (lodgerd(8), BUGS). What that leads to is the matter of one
# case, which sets loses_starts; in others the same is asked once more.
systemctl() {
    local begun=$EPOCHSECONDS status
    command systemctl "$@"
    status=$?
    if [ $status -ne 0 ] && [ -z "${loses_starts-}" ] && [[ $1 = *start ]]; then
        journalctl --sync
        if journalctl --quiet --output cat --since "@$begun" | grep -q 'systemd has lost this start'; then
            printf '    ..    systemd has lost a start\n' >&2
            command systemctl "$@"
            return
        fi
    fi
    return $status
}

# Waits until a command succeeds, at most $1 seconds. The pause between two tries is not what decides.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

# The last line of every case: without it, the case counts as one that ended early.
finish() {
    echo finished >>"$RESULTS"
    exit 0
}

# Ends this stage: the harness boots the same system again and calls the case with the next stage as $1.
reboot_to_next_stage() { exit 100; }

# Writes standard input to a container file. $1: its name without .toml.
container() {
    must mkdir -p "$files"
    cat >"$files/$1.toml"
}

# A container that sleeps; standard input is appended to its file.
sleeper() {
    local name=$1
    {
        echo 'exec = ["/usr/bin/sleep", "infinity"]'
        [ -t 0 ] || cat
    } | container "$name"
}

# Writes standard input to a drop-in for the service of a container. $1: container.
drop_in() {
    must mkdir -p "/etc/systemd/system/lodger-$1.service.d"
    cat >"/etc/systemd/system/lodger-$1.service.d/testbed.conf"
}

reload() { must systemctl daemon-reload; }

# Has containers start on the host as it is now, as a refresh does.
new_base() { must lodger base create; }

# Where the file system of a container's payload and its process id are. $1: container.
main_pid() { systemctl show --value --property MainPID "lodger-$1.service"; }

# Runs a command where the payload of container $1 runs, as root of the host: what it cannot see, nothing there can.
within() {
    local pid
    pid=$(main_pid "$1")
    shift
    [ "${pid:-0}" -gt 0 ] || { echo "no payload" >&2; return 127; }
    nsenter -t "$pid" -m -p -u -i -n -r -w -- "$@"
}

is_active() { systemctl is-active --quiet "lodger-$1.service"; }
active_state() { systemctl show --value --property ActiveState "lodger-$1.service"; }
# Microseconds since boot; changes at every start.
started_at() { systemctl show --value --property ExecMainStartTimestampMonotonic "lodger-$1.service"; }
# `systemctl status` as the user sees it; it exits 3 for a stopped unit. The journal's writer may lag a moment behind.
status_of() { journalctl --sync; systemctl status --no-pager --full --lines 50 "lodger-$1.service" || true; }
journal_of() { journalctl --sync; journalctl --no-pager --output cat --unit "$1"; }
# How often container $1 has said the line $2; and whether that is at least $3 times.
said() { journal_of "lodger-$1" | grep -cx "$2"; }
has_said() { [ "$(said "$1" "$2")" -ge "$3" ]; }
