/*
 * dnssec.h - what a signed zone is signed with: its keys and for how long. Configuration, in its
 * arena and immutable; any thread.
 *
 *   zone example.com { dnssec { key /etc/selvage/keys/Kexample.com.+013+12345; } ... }
 *
 * A key is `key FILE [active | standby | retired]`, FILE being the name that `selvagectl dnssec
 * keygen` printed. Which record sets it signs:
 *
 *                DNSKEY, CDS, CDNSKEY     everything else                     announced in CDS
 *   active       yes                      yes, unless it is the KSK of a      yes
 *                                         pair: SEP, and one without is active
 *   standby      if SEP                   no: published for who will need it  if SEP
 *   retired      if SEP                   no: published for who still does    no
 *
 * All of them are published. So a key is changed by three reloads, each when the TTLs of what came
 * before are over: the new one comes as standby; roles change (and the DS at the parent with them);
 * the retired one goes. The DNSKEY set is valid by any DS that may still be around.
 */
#ifndef DIRECTOR_DNSSEC_H
#define DIRECTOR_DNSSEC_H

#include "conf/directive.h"
#include "dns/dnskey.h"
#include "dns/rrset.h"

#include <stdbool.h>
#include <stdint.h>

enum { DNSSEC_KEYS_MAX = 8 }; /* of one zone */

enum dnssec_role { DNSSEC_ACTIVE, DNSSEC_STANDBY, DNSSEC_RETIRED };

struct dnssec_key {
    struct dnskey key; /* the secret is freed by dnssec_free() */
    enum dnssec_role role;
    bool signs_keys;  /* DNSKEY, CDS, CDNSKEY */
    bool signs_data;  /* everything else */
    struct span file; /* without .key and .private */
};

enum dnssec_cds { DNSSEC_CDS_OFF, DNSSEC_CDS_ON, DNSSEC_CDS_DELETE };

struct dnssec {
    struct dnssec_key keys[DNSSEC_KEYS_MAX];
    unsigned keys_n;
    int64_t validity_ms, refresh_ms;
    int cds; /* enum dnssec_cds: RFC 7344; DELETE asks the parent to take its DS away (RFC 8078 §4)
              */
};

/* dnssec { ... } in a zone; its parent is struct zone_draft (zone_impl.h). */
extern const struct conf_context dnssec_context;

/* The keys' secrets, which are no arena's. NULL is fine. */
void dnssec_free(const struct dnssec *d);

#endif
