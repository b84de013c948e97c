#!/usr/bin/env bash
# Publishes tests/RpcNet.Aot.Sample with Native AOT, fails on any warning of trimming or AOT (IL2xxx, IL3xxx), and runs the result:
# a server and a client over QUIC on loopback. Needs a C compiler and linker (Debian: gcc or clang, and zlib1g-dev where the
# linker asks for it) and a native QUIC library (eng/native-prerequisites.sh). The last line is "aot-check: passed" or "aot-check: FAILED: why".
set -uo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

fail() {
  echo "aot-check: FAILED: $*"
  exit 1
}

command -v clang >/dev/null || command -v gcc >/dev/null || fail "no C compiler; on Debian: apt-get install gcc"
project=tests/RpcNet.Aot.Sample
case $(uname -m) in
  x86_64) rid=linux-x64 ;;
  aarch64) rid=linux-arm64 ;;
  *) fail "no runtime identifier is known for $(uname -m)" ;;
esac

out=artifacts/aot
log=artifacts/aot-publish.log
rm -rf "$out"
mkdir -p artifacts
dotnet publish $project -c Release -r $rid -o $out --nologo -v:minimal -p:UseSharedCompilation=true >"$log" 2>&1
published=$?
if grep -E 'IL[23][0-9]{3}' "$log" | sort -u | head -40 | grep .; then
  fail "warnings of trimming or AOT (log: $log)"
fi
((published == 0)) || { tail -n 20 "$log"; fail "the publish failed (log: $log)"; }

program=$out/RpcNet.Aot.Sample
[[ -x $program && ! -e $program.dll ]] || fail "$program is no native program"
echo "aot-check: $program, $(stat -c %s "$program") bytes"
timeout 60 "$program" || fail "the program ended with code $?"
echo "aot-check: passed"
