// Package memnet is a network in memory, for tests.
//
// [Pipe] makes two connected [Conn], and a [Listener] hands out such pairs to who dials it. A Conn behaves as a TCP
// connection does where protocols can tell: writes are buffered, a read takes what has arrived, deadlines and half-close
// work, an end that goes away is noticed as an EOF or a broken pipe. It has what a test wants besides: latency and rate
// ([PipeConfig]), and faults ([Conn.Freeze], [Conn.Cut]).
//
// There are no sockets, no goroutines that outlive a call, and no package state: all of it may be used in a
// [testing/synctest] bubble (see internal/bubble), where latency costs no time.
package memnet
