package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/dirsync"
	"github.com/mailreg/mailreg/listener/psearch"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
)

// Kind is a way to follow a directory (ldap/source).
type Kind string

// The kinds. Auto takes the first of the others that the server serves.
const (
	Auto     Kind = "auto"
	Syncrepl Kind = "syncrepl"
	DirSync  Kind = "dirsync"
	PSearch  Kind = "psearch"
	Poll     Kind = "poll"
)

// kinds are the kinds in the order in which they are chosen, with the control that says that a server serves them.
var kinds = []struct {
	kind Kind
	oid  string
}{
	{Syncrepl, syncrepl.OID},
	{DirSync, dirsync.OID},
	{PSearch, psearch.OID},
	{Poll, ""},
}

// activeDirectory are the capabilities of Active Directory and AD LDS (MS-ADTS 3.1.1.3.4.3).
var activeDirectory = []string{"1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"}

// rootDSE is what a server says of itself (RFC 4512 §5.1).
type rootDSE struct {
	controls, capabilities, extensions []string
	vendor                             string
}

func readRootDSE(ctx context.Context, conn *connect.Conn) (r rootDSE, err error) {
	attrs, err := search.Read(ctx, conn, "", "supportedControl", "supportedCapabilities", "supportedExtension", "vendorName")
	for _, a := range attrs {
		switch strings.ToLower(a.Name) {
		case "supportedcontrol":
			r.controls = a.Values
		case "supportedextension":
			r.extensions = a.Values
		case "supportedcapabilities":
			r.capabilities = a.Values
		case "vendorname":
			r.vendor = a.Values[0]
		}
	}
	return r, err
}

// errNoChoice says that the server does not show what it serves.
var errNoChoice = errors.New("the server does not show us its root DSE, so it is not known how it can be followed: set ldap/source")

// choose returns the first kind that the server serves and that is not known to be unfit.
func (r rootDSE) choose(unfit func(Kind) bool) (Kind, error) {
	if len(r.controls) == 0 {
		return "", errNoChoice
	}
	for _, k := range kinds {
		if (k.oid == "" || slices.Contains(r.controls, k.oid)) && !unfit(k.kind) {
			return k.kind, nil
		}
	}
	return Poll, nil
}

// identify returns the attribute that identifies the server's entries: what the entry at the base has of them, or what
// servers of this make have when that may not be read. Where entries have nsUniqueId it goes first: it is what the sync
// control of such servers carries, while entryUUID comes from a plugin that need not be there.
func (r rootDSE) identify(ctx context.Context, conn *connect.Conn, base string) (schema.Identity, error) {
	if slices.ContainsFunc(r.capabilities, func(c string) bool { return slices.Contains(activeDirectory, c) }) {
		return schema.ObjectGUID, nil
	}
	identities := []schema.Identity{schema.NSUniqueID, schema.EntryUUID, schema.ObjectGUID}
	attrs, err := search.Read(ctx, conn, base, "nsUniqueId", "entryUUID", "objectGUID")
	if err != nil {
		return "", fmt.Errorf("asking what identifies entries: %w", err)
	}
	for _, id := range identities {
		if slices.ContainsFunc(attrs, func(a schema.Attribute) bool { return strings.EqualFold(a.Name, string(id)) }) {
			return id, nil
		}
	}
	if strings.Contains(r.vendor, "389") {
		return schema.NSUniqueID, nil
	}
	return schema.EntryUUID, nil
}
