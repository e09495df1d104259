// Package policy writes layer ldap of the registry from the policies of the directory.
//
// Reads: registry policies (univentionPolicyRegistry: attributes univentionRegistry;entry-hex-HEX; mailregPolicy: attribute
// mailregVariable) and univentionPolicyReference of the host's own entry (ldap/hostdn) and of each entry above it up to
// ldap/base; of the policies also fixedAttributes, emptyAttributes, requiredObjectClasses, prohibitedObjectClasses and
// ldapFilter.
//
// Does: for each key the nearest policy that speaks of it decides, unless one farther away fixes it. Of several policies at
// one entry the one whose DN comes first in the alphabet goes before the others. The layer is the policies' as a whole, as
// in the peer: what was set there by hand lasts until the next change of a policy. While the directory has no policy, and
// had none, the layer is left alone. A burst of changes is one transaction.
//
// Registry keys: ldap/hostdn and ldap/base at its start; all of layer ldap, which it writes. Keys that are local to the host
// are left out, and noted.
//
// Failure: a value that the registry refuses, and a key that is given two values at once, is left as it was; the others go
// through, the policy is parked with the key named, and Notes has it as long as it matters to this host. When a server
// refuses the files, each entry of the burst is tried alone, and those that are at fault fail alone. As long as one of the
// entries that can assign policies is not shown, because it is hidden, was renamed, or cannot be asked for by entryDN, and
// when ldap/hostdn does not lie below ldap/base, the layer stays as it is, and Notes says why. While layer files cannot be
// read everything waits.
package policy
