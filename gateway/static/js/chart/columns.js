// What each pixel column of a chart shows: means of the seconds it spans, mains also from its lowest to its highest.

export const GAP = 1
export const HELD = 2
export const WARMUP = 4
export const UNSPLIT = 8
export const UNKNOWN = 16 // not loaded yet
export const ESTIMATED = 32
export const NOTHING = 64 // before the first reading there is

const SHORT_S = 3 // a shorter silence is drawn over

// Columns from `from_s` to `to_s`, at most `most` and a little beyond either end; `names` from the bottom of the stack
// to its top, other comes last. Steps are whole seconds and stand still while the window moves: nothing flickers.
export function readColumns(store, names, from_s, to_s, most) {
  const step_s = Math.max(1, Math.ceil((to_s - from_s) / Math.max(most, 1)))
  const first = Math.floor(from_s / step_s) - 1
  const length = Math.ceil(to_s / step_s) + 1 - first
  const layers = [...names.map((name) => store.power.get(name)), store.other]
  const found = {
    step_s, length, names: [...names, 'other'],
    at_s: new Float64Array(length), mean: new Float32Array(length).fill(NaN), low: new Float32Array(length), high: new Float32Array(length),
    tops: layers.map(() => new Float32Array(length)), split: new Uint8Array(length), state: new Uint8Array(length),
    bandLow: new Float32Array(length).fill(NaN), bandHigh: new Float32Array(length), most_w: 0, least_w: 0,
  }
  const { count } = store
  for (let c = 0; c < length; c++) {
    const start_s = (first + c) * step_s
    found.at_s[c] = start_s + (step_s - 1) / 2
    const [i, j] = store.indices(start_s, start_s + step_s)
    const readings = count.mains.sum(i, j)
    found.state[c] = stateOf(store, i, j, readings, start_s, step_s, to_s)
    if (readings) readMains(store, found, c, i, j, readings)
    const splits = count.split.sum(i, j)
    if (splits) {
      found.split[c] = 1
      let top = 0
      for (let l = 0; l < layers.length; l++) found.tops[l][c] = top += Math.max(0, layers[l].sum(i, j) / splits)
      found.most_w = Math.max(found.most_w, top)
    }
    const bands = store.band?.count.sum(i, j)
    if (bands) {
      found.bandLow[c] = store.band.low.sum(i, j) / bands
      found.bandHigh[c] = store.band.high.sum(i, j) / bands
      found.most_w = Math.max(found.most_w, found.bandHigh[c])
    }
  }
  return found
}

function readMains(store, found, c, i, j, readings) {
  found.mean[c] = store.mains.sum(i, j) / readings
  let low = Infinity
  let high = -Infinity
  for (let k = i; k < j; k++) {
    const watt = store.mains_w[k]
    if (watt < low) low = watt
    if (watt > high) high = watt
  }
  found.low[c] = low
  found.high[c] = high
  found.most_w = Math.max(found.most_w, high)
  found.least_w = Math.min(found.least_w, low)
}

function stateOf(store, i, j, readings, start_s, step_s, to_s) {
  const { count } = store
  if (store.since_s == null || start_s + step_s <= store.since_s) return UNKNOWN
  if (start_s > to_s) return 0
  if (start_s + step_s <= store.first_s) return NOTHING
  if (start_s > store.newest_s) return to_s - store.newest_s > SHORT_S ? GAP : 0
  let state = 0
  const silent_s = j - Math.max(i, Math.max(store.since_s, store.first_s) - store.base_s) - readings
  if (silent_s > SHORT_S || (silent_s > 0 && isLong(store, i, j))) state |= GAP
  if (count.held.sum(i, j)) state |= HELD
  if (count.estimated.sum(i, j)) state |= ESTIMATED
  if (count.warmup.sum(i, j)) state |= WARMUP
  if (readings && store.split_s != null && readings - count.split.sum(i, j) > SHORT_S) state |= UNSPLIT
  return state
}

// Whether a silence that lies in or reaches into these few seconds lasts for longer than it takes to draw it over.
function isLong(store, i, j) {
  for (let k = Math.max(0, i - SHORT_S); k < j && k + SHORT_S < store.end; k++) {
    if (store.count.mains.sum(k, k + SHORT_S + 1) === 0) return true
  }
  return false
}

// Whether this column interrupts lines and areas.
export const breaks = (columns, c) => Number.isNaN(columns.mean[c]) && (columns.state[c] & (GAP | UNKNOWN | NOTHING)) !== 0
