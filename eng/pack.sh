#!/usr/bin/env bash
# Packs every package of a clean clone of HEAD, as a release does.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'EOF'
usage: eng/pack.sh [OUTPUT]

Clones HEAD into a temporary folder and packs from there into OUTPUT (artifacts/packages): uncommitted files stay out, and
paths are the same on every machine. REPOSITORY_URL is what packages and SourceLink name as the source.
EOF
}

[[ ${1:-} == -h || ${1:-} == --help ]] && { usage; exit 0; }
output=$(mkdir -p "${1:-artifacts/packages}" && cd "${1:-artifacts/packages}" && pwd)
url=${REPOSITORY_URL:-$(git remote get-url origin 2>/dev/null || true)}
[[ $url == https://* ]] || url=https://github.com/rpcnet/rpcnet.git

clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone --quiet --no-hardlinks . "$clone"
git -C "$clone" remote set-url origin "$url"
rm -f "$output"/*.nupkg "$output"/*.snupkg
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
for project in "$clone"/src/*/*.csproj "$clone"/templates/RpcNet.Templates.csproj; do
  [[ $(basename "$project") == RpcNet.Generators* ]] && continue
  dotnet pack "$project" -c Release -o "$output" ${VERSION_SUFFIX:+-p:VersionSuffix=$VERSION_SUFFIX} --nologo -v:quiet -p:ContinuousIntegrationBuild=true -p:UseSharedCompilation=true
done
ls "$output"
