// Package schema is the directory's vocabulary: entries, changes, typed views of them, the errors that handlers answer
// with, the LDAP schema files of OpenLDAP, and the declarations of all registry variables.
//
// It imports nothing of ours, so that every other part can speak in its terms.
package schema
