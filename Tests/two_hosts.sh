#!/usr/bin/env bash
# Trains by mpirun over two hosts made of this machine: two network namespaces with names of their own, which can reach
# each other through a cable (a veth pair) only, as by TCP between machines.
#
#   Tests/two_hosts.sh                what happens when a rank or a host dies, when a run goes on, and when it is stopped
#   Tests/two_hosts.sh --rate 1gbit   the speed of a step where the cable carries no more than that
#
# PIXNERD is the program, .build/release/pixnerd where not set. The status is 0, 1 where a check failed, 2 for a wrong
# argument, or 77 where this machine cannot do it.
# shellcheck disable=SC2046 # lists of processes are meant to be split
set -uo pipefail
PATH=$PATH:/usr/sbin:/sbin

skip() { echo "skipped: $*"; exit 77; }

rate=${2-}
[[ $# == 0 || $* =~ ^--rate\ [0-9]+[kmg]bit$ ]] || { echo "usage: $0 [--rate 1gbit]" >&2; exit 2; }
pixnerd=$(realpath -e "${PIXNERD:-.build/release/pixnerd}" 2>/dev/null) || skip "there is no pixnerd: build it, or set PIXNERD"
for tool in ip tc unshare mpirun taskset; do command -v $tool >/dev/null || skip "$tool is not installed"; done
"$pixnerd" info | grep -q '^MPI  *Open MPI v' || skip "pixnerd info finds no Open MPI"
if ((EUID != 0)); then
    # Where users may have namespaces, root in one of them may do all of this; ip keeps its own below /run.
    inside='mount -t tmpfs none /run && exec "$0" "$@"'
    unshare --user --map-root-user --net --mount true 2>/dev/null || skip "only root may make namespaces here"
    PIXNERD=$pixnerd exec unshare --user --map-root-user --net --mount bash -c "$inside" "$(realpath "$0")" "$@"
fi

# MARK: The hosts

a=pixnerd-a-$$
b=pixnerd-b-$$
folder=$(mktemp -d)

# The processes on a host that run this program; all where none is given.
processes() {
    for process in $(ip netns pids "$1" 2>/dev/null); do
        [[ -z ${2-} || /proc/$process/exe -ef $2 ]] && echo "$process"
    done
}
kill_all() { kill -KILL $(processes $a) $(processes $b) 2>/dev/null; }

clean_up() {
    while [[ -n $(processes $a)$(processes $b) ]]; do kill_all && sleep 0.1; done
    for host in $a $b; do ip netns delete $host 2>/dev/null; done
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT; trap 'exit 143' TERM

{
    ip netns add $a && ip netns add $b &&
        ip link add cable netns $a type veth peer name cable netns $b &&
        ip -n $a address add 10.77.0.1/24 dev cable && ip -n $b address add 10.77.0.2/24 dev cable
} 2>"$folder/reason" || skip "two network namespaces with a cable cannot be made here ($(head -n 1 "$folder/reason"))"
for host in $a $b; do
    ip -n $host link set lo up && ip -n $host link set cable up
    [[ -z $rate ]] || tc -n $host qdisc add dev cable root tbf rate "$rate" burst 256kb latency 50ms ||
        skip "the cable cannot be slowed to $rate"
done

# Each host has one half of the processors that this script may run on, or shares the only one.
allowed=$(sed -n 's/^Cpus_allowed_list:\s*//p' /proc/self/status | tr , '\n')
mapfile -t processors < <(awk -F- '{ for (i = $1; i <= $NF; i++) print i }' <<<"$allowed")
half=$(((${#processors[@]} + 1) / 2))
of_a=$(IFS=, && echo "${processors[*]:0:half}")
of_b=$(IFS=, && echo "${processors[*]: -half}")

# What mpirun takes for ssh: carries out a line of shell on a host. Like ssh it passes on no environment, stays on the
# side of the caller, and ends with 255 when the other side is lost.
cat >"$folder/on" <<EOF
#!/bin/sh
host=\$1
shift
[ \$host = $a ] && processors=$of_a || processors=$of_b
ip netns exec \$host unshare --uts taskset -c \$processors env -i PATH="\$PATH" HOME="$folder" \\
    LD_LIBRARY_PATH="\${LD_LIBRARY_PATH-}" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \\
    sh -c 'hostname "\$0"; cd; eval "\$1"' \$host "\$*"
status=\$?
[ \$status -lt 128 ] || [ \$host = $a ] || exit 255
exit \$status
EOF
chmod +x "$folder/on"
on_a() { "$folder/on" $a "$(printf '%q ' "$@")"; }

# TCP is forced, lest the ranks find out that they share a memory, and nothing is bound, lest both get the same core.
on_both() {
    on_a mpirun -n 2 --host $a:1,$b:1 --bind-to none --mca plm_rsh_agent "$folder/on" --mca btl tcp,self --mca pml ob1 \
        --mca orte_tmpdir_base "$folder" "$@"
}

megabytes_sent() {
    for host in $a $b; do ip netns exec $host cat /sys/class/net/cable/statistics/tx_bytes; done |
        awk '{ sent += $1 } END { printf "%.1f", sent / 1e6 }'
}

# MARK: The speed

if [[ -n $rate ]]; then
    on_both "$pixnerd" bench --work B16-256 --mode train --repeats 3; status=$?
    echo "$(megabytes_sent) MB went over a cable of $rate."
    exit $((status != 0))
fi

# MARK: The checks

failures=0
ok() { echo "ok   $*"; }
fail() {
    echo "FAIL $*"
    failures=$((failures + 1))
    sed 's/^/     | /' "$folder/log" | tail -n 30
}

# Where (on_a or on_both), the name of the run, and more for `pixnerd train`.
train() { "$1" "$pixnerd" train "$folder/tiny.yaml" --set "name=$2" "${@:3}"; }
metrics() { sed -n 's/.*"step":\([0-9]*\).*/\1/p' "$folder/runs/$1/metrics.jsonl" 2>/dev/null; }
saved_step() { basename "$(readlink "$folder/runs/$1/latest")" | sed 's/step-0*//'; }

give_up() { fail "$*"; kill_all; wait $job; return 1; }

# Begins to train without end on both hosts; returns when two steps are saved.
begin() {
    train on_both "$1" --set training.steps=1000000 >"$folder/log" 2>&1 &
    job=$!
    for _ in {1..600}; do
        [[ $(saved_step "$1") -ge 20 ]] && return 0
        kill -0 $job 2>/dev/null || break
        sleep 0.1
    done
    give_up "training of $1 on two hosts: no second checkpoint in a minute"
}

# Waits until nothing is left of what `begin` began, 15 seconds at most; sets status and seconds.
await_end() {
    local start=$EPOCHREALTIME
    while kill -0 $job 2>/dev/null || [[ -n $(processes $b) ]]; do
        if awk "BEGIN { exit ($EPOCHREALTIME - $start < 15) }"; then
            give_up "$1: mpirun or the second host has not ended after 15 seconds"
            return 1
        fi
        sleep 0.05
    done
    seconds=$(awk "BEGIN { printf \"%.1f s\", $EPOCHREALTIME - $start }")
    wait $job; status=$?
}

"$pixnerd" dataset shapes --out "$folder/shapes" --per-class 20 >"$folder/log" 2>&1 || { fail "dataset shapes"; exit 1; }
cat >"$folder/tiny.yaml" <<EOF
directory: $folder/runs
model: {hidden_size: 64, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, patch_size: 8, hidden_size_x: 16}
data: {root: $folder/shapes, image_size: 32}
training: {batch_size: 8, log_every: 1, save_every: 10, preview_every: 0}
EOF

names=$(on_both hostname 2>"$folder/log" | sort | xargs)
if [[ $names == "$a $b" ]]; then ok "mpirun finds two hosts ($names)"; else fail "two hosts: found '$names'"; fi

before=$(megabytes_sent)
if begin killed; then
    kill -KILL $(processes $b "$pixnerd")
    if await_end "a rank is killed"; then
        dead=$(grep -m 1 'process rank 1 .*signal 9' "$folder/log")
        if ((status == 0)); then fail "a rank is killed: mpirun ended with status 0"
        elif [[ -z $dead ]]; then fail "a rank is killed: nothing names rank 1"
        else ok "a rank is killed: mpirun ends ($seconds, status $status: $dead)"; fi
    fi
    # The model has 0.25 million parameters, whose gradients go both ways.
    steps=$(metrics killed | tail -n 1)
    sent=$(awk "BEGIN { printf \"%.1f\", ($(megabytes_sent) - $before) / ${steps:-1} }")
    if awk "BEGIN { exit ($sent < 1) }"; then ok "gradients go over the cable ($sent MB a step)"
    else fail "gradients go over the cable: only $sent MB a step"; fi

    for hosts in on_a on_both; do
        what="a run of two ranks goes on with $([[ $hosts == on_a ]] && echo one || echo two)"
        last=$(($(saved_step killed) + 5))
        if ! train $hosts killed --resume --set training.steps=$last >"$folder/log" 2>&1; then fail "$what: status not 0"
        elif ! diff <(metrics killed) <(seq $last) >"$folder/log"; then fail "$what: gaps or repeated steps"
        else ok "$what (to step $last)"; fi
    done
fi

if begin lost && kill -KILL $(processes $b) && await_end "a host is lost"; then
    if ((status != 0)); then ok "a host is lost: mpirun ends ($seconds, status $status)"
    else fail "a host is lost: mpirun ended with status 0"; fi
fi

# By SIGTERM to one rank, and by SIGUSR1 to mpirun, which hands that on; it would kill the ranks after a SIGTERM.
for way in TERM USR1; do
    begin "stopped-$way" || continue
    if [[ $way == TERM ]]; then what="SIGTERM to rank 1" && kill -TERM $(processes $b "$pixnerd")
    else what="SIGUSR1 to mpirun" && kill -USR1 $(processes $a "$(command -v mpirun)"); fi
    await_end "$what" || continue
    step=$(metrics "stopped-$way" | tail -n 1)
    if ((status != 0)); then fail "$what: ended with status $status"
    elif [[ $(saved_step "stopped-$way") != "$step" ]]; then fail "$what: step $step is not the one that is saved"
    else ok "$what stops and saves the run ($seconds, step $step)"; fi
done

exit $((failures > 0))
