// Package german holds the help of the command line in German beside the English of the commands themselves. A test of the
// commands sees to it that each of their texts is here, and nothing else is.
package german

// Pair is a text in both languages. What stands in back quotes, names of flags, files and variables are the same in both.
type Pair struct{ EN, DE string }

// Text returns the German text, the English one when there is none.
func Text(english string) string {
	for _, p := range All() {
		if p.EN == english {
			return p.DE
		}
	}
	return english
}

// All returns every pair, each English text once.
func All() []Pair { return texts }

// Usage are the words that stand around the texts in the help of a command. Pairs, for strings.NewReplacer.
func Usage() []string {
	return []string{
		"Usage:", "Aufruf:",
		"Aliases:", "Auch genannt:",
		"Examples:", "Beispiele:",
		"Available Commands:", "Kommandos:",
		"Additional Commands:", "Weitere Kommandos:",
		"Additional help topics:", "Weitere Themen:",
		"Global Flags:", "Allgemeine Optionen:",
		"Flags:", "Optionen:",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		`"{{.CommandPath}} [command] --help" sagt mehr zu einem Kommando.`,
	}
}

// Help returns the usage of the flag --help of a command.
func Help(command string) string { return "Hilfe zu " + command }
