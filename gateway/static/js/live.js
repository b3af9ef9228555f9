// One building as it is now: its last hour, each second as it comes, and how fresh that is. All views share one.

import { Feed, loadHour } from './feed.js'
import { Store } from './store.js'
import { Vitals } from './vitals.js'

const LOOK_AGAIN_MS = 3000
const RESUMED_MS = 3_500_000 // a stream that resumes brings as much; after a longer absence all is loaded anew

export class Live {
  // `onRefused`: the gateway no longer lets us in, or the connection is lost for longer.
  constructor(onRefused) {
    Object.assign(this, { onRefused, building: null, feed: null, loaded: false, listeners: new Set(), pending: false })
    this.store = new Store()
    this.vitals = new Vitals()
    setInterval(() => this.tell(), 1000) // ages grow by themselves
    document.addEventListener('visibilitychange', () => this.tell())
  }

  // Calls `listener` now, after each change (once a frame at most) and each second, until `signal` is aborted.
  watch(listener, signal) {
    this.listeners.add(listener)
    signal?.addEventListener('abort', () => this.listeners.delete(listener))
    if (!document.hidden) listener()
  }

  // Leaves the building followed so far, and follows this one; null follows none.
  async follow(building) {
    clearTimeout(this.again)
    this.feed?.close()
    this.feed = null
    this.building = building
    this.loaded = false
    const store = this.store = new Store()
    const vitals = this.vitals = new Vitals()
    if (building == null) return
    const mine = () => this.building === building && this.store === store
    let hour
    try {
      hour = await loadHour(building)
    } catch (error) {
      if (!mine()) return
      vitals.onFailure(error.status)
      this.tell()
      if (error.status === 401) this.onRefused()
      if (error.status === 403) return // the whole of it is not for this caller
      this.again = setTimeout(() => mine() && this.follow(building), LOOK_AGAIN_MS)
      return
    }
    if (!mine()) return // another was chosen meanwhile
    store.fill(...hour)
    this.loaded = true
    // the newest second again, for what the columns leave out: states, probabilities, intervals
    const resumeAfter = () => store.now?.at_ms ?? (store.split_ms == null ? null : store.split_ms - 1000)
    this.feed = new Feed(building, resumeAfter, {
      onSecond: (event) => { store.add(event); vitals.onSecond(event.at_ms); this.soon() },
      onStatus: (status) => {
        vitals.onStatus(status)
        if (store.newest_ms != null && status.newest_ms - store.newest_ms > RESUMED_MS) this.follow(building)
        else this.soon()
      },
      onConnection: (connected) => { vitals.onConnection(connected); this.soon() },
      onRefused: this.onRefused,
    })
    this.tell()
  }

  soon() { // many events may come at once after a pause: draw them together
    if (this.pending) return
    this.pending = true
    requestAnimationFrame(() => { this.pending = false; this.tell() })
  }

  tell() {
    if (document.hidden) return
    for (const listener of this.listeners) listener()
  }
}
