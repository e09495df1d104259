package ucr

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// The ends of the names of files in source packages.
const (
	infoSuffix      = ".univention-config-registry"
	variablesSuffix = ".univention-config-registry-variables"
)

// layout says where things lie in a package.
type layout struct {
	fsys fs.FS
	// info and variables are the files by name of the package.
	info, variables map[string]string
	// folders hold what is called files, scripts and modules when it is installed.
	folders map[string]string
	// installed packages have scripts of the same paths as files.
	installed bool
}

// look finds out what form of package lies in a folder.
func look(fsys fs.FS, dir string) (layout, error) {
	l := layout{fsys: fsys, info: map[string]string{}, variables: map[string]string{}}
	dir = path.Clean(dir)
	if info, err := fs.Stat(fsys, dir); err != nil || !info.IsDir() {
		return l, fmt.Errorf("%s is no folder", dir)
	}
	for _, folder := range []string{dir, path.Join(dir, "debian")} {
		l.find(l.info, folder, infoSuffix)
		l.find(l.variables, folder, variablesSuffix)
	}
	if len(l.info)+len(l.variables) > 0 {
		conffiles := path.Join(dir, "conffiles")
		l.folders = map[string]string{"files": conffiles, "scripts": conffiles, "modules": conffiles}
		return l, nil
	}
	templates, etc := dir, path.Dir(dir)
	if _, err := fs.Stat(fsys, path.Join(dir, "templates", "info")); err == nil { // all of /etc/univention
		templates, etc = path.Join(dir, "templates"), dir
	}
	l.installed = true
	l.folders = map[string]string{}
	for _, name := range []string{"files", "scripts", "modules"} {
		l.folders[name] = path.Join(templates, name)
	}
	l.find(l.info, path.Join(templates, "info"), ".info")
	l.find(l.variables, path.Join(etc, "registry.info", "variables"), ".cfg")
	return l, nil
}

// find notes the files of a folder whose names end in suffix. A folder that is not there has none.
func (l layout) find(into map[string]string, folder, suffix string) {
	entries, _ := fs.ReadDir(l.fsys, folder)
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), suffix)
		if ok && name != "" && !entry.IsDir() && into[name] == "" {
			into[name] = path.Join(folder, entry.Name())
		}
	}
}

// names returns the names of all packages.
func (l layout) names() []string {
	all := maps.Clone(l.info)
	maps.Copy(all, l.variables)
	return slices.Sorted(maps.Keys(all))
}

// locate returns where something of a kind lies that a field names.
func (l layout) locate(kind, name string) string {
	return path.Join(l.folders[kind], strings.TrimPrefix(name, "/"))
}

// twin returns the script that is run after a file was written, "" without one.
func (l layout) twin(target string) string {
	file := l.locate("scripts", target)
	if info, err := fs.Stat(l.fsys, file); !l.installed || err != nil || info.IsDir() {
		return ""
	}
	return file
}
