#!/usr/bin/env bash
# Builds the peers in Go into the folder $1, with the compiler and the packages that eng/interop-prerequisites.sh has fetched.
set -euo pipefail
target=$(realpath -m "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$(realpath ../../artifacts/interop)
# Packages come from GOPATH; nothing is downloaded.
export GOROOT=$root/go/usr/lib/go-1.23 GOPATH=$root/go/usr/share/gocode GOCACHE=$root/go-cache
export GO111MODULE=off GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOTELEMETRY=off CGO_ENABLED=0
mkdir -p "$target"
(cd echo && "$GOROOT/bin/go" build -o "$target/echo" .)
(cd rpcclient && "$GOROOT/bin/go" build -o "$target/rpcclient" .)
# The hostile peer has a quic-go of its own, with one more file in it, and one that bears answers which it did not ask for.
quic=$GOPATH/src/github.com/quic-go/quic-go
sed 's/err = errors.New("unexpected PATH_RESPONSE frame")/err = nil/' "$quic/connection.go" >"$target/connection.go"
printf '{"Replace":{"%s":"%s","%s":"%s"}}\n' \
  "$quic/hostile.go" "$PWD/hostile-hook/hook.go" "$quic/connection.go" "$target/connection.go" >"$target/overlay.json"
(cd hostile && "$GOROOT/bin/go" build -overlay "$target/overlay.json" -o "$target/hostile" .)
