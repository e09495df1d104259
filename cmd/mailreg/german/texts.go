package german

// texts are sorted by the commands that have them; those of several commands come first.
var texts = []Pair{
	{"print the result as JSON", "gibt das Ergebnis als JSON aus"},
	{"print what would happen and change nothing", "sagt, was geschähe, und ändert nichts"},
	{"leave the services alone", "lässt die Dienste in Ruhe"},
	{"change layer forced", "ändert die Ebene forced"},
	{"change layer ldap", "ändert die Ebene ldap"},
	{"change layer schedule", "ändert die Ebene schedule"},
	{"change `LAYER`: normal, ldap, schedule or forced", "ändert `LAYER`: normal, ldap, schedule oder forced"},
	{"print an assignment for a POSIX shell", "gibt eine Zuweisung für eine POSIX-Shell aus"},
	{"print assignments for a POSIX shell", "gibt Zuweisungen für eine POSIX-Shell aus"},
	{"print keys without values", "gibt nur die Schlüssel aus, ohne Werte"},

	{"Settings of the mail system, and what the listener does with the directory", "Einstellungen des Mailsystems, und was der Listener aus dem Verzeichnis macht"},
	{
		`mailreg keeps the settings of a mail server and renders its config files from them;
it also asks and steers the listener, which keeps the server in step with the directory.

FILE arguments and printed paths are as seen from the root.
Exit codes: 0 done, 1 refused or failed, 2 usage, 3 in place but a service action is pending.`,
		`mailreg hält die Einstellungen eines Mailservers und erzeugt daraus seine Konfigurationsdateien;
es fragt und steuert auch den Listener, der den Server im Gleichschritt mit dem Verzeichnis hält.

FILE und ausgegebene Pfade sind von der Wurzel aus gesehen.
Rückgabewerte: 0 getan, 1 abgelehnt oder misslungen, 2 falscher Aufruf, 3 in Kraft, aber ein Dienst weiß es noch nicht.`,
	},
	{"print the version", "gibt die Version aus"},
	{"speak like the peer's ucr: mailreg --compat get KEY", "spricht wie das ucr des Vorbilds: mailreg --compat get KEY"},
	{"act on the system below `DIR` (default $MAILREG_ROOT, else /)", "arbeitet am System unterhalb von `DIR` (sonst $MAILREG_ROOT, sonst /)"},
	{"Help about any command", "Hilfe zu jedem Kommando"},
	{
		`Help provides help for any command in the application.
Simply type mailreg help [path to command] for full details.`,
		`help sagt alles zu einem Kommando: mailreg help [KOMMANDO ...].`,
	},

	{"Flush authentication caches", "Anmelde-Zwischenspeicher leeren"},
	{
		"Make the mail server forget who may log in: all, or those addresses or login names",
		"Lässt den Mailserver vergessen, wer sich anmelden darf: alle, oder diese Adressen oder Anmeldenamen",
	},
	{
		`flush empties the authentication caches, so that the next login asks the directory. Entries about
names that do not exist are forgotten as well. Without a server for this root there is nothing to do.`,
		`flush leert die Anmelde-Zwischenspeicher, so dass die nächste Anmeldung das Verzeichnis fragt. Auch
dass es Namen nicht gibt, wird vergessen. Ohne Server für diese Wurzel ist nichts zu tun.`,
	},
	{
		"Tell a user by mail that the mailbox is nearly full: Dovecot calls this",
		"Sagt einem Benutzer per Mail, dass sein Postfach fast voll ist: Dovecot ruft das auf",
	},
	{
		`quota-warning puts a mail into the mailbox of a user, which may be full. Texts, languages and subject are
those of mail/dovecot/quota/warning. Dovecot calls it when a mailbox passes one of the percentages.`,
		`quota-warning legt eine Mail in das Postfach eines Benutzers, das voll sein darf. Texte, Sprachen und
Betreff sind die aus mail/dovecot/quota/warning. Dovecot ruft es auf, wenn ein Postfach einen der
Prozentsätze erreicht.`,
	},
	{"Render files from the registry and bring them into force", "Erzeugt Dateien aus der Registry und bringt sie in Kraft"},
	{
		`commit renders the given files, or all, checks them, replaces those that differ and tells their
services. An interrupted transaction is finished first, and pending service actions are tried again.`,
		`commit erzeugt die genannten Dateien, oder alle, prüft sie, ersetzt die, die sich unterscheiden, und sagt
es ihren Diensten. Zuvor wird eine unterbrochene Transaktion beendet; was Dienste noch nicht wissen, wird
ihnen noch einmal gesagt.`,
	},
	{"Bring templates and variables of one's own into force", "Bringt eigene Vorlagen und Variablen in Kraft"},
	{
		`register reads the manifest NAME.ini in /etc/mailreg/templates and the declarations NAME.ini in
/etc/mailreg/schema.d, of which one may be missing, renders the files that they make or change, and brings
them into force as one transaction. What is wrong is told with file and line, and nothing is changed. A
manifest that nobody registers takes effect at the next commit.

With --from-ucr it first makes these files from a package of Univention Config Registry: a source package,
or /etc/univention. NAME may be left out then. Python in templates, modules and scripts are listed with
their lines, and nothing is written, unless --skip-unported imports the rest. Nothing of the package is
executed. A second import replaces the first.`,
		`register liest das Manifest NAME.ini in /etc/mailreg/templates und die Deklarationen NAME.ini in
/etc/mailreg/schema.d, von denen eines fehlen darf, erzeugt die Dateien, die sie erzeugen oder ändern, und
bringt sie in einer Transaktion in Kraft. Was falsch ist, wird mit Datei und Zeile gesagt, und nichts wird
geändert. Ein Manifest, das niemand anmeldet, gilt vom nächsten commit an.

Mit --from-ucr macht es diese Dateien zuerst aus einem Paket der Univention Config Registry: einem
Quellpaket oder /etc/univention. NAME kann dann fehlen. Python in Vorlagen, Module und Skripte werden mit
ihren Zeilen aufgezählt, und nichts wird geschrieben, wenn nicht --skip-unported den Rest übernimmt.
Ausgeführt wird nichts davon. Ein zweiter Import ersetzt den ersten.`,
	},
	{"import the UCR package in `DIR` first", "übernimmt zuerst das UCR-Paket in `DIR`"},
	{"leave out what has to be ported and import the rest", "lässt aus, was portiert werden muss, und übernimmt den Rest"},
	{"Take templates and variables of one's own back", "Nimmt eigene Vorlagen und Variablen zurück"},
	{
		`unregister removes the files that the manifest NAME.ini has made and gives back what they had replaced;
files of others lose the parts that it adds. It stays off, although its files still lie there, until it is
registered again. Values of its variables are kept.`,
		`unregister entfernt die Dateien, die das Manifest NAME.ini erzeugt hat, und gibt zurück, was sie ersetzt
hatten; Dateien anderer verlieren die Teile, die es hinzufügt. Es bleibt abgeschaltet, auch wenn seine
Dateien noch da liegen, bis es wieder angemeldet wird. Werte seiner Variablen bleiben.`,
	},
	{"Print a script that completes command lines", "Gibt ein Skript aus, das Kommandozeilen ergänzt"},
	{
		`completion prints the script for a shell. To load it in every session:

  bash  mailreg completion bash > /etc/bash_completion.d/mailreg
  zsh   mailreg completion zsh > "${fpath[1]}/_mailreg"
  fish  mailreg completion fish > ~/.config/fish/completions/mailreg.fish`,
		`completion gibt das Skript für eine Shell aus. So wird es in jeder Sitzung geladen:

  bash  mailreg completion bash > /etc/bash_completion.d/mailreg
  zsh   mailreg completion zsh > "${fpath[1]}/_mailreg"
  fish  mailreg completion fish > ~/.config/fish/completions/mailreg.fish`,
	},
	{"Show what commit would change", "Zeigt, was commit ändern würde"},
	{
		"diff prints a unified diff of the live files against what the registry renders. Exit codes: 0 same, 1 differs, 2 error.",
		"diff gibt die Unterschiede zwischen den Dateien und dem aus, was die Registry erzeugt. Rückgabewerte: 0 gleich, 1 verschieden, 2 Fehler.",
	},
	{"Look for what is wrong with this host, and say what to do about it", "Sucht, was an diesem Rechner nicht stimmt, und sagt, was zu tun ist"},
	{
		`doctor looks at settings, files, certificates, servers, disks and the daemon, and prints a line for each
check: ok, warning or problem, with what to do. It changes nothing. Exit codes: 0 no problem, 1 a problem.`,
		`doctor sieht Einstellungen, Dateien, Zertifikate, Server, Platten und den Dienst an und gibt zu jeder Prüfung
eine Zeile aus: ok, warning oder problem, und was zu tun ist. Es ändert nichts. Rückgabewerte: 0 kein
Problem, 1 ein Problem.`,
	},
	{"leave out what is ok", "lässt weg, was in Ordnung ist"},
	{"Print all variables that have a value, sorted", "Gibt alle Variablen aus, die einen Wert haben, sortiert"},
	{
		`dump prints "key: value" for every variable, defaults and secrets included, control characters
escaped. With --json it prints one object that "mailreg set --file" reads back.`,
		`dump gibt zu jeder Variable "Schlüssel: Wert" aus, Vorgaben und Geheimnisse eingeschlossen, Steuerzeichen
umschrieben. Mit --json ist es ein Objekt, das "mailreg set --file" wieder liest.`,
	},
	{"Tell all about one mail user: entry, rule, settings, store, and what is pending", "Sagt alles über einen Mail-Benutzer: Eintrag, Regel, Einstellungen, Postfach, und was aussteht"},
	{
		`explain shows the directory entry as the daemon knows it, whether a mailbox is wanted on this host and by
which rule, how far each handler is with it, the stores on this host, how far the mail is that goes to another host
or comes from there, and the variables that decide, with the layer that each value comes from. Without the
daemon it tells what the disk knows.`,
		`explain zeigt den Eintrag des Verzeichnisses, wie ihn der Dienst kennt, ob nach welcher Regel ein Postfach auf
diesem Rechner sein soll, wie weit jeder Handler damit ist, die Postfächer auf diesem Rechner, wie weit die Mail
ist, die zu einem anderen Rechner geht oder von dort kommt, und die Variablen, die entscheiden, mit der Ebene,
aus der jeder Wert kommt. Ohne den Dienst sagt es, was auf der Platte steht.`,
	},
	{"Fill in a template in the peer's syntax: stdin to stdout", "Füllt eine Vorlage in der Syntax des Vorbilds aus: von stdin nach stdout"},
	{
		`filter replaces "@%@KEY@%@" by the value of the variable, nothing when it is unset, and
"@%@UCRWARNING=PREFIX@%@" by a notice that the file is generated. Values are printed as they are, whatever
they hold. A template with Python ("@!@") is refused with the numbers of the lines; nothing is printed
then. With --disallow-execution "@!@" is text like any other.`,
		`filter ersetzt "@%@KEY@%@" durch den Wert der Variable, nichts, wenn sie nicht gesetzt ist, und
"@%@UCRWARNING=PREFIX@%@" durch einen Hinweis, dass die Datei erzeugt ist. Werte werden ausgegeben, wie sie
sind, was immer darin steht. Eine Vorlage mit Python ("@!@") wird mit den Nummern der Zeilen abgelehnt, und
nichts wird ausgegeben. Mit --disallow-execution ist "@!@" Text wie jeder andere.`,
	},
	{`print "@!@" and what is between as it stands`, `gibt "@!@" und was dazwischen steht aus, wie es ist`},
	{"has no effect: templates and values are UTF-8", "bewirkt nichts: Vorlagen und Werte sind UTF-8"},
	{"Print the value of a variable", "Gibt den Wert einer Variable aus"},
	{
		"get prints the value that is in force, be it the declared default, and a newline. An unset variable prints nothing and exits 1.",
		"get gibt den Wert aus, der gilt, und sei es die Vorgabe, und ein Zeilenende. Ist die Variable nicht gesetzt, gibt es nichts aus, und der Rückgabewert ist 1.",
	},
	{"Write settings, templates and the listener's store into one file", "Schreibt Einstellungen, Vorlagen und den Bestand des Listeners in eine Datei"},
	{
		`backup writes all below /etc/mailreg, secrets included, the log of changes and the listener's store into
one file, a compressed tar (default mailreg-DATE.tar.gz in the current folder), which only its owner can
read. It may be called while the listener works. Mail is not in it.`,
		`backup schreibt alles unter /etc/mailreg samt den Geheimnissen, das Protokoll der Änderungen und den Bestand
des Listeners in eine Datei, ein gepacktes tar (sonst mailreg-DATUM.tar.gz im aktuellen Verzeichnis), die nur
ihr Eigentümer lesen kann. Der Listener darf dabei arbeiten. Mail ist nicht darin.`,
	},
	{"Bring back what backup has written", "Bringt zurück, was backup geschrieben hat"},
	{
		`restore brings back the settings, as transactions that are checked and rendered like every other, the
templates, and the listener's store, which the daemon takes when it starts next. It is refused while the
daemon runs. The whole file is checked before anything is written, and what is replaced is kept. After
the start nothing that takes mail away happens by itself: it is held until a person approves.`,
		`restore bringt die Einstellungen zurück, in Transaktionen, die wie jede andere geprüft werden, die Vorlagen
und den Bestand des Listeners, den der Dienst beim nächsten Start übernimmt. Solange der Dienst läuft, wird es
abgelehnt. Die ganze Datei wird geprüft, bevor etwas geschrieben wird, und was ersetzt wird, bleibt erhalten.
Nach dem Start wird niemandem von selbst Mail entzogen: das wartet, bis ein Mensch es freigibt.`,
	},
	{"Take over the variables of a UCS host", "Übernimmt die Variablen eines UCS-Rechners"},
	{
		`import reads a base.conf of Univention Corporate Server (- for stdin) and sets all its variables in one
transaction. Values that do not fit their types and names that are none are listed with the reason, and
nothing is changed, unless --skip-invalid leaves them out. Variables that are not declared here are
kept: own templates may read them. Lines that UCS passes over, and variables that only the daemon
writes, are left out and named.`,
		`import liest eine base.conf von Univention Corporate Server (- für stdin) und setzt alle ihre Variablen in einer
Transaktion. Werte, die nicht zu ihren Typen passen, und Namen, die keine sind, werden mit dem Grund genannt,
und nichts wird geändert, es sei denn, --skip-invalid lässt sie weg. Variablen, die hier nicht beschrieben
sind, bleiben: eigene Vorlagen mögen sie lesen. Zeilen, die UCS übergeht, und Variablen, die nur der Dienst
schreibt, fallen weg und werden genannt.`,
	},
	{"leave out what is refused and import the rest", "lässt weg, was abgelehnt wird, und übernimmt den Rest"},
	{"Tell all about variables: value, layers, declaration, and the files they drive", "Sagt alles über Variablen: Wert, Ebenen, Beschreibung, und die Dateien, die von ihnen abhängen"},
	{
		`info lists what each layer has for the variable, low to high; a star marks the value in force.`,
		`info nennt, was jede Ebene für die Variable hat, von unten nach oben; ein Stern zeigt den Wert, der gilt.`,
	},
	{"Ask and steer the daemon that follows the directory", "Fragt und steuert den Dienst, der dem Verzeichnis folgt"},
	{"Let held changes happen", "Lässt angehaltene Änderungen geschehen"},
	{"Take one parked entry as done, without effect", "Nimmt einen geparkten Eintrag als erledigt, ohne etwas zu tun"},
	{"List the changes that wait because they would take away much at once", "Nennt die Änderungen, die warten, weil sie viel auf einmal wegnähmen"},
	{"List the entries that a handler has given up on", "Nennt die Einträge, die ein Handler aufgegeben hat"},
	{
		"Take held changes as done, without effect: the stores stay with their owners",
		"Nimmt angehaltene Änderungen als erledigt, ohne etwas zu tun: die Postfächer bleiben, wem sie gehören",
	},
	{"List what the handlers would do next; with mailreg/mode=staging nothing of it is done", "Nennt, was die Handler als Nächstes täten; mit mailreg/mode=staging geschieht nichts davon"},
	{"Keep a handler from being called until it is resumed, also over restarts", "Lässt einen Handler ruhen, bis er fortgesetzt wird, auch über Neustarts hinweg"},
	{"Let a paused handler go on", "Lässt einen ruhenden Handler weitermachen"},
	{"Remove what is kept of a handler that takes no part any more", "Entfernt, was von einem Handler aufbewahrt ist, der nicht mehr teilnimmt"},
	{"Have a handler apply entries again: all, or the selected ones", "Lässt einen Handler Einträge noch einmal anwenden: alle, oder die gewählten"},
	{"only the entries with this mail `ADDRESS`", "nur die Einträge mit der Mailadresse `ADDRESS`"},
	{"Compare the replica with the whole directory and repair it", "Vergleicht die Kopie mit dem ganzen Verzeichnis und bessert sie aus"},
	{
		`audit lists the whole directory and compares identity, name and time of change of each entry with the
replica. What differs is looked up one by one and brought in like any other change, so that nothing is
taken away unverified or past the brake. The daemon does so by itself as mailreg/audit/schedule says,
and when it has a reason to doubt its replica.`,
		`audit liest das ganze Verzeichnis und vergleicht Kennung, Namen und Zeit der Änderung jedes Eintrags mit
der Kopie. Was abweicht, wird einzeln nachgeschlagen und wie jede andere Änderung übernommen, so dass
nichts ungeprüft oder an der Bremse vorbei entzogen wird. Der Dienst tut das von selbst, wie es
mailreg/audit/schedule sagt, und wenn er Grund hat, an seiner Kopie zu zweifeln.`,
	},
	{"only tell what differs", "sagt nur, was abweicht"},
	{"only the entry named `DN` and what lies below it", "nur der Eintrag mit dem Namen `DN` und was darunter liegt"},
	{"all handlers", "alle Handler"},
	{"read the selected entries from the directory first", "liest die gewählten Einträge zuvor neu aus dem Verzeichnis"},
	{"do not show the progress on a terminal", "zeigt auf einem Terminal keinen Fortschritt"},
	{"Compare the directory, the replica, what handlers have done, and the mail server", "Vergleicht Verzeichnis, Kopie, was Handler getan haben, und den Mailserver"},
	{
		`diff prints every entry that is not the same in the directory, in the replica, in what the handler has
acknowledged, and on the mail server, with the reason where one is known, and what the mail server has
that belongs to no entry. --repair has the handlers put right what differs on the mail server; nothing is
destroyed by that, stores that belong to nobody go to the trash where mail of deleted users does. What
differs from the directory is for listener audit. Exit codes: 0 all is the same, 1 something differs, 2 it
could not be compared.`,
		`diff zeigt jeden Eintrag, der nicht überall derselbe ist: im Verzeichnis, in der Kopie, in dem, was der
Handler bestätigt hat, und auf dem Mailserver, mit dem Grund, wo einer bekannt ist, und was der Mailserver
hat, das zu keinem Eintrag gehört. --repair lässt die Handler richten, was auf dem Mailserver abweicht;
dabei wird nichts zerstört, und Mailspeicher, die niemandem gehören, kommen in den Papierkorb, wo die Mail
gelöschter Benutzer dorthin kommt. Was vom Verzeichnis abweicht, bessert listener audit aus. Rückgabewerte:
0 alles ist gleich, 1 etwas weicht ab, 2 der Vergleich ist misslungen.`,
	},
	{"put right what differs on the mail server", "richtet, was auf dem Mailserver abweicht"},
	{"only the entry named `DN`", "nur der Eintrag mit dem Namen `DN`"},
	{"print what would be applied again and do nothing", "sagt, was noch einmal angewandt würde, und tut nichts"},
	{"only the entry with this `UUID`", "nur der Eintrag mit dieser `UUID`"},
	{"Try one parked entry again, or everything that waits for another try", "Versucht einen geparkten Eintrag noch einmal, oder alles, was auf einen neuen Versuch wartet"},
	{"Tell whether the daemon is in step with the directory", "Sagt, ob der Dienst im Gleichschritt mit dem Verzeichnis ist"},
	{"go on until Ctrl-C; with --json, one line for each change", "geht weiter bis Strg-C; mit --json eine Zeile für jede Änderung"},
	{"Wait until everything is done that the directory holds now", "Wartet, bis alles getan ist, was das Verzeichnis jetzt enthält"},
	{
		`wait returns once every handler has done all that the directory held when wait was called. Parked
and held changes count as done; they wait for a person and are printed. At the timeout it says what
is not done and exits 1.`,
		`wait endet, sobald jeder Handler alles getan hat, was das Verzeichnis enthielt, als wait aufgerufen wurde.
Geparkte und angehaltene Änderungen zählen als getan; sie warten auf einen Menschen und werden genannt.
Ist die Zeit um, sagt es, was nicht getan ist, und der Rückgabewert ist 1.`,
	},
	{"give up after `D`, such as 30s (0 waits for ever)", "gibt nach `D` auf, etwa 30s (0 wartet ohne Ende)"},
	{"Show what was changed, when and by whom", "Zeigt, was wann von wem geändert wurde"},
	{
		`log prints the transactions that have changed variables, the newest first, with their numbers, times
(UTC), users and layers, and for each key the former and the new value. A KEY stands for itself and all
keys below it (KEY/...). Secrets are shown as such; the log does not know their values.`,
		`log gibt die Transaktionen aus, die Variablen geändert haben, die neueste zuerst, mit Nummer, Zeit (UTC),
Benutzer und Ebene, und zu jedem Schlüssel den früheren und den neuen Wert. KEY steht für sich selbst und
alle Schlüssel darunter (KEY/...). Geheimnisse werden als solche gezeigt; ihre Werte stehen nicht im Protokoll.`,
	},
	{"show the last `N` transactions only (0 shows all)", "zeigt nur die letzten `N` Transaktionen (0 zeigt alle)"},
	{"Look at mail stores, move them, and bring set-aside ones back", "Sieht Postfächer an, lässt sie umziehen und holt beiseite gelegte zurück"},
	{"List the stores in place and their owners", "Nennt die Postfächer an ihrem Platz und wem sie gehören"},
	{
		`list prints every store of this host. State is live, orphan when no directory entry reaches the store
from this host, or unmarked when nobody knows its owner; leaving while its owner is served here until the mail
is on another host, coming (without a store) while another host has the mail. Without the daemon no store is
known as orphan, and moves are told as the disk has them.
--usage reads each store for its messages and bytes, for when mail came or went last and when its user
logged in last. --orphans lists only those that no mail reaches any more, with the time since when they
have not been used.`,
		`list gibt jedes Postfach dieses Rechners aus. Der Zustand ist live, orphan, wenn kein Eintrag des
Verzeichnisses es von diesem Rechner aus erreicht, oder unmarked, wenn niemand weiß, wem es gehört;
leaving, solange der Benutzer hier bedient wird, bis die Mail auf einem anderen Rechner ist, coming (ohne Postfach),
solange ein anderer Rechner die Mail hat. Ohne den Dienst ist von keinem bekannt, ob es orphan ist, und Umzüge
werden so berichtet, wie sie auf der Platte stehen. --usage liest aus jedem Postfach, wie viele Nachrichten und
Bytes es enthält, wann zuletzt Mail kam oder ging und wann sich der Benutzer zuletzt angemeldet hat.
--orphans nennt nur die, die keine Mail mehr erreicht, und wie lange sie nicht benutzt wurden.`,
	},
	{"read what each store holds and when it was used last", "liest, was jedes Postfach enthält und wann es zuletzt benutzt wurde"},
	{"only stores that no mail reaches", "nur Postfächer, die keine Mail erreicht"},
	{"Tell what will be done to stores: made, moved, set aside, adopted", "Sagt, was mit Postfächern geschehen wird: anlegen, umziehen, beiseitelegen, übernehmen"},
	{
		`plan prints what the daemon has yet to do for mailboxes and shared folders, in the order of its handlers, and
changes nothing. In staging (mailreg/mode) that is what would be done, such as the adoption of the stores
that a spool holds already. An address picks its entry.`,
		`plan gibt aus, was der Dienst für Postfächer und gemeinsame Ordner noch zu tun hat, und ändert nichts. Im
Probebetrieb (mailreg/mode) ist das, was getan würde, etwa die Übernahme von Postfächern, die schon da sind.
Eine Adresse wählt ihren Eintrag aus.`,
	},
	{"Show and steer the mail on its way to another mail home server", "Zeigt und lenkt die Mail, die zu einem anderen Mail-Home-Server unterwegs ist"},
	{
		`move without ADDRESS lists the users whose mail is on its way from or to this host. It begins by itself
when the directory names another mail home server (mail/homeserver/transfer); to move somebody back, name the
former one there. With ADDRESS the user's move goes on now. --hold copies, but lets the user change over only
when a later move is called, --at at a time. --to copies the mail before the directory is changed, so that the
change itself takes seconds; --stop gives that up. On the host that waits for mail, --without-mail lets the user
in although the former host will not send any. --watch shows the progress until the move is over.`,
		`move ohne ADDRESS nennt die Benutzer, deren Mail von diesem Rechner oder zu ihm unterwegs ist. Das beginnt von
selbst, wenn das Verzeichnis einen anderen Mail-Home-Server nennt (mail/homeserver/transfer); wer zurück soll,
bekommt dort wieder den früheren. Mit ADDRESS geht der Umzug des Benutzers jetzt weiter. --hold kopiert, lässt
ihn aber erst bei einem späteren Aufruf wechseln, --at zu einer Zeit. --to kopiert die Mail, ehe das Verzeichnis
geändert wird, so dass der Wechsel selbst Sekunden dauert; --stop gibt das auf. Auf dem Rechner, der auf Mail
wartet, lässt --without-mail den Benutzer ein, obwohl der frühere keine mehr schickt. --watch zeigt den
Fortschritt, bis der Umzug vorbei ist.`,
	},
	{"copy, and wait for another call before the user changes over", "kopiert, und wartet auf einen weiteren Aufruf, ehe der Benutzer wechselt"},
	{"let the user change over at `TIME`, such as 2026-11-24T22:00 or 22:00", "lässt den Benutzer um `TIME` wechseln, etwa 2026-11-24T22:00 oder 22:00"},
	{"copy to the mail home server `HOST` before the directory names it", "kopiert zum Mail-Home-Server `HOST`, ehe das Verzeichnis ihn nennt"},
	{"give up a copy that was begun with --to", "gibt eine Kopie auf, die mit --to begonnen wurde"},
	{"let the user in whose mail will not come", "lässt den Benutzer ein, dessen Mail nicht kommen wird"},
	{"show the progress until the move is over", "zeigt den Fortschritt, bis der Umzug vorbei ist"},
	{"Move everybody whose mail home server is this host to another one", "Lässt alle, deren Mail-Home-Server dieser Rechner ist, zu einem anderen umziehen"},
	{
		`drain copies the mail of each user to HOST while this host goes on serving it, and prints a change of the
directory (LDIF) as soon as a copy is complete: once it is applied, the user changes over within seconds. So
"mailreg mailbox drain mail2.example.org | ldapmodify ..." empties this host, at most --at-once users at a time and
--per-hour in an hour. It ends when nobody is left. Broken off and called again it goes on; users without a mail home
server are at home on every host and stay.`,
		`drain kopiert die Mail jedes Benutzers nach HOST, während dieser Rechner ihn weiter bedient, und gibt eine
Änderung des Verzeichnisses aus (LDIF), sobald eine Kopie vollständig ist: Ist sie ausgeführt, wechselt der
Benutzer binnen Sekunden. "mailreg mailbox drain mail2.example.org | ldapmodify ..." leert also diesen Rechner,
mit höchstens --at-once Benutzern gleichzeitig und --per-hour in der Stunde. Es endet, wenn keiner mehr da ist.
Abgebrochen und neu aufgerufen geht es weiter; Benutzer ohne Mail-Home-Server gehören zu jedem Rechner und bleiben.`,
	},
	{"let `N` users be on their way at a time", "lässt `N` Benutzer gleichzeitig unterwegs sein"},
	{"let `N` users change over in an hour (0 is as many as can)", "lässt `N` Benutzer in der Stunde wechseln (0 heißt so viele wie möglich)"},
	{"only list who would move", "nennt nur, wer umziehen würde"},
	{"Tell whose store an address has, and what it holds", "Sagt, wessen Postfach eine Adresse hat, und was darin ist"},
	{"Change how the mail homes of this host are named, while mail is delivered and read", "Benennt die Mail-Verzeichnisse dieses Rechners anders, während Mail zugestellt und gelesen wird"},
	{
		`convert brings every store of this host to the place that it has in another layout, and sets
mail/dovecot/location/key. At each moment Dovecot finds all stores, by their old place or the new one; mail
is delivered and read all the while. The daemon waits until the conversion is over. Whoever is logged in
when it ends has to log in once more. A conversion that was interrupted goes on when it is called again.`,
		`convert bringt jedes Postfach dieses Rechners an den Platz, den es in der anderen Anordnung hat, und setzt
mail/dovecot/location/key. Dovecot findet jederzeit alle Postfächer, am alten Platz oder am neuen; Mail wird
die ganze Zeit zugestellt und gelesen. Der Dienst wartet, bis die Umstellung zu Ende ist. Wer dann angemeldet
ist, muss sich neu anmelden. Eine unterbrochene Umstellung geht weiter, wenn man sie noch einmal aufruft.`,
	},
	{"the `LAYOUT` to convert to: uuid or address", "die Anordnung `LAYOUT`, auf die umgestellt wird: uuid oder address"},
	{"Stores that were moved aside: deleted ones and quarantined ones", "Beiseite gelegte Postfächer: gelöschte und die in Quarantäne"},
	{"List the stores that were moved aside", "Nennt die beiseite gelegten Postfächer"},
	{
		`list prints what can be restored. Deleted stores go when mail/mailbox/trash/keep is over, quarantined
ones stay until a person purges them.`,
		`list gibt aus, was zurückgeholt werden kann. Gelöschte Postfächer gehen, wenn mail/mailbox/trash/keep um ist,
die in Quarantäne bleiben, bis ein Mensch sie löscht.`,
	},
	{"Remove stores that were moved aside, for good", "Entfernt beiseite gelegte Postfächer endgültig"},
	{
		`purge removes the deleted stores that mail/mailbox/trash/keep does not keep any longer, with --all every
deleted store, with IDs exactly those. Quarantined stores are removed only by their ID.`,
		`purge entfernt die gelöschten Postfächer, die mail/mailbox/trash/keep nicht länger behält, mit --all jedes
gelöschte, mit IDs genau diese. Die in Quarantäne werden nur mit ihrer ID entfernt.`,
	},
	{"remove every deleted store now", "entfernt jetzt jedes gelöschte Postfach"},
	{"Mail that is fetched from elsewhere", "Mail, die von anderswo abgeholt wird"},
	{"List for whom mail is fetched, from where, and how the last poll ended", "Nennt, für wen Mail abgeholt wird, woher, und wie die letzte Abholung ausging"},
	{"Fetch mail now: for all, or for the users with those primary addresses", "Holt jetzt Mail ab: für alle oder für die Benutzer mit diesen Hauptadressen"},
	{
		`run polls the mailboxes elsewhere, one user after the other, whether or not the daemon runs and
fetchmail/autostart is set. A user whose mail is being fetched at the moment is passed over. A mailbox that
could not be fetched makes the exit code 1; the others are fetched all the same.`,
		`run holt Mail aus den Postfächern anderswo ab, für einen Benutzer nach dem anderen, gleich ob der Dienst läuft
und was fetchmail/autostart sagt. Ein Benutzer, dessen Mail gerade abgeholt wird, wird übergangen. Konnte aus einem
Postfach nicht abgeholt werden, ist der Rückgabewert 1; die übrigen werden trotzdem abgeholt.`,
	},
	{"Put a store back", "Holt ein Postfach zurück"},
	{
		`restore puts a store back to its owner: into its place when that is free, else it merges folder by
folder; flags are kept and nothing is overwritten. When the address has another owner by now, or
nobody knows the store's owner, --as says whose store it is to go to; rights of others to folders and
the active filter do not go along. What cannot be merged stays.`,
		`restore gibt ein Postfach seinem Besitzer zurück: an seinen Platz, wenn der frei ist, sonst wird Ordner für Ordner
zusammengeführt; Markierungen bleiben, und nichts wird überschrieben. Hat die Adresse inzwischen einen
anderen Besitzer, oder kennt den des Postfachs niemand, sagt --as, in wessen Postfach es gehen soll; Rechte
anderer an Ordnern und der wirksame Filter gehen nicht mit. Was nicht zusammengeführt werden kann, bleibt.`,
	},
	{"merge into the store that `ADDRESS` has", "führt mit dem Postfach zusammen, das `ADDRESS` hat"},
	{"Find variables, set or only declared, by regular expressions", "Findet Variablen, gesetzte und nur beschriebene, nach regulären Ausdrücken"},
	{
		`search prints the variables that match any of the regular expressions (RE2 syntax, anywhere in
the text), or all of them. It looks at keys; --value looks at values, --all at keys, values and
descriptions. Declared variables that no layer sets are shown as <empty>, and so are the patterns
under which variables are declared, such as mail/alias/.*`,
		`search gibt die Variablen aus, auf die einer der regulären Ausdrücke passt (RE2-Syntax, irgendwo im Text),
oder alle. Es sucht in Schlüsseln, mit --value in Werten, mit --all in Schlüsseln, Werten und Beschreibungen.
Beschriebene Variablen, die keine Ebene setzt, werden als <empty> gezeigt, ebenso die Muster, unter denen
Variablen beschrieben sind, etwa mail/alias/.*`,
	},
	{"look at keys, values and descriptions", "sucht in Schlüsseln, Werten und Beschreibungen"},
	{"print one line for each variable", "gibt eine Zeile je Variable aus"},
	{"print the variables of one `CATEGORY` only", "gibt nur die Variablen einer `CATEGORY` aus"},
	{"look at keys (the default)", "sucht in Schlüsseln (wie ohne Option)"},
	{"leave out variables without a value", "lässt Variablen ohne Wert weg"},
	{"look at values", "sucht in Werten"},
	{"print layer, type, default and categories as well", "gibt auch Ebene, Typ, Vorgabe und Kategorien aus"},
	{"Set variables, and bring the files that depend on them into force", "Setzt Variablen und bringt die Dateien in Kraft, die von ihnen abhängen"},
	{
		`set changes all given variables in one transaction: either every value is right and every
file that depends on them passes its service's checks, or nothing at all is changed.

KEY=VALUE sets, KEY?VALUE sets only what the layer does not set yet; the first "=" or "?" decides.
--file reads one assignment a line (blank lines and lines that begin with # do not count), or
the JSON object that "mailreg dump --json" prints.`,
		`set ändert alle genannten Variablen in einer Transaktion: entweder ist jeder Wert richtig, und jede Datei,
die davon abhängt, besteht die Prüfung ihres Dienstes, oder gar nichts wird geändert.

KEY=VALUE setzt, KEY?VALUE setzt nur, was die Ebene noch nicht setzt; das erste "=" oder "?" entscheidet.
--file liest eine Zuweisung je Zeile (leere Zeilen und die, die mit # beginnen, zählen nicht) oder das
JSON-Objekt, das "mailreg dump --json" ausgibt.`,
	},
	{"read assignments from `FILE`, - for stdin", "liest Zuweisungen aus `FILE`, - für stdin"},
	{"set values that do not fit their declared type or each other", "setzt auch Werte, die nicht zu ihrem Typ oder zueinander passen"},
	{"Print variables as assignments that a POSIX shell can evaluate", "Gibt Variablen als Zuweisungen aus, die eine POSIX-Shell auswerten kann"},
	{
		`shell prints NAME=VALUE for each variable that has a value, or for those whose whole key matches one of
the given regular expressions, secrets included. Values are quoted as single words. In names "_" stands
for whatever is no letter or digit; two variables of one name are a warning, and names that belong to
the shell, such as PATH, are left out. A KEY that nothing matches exits 1.`,
		`shell gibt NAME=WERT für jede Variable aus, die einen Wert hat, oder für die, auf deren ganzen Schlüssel einer
der regulären Ausdrücke passt, Geheimnisse eingeschlossen. Werte sind als einzelne Wörter maskiert. In Namen
steht "_" für alles, was weder Buchstabe noch Ziffer ist; zwei Variablen gleichen Namens sind eine Warnung,
und Namen, die der Shell gehören, etwa PATH, fehlen. Passt auf ein KEY nichts, ist der Rückgabewert 1.`,
	},
	{"Tell whether all settings are in force, and what waits otherwise", "Sagt, ob alle Einstellungen in Kraft sind, und sonst, was wartet"},
	{
		`status lists pending service actions, an interrupted transaction, layer files that cannot be read,
generated files that were edited by hand, are gone or not up to date, the last transaction, and the
services. It reads only, and works when much else does not. Exit codes: 0 all is in force, 1 something
waits; whether the daemon runs does not count ("mailreg listener status" is about that).`,
		`status nennt, was Dienste noch nicht wissen, eine unterbrochene Transaktion, Dateien von Ebenen, die nicht zu lesen
sind, erzeugte Dateien, die von Hand geändert, verschwunden oder nicht auf dem Stand sind, die letzte
Transaktion und die Dienste. Es liest nur und geht auch, wenn vieles andere nicht geht. Rückgabewerte: 0 alles
ist in Kraft, 1 etwas wartet; ob der Dienst läuft, zählt nicht (davon handelt "mailreg listener status").`,
	},
	{"Take a change of variables back", "Nimmt eine Änderung von Variablen zurück"},
	{
		`undo gives the variables of a transaction their former values, by a transaction of its own. Without
ID it takes the last one of a person; called again it goes back one step further, never forth. To take an
undo back, name its ID. It is refused when one of the variables has changed since, and when one is a
secret whose former value would be needed: nobody has kept it. Mail stores are not touched.`,
		`undo gibt den Variablen einer Transaktion ihre früheren Werte, in einer eigenen Transaktion. Ohne ID nimmt es die
letzte eines Menschen; noch einmal aufgerufen geht es einen Schritt weiter zurück, nie vor. Um ein undo
zurückzunehmen, nennt man dessen ID. Es wird abgelehnt, wenn sich eine der Variablen seitdem geändert hat, und
wenn der frühere Wert eines Geheimnisses gebraucht würde: den hat niemand aufgehoben. Postfächer bleiben
unberührt.`,
	},
	{"Remove variables from a layer, and bring the files that depend on them into force", "Entfernt Variablen aus einer Ebene und bringt die Dateien in Kraft, die von ihnen abhängen"},
	{"Print the version", "Gibt die Version aus"},
}
