package mux

import "slices"

// line is where streams stand whose Write waits for room in a queue, first come first served. The session's lock guards
// it.
type line []*endpoint

// enter reports whether e may go on now, which takes that there is room. If not, e stands in line and is woken through
// canWrite; it must then call enter again, or leave.
func (l *line) enter(e *endpoint, room bool) bool {
	if e.line != l {
		e.leave()
		if room && len(*l) == 0 {
			return true
		}
		*l = append(*l, e)
		e.line = l
		return false
	}
	if (*l)[0] != e || !room {
		return false
	}
	e.leave()
	return true
}

// leave takes e out of the line that it stands in.
func (e *endpoint) leave() {
	l := e.line
	if l == nil {
		return
	}
	first := (*l)[0] == e
	*l = slices.DeleteFunc(*l, func(other *endpoint) bool { return other == e })
	e.line = nil
	if first {
		l.callNext()
	}
}

// callNext wakes the stream that is next in line, to see whether there is room for it.
func (l *line) callNext() {
	if len(*l) > 0 {
		(*l)[0].canWrite.Broadcast()
	}
}
