#!/usr/bin/env bash
# Builds everything and runs every test. The last line is "N passed, N failed", with ", N skipped" where tests were.
set -uo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'EOF'
usage: ./run-tests.sh [--all] [--no-setup] [--no-build] [PROJECT ...]

  --all        also the slow tier: chaos, sweeps, fuzzing at length (hours, not minutes)
  --no-setup   do not look for the native QUIC library and the QUIC stacks to interoperate with
  --no-build   run what was built last
  PROJECT      only test projects whose name contains this text, such as "Cluster"
EOF
}

setup=1 build=1 limit=900
projects=()
for argument in "$@"; do
  case $argument in
    --all) export RPCNET_TESTS=all; limit=14400 ;;
    --no-setup) setup=0 ;;
    --no-build) build=0 ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) projects+=("$argument") ;;
  esac
done

configuration=Release
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
logs=artifacts/test-logs
mkdir -p "$logs"

if ((setup)); then
  # Without a native library the tests of that engine are skipped, visibly.
  ./eng/native-prerequisites.sh || echo "run-tests: going on without a native QUIC library; the tests that need one are skipped."
  ./eng/interop-prerequisites.sh || echo "run-tests: going on without the QUIC stacks named; the tests that need them are skipped."
fi

if ((build)); then
  echo "run-tests: building (log: $logs/build.log)"
  # One compiler process for all projects halves the build; it is ended below.
  dotnet build RpcNet.sln -c $configuration --nologo -v:minimal -p:UseSharedCompilation=true >"$logs/build.log" 2>&1
  built=$?
  dotnet build-server shutdown --vbcscompiler >/dev/null 2>&1
  if ((built)); then
    grep -E 'error|warn' "$logs/build.log" | sort -u | head -40
    echo "run-tests: the build failed"
    echo "0 passed, 1 failed"
    exit 1
  fi
fi

passed=0 failed=0 skipped=0
for folder in tests/*.Tests; do
  name=$(basename "$folder")
  wanted=1
  if ((${#projects[@]})); then
    wanted=0
    for project in "${projects[@]}"; do [[ $name == *"$project"* ]] && wanted=1; done
  fi
  ((wanted)) || continue

  assembly=$folder/bin/$configuration/net10.0/$name.dll
  log=$logs/$name.log
  timeout --kill-after=20 $limit dotnet "$assembly" -noColor >"$log" 2>&1
  code=$?
  summary=$(grep -E 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+' "$log" | tail -n 1)
  if [[ -z $summary ]]; then
    echo "$name: no test ran (exit code $code); the end of its log:"
    tail -n 40 "$log"
    failed=$((failed + 1))
    continue
  fi

  number() { sed -E "s/.*$1: ([0-9]+).*/\1/" <<<"$summary"; }
  total=$(number Total) errors=$(number Errors) bad=$(number Failed) skips=$(number Skipped) idle=$(number 'Not Run')
  good=$((total - bad - skips - idle))
  bad=$((bad + errors))
  # A crash after the summary, or a code that the counts do not explain, is a failure as well.
  if ((code != 0 && bad == 0)); then
    echo "$name: exit code $code although no test failed; the end of its log:"
    tail -n 20 "$log"
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skips))
  printf '%-34s %5d passed, %d failed, %d skipped (%s)\n' "$name" "$good" "$bad" "$skips" "${summary##*Time: }"
  ((bad)) && grep -E -A 30 '\[FAIL\]|\[ERROR\]' "$log" | head -n 120
  grep -E '^transport conformance: .*: exercised' "$log" | sed 's/^/  /'
  # Which classes were skipped, and why they say so.
  awk '/\[SKIP\]/ { sub(/\(.*/, "", $1); sub(/\.[^.]*$/, "", $1); class = $1; getline; sub(/^ +/, ""); count[class ": " $0]++ }
       END { for (line in count) printf "  skipped %4d  %s\n", count[line], line }' "$log" | sort | cut -c1-170 | head -n 12
done

if ((passed + failed == 0)); then
  echo "run-tests: no test project matches ${projects[*]:-}"
  failed=1
fi

line="$passed passed, $failed failed"
((skipped)) && line+=", $skipped skipped"
echo "$line"
((failed == 0))
