package exchange

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/peer-exchange/exchange/pxp"
)

// maxStreamName is the longest name of a stream in bytes (PXP §5.1).
const maxStreamName = 255

// checkName refuses what cannot be the name of an application's stream.
func checkName(name string) error {
	if name == pxp.ControlStream || name == pxp.DataStream || strings.HasPrefix(name, "data:") || strings.HasPrefix(name, "relay:") {
		return fmt.Errorf("exchange: stream name %q is reserved by the protocol: choose another", name)
	}
	return checkText("stream name", name, maxStreamName)
}

// checkText refuses what cannot be a stream's name or a part of one, as that of
// a network is: peers would not take it.
func checkText(what, s string, most int) error {
	problem := ""
	switch {
	case s == "":
		problem = "it is empty"
	case len(s) > most:
		problem = fmt.Sprintf("it has %d bytes", len(s))
	case !utf8.ValidString(s):
		problem = "it is not valid UTF-8"
	default:
		i := strings.IndexFunc(s, unicode.IsControl)
		if i < 0 {
			return nil
		}
		problem = fmt.Sprintf("byte %d begins a control character, take it out", i)
	}
	return fmt.Errorf("exchange: %s %.64q: %s; 1 to %d bytes of UTF-8 without control characters are allowed", what, s, problem, most)
}
