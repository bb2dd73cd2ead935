#!/bin/bash
# The database belongs to one token for each environment. With another one behind it, be it the other
# environment's or a new and empty one, the vault uses nothing and makes nothing.
. "$(dirname "$0")/lib.sh"
start_vault
mint live
live_key=$key
mint test
test_key=$key
stop_vault
cp "$dir/peppermintd.conf" "$story_dir/good.conf"

# Objects of the token LABEL, in the words of somebody who has the PIN.
objects()
{
	SOFTHSM2_CONF=$dir/softhsm2.conf USER_PIN=$(<"$2") pkcs11-tool --module "$softhsm" \
		--token-label "$1" --login --pin env:USER_PIN --list-objects 2>/dev/null
}

refuses()
{
	verdict_is TOKEN_MISMATCH "$1" "$2"
	change "mint_key { environment: \"$1\" account: \"acme\" }"
	says 'error: TOKEN_MISMATCH'
	call 'status { }'
	says 'state: REFUSING'
}

tell "the two environments' tokens are swapped"
sed -i -e 's/token=peppermint-test/token=other/; s/token=peppermint-live/token=peppermint-test/' \
	-e 's/token=other/token=peppermint-live/' -e 's/test\.pin/other.pin/; s/live\.pin/test.pin/' \
	-e 's/other\.pin/live.pin/' "$dir/peppermintd.conf"
before=$(objects peppermint-test "$dir/test.pin"; objects peppermint-live "$dir/live.pin")
start_vault
refuses live "$live_key"
refuses test "$test_key"
stop_vault
[ "$(objects peppermint-test "$dir/test.pin"; objects peppermint-live "$dir/live.pin")" = "$before" ] ||
	fail "the vault changed a token that is not its own"
cp "$story_dir/good.conf" "$dir/peppermintd.conf"

tell "live has a new and empty token: live refuses, test serves"
export SOFTHSM2_CONF=$dir/softhsm2.conf SO_PIN=so-pin-1 USER_PIN=user-pin-1
pkcs11-tool --module "$softhsm" --init-token --slot-index 2 --label empty --so-pin env:SO_PIN
pkcs11-tool --module "$softhsm" --token-label empty --login --login-type so --so-pin env:SO_PIN \
	--init-pin --new-pin env:USER_PIN
unset SOFTHSM2_CONF SO_PIN USER_PIN
(umask 077 && printf user-pin-1 >"$dir/empty.pin")
sed -i 's/token=peppermint-live/token=empty/; s/live\.pin/empty.pin/' "$dir/peppermintd.conf"
start_vault
refuses live "$live_key"
verdict_is VALID test "$test_key"
stop_vault
[ -z "$(objects empty "$dir/empty.pin")" ] || fail "the vault put keys into a token that is not its own"
cp "$story_dir/good.conf" "$dir/peppermintd.conf"

tell "a pepper was removed from the token: live refuses, test serves"
cp -a "$dir/tokens" "$story_dir/tokens"
id=$(objects peppermint-live "$dir/live.pin" | grep -A4 'pepper/api-keys' | sed -nE 's/^ *ID: *//p' | head -n 1)
SOFTHSM2_CONF=$dir/softhsm2.conf USER_PIN=$(<"$dir/live.pin") pkcs11-tool --module "$softhsm" \
	--token-label peppermint-live --login --pin env:USER_PIN --delete-object --type secrkey --id "$id"
start_vault
verdict live "$live_key"
[ "$verdict" != VALID ] && [ -n "$verdict" ] || fail "live serves without its pepper"
call 'status { }'
says 'state: REFUSING'
verdict_is VALID test "$test_key"
stop_vault
rm -rf "$dir/tokens"
mv "$story_dir/tokens" "$dir/tokens"

tell "with everything in its place both serve again"
start_vault
verdict_is VALID live "$live_key"
verdict_is VALID test "$test_key"
