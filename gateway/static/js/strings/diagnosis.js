// What can be wrong, and what to do about it: each gives both.

import { duration } from '../strings.js'

const restart = (unit) => `On the box: sudo systemctl restart ${unit}. “nilm-edge doctor” there says more.`
const lasts = (s) => (s == null ? '' : ` for ${duration(s)}`)

export const texts = {
  lost: () => [
    'This page has lost its connection to nilm-edge. The numbers below stand still.',
    'It tries again by itself. If that lasts: is the box on, and in the network?',
  ],
  partial: () => ['Only single appliances of this home are granted to you.', 'They are under Appliances and History.'],
  redis: () => [
    'Redis, which keeps the last hour, does not answer. The numbers below stand still until it is back.',
    `The broker keeps what the meter sends meanwhile. ${restart('redis-server')}`,
  ],
  mosquitto: (s) => [
    `The MQTT broker does not answer, so that no reading arrives${lasts(s)}. ${s == null ? '' : 'The numbers below are the last known ones.'}`.trim(),
    restart('mosquitto'),
  ],
  ingest: (s) => [
    `nilm-ingest, which takes in the meter’s readings, does not run. ${s == null ? '' : `No sample${lasts(s)}: the numbers below are the last known ones.`}`.trim(),
    `The broker keeps the readings meanwhile. ${restart('nilm-ingest')}`,
  ],
  meter: (meter, s) => [
    `What the meter sends cannot be used${lasts(s)}: ${meter.why}. The numbers below are the last known ones.`,
    `“nilm-edge meters listen” shows what arrives on ${meter.topic}, and how it is read.`,
  ],
  silent: (s) => [
    `No sample${lasts(s)}. The numbers below are the last known ones.`,
    'Is the meter switched on, and in the network? Its own display or app says whether it reaches the broker.',
  ],
  infer: (s) => [
    `The meter reports, but nilm-infer, which splits it into appliances, does not run${lasts(s)}.`,
    `Nothing is lost: it makes up for what it missed. ${restart('nilm-infer')}`,
  ],
  unsplit: (s) => [
    `The meter reports, but${lasts(s)} nothing has split it into appliances.`,
    'nilm-infer runs and is behind, or its models are at fault: its log says which.',
  ],
  models: () => [
    'No model serves, so that nothing is split into appliances.',
    '“nilm-edge models verify” says what is wrong with each.',
  ],
  model: (model) => [
    `The model ${model.id} is off: ${model.reason ?? 'nobody knows why'}`.replace(/\.?$/, '.'),
    'Its appliances are counted among the rest until it is put right; “nilm-edge models verify” looks closer.',
  ],
  persist: () => [
    'nilm-persist, which stores what comes, does not run: seconds wait in Redis.',
    `Redis keeps them for about a day. ${restart('nilm-persist')}`,
  ],
  influxdb: () => [
    'InfluxDB does not answer: history is not shown, and new seconds wait in files.',
    `Nothing is lost meanwhile. ${restart('influxdb')}`,
  ],
  stuck: () => [
    'InfluxDB refuses every write, though there is room.',
    `It got stuck while its disk was full. ${restart('influxdb')}`,
  ],
  loss: () => [
    'InfluxDB confirms what it does not store. Everything is kept, and sent again.',
    'Look at its disk and its log.',
  ],
  full: (free, reserve) => [
    `The disk is full: ${free} MB are free, ${reserve} MB are kept in reserve. Nothing is stored until there is room.`,
    'Make room, or let nilm-edge keep less: [history] in the configuration. What comes meanwhile waits in memory and in files.',
  ],
  nearlyFull: (free, reserve) => [
    `The disk is nearly full: ${free} MB are free. Below ${reserve} MB nothing more is stored.`,
    'Make room, or let nilm-edge keep less: [history] in the configuration.',
  ],
  noDisk: (why) => [`The disk cannot be looked at: ${why}.`, 'Is it there, and does it belong to nilm-edge?'],
  spool: (used, most) => [
    `What waits for InfluxDB takes ${used} MB of ${most} MB. Beyond that the oldest goes.`,
    'Have InfluxDB store again, or raise spool_max_mb.',
  ],
  rejected: (n) => [
    `InfluxDB has refused ${n} ${n === 1 ? 'batch' : 'batches'} for good; they were set aside.`,
    'They lie in the folder rejected of the data folder, each with the reason in its first line. Once you have looked, move them away.',
  ],
  sync: () => ['nilm-sync does not run: nothing is forwarded to the central server.', `Nothing is lost. ${restart('nilm-sync')}`],
  announce: () => ['nilm-announce does not run: Home Assistant gets no values.', restart('nilm-announce')],
  rival: () => [
    'Another box writes as this building to the central server. Nothing is forwarded until one of them stops.',
    'Give one of the two another building name; “nilm-edge sync --help” says how to take over.',
  ],
  late: (s) => [
    `The central server lacks the newest ${duration(s)}.`,
    'Is the internet there, and the central server? Nothing is lost: it is made up for by itself.',
  ],
  snapshot: (why) => [
    `The hourly snapshot is late: ${why}.`,
    'Until it runs, InfluxDB deletes nothing and grows. On the box: “nilm-edge snapshot” says what stops it.',
  ],
  missing: (s, why) => [
    `${duration(s)} of the last hour are missing${why && why !== 'unknown' ? ` (${why})` : ''}.`,
    'System has all gaps, and what can be made up for.',
  ],
  backfill: (why) => [`The last backfill did not end well${why ? `: ${why}` : ''}.`, 'It is tried again by itself, or at once under System.'],
  safe: (why) => [
    `The box is in safe mode (${why}): samples are stored and shown, and nothing else is done.`,
    'To end it: sudo systemctl start nilm-edge.target.',
  ],
  clock: () => [
    'This machine’s clock is not kept by NTP.',
    'Times may be off by what the clock is. Without a network, a clock chip or a GPS keeps it.',
  ],
}
