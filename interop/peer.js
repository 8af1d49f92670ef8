'use strict'

// One node of a network of npm peer-exchange, in a process of its own, for the Go tests beside this file: the packages
// unmodified, and nothing of the protocol here.
//
//   node peer.js '{"network":"NAME","echo":true,"allowIncoming":true}'
//
// With "trap":"COMMAND" the process stops (SIGSTOP) when a peer sends that command, before it is looked at; with "offer" or
// "answer" when that comes.
// With "says":NAME each data stream begins with a line that names its end, of which the event "name" tells.
//
// stdin takes commands, one JSON object a line: {"id":1,"command":"listen","transport":"tcp"}. stdout tells events, one
// JSON object a line. The event "done" or "failed" (with "error") answers the command with its id; others come by
// themselves. The end of stdin ends the process. doc.go lists commands and events.
//
// Nothing here listens to the 'error' of a pxp.Peer: an application that follows the package's readme listens to those
// of the swarm, and dies of the others. The tests must see that.

const crypto = require('crypto')
const http = require('http')
const net = require('net')
const readline = require('readline')

const Swarm = require('peer-exchange')
const RTCPeer = require('simple-peer')
const websocket = require('websocket-stream')
const wrtc = require('@roamhq/wrtc')

const host = '127.0.0.1'
const options = JSON.parse(process.argv[2])
const network = options.network

const peers = [] // by number, all that ever were
const streams = [] // likewise
const names = new Map() // of peers that have said theirs
const servers = []

function tell (event, fields) {
  process.stdout.write(JSON.stringify(Object.assign({ event }, fields)) + '\n') // a pipe: written when this returns
}

process.on('uncaughtExceptionMonitor', (err) => tell('fatal', { error: String((err && err.stack) || err) }))

// watched tells when a connection over WebRTC is closed, of which an application is not told while it is not open, and when
// it was asked for an offer and has made it.
function watched (config, constraints) {
  const connection = new wrtc.RTCPeerConnection(config, constraints)
  const close = connection.close
  connection.close = function () {
    close.call(connection)
    tell('rtcClosed')
  }
  const createOffer = connection.createOffer
  connection.createOffer = function (made, ...rest) { // simple-peer passes callbacks
    tell('offer', { phase: 'asked' })
    return createOffer.call(connection, (offer) => {
      tell('offer', { phase: 'made' })
      made(offer)
    }, ...rest)
  }
  const setRemoteDescription = connection.setRemoteDescription
  connection.setRemoteDescription = function (description, ...rest) {
    if (options.trap === description.type) stop()
    return setRemoteDescription.call(connection, description, ...rest)
  }
  return connection
}

const swarm = Swarm(network, {
  wrtc: Object.assign({}, wrtc, { RTCPeerConnection: watched }),
  rtcConfig: { iceServers: [] }, // host candidates only: nothing leaves this machine
  allowIncoming: options.allowIncoming !== false
})
swarm.on('error', (err) => tell('error', { error: message(err) }))
swarm.on('peerError', (err, peer) => tell('peerError', { peer: peers.indexOf(peer), error: message(err) }))
swarm.on('disconnect', (peer) => tell('disconnect', { peer: peers.indexOf(peer) }))
swarm.on('peer', (peer) => {
  peers.push(peer)
  tell('peer', describe(peer))
  if (options.trap) {
    peer.pxp.prependOnceListener(options.trap, stop)
  }
  // The swarm's own 'connect' event comes for a peer's first data stream only.
  peer.on('connect:' + network, (stream) => addStream(stream, peer))
})

function stop () {
  tell('trapped', { phase: options.trap })
  process.kill(process.pid, 'SIGSTOP')
}

function message (err) {
  return String((err && err.message) || err)
}

function describe (peer) {
  const socket = peer.socket
  const about = { peer: peers.indexOf(peer), incoming: !!peer.incoming, relayed: !!peer.relayed }
  if (socket instanceof RTCPeer) about.carrier = 'webrtc'
  else if (socket instanceof net.Socket) about.carrier = 'tcp'
  else if (socket.socket) about.carrier = 'ws'
  else about.carrier = 'relay'
  if (socket.remoteAddress) about.remote = socket.remoteAddress + ' ' + socket.remotePort
  return about
}

// Streams

function addStream (stream, peer) {
  const s = {
    number: streams.length,
    peer: peers.indexOf(peer),
    stream,
    echo: !!options.echo,
    bytes: 0,
    hash: crypto.createHash('sha256'),
    unread: [], // what no expect command has asked for yet
    expected: [],
    ended: false
  }
  streams.push(s)
  tell('stream', { stream: s.number, peer: s.peer })
  let name = null // as far as it has arrived
  if (options.says) {
    name = Buffer.alloc(0)
    stream.write(options.says + '\n')
  }
  stream.on('data', (chunk) => {
    if (name) {
      name = Buffer.concat([name, chunk])
      const end = name.indexOf('\n')
      if (end === -1) return
      names.set(peer, name.slice(0, end).toString())
      tell('name', { stream: s.number, peer: s.peer, name: names.get(peer) })
      chunk = name.slice(end + 1)
      name = null
    }
    s.bytes += chunk.length
    s.hash.update(chunk)
    if (s.echo) {
      // Never stops reading until what was written has gone, as pipe would: websocket-stream sends nothing while 16
      // messages that it received are unread, so that both would wait for each other.
      stream.write(chunk)
      return
    }
    s.unread.push(chunk)
    satisfy(s)
  })
  stream.on('end', () => {
    s.ended = true
    satisfy(s)
    tell('end', { stream: s.number, peer: s.peer, bytes: s.bytes, sha256: s.hash.copy().digest('hex') })
    if (s.echo) stream.end()
  })
  stream.on('close', () => {
    s.ended = true
    satisfy(s)
    tell('closed', { stream: s.number, peer: s.peer })
  })
  stream.on('error', (err) => tell('streamError', { stream: s.number, peer: s.peer, error: message(err) }))
}

// satisfy serves the expect commands of a stream in their order.
function satisfy (s) {
  while (s.expected.length) {
    const want = s.expected[0]
    while (want.missing > 0 && s.unread.length) {
      let chunk = s.unread.shift()
      if (chunk.length > want.missing) {
        s.unread.unshift(chunk.slice(want.missing))
        chunk = chunk.slice(0, want.missing)
      }
      want.hash.update(chunk)
      want.missing -= chunk.length
    }
    if (want.missing > 0 && !s.ended) return
    s.expected.shift()
    if (want.missing > 0) want.reject(new Error(`stream ended ${want.missing} bytes too early`))
    else want.resolve({ bytes: want.bytes, sha256: want.hash.digest('hex') })
  }
}

// pattern returns a function that makes the next n bytes of the pattern with that seed: the words of xorshift32, little
// endian. pattern.go makes the same.
function pattern (seed) {
  let state = seed >>> 0 || 1
  let word = 0
  let left = 0
  return (n) => {
    const out = Buffer.alloc(n)
    for (let i = 0; i < n; i++) {
      if (left === 0) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        word = state
        left = 4
      }
      out[i] = word & 0xff
      word >>>= 8
      left--
    }
    return out
  }
}

async function send (s, { bytes, seed, chunk = 65536 }) {
  const next = pattern(seed)
  const hash = crypto.createHash('sha256')
  if (bytes === 0) return { bytes, sha256: hash.digest('hex') }
  for (let sent = 0; sent < bytes;) {
    const data = next(Math.min(chunk, bytes - sent))
    hash.update(data)
    sent += data.length
    await written(s.stream, data)
  }
  return { bytes, sha256: hash.digest('hex') }
}

// written waits until the stream has taken data: for the callback, so that no more than one chunk is on its way.
function written (stream, data) {
  return new Promise((resolve, reject) => {
    const closed = () => reject(new Error('stream closed while it was written to'))
    stream.once('close', closed)
    stream.write(data, (err) => {
      stream.removeListener('close', closed)
      if (err) reject(err)
      else resolve()
    })
  })
}

// Carriers

function listen (transport) {
  return new Promise((resolve, reject) => {
    const accept = (stream) => swarm.accept(stream, (err) => {
      if (err) tell('acceptError', { error: message(err) })
    })
    let server
    switch (transport) {
      case 'tcp':
        server = net.createServer((socket) => accept(socket.setNoDelay(true)))
        break
      case 'ws': // its ws sets TCP_NODELAY by itself
        server = http.createServer()
        websocket.createServer({ server }, accept)
        break
      default:
        throw new Error(`no transport ${transport}`)
    }
    server.on('error', reject)
    server.listen(0, host, () => {
      const url = `${transport}://${host}:${server.address().port}`
      servers.push(server)
      tell('listening', { url })
      resolve({ url })
    })
  })
}

function dial (url) {
  const { protocol, hostname, port } = new URL(url)
  switch (protocol) {
    case 'tcp:':
      return net.connect({ host: hostname, port }).setNoDelay(true)
    case 'ws:':
      return websocket(url)
  }
  throw new Error(`no transport in ${url}`)
}

// connected makes a callback that the package calls with a data stream into a promise.
function connected (start) {
  return new Promise((resolve, reject) => start((err, stream) => {
    if (err) return reject(err)
    const s = streams.find((s) => s.stream === stream)
    resolve(Object.assign({ stream: s.number }, describe(peers[s.peer])))
  }))
}

// Commands: each returns what its answer tells, or a promise of that.

const commands = {
  listen: ({ transport }) => listen(transport),
  connect: ({ url }) => connected((cb) => swarm.connect(dial(url), cb)),
  getNewPeer: () => connected((cb) => swarm.getNewPeer(cb)),
  seek: ({ count, how }) => {
    // Peers that it knows: a process counts once, and a session through a relay does not.
    const known = () => new Set(swarm.peers.filter((peer) => !peer.relayed).map((peer) => names.get(peer) || peer))
    const look = () => {
      if (known().size > 0 && known().size < count) {
        swarm.getNewPeer((err) => tell('sought', { error: err ? message(err) : '' }))
      }
    }
    look()
    if (how === 'again') setInterval(look, 1000)
  },
  peers: () => ({ peers: swarm.peers.map((peer) => peers.indexOf(peer)) }),
  disconnect: ({ peer }) => { peers[peer].close() },

  // What getNewPeer does, in steps: the candidates of a peer; a session with one of them that stays relayed.
  candidates: ({ peer }) => new Promise((resolve, reject) => {
    peers[peer].getPeers(network, (err, candidates) => err ? reject(err) : resolve({ candidates }))
  }),
  relay: ({ peer, candidate }) => connected((cb) => {
    peers[peer].relay({ id: candidate }, (err, stream) => {
      if (err) cb(err)
      else swarm.connect(stream, { relayed: true }, cb)
    })
  }),

  meet: ({ peer, candidate }) => connected((cb) => swarm._relayAndUpgrade(peers[peer], { id: candidate }, cb)),

  open: ({ peer }) => connected((cb) => peers[peer].connect(network, cb)),
  send: (command) => send(streams[command.stream], command),
  expect: ({ stream, bytes }) => new Promise((resolve, reject) => {
    const s = streams[stream]
    s.expected.push({ bytes, missing: bytes, hash: crypto.createHash('sha256'), resolve, reject })
    satisfy(s)
  }),
  echo: ({ stream, on }) => {
    if (stream === undefined) options.echo = on
    else streams[stream].echo = on
  },
  end: ({ stream }) => { streams[stream].stream.end() },
  destroy: ({ stream }) => { streams[stream].stream.destroy() },
  pause: ({ stream }) => { streams[stream].stream.pause() },
  resume: ({ stream }) => { streams[stream].stream.resume() },

  // swarm.close skips every second peer: it iterates over the list that each close shortens.
  close: () => {
    swarm.close()
    for (const peer of swarm.peers) peer.close()
    for (const server of servers) server.close()
  }
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const command = JSON.parse(line)
  const id = command.id
  try {
    if (!commands[command.command]) throw new Error(`no command ${command.command}`)
    tell('done', Object.assign({ id }, await commands[command.command](command)))
  } catch (err) {
    tell('failed', { id, error: message(err) })
  }
}).on('close', () => process.exit(0))

tell('ready', {
  versions: Object.assign({ node: process.versions.node }, ...[
    'peer-exchange', 'pxp', 'multiplex', 'simple-peer', 'websocket-stream', '@roamhq/wrtc'
  ].map((name) => ({ [name]: require(name + '/package.json').version })))
})
