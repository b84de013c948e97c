#!/usr/bin/env bash
# Runs the ngtcp2 engine under what finds misuse of native memory: the engine's own checks in a debug build, the allocator checks
# of glibc, and valgrind. The last line is "native-checks: passed" or "native-checks: FAILED: why".
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

usage() {
  cat <<'EOF'
usage: eng/native-checks.sh [checks] [malloc] [valgrind]

  checks    a debug build of the transport tests: the owner's thread at each call, blocks freed twice or never, written past their
            ends or after they were freed, connections used after they were closed
  malloc    the same tests with libngtcp2 and GnuTLS on glibc's checking allocator, freed and fresh memory filled
  valgrind  a server and a client, compiled ahead of time, under memcheck (Debian: apt-get install valgrind gcc)

Without an argument, all three.
EOF
}

fail() {
  echo "native-checks: FAILED: $*"
  exit 1
}

logs=artifacts/native-checks
mkdir -p "$logs"
project=tests/RpcNet.Transports.Tests
classes=(-class '*.Ngtcp2.*' -class '*Ngtcp2HostileListenerTests*')

build() {
  dotnet build $project -c "$1" --nologo -v:minimal -p:UseSharedCompilation=true >"$logs/build-$1.log" 2>&1 || fail "the build (log: $logs/build-$1.log)"
}

# run LOG CONFIGURATION: the tests of the engine; a crash or a skipped suite is a failure as well.
run() {
  timeout --kill-after=20 900 dotnet "$project/bin/$2/net10.0/RpcNet.Transports.Tests.dll" -noColor "${classes[@]}" >"$1" 2>&1
  local code=$? summary
  summary=$(grep -E 'Total: [0-9]+, Errors: [0-9]+, Failed: [0-9]+' "$1" | tail -n 1)
  if ((code)) || [[ -z $summary ]]; then
    tail -n 30 "$1"
    fail "the tests ended with code $code (log: $1)"
  fi
  grep -q '^transport conformance: Ngtcp2: exercised' "$1" || fail "the engine did not run (log: $1)"
  echo "  ${summary##*Tests  }"
}

checks() {
  echo "native-checks: the engine's own checks, in a debug build"
  build Debug
  RPCNET_NGTCP2_CHECKS=1 run "$logs/checks.log" Debug
}

malloc() {
  echo "native-checks: glibc's checking allocator"
  build Release
  # The engine's own checks off: they would stand between libngtcp2 and the allocator.
  RPCNET_NGTCP2_CHECKS=0 LD_PRELOAD=libc_malloc_debug.so.0 GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.perturb=165 \
    run "$logs/malloc.log" Release
}

memcheck() {
  command -v valgrind >/dev/null || fail "valgrind is missing; on Debian: apt-get install valgrind"
  echo "native-checks: valgrind"
  ./eng/aot-check.sh >"$logs/aot.log" 2>&1 || { tail -n 5 "$logs/aot.log"; fail "the native program (log: $logs/aot.log)"; }
  # Valgrind 3.19 cannot read the symbols of the compiled program and gives up on them; it needs those of the libraries alone. The
  # heap's limit keeps the address space that the collector reserves within what valgrind gives.
  rm -f artifacts/aot/*.dbg
  RPCNET_NGTCP2_CHECKS=0 DOTNET_GCHeapHardLimit=0x10000000 \
    timeout 600 valgrind --error-exitcode=99 --error-limit=no --fair-sched=yes --log-file="$logs/valgrind.log" \
    artifacts/aot/RpcNet.Aot.Sample >"$logs/valgrind.out" 2>&1
  local code=$?
  ((code == 0)) || { tail -n 20 "$logs/valgrind.log"; fail "valgrind ended with code $code (log: $logs/valgrind.log)"; }
  echo "  $(grep -o 'ERROR SUMMARY.*' "$logs/valgrind.log")"
}

(($#)) || set -- checks malloc valgrind
for part; do
  case $part in
    checks) checks ;;
    malloc) malloc ;;
    valgrind) memcheck ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
echo "native-checks: passed"
