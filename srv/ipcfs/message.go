package ipcfs

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ninespace/srv"
)

// A message is what is plumbed, plumb(6).
type message struct {
	src, dst, wdir, typ string
	attr                []attribute
	data                string
}

type attribute struct{ name, value string }

// maxMessage is how long a message's data can be.
const maxMessage = 1 << 20

// fieldLines is how many lines come before the data.
const fieldLines = 6

// parseMessage reads the first message of b and tells how long that is; 0 where it
// is not all there.
func parseMessage(b []byte) (*message, int, error) {
	var f [fieldLines]string
	rest := b
	for i := range f {
		line, more, ok := bytes.Cut(rest, []byte{'\n'})
		if !ok {
			if len(b) > maxMessage {
				return nil, 0, invalid(fmt.Sprintf("a message's fields are longer than %d bytes", maxMessage))
			}
			return nil, 0, nil
		}
		f[i], rest = string(line), more
	}
	n, err := strconv.ParseUint(f[5], 10, 31)
	if err != nil {
		return nil, 0, badNumber("ndata", f[5])
	}
	if n > maxMessage {
		return nil, 0, invalid(fmt.Sprintf("ndata %d is more than %d", n, maxMessage))
	}
	if uint64(len(rest)) < n {
		return nil, 0, nil
	}
	m := &message{src: f[0], dst: f[1], wdir: f[2], typ: f[3], data: string(rest[:n])}
	if m.attr, err = parseAttr(f[4]); err != nil {
		return nil, 0, err
	}
	return m, len(b) - len(rest) + int(n), nil
}

// bytes gives the message as it goes to a port.
func (m *message) bytes() []byte {
	return fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n%d\n%s", m.src, m.dst, m.wdir, m.typ, attrText(m.attr), len(m.data), m.data)
}

// parseAttr reads name=value pairs, quoted as rc does.
func parseAttr(s string) ([]attribute, error) {
	words, err := srv.Fields(s)
	if err != nil {
		return nil, fmt.Errorf("attr: %w", err)
	}
	var attr []attribute
	for _, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if !ok || name == "" {
			return nil, invalid("attr " + srv.Quote(w) + ": not name=value")
		}
		attr = append(attr, attribute{name, value})
	}
	return attr, nil
}

func attrText(attr []attribute) string {
	var words []string
	for _, a := range attr {
		v := a.value
		if strings.ContainsAny(v, " \t'=") {
			v = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		}
		words = append(words, a.name+"="+v)
	}
	return strings.Join(words, " ")
}

// get gives an attribute's value.
func (m *message) get(name string) (string, bool) {
	for _, a := range m.attr {
		if a.name == name {
			return a.value, true
		}
	}
	return "", false
}

// del takes an attribute out.
func (m *message) del(name string) {
	m.attr = slices.DeleteFunc(slices.Clone(m.attr), func(a attribute) bool { return a.name == name })
}
