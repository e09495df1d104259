package registry

// Layer is one of the five layers of settings; a higher one hides a lower one.
type Layer int

// The layers, low to high (design §5). Default holds the declarations' defaults and cannot be written.
const (
	Default Layer = iota
	Normal
	LDAP
	Schedule
	Forced
)
