'use strict'

// One node of a network of npm peer-exchange in a page: the package unmodified, and nothing of the protocol here. driver.js
// gives window.tell, which takes an event, and calls window.start, then window.obey with commands. Like peer.js beside
// this directory it does not listen to the 'error' of a pxp.Peer.

const Swarm = require('peer-exchange')
const RTCPeer = require('simple-peer')
const websocket = require('websocket-stream')

const peers = [] // by number, all that ever were
const streams = [] // likewise
let swarm, network

window.start = (options) => {
  network = options.network
  swarm = Swarm(network, { rtcConfig: { iceServers: [] }, allowIncoming: options.allowIncoming })
  swarm.on('error', (err) => tell('error', { error: message(err) }))
  swarm.on('peerError', (err, peer) => tell('peerError', { peer: peers.indexOf(peer), error: message(err) }))
  swarm.on('disconnect', (peer) => tell('disconnect', { peer: peers.indexOf(peer) }))
  swarm.on('peer', (peer) => {
    peers.push(peer)
    tell('peer', describe(peer))
    peer.on('connect:' + network, (stream) => addStream(stream, peer))
  })
}

function tell (event, fields) {
  window.tell(Object.assign({ event }, fields))
}

function message (err) {
  return String((err && err.message) || err)
}

function describe (peer) {
  let carrier = 'relay'
  if (peer.socket instanceof RTCPeer) carrier = 'webrtc'
  else if (peer.socket.socket instanceof WebSocket) carrier = 'ws'
  return { peer: peers.indexOf(peer), incoming: !!peer.incoming, relayed: !!peer.relayed, carrier }
}

function addStream (stream, peer) {
  const s = { number: streams.length, peer: peers.indexOf(peer), stream, received: [], arrived: null, ended: false }
  streams.push(s)
  tell('stream', { stream: s.number, peer: s.peer })
  stream.on('data', (chunk) => {
    s.received.push(chunk)
    if (s.arrived) s.arrived()
  })
  stream.on('end', () => {
    s.ended = true
    if (s.arrived) s.arrived()
    tell('end', { stream: s.number, peer: s.peer })
    stream.end()
  })
  stream.on('error', (err) => tell('streamError', { stream: s.number, peer: s.peer, error: message(err) }))
}

// connected makes a callback that the package calls with a data stream into a promise.
function connected (start) {
  return new Promise((resolve, reject) => start((err, stream) => {
    if (err) return reject(err)
    const s = streams.find((s) => s.stream === stream)
    resolve(Object.assign({ stream: s.number }, describe(peers[s.peer])))
  }))
}

async function sha256 (bytes) {
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(sum, (b) => b.toString(16).padStart(2, '0')).join('')
}

// pattern makes the bytes of the pattern with that seed, as pattern.go does.
function pattern (seed, bytes) {
  const out = new Uint8Array(bytes)
  let state = seed >>> 0 || 1
  let word = 0
  for (let i = 0; i < bytes; i++) {
    if (i % 4 === 0) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      word = state
    }
    out[i] = word & 0xff
    word >>>= 8
  }
  return out
}

const commands = {
  connect: ({ url }) => connected((cb) => swarm.connect(websocket(url), cb)),
  getNewPeer: () => connected((cb) => swarm.getNewPeer(cb)),

  async send ({ stream, bytes, seed, chunk = 65536 }) {
    const data = pattern(seed, bytes)
    for (let sent = 0; sent < bytes; sent += chunk) {
      await new Promise((resolve, reject) => {
        streams[stream].stream.write(Buffer.from(data.slice(sent, sent + chunk)), (err) => err ? reject(err) : resolve())
      })
    }
    return { bytes, sha256: await sha256(data) }
  },

  // Takes what has arrived, one expect after the other: the test never has two on a stream.
  async expect ({ stream, bytes }) {
    const s = streams[stream]
    const data = new Uint8Array(bytes)
    for (let have = 0; have < bytes;) {
      if (!s.received.length) {
        if (s.ended) throw new Error(`stream ended ${bytes - have} bytes too early`)
        await new Promise((resolve) => { s.arrived = resolve })
        continue
      }
      let chunk = s.received.shift()
      if (chunk.length > bytes - have) {
        s.received.unshift(chunk.slice(bytes - have))
        chunk = chunk.slice(0, bytes - have)
      }
      data.set(chunk, have)
      have += chunk.length
    }
    return { bytes, sha256: await sha256(data) }
  }
}

window.obey = async (command) => {
  const id = command.id
  try {
    if (!commands[command.command]) throw new Error(`no command ${command.command}`)
    tell('done', Object.assign({ id }, await commands[command.command](command)))
  } catch (err) {
    tell('failed', { id, error: message(err) })
  }
}
