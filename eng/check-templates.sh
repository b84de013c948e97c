#!/usr/bin/env bash
# Installs the templates from packed packages, generates both projects, builds them and runs them.
set -euo pipefail
cd "$(dirname "$0")/.."
[[ ${1:-} == -h || ${1:-} == --help ]] && { echo "usage: eng/check-templates.sh [--keep]   (packs HEAD, takes a few minutes; --keep leaves the folder)"; exit 0; }

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_ENVIRONMENT=Development
work=$(mktemp -d)
pids=()
finish() {
  trap - EXIT
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  [[ ${keep:-} ]] && echo "kept: $work" || rm -rf "$work"
}
trap finish EXIT
[[ ${1:-} == --keep ]] && keep=1

# A version of its own, so that the package cache cannot answer with an older build.
suffix=check.$(date +%s)
version=$(sed -n 's|.*<VersionPrefix>\(.*\)</VersionPrefix>.*|\1|p' Directory.Build.props)-$suffix
VERSION_SUFFIX=$suffix ./eng/pack.sh "$work/packages" >"$work/pack.log" 2>&1 || { tail -n 20 "$work/pack.log"; exit 1; }

fail() { echo "check-templates: $1" >&2; shift; (($#)) && tail -n 30 "$@" >&2; exit 1; }
expect() { # FILE SECONDS TEXT
  local limit=$((SECONDS + $2))
  until grep -q -s -F -- "$3" "$1"; do
    ((SECONDS < limit)) || fail "\"$3\" did not come" "$1"
    sleep 0.1
  done
}
start() { # LOG COMMAND ...
  local log=$1; shift
  "$@" >"$log" 2>&1 &
  pids+=($!)
}

hive=(--debug:custom-hive "$work/hive")
dotnet new install "$work/packages/RpcNet.Templates.$version.nupkg" "${hive[@]}" >/dev/null
cat >"$work/nuget.config" <<CONFIG
<configuration>
  <packageSources>
    <add key="local" value="$work/packages" />
  </packageSources>
</configuration>
CONFIG
for template in service cluster; do
  (
    mkdir "$work/my-$template" && cd "$work/my-$template"
    dotnet new "rpcnet-$template" -n "My.$template" -o . --RpcNetVersion "$version" "${hive[@]}" >/dev/null
    grep -rq 'RPCNET_VERSION\|RpcNetService1\|RpcNetCluster1' --include=* . && fail "a placeholder is left in rpcnet-$template"
    dotnet build -warnaserror --nologo -v:quiet >"$work/build.log" 2>&1 || fail "rpcnet-$template does not build" "$work/build.log"
  )
done

port=$((20000 + RANDOM % 10000))
cd "$work/my-service"
app=bin/Debug/net10.0/My.service
start "$work/service.log" "$app" --RpcNet:Listen:Address "127.0.0.1:$port"
expect "$work/service.log" 30 "RpcNet listens on"
"$app" --call you --RpcNet:Listen:Address "127.0.0.1:$port" >"$work/call.log" 2>&1 || fail "the client failed" "$work/call.log"
reply=$(grep '^Hello' "$work/call.log") || fail "the client printed no answer" "$work/call.log"
[[ $reply == "Hello you (after 0 others)" ]] || fail "the service answered: $reply"
echo "rpcnet-service: $reply"

cd "$work/my-cluster"
app=bin/Debug/net10.0/My.cluster
director=127.0.0.1:$((port + 1))
start "$work/director.log" "$app" --role director --RpcNet:Listen:Address "$director"
expect "$work/director.log" 30 "RpcNet listens on"
for i in 1 2; do start "$work/worker-$i.log" "$app" --role worker --RpcNet:Cluster:Seeds:0 "$director" --RpcNet:Cluster:Tags:label "worker-$i"; done
worker=${pids[-1]}
expect "$work/worker-1.log" 30 "Joined the cluster"
expect "$work/worker-2.log" 30 "Joined the cluster"
start "$work/client.log" "$app" --role client --RpcNet:Director "$director"
expect "$work/client.log" 30 "says worker-2"
kill -KILL "$worker"
lines=$(wc -l <"$work/client.log")
sleep_until=$((SECONDS + 30))
until tail -n +$((lines + 1)) "$work/client.log" | grep -q "says worker-1"; do
  ((SECONDS < sleep_until)) || fail "the client did not go on after a worker was killed" "$work/client.log"
  sleep 0.1
done
echo "rpcnet-cluster: $(grep -c 'says worker' "$work/client.log") calls answered, one worker killed"
