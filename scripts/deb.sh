#!/usr/bin/env bash
# Makes dist/nilm-edge_<version>_<arch>.deb for this release of Debian, Ubuntu or Raspberry Pi OS: its Python is the
# system's, and everything else is in the package, from the hash-locked requirements. Needs no root.
#
#   scripts/deb.sh                      (make deb)
#   VERSION=0.2.0 scripts/deb.sh        under another version number, to try an upgrade
#   LEVEL=1 scripts/deb.sh              quicker, and larger
#   scripts/deb.sh --source             only say what it would be made of, as one hash
#
# Exit code 2: something must be installed or changed by the user, and the message says what.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022

made_of() {
    find edge gateway models systemd scripts/deb scripts/deb.sh docs requirements*.lock pyproject.toml simulation_data.parquet \
        CHANGELOG.md LICENSE README.md -type f -not -name '*.pyc' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum |
        cut -d ' ' -f 1
}
if [ "${1:-}" = --source ]; then
    made_of
    exit 0
fi
env -u PYTHON scripts/setup.sh deb

python=/usr/bin/python3
python_version=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
version=${VERSION:-$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)}
. /etc/os-release
case $ID in debian | raspbian) release=+deb$VERSION_ID ;; *) release=+$ID$VERSION_ID ;; esac # whose Python it is for
arch=$(dpkg --print-architecture)
deb=dist/nilm-edge_${version}${release}_$arch.deb

work=build/deb
root=$work/root
rm -rf "$work"
mkdir -p "$work/source" "$root/DEBIAN" dist
home=/opt/nilm-edge/$version
site=$root$home/lib/python$python_version/site-packages

say() { printf '%s\n' "$*"; }

# The environment: the system's Python, and packages beside it. No pip in it, and no path but where it will be.
say "Making the Python $python_version environment of $deb"
mkdir -p "$site" "$root$home/bin"
ln -s "/usr/bin/python$python_version" "$root$home/bin/python3"
cat >"$root$home/pyvenv.cfg" <<END
home = /usr/bin
include-system-site-packages = false
version = $python_version
END
$python -m venv "$work/tools"
pip() {
    if ! PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
        "$work/tools/bin/python" -m pip "$@" >"$work/pip.log" 2>&1; then
        say "deb: pip failed; it said:" "$(tail -n 12 "$work/pip.log")" >&2
        exit 1
    fi
}
pip install --require-hashes --only-binary :all: -r requirements-build.lock
pip install --require-hashes --no-build-isolation --use-pep517 --no-compile --target "$site" -r requirements.lock

# The project itself, from a copy: building leaves traces.
cp -R edge gateway models pyproject.toml README.md LICENSE simulation_data.parquet "$work/source"
sed -i "s/^version = .*/version = \"$version\"/" "$work/source/pyproject.toml"
sed -i "s/^__version__ = .*/__version__ = \"$version\"/" "$work/source/edge/__init__.py"
pip install --no-deps --no-build-isolation --no-compile --target "$site" "$work/source"
cp -R models simulation_data.parquet "$site/"

# What nothing here uses: programs of the packages, their tests, what one compiles against, Arrow's ways to other
# machines and its libraries' second names, and onnxruntime for programs in C.
rm -rf "${site:?}/bin" "$site"/nilm_edge-*/direct_url.json "$site"/numpy/_core/{include,lib} \
    "$site"/pyarrow/{include,tests,_flight*,_s3fs*,_gcsfs*,_azurefs*,_pyarrow_cpp_tests*} \
    "$site"/pyarrow/{libarrow_flight*,libarrow_python_flight*,libarrow_s3*,libarrow*.so,libarrow*.so.*.*.*} \
    "$site"/onnxruntime/capi/libonnxruntime.so*
find "$site" -type d \( -name tests -o -name test \) -path '*/numpy/*' -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.h' -o -name '*.a' \) -delete
if ! said=$("$root$home/bin/python3" -I -B -m edge doctor --self-test); then
    say "deb: what is left does not work:" "$said" >&2
    exit 1
fi
$python -m compileall -q -j 0 -s "$root" -p / "$site"
cat >"$root$home/bin/nilm-edge" <<END
#!$home/bin/python3 -I
import sys

from edge.cli import main

sys.exit(main())
END
chmod 755 "$root$home/bin/nilm-edge"
grep -rIl "$PWD" "$root$home" && { say "deb: these files name the folder they were made in" >&2; exit 1; }

# What belongs to the system.
share=$root/usr/share/nilm-edge
units=$root/usr/lib/systemd
mkdir -p "$root/usr/bin" "$share" "$units/system-generators" "$units/journald.conf.d" \
    "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d" "$root/usr/share/doc/nilm-edge"
ln -s /opt/nilm-edge/current/bin/nilm-edge "$root/usr/bin/nilm-edge"
install -D -m 755 scripts/deb/nilm-edge-apply "$root/usr/sbin/nilm-edge-apply"
cp -R systemd "$root$home/systemd" # for nilm-edge-generator, where this version runs beside a later package
cp -R systemd "$units/system"
mv "$units/system/nilm-edge-generator" "$units/system-generators/nilm-edge"
mv "$units/system/nilm-edge.journald.conf" "$units/journald.conf.d/nilm-edge.conf"
mv "$units/system/nilm-edge.sysusers.conf" "$root/usr/lib/sysusers.d/nilm-edge.conf"
mv "$units/system/nilm-edge.tmpfiles.conf" "$root/usr/lib/tmpfiles.d/nilm-edge.conf"
cp CHANGELOG.md LICENSE docs/*.md docs/config.toml "$root/usr/share/doc/nilm-edge/"
# Every setting stands in it, and none is set: what a later version does better by default, it then does here as well.
sed 's/^\([a-z0-9_]* = \)/#\1/' docs/config.toml >"$share/config.toml"
"$work/tools/bin/python" -c 'import sys, tomllib; tomllib.load(open(sys.argv[1], "rb"))' "$share/config.toml"

made_of >"$share/source"
size_kb=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
for script in preinst postinst prerm postrm; do
    sed "s|@VERSION@|$version|g; s|@SIZE_MB@|$((size_kb / 1024 + 1))|g" "scripts/deb/$script" >"$root/DEBIAN/$script"
    chmod 755 "$root/DEBIAN/$script"
done
next=${python_version%.*}.$((${python_version#*.} + 1))
cat >"$root/DEBIAN/control" <<END
Package: nilm-edge
Version: $version$release
Architecture: $arch
Maintainer: nilm-edge <root@localhost>
Installed-Size: $size_kb
Depends: python3 (>= $python_version), python3 (<< $next~), libstdc++6, libsystemd0, systemd (>= 252)
Recommends: mosquitto, redis-server, influxdb
Section: net
Priority: optional
Description: one mains meter in, every appliance out
 Listens to a mains meter over MQTT once a second, tells appliances apart on this machine, without the internet, keeps
 every second, and shows it on a page of its own.
END
echo "interest-noawait nilm-edge-installed" >"$root/DEBIAN/triggers"
(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
rm -f "$deb"
dpkg-deb --root-owner-group -Zzstd -z"${LEVEL:-10}" --build "$root" "$deb" >/dev/null
rm -rf "$work"
say "$deb, $(du -m "$deb" | cut -f1) MB"
