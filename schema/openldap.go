package schema

import _ "embed" // the LDAP schema files

// The LDAP schema for OpenLDAP in its two forms, for 389-ds and for Active Directory: attributes and classes of the mail directory, with the
// OIDs of the Univention arc. OIDs under 1.3.6.1.4.1.10176.99999 are ours, for what is known of the peer by name only.
var (
	// OpenLDAPSchema is for an include line of slapd.conf; it needs core.schema.
	//go:embed openldap/mailreg.schema
	OpenLDAPSchema string
	// OpenLDAPSchemaLDIF is the entry cn=mailreg,cn=schema,cn=config; it needs core.ldif.
	//go:embed openldap/mailreg.ldif
	OpenLDAPSchemaLDIF string
	// DS389Schema is the same for 389 Directory Server: a file 98mailreg.ldif in the folder schema of an instance.
	//go:embed ds389/98mailreg.ldif
	DS389Schema string
	// ActiveDirectorySchema has what mail users and mail domains need, as changes to the schema of a forest; DC=X stands for
	// its root domain.
	//go:embed activedirectory/mailreg.ldif
	ActiveDirectorySchema string
)
