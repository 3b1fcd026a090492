#!/bin/bash
# Sourced in the booted system by `demo-inside` and the case first-light. In: web@.toml. Out: a hundred web servers, one
# run of the real unattended-upgrade, and its measurement as JSON.
# shellcheck disable=SC2154  # variables of check.bash and refreshes.bash

servers=100
samples=/run/testbed/samples
upgrade_log=/run/testbed/unattended-upgrade.log

start_servers() {
    mkdir -p "$files" && cp '/run/testbed/web@.toml' "$files/" && systemctl daemon-reload &&
        timeout 120 systemctl start lodger.target
}

# How many answer, each with its own name.
answering() {
    curl --silent --max-time 5 --parallel --parallel-max 20 "http://127.0.0.1:[8001-$((8000 + servers))]/" 2>/dev/null |
        grep '^container ' | sort -u | wc -l
}
all_answer() { [ "$(answering)" -eq $servers ]; }

# Microseconds since boot, the clock of systemd's timestamps.
now() { awk '{ printf "%d\n", $1 * 1000000 }' /proc/uptime; }
# When dpkg last wrote its database, on that clock: the end of its last run.
dpkg_end() {
    local written wall
    written=$(stat -c %.6Y /var/lib/dpkg/status) wall=$(date +%s.%6N)
    echo $(($(now) - (${wall/./} - ${written/./})))
}

# How many servers were started after the moment $1.
started_after() {
    systemctl show --property ActiveEnterTimestampMonotonic 'lodger-web@*.service' |
        awk -F= -v moment="$1" '$2 > moment { n++ } END { print n + 0 }'
}

# After each run of dpkg, while the front end still holds its lock and nothing has been restarted: what the maps tell.
sample_after_dpkg() {
    cat >/run/testbed/sample-after-dpkg <<SCRIPT
#!/bin/bash
find /sys/fs/cgroup/lodger.slice -name cgroup.procs -exec cat {} + | bash /run/testbed/sample-maps >>$samples
SCRIPT
    echo 'DPkg::Post-Invoke { "bash /run/testbed/sample-after-dpkg || true"; };' >/etc/apt/apt.conf.d/99testbed
}

# Runs unattended-upgrade and follows it until every server has been started after dpkg's end and answers, at most $1 s.
# Prints the seconds from dpkg's end to that moment; status 1 when it did not come.
upgrade_servers() {
    local deadline=$((SECONDS + $1)) begun upgrade end done_at='' done_for=''
    begun=$(now)
    unattended-upgrade -v >"$upgrade_log" 2>&1 &
    upgrade=$!
    tail -n 0 -F --pid=$upgrade /var/log/dpkg.log 2>/dev/null |
        awk '$3 == "upgrade" { printf "  dpkg: %s %s -> %s\n", $4, $5, $6; fflush() }' >&2 &
    while [ $SECONDS -lt $deadline ]; do
        end=$(dpkg_end)
        # A difference under 50 ms is the clock's, not another run of dpkg.
        if [ -z "$done_at" ] || [ $((end - done_for)) -gt 50000 ]; then
            done_at=''
            if [ "$end" -gt "$begun" ] && [ "$(started_after "$end")" -ge $servers ] && all_answer; then
                done_at=$(now) done_for=$end
            fi
        elif ! kill -0 $upgrade 2>/dev/null; then
            break
        fi
        if ! kill -0 $upgrade 2>/dev/null && [ "$(dpkg_end)" -le "$begun" ]; then
            echo "unattended-upgrade upgraded nothing: $(tail -n 20 "$upgrade_log")" >&2
            return 1
        fi
        sleep 0.2
    done
    wait $upgrade || { echo "unattended-upgrade failed: $(tail -n 20 "$upgrade_log")" >&2; return 1; }
    [ -n "$done_at" ] || { echo "not all servers came back: $(started_after "$end") started, $(answering) answer" >&2; return 1; }
    awk -v us=$((done_at - done_for)) 'BEGIN { printf "%.1f\n", us / 1000000 }'
}

# The measurement. $1: seconds; $2: number of the last report before the upgrade.
measurement() {
    local report=$state/refreshes/$(($2 + 1)).json
    [ -s "$report" ] || { echo "no report $report" >&2; return 1; }
    jq -n --argjson seconds "$1" --argjson first "$2" --argjson last "$(last_refresh)" --argjson answering "$(answering)" \
        --slurpfile report "$report" --slurpfile samples "$samples" \
        --argjson after "$(container_processes | bash "$here/sample-maps")" '{
            containers: ($report[0].containers | length),
            restarted: ([$report[0].containers[] | select(.action == "restarted")] | length),
            answering: $answering, seconds: $seconds,
            processes: $after.processes, stale: $after.stale, stale_paths: $after.paths,
            packages: $report[0].packages, refreshes: ($last - $first), outcome: $report[0].outcome,
            verified: $report[0].verified, dpkg_runs: ($samples | length), before: $samples[-1]
        }'
}
