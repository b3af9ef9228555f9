// How the whole box is: /api/system, asked every ten seconds while someone looks. All views share one.

import { ask } from './feed.js'

const EVERY_MS = 10000
const SOON_MS = 700
const OLD_MS = 45000 // what was said longer ago is not known any more

export class Box {
  constructor(onRefused) {
    Object.assign(this, { onRefused, looking: null, listeners: new Set() })
    this.close()
    document.addEventListener('visibilitychange', () => this.due() && this.look())
    setInterval(() => this.due() && this.look(), 1000)
  }

  open() {
    this.opened = true
    if (this.due()) this.look()
  }

  close() {
    Object.assign(this, { opened: false, state: null, asked_ms: -Infinity, tried_ms: -Infinity })
  }

  // The newest answer; null where there is none of the last 45 s.
  get known() {
    return performance.now() - this.asked_ms < OLD_MS ? this.state : null
  }

  // Calls `listener` now and after each look, until `signal` is aborted.
  watch(listener, signal) {
    this.listeners.add(listener)
    signal?.addEventListener('abort', () => this.listeners.delete(listener))
    listener()
  }

  // Asks within a second.
  soon() {
    this.tried_ms = Math.min(this.tried_ms, performance.now() - EVERY_MS + SOON_MS)
  }

  due() {
    return this.opened && !document.hidden && !this.looking && performance.now() - this.tried_ms >= EVERY_MS
  }

  // Asks now; those who ask meanwhile share the answer.
  look() {
    this.looking ??= this.once().finally(() => { this.looking = null })
    return this.looking
  }

  async once() {
    this.tried_ms = performance.now()
    try {
      const state = await ask('/api/system')
      if (this.opened) Object.assign(this, { state, asked_ms: performance.now() })
    } catch (error) {
      if (error.status === 401) this.onRefused()
    }
    for (const listener of this.listeners) listener()
  }
}
