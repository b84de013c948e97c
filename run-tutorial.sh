#!/usr/bin/env bash
# Plays the cluster tutorial with real processes over real QUIC, and checks every event of its story.
set -uo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'EOF'
usage: ./run-tutorial.sh [--keep] [--no-build]

Starts a director, two workers and a client, kills the worker in use with SIGKILL, watches the client go on with the
other one, restarts the dead worker, stops the other one gracefully, and sees the restarted one used again. Exits 0 only
if every expected event was seen and every task was done exactly once.

  --keep       leave the cluster running at the end, until Ctrl+C
  --no-build   run what was built last

DIRECTOR_PORT, WORKER_A_PORT and WORKER_B_PORT change the ports (61000, 62001, 62002).
EOF
}

keep=0 build=1
for argument in "$@"; do
  case $argument in
    --keep) keep=1 ;;
    --no-build) build=0 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_ENVIRONMENT=Development
export DIRECTOR_ADDR=127.0.0.1:${DIRECTOR_PORT:-61000}
declare -A address=([worker-a]=127.0.0.1:${WORKER_A_PORT:-62001} [worker-b]=127.0.0.1:${WORKER_B_PORT:-62002})
declare -A pid=()
app=samples/ClusterTutorial/bin/${CONFIGURATION:-Release}/net10.0/ClusterTutorial
logs=$(mktemp -d)
seen=() missed=()

say() { printf '\033[1m=== %s\033[0m\n' "$*"; }
now_ms() { local t=$EPOCHREALTIME; echo $((${t/./} / 1000)); }

finish() {
  trap - EXIT INT TERM
  local name
  for name in "${!pid[@]}"; do kill -TERM "${pid[$name]}" 2>/dev/null; done
  local limit=$(($(now_ms) + 8000))
  for name in "${!pid[@]}"; do
    while kill -0 "${pid[$name]}" 2>/dev/null && (($(now_ms) < limit)); do sleep 0.05; done
    kill -KILL "${pid[$name]}" 2>/dev/null
    wait "${pid[$name]}" 2>/dev/null
  done
  rm -rf "$logs"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Every line goes to the terminal behind its process's name, and to a log behind the time at which it came.
collect() {
  local name=$1 line
  while IFS= read -r line; do
    printf '%s %s\n' "$(now_ms)" "$line" >>"$logs/$name"
    printf '%-9s| %s\n' "$name" "$line"
  done
}

# The redirection leaves $! the application's own pid, which the signals below are for. Job control is on for the start
# alone: without it a script's background processes ignore SIGINT, and Ctrl+C could not be played.
start() {
  local name=$1 role=$2
  touch "$logs/$name"
  set -m
  WORKER_LABEL=$name WORKER_ADDR=${address[$name]:-} "$app" --role "$role" > >(collect "$name") 2>&1 &
  pid[$name]=$!
  set +m
}

lines() { wc -l <"$logs/$1"; }

# expect NAME SECONDS TEXT [FROM_LINE]: waits for a line that holds TEXT; $at is when it came (ms).
expect() {
  local name=$1 seconds=$2 text=$3 from=${4:-0} limit line
  limit=$(($(now_ms) + seconds * 1000))
  while :; do
    line=$(tail -n +$((from + 1)) "$logs/$name" | grep -m 1 -F -- "$text") && break
    if (($(now_ms) > limit)); then
      missed+=("$name: \"$text\" within $seconds s")
      say "MISSING: $name did not print \"$text\" within $seconds s"
      exit 1
    fi
    if ! kill -0 "${pid[$name]}" 2>/dev/null; then
      sleep 0.3
      tail -n +$((from + 1)) "$logs/$name" | grep -q -F -- "$text" && continue
      missed+=("$name: \"$text\"")
      say "MISSING: $name ended before it printed \"$text\""
      exit 1
    fi
    sleep 0.02
  done
  at=${line%% *}
  seen+=("$name: $text")
}

seconds() { printf '%d.%03d s' $(($1 / 1000)) $(($1 % 1000)); }

./eng/native-prerequisites.sh || exit 1
if ((build)); then
  say "Building the sample"
  if ! dotnet build samples/ClusterTutorial -c Release --nologo -v:quiet >"$logs/build" 2>&1; then
    grep -E 'error' "$logs/build" | sort -u | head -20
    exit 1
  fi
fi

began=$(now_ms)
say "Starting the director, two workers and a client"
start director director
expect director 20 "Director ready - listening on $DIRECTOR_ADDR"
start worker-a worker
start worker-b worker
expect worker-a 20 "Worker 'worker-a' is running and ready to handle requests"
expect worker-b 20 "Worker 'worker-b' is running and ready to handle requests"
expect director 15 "Worker pool status: 2 workers available"
expect director 15 "worker-a at ${address[worker-a]}"
expect director 15 "worker-b at ${address[worker-b]}"
start client client
expect client 20 "Connected to director"
expect client 10 "Director assigned worker at 127.0.0.1:"
expect client 10 "Direct connection established"
expect client 10 "Task task-2 completed by worker: "

victim=$(grep -o 'completed by worker: .*' "$logs/client" | tail -n 1 | sed 's/.*: //')
other=worker-a
[[ $victim == worker-a ]] && other=worker-b

say "Scenario 1: SIGKILL for $victim while it processes a task"
mark_client=$(lines client) mark_director=$(lines director) mark_victim=$(lines "$victim")
expect "$victim" 10 "Processing task: " "$mark_victim"
killed=$(now_ms)
kill -KILL "${pid[$victim]}"
wait "${pid[$victim]}" 2>/dev/null
expect client 10 "Worker failed" "$mark_client"
expect client 10 "Director assigned worker at ${address[$other]}" "$mark_client"
expect client 10 "completed by worker: $other" "$mark_client"
resumed=$((at - killed))
expect director 15 "Node $victim failed" "$mark_director"
detected=$((at - killed))
expect director 15 "Worker pool status: 1 workers available" "$mark_director"

say "Scenario 2: restarting $victim"
mark_director=$(lines director) mark_victim=$(lines "$victim")
restarted=$(now_ms)
start "$victim" worker
expect "$victim" 20 "Worker '$victim' is running and ready to handle requests" "$mark_victim"
expect director 15 "Node $victim joined" "$mark_director"
rejoined=$((at - restarted))
expect director 15 "Worker pool status: 2 workers available" "$mark_director"

say "Ctrl+C for $other: it leaves, and $victim is used again"
mark_client=$(lines client) mark_director=$(lines director)
kill -INT "${pid[$other]}"
expect director 15 "Node $other left" "$mark_director"
expect client 20 "Director assigned worker at ${address[$victim]}" "$mark_client"
expect client 10 "completed by worker: $victim" "$mark_client"
expect client 10 "completed by worker: $victim" "$(lines client)"

if ((!keep)); then
  # Right after a task is done the next one is a second away: nothing is in flight.
  expect client 10 "completed by worker: $victim" "$(lines client)"
  kill -INT "${pid[client]}"
  while kill -0 "${pid[client]}" 2>/dev/null && (($(now_ms) < at + 10000)); do sleep 0.05; done
fi
lasted=$(($(now_ms) - began))

cp "$logs/client" "$logs/tally"
if ((keep)); then
  # The client goes on working; only what it had issued up to its last finished task is compared.
  last=$(grep -n 'completed by worker: ' "$logs/tally" | tail -n 1 | cut -d: -f1)
  head -n "$last" "$logs/client" >"$logs/tally"
fi
issued=$(grep -o 'Sending task: task-[0-9]*' "$logs/tally" | sed 's/.*: //' | sort)
done_ids=$(grep -o 'Task task-[0-9]* completed' "$logs/tally" | awk '{print $2}' | sort)
again=$(grep -c 'Sending task again: ' "$logs/tally")
issued_twice=$(uniq -d <<<"$issued" | grep -c .)
done_twice=$(uniq -d <<<"$done_ids" | grep -c .)
lost=$(comm -23 <(sort -u <<<"$issued") <(sort -u <<<"$done_ids") | grep -c .)

say "Summary"
cat <<EOF
expected events seen         ${#seen[@]}, missing ${#missed[@]}
client works again after     $(seconds $resumed) (limit 3 s)
director reports failure     $(seconds $detected) after the kill (limit 8 s)
restarted worker rejoined    $(seconds $rejoined) after its start
tasks issued / done          $(wc -l <<<"$issued") / $(wc -l <<<"$done_ids")
tasks lost / done twice      $lost / $done_twice
tasks sent again             $again (interrupted by a failure, same id)
duration                     $(seconds $lasted)
EOF

status=0
((resumed <= 3000)) || { echo "FAILED: the client took longer than 3 s"; status=1; }
((detected <= 8000)) || { echo "FAILED: the director took longer than 8 s"; status=1; }
((lost == 0 && done_twice == 0 && issued_twice == 0)) || { echo "FAILED: not every task was done exactly once"; status=1; }
((status == 0)) && echo "The tutorial ran as told."

if ((keep && status == 0)); then
  start "$other" worker
  say "The cluster goes on until Ctrl+C"
  wait "${pid[director]}"
fi
exit $status
