/*
 * `peppermint hsm`: the same commands for a token that no vault uses, with --module (offline, in
 * this program), and for a running vault, with --env (online, by asking it).
 */
#ifndef CLI_HSM_H
#define CLI_HSM_H

#include "command.h"

/* hsm_online.c: what the vault does. --env is checked there. */
enum status run_hsm_change_pin_online(struct session *session);
enum status run_hsm_inventory_online(struct session *session);

#endif
