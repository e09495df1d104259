// Package ucr turns a package of the peer, Univention Config Registry, into manifests, templates and declarations of ours.
// Files go in and texts come out; nothing is executed and nothing written.
//
// Two forms are read: a source package (debian/NAME.univention-config-registry and -variables, templates below conffiles),
// and what such packages have installed in /etc/univention (templates/info/NAME.info, templates/files,
// registry.info/variables/NAME.cfg).
//
// What becomes of them:
//
//	file                     an output with one template, NAME/PATH
//	multifile                an output whose template is the folder multifile/PATH, for all packages alike
//	subfile                  a part in that folder, or in that of the stock output of the same path
//	@%@KEY@%@                {{get "KEY"}}, written by the format that the path suggests
//	@%@UCRWARNING=# @%@      {{header "#"}}
//	declarations             declarations, but of variables that mailreg declares itself
//
// Python in templates, modules, scripts, and what is to run before or after a file is written cannot be taken over: each
// piece is a Finding, with its lines, for whoever ports it.
package ucr
