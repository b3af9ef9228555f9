// What is wrong, in plain words, and what to do about it: worked out from what the page knows, and from nothing else.

import { texts } from './strings/diagnosis.js'

const RANK = { bad: 0, warn: 1, info: 2 }
const SAFE = ['ingest', 'persist', 'gateway'] // the services of safe mode
const MISSING_S = 60
const SYNC_LATE_S = 600
const SPOOL_FULL = 0.8
const DISK_LOW = 2 // times the reserve

// All that is wrong, worst first, each { id, severity, text, todo }. `vitals` is live.vitals.state; `system` the answer of
// /api/system, null while nobody knows; `building` the one that is shown, null for none.
export function diagnoses({ vitals, system, building }) {
  const known = vitals.name === 'lost' ? null : system
  const found = [...ofLive(vitals, known, building), ...(known ? ofBox(known, building) : [])]
  const first = found.filter((one, i) => found.findIndex((other) => other.id === one.id) === i)
  return first.sort((a, b) => RANK[a.severity] - RANK[b.severity])
}

// What the banner says of them; null while there is nothing that anyone need know.
export const diagnosis = (state) => diagnoses(state).find((one) => one.severity !== 'info') ?? null

function one(id, severity, ...about) {
  const [text, todo] = texts[id](...about)
  return { id, severity, text, todo }
}

function ofLive({ name, age_s }, system, building) {
  if (name === 'lost') return [one('lost', 'bad')]
  if (name === 'redis') return [one('redis', 'bad')]
  if (name === 'partial') return [one('partial', 'warn')]
  if (name === 'stale') return [noSample(system, building, age_s)]
  if (name === 'waiting') return [noSample(system, building, null)].filter(({ id }) => id !== 'silent')
  if (name === 'unsplit') return [noSplit(system, age_s)]
  return []
}

const part = (system, name) => system?.services.find((service) => service.name === name)
const isDown = (system, name) => part(system, name)?.up === false

function noSample(system, building, age_s) {
  if (isDown(system, 'mosquitto')) return one('mosquitto', 'bad', age_s)
  if (isDown(system, 'ingest')) return one('ingest', 'bad', age_s)
  const meter = system?.buildings[building]?.meters.find((about) => about.why && !about.appliance)
  return meter ? one('meter', 'bad', meter, age_s) : one('silent', 'bad', age_s)
}

function noSplit(system, age_s) {
  if (system?.safe_mode) return one('safe', 'warn', system.safe_mode)
  if (isDown(system, 'infer')) return one('infer', 'bad', age_s)
  if (system && noModel(system)) return one('models', 'bad')
  return one('unsplit', 'bad', age_s)
}

const noModel = (system) => part(system, 'infer')?.up && !system.models.some((model) => model.state === 'ok')

function ofBox(system, building) {
  const { storage, sync, models } = system
  const found = []
  const say = (wrong, ...about) => { if (wrong) found.push(one(...about)) }
  say(system.safe_mode, 'safe', 'warn', system.safe_mode)
  say(isDown(system, 'redis'), 'redis', 'bad')
  say(isDown(system, 'mosquitto'), 'mosquitto', 'bad', null)
  say(isDown(system, 'influxdb'), 'influxdb', 'bad')
  for (const { name, kind, up } of system.services) {
    const meant = system.safe_mode && !SAFE.includes(name)
    say(kind === 'service' && up === false && !meant, name, ['ingest', 'infer', 'persist'].includes(name) ? 'bad' : 'warn', null)
  }
  say(storage.influx_stuck, 'stuck', 'bad')
  say(part(system, 'persist')?.said?.startsWith('SILENT LOSS'), 'loss', 'bad')
  const free = storage.disk_free_mb
  if (free != null && free < storage.reserve_mb) say(true, 'full', 'bad', free, storage.reserve_mb)
  else say(free != null && free < DISK_LOW * storage.reserve_mb, 'nearlyFull', 'warn', free, storage.reserve_mb)
  say(storage.why, 'noDisk', 'warn', storage.why)
  say(storage.spool_mb > SPOOL_FULL * storage.spool_max_mb, 'spool', 'bad', storage.spool_mb, storage.spool_max_mb)
  say(storage.rejected_batches, 'rejected', 'warn', storage.rejected_batches)
  say(noModel(system), 'models', 'bad')
  for (const model of models) say(model.state !== 'ok' && !noModel(system), 'model', 'warn', model)
  if (sync && !system.safe_mode) {
    say(sync.second_edge, 'rival', 'bad')
    say(!isDown(system, 'sync') && sync.lag_s > SYNC_LATE_S, 'late', 'warn', sync.lag_s)
  }
  say(isDown(system, 'snapshot') && !system.safe_mode, 'snapshot', 'warn', part(system, 'snapshot')?.why)
  const missing_s = system.buildings[building]?.missing_s
  say(missing_s > MISSING_S, 'missing', 'warn', missing_s, system.buildings[building]?.gaps.at(-1)?.reason)
  say(['failed', 'interrupted'].includes(system.backfill.state), 'backfill', 'warn', system.backfill.why)
  say(!system.clock_synchronised, 'clock', 'info')
  return found
}
