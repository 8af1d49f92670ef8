// Package interop drives the original: the npm packages peer-exchange 2.2.0 and pxp 1.1.0, unmodified, in processes of
// their own, so that tests can hold this module against software that somebody else wrote.
//
// A [Process] is one node of a network. It runs peer.js under Node.js, or any program that talks as peer.js does:
// commands on stdin, events on stdout, one JSON object a line. It needs Node.js 18 or later and the packages of
// package-lock.json ("npm ci" in this directory); see [Missing].
//
// # Commands
//
// Each has the members id and command, and those named here. It is answered by one event "done" with that id and the
// members named here, or "failed" with error.
//
//	listen      transport: "tcp" or "ws"; answer: url. On a free loopback port.
//	connect     url: tcp://HOST:PORT or ws://HOST:PORT; answer: peer, stream, carrier, remote. A session and its data
//	            stream. The original does not answer when the other side neither answers nor fails.
//	getNewPeer  answer: likewise. The same holds.
//	seek        count, how: asks for a new peer if it has some, and fewer than count, a process
//	            that is met twice counted once; with how "again" from now on each second.
//	            A node of this module sees to it by itself (Maintain).
//	peers       answer: peers, the numbers of those that the node has now
//	disconnect  peer: closes its session
//	candidates  peer; answer: candidates, whom it would introduce: id, network, connectInfo
//	relay       peer, candidate: an id of those; answer: as connect. A session that stays relayed.
//	meet        peer, candidate: likewise; answer: as getNewPeer, of which it is the rest
//	open        peer: a data stream after its last one has ended; answer: as connect
//	send        stream, bytes, seed, chunk (bytes a write, default 65536); answer: bytes, sha256 of what was sent, when the
//	            stream has taken all. What is sent is a [Pattern].
//	expect      stream, bytes; answer: bytes, sha256 of the next bytes that arrived and no other expect has had. Fails when
//	            the stream ends before. Not for a stream that echoes.
//	echo        stream, on: sends back what arrives there from now on, and answers the end with an end; without stream: on
//	            all streams from now on
//	end         stream: the orderly end of what this side sends
//	destroy     stream: both directions, at once
//	pause       stream: stops reading; resume goes on. Over WebSocket the original sends nothing either while some 16
//	            messages are unread.
//	close       closes all sessions and listeners
//
// # Events
//
//	ready        versions, of Node.js and the packages; the first event
//	listening    url
//	peer         peer: a number from 0; carrier: "tcp", "ws", "webrtc" or "relay"; incoming; relayed; remote
//	disconnect   peer: the session with it is over
//	stream       stream: a number from 0; peer: there is a data stream
//	end          stream, peer, bytes, sha256: the other side has ended it; of all that it sent
//	sought       error: an attempt of seek has ended; empty if it found one
//	trapped      phase: the command that the option trap names has come; the process has stopped
//	offer        phase: "asked" when simple-peer wants an offer, "made" when @roamhq/wrtc has made it
//	rtcClosed    a connection over WebRTC is closed, open or not
//	closed       stream, peer: both directions are over
//	streamError  stream, peer, error
//	peerError    peer, error: a session broke
//	acceptError  error: an incoming session broke before it was one
//	error        error: the swarm's own
//	name         stream, peer, name: the other end's; when both were started with the option says
//	lethal       error: a node of this module sent what ends an original; the test fails
//	began        a node of this module has begun, as is right, a channel of version 1
//	strangeBeginning  error: on such a channel, with what the other end has begun
//	fatal        error: with the stack; the process dies of it
package interop
