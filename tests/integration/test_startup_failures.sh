#!/bin/bash
# What is wrong at start is said in one line that tells what to do, and the vault does not run; only
# without a good PIN it does, with that environment sealed. A refused PIN is not tried a second time.
. "$(dirname "$0")/lib.sh"
start_vault
stop_vault
cp "$dir/peppermintd.conf" "$story_dir/good.conf"
daemon=$PEPPERMINT_BUILD/bin/peppermintd config=$dir/peppermintd.conf

# refuses TEXT...: a start ends soon, with a failure, and one line of error that has each TEXT.
refuses()
{
	local status=0 errors
	output=$(timeout 60 "$daemon" --config "$config" 2>&1 </dev/null) || status=$?
	[ $status -ne 0 ] || fail "it started"
	[ $status -ne 124 ] || fail "it neither started nor ended"
	[ $status -lt 128 ] || fail "it ended with $status"
	errors=$(grep -c '^<3>' <<<"$output") || true
	[ "$errors" -eq 1 ] || fail "$errors lines of error, not 1"
	says "$@"
	cp "$story_dir/good.conf" "$dir/peppermintd.conf"
	echo "  $(grep '^<3>' <<<"$output")"
}

# setting LINE-PATTERN NEW-LINE: changes the first such line.
setting()
{
	sed -i "0,\\|^$1|s|^$1.*|$2|" "$dir/peppermintd.conf"
}

tell "no configuration"
mv "$dir/peppermintd.conf" "$story_dir/away"
refuses peppermintd.conf

tell "no such module"
setting 'module =' 'module = /nowhere/module.so'
refuses /nowhere/module.so

tell "no such token"
setting 'token =' 'token = pkcs11:token=nowhere'
refuses nowhere

# starts_sealed TEXT...: the vault starts, `test` is sealed, and the one line of error has each TEXT.
starts_sealed()
{
	local before
	before=$(wc -l <"$dir/peppermintd.log")
	start_vault
	call 'status { }'
	says HSM_SEALED 'state: SERVING'
	stop_vault
	output=$(tail -n "+$((before + 1))" "$dir/peppermintd.log" | grep '^<3>')
	[ "$(wc -l <<<"$output")" -eq 1 ] || fail "more than one line of error"
	says 'peppermint unseal --env test' "$@"
	cp "$story_dir/good.conf" "$dir/peppermintd.conf"
	echo "  $output"
}

tell "no PIN file: that environment is sealed, and the other serves"
setting 'pin_file =' "pin_file = $dir/nowhere.pin"
starts_sealed nowhere.pin

tell "a PIN file that others may read, likewise"
chmod 0644 "$dir/test.pin"
starts_sealed test.pin
chmod 0600 "$dir/test.pin"

tell "a wrong PIN, which is tried once"
(umask 077 && printf wrong-pin >"$dir/wrong.pin")
setting 'pin_file =' "pin_file = $dir/wrong.pin"
setting 'module =' 'module = /usr/lib/x86_64-linux-gnu/pkcs11-spy.so'
setting 'module_env =' "module_env = SOFTHSM2_CONF=$dir/softhsm2.conf PKCS11SPY=$softhsm PKCS11SPY_OUTPUT=$story_dir/spy"
starts_sealed PIN
[ "$(grep -c 'C_Login' "$story_dir/spy")" -eq 1 ] || fail "$(grep -c C_Login "$story_dir/spy") logins"
grep -q CKR_PIN_INCORRECT "$story_dir/spy"

tell "a state folder that is not there"
setting 'state_dir =' "state_dir = $dir/nowhere"
refuses nowhere

tell "a state folder that cannot be written"
setting 'state_dir =' "state_dir = /proc/self"
refuses /proc/ 'must be able to write it'

tell "a damaged database"
cp -a "$dir/state" "$story_dir/state"
printf 'this is not a database and it is long enough to be none' |
	dd of="$dir/state/peppermint.db" conv=notrunc status=none
refuses peppermint.db backup

tell "a database that was cut off"
rm -rf "$dir/state"
cp -a "$story_dir/state" "$dir/state"
truncate -s 12288 "$dir/state/peppermint.db"
refuses peppermint.db backup
rm -rf "$dir/state"

tell "a database that is no database at all"
mkdir -m 0700 "$dir/state"
head -c 40960 /dev/urandom >"$dir/state/peppermint.db"
refuses peppermint.db
rm -rf "$dir/state"
mv "$story_dir/state" "$dir/state"

tell "a second vault on the same state, or on the same socket"
start_vault
refuses state
other=$story_dir/other
"$source_dir/deploy/dev-vault" start "$other" >"$story_dir/start.log" 2>&1
"$source_dir/deploy/dev-vault" stop "$other" >"$story_dir/start.log" 2>&1
sed -i "s|^socket =.*|socket = $socket|" "$other/peppermintd.conf"
config=$other/peppermintd.conf
refuses "$socket"
config=$dir/peppermintd.conf
process_runs "$(vault_pid)" peppermintd
mint live
stop_vault

tell "an unknown setting, and one given twice, are named with their line"
line=$(sed -n '/^\[limits\]/=' "$story_dir/good.conf")
sed -i 's/^\[limits\]/&\nbach = 5/' "$dir/peppermintd.conf"
refuses bach "peppermintd.conf:$((line + 1)):"
sed -i 's/^\[limits\]/&\nbatch = 5\nbatch = 6/' "$dir/peppermintd.conf"
refuses batch "peppermintd.conf:$((line + 2)):"
printf '[lmits]\nbatch = 5\n' >>"$dir/peppermintd.conf"
refuses lmits

tell "an audit log that is not kept for a year, or is signed by a token that is not there"
sed -i 's/^\[audit\]/&\nkeep_months = 3/' "$dir/peppermintd.conf"
refuses keep_months year
sed -i 's/^\[audit\]/&\nenvironment = nowhere/' "$dir/peppermintd.conf"
refuses environment '[audit]'

tell "a configuration that others may write"
chmod 0666 "$dir/peppermintd.conf"
refuses peppermintd.conf
chmod 0620 "$dir/peppermintd.conf"
refuses peppermintd.conf
chmod 0600 "$dir/peppermintd.conf"

tell "and after all that it starts as if nothing had happened"
start_vault
verdict_is VALID live "$key"
