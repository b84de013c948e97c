#!/usr/bin/env bash
# For other scripts to source: apt with further suites of the machine's own archive, for single calls. The machine's own apt
# configuration (sources, pins, package lists) stays as it was.

# Writes the machine's own main archive again, for other suites, to $1/extra.list and $1/extra.sources: same addresses,
# keys and options. $2 is the suite to look for, the rest are the suites to write.
derive_sources() {
  local folder=$1 own=$2 suites="${*:3}" file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -r $file ]] || continue
    awk -v own="$own" -v suites="$suites" '
      $1 != "deb" { next }
      {
        sub(/[ \t]#.*$/, "")
        at = 2
        if ($2 ~ /^\[/) { while (at <= NF && $at !~ /\]$/) at++; at++ }
        if ($at ~ /^cdrom:/ || $(at + 1) != own) next
        has_main = 0
        for (i = at + 2; i <= NF; i++) if ($i == "main") has_main = 1
        if (!has_main) next
        head = ""
        for (i = 1; i <= at; i++) head = head $i " "
        n = split(suites, suite, " ")
        for (i = 1; i <= n; i++) print head suite[i] " main"
      }' "$file" >>"$folder/extra.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -r $file ]] || continue
    awk -v own="$own" -v suites="$suites" '
      function flush_stanza(   i, text) {
        if (count && binary && enabled && has_own && has_main) {
          for (i = 1; i <= count; i++) if (!dropped[i]) text = text line[i] "\n"
          printf "%sTypes: deb\nSuites: %s\nComponents: main\n\n", text, suites
        }
        count = 0; binary = 0; enabled = 1; has_own = 0; has_main = 0; field = ""
        delete line; delete dropped
      }
      function read_words(text,   words, n, i) {
        n = split(text, words, /[ \t]+/)
        for (i = 1; i <= n; i++) {
          if (field == "types" && words[i] == "deb") binary = 1
          if (field == "suites" && words[i] == own) has_own = 1
          if (field == "components" && words[i] == "main") has_main = 1
        }
      }
      BEGIN { enabled = 1 }
      /^#/ { next }
      /^[ \t]*$/ { flush_stanza(); next }
      {
        line[++count] = $0
        text = $0
        if ($0 !~ /^[ \t]/) {
          field = tolower($0); sub(/:.*/, "", field)
          sub(/^[^:]*:/, "", text)
          if (field == "enabled" && tolower(text) ~ /no|false/) enabled = 0
        }
        read_words(text)
        if (field == "types" || field == "suites" || field == "components") dropped[count] = 1
      }
      END { flush_stanza() }' "$file" >>"$folder/extra.sources"
  done
  [[ -s $folder/extra.list || -s $folder/extra.sources ]]
}

# Makes a folder for private use of apt: $private_apt, with the options for apt-get in $private_apt_options. $1 is the
# machine's own suite, the rest are the suites to use. False where no source is there to derive from. The caller removes
# the folder.
make_private_apt() {
  private_apt=$(mktemp -d)
  # apt's download user must be able to pass.
  chmod 755 "$private_apt"
  mkdir -p "$private_apt/sources" "$private_apt/lists/partial" "$private_apt/cache/archives/partial"
  : >"$private_apt/preferences"
  private_apt_options=(
    -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$private_apt/sources"
    -o "Dir::Etc::Preferences=$private_apt/preferences" -o "Dir::Etc::PreferencesParts=/dev/null"
    -o "Dir::State::Lists=$private_apt/lists" -o "Dir::Cache=$private_apt/cache"
    -o "APT::Get::List-Cleanup=false" -o "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"
    -o "Acquire::Languages=none")
  derive_sources "$private_apt/sources" "$@" || { rm -rf "$private_apt"; return 1; }
  local file
  for file in "$private_apt"/sources/extra.*; do [[ -s $file ]] || rm -f "$file"; done
}
