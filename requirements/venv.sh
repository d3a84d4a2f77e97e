#!/bin/sh
# Makes the virtual environment where the distribution leaves `ensurepip` out of its Python (Debian, Ubuntu):
# installs the distribution's own package for it when this user may, and says what to do otherwise.
set -eu
python=$1 venv=$2
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
need="$python has no ensurepip; install it with: apt-get install python$version-venv"
as_root=""
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo -n"; else echo "$need" >&2; exit 1; fi
fi
command -v apt-get >/dev/null 2>&1 || { echo "$need" >&2; exit 1; }
echo "Installing python$version-venv …"
$as_root apt-get install -y -q "python$version-venv" >/dev/null 2>&1 || { $as_root apt-get update -q >/dev/null && $as_root apt-get install -y -q "python$version-venv" >/dev/null; }
"$python" -m venv "$venv"
