package registry

import "fmt"

// Layer is one of the five layers of settings; a higher one hides a lower one.
type Layer int

// The layers, low to high. Default holds the declarations' defaults and cannot be written.
const (
	Default Layer = iota
	Normal
	LDAP
	Schedule
	Forced
)

// layerFiles are the files of the layers below /etc/mailreg. secretsFile is part of layer normal.
var layerFiles = [Forced + 1]string{Normal: "base.conf", LDAP: "base-ldap.conf", Schedule: "base-schedule.conf", Forced: "base-forced.conf"}

const secretsFile = "secrets.conf"

var layerNames = [Forced + 1]string{"default", "normal", "ldap", "schedule", "forced"}

// String returns the name of the layer as the peer's users know it, such as "normal".
func (l Layer) String() string {
	if l < Default || l > Forced {
		return fmt.Sprintf("layer %d", int(l))
	}
	return layerNames[l]
}

// ParseLayer returns the writable layer of that name.
func ParseLayer(name string) (Layer, error) {
	for l := Normal; l <= Forced; l++ {
		if layerNames[l] == name {
			return l, nil
		}
	}
	return Default, fmt.Errorf("unknown layer %q: normal, ldap, schedule or forced", name)
}
