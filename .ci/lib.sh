# shellcheck shell=bash
# What the scripts in this folder share. They run in the root of the repository.

# Folders with modules that nobody imports or installs: they are never tagged.
untagged=(examples e2e bench)

fail() {
  printf 'FAIL: %s\n' "$*" >&2
  exit 1
}

# tool NAME PACKAGE VERSION: the path of a Go program, installed where it is missing.
tool() {
  local bin
  # One for each Go release: a linter that another release built may not be able
  # to read this one's export data.
  bin=${XDG_CACHE_HOME:-$HOME/.cache}/kanuu-go/$1-$3-$(go env GOVERSION)
  if [[ ! -x $bin/$1 ]]; then
    echo "installing $1 $3" >&2
    GOBIN=$bin GOFLAGS='' go install "$2@$3" >&2
  fi
  printf '%s\n' "$bin/$1"
}

# folder MODULE: where the module is in the repository, "." for the root.
folder() {
  local folder=${1#"$root_module"}
  folder=${folder#/}
  printf '%s\n' "${folder:-.}"
}

# tagged_modules DIR: the modules of DIR/go.work that releases tag, the root first.
tagged_modules() {
  local module name
  for module in $(go -C "$1" list -m); do
    for name in "${untagged[@]}"; do
      [[ $module/ != "$root_module/$name"/* ]] || continue 2
    done
    printf '%s\n' "$module"
  done
}

# The version that the code is on the way to, as a tag: v0.1.0.
coming_version() {
  sed -n 's/^const Version = "\([^"]*\)"$/v\1/p' kanuu.go | sed 's/-dev$//'
}
