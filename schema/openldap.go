package schema

import _ "embed" // the LDAP schema files

// The LDAP schema for OpenLDAP in its two forms: attributes and classes of the mail directory, with the
// OIDs of the Univention arc. OIDs under 1.3.6.1.4.1.10176.99999 are ours, for what is known of the peer by name only.
var (
	// OpenLDAPSchema is for an include line of slapd.conf; it needs core.schema.
	//go:embed openldap/mailreg.schema
	OpenLDAPSchema string
	// OpenLDAPSchemaLDIF is the entry cn=mailreg,cn=schema,cn=config; it needs core.ldif.
	//go:embed openldap/mailreg.ldif
	OpenLDAPSchemaLDIF string
)
