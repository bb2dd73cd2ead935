#!/bin/bash
# The same token behind three modules: SoftHSM's own, p11-kit's proxy, and p11-kit's client with a
# server in another process. Keys that were made through one are used through the next.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faulty.sh"
libraries=/usr/lib/$(gcc -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)
start_vault
mint test
first=$key
stop_vault

work_through()
{
	tell "$1"
	eventually 20 environment_is SERVING test
	verdict_is VALID test "$first"
	mint test
	verdict_is VALID test "$key"
	expect 0 peppermint pepper rotate --env test api-keys
	verdict_is VALID test "$first"
	verdict_is VALID test "$key"
	expect 0 peppermint hsm inventory --env test
	says CKM_SHA256_HMAC 'NOT CERTIFIED'
	stop_vault
}

home=$story_dir/home
mkdir -p "$home/.config/pkcs11/modules"
printf 'user-config: only\n' >"$home/.config/pkcs11/pkcs11.conf"
printf 'module: %s\n' "$softhsm" >"$home/.config/pkcs11/modules/softhsm.module"
set_in_section test module "$libraries/p11-kit-proxy.so"
set_in_section test module_env "SOFTHSM2_CONF=$dir/softhsm2.conf HOME=$home"
start_vault
work_through "p11-kit's proxy"

server=$story_dir/p11.sock
SOFTHSM2_CONF=$dir/softhsm2.conf p11-kit server --foreground --provider "$softhsm" --name "$server" \
	"pkcs11:token=peppermint-test" >"$story_dir/server.log" 2>&1 &
eventually 10 test -S "$server"
set_in_section test module "$libraries/pkcs11/p11-kit-client.so"
set_in_section test module_env "P11_KIT_SERVER_ADDRESS=unix:path=$server"
start_vault
work_through "p11-kit's server, in another process"

set_in_section test module "$softhsm"
set_in_section test module_env "SOFTHSM2_CONF=$dir/softhsm2.conf"
start_vault
work_through "SoftHSM itself"

tell "tokens that lack things: copies, EdDSA, a second session, a lock"
start_vault
use_faulty_module test
for quirk in 'C_CopyObject return CKR_FUNCTION_NOT_SUPPORTED' 'hide-mechanism CKM_EDDSA' \
	'max-sessions 1' 'tell-max-sessions 1' cant-lock 'refuse-attribute CKA_ALLOWED_MECHANISMS' \
	'init-args configDir=/nowhere'; do
	rule "$quirk"
	[[ $quirk != init-args* ]] || set_in_section test init_args configDir=/nowhere
	start_vault
	eventually 20 environment_is SERVING test
	verdict_is VALID test "$first"
	mint test
	expect 0 peppermint pepper rotate --env test api-keys
	verdict_is VALID test "$key"
	verdict_is VALID test "$first"
	stop_vault
	echo "  $quirk"
done
