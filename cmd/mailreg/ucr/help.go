package ucr

// help is what --help prints.
const help = `
univention-config-registry: the settings of this host, kept by mailreg

Syntax:
  univention-config-registry [options] <action> [options] [parameters]

Options:
  -h | --help | -?      print this text
  -v | --version        print the version
  --shell               print assignments for the shell (dump, search, get)
  --keys-only           print keys without values (dump, search)
  --sort                print in order (dump, search, info: always so)
  --debug               has no effect

Actions:
  set [--force|--schedule|--ldap-policy] [--ignore-check] <key>=<value> ...
                        set variables; <key>?<value> sets only what is not set yet
  unset [--force|--schedule|--ldap-policy] <key> ...
                        remove variables
  get <key>             print the value of a variable
  search [--key|--value|--all] [--category <category>] [--brief|--verbose]
         [--non-empty] [<regex> ...]
                        find variables by regular expressions (RE2 syntax)
  info <key> ...        tell all about variables
  dump                  print all variables that have a value
  shell [<key> ...]     print assignments for the shell
  commit [<file> ...]   render config files and bring them into force
  register <name>       bring templates and declarations of that name into force
  unregister <name>     take them back
  update                see whether the declarations can be read
  filter [--encode-utf8] [--disallow-execution]
                        fill in the template on stdin; Python in it is refused

This is mailreg in the manner of univention-config-registry; "mailreg help" tells more,
docs/ucr.md what is different.
`
