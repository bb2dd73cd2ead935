# What the stories share: a vault of its own for each in a temporary folder, made and started by
# deploy/dev-vault from the build under test, and clients that are not ours. Any command that fails
# and was not expected to ends the story, which then shows where it was and what the vault said.
set -Eeuo pipefail

: "${PEPPERMINT_BUILD:?names the build folder under test}"
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$PEPPERMINT_BUILD/tests/integration
softhsm=/usr/lib/softhsm/libsofthsm2.so
story_dir=$(mktemp -d /tmp/pm.XXXXXX)
dir=$story_dir/vault
socket=$dir/peppermint.sock
output=
. "$source_dir/deploy/lib.sh"

finish()
{
	local status=$?
	trap - ERR
	set +e
	if [ -d "$dir" ]; then
		"$source_dir/deploy/dev-vault" stop "$dir" 2>"$story_dir/stop.log" || {
			cat "$story_dir/stop.log"
			kill -KILL "$(<"$dir/peppermintd.pid")"
			status=1
		}
	fi
	if grep -Eh 'Sanitizer|runtime error:' "$dir"/*.log 2>/dev/null; then
		status=1
	fi
	if [ $status -ne 0 ]; then
		echo "--- the last output: $output"
		echo "--- the end of peppermintd's log:"
		tail -n 60 "$dir/peppermintd.log"
	fi
	# shellcheck disable=SC2046 # one word for each job
	kill $(jobs -p) 2>/dev/null
	wait
	rm -rf "$story_dir"
	exit $status
}
trap finish EXIT
trap 'echo "FAILED: ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND"' ERR

fail()
{
	echo "FAILED: $*"
	exit 1
}

# says_it TEXT: the heading of what comes next.
tell()
{
	echo "* $*"
}

# start_vault [--limit NAME=VALUE]... [--audit NAME=VALUE]...
start_vault()
{
	local lines
	lines=$("$source_dir/deploy/dev-vault" start "$dir" "$@" 2>"$story_dir/start.log") || {
		cat "$story_dir/start.log"
		fail "the vault did not start"
	}
	eval "$lines"
}

stop_vault()
{
	"$source_dir/deploy/dev-vault" stop "$dir" 2>>"$story_dir/start.log"
}

vault_pid()
{
	cat "$dir/peppermintd.pid"
}

# The signers are the vault's only children. signer_pid ENVIRONMENT tells them apart by their title.
children_of()
{
	cat "/proc/$1/task/"*/children
}

signer_pid()
{
	local pid
	for pid in $(children_of "$(vault_pid)"); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qw -- "$1"; then
			echo "$pid"
		fi
	done
}

# expect STATUS COMMAND...: its exit status must be that; what it printed is in $output.
expect()
{
	local expected=$1 status=0
	shift
	output=$("$@" 2>&1) || status=$?
	[ "$status" -eq "$expected" ] || fail "exit status $status, not $expected: $*"
}

# says TEXT...: the last output has them all. silent_on TEXT: has it not.
says()
{
	local text
	for text; do
		[[ $output == *"$text"* ]] || fail "the output lacks: $text"
	done
}

silent_on()
{
	[[ $output != *"$1"* ]] || fail "the output has: $1"
}

# eventually SECONDS COMMAND...: repeats it until it succeeds.
eventually()
{
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "not in time: $*"
		sleep 0.1
	done
}

# The client that is not ours: protoc and nanocat (or nngcat). encode TEXT > FILE; send FILE; call
# TEXT does all three steps and leaves the decoded reply in $output.
encode()
{
	protoc --proto_path="$source_dir/proto" --encode=peppermint.v1.Request \
		peppermint/v1/vault.proto <<<"version: 1 $1"
}

decode()
{
	protoc --proto_path="$source_dir/proto" --decode=peppermint.v1.Reply \
		peppermint/v1/vault.proto
}

send_nanocat()
{
	nanocat --req --connect-ipc "$socket" --file "$1" --raw --recv-timeout 10
}

send_nngcat()
{
	nngcat --req --dial "ipc://$socket" --file "$1" --raw --recv-timeout 10
}

call()
{
	encode "$1" >"$story_dir/request"
	output=$("${client:-send_nanocat}" "$story_dir/request" | decode)
}

# field NAME: the value of the first such field of $output, without quotes.
field()
{
	sed -nE "s/^ *$1: \"?([^\"]*)\"?\$/\1/p" <<<"$output" | head -n 1
}

# A request id that nobody has used.
next_id=0
fresh_id()
{
	next_id=$((next_id + 1))
	request_id=story-$$-$next_id
}

# change CALL: a call that changes something, under a request id of its own.
change()
{
	fresh_id
	call "request_id: \"$request_id\" $1"
}

# mint ENVIRONMENT [FIELDS]: a new key in $key, its id in $key_id.
mint()
{
	change "mint_key { environment: \"$1\" account: \"acme\" ${2:-} }"
	[ -z "$(field error)" ] || fail "mint: $output"
	key=$(field api_key) key_id=$(field id)
}

# verdict ENVIRONMENT KEY: VALID, the reason of the refusal, or the error; in $verdict.
verdict()
{
	call "verify_keys { environment: \"$1\" api_keys: \"$2\" }"
	if [ "$(field valid)" = true ]; then
		verdict=VALID
	else
		verdict=$(field error)
		verdict=${verdict:-$(field reason)}
	fi
}

# verdict_is EXPECTED ENVIRONMENT KEY
verdict_is()
{
	verdict "$2" "$3"
	[ "$verdict" = "$1" ] || fail "the verdict is $verdict, not $1"
}

database()
{
	sqlite3 "$dir/state/peppermint.db" "$@"
}
