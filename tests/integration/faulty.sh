# For stories about HSM faults, after lib.sh: an environment's signer gets its token through
# tests/support/faulty-pkcs11, which a rules file tells what goes wrong.
faulty_module=$PEPPERMINT_BUILD/tests/support/faulty-pkcs11/faulty-pkcs11.so
rules=$story_dir/rules
rules_state=$story_dir/rules.state
module_log=$story_dir/module.log

# set_in_section ENVIRONMENT NAME VALUE: in the configuration of the vault, which must not run.
set_in_section()
{
	sed -i "/^\[environment $1\]/,/^\$/{/^$2 *=/d}" "$dir/peppermintd.conf"
	sed -i "s|^\[environment $1\]|&\n$2 = $3|" "$dir/peppermintd.conf"
}

# unset_in_section ENVIRONMENT NAME
unset_in_section()
{
	sed -i "/^\[environment $1\]/,/^\$/{/^$2 *=/d}" "$dir/peppermintd.conf"
}

# use_faulty_module ENVIRONMENT: stops the vault.
use_faulty_module()
{
	stop_vault
	: >"$rules"
	set_in_section "$1" module "$faulty_module"
	set_in_section "$1" module_env "SOFTHSM2_CONF=$dir/softhsm2.conf FAULTY_MODULE=$softhsm \
FAULTY_RULES=$rules FAULTY_STATE=$rules_state FAULTY_LOG=$module_log"
}

# rule LINE: from now on the only one; "" for none.
rule()
{
	printf '%s\n' "$1" >"$rules.next"
	mv "$rules.next" "$rules"
}

# calls_of FUNCTION: how many there were, says the module's log.
calls_of()
{
	grep -cw -- "$1" "$module_log" || true
}

# environment_is STATE ENVIRONMENT
environment_is()
{
	output=$(peppermint status --json) &&
		[ "$(jq -r ".environments[] | select(.name == \"$2\") | .state" <<<"$output")" = "$1" ]
}

# verifies ENVIRONMENT KEY: for `eventually`, which verdict_is would end.
verifies()
{
	verdict "$1" "$2"
	[ "$verdict" = VALID ]
}
