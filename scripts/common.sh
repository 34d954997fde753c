# Shared by the scripts here: messages, Debian packages, and how to configure a build.
# shellcheck shell=bash

RANKLOG_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RANKLOG_JOBS=${RANKLOG_JOBS:-$(nproc)}
# shellcheck disable=SC2034 # read by the scripts
RANKLOG_BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libfmt-dev libhdf5-dev nlohmann-json3-dev
                        libcli11-dev libcurl4-openssl-dev libssl-dev libsodium-dev libzip-dev
                        protobuf-compiler libprotobuf-dev zlib1g-dev
                        libpng-dev
                        libopenmpi-dev openmpi-bin)

# Tests and the demo start more ranks than there may be cores, and may run as root in a container.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_hwloc_base_binding_policy=none
export DEBIAN_FRONTEND=noninteractive

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Without a password, or with one where somebody can type it.
can_sudo() {
  command -v sudo >/dev/null || return 1
  sudo -n true 2>/dev/null || [ -t 0 ]
}

# need_packages NAME...: installs the Debian packages that are missing. As root, or through sudo
# where that works (it may ask for a password on a terminal only); else stops and says what to do.
need_packages() {
  if [ -n "${RANKLOG_SKIP_PACKAGES:-}" ]; then return; fi
  command -v dpkg-query >/dev/null ||
    die "this is not Debian: install the equivalents of $* and set RANKLOG_SKIP_PACKAGES=1"
  local package missing=() as_root=()
  for package in "$@"; do is_installed "$package" || missing+=("$package"); done
  if [ "${#missing[@]}" -eq 0 ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then
    can_sudo || die "missing Debian packages, and no rights to install them. As root, run:
  apt-get install ${missing[*]}"
    as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
  fi
  say "Installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -q </dev/null || die "apt-get update failed; is there a network?"
  "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null ||
    die "apt-get could not install ${missing[*]}; see its message above"
}

# configure PRESET [cmake argument...]: also uses ccache where it is installed.
configure() {
  local preset=$1 launcher=()
  shift
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  (cd "$RANKLOG_ROOT" && cmake --preset "$preset" --log-level=WARNING "${launcher[@]}" "$@")
}

# mpiexec_of BUILD: the launcher that goes with the MPI of a configured build.
mpiexec_of() { sed -n 's/^MPIEXEC_EXECUTABLE:[A-Z]*=//p' "$1/CMakeCache.txt"; }

# make_venv DIRECTORY REQUIREMENTS [option of venv...]: a private Python with just these packages,
# made anew when the file of requirements has changed. Fails where pip fails.
make_venv() {
  local venv=$1 requirements=$2 python=python3
  shift 2
  if cmp -s "$requirements" "$venv/requirements.txt"; then return; fi
  say "Making $venv from $requirements"
  # Debian's own Python is the one that python3-venv belongs to.
  if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; fi
  rm -rf "$venv"
  "$python" -m venv "$@" "$venv" &&
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$requirements" &&
    cp "$requirements" "$venv/requirements.txt"
}
