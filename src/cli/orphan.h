/* Objects in a token as the vault tells of them. */
#ifndef CLI_ORPHAN_H
#define CLI_ORPHAN_H

#include "command.h"
#include "sheet.h"

#define OBJECT_ID_HEX (2 * sizeof(((struct peppermint_object *)NULL)->key_id) + 1)
void object_id(const struct peppermint_object *object, char hex[OBJECT_ID_HEX]);

/* "" is as it must be; an orphan is none the worse for being one. */
const char *object_fault(const struct peppermint_object *object);
bool object_is_orphan(const struct peppermint_object *object);
json_t *object_json(const struct peppermint_object *object);

#endif
