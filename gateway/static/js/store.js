// A day as the page knows it, second by second. Powers are kept as running sums, so that the mean of any stretch
// is one subtraction: that is what lets a chart of 86,400 seconds follow a finger.

export const DAY_S = 86400
const ROOM_S = DAY_S + 3600 // an hour passes before anything has to move
const HELD = 1
const ESTIMATED = 8

// until[i] is the sum of everything before index i.
class Running {
  constructor(Kind) {
    this.until = new Kind(ROOM_S + 1)
  }

  sum(i, j) {
    return this.until[j] - this.until[i]
  }

  // Sets one index; `end` is how many are there so far.
  put(i, value, end) {
    const { until } = this
    if (i >= end) {
      until.fill(until[end], end + 1, i + 1)
      until[i + 1] = until[i] + value
      return
    }
    const more = value - (until[i + 1] - until[i])
    if (more) for (let k = i + 1; k <= end; k++) until[k] += more
  }

  // Sets all from `i` on to `values`; those after them stay what they are.
  block(i, values, end) {
    const { until } = this
    const after = i + values.length
    if (after > end) until.fill(until[end], end + 1, after + 1)
    const before = until[after]
    for (let k = 0; k < values.length; k++) until[i + k + 1] = until[i + k] + values[k]
    const more = until[after] - before
    if (more) for (let k = after + 1; k <= end; k++) until[k] += more
  }

  shift(by) {
    this.until.copyWithin(0, by)
  }
}

export class Store {
  constructor() {
    this.appliances = [] // names, in the order shown
    this.base_s = null // the second of index 0
    this.end = 0 // indices known so far
    this.since_s = null // from here on everything stored was loaded
    this.first_s = null // the first second with a reading among them
    this.newest_s = null
    this.split_s = null // the newest second that has its predictions
    this.mains_w = new Float32Array(ROOM_S).fill(NaN)
    this.mains = new Running(Float64Array)
    this.other = new Running(Float64Array)
    this.power = new Map() // appliance -> Running
    const count = () => new Running(Uint32Array)
    this.count = { mains: count(), split: count(), held: count(), estimated: count(), warmup: count() }
    this.band = null // the interval of one appliance
    this.now = null // the newest event, whole
  }

  get newest_ms() {
    return this.newest_s == null ? null : this.newest_s * 1000
  }

  get split_ms() {
    return this.split_s == null ? null : this.split_s * 1000
  }

  // The answers of /analytics/readings and /analytics/predictions in the layout "columns", of everything from `from_s` on.
  fill(readings, predictions, from_s = (readings.at_ms[0] ?? NaN) / 1000) {
    if (Number.isNaN(from_s)) return
    this.know(Object.keys(predictions.appliances))
    const last_s = Math.max(readings.at_ms.at(-1) ?? 0, predictions.at_ms.at(-1) ?? 0) / 1000
    if (last_s) {
      this.place(last_s)
      const i = from_s - this.base_s
      const length = last_s + 1 - from_s
      if (i < 0) return
      const block = (running, at_ms, valueOf) => running.block(i, column(from_s, length, at_ms, valueOf), this.end)
      readings.at_ms.forEach((at, n) => { this.mains_w[at / 1000 - this.base_s] = readings.power_w[n] })
      block(this.mains, readings.at_ms, (n) => readings.power_w[n])
      block(this.count.mains, readings.at_ms, () => 1)
      block(this.count.held, readings.at_ms, (n) => (readings.flags[n] & HELD ? 1 : 0))
      block(this.count.estimated, readings.at_ms, (n) => (readings.flags[n] & ESTIMATED ? 1 : 0))
      block(this.other, predictions.at_ms, (n) => predictions.other_w[n])
      block(this.count.split, predictions.at_ms, () => 1)
      block(this.count.warmup, predictions.at_ms, (n) => (predictions.warmup?.[n] ? 1 : 0))
      for (const [name, running] of this.power) {
        const values = predictions.appliances[name]
        block(running, predictions.at_ms, (n) => values?.[n])
      }
      if (this.band) for (const one of this.band.all) one.block(i, new Float64Array(length), this.end)
      this.end = Math.max(this.end, last_s + 1 - this.base_s)
      if (readings.at_ms.length) this.first_s = Math.min(this.first_s ?? Infinity, readings.at_ms[0] / 1000)
      this.newest_s = Math.max(this.newest_s ?? 0, (readings.at_ms.at(-1) ?? 0) / 1000)
      if (predictions.at_ms.length) this.split_s = Math.max(this.split_s ?? 0, predictions.at_ms.at(-1) / 1000)
    }
    this.since_s = Math.min(this.since_s ?? from_s, from_s)
  }

  // One event of the stream.
  add(event) {
    this.know(Object.keys(event.appliances))
    const at_s = event.at_ms / 1000
    this.place(at_s)
    const i = at_s - this.base_s
    if (i < 0) return
    this.mains_w[i] = event.power_w
    this.mains.put(i, event.power_w, this.end)
    this.other.put(i, event.other_w ?? 0, this.end)
    for (const [name, running] of this.power) running.put(i, event.appliances[name]?.power_w ?? 0, this.end)
    this.count.mains.put(i, 1, this.end)
    this.count.split.put(i, 1, this.end)
    this.count.held.put(i, event.flags & HELD ? 1 : 0, this.end)
    this.count.estimated.put(i, 0, this.end)
    this.count.warmup.put(i, event.warmup ? 1 : 0, this.end)
    this.band?.add(i, event.appliances[this.band.name], this.end)
    this.end = Math.max(this.end, i + 1)
    this.since_s ??= at_s
    this.first_s ??= at_s
    this.newest_s = Math.max(this.newest_s ?? 0, at_s)
    this.split_s = Math.max(this.split_s ?? 0, at_s)
    this.now = event
  }

  // Begins to keep the interval of this appliance; null: of none.
  choose(name) {
    this.band = name == null ? null : new Band(name)
  }

  // The answer of /analytics/predictions for the chosen appliance, of everything from `from_s` on that was not known.
  fillBand(band, predictions, from_s) {
    if (this.band === band) band.fill(predictions, from_s, this.base_s, this.end) // else another was chosen meanwhile
  }

  // The indices of a stretch of seconds, as far as there are any.
  indices(from_s, to_s) {
    const within = (s) => Math.min(Math.max(Math.round(s) - this.base_s, 0), this.end)
    return [within(from_s), within(to_s)]
  }

  know(names) {
    for (const name of names) {
      if (this.power.has(name)) continue
      this.power.set(name, new Running(Float64Array))
      this.appliances.push(name)
    }
  }

  // Makes room for a second.
  place(at_s) {
    this.base_s ??= at_s - DAY_S
    const over = at_s - this.base_s + 1 - ROOM_S
    if (over <= 0) return
    const by = Math.min(Math.max(over, 3600), ROOM_S)
    const kept = Math.max(0, this.end - by)
    for (const running of [this.mains, this.other, ...this.power.values(), ...Object.values(this.count), ...this.band?.all ?? []]) {
      running.shift(Math.min(by, this.end))
    }
    this.mains_w.copyWithin(0, by)
    this.mains_w.fill(NaN, kept)
    this.base_s += by
    this.end = kept
    this.since_s = Math.max(this.since_s, this.base_s)
    if (this.band?.since_s != null) this.band.since_s = Math.max(this.band.since_s, this.base_s)
  }
}

// Low and high of one appliance.
class Band {
  constructor(name) {
    Object.assign(this, { name, since_s: null, low: new Running(Float64Array), high: new Running(Float64Array), count: new Running(Uint32Array) })
    this.all = [this.low, this.high, this.count]
  }

  add(i, cell, end) {
    this.low.put(i, cell?.low_w ?? 0, end)
    this.high.put(i, cell?.high_w ?? 0, end)
    this.count.put(i, cell ? 1 : 0, end)
  }

  fill(predictions, from_s, base_s, end) {
    this.since_s = Math.min(this.since_s ?? from_s, from_s)
    const { at_ms } = predictions
    if (!at_ms.length || from_s < base_s) return
    const length = Math.min(at_ms.at(-1) / 1000 + 1 - from_s, end - (from_s - base_s)) // what came since came by the stream
    const low = predictions.low_w[this.name] ?? []
    const high = predictions.high_w[this.name] ?? []
    const put = (running, valueOf) => running.block(from_s - base_s, column(from_s, length, at_ms, valueOf), end)
    put(this.low, (n) => low[n])
    put(this.high, (n) => high[n])
    put(this.count, (n) => (low[n] == null ? 0 : 1))
  }
}

// Values at their seconds, nothing between.
function column(from_s, length, at_ms, valueOf) {
  const values = new Float64Array(length)
  for (let n = 0; n < at_ms.length; n++) {
    const k = at_ms[n] / 1000 - from_s
    if (k >= 0 && k < length) values[k] = valueOf(n) ?? 0
  }
  return values
}
