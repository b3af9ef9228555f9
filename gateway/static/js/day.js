// Loads what lies before the last hour, newest first and as far back as is looked at.

const PIECE_S = 10800 // as much of 1 s as one answer of predictions holds
const HOUR_S = 3600
const WAIT_MS = 15000 // after a refusal

export class Day {
  // `get`: asks the gateway; `onLoaded`: something came.
  constructor(live, get, signal, onLoaded) {
    Object.assign(this, { live, get, signal, onLoaded, from_s: Infinity, busy: false })
  }

  // What is shown begins at `from_s`: sees to it that this is there at last.
  async need(from_s) {
    this.from_s = from_s
    if (this.busy) return
    this.busy = true
    try {
      while (!this.signal.aborted && await this.step()) this.onLoaded()
    } finally {
      this.busy = false
    }
  }

  // Loads one piece; false where nothing is missing.
  async step() {
    const { store, building } = this.live
    if (store.since_s == null) return false
    const from_s = Math.max(Math.floor(this.from_s), store.base_s)
    const { band } = store
    const query = { building_id: building, layout: 'columns' }
    const piece = (to_s) => ({ start: iso(Math.max(from_s, to_s - PIECE_S)), end: iso(to_s) })
    try {
      if (band && band.since_s == null) {
        const answer = await this.get('/analytics/predictions', { ...query, appliance_id: band.name, last: HOUR_S }).catch(noneFound)
        store.fillBand(band, answer, answer.at_ms.length ? Math.max(answer.at_ms[0] / 1000, store.base_s) : store.newest_s)
      } else if (store.since_s > from_s) {
        const span = piece(store.since_s)
        const both = ['readings', 'predictions'].map((kind) => this.get(`/analytics/${kind}`, { ...query, ...span }))
        store.fill(...await Promise.all(both), seconds(span.start))
      } else if (band && band.since_s > from_s) {
        const span = piece(band.since_s)
        store.fillBand(band, await this.get('/analytics/predictions', { ...query, ...span, appliance_id: band.name }).catch(noneFound), seconds(span.start))
      } else return false
    } catch (error) {
      if (error.status === 401 || error.status === 403 || this.signal.aborted) return false
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
    }
    return true
  }
}

// Nobody predicted that appliance at that time.
function noneFound(error) {
  if (error.status !== 404) throw error
  return { at_ms: [], low_w: {}, high_w: {} }
}

const iso = (at_s) => new Date(at_s * 1000).toISOString()
const seconds = (time) => Date.parse(time) / 1000
