package settings

import (
	"fmt"
	"slices"
)

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

// layerFiles are the names of the layers' files in Dir.
var layerFiles = [Forced + 1]string{Normal: "base.conf", LDAP: "base-ldap.conf", Schedule: "base-schedule.conf", Forced: "base-forced.conf"}

// SecretsFile is the name of the second file of layer normal, for variables that are declared secret.
const SecretsFile = "secrets.conf"

// FileNames returns the names of all layer files in Dir.
func FileNames() []string { return append(slices.Clone(layerFiles[Normal:]), SecretsFile) }

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
