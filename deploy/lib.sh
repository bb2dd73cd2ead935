# Shell functions that the scripts of deploy/ share. Source it; it changes no options.

peppermint_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# die TEXT: say what is wrong and what to do, and end.
die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# packages_of SECTION...: the packages in these sections of deploy/packages.
packages_of()
{
	awk -v wanted=" $* " '
		/^# \[/ { section = $2; gsub(/[][]/, "", section); next }
		/^[^#]/ && index(wanted, " " section " ") { print $1 }
	' "$peppermint_source/deploy/packages"
}

# missing_of PACKAGE...: those that are not installed.
missing_of()
{
	local package
	for package; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			echo "$package"
	done
}

as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root and there is no sudo: run as root: $*"
	fi
}

# install_packages SECTION...: installs what is missing; touches no network when nothing is.
install_packages()
{
	local missing
	command -v dpkg-query >/dev/null || die "this is not Debian: install by hand what deploy/packages lists"
	missing=$(missing_of $(packages_of "$@"))
	[ -n "$missing" ] || return 0
	echo "installing from Debian: "$missing >&2
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q update >&2 &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
			install --no-install-recommends $missing >&2 ||
		die "apt-get failed; its message is above"
}

# A compiler cache shortens rebuilds; it is used where it is and never asked for.
use_ccache()
{
	if command -v ccache >/dev/null; then
		export PM_COMPILER_LAUNCHER=${PM_COMPILER_LAUNCHER-ccache}
	fi
}

# configure PRESET FOLDER [CMAKE OPTION...]: shows what CMake says only when it fails.
configure()
{
	local preset=$1 folder=$2 log
	shift 2
	use_ccache
	log=$(cd "$peppermint_source" && cmake --preset "$preset" -B "$folder" "$@" 2>&1) ||
		{ printf '%s\n' "$log" >&2; return 1; }
}

# build_all PRESET FOLDER [CMAKE OPTION...]
build_all()
{
	configure "$@" && cmake --build "$2" -- --quiet >&2
}

# build_programs FOLDER: what it takes to run a vault, as it is for use.
build_programs()
{
	configure release "$1" &&
		cmake --build "$1" --target peppermintd peppermint-signer peppermint-cli -- --quiet >&2
}

# process_runs PID NAME: that process is that program and one of its threads at least still runs. (A
# killed process is a zombie already while its threads still hold its files.)
process_runs()
{
	local stat task
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null && [[ $stat == *" ($2) "* ]] || return 1
	for task in "/proc/$1/task/"*/stat; do
		{ read -r stat <"$task"; } 2>/dev/null || continue
		[[ $stat == *") "[ZX]" "* ]] || return 0
	done
	return 1
}
