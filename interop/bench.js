'use strict'

// One node of a network of npm peer-exchange for the benchmarks: as peer.js, but what goes over its streams is neither
// made nor hashed, so that the streams are what is measured.
//
//   node --expose-gc bench.js '{"network":"NAME"}'
//
// It takes the commands listen (tcp), connect, getNewPeer, disconnect (all sessions) and
//
//   flood    stream, bytes, chunk: writes that much as fast as the stream takes it
//   drain    stream, bytes: waits until that many bytes have come, since the last drain
//   settled  waits until the node has that many sessions (in bytes)
//   collect  collects garbage
//
// and tells ready and stream, of data streams.

const net = require('net')
const readline = require('readline')

const Swarm = require('peer-exchange')
const wrtc = require('@roamhq/wrtc')

const host = '127.0.0.1'
const { network } = JSON.parse(process.argv[2])
const streams = [] // by number, all that ever were

function tell (event, fields) {
  process.stdout.write(JSON.stringify(Object.assign({ event }, fields)) + '\n')
}

const swarm = Swarm(network, { wrtc, rtcConfig: { iceServers: [] } })
swarm.on('error', (err) => tell('error', { error: String(err) }))
swarm.on('peerError', () => {}) // the end of a session, mostly
swarm.on('connect', (stream) => number(stream))

function number (stream) {
  const known = streams.findIndex((s) => s.stream === stream)
  if (known >= 0) return known
  const s = { stream, bytes: 0, drained: null }
  streams.push(s)
  stream.on('data', (chunk) => {
    s.bytes += chunk.length
    if (s.drained) s.drained()
  })
  stream.on('error', () => {})
  tell('stream', { stream: streams.length - 1 })
  return streams.length - 1
}

function connected (start) {
  return new Promise((resolve, reject) => start((err, stream) => {
    if (err) reject(err)
    else resolve({ stream: number(stream) })
  }))
}

const commands = {
  listen: () => new Promise((resolve, reject) => {
    const server = net.createServer((socket) => swarm.accept(socket.setNoDelay(true), () => {}))
    server.on('error', reject)
    server.listen(0, host, () => resolve({ url: `tcp://${host}:${server.address().port}` }))
  }),
  connect: ({ url }) => connected((cb) => {
    swarm.connect(net.connect({ host, port: new URL(url).port }).setNoDelay(true), cb)
  }),
  getNewPeer: () => connected((cb) => swarm.getNewPeer((err, stream) => cb(err, stream))),
  disconnect: () => { for (const peer of swarm.peers) peer.close() },

  async flood ({ stream, bytes, chunk }) {
    const data = Buffer.alloc(chunk)
    const s = streams[stream].stream
    for (let sent = 0; sent < bytes; sent += chunk) {
      if (!s.write(data)) await new Promise((resolve) => s.once('drain', resolve))
    }
  },
  async drain ({ stream, bytes }) {
    const s = streams[stream]
    while (s.bytes < bytes) await new Promise((resolve) => { s.drained = resolve })
    s.bytes -= bytes
  },
  async settled ({ bytes }) {
    while (swarm.peers.length !== bytes) await new Promise((resolve) => setTimeout(resolve, 5))
  },
  collect: () => { global.gc() }
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const command = JSON.parse(line)
  const id = command.id
  try {
    tell('done', Object.assign({ id }, await commands[command.command](command)))
  } catch (err) {
    tell('failed', { id, error: String(err) })
  }
}).on('close', () => process.exit(0))

tell('ready', {
  versions: Object.assign({ node: process.versions.node }, ...['peer-exchange', '@roamhq/wrtc']
    .map((name) => ({ [name]: require(name + '/package.json').version })))
})
